"""Whatever a stranger writes into a cluster or a file: no command, screen line or error lets it act."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile_worlds import (
    EVERYTHING,
    MEGABYTE,
    SURROGATES,
    documents_of,
    hostile_text,
    hostile_words,
    is_clean,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from offline_kit import OUTPUT, Told, diagnose, tell
from pointsman.cluster.errors import UserError
from pointsman.cluster.store import read_documents
from pointsman.cluster.text import clean
from pointsman.probes.catalogue import RULES
from pointsman.probes.output import document, encode
from pointsman.probes.state.diagnose import diagnose as judge
from pointsman.probes.state.overview import overview
from pointsman.probes.state.reading import file_finding, unreached_finding
from pointsman.probes.verdict import Finding
from pointsman.tui.commands.status import _json, _section
from pointsman.tui.commands.triage import Triage
from pointsman.tui.lines import Line, plain
from pointsman.tui.telling.findings import class_lines, finding_lines, gateway_lines, route_lines

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
# the only options that a reproducing command of a state finding has
OPTIONS = re.compile(
    r"-n|-A|-o|--raw|--dry-run=client|--api-group=gateway\.networking\.k8s\.io|--(context|filename)=.*",
    re.DOTALL,
)


def printable(told: Told) -> None:
    """Both outputs: lines of text that a terminal prints as they are."""
    for text in (told.out, told.err):
        dirty = [row[:200] for row in text.split("\n") if not is_clean(row, longest=200_000)]
        assert not dirty, dirty
    assert "Traceback" not in told.err


def runnable(findings: Iterable[Finding]) -> None:
    """Each reproducing command is one line of a shell, and its options are ours."""
    for finding in findings:
        assert is_clean(finding.reproduce), finding
        words = shlex.split(finding.reproduce)
        assert not words or words[0] == "kubectl", finding
        strange = [word for word in words if word.startswith("-") and not OPTIONS.fullmatch(word)]
        assert not strange, finding


# -- what is said of a cluster


def texts_of(finding: Finding) -> Iterator[str]:
    yield from (finding.summary, finding.why, finding.mend, str(finding.subject), *finding.evidence)


def screen_lines(world: list[dict[str, Any]], width: int) -> Iterator[Line]:
    """What the screens and the text outputs draw of a world."""
    snapshot = read_documents(world)
    findings = judge(snapshot)
    rows = overview(snapshot, findings)
    for finding in findings:
        yield from finding_lines(finding, width, with_subject=True)
    for route in rows.routes:
        yield from route_lines(route, findings[:3], 3, width)
    for gateway in rows.gateways:
        yield from gateway_lines(gateway, findings[:3], 3, width)
    for one in rows.classes:
        yield from class_lines(one, findings[:3], width)
    yield from _section(Triage("c", findings, snapshot, rows), width)


@settings(max_examples=20, deadline=None, suppress_health_check=SLOW)
@given(hostile_words(), st.sampled_from([60, 100, 200]))
def test_every_line_of_every_screen_only_prints(words: list[str], width: int) -> None:
    for row in screen_lines(documents_of(words), width):
        assert is_clean(plain(row)), plain(row)[:200]


@settings(max_examples=20, deadline=None, suppress_health_check=SLOW)
@given(hostile_words())
def test_findings_only_print_and_their_commands_are_ours(words: list[str]) -> None:
    findings = judge(read_documents(documents_of(words)))
    assert findings
    for finding in findings:
        for text in texts_of(finding):
            assert is_clean(text), (finding.rule, text[:200])
    runnable(findings)


@settings(max_examples=8, deadline=None, suppress_health_check=SLOW)
@given(hostile_words())
def test_json_of_a_cluster_is_plain_text(words: list[str]) -> None:
    snapshot = read_documents(documents_of(words))
    findings = judge(snapshot)
    printed = _json([Triage("c", findings, snapshot, overview(snapshot, findings))], findings[0].verdict, 1.0)
    assert printed.replace("\n", "").isprintable()
    OUTPUT.validate(json.loads(printed))


@given(hostile_text(), hostile_text(), hostile_text())
def test_findings_about_contexts_and_files(name: str, what: str, mend: str) -> None:
    findings = [unreached_finding(name, what, mend), file_finding(clean(name, 4096), what, mend)]
    runnable(findings)
    for finding in findings:
        assert all(is_clean(text) for text in texts_of(finding))
        assert all(is_clean(plain(row)) for row in finding_lines(finding, 100, with_subject=True))
    encode(document("status", "UNKNOWN", findings, {}, 0))


def test_a_command_names_what_it_is_about_whatever_the_name() -> None:
    """The name stands inside an option's word, so that neither a dash nor a space makes it another one."""
    for name in ("-o", "--all", "a b", "$(id)", "'", ";id"):
        assert f"--context={name}" in shlex.split(unreached_finding(name, "x").reproduce)
        assert f"--filename={name}" in shlex.split(file_finding(name, "x").reproduce)


def test_the_hostile_names_are_really_there() -> None:
    """The worlds would prove nothing if their words came nowhere."""
    said = " ".join(text for one in judge(read_documents(documents_of(EVERYTHING))) for text in texts_of(one))
    assert "·[2J" in said
    assert "[bold red]" in said
    assert "$(id)" in said
    objects = read_documents(documents_of(["plain"]))
    for part in ("classes", "gateways", "listener_sets", "routes", "grants", "policies", "ingresses", "crds"):
        assert getattr(objects, part), part


