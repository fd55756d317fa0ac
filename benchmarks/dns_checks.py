"""DNS checks of many names beside dig, per CPU second of the client; the server is a process of its own.

Run: python benchmarks/dns_checks.py [--names N] [--runs N] [--distinct]

Each client asks one authoritative server on loopback for A, AAAA, CNAME and HTTPS of every name: ours (every
answer read, classified and kept as facts), `dig -f` with the same questions, and dnsperf as the lower bound,
which reads nothing. The server is knot where it is installed, else the practice world's. A quarter of the
names are aliases, half of the others have IPv6, a quarter HTTPS; they lead to 20 load balancers (--distinct:
each name to its own address). CPU is user and system time of the whole client process, start-up included;
below it the same without what starting Python, or dig, alone costs. Of all runs the least counts, for each
client alike: whatever else the machine does only adds. Exit code 1: fewer checks per CPU second
than dig, start-up included on both sides, or an answer is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import surroundings
from ports import free_port

TYPES = ("A", "AAAA", "CNAME", "HTTPS")
ZONE = "shop.test"
_CLIENT = Path(__file__).with_name("dns_client.py")


@dataclass(frozen=True)
class Cost:
    """One run of a client, in seconds."""

    wall: float
    cpu: float


def records(count: int, distinct: bool) -> list[str]:
    """The zone's records, a line each."""
    lines = []
    for number in range(count):
        place = number if distinct else number % 20
        if number % 4 == 3:
            lines.append(f"h{number} 60 CNAME h{number - 1}")
            continue
        address = f"192.{place >> 16 & 255}.{place >> 8 & 255}.{place & 255}"
        lines.append(f"h{number} 60 A {address}")
        if number % 2 == 0:
            lines.append(f"h{number} 60 AAAA 2001:db8::{place:x}")
        if number % 4 == 0:
            lines.append(f'h{number} 60 HTTPS 1 . alpn="h2,h3" ipv4hint={address}')
    return lines


@contextlib.contextmanager
def server(folder: Path, lines: list[str]) -> Iterator[tuple[str, int]]:
    """The name and port of a running name server with the zone."""
    zone = folder / "zone"
    head = f"$ORIGIN {ZONE}.\n$TTL 300\n@ SOA ns me 1 3600 600 86400 300\n@ NS ns\nns A 127.0.0.1\n"
    zone.write_text(head + "\n".join(lines) + "\n")
    knotd = surroundings.program_path("knotd")
    port = free_port()
    if knotd:
        configuration = folder / "knot.conf"
        configuration.write_text(_knot(folder, zone, port))
        argv, name = [knotd, "-c", str(configuration)], "knot"
    else:
        argv, name = [sys.executable, __file__, "--serve", str(port), str(zone)], "the practice world's"
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(port, process)
            yield name, port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(15)


def _knot(folder: Path, zone: Path, port: int) -> str:
    return f"""server:
    listen: 127.0.0.1@{port}
    rundir: {folder}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {folder}
zone:
  - domain: {ZONE}
    file: {zone}
    zonefile-sync: -1
    journal-content: none
"""


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until the server takes TCP connections, which it does when the zone is loaded or soon after."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit("the name server ended by itself")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            time.sleep(0.5)
            return
        time.sleep(0.1)
    raise SystemExit("the name server did not start")


def serve(port: int, zone_file: str) -> None:
    """The practice world's server, until it is ended."""
    import asyncio

    from pointsman.sandbox.dns_authority import AuthorityServer
    from pointsman.sandbox.dns_zone import Zone, record_set

    lines = Path(zone_file).read_text().splitlines()[5:]

    async def run() -> None:
        zone = Zone(ZONE)
        with zone.change() as change:
            for text in lines:
                owner, ttl, kind, value = text.split(None, 3)
                change.set(zone.name(f"{owner}.{ZONE}"), record_set(int(ttl), kind, [value], zone.origin))
        await AuthorityServer(zone).start("127.0.0.1", port)
        await asyncio.Event().wait()

    asyncio.run(run())


