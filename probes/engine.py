"""Running many probes: concurrency, a deadline each, cancellation, progress."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TypeVar

from ..cluster.errors import UserError
from ..cluster.text import clean
from .verdict import Endpoint, Finding, Result, Subject, Verdict, finding

_log = logging.getLogger(__name__)
_LONG_TURN_S = 0.01
Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Job:
    """One probe to run. ``run`` is called once; ``deadline_s`` bounds all of it, in seconds from its start,
    not from its queueing. ``target`` is whom it asks (``address:port``): jobs of one target are not all run
    at once, whatever else is free; empty where that does not matter.
    """

    id: str
    label: str
    run: Callable[[], Awaitable[Result]]
    deadline_s: float = 30.0
    subject: Subject | None = None
    target: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one job is: ``state`` is waiting, running or done; ``result`` is there once it is done."""

    job_id: str
    label: str
    state: str
    elapsed_s: float = 0.0
    result: Result | None = field(default=None, repr=False)


async def run_jobs(
    jobs: Sequence[Job],
    on_progress: Callable[[Progress], None] | None = None,
    concurrency: int = 8,
    per_target: int = 4,
) -> tuple[Result, ...]:
    """Runs all jobs and returns their results in the jobs' order.

    At most ``concurrency`` run at once, and of those that ask one target at most ``per_target``. A job that
    misses its deadline or crashes answers with an UNKNOWN result of one clean line; the others go on.
    Cancelling this coroutine cancels every job. ``on_progress`` is called in the event loop.
    """
    tell = on_progress or (lambda progress: None)
    gate = asyncio.Semaphore(max(1, concurrency))
    targets = {job.target: asyncio.Semaphore(max(1, per_target)) for job in jobs if job.target}
    for job in jobs:
        tell(Progress(job.id, job.label, "waiting"))

    async def run_one(job: Job) -> Result:
        async with AsyncExitStack() as held:
            # the target's turn first: who waits for a busy target must not keep the others waiting
            if job.target:
                await held.enter_async_context(targets[job.target])
            await held.enter_async_context(gate)
            tell(Progress(job.id, job.label, "running"))
            started = time.monotonic()
            result = await _guarded(job)
            elapsed = time.monotonic() - started
            if not result.elapsed_ms:
                result = replace(result, elapsed_ms=elapsed * 1000)
            tell(Progress(job.id, job.label, "done", elapsed, result))
            return result

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run_one(job), name=f"probe {job.id}") for job in jobs]
    return tuple(task.result() for task in tasks)


async def stream_jobs(
    jobs: Sequence[Job], concurrency: int = 8, per_target: int = 4
) -> AsyncGenerator[Progress, None]:
    """As ``run_jobs``, telling each step as it happens; the last one of a job carries its result.

    Closing the iterator (``aclose``, or ``contextlib.aclosing``) cancels what still runs.
    """
    steps: asyncio.Queue[Progress | None] = asyncio.Queue()
    running = asyncio.create_task(run_jobs(jobs, steps.put_nowait, concurrency, per_target))
    running.add_done_callback(lambda _: steps.put_nowait(None))
    try:
        while (step := await steps.get()) is not None:
            yield step
        await running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def each(items: Iterable[Item], ask: Callable[[Item], Awaitable[Answer]], at_once: int) -> list[Answer]:
    """``ask`` of every item, at most ``at_once`` at a time; the answers in the items' order.

    As many tasks as that, however many items. The first exception ends it and is raised as it is.
    """
    todo = iter(enumerate(items))
    answers: dict[int, Answer] = {}

    async def work() -> None:
        for index, item in todo:
            answers[index] = await ask(item)

    workers = [asyncio.create_task(work()) for _ in range(max(1, at_once))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [answers[index] for index in range(len(answers))]


async def in_turns(items: Iterable[Item], judge: Callable[[Item], Answer]) -> list[Answer]:
    """``judge`` of every item, the loop having its turn in between: judging a thousand hosts in one go would
    make everything that is under way look late.
    """
    answers: list[Answer] = []
    since = time.monotonic()
    for item in items:
        answers.append(judge(item))
        if time.monotonic() - since > _LONG_TURN_S:
            await asyncio.sleep(0)
            since = time.monotonic()
    return answers


async def _guarded(job: Job) -> Result:
    started = time.monotonic()
    deadline = asyncio.timeout(job.deadline_s)
    try:
        async with deadline:
            return await job.run()
    except TimeoutError as error:
        if deadline.expired():
            summary = f"no answer within {job.deadline_s:g} s"
            return _unknown(job, "MON901", summary, started)
        return _unknown(job, "MON902", f"the probe stopped: {type(error).__name__}", started)
    except UserError as error:
        return _unknown(job, "MON903", clean(error), started, mend=clean(error.mend))
    except Exception as error:  # noqa: BLE001 - one broken probe must not take the others with it
        # the message may hold anything, a key included; the type is enough for a person, the log has the
        # place
        _log.debug("probe %s crashed", job.id, exc_info=error)
        return _unknown(job, "MON902", f"the probe crashed: {type(error).__name__}", started)


def _unknown(job: Job, rule: str, summary: str, started: float, mend: str = "") -> Result:
    subject = job.subject or Endpoint(clean(job.label))
    answer: Finding = finding(
        rule, Verdict.UNKNOWN, subject, summary, mend=mend, evidence=(f"probe {job.id}",)
    )
    elapsed_ms = (time.monotonic() - started) * 1000
    return Result(probe=job.id, label=job.label, findings=(answer,), elapsed_ms=elapsed_ms)
