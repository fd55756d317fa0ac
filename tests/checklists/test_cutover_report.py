from __future__ import annotations

from pathlib import Path

from pointsman.checklists.journal.file import Journal
from pointsman.checklists.journal.report import markdown, report_of
from pointsman.checklists.machine.events import (
    ChangeProposed,
    Confirmed,
    WatchEnded,
    WriteEnded,
    WriteIntended,
)
from test_cutover_machine import SWITCH, at_the_switch


def test_a_report_tells_the_whole_run(tmp_path: Path) -> None:
    host = "store.shop.test"
    numbers = {"new": {"requests": 20, "errors": 9, "kinds": {"5xx": 9, "ok": 11}, "p95_ms": 3.0}}
    events = [
        *at_the_switch(),
        ChangeProposed(1032, SWITCH),
        Confirmed(1033, "switch", host),
        WriteIntended(1033, "switch"),
        WriteEnded(1034, "switch", "applied", "taken"),
        WatchEnded(1040, "ABORT", "the new side fails <b>", numbers),
    ]
    journal = Journal.create("abcd1234", tmp_path)
    for event in events:
        journal.append(event)
    journal.close()
    text = report_of(journal.path)
    assert "outcome: **rollback**" in text
    assert "+ store.shop.test. 3 A 127.0.0.3" in text
    assert "20 requests, 9 errors (9 5xx, 11 ok)" in text
    assert "\\<b\\>" in text
    assert text.count("\n- ") >= len(events)


def test_a_run_that_changed_nothing_says_so() -> None:
    assert "Nothing was changed." in markdown(at_the_switch()[:2])
