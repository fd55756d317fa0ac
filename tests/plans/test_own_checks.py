"""Checks of the user's own: a command with its contract, a question to a person, and their mistakes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pointsman.checklists.checks.checklist import PROBES, CheckContext, load_checklist, run_checks
from pointsman.checklists.plans.model import CriticalPath, DnsPlan, ObjectName, Plan, Side
from pointsman.checklists.programs import MOST_OUTPUT, environment, run_program
from pointsman.checklists.terms import CheckResult
from pointsman.cluster.errors import UserError
from pointsman.probes.verdict import Verdict

PLAN = Plan(
    name="store",
    hosts=("store.shop.test",),
    gateway=ObjectName("infra", "main"),
    old=Side("192.0.2.1", "2001:db8::1"),
    new=Side("192.0.2.2"),
    paths=(CriticalPath("/"), CriticalPath("/login", (401,))),
    dns=DnsPlan("show", "shop.test.", ("192.0.2.53:53",), 60),
)
HEAD = "apiVersion: pointsman/v1\nkind: Checklist\n"


def own(folder: Path, *checks: str, head: str = HEAD) -> Path:
    file = folder / "own.yaml"
    file.write_text(head + "checks:\n" + "".join(checks))
    return file


def item(probe: str, params: str = "", more: str = "", name: str = "mine") -> str:
    given = f", params: {params}" if params else ""
    return f"  - {{id: {name}, title: Mine, probe: {probe}, gate: before-switch{given}{more}}}\n"


def script(folder: Path, text: str, name: str = "mine.py") -> str:
    """A Python program; what it is run with is said in the checklist."""
    (folder / name).write_text(text)
    return f'{{run: ["{sys.executable}", ./{name}]}}'.replace("./", f"{folder}/")


def answered(file: Path, **context: Any) -> CheckResult:
    (result,) = asyncio.run(run_checks(load_checklist(file), CheckContext(PLAN, **context)))
    return result


# -- a command


@pytest.mark.parametrize(
    ("text", "verdict", "headline"),
    [
        ("", Verdict.PASS, "exit code 0"),
        ("print('all frozen')", Verdict.PASS, "all frozen"),
        ("import sys; sys.exit('not frozen')", Verdict.FAIL, "not frozen"),
        ("import sys; sys.exit(2)", Verdict.UNKNOWN, "exit code 2"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", Verdict.UNKNOWN, "ended by signal 9"),
        ('print(\'{"verdict": "WARN", "summary": "one is late"}\')', Verdict.WARN, "one is late"),
        ('print(\'{"verdict": "SKIP"}\')', Verdict.SKIP, "says SKIP"),
        ('print(\'{"verdict": "FAIL", "summary": "no"}\')', Verdict.FAIL, "no"),
        # of two that contradict each other the worse is believed
        ('import sys; print(\'{"verdict": "PASS"}\'); sys.exit(1)', Verdict.FAIL, "says PASS"),
        ('import sys; print(\'{"verdict": "PASS"}\'); sys.exit(3)', Verdict.UNKNOWN, "says PASS"),
        ('print(\'{"verdict": "MAYBE"}\')', Verdict.PASS, "MAYBE"),
        ("print('\\x1b[31mred\\x07')", Verdict.PASS, "·[31mred·"),
    ],
)
def test_a_commands_answer(tmp_path: Path, text: str, verdict: Verdict, headline: str) -> None:
    result = answered(own(tmp_path, item("command", script(tmp_path, text))))
    assert result.verdict is verdict
    assert headline in result.headline
    assert result.findings[0].rule == ("CUT042" if verdict is Verdict.UNKNOWN else "CUT041")
    assert all(line.isprintable() for one in result.findings for line in (one.summary, *one.evidence))


def test_a_command_is_told_the_cutover_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    monkeypatch.setenv("WANTED", "yes")
    text = (
        "import json, os, sys\n"
        "told = json.load(sys.stdin)\n"
        "print(json.dumps({'verdict': 'PASS', 'evidence': [json.dumps(told), str(os.environ.get('TOKEN')),"
        " os.environ['WANTED'], os.getcwd()]}))\n"
    )
    params = script(tmp_path, text)[:-1] + ", env: [WANTED]}"
    result = answered(own(tmp_path, item("command", params)), gate="after-switch")
    told, token, given, folder = result.findings[0].evidence
    assert (token, given, folder) == ("None", "yes", str(tmp_path))
    assert told.startswith('{"schema": "pointsman/v1", "check": {"id": "mine"')
    again = subprocess.run(
        ["/bin/sh", "-c", result.findings[0].reproduce.rpartition("|")[0] + "| cat"],
        capture_output=True,
        check=True,
        text=True,
    )
    document = json.loads(again.stdout)
    assert document["gate"] == "after-switch"
    assert document["switched"] is True
    assert document["old"] == ["192.0.2.1", "2001:db8::1"]
    assert {"host": "store.shop.test", "path": "/login", "statuses": [401]} in document["paths"]


def test_the_houses_own_document_is_an_answer(tmp_path: Path) -> None:
    one = {"rule": "GW104", "verdict": "FAIL", "summary": "not accepted", "evidence": ["Accepted=False"]}
    document = json.dumps({"schema": "pointsman/v1", "verdict": "FAIL", "findings": [one]})
    result = answered(
        own(tmp_path, item("command", script(tmp_path, f"import sys; print({document!r}); sys.exit(1)")))
    )
    assert result.verdict is Verdict.FAIL
    assert "GW104 not accepted" in [finding.summary for finding in result.findings]


def shell(folder: Path, text: str) -> str:
    """A script for /bin/sh, which starts at once even where this machine is busy."""
    (folder / "mine.sh").write_text(text)
    return f"{{run: [/bin/sh, {folder}/mine.sh], timeout: 1500ms}}"


def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    marker = tmp_path / "pids"
    text = f"(trap '' TERM; sleep 60) &\necho $$ $! > {marker}\nsleep 60\n"
    began = time.monotonic()
    result = answered(own(tmp_path, item("command", shell(tmp_path, text))))
    assert time.monotonic() - began < 20
    assert result.verdict is Verdict.UNKNOWN
    assert "no answer within 1.5 s" in result.headline
    for pid in map(int, marker.read_text().split()):
        assert not _alive(pid)


def test_what_a_command_leaves_behind_is_ended(tmp_path: Path) -> None:
    text = f"sleep 60 &\necho $! > {tmp_path / 'pid'}\n"
    result = answered(own(tmp_path, item("command", shell(tmp_path, text))))
    assert result.verdict is Verdict.UNKNOWN
    assert "left others behind" in result.headline
    assert not _alive(int((tmp_path / "pid").read_text()))


def _alive(pid: int) -> bool:
    for _ in range(50):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
            os.kill(pid, 0)
        except (OSError, IndexError):
            return False
        time.sleep(0.1)
    return True


async def test_output_is_bounded_and_the_program_still_ends(tmp_path: Path) -> None:
    code = "import sys; sys.stdout.write('x' * 3_000_000); sys.stderr.write('y' * 200_000)"
    ended = await run_program(
        [sys.executable, "-c", code], given=b"z" * 500_000, timeout_s=20, env=environment(())
    )
    assert (ended.code, ended.cut) == (0, True)
    assert len(ended.stdout) == len(ended.stderr) == MOST_OUTPUT


async def test_a_cancelled_check_takes_its_program_with_it(tmp_path: Path) -> None:
    code = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    running = asyncio.create_task(
        run_program([sys.executable, "-c", code], given=b"", timeout_s=60, env=environment(()))
    )
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not _alive(int((tmp_path / "pid").read_text()))


def test_a_program_that_is_not_there_told_nothing(tmp_path: Path) -> None:
    result = answered(own(tmp_path, item("command", "{run: [./nowhere]}")))
    assert result.verdict is Verdict.UNKNOWN
    assert "No such file" in result.headline


# -- a question


def test_a_manual_check_passes_by_its_name_only(tmp_path: Path) -> None:
    file = own(tmp_path, item("manual", "{question: 'is the on-call told?'}"))
    asked = answered(file)
    assert asked.verdict is Verdict.UNKNOWN
    assert "is the on-call told?" in asked.headline
    assert answered(file, attested=frozenset({"other"})).verdict is Verdict.UNKNOWN
    assert answered(file, attested=frozenset({"mine"})).verdict is Verdict.PASS


# -- what a checklist may say


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (item("manual"), r"own\.yaml:4: checks\[0\]\.params: is missing; this probe needs question"),
        (
            item("manual", "{question: 3}"),
            r"own\.yaml:4: checks\[0\]\.params\.question: expected text, got 3",
        ),
        (item("command", "{timeout: 3s}"), r"params\.run: is missing"),
        (item("command", "{run: rm -rf}"), r"params\.run: expected a list of words, got text; no shell"),
        (item("command", "{run: []}"), r"params\.run: expected at least 1 item, got 0"),
        (item("command", "{run: [x], timeout: 2h}"), r"params\.timeout: expected more than nothing"),
        (item("command", "{run: [x], timeout: 3}"), r"params\.timeout: expected a duration, got 3"),
        (item("command", "{run: [x], env: [A=B]}"), r"params\.env\[0\]: expected the name of a variable"),
        (item("parity", "{rounds: 1.5}"), r"params\.rounds: expected a whole number, got 1\.5"),
        (item("parity", "{rounds: 99}"), r"params\.rounds: .* from 1 to 12, got 99"),
        (item("error-watch", "{second: 5}"), r"params\.second: unknown field; did you mean seconds"),
        (item("nothing"), r"probe: expected one of .*manual.*, got \"nothing\""),
        (item("caa", more=", gate: x"), r"gate: stands here twice"),
        (item("caa", name="'a b'"), r"id: expected letters, digits"),
        (item("caa") + item("caa"), r"own\.yaml:5: checks\[1\]\.id: two checks have the id mine"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_field(tmp_path: Path, check: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        load_checklist(own(tmp_path, check))


def test_a_builtin_checklist_can_be_included(tmp_path: Path) -> None:
    file = own(tmp_path, item("caa"), head=HEAD + "include: pre-cutover\n")
    builtin = load_checklist("pre-cutover").checks
    checks = load_checklist(file).checks
    assert checks[:-1] == builtin
    assert checks[-1].number == len(builtin) + 1
    with pytest.raises(UserError, match="include: expected one of pre-cutover, thorough"):
        load_checklist(own(tmp_path, item("caa"), head=HEAD + "include: nope\n"))
    with pytest.raises(UserError, match="two checks have the id requests"):
        load_checklist(own(tmp_path, item("caa", name="requests"), head=HEAD + "include: pre-cutover\n"))


def test_every_builtin_checklist_loads() -> None:
    for name in ("pre-cutover", "thorough"):
        assert {check.probe for check in load_checklist(name).checks} <= PROBES.keys()
