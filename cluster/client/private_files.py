"""Private files that TLS libraries insist on, and that nobody is to find later, even after a kill -9."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

# a practice world that was killed left its own, whole of practice keys
_NAME = re.compile(r"^pointsman-(?:practice-)?(\d+)-")


def private_directory() -> Path:
    """A new directory of mode 0700 named after this process; first goes what ended ones of ours left."""
    _sweep(Path(tempfile.gettempdir()))
    return Path(tempfile.mkdtemp(prefix=f"pointsman-{os.getpid()}-"))


def _sweep(parent: Path) -> None:
    with contextlib.suppress(OSError):
        for entry in parent.iterdir():
            found = _NAME.match(entry.name)
            if found and _is_ours(entry) and not _is_alive(int(found[1])):
                shutil.rmtree(entry, ignore_errors=True)


def _is_ours(path: Path) -> bool:
    try:
        return path.lstat().st_uid == os.getuid() and path.is_dir() and not path.is_symlink()
    except OSError:
        return False


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # somebody else's process has that number now
        return True
    return True
