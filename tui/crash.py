"""What is kept of an error of our own, for a report."""

from __future__ import annotations


def kept_crash(trace: str) -> str:
    """Write the trace to the state directory; what to say of it, empty where it could not be written."""
    from ..checklists.journal.file import state_directory

    try:
        file = state_directory() / "crash.txt"
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        file.write_text(trace)
    except OSError:
        return ""
    return f"; the trace is in {file}"
