"""What ``-f`` reads and what it leaves alone: whatever a repository or a stranger puts there."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from offline_kit import CLASS, GATEWAY, HEALTHY, ROUTE, diagnose, joined
from pointsman.cluster.errors import UserError
from pointsman.cluster.yaml_text import BrokenTextError, parse_text
from pointsman.tui.commands.manifests import read_bytes

USAGE, COULD_NOT_TELL = 2, 3


def refused(data: bytes) -> BrokenTextError:
    started = time.monotonic()
    with pytest.raises(BrokenTextError) as caught:
        parse_text(data, "x.yaml")
    assert time.monotonic() - started < 5
    assert str(caught.value).startswith("x.yaml")
    return caught.value


# -- texts


def test_every_document_has_its_line() -> None:
    parts = parse_text(f"# first\n\n{CLASS}---\n# a word\n{ROUTE}".encode(), "x")
    assert [part.line for part in parts] == [3, 9]
    assert [part.content["kind"] for part in parts] == ["GatewayClass", "HTTPRoute"]


def test_the_items_of_a_list_have_their_own_lines() -> None:
    items = [yaml.safe_load(one) for one in (CLASS, ROUTE)]
    document = {"apiVersion": "v1", "kind": "List", "items": items}
    for text in (json.dumps(document, indent=1), yaml.safe_dump(document, sort_keys=False)):
        parts = parse_text(text.encode(), "x")
        assert [part.content for part in parts] == items
        rows = text.splitlines()
        for part in parts:
            assert "{" in rows[part.line - 1] or rows[part.line - 1].startswith("- ")
        assert parts[1].line > parts[0].line > 1


def test_what_is_no_json_may_be_yaml_in_braces() -> None:
    assert parse_text(b"{kind: Gateway, apiVersion: v1}\n", "x")[0].content["kind"] == "Gateway"
    assert parse_text(b'{\t"kind":\t"Gateway"}', "x")[0].content == {"kind": "Gateway"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a: 2001-02-03", "2001-02-03"),
        ("a: 2001-99-99", "2001-99-99"),
        ("a: =", "="),
        ("a: !Ref x", "x"),
        ("a: !vault [1]", [1]),
        ("a: !!binary aGk=", "aGk="),
        ("a: !!python/object/apply:os.system [id]", ["id"]),
        ("a: 0x", "0x"),
        ("a: 010", 8),
        ("a: yes", True),
        ("a: ~", None),
        ("a: .inf", float("inf")),
        ("x: &x {b: 1, c: 2}\na: {<<: *x, c: 3}", {"b": 1, "c": 3}),
        ("x: &x {b: 1}\ny: &y {b: 2, d: 4}\na: {<<: [*x, *y]}", {"b": 1, "d": 4}),
        ("x: &x [1]\na: *x", [1]),
    ],
)
def test_values_are_plain_data_whatever_their_tag(text: str, wanted: object) -> None:
    assert parse_text(text.encode(), "x")[0].content["a"] == wanted


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=6), PLAIN, max_size=4))
def test_what_is_dumped_is_read_again(document: dict[str, Any]) -> None:
    document.pop("kind", None)
    for text in (json.dumps(document), yaml.safe_dump(document)):
        assert [part.content for part in parse_text(text.encode(), "x")] == [document]


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_read_or_refused_in_one_line(data: bytes) -> None:
    said = ""
    try:
        parse_text(data, "x")
    except BrokenTextError as error:
        said = str(error)
    assert said.isprintable()


def test_broken_yaml_says_where() -> None:
    error = refused(b"kind: Gateway\nmetadata: {name: [a\n")
    assert (error.line, error.column) == (3, 1)
    assert str(error).startswith("x.yaml:3:1: not YAML: ")


def test_what_stands_in_a_broken_file_is_not_quoted() -> None:
    error = refused(b"data: {token: hunter2hunter2\nnext: [\n")
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    "data", [b"kind: a\0b\n", b"\x7fELF\x02\x01\x01\0\0", bytes(range(256)), b"\xff\xfe\0", b"a: \xc3\x28"]
)
def test_binary_files_are_no_yaml(data: bytes) -> None:
    refused(data)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"{a: " * 100_000,
        b'{"a":' * 100_000,
        b"- " * 100_000 + b"x",
        b"? " * 100_000 + b"x",
        b"\n".join(b" " * depth + b"a:" for depth in range(2_000)),
        b"a: " + b"[{b: " * 200 + b"1",
    ],
    ids=["open", "closed", "maps", "json", "dashes", "questions", "indents", "mixed"],
)
def test_deep_nesting_ends_before_it_costs(data: bytes) -> None:
    # the C loader alone ends the whole process on some of these
    assert "nested more than 100 deep" in str(refused(data))


def test_a_usual_depth_is_no_trouble() -> None:
    nested: Any = "x"
    for _ in range(45):
        nested = {"a": [nested]}
    assert parse_text(yaml.safe_dump(nested, default_flow_style=True).encode(), "x")[0].content == nested
    flat = {"kind": "x", "many": [{"a": [1], "b": {"c": "d" * 200}} for _ in range(500)]}
    assert parse_text(yaml.safe_dump(flat, default_flow_style=True).encode(), "x")[0].content == flat


def test_a_billion_laughs_are_not_built() -> None:
    rows = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "aliases expand to more than can be read" in str(refused("\n".join(rows).encode()))
    merges = ["a0: &a0 {x: 1}"]
    merges += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 12)]
    assert "aliases expand" in str(refused("\n".join(merges).encode()))


def test_an_alias_inside_itself_is_refused() -> None:
    assert "stands inside what it names" in str(refused(b"a: &a [*a]"))
    assert "stands inside what it names" in str(refused(b"&a {b: {c: *a}}"))


def test_odd_keys_are_refused_or_kept() -> None:
    assert "a field's name is no text" in str(refused(b"{[a]: b}"))
    assert "no mapping" in str(refused(b"<<: [1]"))
    assert parse_text(b"2: a\ntrue: b\n", "x")[0].content == {2: "a", True: "b"}


# -- files


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_folder_is_read_with_all_below_it(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=CLASS, sub__b_yml=GATEWAY, sub__deep__c_json=json.dumps(yaml.safe_load(ROUTE)))
    write(tmp_path, README_md="# not this one", d_txt=ROUTE)
    told = diagnose("-f", tmp_path, "-o", "json").document()
    assert told["facts"]["files"] == [
        str(tmp_path / name) for name in ("a.yaml", "sub/b.yml", "sub/deep/c.json")
    ]
    assert (told["facts"]["gateways"], told["facts"]["routes"]) == (1, 1)


def test_standard_input_and_several_names(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=joined(CLASS, GATEWAY))
    told = diagnose("-f", tmp_path / "a.yaml", "-f", "-", "-o", "json", stdin=ROUTE.encode()).document()
    assert told["facts"]["files"] == [str(tmp_path / "a.yaml"), "-"]
    assert told["facts"]["routes"] == 1


def test_what_holds_no_object_is_counted_and_no_trouble(tmp_path: Path) -> None:
    write(
        tmp_path,
        Chart_yaml="name: store\nversion: 1.0.0\n",
        values_yaml="replicas: 3\n",
        _github__ci_yml="on: push\njobs: {a: {steps: [{run: make}]}}\n",
        empty_yaml="",
        comment_yaml="# nothing\n---\n---\n",
        list_yaml="- 1\n- 2\n",
        templates__gateway_yaml="{{- if .Values.gateway }}\nkind: Gateway\n{{- end }}\n",
        good_yaml=HEALTHY,
    )
    told = diagnose("-f", tmp_path, "-o", "json")
    facts = told.document()["facts"]
    assert told.code == 0
    assert facts["files"] == [str(tmp_path / "good.yaml")]
    assert len(facts["skipped"]["no_object"]) == 6
    assert len(facts["skipped"]["templates"]) == 1
    text = diagnose("-f", tmp_path).out
    assert "6 files without Kubernetes objects" in text
    assert "1 template not judged: render first (helm template)" in text


def test_a_kustomization_is_an_object_of_no_interest(tmp_path: Path) -> None:
    write(
        tmp_path,
        k_yaml="apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n",
    )
    told = diagnose("-f", tmp_path, "-o", "json")
    assert (told.code, told.document()["verdict"]) == (0, "SKIP")


def test_a_named_template_says_what_to_do(tmp_path: Path) -> None:
    write(tmp_path, t_yaml="kind: Gateway\nname: {{ .Values.name }}\n")
    told = diagnose("-f", tmp_path / "t.yaml")
    assert (told.code, told.out) == (USAGE, "")
    assert f"{tmp_path / 't.yaml'}:2:8: a field's name is no text; " in told.err
    assert "render it first (`helm template`)" in told.err


def test_the_first_broken_file_ends_it_unless_told_to_go_on(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=HEALTHY, b_yaml="kind: [\n", c_yaml="\0")
    told = diagnose("-f", tmp_path)
    assert (told.code, told.out) == (USAGE, "")
    assert told.err.startswith(f"pointsman: {tmp_path / 'b.yaml'}:2:1: not YAML: ")
    assert told.err.count("\n") == 1
    told = diagnose("-f", tmp_path, "--keep-going", "-o", "json")
    document = told.document()
    assert told.code == COULD_NOT_TELL
    broken = [one for one in document["findings"] if one["rule"] == "GW005"]
    assert [(one["verdict"], one["location"]) for one in broken] == [
        ("UNKNOWN", {"file": str(tmp_path / "b.yaml"), "line": 2}),
        ("UNKNOWN", {"file": str(tmp_path / "c.yaml"), "line": 1}),
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none.yaml", "none.yaml: No such file or directory; name a file, a folder or -"),
        ("empty", "no *.yaml, *.yml or *.json in this folder"),
        ("a\0b", "this is no file name"),
        ("\x1b[31m\x9bred\n", "No such file"),
    ],
)
def test_names_that_lead_nowhere(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    told = diagnose("-f", f"{tmp_path}/{name}")
    assert (told.code, told.out) == (USAGE, "")
    assert said in told.err
    assert told.err.count("\n") == 1
    assert told.err.rstrip("\n").isprintable()


def test_pipes_and_devices_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "nowhere.yaml").symlink_to(tmp_path / "none")
    write(tmp_path, good_yaml=HEALTHY)
    started = time.monotonic()
    assert diagnose("-f", tmp_path, "-o", "json").document()["facts"]["files"] == [
        str(tmp_path / "good.yaml")
    ]
    for name in ("pipe.yaml", "zero.yaml"):
        told = diagnose("-f", tmp_path / name)
        assert told.code == USAGE
        assert f"{tmp_path / name} is no regular file" in told.err
    assert time.monotonic() - started < 5


def test_the_shells_own_pipes_are_read() -> None:
    reader, writer = os.pipe()
    os.write(writer, HEALTHY.encode())
    os.close(writer)
    try:
        told = diagnose("-f", f"/dev/fd/{reader}", "-o", "json")
    finally:
        os.close(reader)
    assert (told.code, told.document()["facts"]["routes"]) == (0, 1)


def test_links_make_no_circles_and_nothing_is_read_twice(tmp_path: Path) -> None:
    write(tmp_path, real__a_yaml=HEALTHY)
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    (tmp_path / "a.yaml").symlink_to(tmp_path / "real" / "a.yaml")
    document = diagnose("-f", tmp_path, "-f", tmp_path / "real", "-o", "json").document()
    assert document["facts"]["files"] == [str(tmp_path / "a.yaml")]
    assert not [one for one in document["findings"] if one["rule"] == "GW008"]


def test_a_file_beyond_every_measure_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pointsman.tui.commands.manifests._LARGEST", 1 << 20)
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as stream:
        stream.truncate(1 << 30)
    with pytest.raises(UserError, match="is larger than 1 MB; split it"):
        read_bytes(str(huge))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=HEALTHY, sub__b_yaml=ROUTE)
    (tmp_path / "sub").chmod(0)
    try:
        told = diagnose("-f", tmp_path)
    finally:
        (tmp_path / "sub").chmod(0o700)
    assert (told.code, f"{tmp_path / 'sub'} cannot be read: Permission denied" in told.err) == (USAGE, True)
