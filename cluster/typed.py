"""Learning a type once, on one thread.

msgspec publishes what it knows of a type before that is whole: a second thread that meets the type in the
middle, or one that both hold, ends the process with a segmentation fault (seen with 0.22).
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

LEARNING = threading.Lock()
_learned: set[Any] = set()


def convert(plain: object, kind: type[T], *, strict: bool = True) -> T:
    """``msgspec.convert``, safe where several threads meet ``kind`` for the first time.

    Raises msgspec.ValidationError where ``plain`` does not fit.
    """
    if kind not in _learned:
        with LEARNING:
            msgspec.json.Decoder(kind)
            _learned.add(kind)
    return msgspec.convert(plain, kind, strict=strict)
