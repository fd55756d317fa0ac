"""Findings about our own sight: kinds that could not be read, and objects that nobody could."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ...cluster.refs import ObjectRef
from ...cluster.snapshot import KindState
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .words import is_plain, kubectl_get
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
                mend=_mend(state),
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


def file_finding(file: str, what: str, mend: str = "") -> Finding:
    """A file of which nothing can be said. ``file`` is its name, safe to show."""
    plain_name = file.isprintable() and file not in ("", "-") and "·" not in file
    command = ["kubectl", "create", "--dry-run=client", f"--filename={file}"]
    return finding(
        "GW005",
        Verdict.UNKNOWN,
        ObjectRef("File", "", file),
        clean(what, 1000),
        mend=clean(mend, 400),
        reproduce=shlex.join(command) if plain_name else "",
    )


def twice_finding(ref: ObjectRef, here: str, before: tuple[str, ...]) -> Finding:
    """An object that stands at ``before`` and again ``here`` (file and line), where it is judged."""
    others = ", ".join(clean(place, 400) for place in before[:5])
    return finding("GW008", Verdict.WARN, ref, f"{clean(here, 400)} replaces {others}")


def unreached_finding(context: str, what: str, mend: str = "") -> Finding:
    """A context of the kubeconfig whose cluster could not be asked."""
    safe = clean(context, 200)
    reproduce = (
        shlex.join(["kubectl", f"--context={safe}", "get", "--raw", "/readyz"]) if safe == context else ""
    )
    return finding(
        "GW006",
        Verdict.UNKNOWN,
        ObjectRef("Context", "", safe),
        clean(what, 1000),
        mend=clean(mend, 400),
        reproduce=reproduce,
    )


def _detail(state: KindState) -> tuple[str, ...]:
    return (clean(state.detail, 300),) if state.detail else ()


def _mend(state: KindState) -> str:
    if state.state != "denied" or not state.mend:
        return ""
    return f"{clean(state.mend, 400)}; with watch beside it its changes are followed"


def _can_i(kind: str) -> str:
    name = kind.lower()
    return f"kubectl auth can-i list {name} -A" if is_plain(name) else ""
