"""The browse screen and `pointsman status` on a large cluster, beside `kubectl get httproutes -A`.

Run: python benchmarks/browse.py [--routes 1000,10000] [--runs N] [--profile FILE]

A practice cluster runs in a child process (benchmarks/many_routes.py says what it holds: beside the routes
also Gateways, Services and EndpointSlices, of which kubectl reads none). Every program starts anew for each
run, on a pseudo-terminal of 120x40 where it draws. What is quoted are ratios within one run: machines differ.

What the lines of the screen say:
  first row     until the first row of a route was on the screen, and the bytes up to there
  all counted   until the header counted every route
  all judged    until nothing loads any more and the header's verdicts are the final ones; CPU and peak memory
                are the whole run's, by the system's own account; bytes: until nothing came for two seconds
  a key         from a cursor key to the first byte of its effect, while all still loads; a run of its own
  one change    bytes that one changed row cost; idle: bytes in five seconds without a change
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import surroundings
from many_routes import change_hostname, many_routes
from screen_log import ScreenLog
from terminal import Terminal

COLUMNS, LINES = 120, 40
_LONGEST_S = 120.0


@dataclass(frozen=True)
class Command:
    """One run of a program that prints and ends."""

    seconds: float
    cpu_s: float
    peak_mib: float
    bytes: int


@dataclass(frozen=True)
class Browse:
    """One run of the screen; see the module's text."""

    first_row_s: float
    counted_s: float
    judged_s: float
    cpu_s: float
    peak_mib: float
    first_paint: int
    until_quiet: int
    one_change: int
    idle: int


def command(argv: list[str], expect: tuple[int, ...]) -> Command:
    """Run to the end, its output into a file."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        if child.returncode not in expect:
            output.seek(0)
            raise RuntimeError(f"{argv} ended with {child.returncode}: {output.read(2000)!r}")
        return Command(seconds, usage.ru_utime + usage.ru_stime, mib(usage.ru_maxrss), output.tell())


def mib(maxrss: int) -> float:
    """``ru_maxrss`` in MiB."""
    # bytes on macOS, KiB elsewhere
    return maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


def browse(argv: list[str], kubeconfig: str, size: int) -> Browse:
    """Open the screen, wait until it is at rest, change one route that it shows, and end it."""
    with Terminal(argv, COLUMNS, LINES) as terminal:
        terminal.wait_for(b"live", _LONGEST_S)
        terminal.read_until_quiet(2.0)
        settled = len(terminal.seen)
        terminal.read_for(5.0)
        idle = len(terminal.seen) - settled
        log = ScreenLog(terminal.arrivals, COLUMNS, LINES)
        first_row_s, first_paint = log.first_row()
        counted_s, judged_s = log.counted_s(size), log.judged_s()
        namespace, name = log.route_in_row(5)
        before = len(terminal.seen)
        # short, because the column is; never twice the same, or nothing would change
        label = f"c{time.time_ns() % 10**9}"
        change_hostname(kubeconfig, namespace, name, f"{label}.test")
        until_on_screen(terminal, log, label)
        terminal.read_until_quiet(1.0)
        one_change = len(terminal.seen) - before
    assert terminal.usage is not None
    return Browse(
        first_row_s=first_row_s,
        counted_s=counted_s,
        judged_s=judged_s,
        cpu_s=terminal.usage.ru_utime + terminal.usage.ru_stime,
        peak_mib=mib(terminal.usage.ru_maxrss),
        first_paint=first_paint,
        until_quiet=settled,
        one_change=one_change,
        idle=idle,
    )


def until_on_screen(terminal: Terminal, log: ScreenLog, text: str) -> None:
    """Until the screen shows it. TimeoutError after ten seconds.

    The bytes do not tell: of a row only what differs is sent, and the text may share characters with the one
    before it.
    """

    def shown(_sent: bytes) -> bool:
        log.follow(terminal.arrivals)
        return any(text in row for row in log.rows)

    terminal.wait_until(shown, 10, text)


def keys_while_loading(argv: list[str]) -> list[float]:
    """Seconds from a key to the first byte of its effect, again and again until everything is loaded."""
    waits: list[float] = []
    with Terminal(argv, COLUMNS, LINES) as terminal:
        terminal.wait_for(b"app-", _LONGEST_S)
        while b"live" not in terminal.seen:
            before, pressed = len(terminal.seen), time.perf_counter()
            terminal.send(b"jk"[len(waits) % 2 :][:1])
            while len(terminal.seen) == before:
                if time.perf_counter() - pressed > _LONGEST_S:
                    raise TimeoutError("a key had no effect")
                terminal.read_for(0.001)
            waits.append(time.perf_counter() - pressed)
            terminal.read_for(0.03)
    return waits


def main() -> None:
    """Measure and print one table for each size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--routes", default="1000,10000", help="sizes, with commas between")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--profile", type=Path, help="write the screen's profile of one more run there")
    options = parser.parse_args()
    surroundings.say("kubectl", packages=["textual", "kubernetes"], takes="three minutes")
    for size in map(int, options.routes.split(",")):
        with many_routes(size) as cluster:
            kubeconfig = cluster.kubeconfig
            measure(size, kubeconfig, options.runs)
            if options.profile is not None:
                ours = ["-m", "pointsman.tui", "--kubeconfig", kubeconfig]
                browse(
                    [sys.executable, "-m", "cProfile", "-o", str(options.profile), *ours], kubeconfig, size
                )


