"""What a read-only session asks of a cluster, and what it then knows: the same for every set of rights."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pointsman.cluster.client import fetch, watch
from pointsman.cluster.client.connect import Connection, connect
from pointsman.cluster.client.discovery import discover
from pointsman.cluster.client.once import load_once
from pointsman.cluster.client.timing import Timing
from pointsman.cluster.client.watch import LiveCluster
from pointsman.cluster.errors import UserError
from pointsman.cluster.kinds import PARTS
from pointsman.cluster.refs import ObjectRef
from pointsman.cluster.snapshot import KindState, Snapshot
from pointsman.tui.cli import cli

Json = dict[str, Any]
# nothing here goes wrong but rights, so that whoever may not watch is known to ask again at its usual pace
TIMING = Timing(denied_retry_s=30.0, head_start_s=0.2)
COMMANDS: dict[str, tuple[str, ...]] = {
    "status": ("status",),
    "twin": ("twin",),
    "route": ("route", "https://store.shop.test/api"),
    "plan": ("plan", "--ingress", "shop/store", "--no-ask"),
    "describe": ("describe", "httproute", "shop/store", "--no-events"),
}


_LISTING = frozenset({"MIG011", "MIG012", "MIG013", "MIG014", "MIG016"})


def look_once(kubeconfig: Path, namespaces: tuple[str, ...] | None = None) -> Snapshot:
    """As the commands do."""
    connection = connect(str(kubeconfig))
    try:
        return load_once(connection, namespaces)
    finally:
        connection.close()


def follow(
    kubeconfig: Path, settled: Callable[[dict[str, str]], bool], within_s: float = 60.0
) -> dict[str, str]:
    """As the screens do: the states of all kinds once each is known and ``settled`` is content."""
    live = LiveCluster(connect(str(kubeconfig)), None, TIMING)
    live.start()
    try:
        deadline = time.monotonic() + within_s
        while True:
            found = states(live.snapshot())
            if found and "loading" not in found.values() and settled(found):
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"never settled: {found}")
            time.sleep(0.05)
    finally:
        live.stop()


def fetch_each(kubeconfig: Path, samples: Iterable[ObjectRef]) -> dict[str, str]:
    """As the YAML screen does: why the object of each kind cannot be had; empty where it can."""
    connection = connect(str(kubeconfig))
    try:
        # what is served is the same for all of them, and told to everybody
        served = discover(connection)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fetch, "discover", lambda _: served)
            return {ref.kind: _trouble(fetch.fetch_object, connection, ref) for ref in samples}
    finally:
        connection.close()


def fetch_some_events(kubeconfig: Path, ref: ObjectRef) -> str:
    """As the events screen does: why they cannot be had; empty where they can."""
    connection = connect(str(kubeconfig))
    try:
        return _trouble(fetch.fetch_events, connection, ref)
    finally:
        connection.close()


def states(snapshot: Snapshot) -> dict[str, str]:
    """The state of each kind and of the controllers' pods, in words without instants."""
    found = {kind: _words(state) for kind, state in snapshot.kinds.items()}
    for ref, state in snapshot.pod_states.items():
        found[f"pods of {ref.namespace}/{ref.name}"] = _words(state)
    return found


def _words(state: KindState) -> str:
    where = "" if state.namespaces is None else f" in {','.join(state.namespaces)}"
    return f"{state.state}{where}" + (f": {state.detail}" if state.detail else "")


def _trouble(ask: Callable[[Connection, ObjectRef], object], connection: Connection, ref: ObjectRef) -> str:
    try:
        ask(connection, ref)
    except UserError as error:
        return str(error)
    return ""


def said(kubeconfig: Path, snapshot: Snapshot) -> dict[str, frozenset[str]]:
    """What the commands say of a snapshot, without asking the cluster again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "load_once", lambda *_, **__: snapshot)
        return {name: findings(kubeconfig, *words) for name, words in COMMANDS.items()}


def findings(kubeconfig: Path, *words: str) -> frozenset[str]:
    """Each claim of a command in one line, and its exit code; or the one line with which it refuses."""
    try:
        document, code = run(kubeconfig, *words)
    except UserError as error:
        return frozenset({f"refused: {error}", "exit code 2"})
    lines = {line for one in document["findings"] for line in _claims(one)}
    return frozenset({*lines, f"exit code {code}"})


def _claims(one: Json) -> list[str]:
    """What a finding says, without its words: how much is told of it hangs on what else is known.

    One for each name, where it lists what is carried and what is not (``affinity (default): ...``).
    """
    subject = "/".join(str(one["subject"].get(part, "")) for part in ("kind", "namespace", "name", "section"))
    claim = f"{one['verdict']} {one['rule']} {subject}"
    if one["rule"] in _LISTING:
        return [f"{claim} {line.partition(':')[0].partition('=')[0]}" for line in one["evidence"]]
    return [claim]


def run(kubeconfig: Path, *words: str) -> tuple[Json, int]:
    """A command's document, and its exit code."""
    done = CliRunner().invoke(cli, [*words, "--kubeconfig", str(kubeconfig), "-o", "json"])
    if isinstance(done.exception, UserError):
        raise done.exception
    if not done.stdout.startswith("{"):
        raise AssertionError(f"{words}: {done.exit_code} {done.output} {done.exception!r}")
    return json.loads(done.stdout), done.exit_code


def one_of_each_kind(snapshot: Snapshot) -> list[ObjectRef]:
    """The first object of each kind."""
    found: dict[str, ObjectRef] = {}
    for part in PARTS:
        for ref in getattr(snapshot, part):
            found.setdefault(ref.kind, ref)
    return list(found.values())
