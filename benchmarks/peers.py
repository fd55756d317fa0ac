"""Browsing 10,000 routes on a real API server: kubectl, k9s and Pointsman beside each other.

Run: python benchmarks/peers.py [--routes N] [--runs N] [--idle-seconds S] [--rate N] [--load-seconds S]

The server is a real kube-apiserver with its etcd (`make live` builds it; real_cluster.py fills it), or, where
there is none, the practice API server, which the first line says. Beside the routes the cluster holds
Gateways, Services and EndpointSlices, which Pointsman reads and judges and the others do not. Everything runs
on this one machine, the server too. All are on a terminal of 120x40 with TERM=xterm-256color, but for what
ends by itself, whose output goes to a file. k9s is found by $POINTSMAN_K9S or the PATH; it has its defaults,
but for a splash screen. gwctl is not measured: its module sigs.k8s.io/gwctl could not be had, and it has no
watch.

The changes under load are written to etcd and not through the API server (etcd_changes.py says why): what the
API server sends to those who watch is the same.

Ratios are of `kubectl get httproutes -A` in the first table and of `kubectl get httproutes -A -w` in the
second; time and CPU of the first are medians of --runs, all else is of the last run. What the lines say:
  first row        from the start of the program until the first route is on the screen
  all rows         until all are: kubectl has printed the last; the title or header counts them all
  all judged       until nothing loads any more and the header's verdicts are the final ones
  a change         from the request that changes a shown route until the screen shows it
  idle, load       CPU in percent of one core; the server's is what it needs more than with nobody connected
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import real_cluster
from many_routes import Cluster, many_real_routes, many_routes
from peer_programs import Peer, k9s, kubectl_program, ours
from processes import cpu_s, peak_mib, resident_mib, tree_cpu_s
from screen_log import ScreenLog
from surroundings import machine, versions
from terminal import Terminal

COLUMNS, LINES = 120, 40
_LONGEST_S = 300.0
_ROW = re.compile(rb"team-\d+\s+app-\d+")
# four polls of k9s: what is not there then would not come
_SETTLED_S = 8.0
_PRESSES = 10
_SERVER_ALONE_S = 10.0


@dataclass(frozen=True)
class Ended:
    """A program that ends by itself."""

    seconds: float
    cpu_s: float
    peak_mib: float
    bytes: int


@dataclass(frozen=True)
class Opened:
    """A program that stays, until all is there."""

    first_row_s: float
    all_rows_s: float
    judged_s: float | None
    cpu_s: float
    first_bytes: int
    all_bytes: int


@dataclass(frozen=True)
class Stayed:
    """What it costs from there on; bytes are of the whole time that is measured."""

    key_bytes: float | None
    change_bytes: int
    change_s: float
    idle_bytes: int
    idle_cpu: float
    idle_server: float
    resident_mib: float
    load_bytes: int
    load_cpu: float
    load_server: float
    rate: float
    peak_mib: float


@dataclass(frozen=True)
class Server:
    """What the API server and etcd use with nobody connected, in cores: at rest, and while it is changed."""

    idle: float
    load: float
    rate: float


def ended(argv: list[str], expect: tuple[int, ...]) -> Ended:
    """Run to the end, the output into a file.

    The peak is looked at as it grows: the system's own account of a child begins with its parent's memory.
    """
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        peak = 0.0
        while True:
            peak = max(peak, peak_mib(child.pid))
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.02)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in expect:
            output.seek(0)
            raise RuntimeError(f"{argv} ended with {child.returncode}: {output.read(2000)!r}")
        return Ended(seconds, usage.ru_utime + usage.ru_stime, peak, output.seek(0, os.SEEK_END))


def opened(peer: Peer, terminal: Terminal, routes: int) -> tuple[Opened, ScreenLog]:
    """Wait until all is there; how long that took is found out afterwards, from what came when."""
    terminal.wait_until(lambda seen: _ROW.search(seen) is not None, _LONGEST_S)
    if peer.name == "Pointsman":
        terminal.wait_for(b"live", _LONGEST_S)
    terminal.read_until_quiet(2.0, _LONGEST_S)
    used = tree_cpu_s(terminal.child.pid)
    came, sent = terminal.arrivals[-1][0], len(terminal.seen)
    if peer.counts is None:
        first_s, first_bytes = _first_line(terminal)
        lines = len(_ROW.findall(terminal.seen))
        if lines != routes:
            raise RuntimeError(f"{peer.name} printed {lines} routes")
        return Opened(first_s, came, None, used, first_bytes, sent), ScreenLog([], COLUMNS, LINES)
    terminal.read_for(_SETTLED_S)
    log = ScreenLog(terminal.arrivals, COLUMNS, LINES)
    counts = peer.counts
    all_rows_s = log.since(lambda rows: counts(rows, routes))
    if not all_rows_s:
        raise RuntimeError(f"{peer.name} does not count {routes} routes:\n" + "\n".join(log.rows))
    first_s, first_bytes = log.first_row()
    judged_s = log.judged_s() if peer.name == "Pointsman" else None
    return Opened(first_s, all_rows_s, judged_s, used, first_bytes, sent), log


def _first_line(terminal: Terminal) -> tuple[float, int]:
    sent = 0
    for at, data in terminal.arrivals:
        sent += len(data)
        if _ROW.search(data):
            return at, sent
    raise AssertionError("unreachable: a row was seen")


class Session:
    """One program on its terminal, all of its rows shown."""

    def __init__(
        self, peer: Peer, terminal: Terminal, log: ScreenLog, cluster: Cluster, alone: Server
    ) -> None:
        self._peer, self._terminal, self._log = peer, terminal, log
        self._cluster, self._alone = cluster, alone

    def stay(self, idle_s: float, rate: float, load_s: float) -> Stayed:
        """All that is measured once everything is there."""
        change_s, change_bytes = self._change()
        key_bytes = self._keys() if self._peer.keys else None
        self._terminal.read_for(_SETTLED_S)
        idle_bytes, idle_cpu, idle_server = self._cost(idle_s)
        resident = resident_mib(self._terminal.child.pid)
        self._cluster.start_churn(rate, load_s + 3)
        self._terminal.read_for(2.0)
        load_bytes, load_cpu, load_server = self._cost(load_s)
        self._cluster.end_churn()
        return Stayed(
            key_bytes=key_bytes,
            change_bytes=change_bytes,
            change_s=change_s,
            idle_bytes=idle_bytes,
            idle_cpu=idle_cpu,
            idle_server=idle_server - self._alone.idle,
            resident_mib=resident,
            load_bytes=load_bytes,
            load_cpu=load_cpu,
            load_server=load_server - self._alone.load,
            rate=self._cluster.rate,
            peak_mib=peak_mib(self._terminal.child.pid),
        )

    def _cost(self, seconds: float) -> tuple[int, float, float]:
        """Bytes, and CPU of the program and of the server as shares of one core, over so many seconds."""
        terminal, began = self._terminal, time.perf_counter()
        sent, used = len(terminal.seen), tree_cpu_s(terminal.child.pid)
        served = cpu_s(*self._cluster.pids)
        terminal.read_for(seconds)
        took = time.perf_counter() - began
        own, other = tree_cpu_s(terminal.child.pid) - used, cpu_s(*self._cluster.pids) - served
        return len(terminal.seen) - sent, own / took, other / took

    def _keys(self) -> float:
        """Bytes for a key that moves the cursor down one row, on average."""
        sent = len(self._terminal.seen)
        for _ in range(_PRESSES):
            self._terminal.send(self._peer.keys)
            self._terminal.read_for(0.4)
        return (len(self._terminal.seen) - sent) / _PRESSES

    def _change(self) -> tuple[float, int]:
        """Seconds until a changed hostname is shown, and the bytes of some seconds from the change on."""
        terminal = self._terminal
        drawn = self._peer.counts is not None
        namespace, name = self._log.route_in_row(5) if drawn else ("team-000", "app-00000")
        # short, because the column is; never twice the same, or nothing would change
        label = f"c{time.time_ns() % 10**9}"
        sent, seen = len(terminal.seen), len(terminal.arrivals)
        began = time.perf_counter() - terminal.started
        self._cluster.set_hostname(namespace, name, f"{label}.test")
        terminal.read_for(_SETTLED_S)
        later = terminal.arrivals[seen:]
        if drawn:
            self._log.play(later)
            shown = self._log.since(lambda rows: any(label in row for row in rows))
        else:
            shown = next((at for at, data in later if label.encode() in data), 0.0)
        if not shown:
            raise RuntimeError(f"{self._peer.name} never showed the change")
        return shown - began, len(terminal.seen) - sent


def alone(cluster: Cluster, rate: float, seconds: float) -> Server:
    """The server's own cost, and the rate that is reached, while nobody watches."""
    used = cpu_s(*cluster.pids)
    time.sleep(_SERVER_ALONE_S)
    idle = (cpu_s(*cluster.pids) - used) / _SERVER_ALONE_S
    cluster.start_churn(rate, seconds + 3)
    time.sleep(2.0)
    used = cpu_s(*cluster.pids)
    time.sleep(seconds)
    load = (cpu_s(*cluster.pids) - used) / seconds
    cluster.end_churn()
    return Server(idle, load, cluster.rate)