def measured(argv: list[str]) -> tuple[Cost, str]:
    """One run of a program, and what it printed."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu), ended.stdout


def check(printed: str, count: int) -> None:
    """That ours has every answer. Raises SystemExit."""
    if printed.split() != [str(count * len(TYPES)), "0", str(count)]:
        raise SystemExit(f"answers are missing: {printed}")


def main() -> int:
    """Measure in turn and print one table; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--distinct", action="store_true", help="each name leads to an address of its own")
    parser.add_argument("--serve", nargs=2, metavar=("PORT", "ZONE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(int(options.serve[0]), options.serve[1])
        return 0
    if shutil.which("dig") is None:
        print("needs dig (Debian: bind9-dnsutils)", file=sys.stderr)
        return 2
    surroundings.say("knotd", "dig", "dnsperf", packages=["dnspython"], takes="one minute")
    with tempfile.TemporaryDirectory() as folder:
        return compare(Path(folder), options.names, options.runs, options.distinct)


def compare(folder: Path, count: int, runs: int, distinct: bool) -> int:
    """All clients in turn, several times."""
    questions = [f"h{number}.{ZONE} {kind}" for number in range(count) for kind in TYPES]
    listed, names = folder / "questions", folder / "names"
    listed.write_text("\n".join(questions) + "\n")
    names.write_text("".join(f"h{number}.{ZONE}\n" for number in range(count)))
    with server(folder, records(count, distinct)) as (name, port):
        where = ["@127.0.0.1", "-p", str(port)]
        clients = {
            "ours": [sys.executable, str(_CLIENT), str(port), str(count)],
            "dig -f": ["dig", *where, "+norecurse", "-f", str(listed)],
            "python -c pass": [sys.executable, "-c", "pass"],
            "dig -v": ["dig", "-v"],
            "pointsman probe dns": [
                sys.executable, "-m", "pointsman.tui", "probe", "dns", "--file", str(names), "--zone", ZONE,
                "--server", f"127.0.0.1:{port}",
            ],
        }  # fmt: skip
        if shutil.which("dnsperf"):
            # it counts what comes back and reads none of it
            clients["dnsperf"] = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(listed), "-n", "1"]
        costs: dict[str, list[Cost]] = {client_name: [] for client_name in clients}
        for run in range(runs + 1):
            for client_name, argv in clients.items():
                cost, printed = measured(argv)
                if client_name == "ours":
                    check(printed, count)
                if run:  # the first round warms the caches
                    costs[client_name].append(cost)
    return report(costs, name, len(questions), runs)


def report(costs: dict[str, list[Cost]], server_name: str, questions: int, runs: int) -> int:
    """The table, and whether ours does at least as many checks in a CPU second as dig."""
    cpu = {name: min(cost.cpu for cost in found) for name, found in costs.items()}
    wall = {name: min(cost.wall for cost in found) for name, found in costs.items()}
    print(f"{questions} questions to {server_name}, the least of {runs} runs\n")
    print(f"{'':<34}{'wall s':>8}{'CPU s':>8}{'us/question':>13}{'beside dig':>12}")
    starts = {"ours": "python -c pass", "dig -f": "dig -v"}
    rows = [(name, wall[name], cpu[name], cpu["dig -f"]) for name in costs if name not in starts.values()]
    bare = {name: max(cpu[name] - cpu[start], 1e-6) for name, start in starts.items()}
    rows += [
        (f"{name} without `{starts[name]}`", wall[name] - wall[starts[name]], bare[name], bare["dig -f"])
        for name in starts
    ]
    for name, seconds, used, beside in rows:
        print(f"{name:<34}{seconds:>8.2f}{used:>8.3f}{used / questions * 1e6:>13.1f}{beside / used:>12.2f}")
    ratio = cpu["dig -f"] / cpu["ours"]
    print(f"\nchecks per CPU second, ours over dig, start-up included: {ratio:.2f} (wanted: at least 1.0)")
    return 0 if ratio >= 1.0 else 1


if __name__ == "__main__":
    sys.exit(main())
