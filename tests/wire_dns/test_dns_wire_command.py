"""``pointsman probe dns`` as it is typed: text, JSON, the record, the forecast, following, and bad input."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.message
import jsonschema
import pytest
from dns_wire_kit import Heard, Sent, answer, serving
from pointsman.cluster.errors import UserError
from pointsman.probes.wire.dns.facts import DnsAnswer, DnsFacts, DnsServerFacts, DnsTarget, RecordSet
from pointsman.tui import cli
from pointsman.tui.commands.dns_inputs import Asked, policy_of, targets_of
from pointsman.tui.lines import plain
from pointsman.tui.telling.dns import propagation_rows, table_lines

NAME = "store.shop.test"
OLD, NEW = "192.0.2.1", "192.0.2.2"
_SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "output.schema.json"


class Served:
    """A name server in a thread of its own; ``records`` may be changed at any time."""

    def __init__(self) -> None:
        self.records = [f"{NAME}. 60 A {OLD}"]
        self.where = ""
        self.heard = Heard()
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        async with serving(self._reply) as (self.where, self.heard):
            self._ready.set()
            await self._stop.wait()

    def _reply(self, query: dns.message.Message, _wire: bytes, _over: str) -> Sent:
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        soa = "shop.test. 300 SOA ns.shop.test. me.shop.test. 7 60 60 60 300"
        name = query.question[0].name.to_text().lower()
        found = [one for one in self.records if one.split()[2] == kind and one.startswith(f"{name} ")]
        return answer(query, *found, *([soa] if kind == "SOA" else []))

    def stop(self) -> None:
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)


@pytest.fixture
def served() -> Iterator[Served]:
    one = Served()
    try:
        yield one
    finally:
        one.stop()


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """The command within this process: an interpreter for each would be most of the test's time."""
    output, errors = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "argv", ["pointsman", "probe", "dns", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    code = ended.value.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(words, code, output.getvalue(), errors.getvalue())


def test_text_and_json_say_the_same(served: Served) -> None:
    words = (NAME, "--server", served.where, "--quick", "--old", OLD, "--new", NEW)
    text = run(*words)
    assert text.returncode == 0, text.stderr
    assert "60 s on 1 of 1 name server" in text.stdout
    assert f"try    dig @127.0.0.1 -p {served.where.split(':')[1]}" in text.stdout
    document = json.loads(run(*words, "-o", "json").stdout)
    jsonschema.validate(document, json.loads(_SCHEMA.read_text()))
    assert (document["command"], document["verdict"]) == ("probe dns", "PASS")
    (name,) = document["facts"]["names"]
    assert name["servers"][0]["answers"][0]["rrsets"][0]["values"] == [OLD]
    wrong = run(*words, "--expect", "new")
    assert wrong.returncode == 1
    assert "DNS032" in wrong.stdout


def test_the_record_the_gate_and_the_forecast(served: Served, tmp_path: Path) -> None:
    record = str(tmp_path / "seen.jsonl")
    words = (NAME, "--server", served.where, "--quick", "--old", OLD, "--new", NEW, "--record", record)
    served.records = [f"{NAME}. 3600 A {OLD}"]
    high = run(*words)
    assert high.returncode == 1
    assert "with 3600 s, wanted at most 60 s" in high.stdout
    served.records = [f"{NAME}. 60 A {OLD}"]
    waits = run(*words)
    assert waits.returncode == 1
    assert "DNS029" in waits.stdout
    assert "+ 3600 s =" in waits.stdout
    served.records = [f"{NAME}. 60 A {NEW}"]
    after = run(*words, "--expect", "new", "--forecast", "-o", "json")
    assert after.returncode == 0, after.stdout
    (name,) = json.loads(after.stdout)["facts"]["names"]
    assert name["gate"] is None
    parts = name["forecast"]["parts"]
    assert [part["period"]["ttl"] for part in parts] == [3600, 60]
    assert name["forecast"]["lets_go_at"] == parts[0]["period"]["gone_by"] + 3600
    assert "the last cache that keeps to the TTL lets go at" in name["forecast"]["words"][0]
    assert len(name["seen"]) == 2


def test_following_ends_when_every_server_shows_the_new_side(served: Served) -> None:
    words = (NAME, "--server", served.where, "--no-walk", "--old", OLD, "--new", NEW, "--follow", "30")
    timer = threading.Timer(2.0, lambda: setattr(served, "records", [f"{NAME}. 60 A {NEW}"]))
    timer.start()
    followed = run(*words)
    timer.join()
    assert followed.returncode == 0, followed.stderr
    lines = followed.stdout.splitlines()
    assert len(lines) == 2, lines
    assert lines[0].endswith(f"{served.where} old TTL 60 s {OLD}")
    assert lines[1].endswith(f"{served.where} new (was old) TTL 60 s {NEW}")


def test_following_ends_at_its_time_and_at_ctrl_c(served: Served) -> None:
    words = (NAME, "--server", served.where, "--new", NEW)
    late = run(*words, "--follow", "1", "-o", "json")
    assert late.returncode == 3
    document = json.loads(late.stdout)
    assert (document["verdict"], document["facts"]["rows"][0]["side"]) == ("UNKNOWN", "other")
    argv = [sys.executable, "-m", "pointsman.tui", "probe", "dns", *words, "--follow"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_names_from_a_file(served: Served, tmp_path: Path) -> None:
    served.records += [f"h{number}.test. 60 A {OLD}" for number in range(5)]
    file = tmp_path / "names"
    file.write_text(f"# all of them\n{NAME}\n\n{NAME}  # twice\n" + "".join(f"h{n}.test\n" for n in range(5)))
    told = run("--file", str(file), "--server", served.where, "--quick")
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.count("PASS") == 6
    assert len(told.stdout.splitlines()) == 6


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ((), ("no name",)),
        (("https://store.test/",), ("is a URL", "host name alone")),
        (("192.0.2.1",), ("is an address",)),
        (("a..b",), ("NAME: a..b",)),
        ((f"{'x' * 64}.test",), ("not a DNS name",)),
        ((NAME, "--server", "127.0.0.1:99999"), ("--server", "port")),
        ((NAME, "--server", "tls://1.1.1.1"), ("--server", "--resolver")),
        ((NAME, "--server", "no-such-host.invalid"), ("--server", "IP address")),
        ((NAME, "--resolver", "tls://dns.test"), ("--resolver", "tls://IP")),
        ((NAME, "--resolver", "https://user:secret@dns.test/"), ("--resolver",)),
        ((NAME, "--old", "store.test"), ("--old", "no IP address")),
        ((NAME, "--old", OLD, "--new", OLD), ("as --old and as --new",)),
        ((NAME, "--expect", "new"), ("--expect new needs --new",)),
        ((NAME, "--follow", "--server", "127.0.0.1"), ("waits for the new side", "--new")),
        ((NAME, "--follow", "0", "--new", NEW), ("not between 1",)),
        ((NAME, "--file", "/no/such/file"), ("--file /no/such/file",)),
        ((NAME, "--ca", "/no/such/file"), ("--ca /no/such/file",)),
        ((NAME, "--low-ttl", "x"), ("--low-ttl",)),
    ],
)
def test_bad_input_is_one_clear_line(words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    ended = run(*words)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("pointsman: ")
    assert ended.stderr.count("\n") == 1
    assert "secret" not in ended.stderr
    for part in parts:
        assert part in ended.stderr


def test_lines_of_a_bad_file_are_named(tmp_path: Path) -> None:
    file = tmp_path / "names"
    file.write_text("good.test\n\nbad name.test\nhttp://x/\n")
    with pytest.raises(UserError, match=rf"{file}:4: http://x/ is a URL"):
        targets_of(Asked((), servers=("127.0.0.1",), file=str(file)))
    file.write_bytes(b"\xff\xfe\n")
    with pytest.raises(UserError, match="is not text"):
        targets_of(Asked((), servers=("127.0.0.1",), file=str(file)))


def test_what_the_options_mean() -> None:
    (one,) = targets_of(Asked((NAME,), servers=("127.0.0.1", "[::1]:54"), port=5353))
    assert one.authoritative == ("127.0.0.1:5353", "[::1]:54")
    assert (one.walk, one.resolvers, "chain" in one.extras) == (False, (), True)
    (one,) = targets_of(Asked((NAME,), begin=("127.0.0.1",), resolvers=("127.0.0.2", "tls://[::1]#x")))
    assert (one.walk, one.walk_from) == (True, ("127.0.0.1:53",))
    assert one.resolvers == ("127.0.0.2:53", "tls://[::1]#x")
    many = targets_of(Asked(tuple(f"h{number}.test" for number in range(30)), servers=("127.0.0.1",)))
    assert {(one.walk, one.extras) for one in many} == {(False, ())}
    policy = policy_of(Asked((NAME,), old=(OLD, "2001:DB8::1"), new=(NEW,), expect="old"))
    assert policy.old == {OLD, "2001:db8::1"}


def rows_of(at: float, ttl: int, value: str, before: tuple[object, ...] = ()) -> tuple[object, ...]:
    answered = DnsAnswer("A", "NOERROR", True, (RecordSet(f"{NAME}.", "A", ttl, (value,)),))
    silent = DnsServerFacts(
        "[::1]:53", "resolver", (DnsAnswer("A", error="timeout", error_detail="\x1b[2J"),)
    )
    resolver = DnsServerFacts("192.0.2.53:53", "resolver", (answered,))
    server = DnsServerFacts("192.0.2.9:53", "authoritative", (answered,), name="ns1.shop.test.")
    facts = DnsFacts(DnsTarget(NAME), (server, resolver, silent), at=at)
    return propagation_rows(facts, {OLD}, {NEW}, before)  # type: ignore[arg-type]


def test_rows_remember_since_when_and_a_resolvers_ttl_runs_down() -> None:
    first = rows_of(100.0, 60, OLD)
    later = rows_of(110.0, 50, OLD, first)
    moved = rows_of(120.0, 60, NEW, later)
    assert [row.since for row in later] == [100.0] * 3  # type: ignore[attr-defined]
    assert [row.since for row in moved] == [120.0, 120.0, 100.0]  # type: ignore[attr-defined]
    assert [row.side for row in moved] == ["new", "new", "no-answer"]  # type: ignore[attr-defined]
    assert [row.ttl_at(130.0) for row in moved] == [60, 50, None]  # type: ignore[attr-defined]
    lines = [plain(one) for one in table_lines(moved, 100, 130.0)]  # type: ignore[arg-type]
    assert all(len(one) <= 100 and "\x1b" not in one for one in lines)
    assert "ns1.shop.test 192.0.2.9:53" in lines[0]
    assert "timeout" in lines[2]
    for width in (20, 40, 70, 200):
        assert all(len(plain(one)) <= max(width, 78) for one in table_lines(moved, width, 130.0))  # type: ignore[arg-type]


@pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")
def test_on_a_terminal_the_table_is_drawn_in_place(served: Served) -> None:
    import pty

    main, other = pty.openpty()
    argv = [sys.executable, "-m", "pointsman.tui", "probe", "dns", NAME, "--server", served.where]
    argv += ["--old", OLD, "--new", NEW, "--follow", "30"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "24"}
    with subprocess.Popen(argv, stdout=other, stderr=other, stdin=other, env=environment) as process:
        os.close(other)
        output = _read_until(main, lambda seen: b"0 of 1 server" in seen)
        served.records = [f"{NAME}. 60 A {NEW}"]
        output += _read_until(main, lambda seen: b"1 of 1 server show" in seen)
        assert process.wait(20) == 0
    os.close(main)
    assert b"\x1b[2A" in output, "the second drawing goes back over the first"
    assert b"Traceback" not in output


def _read_until(descriptor: int, done: Callable[[bytes], bool]) -> bytes:
    seen, until = b"", time.monotonic() + 20
    while not done(seen) and time.monotonic() < until:
        with contextlib.suppress(OSError):
            seen += os.read(descriptor, 65536)
    return seen
