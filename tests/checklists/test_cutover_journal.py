from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pointsman.checklists.journal.file import (
    Journal,
    latest_unfinished,
    list_runs,
    new_run_id,
    read_journal,
    state_directory,
)
from pointsman.checklists.machine.advance import fold
from pointsman.checklists.machine.events import Waived
from pointsman.cluster.errors import UserError
from pointsman.probes.verdict import Verdict
from test_cutover_machine import at_the_switch


def written(directory: Path, run_id: str = "abcd1234") -> Path:
    journal = Journal.create(run_id, directory)
    for event in at_the_switch():
        journal.append(event)
    journal.close()
    return journal.path


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    path = written(tmp_path)
    journal = Journal.open("abcd1234", tmp_path)
    assert fold(journal.events) == fold(at_the_switch())
    assert len(journal) == len(at_the_switch())
    assert journal.intact()
    journal.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_torn_last_line_is_set_aside_and_the_run_goes_on(tmp_path: Path, cut: int) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    journal = Journal.open("abcd1234", tmp_path)
    assert len(journal) == len(at_the_switch()) - 1
    assert Path(journal.repaired).exists()
    journal.append(at_the_switch()[-1])
    journal.close()
    assert path.read_bytes() == whole


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    line_ends = [index for index, byte in enumerate(whole) if byte == 10]
    for place in range(0, len(whole) - 1, 37):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(bytes(changed))
        number = sum(end < place for end in line_ends) + 1
        if changed.count(b"\n") == whole.count(b"\n") or place not in line_ends:
            with pytest.raises(UserError, match=rf":({number}|{number + 1}): the journal was changed"):
                Journal.open("abcd1234", tmp_path)


def test_a_removed_and_a_swapped_line_are_noticed(tmp_path: Path) -> None:
    path = written(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], *lines[4:]]))
    with pytest.raises(UserError, match=r":4: the journal was changed"):
        read_journal(path)
    path.write_bytes(b"".join([lines[0], lines[2], lines[1], *lines[3:]]))
    with pytest.raises(UserError, match=r":2: the journal was changed"):
        read_journal(path)


def test_a_torn_line_in_the_middle_is_not_repaired(tmp_path: Path) -> None:
    path = written(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[1][:30] + b"\n", *lines[2:]]))
    with pytest.raises(UserError, match=":2:"):
        Journal.open("abcd1234", tmp_path)


def test_a_second_opener_is_told(tmp_path: Path) -> None:
    written(tmp_path)
    journal = Journal.open("abcd1234", tmp_path)
    with pytest.raises(UserError, match="held by another"):
        Journal.open("abcd1234", tmp_path)
    code = (
        "from pathlib import Path; import sys\n"
        "from pointsman.checklists.journal.file import Journal\n"
        "from pointsman.cluster.errors import UserError\n"
        "try: Journal.open('abcd1234', Path(sys.argv[1]))\n"
        "except UserError as error: print(error)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=30
    )
    assert "held by another" in said.stdout
    journal.close()
    Journal.open("abcd1234", tmp_path).close()


def test_what_looks_like_a_secret_is_refused(tmp_path: Path) -> None:
    journal = Journal.create(new_run_id(), tmp_path)
    for text in ("-----BEGIN EC PRIVATE KEY-----", "Bearer abcdefghijklmnop", 'secret "c2VjcmV0";'):
        with pytest.raises(UserError) as caught:
            journal.append(Waived(1.0, "a", Verdict.WARN, text))
        assert text not in str(caught.value)
    journal.close()
    assert journal.path.read_bytes() == b""


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    journal = Journal.create("abcd1234", tmp_path)
    events = at_the_switch()
    journal.append(events[0])
    before = journal.path.read_bytes()
    # the file size limit is the closest thing to a full disk that needs no rights
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from pointsman.checklists.machine.events import ChecksAsked\n"
        "from pointsman.checklists.journal.file import Journal\n"
        "from pointsman.cluster.errors import UserError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "journal = Journal.open('abcd1234', Path(sys.argv[1]))\n"
        "size = journal.path.stat().st_size\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, size + 20))\n"
        "try: journal.append(ChecksAsked(1.0, 'x' * 200))\n"
        "except UserError as error: print('REFUSED', error)\n"
    )
    journal.close()
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=30
    )
    assert said.stdout.startswith("REFUSED"), said.stderr
    assert journal.path.read_bytes() == before


def test_runs_are_listed_and_the_unfinished_one_found(tmp_path: Path) -> None:
    written(tmp_path, "aaaa1111")
    broken = written(tmp_path, "bbbb2222")
    broken.write_bytes(broken.read_bytes().replace(b"store.shop", b"stare.shop", 1))
    runs = {run.run_id: run for run in list_runs(tmp_path)}
    assert runs["aaaa1111"].phase == "confirm"
    assert runs["aaaa1111"].unfinished
    assert "was changed" in runs["bbbb2222"].problem
    found = latest_unfinished(tmp_path)
    assert found is not None
    assert found.run_id == "aaaa1111"


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a b", "x" * 60, "RUN"])
def test_a_run_id_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError):
        Journal.open(name, tmp_path)


def test_the_directory_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTSMAN_STATE_DIR", str(tmp_path / "x"))
    assert state_directory() == tmp_path / "x"
    Journal.create("abcd1234").close()
    assert os.listdir(tmp_path / "x" / "runs") == ["abcd1234.jsonl"]
