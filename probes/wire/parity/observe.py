"""Asks both sides, old and new and old again, gently; asks again until decided; shrinks what differs."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from ....cluster.text import clean
from ..http.answer import Answer
from ..http.facts import HttpFacts
from ..http.observe import Session
from . import judge
from .differences import Difference, told
from .facts import Answers, ParityFacts, Round, Seen
from .fields import seen
from .question import STREAM, Question, Side, request_to
from .shrink import shrink

# so many failures of a side in a row end it: a comparison must not add to an outage
STORM = 20
_MOST_SHRUNK = 12
_ASKS_TO_SHRINK = 24


@dataclass(frozen=True, slots=True)
class Pace:
    """How much and how fast. ``rate_per_s`` counts the requests to both sides together.

    Every question gets ``rounds``; one whose difference is not decided gets up to ``most_rounds``.
    ``deadline_s`` bounds everything, in seconds.
    """

    rounds: int = 2
    most_rounds: int = 30
    rate_per_s: float = 20.0
    concurrency: int = 4
    deadline_s: float = 600.0
    shrinks: bool = True


def _has_begun(answer: Answer) -> bool:
    # a stream has no end to wait for: what counts is when its first event comes
    return answer.body.size > 0


@dataclass(frozen=True, slots=True)
class Step:
    """How far it is: ``doing`` is asking, asking again or shrinking."""

    doing: str
    done: int
    of: int
    requests: int


OnStep = Callable[[Step], None]


@dataclass
class _Asker:
    """Both sides' sessions, the pace, and what is known of each side's health."""

    old: Side
    new: Side
    pace: Pace
    sessions: dict[str, Session]
    gate: asyncio.Semaphore
    next_at: float = 0.0
    requests: int = 0
    bad: dict[str, int] = field(default_factory=lambda: {"old": 0, "new": 0})
    tell: OnStep = lambda step: None
    stopped: str = ""

    async def round(self, question: Question) -> Round | None:
        """Old, new, and old again; None once asking was stopped."""
        if self.stopped:
            return None
        old = await self._ask(question, self.old)
        new = await self._ask(question, self.new)
        again = await self._ask(question, self.old)
        self._look_at_storm()
        return Round(old, new, again)

    async def _ask(self, question: Question, side: Side) -> Seen:
        await self._wait()
        self.requests += 1
        try:
            enough = _has_begun if question.variant == STREAM else None
            facts, _ = await self.sessions[side.name].ask(request_to(question, side), enough)
        except ValueError as error:
            return Seen(None, {"status": "request"}, "request", clean(error, 160))
        found = seen(facts, question)
        self._count(side, facts)
        return found

    def _count(self, side: Side, facts: HttpFacts) -> None:
        failed = facts.error in ("refused", "timeout", "reset", "unreachable")
        failed = failed or (facts.status is not None and facts.status >= 500)
        self.bad[side.name] = self.bad[side.name] + 1 if failed else 0

    def _look_at_storm(self) -> None:
        for name, count in self.bad.items():
            if count >= STORM:
                self.stopped = f"the last {count} answers of the {name} side were all failures"

    async def _wait(self) -> None:
        now = time.monotonic()
        at = max(self.next_at, now)
        self.next_at = at + 1 / max(self.pace.rate_per_s, 0.01)
        if at > now:
            await asyncio.sleep(at - now)


async def observe(
    questions: Sequence[Question],
    old: Side,
    new: Side,
    pace: Pace | None = None,
    on_step: OnStep | None = None,
    *,
    policy: judge.Policy | None = None,
) -> ParityFacts:
    """Asks every question of both sides. Never raises for what the network or a side does.

    Raises UserError where a roots file cannot be read.
    """
    used = pace or Pace()
    started = time.monotonic()
    opened: list[Session] = []
    rounds: list[deque[Round]] = [deque() for _ in questions]
    minimal: dict[str, Question] = {}
    stopped = ""
    try:
        sessions = {}
        for side in (old, new):
            sessions[side.name] = Session(side.ca_file)
            opened.append(sessions[side.name])
        asker = _Asker(old, new, used, sessions, asyncio.Semaphore(max(1, used.concurrency)))
        if on_step is not None:
            asker.tell = on_step
        run = _Run(asker, tuple(questions), rounds, policy or judge.Policy(), minimal)
        deadline = asyncio.timeout(used.deadline_s)
        try:
            async with deadline:
                await run.all()
        except TimeoutError:
            if not deadline.expired():
                raise
            stopped = f"the deadline of {used.deadline_s:g} s has passed"
        else:
            stopped = asker.stopped
    finally:
        for session in opened:
            await session.aclose()
    elapsed = round((time.monotonic() - started) * 1000, 3)
    facts = run.facts()
    return replace(facts, stopped=stopped, requests=asker.requests, elapsed_ms=elapsed)


@dataclass
class _Run:
    asker: _Asker
    questions: tuple[Question, ...]
    rounds: list[deque[Round]]
    policy: judge.Policy
    minimal: dict[str, Question]

    def facts(self) -> ParityFacts:
        """What is known so far."""
        answers = tuple(
            Answers(question, tuple(own)) for question, own in zip(self.questions, self.rounds, strict=True)
        )
        return ParityFacts(self.asker.old, self.asker.new, answers, minimal=dict(self.minimal))

    async def all(self) -> None:
        """Every question in rounds, then what is undecided, then the smallest requests."""
        everything = range(len(self.questions))
        for number in range(max(1, self.asker.pace.rounds)):
            await self._once(everything, f"round {number + 1}")
        while True:
            compared = judge.compare(self.facts(), self.policy)
            again = [
                place
                for place in judge.undecided(compared)
                if len(self.rounds[place]) < self.asker.pace.most_rounds
            ]
            if not again or self.asker.stopped:
                break
            await self._once(again, "asking again")
        if self.asker.pace.shrinks:
            await self._shrink(compared)

    async def _once(self, places: Sequence[int], doing: str) -> None:
        done = 0

        async def one(place: int) -> None:
            nonlocal done
            async with self.asker.gate:
                asked = await self.asker.round(self.questions[place])
            if asked is not None:
                self.rounds[place].append(asked)
            done += 1
            self.asker.tell(Step(doing, done, len(places), self.asker.requests))

        async with asyncio.TaskGroup() as group:
            for place in places:
                group.create_task(one(place))

    async def _shrink(self, compared: judge.Compared) -> None:
        wanted = [group for group in compared.groups if group.waiver is None][:_MOST_SHRUNK]
        for number, group in enumerate(wanted):
            self.asker.tell(Step("shrinking", number, len(wanted), self.asker.requests))
            first = group.first
            still = partial(self._shows, first)
            self.minimal[group.key] = await shrink(first.question, still, _ASKS_TO_SHRINK)

    async def _shows(self, shown: Difference, candidate: Question) -> bool:
        """Whether one round shows the same change of the field: for what is a path's own, the same kind."""
        name, old, new = shown.field, shown.old, shown.new
        asked = await self.asker.round(candidate)
        if asked is None or not all(side.answered for side in (asked.old, asked.new, asked.again)):
            return False
        before, after, again = (side.fields.get(name) for side in (asked.old, asked.new, asked.again))
        if not judge.is_own(name):
            return (told(before), told(after)) == (old, new) and before == again
        gone = (before is None, after is None) == (old == "(none)", new == "(none)")
        return gone and before == again and before != after
