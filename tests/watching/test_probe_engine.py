"""Many probes at once: order, deadlines, crashes, cancellation."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from pointsman.cluster.errors import UserError
from pointsman.probes.engine import Job, Progress, each, run_jobs, stream_jobs
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


async def test_one_target_is_never_crowded_and_keeps_nobody_waiting() -> None:
    now, most, order = dict.fromkeys("ab", 0), dict.fromkeys("ab", 0), list[str]()

    def job(number: int, target: str) -> Job:
        async def run() -> Result:
            now[target] += 1
            most[target] = max(most[target], now[target])
            await asyncio.sleep(0.01)
            now[target] -= 1
            order.append(target)
            return passing(target)

        return Job(str(number), "x", run, target=target)

    jobs = [job(number, "a") for number in range(8)] + [job(9, "b")]
    await run_jobs(jobs, concurrency=3, per_target=2)
    assert most == {"a": 2, "b": 1}
    # three at once, two of them at a: b came in with the first
    assert "b" in order[:3]


async def test_progress_as_a_stream_that_can_be_left() -> None:
    cancelled: list[bool] = []

    async def fine() -> Result:
        return passing("fine")

    async def endless() -> Result:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        raise AssertionError

    steps = [step async for step in stream_jobs([Job("fine", "fine", fine)])]
    assert [step.state for step in steps] == ["waiting", "running", "done"]
    assert steps[-1].result is not None
    async with aclosing(
        stream_jobs([Job("endless", "endless", endless), Job("fine", "fine", fine)])
    ) as stream:
        async for step in stream:
            if step.state == "done":
                break
    assert cancelled == [True]


async def test_each_keeps_the_order_the_bound_and_the_error() -> None:
    now = most = 0

    async def ask(number: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001 * (number % 3))
        now -= 1
        if number == 13:
            raise UserError("thirteen")
        return number * 2

    assert await each(range(10), ask, 3) == [number * 2 for number in range(10)]
    assert most == 3
    assert await each([], ask, 3) == []
    with pytest.raises(UserError, match="thirteen"):
        await each(range(100), ask, 2)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1