def measure(cluster: Cluster, folder: Path, options: argparse.Namespace) -> None:
    """All programs in turn, ``--runs`` times; the last time they stay."""
    found = kubectl_program()
    stays = [ours(cluster.kubeconfig)]
    ends: dict[str, tuple[list[str], tuple[int, ...]]] = {}
    if found is not None:
        # its cache of what is served is warm after the first run, as it is for an operator
        get = [found[0], "--kubeconfig", cluster.kubeconfig, "--cache-dir", str(folder / "kubectl")]
        get += ["get", "httproutes", "-A"]
        for options_of in ((), ("-o", "wide"), ("-o", "json")):
            ends[" ".join(["kubectl get", *options_of])] = ([*get, *options_of], (0,))
        stays.insert(0, Peer("kubectl get -w", found[1], [*get, "-w"]))
    status = [sys.executable, "-m", "pointsman.tui", "status", "--kubeconfig", cluster.kubeconfig]
    ends["pointsman status"] = (status, (0, 1, 3))
    other = k9s(cluster.kubeconfig, folder)
    if other is not None:
        stays.insert(len(stays) - 1, other)
    print(
        f"{Path(sys.argv[0]).name}: {machine()}; takes ten minutes\n"
        f"{versions(packages=('textual', 'msgspec', 'urllib3'))},"
        f" kubectl {found[1] if found else 'is not here'}, k9s {other.version if other else 'is not here'},"
        f" gwctl is not here\n{cluster.server}",
        flush=True,
    )
    server = alone(cluster, options.rate, options.load_seconds)
    outputs: dict[str, list[Ended]] = {name: [] for name in ends}
    openings: dict[str, list[Opened]] = {peer.name: [] for peer in stays}
    stayed: dict[str, Stayed] = {}
    for number in range(options.runs):
        for name, (argv, expect) in ends.items():
            outputs[name].append(ended(argv, expect))
        for peer in stays:
            environment = {"COLORTERM": "", **peer.environment}
            with Terminal(peer.argv, COLUMNS, LINES, environment) as terminal:
                one, log = opened(peer, terminal, options.routes)
                openings[peer.name].append(one)
                if number == options.runs - 1:
                    session = Session(peer, terminal, log, cluster, server)
                    stayed[peer.name] = session.stay(options.idle_seconds, options.rate, options.load_seconds)
    print_ended(outputs)
    print_stayed(openings, stayed, server, options)


