"""Start-up: the time to the first paint and its bytes, beside what Python and Textual cost by themselves.

All is measured in one run, in turn, on a pseudo-terminal of 120x40; the figures to quote are the ratios.
Run: python benchmarks/startup.py [--runs N]
"""

from __future__ import annotations

import argparse
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import surroundings
from terminal import Terminal

COLUMNS, LINES = 120, 40
HELLO = """
from textual.app import App
from textual.widgets import Static
class Hello(App):
    def compose(self):
        yield Static("hello-world-painted")
Hello().run()
"""


@dataclass(frozen=True)
class Paint:
    """One start: seconds until ``marker`` was on the terminal, and the bytes sent until it was quiet."""

    seconds: float
    bytes: int
    rows_seconds: float
    idle_bytes: int


def paint(argv: list[str], marker: bytes, rows_marker: bytes = b"", idle_s: float = 0.0) -> Paint:
    """Start ``argv`` on a pseudo-terminal and watch what it sends."""
    with Terminal(argv, COLUMNS, LINES) as terminal:
        first = terminal.wait_for(marker, 30)
        # the rest of the same frame is a moment behind
        terminal.read_until_quiet(0.02)
        size = len(terminal.seen)
        rows = terminal.wait_for(rows_marker, 30) if rows_marker else 0.0
        terminal.read_until_quiet(0.5)
        before = len(terminal.seen)
        terminal.read_for(idle_s)
        return Paint(first, size, rows, len(terminal.seen) - before)


def timed(argv: list[str]) -> float:
    """Seconds of wall time of a whole process."""
    started = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    surroundings.say(packages=["textual"], takes="half a minute")
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        hello = Path(folder) / "hello.py"
        hello.write_text(HELLO)
        world = subprocess.Popen(
            [python, "-m", "pointsman.tui", "demo", "--serve"], stdout=subprocess.PIPE, text=True
        )
        try:
            assert world.stdout is not None
            kubeconfig = world.stdout.readline().split("--kubeconfig ", 1)[1].split()[0]
            ours = [python, "-m", "pointsman.tui", "--kubeconfig", kubeconfig]
            steps: dict[str, Callable[[], Paint | float]] = {
                "python -c 'import textual'": lambda: timed([python, "-c", "import textual"]),
                "hello-world Textual app": lambda: paint([python, str(hello)], b"hello-world-painted"),
                "pointsman": lambda: paint(ours, b"GATEWAYS", b"store", idle_s=3.0),
            }
            figures: dict[str, list[Paint | float]] = {name: [] for name in steps}
            for number in range(runs + 1):
                for name, step in steps.items():
                    figure = step()
                    if number:  # the first round warms the caches
                        figures[name].append(figure)
        finally:
            world.send_signal(signal.SIGTERM)
            world.wait(10)
    _report(figures, runs)


def _report(figures: dict[str, list[Paint | float]], runs: int) -> None:
    bare, hello, ours = figures.values()
    bare_s = statistics.median(value for value in bare if isinstance(value, float))
    print(f"medians of {runs} runs, {COLUMNS}x{LINES}\n")
    print(f"{'':<30}{'first paint':>12}{'ratio':>8}{'bytes':>10}{'rows shown':>12}{'idle B/s':>10}")
    print(f"{'python -c import textual':<30}{bare_s * 1000:>9.0f} ms{1.0:>8.2f}")
    for name, values in (("hello-world Textual app", hello), ("pointsman", ours)):
        paints = [value for value in values if isinstance(value, Paint)]
        first = statistics.median(value.seconds for value in paints)
        size = statistics.median(value.bytes for value in paints)
        rows = statistics.median(value.rows_seconds for value in paints)
        idle = statistics.median(value.idle_bytes for value in paints) / 3.0
        shown = f"{rows * 1000:>9.0f} ms" if rows else ""
        print(f"{name:<30}{first * 1000:>9.0f} ms{first / bare_s:>8.2f}{size:>10.0f}{shown:>12}{idle:>10.1f}")


if __name__ == "__main__":
    main()
