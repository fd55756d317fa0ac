"""Which listener of a Gateway takes a connection, and what its controller says of that listener.

API: Listener.hostname and GatewaySpec.listeners ("General Listener behavior", listener isolation),
RFC 6066 section 3 (SNI). ListenerSets take part as their own listeners (GEP-1713).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..objects import Condition, Conditions
from ..refs import ObjectRef
from ..rules.references import certificate_faults
from ..rules.topology import BoundListener, Topology
from ..text import clean
from .match import host_matches
from .model import Claim, Draft, Loss, Outcome
from .request import Request

# a listener that waits for an address is not broken by itself
_WAITING = frozenset({"Pending", "AddressNotAssigned", "AddressNotUsable"})
_BY_SCHEME = {"http": frozenset({"HTTP"}), "https": frozenset({"HTTPS", "TLS"})}


@dataclass(frozen=True, slots=True)
class Taken:
    """``bound`` is the listener; without one, ``outcome`` says what the client meets."""

    bound: BoundListener | None
    outcome: Outcome | None = None


def choose_listener(topology: Topology, gateway: ObjectRef, request: Request, draft: Draft) -> Taken:
    """The most specific listener for the request's port, protocol and name. Losers go into ``draft``."""
    on_port = [one for one in topology.listeners(gateway) if one.listener.port == request.port]
    if not on_port:
        return Taken(
            None, Outcome("refused", f"no listener on port {request.port}: the connection is refused")
        )
    wanted = _BY_SCHEME[request.scheme]
    standing: list[BoundListener] = []
    for one in on_port:
        protocol = one.listener.protocol
        if one.conflict:
            detail = (
                f"in conflict with listener {one.conflict_with} ({one.conflict}): it may not be configured"
            )
            draft.losses.append(Loss(one.ref, "listener-conflict", detail))
        elif protocol in wanted or protocol == "TCP":
            standing.append(one)
        else:
            shown = f"its protocol is {clean(protocol, 40)}, the request is {request.scheme}"
            draft.losses.append(Loss(one.ref, "protocol", shown))
    if not standing:
        why = (
            "every listener there is in conflict"
            if all(one.conflict for one in on_port)
            else "none speaks it"
        )
        return Taken(None, Outcome("refused", f"port {request.port}: {why}; the connection is refused"))
    return _by_name(standing, request, draft)


def _by_name(standing: list[BoundListener], request: Request, draft: Draft) -> Taken:
    name = request.host if request.scheme == "http" else request.sni
    what = "Host" if request.scheme == "http" else "SNI"
    matching = [one for one in standing if host_matches(one.listener.hostname or "", name)]
    for one in standing:
        if one not in matching:
            hostname = clean(one.listener.hostname, 253)
            detail = (
                f"its hostname {hostname} does not match the {what} {clean(name, 253) or 'that is absent'}"
            )
            draft.losses.append(Loss(one.ref, "hostname", detail))
    if not matching:
        if request.scheme == "http":
            return Taken(None, Outcome("error", f"404: no listener has a hostname for {name}", 404))
        text = f"no listener has a hostname for the SNI {name or '(none)'}: the handshake is refused"
        return Taken(None, Outcome("refused", text))
    best = max(matching, key=lambda one: _rank(one.listener.hostname))
    for one in matching:
        if one is not best:
            detail = f"less specific than listener {clean(best.listener.name, 253)} (listener isolation)"
            draft.losses.append(Loss(one.ref, "less-specific-listener", detail, matched=True))
    return Taken(best)


def _rank(hostname: str | None) -> tuple[int, int]:
    if not hostname:
        return (0, 0)
    return (1 if hostname.startswith("*.") else 2, len(hostname))


