"""Many watches begin at once: each kind's first object is decoded on a thread of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_first_objects_on_many_threads_at_once() -> None:
    child = [sys.executable, str(Path(__file__).with_name("decode_race_child.py")), "20"]
    ended = subprocess.run(child, capture_output=True, text=True, timeout=60)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("", "", 0)
