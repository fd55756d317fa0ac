"""Whatever real clusters and controllers have: every trace comes to an end, and says so in clean lines."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pointsman.cluster.errors import UserError
from pointsman.cluster.routing.trace import parse_line, trace
from pointsman.cluster.snapshot import Snapshot
from pointsman.cluster.store import read_documents
from pointsman.probes.output import encode
from pointsman.probes.state.request import request_findings
from pointsman.tui.lines import plain
from pointsman.tui.telling.xray import xray_facts, xray_lines
from pointsman.tui.xray_start import request_for


def _snapshots(shared: Path) -> list[tuple[Path, Snapshot]]:
    found = []
    for path in sorted((shared / "corpus").rglob("*.yaml")):
        try:
            documents = list(yaml.load_all(path.read_bytes(), Loader=yaml.CSafeLoader))
        except yaml.YAMLError:
            continue
        snapshot = read_documents(one for one in documents if isinstance(one, dict))
        if snapshot.routes or snapshot.ingresses:
            found.append((path, snapshot))
    return found


def _requests(snapshot: Snapshot) -> list[str]:
    lines = [request_for(snapshot, ref) for ref in list(snapshot.routes)[:4]]
    for ingress in list(snapshot.ingresses.values())[:2]:
        lines += [f"http://{host.replace('*', 'any')}/a/b?x=1" for host in ingress.hosts[:2]]
    return [*lines, "https://none.example/"]


def test_every_case_is_traced(shared: Path) -> None:
    cases = _snapshots(shared)
    assert len(cases) > 100
    for path, snapshot in cases:
        for line in _requests(snapshot):
            try:
                request = parse_line(line)
            except UserError:
                # some names in the invalid examples are none; the screen says so
                continue
            traces = trace(snapshot, request)
            for found in traces:
                assert found.outcome.text, path
                assert (found.winner is not None) or not found.shares, path
            shown = [plain(one) for one in xray_lines(snapshot, request, traces, 80, everything=True)]
            assert all(one.isprintable() for one in shown), path
            assert encode({"facts": xray_facts(request, traces)})
            assert all(one.summary for one in request_findings(snapshot, request, traces)), path


def test_a_route_is_reached_by_the_request_made_from_it(shared: Path) -> None:
    """Most routes of the conformance manifests win the request that is made from them."""
    folder = shared / "corpus" / "gateway-api" / "v1.6.1" / "inputs" / "conformance" / "tests"
    if not folder.is_dir():
        pytest.skip(f"needs the conformance manifests at {folder}")
    reached = 0
    for path, snapshot in _snapshots(shared):
        if folder not in path.parents:
            continue
        for ref, route in snapshot.routes.items():
            if route.kind != "HTTPRoute" or not route.spec.rules:
                continue
            request = parse_line(request_for(snapshot, ref))
            winners = [one.winner for one in trace(snapshot, request, sides="gateway") if one.winner]
            reached += any(one.ref == ref for one in winners)
    assert reached > 20
