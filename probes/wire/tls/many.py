"""Many targets at once, on a thread with an event loop of its own: whoever asks has a loop to keep free.

One thread and no more: OpenSSL works without Python's lock, but calls back so often that two threads took as
long as one for the same targets, and half as much processor time again.

Black holes cost their time limit and nothing else, because many handshakes are under way together.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from .facts import TlsFacts, TlsTarget
from .observe import AT_ONCE, Strangers, observe, observe_strangers

T = TypeVar("T")

CONCURRENCY = 384
# a step of a loop is everything that was ready, and a handshake needs about four: where steps take this part
# of the shortest time limit, a quarter of it would be spent on waiting for ourselves
_LONG_STEP = 1 / 16
_BEGUN_A_STEP = 16
# facts that wait to be judged until all targets are begun: judging may wait, and their time limits do not
_MOST_SEEN = 2048
# what the program itself needs of its open files
_FILES_KEPT = 64
_EndpointKey = tuple[str, int, str | None, tuple[str, ...]]


async def observe_many(
    targets: Sequence[TlsTarget],
    *,
    concurrency: int = CONCURRENCY,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[TlsFacts]:
    """The facts of all targets, in their order. ``on_progress`` hears how many of how many are done, from
    any thread, one call at a time.
    """
    return await inspect_many(targets, lambda facts: facts, concurrency=concurrency, on_progress=on_progress)


async def inspect_many(
    targets: Sequence[TlsTarget],
    judge: Callable[[TlsFacts], T],
    *,
    concurrency: int = CONCURRENCY,
    on_progress: Callable[[int, int], None] | None = None,
    threads: int = 1,
) -> list[T]:
    """What ``judge`` makes of the facts of each target, in their order, while others are still under way.

    At most ``concurrency`` sockets are open together; fewer where this process may not open so many files.
    Targets at the same address share the handshakes with a random name and with none, which come on top.
    Each target has its own deadline, from when its turn comes. A cancellation closes every socket first.
    """
    if not targets:
        return []
    work = _Work(targets, judge, on_progress)
    sockets = max(1, min(concurrency, _open_files() - _FILES_KEPT) // threads)
    with ThreadPoolExecutor(threads, thread_name_prefix="tls") as pool:
        workers = [_Worker(work, sockets) for _ in range(threads)]
        running = [asyncio.wrap_future(pool.submit(worker.run)) for worker in workers]
        try:
            await asyncio.gather(*(asyncio.shield(one) for one in running))
        except BaseException:
            for worker in workers:
                worker.stop()
            await asyncio.gather(*running, return_exceptions=True)
            raise
    return work.results()


def _open_files() -> int:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONCURRENCY + _FILES_KEPT if limit == resource.RLIM_INFINITY else limit


def _key(target: TlsTarget) -> _EndpointKey:
    return target.address, target.port, target.ca_file, target.alpn


def _in_turns(targets: Sequence[TlsTarget]) -> list[int]:
    """Their indices: first one of each address, then a second of each. What never answers waits beside the
    rest then, and not behind it.
    """
    asked: Counter[tuple[str, int]] = Counter()

    def turn(index: int) -> int:
        key = targets[index].address, targets[index].port
        asked[key] += 1
        return asked[key]

    return sorted(range(len(targets)), key=turn)


class _Work(Generic[T]):
    """What is to be done and what came of it, for all threads."""

    def __init__(
        self,
        targets: Sequence[TlsTarget],
        judge: Callable[[TlsFacts], T],
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        self._targets = targets
        self._judge = judge
        self._on_progress = on_progress
        # what one thread takes from the left no other can take
        self._left = deque(_in_turns(targets))
        self._seen: deque[tuple[int, TlsFacts]] = deque()
        self._judged: dict[int, T] = {}
        self._asked = 0
        self._lock = threading.Lock()
        self._askers = Counter(_key(target) for target in targets)

    @property
    def widest(self) -> int:
        """The most sockets that one target opens together."""
        return max(
            min(AT_ONCE, max(1, one.attempts) + (0 if self.shares(one) else 2))
            if one.depth == "quick"
            else AT_ONCE
            for one in self._targets
        )

    @property
    def shortest_s(self) -> float:
        """The shortest time limit of all targets, in seconds."""
        return min(one.timeout_s for one in self._targets)

    def shares(self, target: TlsTarget) -> bool:
        """Whether another target asks the same address."""
        return self._askers[_key(target)] > 1

    def take(self) -> tuple[int, TlsTarget] | None:
        """The next target, or None where none is left."""
        try:
            index = self._left.popleft()
        except IndexError:
            return None
        return index, self._targets[index]

    @property
    def left(self) -> int:
        """How many targets nobody has taken."""
        return len(self._left)

    def put(self, index: int, facts: TlsFacts) -> None:
        """Tells how far it is. What was seen is judged when there is time, or when much has gathered."""
        self._seen.append((index, facts))
        with self._lock:
            self._asked += 1
            if self._on_progress is not None:
                self._on_progress(self._asked, len(self._targets))
        if not self._left or len(self._seen) > _MOST_SEEN:
            self.judge_one()

    def judge_one(self) -> bool:
        """Judges the oldest of what was seen; False where nothing waits."""
        try:
            index, facts = self._seen.popleft()
        except IndexError:
            return False
        self._judged[index] = self._judge(facts)
        return True

    def results(self) -> list[T]:
        """Everything, in the order of the targets."""
        return [self._judged[index] for index in range(len(self._targets))]


class _Worker(Generic[T]):
    """One thread with a loop of its own, which takes targets until none is left."""

    def __init__(self, work: _Work[T], sockets: int) -> None:
        self._work = work
        self._places = asyncio.Semaphore(max(1, sockets // work.widest))
        self._strangers: dict[_EndpointKey, asyncio.Task[Strangers]] = {}
        self._lock = threading.Lock()
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None

    def run(self) -> None:
        """Until nothing is left, or until it is told to stop."""
        # its end closes what is open
        with asyncio.Runner() as runner, contextlib.suppress(asyncio.CancelledError):
            runner.run(self._all())

    def stop(self) -> None:
        """From another thread: ends what is under way."""
        with self._lock:
            self._stopped = True
            if self._loop is not None and self._main is not None:
                self._loop.call_soon_threadsafe(self._main.cancel)

    async def _all(self) -> None:
        with self._lock:
            if self._stopped:
                return
            self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        try:
            await self._feed()
        finally:
            with self._lock:
                self._loop = None

    async def _feed(self) -> None:
        """Begins targets only as fast as this machine can carry them on: their time limits run from there."""
        loop = asyncio.get_running_loop()
        long_step_s = self._work.shortest_s * _LONG_STEP
        async with asyncio.TaskGroup() as group:
            busy = False
            while self._work.left:
                for _ in range(1 if busy else _BEGUN_A_STEP):
                    await self._places.acquire()
                    taken = self._work.take()
                    if taken is None:
                        break
                    group.create_task(self._one(*taken))
                began = loop.time()
                await asyncio.sleep(0)
                busy = loop.time() - began > long_step_s
            # a step for each: the handshakes that are under way go on between them
            waiting = True
            while waiting:
                waiting = self._work.judge_one()
                await asyncio.sleep(0)

    async def _one(self, index: int, target: TlsTarget) -> None:
        try:
            strangers = self._of_address(target) if self._work.shares(target) else None
            facts = await observe(target, strangers)
        finally:
            self._places.release()
        self._work.put(index, facts)

    def _of_address(self, target: TlsTarget) -> asyncio.Task[Strangers]:
        key = _key(target)
        if key not in self._strangers:
            self._strangers[key] = asyncio.create_task(observe_strangers(target))
        return self._strangers[key]
