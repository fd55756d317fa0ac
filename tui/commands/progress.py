"""How far a long question is, on standard error, where a terminal reads it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click

T = TypeVar("T")

_TELL_EVERY_S = 1.0


async def watched(work: Coroutine[Any, Any, T], line: Callable[[float], str]) -> T:
    """The result of ``work``. Once a second a terminal shows ``line`` of the seconds that it has taken.

    The line is taken away at the end. Where this is cancelled, ``work`` has ended before it returns.
    """
    task = asyncio.ensure_future(work)
    began, told = time.monotonic(), False
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_TELL_EVERY_S)
            if not task.done() and sys.stderr.isatty():
                told = True
                click.echo(f"\r\x1b[K{line(time.monotonic() - began)}", nl=False, err=True)
        return await task
    finally:
        if told:
            click.echo("\r\x1b[K", nl=False, err=True)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
