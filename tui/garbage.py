"""How often Python looks for what only refers to itself: seldom while a cluster loads, then in small steps.

What is read of a cluster holds no cycles, and looking through a million of its objects again and again took
half of the time until everything was judged. A screen that was left is nothing but cycles, and stays until
somebody looks.
"""

from __future__ import annotations

import gc

_WHILE_LOADING = 50_000, 20, 100
_ONCE_LOADED = 5_000, 5, 5


class Collector:
    """Of this process: its methods are called as clusters are read and left."""

    def __init__(self) -> None:
        self._any_left = False

    def look_seldom(self) -> None:
        """While much is read that stays."""
        gc.set_threshold(*_WHILE_LOADING)

    def leave(self) -> None:
        """The cluster that was read is left for another one."""
        self._any_left = True
        gc.unfreeze()
        self.look_seldom()

    def look_often(self) -> None:
        """Once it was read: from now on only what is new is looked through, which costs some milliseconds.

        What is there now is not looked through again until ``leave``; it is let go like anything else as soon
        as nothing refers to it, unless it refers to itself. Of a cluster that was left before, what refers to
        itself goes here: that takes 0.1 to 0.3 s, and so is not done where somebody waits for the first one.
        """
        if self._any_left:
            gc.collect()
            self._any_left = False
        gc.freeze()
        gc.set_threshold(*_ONCE_LOADED)
