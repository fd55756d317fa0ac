"""What looks like a key or a token never goes into a journal: blotted out in answers, refused elsewhere."""

from __future__ import annotations

import re
from typing import Any

from ...cluster.errors import UserError

_LOOKS_SECRET = re.compile(r"PRIVATE KEY-----|\bBearer [A-Za-z0-9._-]{12,}|\bsecret\s+\"", re.IGNORECASE)
_SECRET_FIELDS = frozenset({"secret", "password", "token", "tsig_key", "private_key", "authorization"})
_BLOT = "(left out: it looks like a secret)"


def refuse_secrets(plain: Any) -> None:
    """UserError where a value looks like a key, or a field is named like one. The value is not quoted."""
    if isinstance(plain, dict):
        for name, value in plain.items():
            if str(name).lower() in _SECRET_FIELDS:
                raise UserError(
                    f"field {name} does not go into a journal", "this is a defect: please report it"
                )
            refuse_secrets(value)
    elif isinstance(plain, list | tuple):
        for value in plain:
            refuse_secrets(value)
    elif isinstance(plain, str) and _LOOKS_SECRET.search(plain):
        raise UserError(
            "a text that looks like a secret does not go into a journal", "remove it from the plan"
        )


def blot_secrets(plain: Any) -> Any:
    """``plain`` with each text that looks like a secret left out: what a server says must not end a run."""
    if isinstance(plain, dict):
        return {
            f"{name}, left out" if str(name).lower() in _SECRET_FIELDS else name: (
                _BLOT if str(name).lower() in _SECRET_FIELDS else blot_secrets(value)
            )
            for name, value in plain.items()
        }
    if isinstance(plain, list | tuple):
        return [blot_secrets(value) for value in plain]
    return _BLOT if isinstance(plain, str) and _LOOKS_SECRET.search(plain) else plain
