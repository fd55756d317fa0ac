"""A short journal damaged in every way: each byte changed, each length cut, and what is made of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pointsman.checklists.journal.file import Journal, read_journal, verify_lines
from pointsman.checklists.machine.advance import fold
from pointsman.cluster.errors import UserError
from test_cutover_machine import at_the_switch

KEPT = 5


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("short")
    journal = Journal.create("abcd1234", directory)
    for event in at_the_switch()[:KEPT]:
        journal.append(event)
    journal.close()
    return journal.path


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80, 0x0A])
def test_a_change_of_any_byte_is_refused_or_leaves_a_torn_last_line(short: Path, flip: int) -> None:
    whole = short.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] = 0x0A if flip == 0x0A else changed[place] ^ flip
        if changed == whole:
            continue
        line = whole.count(b"\n", 0, place) + 1
        if place == len(whole) - 1:
            # only the last newline can go without a trace: then the last line is as good as torn
            entries, good = verify_lines(bytes(changed), short)
            assert len(entries) == KEPT - 1
            assert good == len(b"".join(whole.splitlines(keepends=True)[:-1]))
            continue
        # where a newline is gone, two lines are one, and the next one's number does not fit
        with pytest.raises(UserError, match=rf":({line}|{line + 1}): the journal was changed") as caught:
            verify_lines(bytes(changed), short)
        assert "nothing is done on it" in caught.value.mend


def test_a_cut_at_any_length_is_repaired_to_the_whole_lines(short: Path, tmp_path: Path) -> None:
    whole = short.read_bytes()
    states = [fold(at_the_switch()[:count]) for count in range(1, KEPT + 1)]
    runs = tmp_path / "runs"
    runs.mkdir()
    for length in range(len(whole)):
        kept = whole[:length].count(b"\n")
        entries, good = verify_lines(whole[:length], short)
        assert len(entries) == kept
        assert good == whole.rfind(b"\n", 0, length) + 1
        if length % 53 == 0 and kept:
            path = runs / "abcd1234.jsonl"
            path.write_bytes(whole[:length])
            journal = Journal.open("abcd1234", tmp_path)
            assert fold(journal.events) == states[kept - 1]
            # what was torn off is kept beside it, and the next event follows as if nothing had been
            assert (Path(journal.repaired).read_bytes() if journal.repaired else b"") == whole[good:length]
            if kept < KEPT:
                journal.append(at_the_switch()[kept])
            journal.close()
            assert fold(entry.event for entry in read_journal(path)) == states[min(kept, KEPT - 1)]
            shutil.rmtree(runs)
            runs.mkdir()


def test_lines_put_in_left_out_repeated_or_swapped_are_refused(short: Path) -> None:
    lines = short.read_bytes().splitlines(keepends=True)
    for at in range(KEPT - 1):
        for wrong in (
            [*lines[:at], *lines[at + 1 :]],
            [*lines[: at + 1], *lines[at:]],
            [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]],
            [*lines[:at], b"{}\n", *lines[at:]],
        ):
            with pytest.raises(UserError, match="the journal was changed"):
                verify_lines(b"".join(wrong), short)
