"""The namespaces with routes, counted no more often than somebody could tell."""

from __future__ import annotations

import operator
import time
from collections import Counter
from collections.abc import Mapping

from ..cluster.refs import ObjectRef

_RECOUNT_S = 1.0


class Namespaces:
    """Remembers the last count: while statuses change all the time the names are the same."""

    def __init__(self) -> None:
        self._of: Mapping[ObjectRef, object] = {}
        self._at = float("-inf")
        self._names: list[str] = []

    def fullest(self, routes: Mapping[ObjectRef, object]) -> list[str]:
        """Those with most routes first. A second old at most, and only where as many routes are there."""
        now = time.monotonic()
        lately = len(self._of) == len(routes) and now - self._at < _RECOUNT_S
        if self._of is not routes and not lately:
            counts = Counter(map(operator.attrgetter("namespace"), routes))
            self._names = sorted(counts, key=lambda name: (-counts[name], name))
            self._of, self._at = routes, now
        return self._names
