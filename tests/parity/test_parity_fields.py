"""An answer as named values: what changes by itself is left out, and what opens doors is hidden."""

from __future__ import annotations

from pointsman.probes.wire.http.facts import HttpFacts, HttpRequest, HttpTimings
from pointsman.probes.wire.parity.facts import Seen
from pointsman.probes.wire.parity.fields import cookie_of, location, seen
from pointsman.probes.wire.parity.question import Question, Side

URL = "https://shop.test/a"
QUESTION = Question(URL)


def http(status: int = 200, *headers: tuple[str, str], body: str = "", **options: object) -> Seen:
    request = HttpRequest(URL, "192.0.2.1")
    facts = HttpFacts(
        request,
        status,
        headers,
        body_sample=body,
        body_bytes=len(body),
        body_sha256=body,
        timings_ms=HttpTimings(1.0, 2.0, 5.0, 6.0),
        **options,  # type: ignore[arg-type]
    )
    return seen(facts, QUESTION)


def test_what_changes_by_itself_is_left_out() -> None:
    once = http(
        200, ("date", "Sat, 28 Nov 2026 12:00:00 GMT"), ("expires", "Sat, 28 Nov 2026 13:00:00 GMT"),
        ("server", "nginx"), ("x-request-id", "1"), ("age", "5"),
        ("x-cache", "HIT"), ("vary", "Origin, Accept"),
        ("content-security-policy", "script-src 'nonce-abc'"), ("etag", 'W/"x"'),
        ("set-cookie", "a=(hidden); Path=/; Expires=Sat, 28 Nov 2026 12:00:00 GMT; Secure"),
        ("www-authenticate", 'Digest realm="r", nonce="1"'),
    )  # fmt: skip
    again = http(
        200, ("date", "Sat, 28 Nov 2026 12:00:09 GMT"), ("expires", "Sat, 28 Nov 2026 13:00:09 GMT"),
        ("server", "envoy"), ("x-request-id", "2"), ("vary", "accept,origin"),
        ("content-security-policy", "script-src 'nonce-xyz'"), ("etag", '"x"'),
        ("set-cookie", "a=(hidden); secure; expires=Sun, 29 Nov 2026 12:00:00 GMT; path=/"),
        ("www-authenticate", 'Digest realm="r", nonce="2"'),
    )  # fmt: skip
    assert once.fields == again.fields
    assert once.first_byte_ms == 3.0


def test_json_is_compared_as_data_and_secrets_are_hidden() -> None:
    kind = ("content-type", "application/json")
    one = http(200, kind, body='{"b": [1, 2], "a": {"token": "s3cret", "n": 1}}')
    two = http(200, kind, body='{"a": {"n": 1, "token": "s3cret"}, "b": [1, 2]}')
    assert one.fields == two.fields
    assert one.fields["body shape"] == "JSON {a: {n: number, token: text}, b: [number]}"
    assert one.fields["body .a.n"] == "1"
    assert "s3cret" not in str(one.fields)
    assert http(200, ("x-api-key", "s3cret")).fields["header x-api-key"].startswith("(hidden")
    deep = http(200, kind, body="[" * 2000)
    assert deep.fields["body shape"].startswith("text")
    rotating = (http(200, body=f"<p>{n} {'abcdef0123456789' * 2}{n}</p>") for n in (1, 23))
    assert len({one.fields["body shape"] for one in rotating}) == 1


def test_locations_and_cookies() -> None:
    assert location("/b?x=1", QUESTION) == ("https://shop.test/b", "x=1")
    assert location("https://SHOP.test:443/b", QUESTION)[0] == "https://shop.test/b"
    assert location("https://shop.test:8443/b", QUESTION)[0] == "https://shop.test:8443/b"
    assert location("//o.test", QUESTION)[0] == "https://o.test/"
    assert "s3cret" not in location("/b?token=s3cret", QUESTION)[1]
    assert cookie_of("sid=(hidden); Path=/A; HttpOnly; SameSite=Lax") == (
        "sid",
        "httponly; path=/A; samesite=lax",
    )


def test_streams_and_refused_handshakes_are_told_coarsely() -> None:
    request = HttpRequest(URL, "192.0.2.1")
    stream = Question(URL, variant="event stream")

    def first(total_ms: float, size: int = 3) -> str:
        times = HttpTimings(1.0, None, 5.0, total_ms)
        return seen(HttpFacts(request, 200, body_bytes=size, timings_ms=times), stream).fields["first event"]

    assert [first(300), first(700), first(4000), first(90_000), first(9, 0)] == [
        *("within 1 s", "within 1 s", "within 5 s", "later", "none")
    ]
    nameless = Question(URL, sni="")
    kinds = {seen(HttpFacts(request, error=kind), nameless).fields["status"] for kind in ("tls", "reset")}
    assert kinds == {"no connection"}
    # an answer that broke off promises nothing
    assert seen(HttpFacts(request, 200, error="timeout"), QUESTION).fields == {"status": "timeout"}


def test_a_side_is_called_by_the_port_that_was_given() -> None:
    assert Side("old", "192.0.2.1", 8443).endpoint == "192.0.2.1:8443"
    assert Side("old", "192.0.2.1", None, 8080).endpoint == "192.0.2.1:8080"
    # each URL has its own then: 443 would be a guess
    assert Side("old", "192.0.2.1").endpoint == "192.0.2.1"
    assert Side("old", "2001:db8::1").endpoint == "[2001:db8::1]"
