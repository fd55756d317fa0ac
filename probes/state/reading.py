"""Findings about our own sight: kinds that could not be read, and objects that nobody could."""

from __future__ import annotations

from collections.abc import Iterator

from ...cluster.refs import ObjectRef
from ...cluster.snapshot import KindState
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .words import kubectl_get
from .world import World

_CORE = ("GatewayClass", "Gateway", "HTTPRoute")


def kind_ref(kind: str) -> ObjectRef:
    """A kind as a whole, as the subject of a finding."""
    return ObjectRef(clean(kind, 100), "", "*")


def reading_findings(world: World) -> Iterator[Finding]:
    """One finding for each kind that is not live, and for each object that cannot be decoded."""
    snapshot = world.snapshot
    for kind, state in snapshot.kinds.items():
        if state.state in ("denied", "failed", "loading"):
            words = {"denied": "no permission", "failed": "could not be read", "loading": "still loading"}
            yield finding(
                "GW001",
                Verdict.UNKNOWN,
                kind_ref(kind),
                f"{kind}: {words[state.state]}",
                evidence=_detail(state),
                reproduce=_can_i(kind),
            )
        elif state.state == "stale":
            yield finding(
                "GW002",
                Verdict.UNKNOWN,
                kind_ref(kind),
                f"{kind}: no news since the connection broke",
                evidence=_detail(state),
                reproduce=_can_i(kind),
            )
    for ref, broken in snapshot.undecodable.items():
        yield finding(
            "GW003",
            Verdict.UNKNOWN,
            ref,
            f"it cannot be read: {clean(broken.problem, 200)}",
            reproduce=kubectl_get(ref),
        )
    if all(snapshot.state_of(kind).state == "absent" for kind in _CORE):
        yield finding(
            "GW004",
            Verdict.WARN,
            kind_ref("Gateway"),
            "the cluster serves no Gateway API",
            reproduce="kubectl api-resources --api-group=gateway.networking.k8s.io",
        )


def _detail(state: KindState) -> tuple[str, ...]:
    return (clean(state.detail, 300),) if state.detail else ()


def _can_i(kind: str) -> str:
    name = kind.partition(".")[0].lower()
    return f"kubectl auth can-i list {name} -A" if name.isalpha() else ""
