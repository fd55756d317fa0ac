"""Many probes at once: order, deadlines, crashes, cancellation."""

from __future__ import annotations

import asyncio

import pytest
from pointsman.cluster.errors import UserError
from pointsman.probes.engine import Job, Progress, run_jobs
from pointsman.probes.verdict import Endpoint, Result, Verdict, finding


def passing(job_id: str) -> Result:
    found = finding("HTTP001", Verdict.PASS, Endpoint("127.0.0.1:1"), "GET / 200")
    return Result(job_id, job_id, (found,), {"status": 200})


async def test_results_keep_the_order_of_the_jobs_and_progress_is_told() -> None:
    gates = {name: asyncio.Event() for name in "abc"}
    seen: list[Progress] = []

    def job(name: str) -> Job:
        async def run() -> Result:
            await gates[name].wait()
            return passing(name)

        return Job(name, f"probe {name}", run)

    running = asyncio.create_task(run_jobs([job(name) for name in "abc"], seen.append, concurrency=3))
    for name in "cba":
        gates[name].set()
        await asyncio.sleep(0)
    results = await running
    assert [result.probe for result in results] == ["a", "b", "c"]
    for name in "abc":
        assert [event.state for event in seen if event.job_id == name] == ["waiting", "running", "done"]
    assert all(result.elapsed_ms > 0 for result in results)


async def test_no_more_than_the_given_number_run_at_once() -> None:
    now = most = 0

    async def run() -> Result:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return passing("x")

    await run_jobs([Job(str(index), "x", run) for index in range(7)], concurrency=2)
    assert most == 2


async def test_deadline_crash_and_user_error_become_unknown_and_the_others_go_on() -> None:
    async def slow() -> Result:
        await asyncio.Event().wait()
        raise AssertionError

    async def broken() -> Result:
        raise ZeroDivisionError("token=secret")

    async def impossible() -> Result:
        raise UserError("roots.pem: no such file", "name another")

    async def timed_out_inside() -> Result:
        raise TimeoutError

    async def fine() -> Result:
        return passing("fine")

    jobs = [Job("slow", "slow", slow, deadline_s=0.05), Job("broken", "broken", broken)]
    jobs += [Job("impossible", "impossible", impossible), Job("inside", "inside", timed_out_inside)]
    results = await run_jobs([*jobs, Job("fine", "fine", fine)])
    assert [result.verdict for result in results] == [*[Verdict.UNKNOWN] * 4, Verdict.PASS]
    summaries = [result.findings[0].summary for result in results]
    assert summaries[0] == "no answer within 0.05 s"
    assert summaries[1] == "the probe crashed: ZeroDivisionError"
    assert "roots.pem" in summaries[2]
    assert "secret" not in repr(results)


async def test_cancelling_cancels_every_job() -> None:
    started, cancelled = asyncio.Event(), []

    async def run() -> Result:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        raise AssertionError

    task = asyncio.create_task(run_jobs([Job(str(index), "x", run) for index in range(3)]))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(cancelled) == 3