def measure(size: int, kubeconfig: str, runs: int) -> None:
    """All programs in turn, ``runs`` times, and the medians."""
    ours = [sys.executable, "-m", "pointsman.tui"]
    commands = {"pointsman status": ([*ours, "status", "--kubeconfig", kubeconfig], (0, 1, 3))}
    if shutil.which("kubectl"):
        kubectl = ["kubectl", "--kubeconfig", kubeconfig, "get", "httproutes", "-A"]
        commands["kubectl get"] = (kubectl, (0,))
        commands["kubectl get -o json"] = ([*kubectl, "-o", "json"], (0,))
    ended: dict[str, list[Command]] = {name: [] for name in commands}
    screens: list[Browse] = []
    waits: list[float] = []
    for _ in range(runs):
        screens.append(browse([*ours, "--kubeconfig", kubeconfig], kubeconfig, size))
        waits += keys_while_loading([*ours, "--kubeconfig", kubeconfig])
        for name, (argv, expect) in commands.items():
            ended[name].append(command(argv, expect))
    report(size, runs, screens, ended)
    if waits:
        middle, worst = statistics.median(waits) * 1000, max(waits) * 1000
        print(f"{'browse: a key':<24}median {middle:.0f} ms, worst {worst:.0f} ms of {len(waits)}")


def report(size: int, runs: int, screens: list[Browse], ended: dict[str, list[Command]]) -> None:
    """Medians; times also as multiples of `kubectl get`, or of `pointsman status` without kubectl."""
    base = "kubectl get" if "kubectl get" in ended else "pointsman status"
    unit = statistics.median(one.seconds for one in ended[base])

    def middle(read: Callable[[Browse], float]) -> float:
        return statistics.median(read(one) for one in screens)

    def row(name: str, seconds: float, cpu_s: float | None, peak: float | None, size_b: float | None) -> None:
        cells = [f"{seconds:8.2f} s", f"{seconds / unit:7.2f}"]
        cells.append("" if cpu_s is None else f"{cpu_s:.2f} s")
        cells.append("" if peak is None else f"{peak:.0f} MiB")
        cells.append("" if size_b is None else f"{size_b:.0f}")
        print(f"{name:<24}" + "".join(f"{cell:>12}" for cell in cells))

    print(f"\n{size} HTTPRoutes, medians of {runs} runs, {COLUMNS}x{LINES}")
    print(f"{'':<24}{'wall':>12}{'ratio':>12}{'CPU':>12}{'peak':>12}{'bytes':>12}   (ratio 1 = {base})")
    for name, runs_of in ended.items():
        figures = [(one.seconds, one.cpu_s, one.peak_mib, one.bytes) for one in runs_of]
        row(name, *(statistics.median(column) for column in zip(*figures, strict=True)))
    row(
        "browse: first row",
        middle(lambda one: one.first_row_s),
        None,
        None,
        middle(lambda one: one.first_paint),
    )
    row("browse: all counted", middle(lambda one: one.counted_s), None, None, None)
    row(
        "browse: all judged",
        middle(lambda one: one.judged_s),
        middle(lambda one: one.cpu_s),
        middle(lambda one: one.peak_mib),
        middle(lambda one: one.until_quiet),
    )
    print(
        f"{'browse: one change':<24}{middle(lambda one: one.one_change):>60.0f}\n"
        f"{'browse: idle, 5 s':<24}{middle(lambda one: one.idle):>60.0f}"
    )


if __name__ == "__main__":
    main()
