"""One controller with its data plane under the cases, and the same questions to either."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import yaml
from live_admin import Admin
from live_apiserver import LiveServer
from live_cases import CASES, Ports, case_documents, the_class
from live_wire import Met, ask, promised, questions
from pointsman.cluster.refs import GATEWAY_GROUP, ObjectRef
from pointsman.cluster.routing.trace import trace
from pointsman.cluster.snapshot import Snapshot
from pointsman.cluster.store import read_documents
from pointsman.probes.watching.traffic.families import Measured
from pointsman.sandbox.pki import PracticeCa
from record_statuses import NAMES, RECORDED, collected

Json = dict[str, Any]
WIRE = CASES / "wire" / "wire.yaml"
GATEWAY = ObjectRef("Gateway", "wire", "main", group=GATEWAY_GROUP)


@dataclass(frozen=True)
class Differs:
    """A request that met something else than `pointsman route` promises."""

    request: str
    promised: str
    met: str


def apply_wire(
    admin: Admin, name: str, ports: Ports, authority: PracticeCa, address: str, backends: dict[str, int]
) -> list[Json]:
    """The case of who answers; every server listens at the address."""
    given = [the_class(NAMES[name])]
    given += case_documents(WIRE, NAMES[name], ports, authority, address, backends)
    admin.apply(*given)
    return given


def snapshot_of(admin: Admin, given: list[Json]) -> Snapshot:
    """The cluster's objects as they are now, with statuses."""
    return read_documents(collected(admin, given))


def differing(snapshot: Snapshot, ports: Ports) -> tuple[list[Differs], list[tuple[str, Met]]]:
    """Every request of the case that met something else than is promised; and all that was met."""
    found, met = [], []
    for request in questions(ports.http, ports.https):
        answer = trace(snapshot, request, gateway=GATEWAY, sides="gateway")[0]
        seen = ask(request, {})
        line = request.line.replace(f":{ports.http}/", ":HTTP/").replace(f":{ports.https}/", ":HTTPS/")
        met.append((line, seen))
        wanted = promised(answer)
        # where the answer has doubts it says so, and that another one may come
        if seen.short not in wanted and not answer.doubts:
            told = seen.short.replace(f":{ports.http}", ":HTTP").replace(f":{ports.https}", ":HTTPS")
            also = (
                " or ".join(sorted(wanted))
                .replace(f":{ports.http}", ":HTTP")
                .replace(f":{ports.https}", ":HTTPS")
            )
            found.append(Differs(line, also, told))
    return found, met


def pointsman(server: LiveServer, *arguments: str) -> tuple[int, Json]:
    """A command of ours against the real API server, with -o json."""
    argv = [
        sys.executable,
        "-m",
        "pointsman.tui",
        *arguments,
        "-o",
        "json",
        "--kubeconfig",
        str(server.kubeconfig()),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 1, 3), done.stderr
    return done.returncode, dict(json.loads(done.stdout))


def recorded(name: str, version: str) -> list[Json]:
    text = (RECORDED / f"{name}-{version}.yaml").read_bytes()
    return list(yaml.load_all(text, yaml.CSafeLoader))


def statuses(documents: list[Json]) -> dict[str, Any]:
    """What a controller said of each object, without what differs from run to run."""
    return {
        f"{one['kind']} {one['metadata'].get('namespace', '')}/{one['metadata']['name']}": _plain(
            one["status"]
        )
        for one in documents
        if one.get("status") and GATEWAY_GROUP in one["apiVersion"]
    }


# messages name things in any order, and addresses are the API server's to give
_LEFT_OUT = frozenset({"message", "lastTransitionTime", "addresses"})


def _plain(value: Any) -> Any:
    """Without what differs from run to run; the order of lists of conditions says nothing."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if key not in _LEFT_OUT}
    if isinstance(value, list):
        return sorted((_plain(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
    return value


def totals(measured: Measured) -> dict[str, float]:
    """Each field's sum over all series of a scrape."""
    found: dict[str, float] = {}
    for fields, _host, value in measured.series.values():
        for field in fields:
            found[field] = found.get(field, 0) + value
    return found
