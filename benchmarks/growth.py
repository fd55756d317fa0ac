"""How time and memory grow with the number of routes, and where that stops being a straight line.

Run: python benchmarks/growth.py [--routes 100,1000,10000,50000] [--skip screen]

For each size:
  status       `pointsman status` against a practice cluster: load and judge, its CPU time and its peak memory
  screen       the browse screen on a pseudo-terminal until all is judged: the same, and the time by the clock
  inside       a process without a wire (benchmarks/growing.py): decoding the lists, the memory that objects
               hold, a Snapshot, judging to be followed from there with the memory after it, judging once, and
               one event (a Snapshot and what is judged again)

The practice cluster runs in a process of its own, and nothing of it is counted. Quoted are costs of a
route: what a size takes beyond the size before it, for each route that it has more. ``x`` is that cost
beside the one of the step before: 1 is a straight line. An event's cost is that of the whole event; a
straight line there would be ten times as much with ten times the routes, and 1 is the best. What ends with
``*`` is more than half over the straight line. Exit code 0: these are facts and no budgets.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import surroundings
from browse import COLUMNS, LINES, command, mib
from many_routes import many_routes
from screen_log import ScreenLog
from terminal import Terminal

_OURS = [sys.executable, "-m", "pointsman.tui"]
_LONGEST_S = 600.0
# beside the straight line; what is over it is marked
_BENT = 1.5
# name, unit, by how much the figures are multiplied to be in it; of the whole size
_PER_ROUTE = {
    "status: CPU": ("µs", 1e6),
    "status: peak memory": ("KiB", 1024.0),
    "screen: all judged": ("µs", 1e6),
    "screen: CPU": ("µs", 1e6),
    "screen: peak memory": ("KiB", 1024.0),
    "decoding the lists": ("µs", 1e6),
    "objects hold": ("KiB", 1024.0),
    "judging, to be followed": ("µs", 1e6),
    "objects and answers hold": ("KiB", 1024.0),
    "judging once": ("µs", 1e6),
    "the first Snapshot": ("µs", 1e6),
}
_PER_EVENT = {"an event: its Snapshot": ("µs", 1e6), "an event: judging": ("µs", 1e6)}
_INSIDE = {
    "load_s": "decoding the lists",
    "held_mib": "objects hold",
    "snapshot_s": "the first Snapshot",
    "followed_s": "judging, to be followed",
    "judged_mib": "objects and answers hold",
    "once_s": "judging once",
    "event_snapshot_s": "an event: its Snapshot",
    "event_judged_s": "an event: judging",
}


def inside(size: int) -> dict[str, float]:
    """Of a process without a wire."""
    script = str(Path(__file__).with_name("growing.py"))
    done = subprocess.run([sys.executable, script, str(size)], check=True, stdout=subprocess.PIPE)
    return {_INSIDE[name]: value for name, value in json.loads(done.stdout).items()}


def status(kubeconfig: str) -> dict[str, float]:
    """Of `pointsman status`."""
    argv = [*_OURS, "status", "--kubeconfig", kubeconfig, "--timeout", f"{_LONGEST_S:g}", "-o", "json"]
    ran = command(argv, (0, 1, 3))
    return {"status: CPU": ran.cpu_s, "status: peak memory": ran.peak_mib}


def screen(kubeconfig: str) -> dict[str, float]:
    """Of the browse screen, ended when it is at rest."""
    with Terminal([*_OURS, "--kubeconfig", kubeconfig], COLUMNS, LINES) as terminal:
        terminal.wait_for(b"live", _LONGEST_S)
        terminal.read_until_quiet(3.0)
    assert terminal.usage is not None
    return {
        "screen: all judged": ScreenLog(terminal.arrivals, COLUMNS, LINES).judged_s(),
        "screen: CPU": terminal.usage.ru_utime + terminal.usage.ru_stime,
        "screen: peak memory": mib(terminal.usage.ru_maxrss),
    }


def measure(size: int, skip: list[str]) -> dict[str, float]:
    """Everything of one size: seconds and MiB."""
    found: dict[str, float] = {}
    if "status" not in skip or "screen" not in skip:
        with many_routes(size) as cluster:
            if "status" not in skip:
                found |= status(cluster.kubeconfig)
            if "screen" not in skip:
                found |= screen(cluster.kubeconfig)
    return found | inside(size)


def report(sizes: list[int], found: list[dict[str, float]]) -> None:
    """Costs of a route and of an event, each beside that of the size before."""
    print(f"\n{'cost of a route':<34}" + "".join(f"{f'{a} to {b}':>20}" for a, b in pairwise(sizes)))
    for name, (unit, times) in _PER_ROUTE.items():
        if name not in found[0]:
            continue
        steps = zip(pairwise(sizes), pairwise(found), strict=True)
        costs = [(new[name] - old[name]) / (more - less) * times for (less, more), (old, new) in steps]
        print(f"{f'{name}, {unit}':<34}" + _cells(costs))
    print(f"\n{'cost of an event':<34}" + "".join(f"{size:>20}" for size in sizes))
    for name, (unit, times) in _PER_EVENT.items():
        print(f"{f'{name}, {unit}':<34}" + _cells([one[name] * times for one in found]))
    print(f"\n{'of the whole':<34}" + "".join(f"{size:>20}" for size in sizes))
    for name, (unit, _times) in _PER_ROUTE.items():
        if name in found[0]:
            told = "s" if unit == "µs" else "MiB"
            print(f"{f'{name}, {told}':<34}" + "".join(f"{one[name]:>20.3f}" for one in found))


def _cells(costs: list[float]) -> str:
    cells = [f"{costs[0]:.1f}"]
    for before, cost in pairwise(costs):
        ratio = cost / before if before > 0 else 0.0
        cells.append(f"{cost:.1f} ({ratio:.2f}x{'*' if ratio > _BENT else ''})")
    return "".join(f"{cell:>20}" for cell in cells)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--routes", default="100,1000,10000,50000", help="sizes, with commas between")
    parser.add_argument("--skip", default="", metavar="status,screen")
    options = parser.parse_args()
    sizes = sorted(map(int, options.routes.split(",")))
    if len(sizes) < 2:
        parser.error("two sizes at least")
    surroundings.say(packages=["textual", "kubernetes", "msgspec"], takes="four minutes")
    found = []
    for size in sizes:
        found.append(measure(size, options.skip.split(",")))
        print(f"{size} routes measured", flush=True)
    report(sizes, found)


if __name__ == "__main__":
    main()
