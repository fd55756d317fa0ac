"""How many requests of this process went to an address, by host: what has to be taken off a side's own count.

Every HTTP request of Pointsman goes through ``Session``, and every ``Session`` notes it here, whoever asked:
the watch, a gate's checks, a checklist on another screen. Only addresses that somebody follows are counted.
Safe to use from several threads and event loops.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

_NAP_S = 0.02
_LONGEST_HUSH_S = 10.0
# those who waited together do not go on in one burst
_SPREAD = 0.5


@dataclass(frozen=True, slots=True)
class Tally:
    """Requests for one host. ``answered``: a status came, so the other side counts it, for certain.

    ``unanswered`` left and had no answer, so the other side may have counted it or not; ``under_way`` have
    begun and not ended. What never left (no connection, no TLS) is in none of them.
    """

    answered: int = 0
    unanswered: int = 0
    under_way: int = 0


class Followed:
    """The requests to ``addresses`` from now on, until ``close``."""

    def __init__(self, ledger: Ledger, addresses: Iterable[str]) -> None:
        self.addresses = frozenset(addresses)
        self._ledger = ledger
        self._answered: Counter[str] = Counter()
        self._unanswered: Counter[str] = Counter()
        self._under_way: Counter[str] = Counter()

    def tallies(self) -> Mapping[str, Tally]:
        """By host, lower case."""
        with self._ledger.lock:
            hosts = {*self._answered, *self._unanswered, *self._under_way}
            return {
                host: Tally(self._answered[host], self._unanswered[host], self._under_way[host])
                for host in hosts
            }

    @contextmanager
    def hushed(self) -> Iterator[None]:
        """Inside, requests that have not begun wait (ten seconds at most): so that a count can be exact."""
        self._ledger.hush(self.addresses, +1)
        try:
            yield
        finally:
            self._ledger.hush(self.addresses, -1)

    async def silence(self, most_s: float) -> None:
        """Until none is under way, or ``most_s`` seconds have passed."""
        deadline = time.monotonic() + most_s
        while time.monotonic() < deadline and self._busy():  # noqa: ASYNC110
            await asyncio.sleep(_NAP_S)

    def _busy(self) -> bool:
        return any(one.under_way for one in self.tallies().values())

    def close(self) -> None:
        """No more is counted."""
        self._ledger.forget(self)

    def note(self, host: str, began: int = 0, answered: int = 0, unanswered: int = 0) -> None:
        """Called by the ledger, which holds the lock."""
        self._under_way[host] += began
        self._answered[host] += answered
        self._unanswered[host] += unanswered


class Ledger:
    """All requests of this process to addresses that are followed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._followers: tuple[Followed, ...] = ()
        self._hushed: Counter[str] = Counter()

    def follow(self, addresses: Iterable[str]) -> Followed:
        """Count the requests to these addresses (IP literals) from now on."""
        followed = Followed(self, addresses)
        with self.lock:
            self._followers = (*self._followers, followed)
        return followed

    def forget(self, followed: Followed) -> None:
        """The end of ``follow``."""
        with self.lock:
            self._followers = tuple(one for one in self._followers if one is not followed)

    def hush(self, addresses: Iterable[str], change: int) -> None:
        """One more, or one less, who wants no request to these addresses to begin."""
        with self.lock:
            for address in addresses:
                self._hushed[address] += change
                if not self._hushed[address]:
                    del self._hushed[address]

    async def turn(self, address: str) -> None:
        """Before a request begins: waits while its address is hushed."""
        if address not in self._hushed:
            return
        began = time.monotonic()
        # who hushes may live in another event loop, and cannot set an event of this one
        while address in self._hushed and time.monotonic() - began < _LONGEST_HUSH_S:  # noqa: ASYNC110
            await asyncio.sleep(_NAP_S)
        await asyncio.sleep(random.random() * _SPREAD * (time.monotonic() - began))  # noqa: S311 - no secret

    @contextmanager
    def sending(self, address: str, host: str) -> Iterator[Fate]:
        """Around one request; what became of it is told to the ``Fate``. Without a word it is unanswered."""
        fate = Fate()
        followers = [one for one in self._followers if address in one.addresses]
        name = host.rstrip(".").lower()
        if followers:
            with self.lock:
                for one in followers:
                    one.note(name, began=1)
        try:
            yield fate
        finally:
            if followers:
                with self.lock:
                    for one in followers:
                        one.note(name, -1, fate.answered, fate.unanswered)


@dataclass(slots=True)
class Fate:
    """What became of one request of a ``Session``, which may have been sent twice (a kept connection)."""

    answered: int = 0
    unanswered: int = 1


SENT = Ledger()
"""This process's own."""
