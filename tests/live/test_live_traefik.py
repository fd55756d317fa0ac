"""Traefik for real: its statuses beside ours, its answers beside `pointsman route`, its counters."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from controllers_build import PROGRAMS
from controllers_build import why_not as why_not_controller
from live_admin import Admin
from live_answers import GATEWAY, Json, apply_wire, differing, recorded, snapshot_of, statuses, totals
from live_apiserver import live_server
from live_build import why_not
from live_cases import Ports
from live_controllers import case_ports, comes_to, own_address, settled, traefik
from live_wire import ask, certificate_names, servers
from pointsman.cluster.routing.request import parse_line
from pointsman.cluster.routing.trace import trace
from pointsman.probes.watching.traffic.families import families_of, measure
from pointsman.sandbox.pki import PracticeCa
from record_statuses import TRAEFIK_OPTIONS, apply_cases, collected

pytestmark = pytest.mark.live
NAME = "traefik"


@dataclass(frozen=True)
class Running:
    admin: Admin
    ports: Ports
    metrics: str
    wire: list[Json]


@contextlib.contextmanager
def cluster(folder: Path, shared: Path) -> Iterator[Admin]:
    """A server for one Traefik alone: it claims all there is, and two would undo each other's statuses."""
    if reason := why_not() or why_not_controller(NAME):
        pytest.skip(reason)
    with live_server(folder / "server") as server, contextlib.closing(Admin(server)) as admin:
        admin.install_crds(shared / "crds" / "v1.6.1-experimental")
        yield admin


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[Running]:
    """With servers behind it, as its own data plane."""
    folder = tmp_path_factory.mktemp(NAME)
    address = own_address()
    if not address:
        pytest.skip("this machine has no address but loopback, and no API server takes that for an endpoint")
    with cluster(folder, shared) as admin, servers(address) as backends:
        ports = case_ports()
        wire = apply_wire(admin, NAME, ports, PracticeCa(), address, backends)
        with traefik(admin.server, folder / "wire", ports, *TRAEFIK_OPTIONS) as process:
            settled(admin)
            deadline = time.monotonic() + 20
            while ask(parse_line(f"http://one.wire.test:{ports.http}/only"), {}).backend != "a":
                assert time.monotonic() < deadline, "nothing answers"
                time.sleep(0.2)
            yield Running(admin, ports, process.metrics, wire)


# cluster/knowledge/controller_data: what Traefik does otherwise, and `pointsman route` only doubts
OTHERWISE = {
    "GET http://twice.wire.test:HTTP/same": "b",
    "GET http://sum.wire.test:HTTP/sum/far": "b",
    "GET http://sum.wire.test:HTTP/only-here": "c",
    "GET http://changes.wire.test:HTTP/mirrored": "500",
    "GET http://broken.wire.test:HTTP/all-zero": "503",
    "GET https://elsewhere.test:HTTPS/anywhere": "404",
    "GET https://wire.test:HTTPS/anywhere": "404",
}


def test_requests_meet_what_is_promised(running: Running) -> None:
    found, met = differing(snapshot_of(running.admin, running.wire), running.ports)
    assert len(met) > 60
    assert not found
    seen = {line: one.short for line, one in met}
    assert {line: seen[line] for line in OTHERWISE} == OTHERWISE


def test_the_host_header_decides_whatever_name_tls_was_given(running: Running) -> None:
    line = f"https://two.wire.test:{running.ports.https}/ -H 'Host: alone.test'"
    answer = trace(snapshot_of(running.admin, running.wire), parse_line(line), gateway=GATEWAY)[0]
    assert answer.outcome.status == 421
    assert any("Host header alone" in one for one in answer.doubts)
    assert ask(parse_line(line), {}).short == "e"


def test_its_counters_are_read_as_they_are(running: Running) -> None:
    families = families_of(NAME)
    before = totals(measure(families, httpx.get(running.metrics).content))
    urls = {
        f"http://one.wire.test:{running.ports.http}/only": 5,
        f"http://elsewhere.test:{running.ports.http}/nowhere": 3,
        f"http://broken.wire.test:{running.ports.http}/missing": 4,
        f"https://two.wire.test:{running.ports.https}/": 6,
    }
    for url, times in urls.items():
        for _ in range(times):
            ask(parse_line(url), {})
    measured = measure(families, httpx.get(running.metrics).content)
    assert not measured.problems
    after = totals(measured)
    grown = {field: after[field] - before.get(field, 0) for field in after}
    assert grown == {"requests": 5 + 3 + 4 + 6, "errors_5xx": 4, "not_found": 3}


def test_an_unknown_name_is_shown_the_default_certificate(running: Running) -> None:
    https = running.ports.https
    assert certificate_names("127.0.0.1", https, "x.wire.test") == ["*.wire.test"]
    assert certificate_names("127.0.0.1", https, "alone.test") == ["alone.test"]
    shown = certificate_names("127.0.0.1", https, "unknown.test")
    assert len(shown) == 1
    assert shown[0].endswith(".traefik.default")


def test_no_client_is_asked_for_a_certificate(running: Running) -> None:
    """GW323: spec.tls.frontend is accepted, and never read."""
    admin = running.admin
    main = next(one for one in running.wire if one["kind"] == "Gateway")
    authority = PracticeCa().root_pem.decode()
    validation = {"caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "clients"}]}
    frontend = {"default": {"validation": {**validation, "mode": "AllowValidOnly"}}}
    admin.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "clients", "namespace": GATEWAY.namespace},
            "data": {"ca.crt": authority},
        },
        {**main, "spec": {**main["spec"], "tls": {"frontend": frontend}}},
    )
    settled(admin)
    held = admin.get(main["apiVersion"], "Gateway", GATEWAY.namespace, GATEWAY.name)
    assert held["spec"]["tls"]["frontend"] == frontend
    assert {(one["status"], one["observedGeneration"]) for one in held["status"]["conditions"]} == {
        ("True", held["metadata"]["generation"])
    }
    assert ask(parse_line(f"https://two.wire.test:{running.ports.https}/"), {}).short == "b"


def test_the_recording_is_what_it_says_today(tmp_path: Path, shared: Path) -> None:
    with cluster(tmp_path, shared) as admin:
        given = apply_cases(admin, NAME, Ports(), PracticeCa())
        with traefik(admin.server, tmp_path / "cases", Ports(), *TRAEFIK_OPTIONS):
            settled(admin)
            then = statuses(recorded(NAME, PROGRAMS[NAME].version))
            assert comes_to(then, lambda: statuses(collected(admin, given))) == then
