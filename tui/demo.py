"""``pointsman demo``: the practice world with the screens in it, or told as text.

The world lives in this process and the screens in a child that shares the terminal: a screen that is killed
leaves the world, and its cutover, to be gone on with.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..cluster.errors import UserError

if TYPE_CHECKING:
    from ..sandbox.world import WorldInfo

# what killed screens leave on: the alternate screen, the hidden cursor, the mouse, bracketed paste
_RESTORE = "\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[0m"


@click.command()
@click.option("--scenario", metavar="LIST|NAME", default="shop", show_default=True, help="LIST names them.")
@click.option("--load", "manifests", metavar="FILE|DIR", type=click.Path(path_type=Path),
              help="Serve these manifests, statuses included, in place of a scenario.")  # fmt: skip
@click.option(
    "--headless", is_flag=True, help="Walk through three cutovers as text; so it does without a terminal."
)
@click.option("--serve", is_flag=True, help="Only the world, until ctrl-c: for kubectl and other terminals.")
@click.pass_context
def demo(context: click.Context, scenario: str, manifests: Path | None, headless: bool, serve: bool) -> None:
    """Open the practice world: a cluster, a controller, two edges and DNS, all on loopback.

    Exit code: 0 as it should be, 1 a story ended otherwise, 2 wrong usage.
    """
    from ..sandbox.errors import SandboxError
    from ..sandbox.scenario import list_scenarios

    if scenario.lower() == "list":
        for entry in list_scenarios():
            click.echo(f"{entry.name:<28} {entry.title}")
        return
    interactive = sys.stdin.isatty() and sys.stdout.isatty() and not headless
    face = _serve if serve else _screens if interactive else _stories
    try:
        code = asyncio.run(_demo(scenario, manifests, face))
    except SandboxError as error:
        raise UserError(str(error)) from None
    context.exit(code)


Face = Callable[["WorldInfo", asyncio.Event], Awaitable[int]]


async def _demo(scenario: str, manifests: Path | None, face: Face) -> int:
    from ..sandbox.scenario import Pace
    from ..sandbox.world import World

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    world = World()
    # short enough that all stories end within a minute, long enough that a cached answer visibly lingers
    pace = Pace(old_ttl=6, low_ttl=2, watch=6.0, soak=3.0) if face is _stories else Pace()
    info = await world.start(scenario, pace, manifests)
    try:
        for warning in info.warnings:
            click.echo(f"note: {warning}", err=True)
        os.environ["POINTSMAN_STATE_DIR"] = str(info.directory / "state")
        click.echo(f"practice world ready; kubectl --kubeconfig {info.kubeconfig} get gateways,httproutes -A")
        sys.stdout.flush()
        return await face(info, ended)
    finally:
        await world.stop()


async def _stories(info: WorldInfo, ended: asyncio.Event) -> int:
    from .stories import tell_stories

    if not info.stories:
        raise UserError("loaded manifests have no stories", "use --serve, or a terminal")
    give_up = threading.Event()
    telling = asyncio.create_task(
        asyncio.to_thread(tell_stories, info.kubeconfig, info.plans, info.stories, give_up)
    )
    interrupted = asyncio.create_task(ended.wait())
    await asyncio.wait([telling, interrupted], return_when=asyncio.FIRST_COMPLETED)
    give_up.set()
    interrupted.cancel()
    return await telling


async def _serve(info: WorldInfo, ended: asyncio.Event) -> int:
    click.echo("in another terminal:")
    click.echo(f"  export POINTSMAN_STATE_DIR={info.directory / 'state'}")
    click.echo(f"  pointsman --kubeconfig {info.kubeconfig} {' '.join(_plan_arguments(info))}")
    click.echo("ctrl-c ends the world")
    sys.stdout.flush()
    await ended.wait()
    return 0


def _plan_arguments(info: WorldInfo) -> list[str]:
    return ["--plan", str(info.directory / "plans"), "--write"] if info.plans else []


async def _screens(info: WorldInfo, ended: asyncio.Event) -> int:
    arguments = [sys.executable, "-m", "pointsman.tui", "--kubeconfig", str(info.kubeconfig)]
    arguments += _plan_arguments(info)
    temporary = info.directory / "tmp"
    temporary.mkdir(mode=0o700)
    environment = {
        **os.environ,
        "POINTSMAN_PRACTICE_NOTE": f"KUBECONFIG={info.kubeconfig}",
        "POINTSMAN_PRACTICE_PARENT": str(os.getpid()),
        # screens that are killed cannot remove their files; the end of the world does
        "TMPDIR": str(temporary),
    }
    while True:
        code = await _one_sitting(arguments, environment, ended)
        if code >= 0:
            return code
        click.echo(_RESTORE, nl=False)
        await (await asyncio.create_subprocess_exec("stty", "sane")).wait()
        click.echo(f"the screens were ended by signal {-code}; the practice world and its journals go on")
        state = info.directory / "state"
        click.echo(f"from elsewhere: POINTSMAN_STATE_DIR={state} pointsman resume --write")
        answer = await _ask("enter opens the screens again, q ends the world: ", ended)
        if answer.strip().lower().startswith("q"):
            return 0


async def _one_sitting(arguments: list[str], environment: dict[str, str], ended: asyncio.Event) -> int:
    """The screens until they end; the exit code, negative where a signal ended them."""
    ended.clear()
    child = await asyncio.create_subprocess_exec(*arguments, env=environment)
    leaving = asyncio.create_task(child.wait())
    while not leaving.done():
        interrupted = asyncio.create_task(ended.wait())
        await asyncio.wait([leaving, interrupted], return_when=asyncio.FIRST_COMPLETED)
        interrupted.cancel()
        if ended.is_set() and not leaving.done():
            # a hang-up or SIGTERM of the whole group: the screens got it too, and leave the terminal in order
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
            await asyncio.wait([leaving], timeout=8)
            return max(leaving.result(), 0) if leaving.done() else 0
    return leaving.result()


async def _ask(question: str, ended: asyncio.Event) -> str:
    """A line from the terminal; ``q`` where there is none any more, or a signal ends the waiting."""
    ended.clear()
    answer: list[str] = []

    def readable() -> None:
        try:
            typed = os.read(sys.stdin.fileno(), 1024)
        except OSError:
            typed = b""
        answer.append(typed.decode(errors="replace") or "q")
        ended.set()

    click.echo(question, nl=False)
    sys.stdout.flush()
    # not a thread in input(): that could not be called off, and would keep the program from ending
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), readable)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return answer[0] if answer else "q"
