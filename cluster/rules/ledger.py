"""Answers that remember what they were worked out from, and are worked out again only when that changes.

With ten thousand routes one changed object concerns a handful of answers. Each answer (a node) notes what it
reads, inputs and other answers alike. A changed input renews those that read it, lowest first; an answer
that comes out the same as before stops there. This is how incremental build systems do it (Mokhov, Mitchell
and Peyton Jones, Build Systems à la Carte, 2018: dynamic dependencies with early cutoff).

One thread works with a ledger at a time.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterable
from itertools import count
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Node:
    """One answer. ``rank`` is one more than the highest rank of the answers that it reads."""

    __slots__ = ("dirty", "key", "query", "rank", "readers", "reads", "value")

    def __init__(self, query: Query[Any, Any], key: Hashable) -> None:
        self.query = query
        self.key = key
        self.value: Any = None
        self.reads: tuple[Hashable, ...] = ()
        self.readers: list[_Node] = []
        self.rank = 0
        self.dirty = True


class Query(Generic[K, V]):
    """A question with one answer for each key. ``work`` must be pure but for what it reads through the
    ledger. ``changed`` collects the keys whose answer has changed since the caller last cleared it."""

    def __init__(self, ledger: Ledger, work: Callable[[K], V]) -> None:
        self.work = work
        self.changed: set[K] = set()
        self.nodes: dict[K, _Node] = {}
        self._ledger = ledger

    def __call__(self, key: K) -> V:
        """The answer, worked out where it is not known."""
        node = self.nodes.get(key)
        if node is None:
            node = self.nodes[key] = _Node(self, key)
        if node.dirty:
            self._ledger.renew(node)
        reading = self._ledger.reading
        if reading is not None:
            reading[node] = None
        answer: V = node.value
        return answer

    def forget(self, key: K) -> None:
        """Drop an answer that nobody will ask for again."""
        node = self.nodes.get(key)
        if node is not None and not node.readers:
            self._ledger.drop(node)


class Ledger:
    """All answers and who reads what. ``renewals`` counts how often an answer was worked out.

    ``reading`` is what the answer in the making has read so far; None while there is none. Whoever hands out
    an input adds its key there: no method does, because it happens a million times.
    """

    def __init__(self) -> None:
        self.renewals = 0
        self._readers: dict[Hashable, list[_Node]] = {}
        self.reading: dict[Hashable, None] | None = None
        self._waiting: list[tuple[int, int, _Node]] = []
        self._turn = count()

    def change(self, inputs: Iterable[Hashable]) -> None:
        """``inputs`` are no longer what they were: renew every answer that this concerns."""
        for key in inputs:
            self._mark(self._readers.get(key, ()))
        while self._waiting:
            node = heapq.heappop(self._waiting)[2]
            if node.dirty and node.query.nodes.get(node.key) is node:
                self.renew(node)

    def drop(self, node: _Node) -> None:
        """Forget an answer, and those that only it has read."""
        node.query.nodes.pop(node.key, None)
        for key in node.reads:
            self._leave(node, key)
        node.reads = ()

    def _mark(self, nodes: Iterable[_Node]) -> None:
        for node in nodes:
            if not node.dirty:
                node.dirty = True
                heapq.heappush(self._waiting, (node.rank, next(self._turn), node))

    def renew(self, node: _Node) -> None:
        """Work an answer out anew; those that read it follow where it has changed."""
        self.renewals += 1
        outer, self.reading = self.reading, {}
        try:
            value = node.query.work(node.key)
            reads = self.reading
        finally:
            self.reading = outer
        self._register(node, reads)
        node.dirty = False
        if value is not node.value and value != node.value:
            node.value = value
            node.query.changed.add(node.key)
            self._mark(node.readers)

    def _register(self, node: _Node, reads: dict[Hashable, None]) -> None:
        before = node.reads
        node.reads = tuple(reads)
        if before == node.reads:
            return
        known = set(before)
        for key in node.reads:
            if type(key) is _Node:
                if key.rank >= node.rank:
                    node.rank = key.rank + 1
                if key not in known:
                    key.readers.append(node)
            elif key not in known:
                readers = self._readers.get(key)
                if readers is None:
                    self._readers[key] = [node]
                else:
                    readers.append(node)
        for key in before:
            if key not in reads:
                self._leave(node, key)

    def _leave(self, node: _Node, key: Hashable) -> None:
        if type(key) is _Node:
            key.readers.remove(node)
            if not key.readers:
                # nobody reads it any more; whoever does next works it out anew
                self.drop(key)
            return
        readers = self._readers[key]
        readers.remove(node)
        if not readers:
            del self._readers[key]
