"""The operational checklist of an article on this migration, typed as a script, beside Pointsman's commands.

Run: python benchmarks/article_script.py [--hosts 1000] [--script-hosts 50] [--runs 3]

The article (Kubernetes Gateway API vs Ingress: Why You Should Migrate) tells an operator what to run before
DNS is cut over. Each of its commands that can be run is here: once for the cluster, `kubectl get httproute
-A -o json` through its jq filter, the listeners' conditions of all Gateways, and the versions of the CRD;
for each host `curl --resolve` of each critical path, `openssl s_client -showcerts`, a fetch of the top URLs
to warm a cache, and, because the article names the TTL and no command for it, `dig`. They judge nothing:
what they print is to be read. How many lines that is stands in the table too.

Ours are `pointsman status` of the same cluster and `pointsman check` of the same hosts: they judge, name
what is wrong and how to mend it, and verify each chain. The world is that of benchmarks/check_hosts.py
(nginx, knot) and a practice cluster with as many routes. The script runs on fewer hosts and its time for
hosts is multiplied: it is a straight line.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import surroundings
from check_hosts import NEW, PATHS, SERVERS, World, ours, timed, tool, world
from many_routes import many_routes

TOOLS = ("nginx", "knotd", "kubectl", "jq", "curl", "openssl", "dig", "xargs")

CLUSTER_SCRIPT = r"""#!/bin/sh
# once: every route that some controller has not accepted, then what stands under the listeners, then the CRD
kubectl get httproute -A -o json |
  jq -c '.items[] | select(.status.parents[0].conditions[]
    | select(.type == "Accepted" and .status != "True")) | .metadata.namespace + "/" + .metadata.name'
kubectl get gateway -A -o yaml | grep -A 400 'listeners:' | grep -B 6 'status: "False"'
kubectl get crd gateways.gateway.networking.k8s.io -o jsonpath='{.spec.versions[*].name}' 2>/dev/null; echo
"""

HOST_SCRIPT = r"""#!/bin/sh
# usage: host.sh HOST: the new side by its address, as if DNS led there already
host=$1
for path in $PATHS_ASKED; do
  curl -sS -o /dev/null -w "$host $path %{http_code}\n" --max-time 5 --cacert "$ROOTS" \
    --resolve "$host:$PORT:$NEW" "https://$host:$PORT$path" 2>&1
done
openssl s_client -connect "$NEW:$PORT" -servername "$host" -showcerts </dev/null 2>/dev/null |
  grep -E '^ *[0-9]+ s:|^ *i:|Verify return code'
# a cold cache would send everything to the new origin at once
curl -sS -o /dev/null --max-time 5 --cacert "$ROOTS" --resolve "$host:$PORT:$NEW" "https://$host:$PORT/"
for server in $SERVERS; do
  dig +noall +answer +time=2 +tries=2 "@$server" -p "$DNS_PORT" "$host" A
done
"""


@dataclass(frozen=True)
class Run:
    """One run: seconds by the clock and of a processor, and lines that are to be read."""

    wall_s: float
    cpu_s: float
    lines: int

    def __add__(self, other: Run) -> Run:
        return Run(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s, self.lines + other.lines)

    def times(self, factor: float) -> Run:
        """As if it had been so many times as much."""
        return Run(self.wall_s * factor, self.cpu_s * factor, round(self.lines * factor))


def run(command: list[str], environment: dict[str, str]) -> Run:
    """A program to its end."""
    output, wall_s, cpu_s = timed(command, environment)
    return Run(wall_s, cpu_s, output.count(b"\n"))


def scripts(known: World, kubeconfig: str, hosts: Sequence[str], at_once: int) -> Run:
    """The script for the cluster, then the one for each host, the latter scaled to all hosts."""
    environment = {
        **os.environ,
        "KUBECONFIG": kubeconfig,
        "PATHS_ASKED": " ".join(PATHS),
        "ROOTS": str(known.folder / "root.pem"),
        "NEW": NEW,
        "PORT": str(known.port),
        "DNS_PORT": str(known.dns_port),
        "SERVERS": " ".join(SERVERS),
        "HOME": str(known.folder),
    }
    for name, text in (("cluster.sh", CLUSTER_SCRIPT), ("host.sh", HOST_SCRIPT)):
        file = known.folder / name
        file.write_text(text)
        file.chmod(0o700)
    listed = known.folder / "article-hosts"
    listed.write_text("\n".join(hosts) + "\n")
    each = [tool("xargs"), "-a", str(listed), "-P", str(at_once), "-n", "1", str(known.folder / "host.sh")]
    whole = run([str(known.folder / "cluster.sh")], environment)
    return whole + run(each, environment).times(len(known.hosts) / len(hosts))


def commands(known: World, kubeconfig: str) -> Run:
    """`pointsman status` of the cluster, then `pointsman check` of every host."""
    argv = [sys.executable, "-m", "pointsman.tui", "status", "--kubeconfig", kubeconfig, "--timeout", "300"]
    environment = {**os.environ, "HOME": str(known.folder)}
    checked = ours(known)
    return run(argv, environment) + Run(checked.wall_s, checked.cpu_s, checked.lines)


def report(known: World, taken: dict[str, list[Run]], asked: int) -> None:
    """Medians, and each beside ours."""
    middle = {
        name: Run(
            statistics.median(one.wall_s for one in runs),
            statistics.median(one.cpu_s for one in runs),
            round(statistics.median(one.lines for one in runs)),
        )
        for name, runs in taken.items()
    }
    base = middle["pointsman status and check"]
    print(f"\n{len(known.hosts)} hosts and routes, {len(known.faults)} of them with a fault")
    print(f"medians; the script on {asked} hosts, scaled")
    print(f"{'':<30}{'wall':>10}{'ratio':>8}{'CPU':>10}{'ratio':>8}{'lines':>9}")
    for name, one in middle.items():
        print(
            f"{name:<30}{one.wall_s:>8.1f} s{one.wall_s / base.wall_s:>8.2f}"
            f"{one.cpu_s:>8.1f} s{one.cpu_s / base.cpu_s:>8.2f}{one.lines:>9}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--script-hosts", type=int, default=50)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    for name in TOOLS:
        if surroundings.program_path(name) is None:
            raise SystemExit(f"article_script: needs {name}")
    surroundings.say(*TOOLS, takes="two minutes")
    with world(options.hosts) as known, many_routes(options.hosts) as cluster:
        asked = known.hosts[: options.script_hosts]
        taken: dict[str, list[Run]] = {}
        for _ in range(options.runs):
            for name, work in (
                ("pointsman status and check", lambda: commands(known, cluster.kubeconfig)),
                ("the article's commands", lambda: scripts(known, cluster.kubeconfig, asked, 1)),
                ("the same, xargs -P4", lambda: scripts(known, cluster.kubeconfig, asked, 4)),
            ):
                taken.setdefault(name, []).append(work())
        report(known, taken, len(asked))


if __name__ == "__main__":
    main()
