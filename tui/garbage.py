"""How often Python looks for what only refers to itself: seldom while a cluster loads, then in small steps.

What is read of a cluster holds no cycles, and looking through a million of its objects again and again took
half of the time until everything was judged. A screen that was left is nothing but cycles, and stays until
somebody looks.
"""

from __future__ import annotations

import gc

_WHILE_LOADING = 50_000, 20, 100
_ONCE_LOADED = 5_000, 5, 5


def look_seldom() -> None:
    """While much is read that stays."""
    gc.unfreeze()
    gc.set_threshold(*_WHILE_LOADING)


def look_often() -> None:
    """Once it was read: from now on only what is new is looked through, which costs some milliseconds.

    What is there now is looked through once (0.1 to 0.3 s), then never again until ``look_seldom``; it is let
    go like anything else as soon as nothing refers to it, unless it refers to itself.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_ONCE_LOADED)
