"""``pointsman compare`` as a user runs it: every mistake is one line, and every source gives requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from pointsman.checklists.plans.load import load_plan
from pointsman.cluster.errors import UserError
from pointsman.tui.cli import cli
from pointsman.tui.commands.compare_inputs import side_of
from test_parity_asking import GATEWAY, INGRESS, ROUTE

SIDES = ("--old", "192.0.2.1", "--new", "192.0.2.2")
_SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "output.schema.json").read_text())


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["compare", *arguments])


@contextmanager
def serving(**headers: str) -> Iterator[tuple[int, list[str]]]:
    """A server that answers everything alike; its port and the paths that were asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.headers['Host']}{self.path}")
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"hi")

        def log_message(self, *arguments: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["https://a.test/"], "--old is missing"),
        (["https://a.test/", "--old", "192.0.2.1"], "--new is missing"),
        ([*SIDES], "nothing to compare"),
        (["a.test", *SIDES], "is no URL"),
        (["https://a.test:99999/", *SIDES], "is no URL"),
        (["https://a.test/ x", *SIDES], "is no URL"),
        (["https://a.test/", "--old", "old.test", "--new", "192.0.2.2"], "expected an IP address"),
        (["https://a.test/", "--old", "192.0.2.1:0", "--new", "192.0.2.2"], "expected an IP address"),
        (["https://a.test/", *SIDES, "--variants", "x"], "no such variant"),
        (["https://a.test/", *SIDES, "--variants", "body"], "add --unsafe"),
        (["https://a.test/", *SIDES, "--waive", "/none.yaml"], "cannot be read"),
        (["https://a.test/", *SIDES, "--cacert", "/none.pem"], "no such file of trusted roots"),
        (["--from", "/none.log", *SIDES], "/none.log"),
        (["-f", "/none", *SIDES], "/none"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, UserError), result.output
    assert words in str(result.exception)
    assert "\n" not in str(result.exception)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("waivers:\n  - {path: /a, field: vary}\n", "w.yaml:2: waivers[0].reason: is missing"),
        ("waivers:\n  - {path: a, field: vary, reason: x}\n", "waivers[0].path: expected a path"),
        ("waivers:\n  - {path: /a, field: PAR010, reason: x}\n", "cannot be waived"),
        ("waivers:\n  - {path: /a, feld: vary, reason: x}\n", "did you mean field?"),
        ("waiver: []\n", "did you mean waivers?"),
        ("- a\n", "expected a mapping"),
        ("{", "not YAML"),
    ],
)
def test_mistakes_in_waivers_say_where(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "w.yaml"
    file.write_text(text)
    result = run("https://a.test/", *SIDES, "--waive", str(file))
    assert isinstance(result.exception, UserError)
    assert words in str(result.exception)


def test_requests_come_from_manifests_and_logs(tmp_path: Path) -> None:
    manifests = tmp_path / "world.json"
    manifests.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [ROUTE, GATEWAY]}))
    log = tmp_path / "access.log"
    log.write_text(
        '192.0.2.9 - - [28/Nov/2026:12:00:00 +0000] "GET /seen?x=1 HTTP/1.1" 200 2 "-" "curl"\n'
        '192.0.2.9 - - [28/Nov/2026:12:00:00 +0000] "POST /pay HTTP/1.1" 200 2 "-" "curl"\n'
    )
    with serving() as (old, asked), serving() as (new, _):
        ports = ("--old", f"127.0.0.1:{old}", "--new", f"127.0.0.1:{new}")
        plain = ("--old-plain", str(old), "--new-plain", str(new))
        made = run("-f", str(manifests), *ports, "--rate", "900", "--variants", "none", "-o", "json")
        from_manifests = set(asked)
        asked.clear()
        named = run("http://other.test/only", *ports, *plain, "--rate", "900", "--variants", "gzip")
    assert made.exit_code == 0, made.output
    document = json.loads(made.stdout)
    jsonschema.validate(document, _SCHEMA)
    assert (document["command"], document["verdict"]) == ("compare", "PASS")
    assert document["facts"]["kinds"]["exact"] == {
        "asked": 1, "same": 1, "noise": 0, "waived": 0, "undecided": 0, "unexplained": 0,
    }  # fmt: skip
    assert {"other.test/only", "other.test/only/", "other.test/ONLY"} <= from_manifests
    assert named.exit_code == 0, named.output
    assert set(asked) == {"other.test/only"}
    assert "2 requests, asked" in named.stdout
    with serving() as (old, asked), serving() as (new, _):
        # https questions cannot be asked of a plain server: that is told, not hidden
        ports = ("--old", f"127.0.0.1:{old}", "--new", f"127.0.0.1:{new}")
        common = (*ports, "--rate", "900", "--variants", "none", "--timeout", "1", "--deadline", "20")
        seen = run("--from", str(log), "--host", "shop.test", *common)
        nowhere = run("--from", str(log), *common)
    assert seen.exit_code == 3, seen.output
    assert "PAR002" in seen.stdout
    assert "left out" in seen.stderr
    assert isinstance(nowhere.exception, UserError)
    assert "--host" in str(nowhere.exception)


