"""A whole check before a cutover: `pointsman check` of many hosts beside the script of an operator.

Run: python benchmarks/check_hosts.py [--hosts 1000] [--script-hosts 100] [--rounds 3]

Its own world, all on loopback: nginx serves every host by SNI with a certificate of its own (root,
intermediate, leaf), knot serves the zone on two addresses. The script does for each host what checklists
for this say: `curl --resolve` of each path, `openssl s_client -servername -verify_hostname -showcerts` and
`openssl x509 -checkend`, `dig +norecurse` for A, AAAA, CNAME and HTTPS at each name server. It runs one host
after the other, and once more with `xargs -P4`; on fewer hosts than ours, and its time is multiplied: it is
a straight line.

Five hosts are broken on purpose, and both must name them. Ours is the process, its start included. Exit
code 1 where a fault was missed, or where ours is not ten times as fast as the script.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import surroundings
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from ports import free_port

OLD, NEW = "127.0.0.2", "127.0.0.3"
SERVERS = ("127.0.0.4", "127.0.0.5")
PATHS = ("/", "/healthz")
LOW_TTL = 60
LEAST_RATIO = 10.0
TOOLS = ("nginx", "knotd", "curl", "openssl", "dig", "xargs")

SCRIPT = r"""#!/bin/sh
# usage: check.sh HOST: a line for everything that is wrong with it
host=$1
for path in $PATHS_ASKED; do
  code=$(curl -sS -o /dev/null -w '%{http_code}' --max-time 5 --cacert "$ROOTS" \
    --resolve "$host:$PORT:$NEW" "https://$host:$PORT$path" 2>/dev/null)
  case $code in 2??|3??) ;; *) echo "$host requests $path $code" ;; esac
done
served=$(openssl s_client -connect "$NEW:$PORT" -servername "$host" -verify_hostname "$host" \
  -CAfile "$ROOTS" -showcerts </dev/null 2>/dev/null)
case $served in *"Verify return code: 0 (ok)"*) ;; *) echo "$host tls-chain not verified" ;; esac
echo "$served" | openssl x509 -noout -checkend "$SOAK" >/dev/null 2>&1 || echo "$host tls-chain expires"
for server in $SERVERS; do
  for type in A AAAA CNAME HTTPS; do
    ttl=$(dig +norecurse +noall +answer +time=2 +tries=2 "@$server" -p "$DNS_PORT" "$host" "$type" |
      awk 'NR == 1 {print $2}')
    [ -z "$ttl" ] || [ "$ttl" -le "$LOW_TTL" ] || echo "$host dns-ttl $type $ttl at $server"
  done