def print_ended(outputs: dict[str, list[Ended]]) -> None:
    """The first table; medians."""
    middle = {
        name: [statistics.median(column) for column in zip(*map(_figures, runs), strict=True)]
        for name, runs in outputs.items()
    }
    unit = next(iter(middle.values()))
    print("\n| prints and ends | time | CPU | peak memory | output |\n|---|---|---|---|---|")
    for name, (seconds, used, peak, size) in middle.items():
        cells = [
            f"{seconds / unit[0]:.2f} ({seconds:.2f} s)",
            f"{used / unit[1]:.2f} ({used:.2f} s)",
            f"{peak / unit[2]:.2f} ({peak:.0f} MiB)",
            f"{size / 1000:.0f} kB",
        ]
        print(f"| `{name}` | {' | '.join(cells)} |")


def _figures(one: Ended) -> tuple[float, ...]:
    return one.seconds, one.cpu_s, one.peak_mib, one.bytes


def print_stayed(
    openings: dict[str, list[Opened]], stayed: dict[str, Stayed], server: Server, options: argparse.Namespace
) -> None:
    """The second table: one column for each program."""
    print(f"\n| stays | {' | '.join(f'{name}' for name in stayed)} |")
    print("|---" * (len(stayed) + 1) + "|")

    def row(name: str, figures: list[float | None], words: str, scale: float = 1.0) -> None:
        unit = next((one for one in figures if one is not None), None)
        cells = []
        for one in figures:
            said = "" if one is None else words.format(one * scale)
            cells.append(said if one is None or not unit else f"{one / unit:.2f} ({said})")
        print(f"| {name} | {' | '.join(cells)} |")

    def middle(name: str) -> list[float | None]:
        return [
            None if (values := [getattr(one, name) for one in runs])[0] is None else statistics.median(values)
            for runs in openings.values()
        ]

    def last(name: str) -> list[float | None]:
        return [getattr(one, name) for one in stayed.values()]

    row("first row", middle("first_row_s"), "{:.2f} s")
    row("all rows", middle("all_rows_s"), "{:.2f} s")
    row("all judged", middle("judged_s"), "{:.2f} s")
    row("CPU until it is quiet", middle("cpu_s"), "{:.2f} s")
    row("bytes to the first row", middle("first_bytes"), "{:.0f}")
    row("bytes until it is quiet", middle("all_bytes"), "{:.0f}")
    row("a key: cursor down, bytes", last("key_bytes"), "{:.0f}")
    row("a change is shown after", last("change_s"), "{:.2f} s")
    row("a change, bytes", last("change_bytes"), "{:.0f}")
    row("memory at rest", last("resident_mib"), "{:.0f} MiB")
    row(f"idle, bytes in {options.idle_seconds:.0f} s", last("idle_bytes"), "{:.0f}")
    row("idle, CPU", last("idle_cpu"), "{:.1f} %", 100)
    row("idle, the server's CPU for it", last("idle_server"), "{:.1f} %", 100)
    row("changes a second", last("rate"), "{:.0f}")
    row("load, CPU", last("load_cpu"), "{:.1f} %", 100)
    row("load, the server's CPU for it", last("load_server"), "{:.1f} %", 100)
    row("load, bytes a second", last("load_bytes"), "{:.0f}", 1 / options.load_seconds)
    row("peak memory", last("peak_mib"), "{:.0f} MiB")
    print(
        f"\nThe server alone: {server.idle * 100:.1f} % of a core at rest,"
        f" {server.load * 100:.0f} % at {server.rate:.0f} changes a second."
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--routes", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--idle-seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--load-seconds", type=float, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, a_cluster(options.routes) as cluster:
        measure(cluster, Path(folder), options)


def a_cluster(routes: int) -> AbstractContextManager[Cluster]:
    """The real one, or the practice one with the reason why."""
    reason = real_cluster.why_not()
    if reason:
        print(f"NOT a real API server but the practice one: {reason}")
        return many_routes(routes)
    return many_real_routes(routes)


if __name__ == "__main__":
    main()
