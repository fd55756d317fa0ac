"""Many host names on loopback: our TLS inspection beside `xargs -P4 openssl s_client` and sslyze.

Run: python benchmarks/tls_hosts.py [--hosts N] [--sslyze PYTHON] [--skip openssl,sslyze,testssl,holes]

Each host has a certificate of its own, under one intermediate and one root, served by nginx where it is
installed. Every contestant makes a handshake with each host, verifies its chain against the root, and checks
its name; ours gives verdicts besides. Programs are run as a person runs them, so starting them counts. Client
and server share the cores: the CPU seconds of both stand beside the wall time, and "CPU x" compares those of
the clients, which others on the machine disturb less. sslyze is asked only where
--sslyze names a Python that has it, testssl about three hosts, where it is installed: it takes many seconds
for each.

The black holes: every tenth host is one, in turn a port that takes connections and is silent, and one whose
queue is full, so that SYNs are lost. The least that they force on anybody who asks enough hosts at once is
one time limit.

Ends with 1 where what was found is wrong, so that nothing was compared. A budget that is missed is told and
ends with 0: docs/measured.md lists it with its cause.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import surroundings
from tls_server import Served, black_holes, host, serve

_TIMEOUT_S = 2.0
_OURS = (sys.executable, "-c", "from pointsman.tui.cli import main; main()")
_SSLYZE_HOSTS, _TESTSSL_HOSTS = 200, 3
# how many times faster than each, and how many time limits with black holes
_THAN_OPENSSL, _THAN_SSLYZE, _LIMITS = 3.0, 7.0, 1.5
_SSLYZE = """
import sys
from pathlib import Path
from sslyze import (CertificateInfoExtraArgument, ScanCommandsExtraArguments, Scanner, ScanCommand,
    ServerNetworkLocation, ServerScanRequest)
port, root, names = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]).read_text().split()
arguments = ScanCommandsExtraArguments(certificate_info=CertificateInfoExtraArgument(custom_ca_file=root))
scanner = Scanner()
scanner.queue_scans([ServerScanRequest(ServerNetworkLocation(name, port, "127.0.0.1"),
    scan_commands={ScanCommand.CERTIFICATE_INFO}, scan_commands_extra_arguments=arguments) for name in names])
good = 0
for result in scanner.get_results():
    info = result.scan_result.certificate_info.result if result.scan_result else None
    good += bool(info) and any(one.trust_store.name.startswith("Supplied") and one.was_validation_successful
        for one in info.certificate_deployments[0].path_validation_results)
print(good)
"""


@dataclass(frozen=True)
class Run:
    """One contestant: hosts asked and found good, wall and CPU seconds, the server's too."""

    who: str
    hosts: int
    good: int
    wall_s: float
    cpu_s: float
    server_s: float

    @property
    def each_ms(self) -> float:
        """Wall milliseconds for each host."""
        return self.wall_s / self.hosts * 1000


@dataclass
class Told:
    """What is wrong, and the budgets that were missed; a sentence each."""

    wrong: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)


def timed(who: str, hosts: int, served: Served, command: list[str]) -> tuple[Run, bytes]:
    """Runs a program to its end. The CPU seconds are its own and those of all that it started."""
    before, server_before, began = os.times(), served.cpu_s(), time.monotonic()
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    wall = time.monotonic() - began
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    run = Run(who, hosts, hosts if done.returncode == 0 else 0, wall, cpu, served.cpu_s() - server_before)
    return run, done.stdout


def ours(directory: Path, served: Served, lines: list[str], *options: str) -> tuple[Run, dict[str, int]]:
    """`pointsman probe tls --targets`, and how many targets got which verdict."""
    targets = directory / "targets"
    targets.write_text("\n".join(lines))
    command = [*_OURS, "probe", "tls", "--targets", str(targets), "--ca", str(served.root)]
    run, output = timed("pointsman probe tls", len(lines), served, [*command, *options])
    tally = output.decode().partition("\n")[0]
    found = {verdict: int(number) for number, verdict in re.findall(r"(\d+) ([A-Z]+)\b", tally)}
    return replace(run, good=found.get("PASS", 0)), found


def openssl(directory: Path, served: Served, hosts: int) -> Run:
    """`xargs -P4 openssl s_client`, which verifies chain and name."""
    names = directory / "names"
    names.write_text("".join(f"{host(number)}\n" for number in range(hosts)))
    command = ["xargs", "-a", str(names), "-P4", "-I{}", "openssl", "s_client",
               "-connect", f"127.0.0.1:{served.port}", "-servername", "{}", "-verify_hostname", "{}",
               "-CAfile", str(served.root), "-verify_return_error", "-showcerts", "-status"]  # fmt: skip
    return timed("xargs -P4 openssl s_client", hosts, served, command)[0]


def sslyze(directory: Path, served: Served, hosts: int, python: str) -> Run:
    """sslyze's certificate check over all names, by its own scanner with its own concurrency."""
    names = directory / "sslyze-names"
    names.write_text("\n".join(host(number) for number in range(hosts)))
    command = [python, "-c", _SSLYZE, str(served.port), str(served.root), str(names)]
    run, output = timed("sslyze certificate_info", hosts, served, command)
    good = int(output.split()[-1]) if output.split() else 0
    return Run(run.who, hosts, good, run.wall_s, run.cpu_s, run.server_s)