# -- what is said of files


FORMS = ("text", "json", "sarif", "junit")


def as_file(folder: Path, world: list[dict[str, Any]]) -> Path:
    file = folder / "world.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": world}))
    return file


@settings(max_examples=8, deadline=None, suppress_health_check=[*SLOW, HealthCheck.function_scoped_fixture])
@given(hostile_words(surrogates=False), st.booleans())
def test_diagnose_in_every_form(tmp_path: Path, words: list[str], each: bool) -> None:
    file = as_file(tmp_path, documents_of(words))
    for form in FORMS:
        told = diagnose("-f", file, "-o", form, *(["--each"] if each else []))
        assert told.code in (0, 1, 3)
        printable(told)
        if form == "junit":
            ElementTree.fromstring(told.out)
        elif form == "sarif":
            json.loads(told.out)
        elif form == "json":
            OUTPUT.validate(json.loads(told.out))


def test_a_change_of_a_hostile_world(tmp_path: Path) -> None:
    words = [word for word in EVERYTHING if word not in SURROGATES]
    (tmp_path / "old").mkdir()
    as_file(tmp_path / "old", documents_of(words))
    new = as_file(tmp_path, documents_of(words[::-1]))
    for form in ("text", "json"):
        told = diagnose("-f", new, "--against-file", tmp_path / "old", "-o", form)
        assert told.code in (0, 1, 3)
        printable(told)


@pytest.mark.parametrize("text", [*EVERYTHING, b"\xff\xfe\x9b31m".decode("latin-1")])
def test_file_names_and_what_stands_in_broken_files(tmp_path: Path, text: str) -> None:
    name = (
        text.replace("/", "_")
        .replace("\0", "")[:40]
        .encode("utf-8", "surrogatepass")
        .decode("utf-8", "surrogateescape")
    )
    broken = tmp_path / f"{name}.yaml"
    broken.write_bytes(f"a: [{text}\n: *{text} !{text}\n".encode("utf-8", "surrogatepass"))
    for form in FORMS:
        printable(diagnose("-f", tmp_path, "-o", form, "--keep-going"))
        printable(diagnose("-f", tmp_path, "-o", form, "--each"))
    printable(diagnose("-f", broken))


# -- what is said of what was typed


ERRORS = (
    ("diagnose", "-f", "{}"),
    ("diagnose", "-f", ".", "--against-file", "{}"),
    ("diagnose", "-f", ".", "-o", "{}"),
    ("diagnose", "-f", ".", "--fail-on", "{}"),
    ("status", "--kubeconfig", "{}"),
    ("status", "--context", "{}"),
    ("status", "--context", "{}", "--context", "b"),
    ("status", "{}"),
    ("status", "--timeout", "{}"),
    ("explain", "{}"),
    ("check", "{}"),
    ("journal", "{}"),
    ("resume", "{}"),
    ("demo", "--scenario", "{}"),
    ("demo", "--load", "{}"),
    ("--plan", "{}", "status"),
    ("{}",),
    ("--{}",),
    ("status", "--{}"),
)


@pytest.mark.parametrize("command", ERRORS, ids=" ".join)
def test_errors_quote_what_was_typed_as_text(tmp_path: Path, command: tuple[str, ...]) -> None:
    kubeconfig = tmp_path / ".kube" / "config"
    kubeconfig.parent.mkdir()
    kubeconfig.write_text("contexts: []\n")
    (tmp_path / "a.yaml").write_text("a: 1\n")
    for text in EVERYTHING:
        # what no encoding has comes as Python reads it from a shell, which cannot hand over a NUL
        typed = os.fsdecode(text.encode("utf-8", "surrogatepass").replace(b"\0", b""))
        words = [word.format(typed) for word in command]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            told = tell(*words)
        printable(told)
        assert told.err.count("\n") <= 1, told.err


@given(hostile_text(), hostile_text())
def test_an_error_for_people_is_one_printable_line(what: str, mend: str) -> None:
    """Whoever raises it: what the program prints of it is safe."""
    with pytest.MonkeyPatch.context() as patch:

        def fail(*arguments: object, **options: object) -> None:
            raise UserError(what, mend)

        patch.setattr("pointsman.tui.cli.cli.main", fail)
        told = tell("status")
    printable(told)
    assert (told.code, told.err.count("\n")) == (2, 1)


# -- what a megabyte costs


def test_a_megabyte_is_cut_before_anything_is_done_with_it() -> None:
    started = time.process_time()
    for _ in range(200):
        clean(MEGABYTE)
        clean("\x1b" * 1_000_000)
    assert time.process_time() - started < 1.0


def test_megabytes_everywhere_cost_next_to_nothing() -> None:
    """Every field of every object a megabyte long, plain or of nothing but escapes."""
    for word in (MEGABYTE, "\x1b[" * 500_000, "\u202e" * 1_000_000, "a " * 500_000, "'" * 1_000_000):
        world = documents_of([word])
        started = time.process_time()
        rows = list(screen_lines(world, 100))
        assert time.process_time() - started < 5.0, word[:2]
        assert all(is_clean(plain(row)) for row in rows)


def test_no_rule_says_anything_that_acts() -> None:
    for entry in RULES.values():
        assert all(is_clean(text) for text in (entry.title, entry.why, entry.mend, entry.source))
