"""Bodies, causes and commands: what is said of an answer, and how to see the same with curl."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from http_kit import HOST, told
from pointsman.probes.wire.http.commands import reproduce
from pointsman.probes.wire.http.events import reproduce_events
from pointsman.probes.wire.http.facts import HttpExpectation, HttpFacts, HttpRequest, filler
from pointsman.probes.wire.http.grpc import reproduce_health
from pointsman.probes.wire.http.judge import judge
from pointsman.probes.wire.http.websocket import reproduce_websocket
from pointsman.probes.wire.http.words import safe_reproduce

ASKED = HttpRequest(f"https://{HOST}:8443/a", "192.0.2.1", ca_file="/tmp/my roots.pem")
JSON = '{"status": "ok", "parts": [{"a/b": 1}], "yes": true, "one": 1}'


def page(body: str, **more: object) -> HttpFacts:
    size = len(body.encode())
    return HttpFacts(ASKED, 200, body_bytes=size, body_sample=body, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pattern", "body", "verdict"),
    [
        (r"v\d+\.\d+", "hello\nthis is v1.22, built today", "PASS"),
        ("<title>.*Shop", "<html>\n<title>The Shop</title>", "PASS"),
        ("^built", "not\nbuilt", "PASS"),
        ("gone", "here", "FAIL"),
        ("(x+)+y", "x" * 4000, "UNKNOWN"),
        ("x.*y.*z.*w", "x" * 4000, "UNKNOWN"),
        ("a", "", "FAIL"),
    ],
)
def test_bodies_match_by_lines_and_never_hang(pattern: str, body: str, verdict: str) -> None:
    found = judge(page(body), HttpExpectation(body_patterns=(pattern,)))
    assert [str(one.verdict) for one in found] == [verdict]


@pytest.mark.parametrize(
    ("pointer", "wanted", "verdict"),
    [
        ("/status", '"ok"', "PASS"),
        ("/status", '"no"', "FAIL"),
        ("/parts/0/a~1b", "1", "PASS"),
        ("/parts/1", "1", "FAIL"),
        ("/parts/x", "1", "FAIL"),
        ("/yes", "1", "FAIL"),
        ("/one", "1", "PASS"),
        ("/one", "true", "FAIL"),
        ("", JSON, "PASS"),
    ],
)
def test_json_is_compared_at_its_place(pointer: str, wanted: str, verdict: str) -> None:
    found = judge(page(JSON), HttpExpectation(body_json=((pointer, wanted),)))
    assert [str(one.verdict) for one in found] == [verdict]


def test_what_was_not_kept_is_unknown() -> None:
    part = replace(page("x" * 100), body_bytes=5000)
    for expected in (
        HttpExpectation(body_contains=("y",)),
        HttpExpectation(body_patterns=("y",)),
        HttpExpectation(body_json=(("/a", "1"),)),
    ):
        assert told(judge(part, expected)) == [("body-unexpected", "UNKNOWN")]
    assert told(judge(page("not json"), HttpExpectation(body_json=(("/a", "1"),)))) == [
        ("body-unexpected", "FAIL")
    ]
    deep = page("[" * 4000)
    assert told(judge(deep, HttpExpectation(body_json=(("/a", "1"),)))) == [("body-unexpected", "FAIL")]


@pytest.mark.parametrize(
    ("status", "words"),
    [(413, "larger"), (421, "different listeners"), (502, "backend"), (503, "no backend"), (431, "headers")],
)
def test_statuses_come_with_their_cause(status: int, words: str) -> None:
    (only,) = judge(HttpFacts(ASKED, status))
    assert words in only.summary


BASE = ["curl", "-sS", "-i"]


@pytest.mark.parametrize(
    ("change", "expected", "missing"),
    [
        ({}, ["--http1.1", "--cacert"], ["-L"]),
        ({"protocol": "http/1.0"}, ["--http1.0"], []),
        ({"protocol": "h2"}, ["--http2"], []),
        ({"protocol": "h2", "url": f"http://{HOST}/"}, ["--http2-prior-knowledge"], ["--http2"]),
        ({"protocol": "auto", "url": f"http://{HOST}/"}, ["--http1.1"], ["--http2"]),
        ({"method": "HEAD"}, ["--head"], ["-X"]),
        ({"method": "OPTIONS"}, ["-X", "OPTIONS"], []),
        ({"follow": 3}, ["-L", "--max-redirs", "3"], []),
        ({"url": f"https://{HOST}/../b"}, ["--path-as-is"], []),
        ({"send_host": "x.test."}, ["Host: x.test."], []),
        ({"send_target": "*"}, ["--request-target", "*"], []),
        ({"sni": "other.test"}, [f"Host: {HOST}:8443", "https://other.test:8443/a"], []),
        ({"url": "https://192.0.2.9/"}, ["--connect-to", "::192.0.2.1:443"], ["--resolve"]),
        ({"url": "https://192.0.2.1/"}, [], ["--connect-to", "--resolve"]),
        ({"address": "2001:db8::1"}, [f"{HOST}:8443:[2001:db8::1]"], []),
        ({"resolve": (("o.test", 443, "192.0.2.2"),)}, ["o.test:443:192.0.2.2"], []),
    ],
)
def test_the_curl_command_of_each_request(
    change: dict[str, object], expected: list[str], missing: list[str]
) -> None:
    words = shlex.split(reproduce(replace(ASKED, **change)))  # type: ignore[arg-type]
    assert words[:3] == BASE
    for word in expected:
        assert word in words
    for word in missing:
        assert word not in words


def test_bodies_in_commands_are_filler_or_a_file() -> None:
    import hashlib

    asked = replace(ASKED, method="POST", unsafe=True)
    zeros = filler(5000)
    sent = HttpFacts(asked, 200, sent_bytes=5000, sent_sha256=hashlib.sha256(zeros).hexdigest())
    assert safe_reproduce(sent).startswith("head -c 5000 /dev/zero | tr '\\0' 0 | curl ")
    other = replace(sent, sent_sha256=hashlib.sha256(b"secret").hexdigest())
    assert "--data-binary @BODY" in safe_reproduce(other)


def test_a_shell_takes_the_commands_of_all_kinds_literally() -> None:
    asked = replace(
        ASKED,
        url=f"https://{HOST}:8443/x'; rm -rf /?q=$(id)`id`",
        headers=(("Cookie", "a=s3cret"), ("X-A", "it's $HOME"), ('X-Token"$(id)', "s3cret")),
    )
    for command in (
        reproduce(asked),
        reproduce_health(asked, "a'; id"),
        reproduce_websocket(asked),
        reproduce_events(asked),
    ):
        assert "s3cret" not in command
        words = shlex.split(command)
        assert "X-A: it's $HOME" in words
        assert any(word.startswith("https://") for word in words)
        assert '"Cookie: $COOKIE"' in command
        assert '\\"\\$(id)' in command


def test_the_grpc_command_carries_the_message() -> None:
    import base64

    command = reproduce_health(replace(ASKED, url="http://a.test/"), "shop.Cart")
    assert "--http2-prior-knowledge" in command
    data = command.split()[1]
    assert base64.b64decode(data) == b"\x00\x00\x00\x00\x0b\x0a\x09shop.Cart"
    assert command.endswith("http://a.test/grpc.health.v1.Health/Check")
