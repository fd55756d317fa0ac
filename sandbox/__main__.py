"""A practice world in the foreground: `python -m pointsman.sandbox [--scenario NAME | --load PATH]`.

Prints one line of JSON (WorldInfo) when the world is ready, on stdout or on the descriptor given by
`--ready-fd`, and lives until its standard input ends or SIGTERM or SIGINT comes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import SandboxError
from .scenario import Pace, list_scenarios
from .world import World


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 after a quiet end, 1 (with one line on stderr) where the world could not start."""
    options = _parse(arguments)
    if options.list:
        for info in list_scenarios():
            sys.stdout.write(f"{info.name:28} {info.title}\n")
        return 0
    try:
        return asyncio.run(_live(options))
    except SandboxError as error:
        sys.stderr.write(f"pointsman.sandbox: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usual = Pace()
    parser = argparse.ArgumentParser(prog="python -m pointsman.sandbox", description="A practice world.")
    parser.add_argument("--scenario", default="shop", help="its name; --list shows all")
    parser.add_argument("--load", type=Path, help="serve these manifests instead of a scenario")
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    parser.add_argument("--ready-fd", type=int, default=1, help="where the JSON line goes (default: stdout)")
    parser.add_argument("--no-shoppers", action="store_true", help="without the small steady traffic")
    parser.add_argument("--old-ttl", type=int, default=usual.old_ttl, help="seconds")
    parser.add_argument("--low-ttl", type=int, default=usual.low_ttl, help="seconds")
    parser.add_argument("--watch", type=float, default=usual.watch, help="seconds")
    parser.add_argument("--soak", type=float, default=usual.soak, help="seconds")
    parser.add_argument("--pause", type=float, default=usual.pause, help="seconds between waves")
    return parser.parse_args(arguments)


async def _live(options: argparse.Namespace) -> int:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    # what is asked of us while the world is still being built ends it as well
    world = World(shoppers=not options.no_shoppers)
    pace = Pace(options.old_ttl, options.low_ttl, options.watch, options.soak, options.pause)
    try:
        info = await world.start(options.scenario, pace, options.load)
        line = json.dumps(info.to_json()) + "\n"
        with os.fdopen(os.dup(options.ready_fd), "w", encoding="utf-8") as stream:
            stream.write(line)
        if options.ready_fd > 2:
            os.close(options.ready_fd)
        watched = _watch_stdin(loop, ending)
        await ending.wait()
        if watched is not None:
            loop.remove_reader(watched)
    finally:
        await world.stop()
    return 0


def _watch_stdin(loop: asyncio.AbstractEventLoop, ending: asyncio.Event) -> int | None:
    """End the world when the other end of standard input closes. A file, or /dev/null, is ignored."""
    descriptor = sys.stdin.fileno() if sys.stdin is not None and not sys.stdin.closed else -1

    def readable() -> None:
        try:
            rest = os.read(descriptor, 4096)
        except OSError:
            rest = b""
        if not rest:
            loop.remove_reader(descriptor)
            ending.set()

    try:
        loop.add_reader(descriptor, readable)
    except (OSError, ValueError):
        return None
    return descriptor


if __name__ == "__main__":
    sys.exit(main())