def test_differences_are_told_with_both_commands() -> None:
    with serving(X_Frame_Options="DENY") as (old, _), serving() as (new, _):
        ports = ("--old", f"127.0.0.1:{old}", "--new", f"127.0.0.1:{new}")
        result = run("http://a.test/b?c=1", *ports, "--rate", "900", "--variants", "none")
    assert result.exit_code == 0, result.output
    assert "given" in result.stdout
    assert "1 path, 1 unexplained" in result.stdout.replace("  ", "")
    assert "PAR034" in result.stdout
    assert "mend" in result.stdout
    for label, port in (("old", old), ("new", new)):
        assert f"a.test:{port}:127.0.0.1" in result.stdout, label
    assert f"http://a.test:{new}/" in result.stdout


@pytest.mark.parametrize(
    ("text", "only_plain", "wanted"),
    [
        ("192.0.2.1", False, (None, None)),
        ("192.0.2.1:8443", False, (8443, None)),
        ("192.0.2.1:8080", True, (None, 8080)),
        ("[2001:db8::1]:8443", False, (8443, None)),
        ("2001:db8::1", False, (None, None)),
        ("[2001:db8::1]", False, (None, None)),
    ],
)
def test_a_side_is_an_address_and_maybe_a_port(
    text: str, only_plain: bool, wanted: tuple[int | None, int | None]
) -> None:
    side = side_of("old", text, None, None, only_plain=only_plain)
    assert (side.port, side.plain_port) == wanted
    assert side.address == ("2001:db8::1" if "db8" in text else "192.0.2.1")


PLAN = """apiVersion: pointsman/v1
kind: CutoverPlan
name: shop
hosts: [shop.test]
gateway: shop/main
old: {address: 127.0.0.1}
new: {address: 127.0.0.2}
port: 1
paths: [/cart]
accept: [{path: /cart, field: cache-control, reason: the CDN decides}]
dns: {provider: show, zone: shop.test., authoritative: ["127.0.0.1:53"], low_ttl: 60}
"""


def test_a_plan_names_sides_and_paths(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    # nobody listens on port 1: nothing can be said, and that is what is said
    result = run("--plan", str(plan), "--variants", "none", "--rate", "900")
    assert result.exit_code == 3, result.output
    assert "old 127.0.0.1:1   new 127.0.0.2:1" in result.stdout
    assert "https://shop.test/cart" in result.stdout
    (waiver,) = load_plan(plan).accept
    assert (waiver.field, waiver.reason) == ("cache-control", "the CDN decides")


def test_an_ingress_gives_its_paths(tmp_path: Path) -> None:
    manifests = tmp_path / "world.json"
    plain = {**INGRESS, "spec": {key: value for key, value in INGRESS["spec"].items() if key != "tls"}}
    manifests.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [plain, ROUTE, GATEWAY]}))
    with serving() as (old, asked), serving() as (new, _):
        ports = ("--old", f"127.0.0.1:{old}", "--new", f"127.0.0.1:{new}")
        result = run(
            "-f", str(manifests), "--ingress", "shop/web", *ports, "--rate", "900", "--variants", "none"
        )
    assert result.exit_code == 0, result.output
    assert {"shop.test/cart", "shop.test/cart/x-pointsman", "shop.test/CART"} <= set(asked)
    assert not any(one.startswith("other.test") for one in asked)


def test_an_ingress_that_is_not_there(tmp_path: Path) -> None:
    manifests = tmp_path / "world.json"
    manifests.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [INGRESS]}))
    result = run("-f", str(manifests), "--ingress", "shop/none", *SIDES)
    assert "there is no such Ingress" in str(result.exception)
