"""``pointsman diagnose``: what it says of files, in each form, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from corpus_truth import CORPUS, cases, needs_corpus
from hypothesis import given
from hypothesis import strategies as st
from offline_kit import CLASS, GATEWAY, HEALTHY, ROUTE, SERVICE, SLICE, diagnose, joined
from pointsman.cluster.documents import Place
from pointsman.cluster.refs import ObjectRef
from pointsman.probes.catalogue import RULES
from pointsman.probes.located import Located
from pointsman.probes.output import encode
from pointsman.probes.output_junit import junit
from pointsman.probes.output_sarif import sarif
from pointsman.probes.verdict import Verdict, finding

OK, FAIL, USAGE, COULD_NOT_TELL = 0, 1, 2, 3
LOST = ROUTE.replace("name: main", "name: lost").replace("metadata: {name: store", "metadata: {name: lonely")
MUTE = GATEWAY + 'status: {conditions: [{type: Accepted, status: "Unknown", reason: Odd, message: ""}]}\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository's folder as the working directory: a healthy file, a bad one, a strange one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(HEALTHY)
    (tmp_path / "bad file.yaml").write_text(joined(CLASS, GATEWAY, LOST))
    (tmp_path / "values.yaml").write_text("a: 1\n")
    return tmp_path


# -- verdicts and how it ends


@pytest.mark.parametrize(
    ("text", "options", "verdict", "code"),
    [
        (HEALTHY, (), "PASS", OK),
        ("a: 1\n", (), "SKIP", OK),
        (joined(CLASS, GATEWAY, LOST), (), "FAIL", FAIL),
        (joined(CLASS, MUTE, ROUTE, SERVICE, SLICE), (), "UNKNOWN", COULD_NOT_TELL),
        (joined(CLASS, MUTE, ROUTE, SERVICE, SLICE), ("--fail-on", "unknown"), "UNKNOWN", FAIL),
        (joined(HEALTHY, SERVICE), (), "WARN", OK),
        (joined(HEALTHY, SERVICE), ("--fail-on", "unknown"), "WARN", OK),
        (joined(HEALTHY, SERVICE), ("--fail-on", "warn"), "WARN", FAIL),
        ("kind: [\n", ("--keep-going",), "UNKNOWN", COULD_NOT_TELL),
    ],
)
def test_verdict_and_exit_code(
    tmp_path: Path, text: str, options: tuple[str, ...], verdict: str, code: int
) -> None:
    (tmp_path / "x.yaml").write_text(text)
    told = diagnose("-f", tmp_path / "x.yaml", "-o", "json", *options)
    document = told.document()
    assert (document["verdict"], told.code, told.err) == (verdict, code, "")
    assert diagnose("-f", tmp_path / "x.yaml", *options).code == code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing option '-f'"),
        (("-f", ".", "--each", "--against-file", "."), "--each and --against exclude each other"),
        (("-f", ".", "--against", "x", "--against-file", "."), "exclude each other"),
        (("-f", ".", "-n", "a", "-n", "b"), "takes one -n"),
        (("-f", ".", "--against-file", ".", "-o", "sarif"), "use -o json"),
        (("-f", ".", "--fail-on", "pass"), "Invalid value"),
    ],
)
def test_wrong_usage_is_one_line(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    told = diagnose(*arguments)
    assert (told.code, told.out, told.err.count("\n")) == (USAGE, "", 1)
    assert said in told.err


def test_an_object_that_stands_twice_is_told(folder: Path) -> None:
    again = joined(SERVICE, CLASS)
    document = diagnose("-f", "good.yaml", "-f", "-", "-o", "json", stdin=again.encode()).document()
    twice = {one["subject"]["kind"]: one for one in document["findings"] if one["rule"] == "GW008"}
    assert set(twice) == {"Service", "GatewayClass"}
    assert twice["Service"]["location"] == {"file": "-", "line": 1}
    assert twice["Service"]["summary"].startswith("-:1 replaces good.yaml:")


def test_a_namespace_for_documents_that_name_none(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(joined(CLASS, GATEWAY.replace(", namespace: infra", ""), ROUTE))
    lost = diagnose("-f", tmp_path, "-o", "json").document()
    assert "GW107" in {one["rule"] for one in lost["findings"]}
    found = diagnose("-f", tmp_path, "-n", "infra", "-o", "json").document()
    assert "GW107" not in {one["rule"] for one in found["findings"]}


# -- places


def test_findings_say_where_their_object_stands(folder: Path) -> None:
    document = diagnose("-f", ".", "-o", "json").document()
    (lost,) = (one for one in document["findings"] if one["rule"] == "GW107")
    rows = (folder / "bad file.yaml").read_text().splitlines()
    assert lost["location"]["file"] == "./bad file.yaml"
    assert rows[lost["location"]["line"] - 1 :][1:3] == LOST.splitlines()[1:3]
    text = diagnose("-f", ".").out
    assert f"at     ./bad file.yaml:{lost['location']['line']}\n" in text


# -- each


def test_each_file_is_a_world_of_its_own(folder: Path) -> None:
    (folder / "broken.yaml").write_text("a: [\n")
    told = diagnose("-f", ".", "--each", "-o", "json")
    lines = {line["file"]: line for line in told.lines()}
    assert {file: line["verdict"] for file, line in lines.items()} == {
        "./bad file.yaml": "FAIL",
        "./broken.yaml": "UNKNOWN",
        "./good.yaml": "PASS",
        "./values.yaml": "SKIP",
    }
    assert told.code == FAIL
    assert [one["rule"] for one in lines["./broken.yaml"]["findings"]] == ["GW005"]
    assert "object-twice" not in told.out
    rows = diagnose("-f", ".", "--each").out.splitlines()
    assert [row.split()[0] for row in rows] == ["FAIL", "UNKNOWN", "PASS", "SKIP"]
    assert diagnose("-f", "good.yaml", "-f", "broken.yaml", "--each").code == COULD_NOT_TELL


@needs_corpus
def test_the_whole_corpus_is_quick_and_every_file_is_told() -> None:
    files = cases()
    folders = [
        argument for name in ("istio", "cilium", "envoy-gateway") for argument in ("-f", CORPUS / name)
    ]
    started = time.process_time()
    told = diagnose(*folders, "--each", "-o", "json")
    took = time.process_time() - started
    lines = told.lines()
    assert len(files) > 400
    assert {line["file"] for line in lines} == set(map(str, files))
    assert {line["verdict"] for line in lines} <= {"PASS", "WARN", "FAIL", "UNKNOWN"}
    # 2.5 s where this was written
    assert took < 20, took


# -- SARIF


def sarif_of(*arguments: str) -> dict[str, Any]:
    told = diagnose(*arguments, "-o", "sarif")
    assert told.out.isascii() or told.out.replace("\n", "").isprintable()
    document = json.loads(told.out)
    check_sarif(document)
    return dict(document)


def check_sarif(document: dict[str, Any]) -> None:
    """What SARIF 2.1.0 demands of the parts that are used (sections 3.13 to 3.28, 3.49)."""
    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [one["id"] for one in rules] == list(RULES)
    for one in rules:
        assert one["shortDescription"]["text"]
        assert one["help"]["text"]
        assert one.get("helpUri", "https://").startswith("https://")
    for result in run["results"]:
        assert result["level"] in ("none", "note", "warning", "error")
        # section 3.27.10: a level other than none says that something failed
        assert result.get("kind", "fail") == "fail" or result["level"] == "none"
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        for location in result["locations"]:
            assert location["logicalLocations"][0]["fullyQualifiedName"]
            physical = location.get("physicalLocation")
            assert physical is None or physical["region"]["startLine"] >= 1
            assert physical is None or " " not in physical["artifactLocation"]["uri"]
    prints = [result["partialFingerprints"]["pointsman/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)


def test_sarif_points_at_the_line(folder: Path) -> None:
    results = sarif_of("-f", ".")["runs"][0]["results"]
    (lost,) = (one for one in results if one["ruleId"] == "GW107")
    assert lost["level"] == "error"
    physical = lost["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == "bad%20file.yaml"
    assert (folder / "bad file.yaml").read_text().splitlines()[
        physical["region"]["startLine"]
    ] == "kind: HTTPRoute"


def test_fingerprints_outlive_moved_lines_and_new_words(folder: Path) -> None:
    def prints() -> list[str]:
        results = sarif_of("-f", "bad file.yaml")["runs"][0]["results"]
        return [one["partialFingerprints"]["pointsman/v1"] for one in results]

    before = prints()
    text = (folder / "bad file.yaml").read_text()
    (folder / "bad file.yaml").write_text("# a word\n\n" + text.replace("name: lost", "name: vanished"))
    assert prints() == before
    (folder / "bad file.yaml").write_text(text.replace("name: lonely", "name: other"))
    assert prints() != before


# -- JUnit


def junit_of(*arguments: str) -> ElementTree.Element:
    told = diagnose(*arguments, "-o", "junit")
    root = ElementTree.fromstring(told.out)
    check_junit(root)
    return root


def check_junit(root: ElementTree.Element) -> None:
    assert root.tag == "testsuites"
    for element in (root, *root.findall("testsuite")):
        cases_here = element.findall(".//testcase")
        assert int(element.attrib["tests"]) == len(cases_here)
        for kind, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            if element is root and kind == "skipped":
                # the schema has no such attribute there
                assert attribute not in element.attrib
                continue
            assert int(element.attrib[attribute]) == len(element.findall(f".//{kind}"))


def test_junit_has_a_suite_a_file(folder: Path) -> None:
    (folder / "broken.yaml").write_text("a: [\n")
    root = junit_of("-f", ".", "--each")
    suites = {suite.attrib["name"]: suite for suite in root.findall("testsuite")}
    assert set(suites) == {"./bad file.yaml", "./broken.yaml", "./good.yaml", "./values.yaml"}
    assert suites["./bad file.yaml"].find(".//failure") is not None
    assert suites["./broken.yaml"].find(".//error") is not None
    assert suites["./good.yaml"].attrib["failures"] == "0"
    assert suites["./values.yaml"].find(".//skipped") is not None
    together = junit_of("-f", ".", "--keep-going")
    assert {suite.attrib["name"] for suite in together.findall("testsuite")} == set(suites) - {
        "./values.yaml"
    }


def test_junit_fails_from_where_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(joined(HEALTHY, SERVICE))
    assert junit_of("-f", str(tmp_path)).attrib["failures"] == "0"
    assert junit_of("-f", str(tmp_path), "--fail-on", "warn").attrib["failures"] == "1"


# -- any text at all

TEXTS = st.text(max_size=30)
SUBJECTS = st.builds(ObjectRef, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)
FINDINGS = st.builds(
    finding,
    st.sampled_from(sorted(RULES)),
    st.sampled_from(Verdict),
    SUBJECTS,
    st.text(min_size=1, max_size=30),
    why=TEXTS,
    mend=TEXTS,
    evidence=st.lists(TEXTS, max_size=2),
    reproduce=TEXTS,
)


@given(st.lists(FINDINGS, max_size=4), TEXTS, st.booleans(), st.booleans())
def test_any_findings_make_valid_files(found: list[Any], file: str, placed: bool, single: bool) -> None:
    places = {one.subject.whole: Place(file, 7) for one in found} if placed else {}
    report = Located(tuple(found), places, file if single else "", objects=1)
    printed = encode(sarif([report], "1.0"))
    check_sarif(json.loads(printed))
    assert printed.replace("\n", "").isprintable()
    text = junit([report], {Verdict.FAIL}.__contains__, 0.5)
    check_junit(ElementTree.fromstring(text))
    assert text.replace("\n", "").isprintable()


def test_a_message_holds_no_link() -> None:
    evil = finding("GW101", Verdict.FAIL, ObjectRef("HTTPRoute", "n", "r"), "[click](http://evil.test)")
    result = sarif([Located((evil,))], "1")["runs"][0]["results"][0]
    assert "](" not in result["message"]["text"]


def test_no_client_of_a_cluster_is_loaded_for_files(folder: Path) -> None:
    code = (
        "import sys\n"
        "from pointsman.tui.cli import main\n"
        "sys.argv = ['pointsman', 'diagnose', '-f', 'good.yaml', '-o', sys.argv[1]]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    for form in ("text", "json", "sarif", "junit"):
        done = subprocess.run([sys.executable, "-c", code, form], capture_output=True, text=True, timeout=60)
        loaded = {name.partition(".")[0] for name in done.stderr.split()}
        assert not loaded & {"kubernetes", "httpx", "textual", "dns", "OpenSSL", "aiohttp", "cryptography"}
        assert "yaml" in loaded
