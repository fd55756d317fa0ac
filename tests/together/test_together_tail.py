"""A journal that grows is verified as it grows; a torn or changed one is said in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pointsman.checklists.journal.file import Journal, run_path
from pointsman.checklists.journal.tail import Tail
from pointsman.checklists.machine.advance import fold
from pointsman.checklists.machine.view import Postpone, Quit
from pointsman.checklists.running import livefile
from pointsman.checklists.running.followed import FollowedRun
from pointsman.cluster.errors import UserError
from together_kit import a_run, on_disk, until


def test_it_reads_each_line_once_and_keeps_the_state(tmp_path: Path) -> None:
    events = a_run()
    journal = Journal.create("abcd1234", tmp_path)
    journal.append(events[0])
    tail = Tail(journal.path)
    assert tail.read()
    assert not tail.read()
    for number, event in enumerate(events[1:], start=2):
        journal.append(event)
        assert tail.read()
        assert tail.state == fold(tail.events)
        assert (len(tail.entries), tail.head) == (number, journal.head)
    journal.close()
    assert tail.entries[-1].number == len(events)


def test_a_half_written_line_is_torn_until_it_is_whole(tmp_path: Path) -> None:
    path = on_disk(tmp_path, a_run())
    raw = path.read_bytes()
    path.write_bytes(raw[:-40])
    tail = Tail(path)
    tail.read()
    assert tail.torn
    assert len(tail.entries) == len(a_run()) - 1
    path.write_bytes(raw)
    assert tail.read()
    assert not tail.torn
    assert len(tail.entries) == len(a_run())


@pytest.mark.parametrize("change", ["earlier", "shorter", "next", "gone"])
def test_what_was_changed_is_never_believed(tmp_path: Path, change: str) -> None:
    events = a_run()
    journal = Journal.create("abcd1234", tmp_path)
    for event in events[:10]:
        journal.append(event)
    path = journal.path
    tail = Tail(path)
    tail.read()
    for event in events[10:]:
        journal.append(event)
    journal.close()
    raw = path.read_bytes()
    rows = raw.splitlines(keepends=True)
    changed = {
        "earlier": raw.replace(b"store.shop.test", b"evil!.shop.test", 1),
        "shorter": b"".join(rows[:5]),
        "next": b"".join([*rows[:10], rows[11]]),
    }
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(changed[change])
    before = list(tail.entries)
    with pytest.raises(UserError) as caught:
        tail.read()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert tail.entries == before


def test_a_followed_journal_that_is_changed_ends_the_following_with_one_line(tmp_path: Path) -> None:
    path = on_disk(tmp_path, a_run()[:16])
    run = FollowedRun.open("abcd1234", tmp_path)
    try:
        assert run.view().phase == "watch"
        assert run.view().read_only.startswith("read-only: this run is carried out by ana@desk")
        assert "nobody carries this run out now" in run.view().message
        # nothing can be asked of it, and that is said
        run.send(Postpone())
        assert run.view().message == run.view().read_only
        path.write_bytes(path.read_bytes().replace(b"127.0.0.3", b"127.0.0.9", 1))
        view = run.wait(lambda view: not view.journal_ok, 5)
        assert "has been changed" in view.message
        until(lambda: not run.alive, 2)
        run.send(Quit())
    finally:
        run.stop()


def a_live_file(path: Path, pid: int, at: float) -> None:
    live = livefile.Live(at, pid, os.uname().nodename, 3, "ab", notice="the name server is down")
    livefile.write(livefile.live_path(path), live)


def test_the_live_file_is_private_and_its_age_is_said(tmp_path: Path) -> None:
    import time

    path = on_disk(tmp_path, a_run()[:16])
    a_live_file(path, os.getpid(), time.time())
    live_path = livefile.live_path(path)
    assert live_path.stat().st_mode & 0o777 == 0o600
    run = FollowedRun.open("abcd1234", tmp_path)
    try:
        assert run.view().message == "the name server is down"
        assert run.worked_on
        a_live_file(path, os.getpid(), time.time() - 60)
        run.wait(lambda view: "last heard of at" in view.message, 3)
        assert not run.worked_on
        a_live_file(path, 2**22 - 3, time.time())
        run.wait(lambda view: "is gone; to go on: pointsman resume abcd1234" in view.message, 3)
        for broken in (b"", b"{", b"[]", b'{"at": 1}', b"\xff\xfe"):
            live_path.write_bytes(broken)
            assert livefile.read(live_path) is None
        run.wait(lambda view: "nobody carries this run out now" in view.message, 3)
    finally:
        run.stop()


def test_there_is_nothing_to_follow(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run none0000"):
        FollowedRun.open("none0000", tmp_path)
    path = run_path("abcd1234", tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    with pytest.raises(UserError, match="journal is empty"):
        FollowedRun.open("abcd1234", tmp_path)