done
"""


@dataclass(frozen=True, slots=True)
class World:
    """What both sides are told. ``faults`` is the check that must name each broken host."""

    folder: Path
    hosts: tuple[str, ...]
    faults: dict[str, str]
    port: int
    dns_port: int


@dataclass(frozen=True, slots=True)
class Run:
    """One run: wall and CPU seconds (its children's too), each (host, check) that it complained of, and how
    many lines there are to read."""

    wall_s: float
    cpu_s: float
    named: frozenset[tuple[str, str]]
    lines: int = 0


# -- the world


def tool(name: str) -> str:
    """Where a program is. Raises SystemExit where it is not."""
    found = surroundings.program_path(name)
    if found is None:
        raise SystemExit(
            f"check_hosts: needs {name} (Debian: nginx-light, knot, curl, openssl, bind9-dnsutils)"
        )
    return found


@contextlib.contextmanager
def world(count: int) -> Iterator[World]:
    """nginx and knot with ``count`` hosts, until the block ends."""
    with (
        tempfile.TemporaryDirectory(prefix="pointsman-check-", dir="/tmp") as name,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(name)
        hosts = tuple(f"h{number:04}.shop.test" for number in range(count))
        step = max(2, count // 60)
        kinds = ("no-path", "no-intermediate", "other-name", "expires", "long-ttl")
        broken = {hosts[min(count - 1, (number + 1) * step // 2)]: kind for number, kind in enumerate(kinds)}
        port, dns_port = (free_port(OLD, NEW, *SERVERS) for _ in range(2))
        certificates(folder, hosts, broken)
        stack.enter_context(nginx(folder, hosts, broken, port))
        stack.enter_context(knot(folder, hosts, broken, dns_port))
        checks = {"no-path": "requests", "long-ttl": "dns-ttl"}
        faults = {host: checks.get(kind, "tls-chain") for host, kind in broken.items()}
        known = World(folder, hosts, faults, port, dns_port)
        (folder / "plan.yaml").write_text(plan_text(known))
        script = folder / "check.sh"
        script.write_text(SCRIPT)
        script.chmod(0o700)
        yield known


def certificates(folder: Path, hosts: Sequence[str], broken: dict[str, str]) -> None:
    """``root.pem``, one key for all leaves, and a chain for each host."""
    now = datetime.now(UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]

    def issue(name: str, issuer: str, key: int, signer: int, days: float, ca: bool) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
            .public_key(keys[key].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(keys[key].public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[signer].public_key()), critical=False
            )
        )
        if ca:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(usage, critical=True)
        else:
            usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
            builder = builder.add_extension(usage, critical=True)
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            server = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH])
            builder = builder.add_extension(server, critical=False)
        signed = builder.sign(keys[signer], hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    (folder / "root.pem").write_bytes(issue("Bench Root", "Bench Root", 0, 0, 3650, ca=True))
    between = issue("Bench Intermediate", "Bench Root", 1, 0, 1825, ca=True)
    private = keys[2].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "leaf.key").write_bytes(private)
    for host in hosts:
        fault = broken.get(host)
        name = "elsewhere.test" if fault == "other-name" else host
        leaf = issue(name, "Bench Intermediate", 2, 1, 1 if fault == "expires" else 80, ca=False)
        (folder / f"{host}.pem").write_bytes(leaf + (b"" if fault == "no-intermediate" else between))


@contextlib.contextmanager
def nginx(folder: Path, hosts: Sequence[str], broken: dict[str, str], port: int) -> Iterator[None]:
    """Both sides: every host at OLD and NEW; what is broken is so on both."""
    blocks = []
    for host in hosts:
        missing = "location = /healthz { return 404; }" if broken.get(host) == "no-path" else ""
        blocks.append(
            f"server {{ listen {OLD}:{port} ssl; listen {NEW}:{port} ssl; server_name {host};"
            f" ssl_certificate {folder}/{host}.pem; ssl_certificate_key {folder}/leaf.key;"
            f' {missing} location / {{ return 200 "ok"; }} }}'
        )
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    owner = "user root;\n" if os.geteuid() == 0 else ""
    config.write_text(
        f"{owner}daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/nginx.log;\n"
        "events { worker_connections 4096; }\n"
        "http { access_log off; server_names_hash_max_size 8192; server_names_hash_bucket_size 128;\n"
        f"{temporary}" + "\n".join(blocks) + "\n}\n"
    )
    with serving([tool("nginx"), "-p", str(folder), "-c", str(config)], (NEW, port)):
        yield


@contextlib.contextmanager
def knot(folder: Path, hosts: Sequence[str], broken: dict[str, str], port: int) -> Iterator[None]:
    """The zone on both name servers; every host leads to OLD."""
    records = [
        f"$TTL {LOW_TTL}",
        "shop.test. SOA ns1.shop.test. admin.shop.test. 1 3600 600 86400 60",
        *(f"shop.test. NS ns{number}.shop.test." for number in (1, 2)),
        *(f"ns{number}.shop.test. A {address}" for number, address in enumerate(SERVERS, start=1)),
        *(f"{host}. {3600 if broken.get(host) == 'long-ttl' else LOW_TTL} A {OLD}" for host in hosts),
    ]
    (folder / "shop.test.zone").write_text("\n".join(records) + "\n")
    config = folder / "knot.conf"
    listen = ", ".join(f"{address}@{port}" for address in SERVERS)
    config.write_text(
        f"server:\n  rundir: {folder}\n  listen: [{listen}]\n  udp-workers: 1\n  tcp-workers: 1\n"
        f"log:\n- target: {folder}/knot.log\n  any: error\n"
        f"database:\n  storage: {folder}/knot\n"
        f"zone:\n- domain: shop.test\n  file: {folder}/shop.test.zone\n  zonefile-sync: -1\n"
    )
    with serving([tool("knotd"), "-c", str(config)], (SERVERS[1], port)):
        yield


@contextlib.contextmanager
def serving(command: list[str], where: tuple[str, int]) -> Iterator[None]:
    """The program, once it accepts connections; it is ended with the block."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError), socket.create_connection(where, 0.5):
                break
            if child.poll() is not None or time.monotonic() > deadline:
                child.kill()
                _, complaint = child.communicate()
                raise SystemExit(f"check_hosts: {command[0]} does not run: {complaint.decode()[:500]}")
            time.sleep(0.1)
        yield
    finally:
        child.terminate()
        child.communicate(timeout=30)


def plan_text(known: World) -> str:
    """The cutover plan of all hosts."""
    servers = ", ".join(f'"{address}:{known.dns_port}"' for address in SERVERS)
    return (
        "apiVersion: pointsman/v1\nkind: CutoverPlan\nname: bench\ngateway: infra/main\n"
        f"old: {{address: {OLD}}}\nnew: {{address: {NEW}}}\nport: {known.port}\n"
        f"paths: [{', '.join(PATHS)}]\ntls: {{ca_file: root.pem}}\n"
        f"dns: {{provider: show, zone: shop.test., authoritative: [{servers}], low_ttl: {LOW_TTL}}}\n"
        "durations: {soak: 48h}\nhosts:\n" + "".join(f"- {host}\n" for host in known.hosts)
    )


# -- the runs


def ours(known: World) -> Run:
    """`pointsman check` as a process."""
    command = [sys.executable, "-m", "pointsman.tui", "check", str(known.folder / "plan.yaml"), "-o", "json"]
    command += ["--only", "requests", "--only", "tls-chain", "--only", "dns-ttl"]
    environment = {**os.environ, "KUBECONFIG": str(known.folder / "none"), "HOME": str(known.folder)}
    output, wall_s, cpu_s = timed(command, environment)
    named = set()
    for check in json.loads(output)["facts"]["checks"]:
        if check["verdict"] not in ("PASS", "FAIL", "WARN"):
            raise SystemExit(f"check_hosts: {check['id']} could not tell: {check['headline']}")
    for finding in json.loads(output)["findings"]:
        if finding["verdict"] in ("FAIL", "WARN", "UNKNOWN"):
            kind = {"HTTP": "requests", "TLS": "tls-chain", "DNS": "dns-ttl"}[finding["rule"][:-3]]
            named.add((finding["subject"]["host"].removesuffix("."), kind))
    # a line for each check, and one for what each finding is, what was seen and what to do
    return Run(wall_s, cpu_s, frozenset(named), len(json.loads(output)["facts"]["checks"]) + 3 * len(named))


def script(known: World, hosts: Sequence[str], at_once: int) -> Run:
    """The script over ``hosts``, ``at_once`` processes of it at a time."""
    listed = known.folder / "hosts.txt"
    listed.write_text("\n".join(hosts) + "\n")
    environment = {
        **os.environ,
        "PATHS_ASKED": " ".join(PATHS),
        "ROOTS": str(known.folder / "root.pem"),
        "NEW": NEW,
        "PORT": str(known.port),
        "DNS_PORT": str(known.dns_port),
        "SERVERS": " ".join(SERVERS),
        "LOW_TTL": str(LOW_TTL),
        "SOAK": str(48 * 3600),
        "HOME": str(known.folder),
    }
    command = [
        tool("xargs"),
        "-a",
        str(listed),
        "-P",
        str(at_once),
        "-n",
        "1",
        str(known.folder / "check.sh"),
    ]
    output, wall_s, cpu_s = timed(command, environment)
    rows = [line.split() for line in output.decode().splitlines()]
    return Run(wall_s, cpu_s, frozenset((row[0], row[1]) for row in rows))


def timed(command: list[str], environment: dict[str, str]) -> tuple[bytes, float, float]:
    """Standard output, wall seconds and CPU seconds of a process with all its children."""
    began, before = time.monotonic(), os.times()
    ended = subprocess.run(command, env=environment, capture_output=True, check=False)
    wall_s, after = time.monotonic() - began, os.times()
    if not ended.stdout:
        raise SystemExit(f"check_hosts: {command[0]} said nothing: {ended.stderr.decode()[-2000:]}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return ended.stdout, wall_s, spent


def missed(known: World, run: Run, hosts: Sequence[str]) -> list[str]:
    """The faults among ``hosts`` that a run did not name, and the healthy hosts that it did."""
    wanted = {(host, check) for host, check in known.faults.items() if host in hosts}
    lines = [f"missed {host} ({check})" for host, check in sorted(wanted - run.named)]
    # a chain that does not verify also fails the requests of its host
    return lines + [
        f"wrongly named {host} ({check})" for host, check in sorted(run.named) if host not in known.faults
    ]


def report(known: World, arguments: argparse.Namespace) -> int:
    """Runs everything in turn, prints the table; the exit code."""
    asked = known.hosts[: arguments.script_hosts]
    times = len(known.hosts) / len(asked)
    runs: dict[str, list[Run]] = {"script": [], "script, xargs -P4": [], "pointsman check": []}
    complaints: list[str] = []
    for number in range(arguments.rounds):
        runs["pointsman check"].append(ours(known))
        runs["script"].append(script(known, asked, 1))
        runs["script, xargs -P4"].append(script(known, asked, 4))
        for name, done in runs.items():
            scope = known.hosts if name == "pointsman check" else asked
            complaints += [f"round {number + 1}, {name}: {line}" for line in missed(known, done[-1], scope)]
    scaled = {name: 1.0 if name == "pointsman check" else times for name in runs}
    wall = {name: statistics.median(one.wall_s for one in done) * scaled[name] for name, done in runs.items()}
    cpu = {name: statistics.median(one.cpu_s for one in done) * scaled[name] for name, done in runs.items()}
    scope = f"{len(known.hosts)} hosts, {len(PATHS)} paths, {len(SERVERS)} name servers"
    print(f"\n{scope}\nmedian of {arguments.rounds}; the script on {len(asked)} hosts, times {times:g}")
    print(f"{'':<22}{'wall':>10}{'CPU':>10}{'ratio':>8}   least wall, most wall")
    for name in runs:
        spread = sorted(one.wall_s * scaled[name] for one in runs[name])
        ratio = wall["script"] / wall[name]
        figures = f"{wall[name]:>8.1f} s{cpu[name]:>8.1f} s{ratio:>8.1f}"
        print(f"{name:<22}{figures}   {spread[0]:.1f}, {spread[-1]:.1f}")
    for line in complaints:
        print(line)
    ratio = wall["script"] / wall["pointsman check"]
    if ratio < LEAST_RATIO:
        print(f"{ratio:.1f} times as fast as the script: less than {LEAST_RATIO:g}")
    return 1 if complaints or ratio < LEAST_RATIO else 0


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--script-hosts", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stay", action="store_true", help="only start the world, and wait for a key")
    arguments = parser.parse_args()
    if not 50 <= arguments.script_hosts <= arguments.hosts <= 10_000 or arguments.rounds < 1:
        parser.error("50 <= script-hosts <= hosts <= 10000, and a round at least")
    for name in TOOLS:
        tool(name)
    surroundings.say(*TOOLS, takes="four minutes")
    with world(arguments.hosts) as known:
        if arguments.stay:
            input(f"{known.folder}/plan.yaml; return ends it ")
            return 0
        return report(known, arguments)


if __name__ == "__main__":
    sys.exit(main())
