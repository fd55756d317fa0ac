"""A request in; out comes what every edge of the cluster does with it, and why the others lost.

Pure: everything is worked out from one Snapshot, when it is asked for. Policies (rate limits, access,
rewrites of a vendor's own) are not part of it.
"""

from __future__ import annotations

from typing import Literal

from ..errors import UserError
from ..refs import GATEWAY_GROUP, ObjectRef
from ..rules.references import Endpoints
from ..rules.scene import Scene
from ..rules.topology import Topology
from ..snapshot import Snapshot
from ..text import clean
from .gateway import trace_gateway
from .ingress import trace_ingresses
from .model import Trace
from .request import Request, parse_line, parse_request

__all__ = ["Request", "Sides", "Trace", "find_gateway", "parse_line", "parse_request", "same_end", "trace"]

Sides = Literal["gateway", "ingress", "both"]


def trace(
    snapshot: Snapshot, request: Request, *, gateway: ObjectRef | None = None, sides: Sides = "both"
) -> tuple[Trace, ...]:
    """The answers of the Gateways (of one, where ``gateway`` is given) and of the Ingress controllers.

    Gateways that have a route for the request come first, then those that listen on its port.
    """
    scene = Scene(snapshot)
    endpoints = Endpoints(scene)
    answers: list[Trace] = []
    if sides != "ingress":
        topology = Topology(scene)
        chosen = [gateway] if gateway is not None else sorted(snapshot.gateways)
        found = [trace_gateway(topology, one, request, endpoints) for one in chosen]
        answers += sorted(found, key=lambda one: (one.winner is None, one.listener is None))
    if sides != "gateway":
        answers += trace_ingresses(snapshot, request, endpoints)
    return tuple(answers)


def find_gateway(snapshot: Snapshot, name: str) -> ObjectRef:
    """The Gateway called ``namespace/name``. UserError where there is none, or for another form."""
    namespace, slash, short = name.partition("/")
    if not slash or not namespace or not short or "/" in short:
        raise UserError(f"{clean(name, 80)!r} is not of the form NAMESPACE/NAME", "name a Gateway that way")
    ref = ObjectRef("Gateway", namespace, short, group=GATEWAY_GROUP)
    state = snapshot.state_of("Gateway")
    if ref not in snapshot.gateways and not (snapshot.offline or state.knows(namespace)):
        what = f"whether there is a Gateway {clean(name, 120)} cannot be told: Gateway objects {state.gap}"
        raise UserError(what, state.mend)
    if ref not in snapshot.gateways:
        known = ", ".join(f"{one.namespace}/{one.name}" for one in sorted(snapshot.gateways)[:5])
        hint = f"there are: {clean(known)}" if known else "there is none"
        raise UserError(f"there is no Gateway {clean(name, 120)}", hint)
    return ref


def same_end(one: Trace, other: Trace) -> bool | None:
    """Whether two edges bring the request to the same end; None where one of them is in doubt.

    The same backends, or the same redirect, or the same error.
    """
    if one.doubts or other.doubts:
        return None
    if one.outcome.kind == other.outcome.kind == "redirect":
        return (one.outcome.status, one.outcome.location) == (other.outcome.status, other.outcome.location)
    if one.works and other.works and one.shares and other.shares:
        return one.reached == other.reached
    return (one.outcome.kind, one.outcome.status) == (other.outcome.kind, other.outcome.status)
