"""Prometheus text: what the format says, what OpenMetrics adds, and what hostile input must not do."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.probes.watching.traffic.text import (
    MOST_SAMPLES,
    Exposition,
    parse,
    parse_stub_status,
)


def one(line: str) -> tuple[str, dict[str, str], float]:
    found = parse(line.encode())
    assert found.bad_lines == 0, line
    (sample,) = found.samples
    return sample.name, sample.labels, sample.value


def test_the_lines_of_the_format() -> None:
    assert one("up 1") == ("up", {}, 1.0)
    assert one('http_requests_total{method="post",code="200"} 1027 1395066363000') == (
        "http_requests_total",
        {"method": "post", "code": "200"},
        1027.0,
    )
    assert one('a{b="c",} 2.5e3') == ("a", {"b": "c"}, 2500.0)
    assert one("a{} 3") == ("a", {}, 3.0)
    assert one('  a { b = "c" , d = "e" }  4  ') == ("a", {"b": "c", "d": "e"}, 4.0)
    assert one(r'a{path="C:\\DIR\\FILE.TXT",error="Cannot find:\n\"it\""} 1')[1] == {
        "path": "C:\\DIR\\FILE.TXT",
        "error": 'Cannot find:\n"it"',
    }
    assert one(r'a{b="\q"} 1')[1] == {"b": r"\q"}
    assert one("a +Inf")[2] == math.inf
    assert one("a -Inf")[2] == -math.inf
    assert math.isnan(one("a NaN")[2])


def test_what_openmetrics_adds() -> None:
    text = (
        b"# TYPE foo counter\n# UNIT foo seconds\n"
        b'foo_total{a="b"} 17.0 1520879607.789 # {trace_id="KOO5S4vxi0o # {"} 0.67\n'
        b"foo_created 1.0\n# EOF\n"
    )
    found = parse(text, ["foo_total"])
    assert [(one.name, one.labels, one.value) for one in found.samples] == [("foo_total", {"a": "b"}, 17.0)]
    assert found.declared == {"foo"}
    assert found.bad_lines == 0


@pytest.mark.parametrize(
    "line",
    [
        'a{b="c} 1',
        "a",
        "a{} x",
        "a 1 2 3",
        "a 1_0",
        "a 0x10",
        'a{b="c",b="d"} 1',
        'a{b="c" d="e"} 1',
        'a{b="c"',
        'a{b="\\',
        "a{b=c} 1",
        "a {" * 2000,
        'a{b="' + "x" * 20_000 + '"} 1',
    ],
)
def test_a_bad_line_is_counted_and_spoils_nothing(line: str) -> None:
    found = parse(f"good 1\n{line}\ngood 2\n".encode(), ["a", "good"])
    assert found.bad_lines == 1
    assert [one.value for one in found.samples] == [1.0, 2.0]


def test_what_nobody_asked_for_is_passed_over() -> None:
    body = b"other{broken 1\nwanted 1\nnginx_ingress_controller_success 4\n# TYPE wanted counter\n"
    found = parse(body, ["wanted"], markers=("nginx_ingress_controller_",))
    assert [one.name for one in found.samples] == ["wanted"]
    assert found.present == {"nginx_ingress_controller_"}
    assert found.declared == {"wanted"}
    assert found.bad_lines == 0


def test_too_many_samples_are_cut_and_said() -> None:
    found = parse(b"a 1\n" * (MOST_SAMPLES + 1))
    assert found.cut
    assert len(found.samples) == MOST_SAMPLES


_label = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
_series = st.tuples(
    st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", fullmatch=True),
    st.dictionaries(_label, st.text(st.characters(blacklist_categories=["Cs"]), max_size=12), max_size=4),
    st.floats(allow_nan=False),
)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


@given(st.lists(_series, max_size=8))
@settings(max_examples=60, deadline=None)
def test_what_is_written_by_the_format_is_read_back(series: list[tuple[str, dict[str, str], float]]) -> None:
    lines = []
    for name, labels, value in series:
        inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{inner}}} {value!r}" if inner else f"{name} {value!r}")
    found = parse("\n".join(lines).encode())
    assert [(one.name, one.labels, one.value) for one in found.samples] == series


@given(
    st.one_of(
        st.binary(max_size=400),
        st.text(st.sampled_from('ab{}=",\\# \n1.eE+-NaNInf\t\r\x00é'), max_size=200).map(str.encode),
    )
)
@settings(max_examples=300, deadline=None)
def test_nothing_makes_it_raise(body: bytes) -> None:
    for names in (None, ["a", "ab"]):
        assert isinstance(parse(body, names, ("a",)), Exposition)
    assert isinstance(parse_stub_status(body), Exposition)


def test_hostile_length_costs_no_more_than_its_length() -> None:
    began = time.process_time()
    parse(b'a{b="' + b'\\"' * 500_000, ["a"])
    parse(b"a{" + b'b="c",' * 100_000, ["a"])
    parse(b" " * 3_000_000, ["a"])
    parse(b"#" * 3_000_000, ["a"])
    assert time.process_time() - began < 2


def test_stub_status() -> None:
    page = (
        b"Active connections: 291 \nserver accepts handled requests\n 16630948 16630948 31070465 \n"
        b"Reading: 6 Writing: 179 Waiting: 106 \n"
    )
    (sample,) = parse_stub_status(page).samples
    assert sample.value == 31070465
    assert parse_stub_status(b"<html>404</html>").samples == ()
