"""Keys in temporary files: gone when the process is, at the latest when the next one begins."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from pointsman.cluster.client.private_files import private_directory


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def _ended_process() -> int:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    return child.pid


@pytest.mark.parametrize("kind", ["", "practice-"])
def test_what_a_killed_process_left_is_removed(temporary: Path, kind: str) -> None:
    left = temporary / f"pointsman-{kind}{_ended_process()}-abc"
    left.mkdir()
    (left / "user-client-key").write_text("a key")
    made = private_directory()
    assert not left.exists()
    assert made.is_dir()
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_living_processes_other_names_and_links_are_left_alone(temporary: Path) -> None:
    living = temporary / f"pointsman-{os.getppid()}-abc"
    other = temporary / "pointsman-practice-abc"
    target = temporary / "kept"
    for folder in (living, other, target):
        folder.mkdir()
    (target / "file").write_text("x")
    link = temporary / f"pointsman-{_ended_process()}-link"
    link.symlink_to(target)
    private_directory()
    assert living.exists()
    assert other.exists()
    assert (target / "file").exists()
