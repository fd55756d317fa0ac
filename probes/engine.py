"""Running many probes: concurrency, a deadline each, cancellation, progress."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from ..cluster.errors import UserError
from ..cluster.text import clean
from .verdict import Endpoint, Finding, Result, Subject, Verdict, finding

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One probe to run. ``run`` is called once; ``deadline_s`` counts from its start, not from its
    queueing.
    """

    id: str
    label: str
    run: Callable[[], Awaitable[Result]]
    deadline_s: float = 30.0
    subject: Subject | None = None


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
) -> tuple[Result, ...]:
    """Runs all jobs and returns their results in the jobs' order.

    A job that misses its deadline or crashes answers with an UNKNOWN result of one clean line; the others
    go on. Cancelling this coroutine cancels every job. ``on_progress`` is called in the event loop.
    """
    tell = on_progress or (lambda progress: None)
    gate = asyncio.Semaphore(max(1, concurrency))
    for job in jobs:
        tell(Progress(job.id, job.label, "waiting"))

    async def run_one(job: Job) -> Result:
        async with gate:
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
