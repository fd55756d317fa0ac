"""Writing a file that somebody asked for: whole or not at all, for nobody else's eyes, never over another."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from ...cluster.errors import UserError
from ...cluster.text import clean


def write_new(path: Path, text: str, *, force: bool = False) -> None:
    """``text`` as UTF-8 into ``path`` (0600), in one step. UserError: it is there, or the disk refuses."""
    shown = clean(path)
    if not force and os.path.lexists(path):
        raise _there(shown)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
        if force:
            os.replace(beside, path)
        else:
            # unlike a rename, a link never takes the place of what somebody put there meanwhile
            os.link(beside, path, follow_symlinks=False)
    except FileExistsError:
        raise _there(shown) from None
    except OSError as error:
        raise UserError(f"{shown}: cannot be written: {error.strerror}", "choose another place") from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def _there(shown: str) -> UserError:
    return UserError(f"{shown} is there already", "choose another name, or give --force")
