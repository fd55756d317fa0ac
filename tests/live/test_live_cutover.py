"""A cutover with nothing of the practice world's: a real API server beside nginx, Envoy, Knot and unbound."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_admin import Admin
from live_apiserver import LiveServer

for folder in ("edges", "records", "wire_dns"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))

from edges_ingress import NAMESPACE, shop  # noqa: E402 - the folders of other tests are no packages
from edges_plan import NAME, plan_file  # noqa: E402
from edges_routes import CONTROLLER, classes, gateway, routes, service  # noqa: E402
from edges_world import LOW_TTL, OLD_TTL, EdgeWorld, edge_world, missing  # noqa: E402
from served_zones import KNOT  # noqa: E402

Json = dict[str, Any]
pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(missing()), reason=missing() or "all there")]
ZONE = "live.test"
CHECKS = """\
apiVersion: pointsman/v1
kind: Checklist
include: pre-cutover
leave_out: [parity, cache-warm-up, error-watch, old-side-idle]
checks:
  - {id: parity, title: same answers, probe: parity, gate: before-lower-ttl, params: {rate_per_s: 100}}
  - id: error-watch
    title: errors before and after
    probe: error-watch
    gate: before-switch
    again: [after-switch]
    params: {seconds: 1}
"""


@pytest.fixture
def edges(tmp_path: Path) -> Iterator[EdgeWorld]:
    with edge_world(tmp_path, {ZONE: KNOT}) as running:
        yield running


def pointsman(server: LiveServer, *arguments: str) -> tuple[int, str]:
    argv = [sys.executable, "-m", "pointsman.tui", *arguments, "--kubeconfig", str(server.kubeconfig())]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False, env={**os.environ})
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def _condition(name: str, generation: int) -> Json:
    return {
        "type": name,
        "status": "True",
        "reason": name,
        "message": "",
        "observedGeneration": generation,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


def accepted(admin: Admin, document: Json) -> Json:
    """The object with the status that its controller would write for the generation that is there now."""
    meta = document["metadata"]
    there = admin.get(document["apiVersion"], document["kind"], meta["namespace"], meta["name"])
    now = there["metadata"]["generation"]
    if document["kind"] == "HTTPRoute":
        parent = {
            "parentRef": {"name": "edge", "namespace": "infra"},
            "controllerName": CONTROLLER,
            "conditions": [_condition(name, now) for name in ("Accepted", "ResolvedRefs")],
        }
        return {**document, "status": {"parents": [parent]}}
    listener = {
        "name": "https",
        "attachedRoutes": len(routes(ZONE)),
        "supportedKinds": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}],
        "conditions": [_condition(name, now) for name in ("Accepted", "Programmed", "ResolvedRefs")],
    }
    conditions = [_condition(name, now) for name in ("Accepted", "Programmed")]
    return {**document, "status": {"conditions": conditions, "listeners": [listener]}}


def apply_shop(admin: Admin, port: int) -> None:
    old = [one.document(age) for age, one in enumerate(shop(ZONE))]
    for one in old:
        # whoever creates an object does not say when
        del one["metadata"]["creationTimestamp"]
    new = [gateway(port), *routes(ZONE)]
    admin.apply(*classes(), *old, *service(), *new)
    admin.apply(*(accepted(admin, one) for one in new))


def leases_while(admin: Admin, night: threading.Thread) -> set[str]:
    """Who held a Lease of Pointsman's in the Gateway's namespace while the night lasted."""
    seen: set[str] = set()
    while night.is_alive():
        found = admin.ask("GET", "/apis/coordination.k8s.io/v1/namespaces/infra/leases")["items"]
        seen |= {one["spec"].get("holderIdentity") or "" for one in found}
        time.sleep(0.5)
    return seen - {""}


def test_the_gate_goes_by_what_the_cluster_says_and_then_the_night_is_done(
    live_cluster: LiveServer, admin: Admin, edges: EdgeWorld
) -> None:
    apply_shop(admin, edges.port)
    names = ", ".join(f"{NAMESPACE}/{one.name}" for one in shop(ZONE))
    plan = str(plan_file(edges, ZONE, checklist="./live.yaml", head=f"ingress: [{names}]\n"))
    (edges.folder / "live.yaml").write_text(CHECKS)
    # a route is changed, and its controller has not looked at it yet
    api = next(one for one in routes(ZONE) if one["metadata"]["name"] == "api")
    rule = api["spec"]["rules"][0]
    upper = {**rule, "matches": [{"path": {"type": "PathPrefix", "value": "/API"}}]}
    changed = {**api, "spec": {**api["spec"], "rules": [rule, upper]}}
    admin.apply(changed)
    code, said = pointsman(live_cluster, "check", plan, "--only", "routes-accepted")
    assert (code, "speaks of generation 1, the object is at 2" in " ".join(said.split())) == (3, True), said
    code, said = pointsman(live_cluster, "cutover", plan, "--write", "--confirm", NAME)
    assert code == 1, said
    assert edges.authority_serves(ZONE) == (OLD_TTL, (edges.names.old,))
    admin.apply(accepted(admin, changed))
    ended: list[tuple[int, str]] = []

    def night() -> None:
        ended.append(pointsman(live_cluster, "cutover", plan, "--write", "--confirm", NAME))

    with edges.users(ZONE) as users:
        going = threading.Thread(target=night)
        going.start()
        holders = leases_while(admin, going)
        going.join()
    assert ended[0][0] == 0, ended[0][1]
    assert len(holders) == 1
    assert users.faults == []
    assert users.led_to() == [edges.names.old, edges.names.new]
    assert edges.authority_serves(ZONE) == (LOW_TTL, (edges.names.new,))
