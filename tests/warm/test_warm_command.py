"""``pointsman warm`` as a user runs it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from pointsman.tui.cli import cli
from warm_kit import PROGRAM, CachingServer, caching_server, warm, warm_json

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "output.schema.json"


@pytest.fixture
def cache() -> Iterator[CachingServer]:
    with caching_server() as server:
        yield server


def test_from_cold_to_warm(cache: CachingServer, tmp_path: Path) -> None:
    listed = tmp_path / "urls.txt"
    listed.write_text("\n".join(f"http://shop.test{path}" for path in ("/c", "/d", "/private", "/variants")))
    code, document, told = warm_json(
        "--from", str(listed), "--address", f"127.0.0.1:{cache.port}", "--rate", "500"
    )
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    assert (code, document["verdict"]) == (0, "WARN")
    assert {one["rule"]: one["verdict"] for one in document["findings"]} == {
        "HTTP050": "PASS",
        "HTTP054": "SKIP",
        "HTTP055": "WARN",
    }
    first, last = document["facts"]["summary"]["passes"]
    assert (first["states"], first["hit_share"]) == ({"miss": 4}, 0.0)
    assert (last["states"], last["hit_share"]) == ({"hit": 3, "miss": 1}, 0.75)
    rows = {
        one["url"].rpartition("/")[2]: (one["before"], one["after"])
        for one in document["facts"]["summary"]["urls"]
    }
    assert rows == {
        "c": ("miss", "hit"),
        "d": ("miss", "hit"),
        "private": ("miss", "miss"),
        "variants": ("miss", "hit"),
    }
    assert cache.seen["/c"] == 2
    assert cache.encodings == {"gzip, deflate, br, zstd"}
    assert cache.hosts == {f"shop.test:{cache.port}"}
    assert all("pointsman/" in agent for agent in cache.agents)
    assert "urls.txt read as list: 4 requests" in told


def test_as_text(cache: CachingServer) -> None:
    ended = warm(
        *(f"http://shop.test:{cache.port}{path}" for path in ("/a", "/never")),
        *("--address", "127.0.0.1", "--rate", "500"),
    )
    assert ended.returncode == 0
    lines = ended.stdout.splitlines()
    assert lines[0].startswith(" 2 URLs at 127.0.0.1   4 fetches in")
    assert lines[2].split() == [
        "hit",
        "miss",
        "stale",
        "bypass",
        "none",
        "errors",
        "hit",
        "share",
        "first",
        "byte",
    ]
    assert lines[3].split()[:9] == ["pass", "1", "0", "2", "0", "0", "0", "0", "0%"]
    assert lines[4].split()[:9] == ["pass", "2", "1", "1", "0", "0", "0", "0", "50%"]
    assert "/never" in lines[7]
    assert lines[7].count("200 miss") == 2
    assert "HTTP052" in ended.stdout
    assert "curl " in ended.stdout
    assert "Accept-Encoding" in ended.stdout


def test_errors_stop_it(cache: CachingServer) -> None:
    urls = [f"http://shop.test:{cache.port}/down"] + [
        f"http://shop.test:{cache.port}/down?{number}" for number in range(30)
    ]
    code, document, _ = warm_json(*urls, "--address", "127.0.0.1", "--rate", "500", "--stop-after", "1")
    assert code == 1
    assert document["findings"][0]["rule"] == "HTTP051"
    assert "1 fetches failed, the last with 503" in document["findings"][0]["summary"]
    assert sum(cache.seen.values()) <= 5
    refused = warm("https://shop.test:1/", "--address", "127.0.0.1", "--stop-after", "1")
    assert refused.returncode == 1
    assert "refused" in refused.stdout


def test_ctrl_c_reports_what_there_is(cache: CachingServer) -> None:
    urls = [f"http://shop.test:{cache.port}/a?{number}" for number in range(100)]
    child = subprocess.Popen(
        [*PROGRAM, *urls, "--address", "127.0.0.1", "--rate", "20", "-o", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 20
        while len(cache.seen) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
    finally:
        child.kill()
        child.wait()
    assert (child.returncode, err) == (130, b"")
    document = json.loads(out)
    assert document["verdict"] == "UNKNOWN"
    assert document["findings"][0]["rule"] == "HTTP056"
    assert 2 <= len(document["facts"]["warm"]["fetches"]) < 100


def test_a_deadline_is_no_success(cache: CachingServer) -> None:
    urls = [f"http://shop.test:{cache.port}/a?{number}" for number in range(100)]
    started = time.monotonic()
    code, document, _ = warm_json(*urls, "--address", "127.0.0.1", "--rate", "5", "--deadline", "1")
    assert code == 3
    assert "then its 1 s were over" in document["findings"][0]["summary"]
    assert time.monotonic() - started < 15


def test_standard_input_and_the_most_asked(cache: CachingServer) -> None:
    line = '192.0.2.1 - alice [28/Nov/2026:14:00:00 +0000] "GET {} HTTP/1.1" 200 5 "-" "curl"\n'
    log = "".join(line.format(path) for path in ("/a", "/b", "/b", "/c", "/c", "/c")) + "rubbish\n"
    _, document, told = warm_json(
        *("--from", "-", "--top", "2", "--address", f"127.0.0.1:{cache.port}", "--host", "shop.test"),
        *("--rate", "500", "--passes", "1", "--stop-after", "9"),
        given=log,
    )
    assert [one["url"] for one in document["facts"]["summary"]["urls"]] == [
        f"https://shop.test:{cache.port}/c",
        f"https://shop.test:{cache.port}/b",
    ]
    assert "1 of 7 lines were not understood" in told
    assert "the 2 most asked for" in told
    assert "alice" not in json.dumps(document)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--address is missing; name the new side's address, or a --plan"),
        (("--address", "127.0.0.1"), "there is nothing to warm; give URLs"),
        (("--address", "shop.test", "/a"), "--address 'shop.test' is no IP address"),
        (("--address", "127.0.0.1:x", "/a"), "--address '127.0.0.1:x' is no IP address"),
        (("--address", "127.0.0.1:0", "/a"), "--address '127.0.0.1:0' is no IP address"),
        (("--address", "::1", "/a"), "/a: the request names no host; say it with --host"),
        (("--address", "[::1]:8443", "ftp://a/"), "'ftp://a/' is neither a URL nor a path"),
        (("--address", "::1", "http://shop.test:99999/"), "is neither a URL nor a path"),
        (("--address", "::1", "http://a.test/", "--host", "b.test"), "nothing left to warm: 1 requests"),
        (("--address", "::1", "--from", "gone.log"), "gone.log: cannot be read: No such file"),
        (("--address", "::1", "--from", "-", "--host", "a.test"), "standard input:2: expected a URL"),
        (("--address", "::1", "/a", "--cacert", "gone.pem"), "--cacert gone.pem: no such file"),
        (("--plan", "gone.yaml"), "gone.yaml: cannot be read"),
        (("--address", "::1", "/a", "--rate", "0"), "Invalid value for '--rate'"),
        (("--address", "::1", "/a", "--passes", "9"), "Invalid value for '--passes'"),
        (("--address", "::1", "/a", "--kind", "soup"), "Invalid value for '--kind'"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line(arguments: tuple[str, ...], words: str) -> None:
    ended = warm(*arguments, given="/a\nx y\n")
    assert (ended.returncode, ended.stdout) == (2, "")
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("pointsman: ")
    assert words in last
    assert "Traceback" not in ended.stderr


PLAN = """\
apiVersion: pointsman/v1
kind: CutoverPlan
name: shop
hosts: [a.shop.test, b.shop.test]
gateway: infra/main
old: {{address: 127.0.0.9}}
new: {{address: 127.0.0.1}}
port: {port}
paths: [/x, /y]
dns: {{provider: show, zone: shop.test., authoritative: ["127.0.0.1:53"], low_ttl: 60}}
"""


def test_a_plan_names_everything(cache: CachingServer, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN.format(port=cache.port))
    options = ("--rate", "500", "--stop-after", "99", "--passes", "1")
    _, document, _ = warm_json("--plan", str(plan), *options)
    urls = [one["url"] for one in document["facts"]["summary"]["urls"]]
    assert urls == [f"https://{name}.shop.test:{cache.port}/{path}" for name in "ab" for path in "xy"]
    _, document, told = warm_json(
        "--plan", str(plan), "http://b.shop.test/z", "http://c.shop.test/z", *options
    )
    assert [one["url"] for one in document["facts"]["summary"]["urls"]] == [
        f"http://b.shop.test:{cache.port}/z"
    ]
    assert "1 requests of other hosts left out" in told


def test_a_side_that_answers_nothing_fails() -> None:
    with socket.socket() as taken:
        # bound and not listening: refused, and nobody else can have it meanwhile
        taken.bind(("127.0.0.1", 0))
        url = f"https://shop.test:{taken.getsockname()[1]}/"
        result = CliRunner().invoke(cli, ["warm", url, "--address", "127.0.0.1"])
    assert result.exit_code == 1, result.output
    assert "FAIL    HTTP051  2 of 2 fetches failed" in result.output
