"""``pointsman probe http`` as a person types it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result
from http_kit import HOST, certified, serving
from pointsman.cluster.errors import UserError
from pointsman.tui.cli import cli

ROOT = Path(__file__).resolve().parents[2]
HEADS: list[bytes] = []


async def pages(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    HEADS.append(head)
    path = head.split()[1]
    status, extra, body = "200 OK", "", '{"status": "ok"}'
    if path == b"/old":
        status, extra = "308 X", f"Location: https://{HOST}/old\r\n"
    elif path == b"/admin":
        status = "401 X"
    elif path == b"/gone":
        status = "404 X"
    elif path == b"/hop":
        status, extra = "302 X", "Location: /end\r\n"
    writer.write(f"HTTP/1.1 {status}\r\nX-Side: new\r\n{extra}Content-Length: {len(body)}\r\n\r\n".encode())
    writer.write(body.encode() if not head.startswith(b"HEAD") else b"")


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """A plain and a TLS port of the same pages, served by another thread."""
    ready, stop = threading.Event(), asyncio.Event()
    found: list[int] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        async with serving(pages) as plain, serving(pages, certified().server("http/1.1")) as secure:
            found.extend((plain, secure))
            loops.append(asyncio.get_running_loop())
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0], found[1]
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(10)


def probe(*words: str) -> Result:
    return CliRunner().invoke(cli, ["probe", "http", *words], catch_exceptions=False, standalone_mode=False)


def asked(ports: tuple[int, int], path: str, *words: str, secure: bool = True) -> tuple[int, str]:
    port = ports[1] if secure else ports[0]
    url = f"{'https' if secure else 'http'}://{HOST}:{port}{path}"
    roots = ("--cacert", str(certified().roots)) if secure else ()
    result = probe(url, "--resolve", f"{HOST}:{port}:127.0.0.1", *roots, *words)
    return int(result.return_value if result.return_value is not None else result.exit_code), result.output


@pytest.mark.parametrize(
    ("path", "words", "code", "shown"),
    [
        ("/", (), 0, "HTTP001"),
        ("/gone", (), 1, "HTTP013"),
        ("/gone", ("--expect", "404,500-503"), 0, "HTTP001"),
        ("/admin", ("--protected",), 0, "401"),
        ("/", ("--protected",), 1, "HTTP030"),
        ("/", ("--body", "ok", "--body-regex", "st[a-z]+", "--body-json", '/status="ok"'), 0, "HTTP001"),
        ("/", ("--body", "nowhere"), 1, "HTTP021"),
        ("/", ("--body-json", '/status="bad"'), 1, 'it is "ok"'),
        ("/", ("--expect-header", "x-side: new", "--no-header", "server"), 0, "HTTP001"),
        ("/", ("--expect-header", "X-Side: old"), 1, "HTTP020"),
        ("/", ("--no-header", "X-Side"), 1, "HTTP020"),
        ("/hop", ("--follow", "2"), 0, "after 1 redirect"),
        ("/hop", ("--location", "/end"), 0, "HTTP001"),
        ("/hop", ("--location", "/other"), 1, "HTTP027"),
        ("/", ("-X", "HEAD", "--http1.0"), 0, "--http1.0"),
        ("/", ("--http2",), 1, "HTTP019"),
        ("/", ("--websocket",), 1, "HTTP071"),
        ("/", ("--events",), 1, "HTTP082"),
        ("/", ("--grpc",), 1, "HTTP019"),
    ],
)
def test_a_url_is_asked_and_judged(
    ports: tuple[int, int], path: str, words: tuple[str, ...], code: int, shown: str
) -> None:
    exit_code, output = asked(ports, path, *words)
    assert exit_code == code, output
    assert shown in output


def test_plain_http_must_redirect_unless_it_is_meant(ports: tuple[int, int]) -> None:
    assert asked(ports, "/old", secure=False)[0] == 0
    code, output = asked(ports, "/", secure=False)
    assert (code, "HTTP028" in output) == (1, True)
    assert asked(ports, "/", "--plain", secure=False)[0] == 0
    assert asked(ports, "/", "--expect", "200", secure=False)[0] == 0


def test_the_document_and_many_urls(ports: tuple[int, int]) -> None:
    base = f"https://{HOST}:{ports[1]}"
    urls = [f"{base}/{number}" for number in range(30)]
    words = ("--address", "127.0.0.1", "--cacert", str(certified().roots))
    result = probe(*urls, f"{base}/gone", *words, "-o", "json")
    document = json.loads(result.stdout)
    jsonschema.validate(document, json.loads((ROOT / "docs" / "output.schema.json").read_text()))
    assert (document["command"], document["verdict"]) == ("probe http", "FAIL")
    assert len(document["findings"]) == len(document["facts"]["requests"]) == 31
    first = document["facts"]["requests"][0]
    assert (first["kind"], first["answer"]["status"]) == ("http", 200)
    assert first["answer"]["tls_version"] == "TLSv1.3"
    text = probe(*urls, f"{base}/gone", *words).output
    assert "31 requests   30 PASS, 1 FAIL" in text
    assert text.count("HTTP013") == 1


def test_secrets_are_not_printed(ports: tuple[int, int]) -> None:
    for output in ("text", "json"):
        words = ("-H", "Authorization: Bearer s3cret", "-H", "X-Token: s3cret", "-o", output)
        code, text = asked(ports, "/gone", *words)
        assert code == 1
        assert "s3cret" not in text
    assert b"Authorization: Bearer s3cret" in HEADS[-1]


PLAN = """
apiVersion: pointsman/v1
kind: CutoverPlan
name: shop
hosts: [app.shop.test]
gateway: shop/edge
old: {{address: 127.0.0.2}}
new: {{address: 127.0.0.1}}
port: {port}
paths:
  - /
  - {{path: /gone, statuses: [404]}}