def testssl(directory: Path, served: Served, hosts: int, program: str) -> Run:
    """testssl's server defaults (the certificate and its chain), one host after the other."""
    names = directory / "testssl-names"
    names.write_text("".join(f"{host(number)}:{served.port}\n" for number in range(hosts)))
    command = ["xargs", "-a", str(names), "-n1", program, "-S", "--quiet", "--color", "0",
               "--warnings", "batch", "--nodns", "none",
               "--ip", "127.0.0.1", "--add-ca", str(served.root)]  # fmt: skip
    run, output = timed("testssl -S", hosts, served, command)
    good = len(re.findall(r"Chain of trust +Ok", output.decode(errors="replace")))
    return replace(run, good=good)


def row(run: Run, best: Run) -> str:
    """One line of the table."""
    ratio = run.each_ms / best.each_ms
    work = run.cpu_s / run.hosts / (best.cpu_s / best.hosts)
    return (
        f"{run.who:<28}{run.hosts:>7}{run.good:>7}{run.wall_s:>9.2f}{run.each_ms:>9.2f}"
        f"{run.cpu_s:>9.2f}{run.server_s:>9.2f}{ratio:>9.2f}{work:>9.2f}"
    )


def compare(directory: Path, served: Served, options: argparse.Namespace, told: Told) -> None:
    """Prints the table and tells what is wrong or missed."""
    hosts, skip = options.hosts, options.skip.split(",")
    # once unmeasured: bytecode, page cache
    ours(directory, served, [f"127.0.0.1:{served.port} {host(0)}"])
    best, _ = ours(directory, served, [f"127.0.0.1:{served.port} {host(number)}" for number in range(hosts)])
    titles = ("hosts", "good", "wall s", "ms each", "CPU s", "server", "wall x", "CPU x")
    widths = (7, 7, 9, 9, 9, 9, 9, 9)
    header = " " * 28 + "".join(f"{one:>{width}}" for one, width in zip(titles, widths, strict=True))
    print(f"\n{header}\n{row(best, best)}", flush=True)
    if best.good != hosts:
        told.wrong.append(f"only {best.good} of {hosts} hosts are good")
    rivals: list[tuple[Run, float]] = []
    if "openssl" not in skip:
        rivals.append((openssl(directory, served, hosts), _THAN_OPENSSL))
        print(row(rivals[-1][0], best), flush=True)
    if options.sslyze and "sslyze" not in skip:
        rivals.append((sslyze(directory, served, min(hosts, _SSLYZE_HOSTS), options.sslyze), _THAN_SSLYZE))
        print(row(rivals[-1][0], best), flush=True)
    program = surroundings.program_path("testssl")
    if program and "testssl" not in skip:
        rivals.append((testssl(directory, served, min(hosts, _TESTSSL_HOSTS), program), 1.0))
        print(row(rivals[-1][0], best), flush=True)
    for rival, budget in rivals:
        faster = rival.each_ms / best.each_ms
        if rival.good != rival.hosts:
            told.wrong.append(f"{rival.who} does not find all hosts good, so it is no comparison")
        if faster < budget:
            told.missed.append(f"{faster:.2f} times faster than {rival.who}; the budget is {budget:g}")


def holes(directory: Path, served: Served, hosts: int, told: Told) -> None:
    """Prints how long one host in ten that never answers keeps us; tells what is wrong or missed."""
    with black_holes() as (silent, full):
        lines = []
        for number in range(hosts):
            port = (silent, full)[number // 10 % 2] if number % 10 == 0 else served.port
            lines.append(f"127.0.0.1:{port} {host(number)}")
        run, found = ours(directory, served, lines, "--timeout", f"{_TIMEOUT_S:g}")
    dark = (hosts + 9) // 10
    print(f"\none host in ten is a black hole, time limit {_TIMEOUT_S:g} s, least possible {_TIMEOUT_S:g} s")
    print(f"{'':<28}{run.hosts:>7}{run.good:>7}{run.wall_s:>9.2f}{'':>9}{run.cpu_s:>9.2f}{run.server_s:>9.2f}"
          f"{run.wall_s / _TIMEOUT_S:>9.2f}")  # fmt: skip
    if run.good != hosts - dark or found.get("FAIL") != dark:
        told.wrong.append(f"with black holes: {found}")
    if run.wall_s > _LIMITS * _TIMEOUT_S:
        told.missed.append(
            f"{run.wall_s / _TIMEOUT_S:.2f} time limits with black holes; the budget is {_LIMITS:g}"
        )


def main() -> int:
    """Measure and print; 1 where what was found is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--sslyze", metavar="PYTHON", help="a Python that has sslyze")
    parser.add_argument("--skip", default="", metavar="openssl,sslyze,testssl,holes")
    options = parser.parse_args()
    if "openssl" not in options.skip.split(",") and not shutil.which("openssl"):
        raise SystemExit("openssl is not installed; leave it out with --skip openssl")
    surroundings.say("nginx", "openssl", "testssl", "xargs", packages=["pyOpenSSL", "cryptography"],
                     sslyze=options.sslyze or "", takes="two minutes")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        with serve(directory, options.hosts) as served:
            print(f"{options.hosts} names, {served.program}; clients and server share the cores")
            told = Told()
            compare(directory, served, options, told)
            if "holes" not in options.skip.split(","):
                holes(directory, served, options.hosts, told)
    lines = [f"WRONG: {one}" for one in told.wrong] + [f"MISSED: {one}" for one in told.missed]
    print("\n" + ("\n".join(lines) or "every budget is kept"))
    return 1 if told.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
