"""The retire advice: safe only with the proof, in its order, and in commands that a shell takes as meant."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.checklists.machine.events import OldSideCounted
from pointsman.checklists.machine.idle import count_every, idle_facts, record_every
from pointsman.checklists.machine.retire import (
    RetireAdvice,
    raise_ttl_change,
    retire_advice,
    retire_facts,
)
from pointsman.checklists.machine.state import State
from pointsman.checklists.machine.view import CacheRow
from pointsman.checklists.plans.model import Durations, ObjectName, PodsPlan, TrafficPlan, TrafficSide
from pointsman.checklists.records.show import Show
from pointsman.probes.verdict import Verdict
from pointsman.tui.lines import plain
from pointsman.tui.telling.retire import retire_lines
from soak_states import DAY, HOST, NOW, PLAN, ROWS, STATE


def advice(state: State = STATE, rows: tuple[CacheRow, ...] = ROWS, now: float = NOW) -> RetireAdvice:
    facts = idle_facts(state, now, rows, oldest=state.plan.durations.quiet)
    return retire_advice(state, facts, Show(state.plan))


def text(found: RetireAdvice, width: int = 100) -> str:
    return "\n".join(plain(line) for line in retire_lines(found, width))


def test_with_the_proof_it_is_safe_and_the_address_goes_before_the_ttl() -> None:
    found = advice()
    assert found.safe
    titles = [step.title for step in found.steps]
    assert [title.split(":")[0] for title in titles] == [
        "keep a copy of what will be deleted",
        "see who else the old controller serves",
        "see that external-dns has let go of the Ingress",
        "scale the old controller to nothing, and wait",
        "delete the Ingress objects",
        "delete the Service",
        "raise the TTL again",
    ]
    assert [step.final for step in found.steps].count(True) == 1
    assert all(step.undo or step.final for step in found.steps)
    told = text(found)
    assert "NOT YET" not in told
    assert "the old side may go" in told
    assert "NONE: from here there is no way back" in told
    assert "TTL 60 -> 3600" in told


@pytest.mark.parametrize(
    ("state", "rows", "now", "verdict", "words"),
    [
        (replace(STATE, quiet=None), ROWS, NOW, Verdict.UNKNOWN, "no counter of the old side"),
        (
            replace(STATE, quiet=replace(STATE.quiet, others=3.0, since=NOW, until=NOW)),  # type: ignore[type-var]
            ROWS,
            NOW,
            Verdict.FAIL,
            "still used",
        ),
        (STATE, (replace(ROWS[0], answer="old"),), NOW, Verdict.UNKNOWN, "answers old"),
        (STATE, ROWS, NOW + 2 * DAY, Verdict.UNKNOWN, "last counted 48 h ago"),
        (replace(STATE, new_seen_at=None), ROWS, NOW, Verdict.UNKNOWN, "still serves the old data"),
        (replace(STATE, phase="watch"), ROWS, NOW, Verdict.UNKNOWN, "the soak comes first"),
        (replace(STATE, phase="soak", soak_over=False), ROWS, NOW, Verdict.UNKNOWN, "the soak is not over"),
        (replace(STATE, phase="held", reason="both fail"), ROWS, NOW, Verdict.UNKNOWN, "held: both fail"),
        (
            replace(STATE, phase="rolled-back", rollback_asked="alarm"),
            ROWS,
            NOW,
            Verdict.UNKNOWN,
            "went back to the old side",
        ),
        (replace(STATE, switched=None), ROWS, NOW, Verdict.UNKNOWN, "has not switched"),
    ],
)
def test_without_the_proof_every_step_is_not_yet(
    state: State, rows: tuple[CacheRow, ...], now: float, verdict: Verdict, words: str
) -> None:
    found = advice(state, rows, now)
    assert (found.verdict, found.safe) == (verdict, False)
    assert found.not_yet
    told = text(found)
    assert words in " ".join(told.split())
    assert told.count("NOT YET: ") >= len(found.steps) + 1


def test_a_ttl_that_was_low_before_is_not_raised() -> None:
    assert raise_ttl_change(replace(STATE, lowered=None)) is None
    raised = raise_ttl_change(STATE)
    assert raised is not None
    assert raised.diff == (f"- {HOST}. 60 A 192.0.2.2", f"+ {HOST}. 3600 A 192.0.2.2")


def test_facts_for_a_report() -> None:
    events = [
        OldSideCounted(3 * DAY, 2 * DAY, "s", 5.0, ours=10.0, per_host={HOST: 5.0}),
        OldSideCounted(3.5 * DAY, 3 * DAY, "s", None, detail="a pod was silent"),
        OldSideCounted(4 * DAY, 3.5 * DAY, "s", 0.0, ours=20.0),
    ]
    facts = retire_facts(STATE, events, idle_facts(STATE, NOW, ROWS))
    assert (facts["others"], facts["ours"], facts["unknown_s"]) == (5.0, 30.0, 0.5 * DAY)
    assert facts["verdict"] == "PASS"
    assert len(facts["counts"]) == 3


hostile = st.text(st.sampled_from("a$`;&|<>'\"\\\n\x1b {}()*?#!~-"), min_size=1, max_size=12).filter(
    lambda name: name.strip()
)


@settings(max_examples=12, deadline=None)
@given(hostile, hostile, hostile)
def test_a_shell_takes_each_command_as_it_is_meant(
    tmp_path_factory: pytest.TempPathFactory, name: str, namespace: str, selector: str
) -> None:
    """Whatever the plan holds: kubectl gets it as one argument, and nothing else is run or written."""
    home = tmp_path_factory.mktemp("shell")
    (home / "bin").mkdir()
    for tool in ("kubectl", "mkdir", "sed", "grep"):
        (home / "bin" / tool).write_text('#!/bin/sh\nprintf "%s\\n" "$0" "$@" >> "$LOG"\n')
        (home / "bin" / tool).chmod(0o755)
    work = home / "work"
    work.mkdir()
    plan = replace(
        PLAN,
        name=name,
        ingress=(ObjectName(namespace, name),),
        traffic=TrafficPlan(old=TrafficSide(pods=PodsPlan("ingress-nginx", namespace, selector))),
    )
    found = advice(replace(STATE, plan=plan))
    commands = [command for step in found.steps[:-1] for command in step.commands]
    for command in commands:
        folder = next(part for part in found.steps[0].commands[0].split()[3:])
        (work / folder).mkdir(exist_ok=True)
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=work,
            env={"PATH": str(home / "bin"), "LOG": str(home / "log")},
            capture_output=True,
            timeout=10,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
    assert {path.name for path in work.iterdir()} == {folder}
    assert all(path.parent.name == folder for path in work.rglob("*.yaml"))
    assert not [path for path in Path(work).rglob("*") if "\x1b" in os.fspath(path)]


@given(st.floats(0.01, 90 * DAY), st.floats(0.01, 90 * DAY))
def test_journals_stay_small(quiet: float, soak: float) -> None:
    durations = Durations(quiet=quiet, soak=soak)
    assert 0.5 <= count_every(durations) <= 60
    assert count_every(durations) <= record_every(durations) <= 900
    # 48 hours of quiet are a few hundred lines
    assert record_every(Durations()) == 900