tls: {{ca_file: {roots}}}
dns: {{provider: show, zone: shop.test, authoritative: ["127.0.0.1:53"], low_ttl: 60}}
"""


def test_a_plan_is_asked_at_its_new_side(ports: tuple[int, int], tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN.format(port=ports[1], roots=certified().roots))
    result = probe("--plan", str(plan))
    assert result.return_value == 0, result.output
    assert "2 requests   2 PASS" in result.output
    with pytest.raises(UserError, match="exclude"):
        probe("https://a.test/", "--plan", str(plan))


def test_a_name_that_does_not_resolve_is_unknown() -> None:
    result = probe("https://nosuch.invalid/")
    assert result.return_value == 3
    assert "DNS gives no address" in result.output


def test_an_unreachable_address_among_others_does_not_stop_them(ports: tuple[int, int]) -> None:
    port = ports[1]
    result = probe(
        f"https://{HOST}:{port}/",
        *("--resolve", f"{HOST}:{port}:127.0.0.1,127.0.0.9"),
        *("--cacert", str(certified().roots), "--timeout", "1"),
    )
    assert result.return_value == 1
    assert "1 PASS, 1 FAIL" in result.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "nothing to ask"),
        (("shop.test",), "expected https://"),
        (("https://u:p4ss@a.test/",), "user name"),
        (("https://a.test:99999/",), "no URL"),
        (("https://a.test/ x",), "blank"),
        (("https://a.test/", "--resolve", "a.test:443"), "HOST:PORT:ADDR"),
        (("https://a.test/", "--resolve", "a.test:443:b.test"), "no IP address"),
        (("https://a.test/", "--resolve", "a.test:0:192.0.2.1"), "HOST:PORT:ADDR"),
        (("https://a.test/", "--address", "a.test"), "no IP address"),
        (("https://a.test/", "--address", "192.0.2.1:443"), "the port is the URL's"),
        (("https://a.test/", "-X", "POST"), "may change something"),
        (("https://a.test/", "-X", "A B", "--unsafe"), "no method"),
        (("https://a.test/", "-H", "s3cret value"), "NAME: VALUE"),
        (("https://a.test/", "--expect", "200-100"), "--expect"),
        (("https://a.test/", "--expect", "ok"), "--expect"),
        (("https://a.test/", "--body-regex", "("), "--body-regex"),
        (("https://a.test/", "--body-regex", "(a+)+"), "too long"),
        (("https://a.test/", "--body-json", "/a=b"), "not JSON"),
        (("https://a.test/", "--body-json", "a"), "POINTER=JSON"),
        (("https://a.test/", "--follow", "2", "--location", "/b"), "exclude"),
        (("https://a.test/", "--protected", "--follow", "2"), "refusal"),
        (("https://a.test/", "--grpc", "--websocket"), "different kinds"),
        (("https://a.test/", "--grpc", "x", "--expect", "200"), "knows itself"),
        (("https://a.test/", "--websocket", "--http2"), "HTTP/1.1"),
        (("https://a.test/", "--cacert", "/nonexistent.pem"), "no such file"),
        (("--plan", "/nonexistent.yaml"), "nonexistent"),
    ],
)
def test_bad_input_is_one_line(words: tuple[str, ...], told: str) -> None:
    with pytest.raises(UserError) as error:
        probe(*words)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert "p4ss" not in str(error.value)
    assert "s3cret" not in str(error.value)
