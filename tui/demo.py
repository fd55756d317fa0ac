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
from collections.abc import Iterator
from pathlib import Path

import click

from ..cluster.errors import UserError

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
    try:
        code = asyncio.run(
            _demo(scenario, manifests, "serve" if serve else "screens" if interactive else "stories")
        )
    except SandboxError as error:
        raise UserError(str(error)) from None
    except KeyboardInterrupt:
        code = 130
    context.exit(code)


async def _demo(scenario: str, manifests: Path | None, face: str) -> int:
    from ..sandbox.scenario import Pace
    from ..sandbox.world import World

    world = World()
    # short enough that all stories end within a minute, long enough that a cached answer visibly lingers
    pace = Pace(old_ttl=6, low_ttl=2, watch=6.0, soak=3.0) if face == "stories" else Pace()
    info = await world.start(scenario, pace, manifests)
    try:
        for warning in info.warnings:
            click.echo(f"note: {warning}", err=True)
        state = info.directory / "state"
        os.environ["POINTSMAN_STATE_DIR"] = str(state)
        click.echo(f"practice world ready; kubectl --kubeconfig {info.kubeconfig} get gateways,httproutes -A")
        if face == "serve":
            return await _serve(info.kubeconfig, state)
        if face == "screens":
            return await _screens(info.kubeconfig, info.directory)
        from .stories import tell_stories

        if manifests is not None:
            raise UserError("loaded manifests have no stories", "use --serve, or a terminal")
        return await asyncio.to_thread(tell_stories, info.kubeconfig, info.plans, info.stories)
    finally:
        await world.stop()


async def _serve(kubeconfig: Path, state: Path) -> int:
    folder = kubeconfig.parent / "plans"
    click.echo("in another terminal:")
    click.echo(f"  export POINTSMAN_STATE_DIR={state}")
    click.echo(f"  pointsman --kubeconfig {kubeconfig} --plan {folder} --write")
    click.echo("ctrl-c ends the world")
    sys.stdout.flush()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
    return 0


async def _screens(kubeconfig: Path, directory: Path) -> int:
    arguments = [sys.executable, "-m", "pointsman.tui", "--kubeconfig", str(kubeconfig), "--write"]
    folder = directory / "plans"
    if folder.is_dir() and any(folder.glob("*.yaml")):
        arguments += ["--plan", str(folder)]
    environment = {**os.environ, "POINTSMAN_PRACTICE_NOTE": f"kubectl --kubeconfig {kubeconfig}"}
    while True:
        # the terminal's own signals are for the screens; the world ends after them
        with _signals_ignored():
            child = await asyncio.create_subprocess_exec(*arguments, env=environment)
            code = await child.wait()
        if code >= 0:
            return code
        click.echo(_RESTORE, nl=False)
        await (await asyncio.create_subprocess_exec("stty", "sane")).wait()
        click.echo(
            f"the screens were ended by signal {-code}; the practice world and its journal are still here"
        )
        click.echo(f"from elsewhere: POINTSMAN_STATE_DIR={directory / 'state'} pointsman resume --write")
        answer = await asyncio.to_thread(
            _ask, "enter opens the screens again and goes on, q ends the world: "
        )
        if answer.strip().lower().startswith("q"):
            return 0


def _ask(question: str) -> str:
    try:
        return input(question)
    except EOFError:
        return "q"


@contextlib.contextmanager
def _signals_ignored() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
