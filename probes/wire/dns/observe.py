"""Asks every authoritative server and every resolver about names, each by itself, over shared sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

from .answers import DnsAnswer
from .ask import Asker, not_asked
from .facts import AUTHORITATIVE, RESOLVER, DnsFacts, DnsTarget
from .lanes import Clock
from .reading import server_facts, server_or_reason
from .servers import Server
from .wire import Question

_WIDE_AT_ONCE = 16


async def observe(target: DnsTarget) -> DnsFacts:
    """Asks all servers at once. Never raises for what the network or a server does: see
    ``DnsAnswer.error``.
    """
    (facts,) = await observe_many((target,))
    return facts


async def observe_many(
    targets: Sequence[DnsTarget], on_done: Callable[[DnsFacts], None] | None = None
) -> tuple[DnsFacts, ...]:
    """Asks about all targets over the same sockets; the facts in the targets' order.

    Each target's deadline counts from its first question. ``on_done`` is called in the loop with each
    target's facts as they are complete. Only one ``ca_file`` can be used: the first that is named.
    """
    ca_file = next((target.ca_file for target in targets if target.ca_file), "")
    found: list[DnsFacts | None] = [None] * len(targets)

    def finished(number: int, facts: DnsFacts) -> None:
        found[number] = facts
        if on_done is not None:
            on_done(facts)

    async with Asker(ca_file) as asker:
        gate = asyncio.Semaphore(_WIDE_AT_ONCE)
        zones: dict[tuple[str, str], asyncio.Future[DnsAnswer]] = {}
        plain: list[asyncio.Future[None]] = []
        async with asyncio.TaskGroup() as group:
            for number, target in enumerate(targets):
                done = partial(finished, number)
                if target.walk or target.extras:
                    group.create_task(_wide(target, asker, gate, done))
                else:
                    plain.append(_Gathering(target, asker, zones, done).ready)
            for ready in plain:
                await ready
    return tuple(facts for facts in found if facts is not None)


class _Gathering:
    """One target's plain questions. No task of its own: for many names that would cost more than asking."""

    def __init__(
        self,
        target: DnsTarget,
        asker: Asker,
        zones: dict[tuple[str, str], asyncio.Future[DnsAnswer]],
        done: Callable[[DnsFacts], None],
    ) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._target = target
        self._done = done
        self._at, self._started = time.time(), time.monotonic()
        self._clock = Clock(target.deadline_s)
        self._asked = [(text, AUTHORITATIVE) for text in target.authoritative]
        self._asked += [(text, RESOLVER) for text in target.resolvers]
        width = len(target.types)
        self._answers: list[list[DnsAnswer | None]] = [[None] * width for _ in self._asked]
        self._soas: list[DnsAnswer | None] = [None] * len(self._asked)
        # one more than there are questions, so that answers at once cannot end it before all are asked
        self._left = 1
        for number, (text, kind) in enumerate(self._asked):
            server = server_or_reason(text)
            for place, type_name in enumerate(target.types):
                question = Question(target.name, type_name, recurse=kind == RESOLVER)
                self._ask(asker, server, question, self._answers[number], place)
            if kind == AUTHORITATIVE:
                self._ask_soa(asker, text, server, number, zones)
        self._one_less()

    def _ask(
        self, asker: Asker, server: Server | str, question: Question, into: list[DnsAnswer | None], place: int
    ) -> None:
        self._left += 1

        def come(answer: DnsAnswer) -> None:
            into[place] = answer
            self._one_less()

        if isinstance(server, str):
            come(not_asked(question, server))
        else:
            asker.submit(server, question, self._target.timeout_s, self._clock, come)

    def _ask_soa(
        self,
        asker: Asker,
        text: str,
        server: Server | str,
        number: int,
        zones: dict[tuple[str, str], asyncio.Future[DnsAnswer]],
    ) -> None:
        """The SOA; a zone that is named is asked once a server for all its names."""
        zone = self._target.zone
        question = Question(zone or self._target.name, "SOA", sections=True)
        if not zone:
            self._ask(asker, server, question, self._soas, number)
            return
        shared = zones.get((text, zone))
        if shared is None:
            shared = zones[text, zone] = asyncio.get_running_loop().create_future()
            if isinstance(server, str):
                shared.set_result(not_asked(question, server))
            else:
                asker.submit(server, question, self._target.timeout_s, self._clock, shared.set_result)
        self._left += 1
        self._soas[number] = None

        def come(future: asyncio.Future[DnsAnswer]) -> None:
            if not future.cancelled():
                self._soas[number] = future.result()
                self._one_less()

        if shared.done():
            come(shared)
        else:
            shared.add_done_callback(come)

    def _one_less(self) -> None:
        self._left -= 1
        if self._left or self.ready.done():
            return
        servers = tuple(
            server_facts(text, kind, self._answers[number], self._soas[number])
            for number, (text, kind) in enumerate(self._asked)
        )
        elapsed = round((time.monotonic() - self._started) * 1000, 3)
        self._done(DnsFacts(self._target, servers, at=self._at, elapsed_ms=elapsed))
        self.ready.set_result(None)


async def _wide(
    target: DnsTarget, asker: Asker, gate: asyncio.Semaphore, done: Callable[[DnsFacts], None]
) -> None:
    # whoever only asks for records has no need of the walk
    from .wide import observe_widely

    async with gate:
        done(await observe_widely(target, asker))
