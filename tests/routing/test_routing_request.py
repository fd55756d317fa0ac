"""Reading a request: what is written is what is meant, and what cannot be meant is said so in one line."""

from __future__ import annotations

import pytest
from hostile_worlds import is_clean
from hypothesis import given
from hypothesis import strategies as st
from pointsman.cluster.errors import UserError
from pointsman.cluster.routing.trace import parse_line, parse_request


def test_all_parts_are_read() -> None:
    request = parse_line(
        "get 'https://Shop.Example.:8443/a/b?x=1&y=&x=2' -H 'X-A: one' -H 'x-a: two' -H'c:d'"
    )
    assert (request.method, request.scheme, request.host, request.port) == (
        "GET",
        "https",
        "shop.example",
        8443,
    )
    assert (request.path, request.raw_query) == ("/a/b", "x=1&y=&x=2")
    assert request.query == (("x", "1"), ("y", ""), ("x", "2"))
    assert (request.parameter("x"), request.parameter("none")) == ("1", None)
    assert (request.header("X-a"), request.header("C"), request.header("host")) == (
        "one, two",
        "d",
        "shop.example",
    )


@pytest.mark.parametrize(
    ("line", "port", "path"),
    [("http://a", 80, "/"), ("https://a?x=1", 443, "/"), ("POST http://a:81/x", 81, "/x")],
)
def test_what_is_left_out_has_its_usual_value(line: str, port: int, path: str) -> None:
    request = parse_line(line)
    assert (request.port, request.path) == (port, path)
    assert request.method == ("POST" if line.startswith("POST") else "GET")


def test_the_host_header_is_not_the_name_of_the_handshake() -> None:
    request = parse_request("GET", "https://a.example/", ["Host: B.example:443"])
    assert (request.host, request.sni) == ("b.example", "a.example")
    assert parse_line("https://192.0.2.1/").sni == ""
    assert parse_line("https://[2001:db8::1]/").host == "2001:db8::1"
    assert parse_line("https://münchen.example/").host == "xn--mnchen-3ya.example"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "0 words"),
        ("GET a b", "3 words"),
        ("GET shop.example/x", "no scheme"),
        ("GET ftp://a/", "scheme 'ftp'"),
        ("GET http:///x", "names no host"),
        ("GET http://a:0/", "port 0"),
        ("GET http://a:99999/", "cannot be read"),
        ("GET http://a:x/", "cannot be read"),
        ("GET http://[::1/", "cannot be read"),
        ("GET http://u:p@a/", "user or password"),
        ("GET http://a/#x", "fragment"),
        ("GET 'http://a/ x'", "' '"),
        ("GET 'http://a/\x1b[31m'", "'\\x1b'"),
        ("GET http://a/ä", "not ASCII"),
        ("GET http://a_-.b..c/", "no host name"),
        ("G@T http://a/", "no HTTP method"),
        ("GET http://a/ -H", "-H has no value"),
        ("GET http://a/ -H x", "name: value"),
        ("GET http://a/ -H 'a b: x'", "name: value"),
        ("GET http://a/ -H 'a: \x07'", "control character"),
        ("GET http://a/ -H 'host: a' -H 'HOST: b'", "two Host headers"),
        ("GET http://a/ -H 'host: a:b'", "no proper port"),
        ("GET http://a/ --data x", "unknown option --data"),
        ("GET 'http://a/", "open quote"),
        ("http://a/" + "x" * 9000, "longer than 8192"),
    ],
)
def test_what_is_wrong_is_said(line: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_line(line)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert caught.value.mend


@given(st.text(max_size=80))
def test_no_text_is_worse_than_a_user_error(text: str) -> None:
    said = ""
    try:
        parse_line(text)
    except UserError as error:
        said = str(error)
    assert is_clean(said)


_WORD = st.text("abcdefgh0123", min_size=1, max_size=6)


@given(
    st.sampled_from(["GET", "POST", "OPTIONS"]),
    st.sampled_from(["http", "https"]),
    st.lists(_WORD, min_size=1, max_size=3),
    st.integers(1, 65535),
    st.lists(_WORD, max_size=3),
    st.lists(st.tuples(_WORD, st.text("abc :;'\"$ \\", max_size=8)), max_size=3),
)
def test_a_request_written_down_is_the_same_request(
    method: str, scheme: str, labels: list[str], port: int, path: list[str], headers: list[tuple[str, str]]
) -> None:
    url = f"{scheme}://{'.'.join(labels)}:{port}/{'/'.join(path)}"
    request = parse_request(method, url, [f"{name}: {value}" for name, value in headers])
    assert parse_line(request.line) == request
