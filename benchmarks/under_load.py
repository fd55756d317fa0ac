"""The browse screen while a cluster changes all the time, beside `kubectl get httproutes -A -w`.

Run: python benchmarks/under_load.py [--routes N] [--rate EVENTS_PER_SECOND] [--seconds S]

The practice cluster changes objects evenly (benchmarks/practice_cluster.py says which). Measured over the
same seconds, once for each program: its CPU time as a share of one core, by the system's account, and the
bytes that it sends. On the screen a key is pressed several times a second, and the wait is until the title of
the details names the next route; a run without changes before it says what a key costs at rest. CPU needs
/proc, so Linux.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pyte
import surroundings
from many_routes import Cluster, many_routes
from terminal import Terminal

COLUMNS, LINES = 120, 40
_TITLE = re.compile(r"HTTPRoute (team-\d+/app-\d+)")
_KEY_EVERY_S = 0.2


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def press_keys(terminal: Terminal, seconds: float) -> list[float]:
    """Press down and up in turn; when each was pressed, in seconds since the program's start."""
    pressed: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pressed.append(time.perf_counter() - terminal.started)
        terminal.send(b"jjjk"[len(pressed) % 4 :][:1])
        terminal.read_for(_KEY_EVERY_S)
    return pressed


def waits_s(arrivals: list[tuple[float, bytes]], pressed: list[float]) -> list[float]:
    """For each key the seconds until the details named another route.

    A key without effect before the next one is left out: it was at the end of the table, or it waited longer.
    """
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    shown: list[tuple[float, str]] = []
    for at, data in arrivals:
        stream.feed(data)
        found = next((hit[1] for row in screen.display if (hit := _TITLE.search(row))), "")
        if not shown or shown[-1][1] != found:
            shown.append((at, found))
    waits: list[float] = []
    for key, following in zip(pressed, [*pressed[1:], pressed[-1] + _KEY_EVERY_S], strict=True):
        at = next((moment for moment, _ in shown if key < moment < following), None)
        if at is not None:
            waits.append(at - key)
    return waits


@dataclass(frozen=True)
class Load:
    """CPU as a share of one core, bytes sent, and how many objects really changed."""

    share: float
    bytes: int
    changed: int


def screen(cluster: Cluster, rate: float, seconds: float) -> tuple[Load, list[float], list[float]]:
    """What the load costs, and the waits for a key at rest and under load."""
    argv = [sys.executable, "-m", "pointsman.tui", "--kubeconfig", cluster.kubeconfig]
    with Terminal(argv, COLUMNS, LINES) as terminal:
        terminal.wait_for(b"live", 120)
        terminal.read_until_quiet(2.0)
        at_rest = press_keys(terminal, seconds / 2)
        before_load = len(terminal.arrivals)
        cluster.start_churn(rate, seconds + 2)
        terminal.read_for(1.0)
        used, sent = cpu_s(terminal.child.pid), len(terminal.seen)
        began = time.perf_counter()
        loaded = press_keys(terminal, seconds)
        share = (cpu_s(terminal.child.pid) - used) / (time.perf_counter() - began)
        size = len(terminal.seen) - sent
        changed = cluster.end_churn()
        arrivals = terminal.arrivals
    return Load(share, size, changed), waits_s(arrivals[:before_load], at_rest), waits_s(arrivals, loaded)


def kubectl_watch(cluster: Cluster, rate: float, seconds: float) -> Load:
    """What the watch costs after its list."""
    argv = ["kubectl", "--kubeconfig", cluster.kubeconfig, "get", "httproutes", "-A", "-w"]
    with Terminal(argv, COLUMNS, LINES) as terminal:
        terminal.wait_for(b"app-", 120)
        terminal.read_until_quiet(2.0)
        cluster.start_churn(rate, seconds + 2)
        terminal.read_for(1.0)
        used, sent = cpu_s(terminal.child.pid), len(terminal.seen)
        began = time.perf_counter()
        terminal.read_for(seconds)
        share = (cpu_s(terminal.child.pid) - used) / (time.perf_counter() - began)
        size = len(terminal.seen) - sent
        changed = cluster.end_churn()
    return Load(share, size, changed)


def report(name: str, load: Load, seconds: float) -> None:
    """One line."""
    print(
        f"{name:<34}{load.share * 100:6.1f} % of a core  {load.bytes / seconds:10.0f} B/s"
        f"  {load.changed} changes in all"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--routes", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    surroundings.say("kubectl", packages=["textual", "kubernetes"], takes="two minutes")
    keys = round(options.seconds / _KEY_EVERY_S)
    with many_routes(options.routes) as cluster:
        print(
            f"\n{options.routes} HTTPRoutes, {options.rate:.0f} changes a second for {options.seconds:.0f} s"
        )
        load, at_rest, loaded = screen(cluster, options.rate, options.seconds)
        report("browse", load, options.seconds)
        if shutil.which("kubectl"):
            load = kubectl_watch(cluster, options.rate, options.seconds)
            report("kubectl get -w (routes alone)", load, options.seconds)
        for name, waits, of in (("a key at rest", at_rest, keys // 2), ("a key under load", loaded, keys)):
            if len(waits) > 10:
                p50, p99 = statistics.median(waits), sorted(waits)[int(len(waits) * 0.99)]
                print(
                    f"{name:<34}p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms; {len(waits)} of {of} keys"
                )


if __name__ == "__main__":
    main()
