"""A disk that fills up or goes read-only, a journal taken away, and a server that talks like a key."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cutover_kit import SmallWorld
from pointsman.checklists.journal import file as journal_module
from pointsman.checklists.journal.file import Journal, read_journal, run_path
from pointsman.checklists.journal.secrecy import blot_secrets, refuse_secrets
from pointsman.checklists.machine.events import Checked, GateChecked, Waived
from pointsman.checklists.plans.load import load_plan
from pointsman.cluster.errors import UserError
from pointsman.probes.verdict import Verdict
from test_cutover_machine import at_the_switch

Break = Callable[[Journal], None]


def full_disk(journal: Journal) -> None:
    """Every write to the journal's descriptor is refused for want of space, by the kernel itself."""
    swap(journal, os.open("/dev/full", os.O_RDWR))


def read_only_disk(journal: Journal) -> None:
    swap(journal, os.open(journal.path, os.O_RDONLY))


def swap(journal: Journal, descriptor: int) -> None:
    os.dup2(descriptor, journal._file.fileno())
    os.close(descriptor)


def taken_away(journal: Journal) -> None:
    journal.path.rename(journal.path.with_suffix(".old"))


def replaced(journal: Journal) -> None:
    content = journal.path.read_bytes()
    journal.path.unlink()
    journal.path.write_bytes(content)


def appended_to(journal: Journal) -> None:
    with journal.path.open("ab") as file:
        file.write(b"{}\n")


BREAKS = [full_disk, read_only_disk, taken_away, replaced, appended_to]


@pytest.mark.parametrize("break_it", BREAKS)
def test_a_journal_that_cannot_be_kept_says_so_each_time(tmp_path: Path, break_it: Break) -> None:
    journal = Journal.create("abcd1234", tmp_path)
    events = at_the_switch()
    journal.append(events[0])
    break_it(journal)
    for event in events[1:3]:
        with pytest.raises(UserError, match="abcd1234"):
            journal.append(event)
    assert len(journal) == 1
    assert not journal.intact()
    journal.close()


def test_after_a_full_disk_the_same_journal_can_be_read_and_held_again(tmp_path: Path) -> None:
    journal = Journal.create("abcd1234", tmp_path)
    events = at_the_switch()
    journal.append(events[0])
    full_disk(journal)
    with pytest.raises(UserError):
        journal.append(events[1])
    journal.close()
    again = Journal.open("abcd1234", tmp_path)
    again.append(events[1])
    again.close()
    assert len(read_journal(again.path)) == 2


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "_LARGEST_LINE", 20_000)
    journal = Journal.create("abcd1234", tmp_path)
    journal.append(at_the_switch()[0])
    with pytest.raises(UserError, match="too long"):
        journal.append(Waived(1.0, "first", Verdict.WARN, "x" * 20_000))
    assert len(read_journal(journal.path)) == 1
    journal.close()


HEADER = 'www-authenticate: Bearer authorization_uri="https://login.test"'


def test_what_a_server_says_is_blotted_out_where_it_looks_like_a_secret(tmp_path: Path) -> None:
    plain = {"summary": "401", "evidence": [HEADER, "fine"], "deep": {"a": ["-----BEGIN PRIVATE KEY-----"]}}
    clean = blot_secrets(plain)
    refuse_secrets(clean)
    assert clean["summary"] == "401"
    assert clean["evidence"][1] == "fine"
    assert "authorization_uri" not in str(clean)
    # the journal itself goes on refusing: the last line of defence
    journal = Journal.create("abcd1234", tmp_path)
    first, second = at_the_switch()[:2]
    journal.append(first)
    assert isinstance(second, GateChecked)
    with pytest.raises(UserError, match="secret"):
        journal.append(replace(second, results=(Checked("first", Verdict.FAIL, HEADER),)))
    journal.close()


@pytest.mark.parametrize("run_id", ["abcd1234\n", "../abcd1234", "abcd1234\x00", ""])
def test_a_run_id_is_never_more_than_a_name(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(UserError, match="not a run id"):
        run_path(run_id, tmp_path)


def test_a_name_that_could_never_be_typed_is_refused(dns_world: SmallWorld) -> None:
    for name in ('"store\\n"', '"st ore"'):
        text = dns_world.plan_text().replace("name: store\n", f"name: {name}\n")
        path = dns_world.directory / "strange.yaml"
        path.write_text(text)
        with pytest.raises(UserError, match="name"):
            load_plan(path)
