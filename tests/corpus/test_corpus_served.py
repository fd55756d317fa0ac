"""Real statuses over the wire: each case is served by the practice cluster, read, judged and shown.

The default suite takes every fifteenth case; the others carry the marker `real`, because they need time
(two minutes on one core), and nothing else. Together they are all of them, each once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from corpus_truth import CORPUS, bad_conditions, cases, documents, nasty_cases, needs_corpus, tellers
from pointsman.cluster.client.connect import connect
from pointsman.cluster.client.watch import load_once
from pointsman.cluster.refs import ObjectRef
from pointsman.cluster.store import Snapshot
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.overview import Overview, overview
from pointsman.probes.verdict import Finding, Verdict
from pointsman.sandbox.world import World

pytestmark = needs_corpus

_EVERY = 15


@dataclass(frozen=True)
class Reading:
    """What was read of a served case, and what was made of it."""

    snapshot: Snapshot
    findings: tuple[Finding, ...]
    rows: Overview
    warnings: tuple[str, ...]


async def serve_and_read(path: Path) -> Reading:
    """A practice cluster with just this case, read once over HTTPS."""
    world = World()
    info = await world.start(load=path)
    try:
        return await asyncio.to_thread(_read, str(info.kubeconfig), info.warnings)
    finally:
        await world.stop()


def _read(kubeconfig: str, warnings: tuple[str, ...]) -> Reading:
    connection = connect(kubeconfig)
    try:
        snapshot = load_once(connection)
    finally:
        connection.close()
    findings = diagnose(snapshot)
    return Reading(snapshot, findings, overview(snapshot, findings), warnings)


def _parameters() -> list[object]:
    marks = (pytest.mark.real(reason="needs time only: one of some 400 cases"),)
    return [
        pytest.param(path, id=str(path.relative_to(CORPUS)), marks=() if number % _EVERY == 0 else marks)
        for number, path in enumerate([*nasty_cases(), *cases()])
    ]


@pytest.mark.parametrize("path", _parameters())
async def test_every_bad_condition_is_told_of_its_object(path: Path) -> None:
    reading = await serve_and_read(path)
    assert {state.state for state in reading.snapshot.kinds.values()} <= {"live", "absent"}
    assert not reading.snapshot.undecodable
    # golden files also hold fragments that are no objects; whatever is one is served
    assert all(warning.endswith(("no apiVersion", "no metadata.name")) for warning in reading.warnings)
    expected = {pair for document in documents(path) for pair in bad_conditions(document)}
    missed = [pair for pair in expected if not tellers(reading.findings, *pair)]
    assert not missed
    _rows_agree(reading, {subject for subject, _condition in expected})


def _rows_agree(reading: Reading, bad: set[ObjectRef]) -> None:
    """Every object has its row, and no row of a bad one looks sound."""
    rows = reading.rows
    assert {row.ref for row in rows.routes} == set(reading.snapshot.routes)
    assert {row.ref for row in rows.gateways} == set(reading.snapshot.gateways)
    assert {row.ref for row in rows.classes} == set(reading.snapshot.classes)
    assert sum(rows.counts.values()) == len(reading.findings)
    worst = {row.ref: row.worst for row in (*rows.routes, *rows.gateways, *rows.classes)}
    worst.update({row.ref: row.worst for gateway in rows.gateways for row in gateway.listeners})
    sound = [ref for ref in bad if worst.get(ref, Verdict.FAIL).badness < Verdict.WARN.badness]
    assert not sound


def test_the_spread_of_the_default_suite_holds_enough_to_be_worth_it() -> None:
    spread = cases()[::_EVERY]
    told = {pair for path in spread for document in documents(path) for pair in bad_conditions(document)}
    assert len(spread) > 20
    assert len(told) > 20