def misdirected(topology: Topology, bound: BoundListener, request: Request) -> Outcome | None:
    """421 or 404 where the Host header belongs to another listener than the one that SNI chose.

    API: Listener.hostname ("To detect misdirected requests, Gateways SHOULD ..."), RFC 9110 section 15.5.20.
    """
    if request.scheme != "https" or request.host == (request.sni or request.host):
        return None
    others = [
        one
        for one in topology.listeners(bound.gateway)
        if one is not bound
        and not one.conflict
        and one.listener.port == bound.listener.port
        and one.listener.protocol == bound.listener.protocol
        and host_matches(one.listener.hostname or "", request.host)
    ]
    own_matches = host_matches(bound.listener.hostname or "", request.host)
    own = _rank(bound.listener.hostname) if own_matches else (-1, 0)
    better = [one for one in others if _rank(one.listener.hostname) > own]
    if better:
        name = clean(better[0].listener.name, 253)
        return Outcome("error", f"421: the Host header belongs to listener {name}, not to the SNI's", 421)
    if not own_matches:
        return Outcome("error", "404: no listener matches the Host header", 404)
    return None


def handshake_fault(topology: Topology, bound: BoundListener, draft: Draft) -> Outcome | None:
    """Refused where none of the certificates of a TLS listener can be had."""
    tls = bound.listener.tls
    if bound.listener.protocol not in ("HTTPS", "TLS") or (tls is not None and tls.mode == "Passthrough"):
        return None
    references = tls.certificate_refs if tls else ()
    if not references:
        if tls is None or not tls.options:
            draft.notes.append("the listener names no certificate")
        return None
    faults = certificate_faults(topology, bound)
    broken = {}
    for fault in faults:
        if fault.fault != "unreadable":
            broken[fault.secret] = fault.detail
        elif not topology.snapshot.offline:
            draft.doubts.append(f"the certificate {clean(fault.secret)} could not be checked: {fault.detail}")
    if len(broken) < len(references):
        return None
    secret, detail = next(iter(broken.items()))
    return Outcome("refused", f"no certificate ({clean(secret)}: {detail}): the handshake fails")


# --- what the controller says --------------------------------------------------------------------


def listener_claims(topology: Topology, bound: BoundListener) -> list[Claim]:
    """Conditions of the listener and its Gateway by which it would carry no traffic."""
    snapshot = topology.snapshot
    holder = snapshot.gateways.get(bound.owner) or snapshot.listener_sets.get(bound.owner)
    gateway = snapshot.gateways.get(bound.gateway)
    claims: list[Claim] = []
    if holder is not None:
        status = next((one for one in holder.status.listeners if one.name == bound.listener.name), None)
        claims += dead_claims(bound.ref, status.conditions if status else (), holder.meta.generation)
    if gateway is not None:
        claims += dead_claims(bound.gateway, gateway.status.conditions, gateway.meta.generation)
        if not gateway.status.conditions and not snapshot.offline:
            claims.append(Claim(bound.gateway, "no controller has answered for this Gateway", firm=False))
    return claims


def dead_claims(subject: ObjectRef, conditions: Conditions, generation: int) -> list[Claim]:
    """Accepted or Programmed that is not True, and Conflicted that is."""
    found = []
    for one in conditions:
        bad = one.status == "True" if one.type == "Conflicted" else one.status != "True"
        if one.type in ("Accepted", "Programmed", "Conflicted") and bad:
            found.append(condition_claim(subject, one, generation))
    return found


def condition_claim(subject: ObjectRef, condition: Condition, generation: int) -> Claim:
    """One condition in words; not firm where it waits, is Unknown, or speaks of an older generation."""
    seen = condition.observed_generation
    stale = seen is not None and 0 < seen < generation
    text = f"{clean(condition.type, 60)}={clean(condition.status, 20)} ({clean(condition.reason, 80)})"
    if condition.message:
        text += f" {clean(condition.message, 200)}"
    if stale:
        text += f" [of generation {seen}; it is at {generation}]"
    firm = not stale and condition.status != "Unknown" and condition.reason not in _WAITING
    return Claim(subject, text, firm)
