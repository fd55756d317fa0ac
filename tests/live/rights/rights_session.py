"""All that a read-only session asks of a cluster, and what it then knows: the same for every set of rights."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pointsman.cluster.client import watch
from pointsman.cluster.client.connect import Connection, connect
from pointsman.cluster.client.fetch import fetch_events, fetch_object
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


@dataclass(frozen=True, slots=True)
class Sight:
    """What a user knows. ``once`` and ``live``: the state of each kind; ``yaml``: why the object of a kind cannot
    be had whole, empty where it can; ``said``: what each command finds, and its exit code."""

    once: dict[str, str] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)
    yaml: dict[str, str] = field(default_factory=dict)
    events: str = ""
    said: dict[str, frozenset[str]] = field(default_factory=dict)


def sight_of(kubeconfig: Path, samples: Iterable[ObjectRef], settled: Callable[[Snapshot], bool]) -> Sight:
    """Look once, follow until ``settled``, fetch each sample and its events, and run every command."""
    connection = connect(str(kubeconfig))
    live = LiveCluster(connection, None, TIMING)
    live.start()
    try:
        snapshot = load_once(connection)
        yaml = {ref.kind: _trouble(fetch_object, connection, ref) for ref in samples}
        events = _trouble(fetch_events, connection, ObjectRef("Ingress", "shop", "store", group="networking.k8s.io"))
        deadline = time.monotonic() + 20
        while not (settled(live.snapshot()) and _all_known(live.snapshot())):
            if time.monotonic() > deadline:
                raise AssertionError(f"never settled: {states(live.snapshot())}")
            time.sleep(0.02)
        followed = states(live.snapshot())
    finally:
        live.stop()
    return Sight(states(snapshot), followed, yaml, events, said(kubeconfig, snapshot))


def states(snapshot: Snapshot) -> dict[str, str]:
    """The state of each kind and of the controllers' pods, in words without instants."""
    found = {kind: _words(state) for kind, state in snapshot.kinds.items()}
    for ref, state in snapshot.pod_states.items():
        found[f"pods of {ref.namespace}/{ref.name}"] = _words(state)
    return found


def _words(state: KindState) -> str:
    where = "" if state.namespaces is None else f" in {','.join(state.namespaces)}"
    return f"{state.state}{where}" + (f": {state.detail}" if state.detail else "")


def _all_known(snapshot: Snapshot) -> bool:
    return all(state.state != "loading" for state in (*snapshot.kinds.values(), *snapshot.pod_states.values()))


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
    """Each finding of a command in one line, and its exit code; or the one line with which it refuses."""
    try:
        document, code = run(kubeconfig, *words)
    except UserError as error:
        return frozenset({f"refused: {error}", "exit code 2"})
    lines = {
        f"{one['verdict']} {one['rule']} {json.dumps(one['subject'], sort_keys=True)} {one['summary']}"
        for one in document["findings"]
    }
    return frozenset({*lines, f"exit code {code}"})


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
