"""The standard streams where they are closed, full, or nobody reads them."""

from __future__ import annotations

import errno
import os
import sys

from .commands.options import INCONCLUSIVE, USAGE

_OF_OUTPUT = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.ENXIO, errno.EPIPE)
)


def open_what_is_closed() -> None:
    """Let nothing that is opened later, such as a journal, be taken for a standard stream that was closed."""
    for number, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # the lowest free number is given
            os.open(os.devnull, mode)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def write_no_more() -> None:
    """Keep the interpreter from complaining at its end of what it could not write."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def refused(error: OSError) -> tuple[str, int]:
    """What the system did not let us do, in one line, and the exit code. Raises what is a defect of ours."""
    why = error.strerror or type(error).__name__
    if error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {why}; check its rights", USAGE
    if error.errno not in _OF_OUTPUT:
        raise error
    return f"the output cannot be written: {why}; what it would have said is not known", INCONCLUSIVE
