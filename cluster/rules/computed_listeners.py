"""What a listener's conditions, supportedKinds and attachedRoutes ought to be, by the specs.

API: Listener, ListenerStatus, ListenerConditionType and its reasons; GEP-1713 for entries of ListenerSets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..objects import GroupKind, SecretRef
from ..refs import GATEWAY_GROUP, ObjectRef
from ..text import clean
from .computed import Computed, Doubt, settle
from .computed_authorities import (
    LISTENER_WORDS,
    Authorities,
    frontend_validation,
    grant_doubt,
    judge_authorities,
)
from .semantics import (
    carried_kinds,
    own_protocol,
    protocol_supported,
    supported_kinds,
    tls_modes_mixed,
    unsupported_kinds,
)
from .topology import BoundListener, Topology

_ENCRYPTED = frozenset({"HTTPS", "TLS"})


@dataclass(frozen=True, slots=True)
class ListenerState:
    """What the specs say of one listener. ``supported_kinds`` None: only its controller can say."""

    bound: BoundListener
    conditions: tuple[Computed, ...]
    supported_kinds: tuple[GroupKind, ...] | None


def compute_listener(topology: Topology, bound: BoundListener) -> ListenerState:
    """The computed state of a listener that its Gateway lets in."""
    certificates = tuple(_certificate_doubts(topology, bound))
    authorities = _authorities(topology, bound)
    accepted = settle("Accepted", _against_accepting(topology, bound, authorities))
    resolved = settle(
        "ResolvedRefs",
        (*(one for one in certificates if one is not None), *_kind_doubts(bound), *authorities.doubts),
    )
    programmed = settle("Programmed", _against_programming(bound, accepted, certificates))
    conditions = [accepted, programmed, resolved, _conflicted(bound)]
    if bound.overlaps:
        # the API forbids to set it to False
        listed = f"shares hosts of its port with {', '.join(bound.overlaps[:5])}"
        conditions.append(Computed("OverlappingTLSConfig", "True", ("OverlappingHostnames",), listed))
    return ListenerState(bound, tuple(conditions), supported_kinds(bound.listener))


def _conflicted(bound: BoundListener) -> Computed:
    if bound.conflict:
        return Computed("Conflicted", "True", (bound.conflict,), _conflict_words(bound))
    return Computed("Conflicted", "False", ("NoConflicts",))


def _conflict_words(bound: BoundListener) -> str:
    return f"in conflict with listener {bound.conflict_with}"


# --- Accepted ------------------------------------------------------------------------------------


def _against_accepting(topology: Topology, bound: BoundListener, authorities: Authorities) -> Iterator[Doubt]:
    listener = bound.listener
    supported = protocol_supported(listener.protocol)
    if not supported:
        shown = f"protocol {clean(listener.protocol, 60)}"
        if supported is None:
            yield Doubt("UnsupportedProtocol", f"{shown}: only its controller can say", certain=False)
        else:
            yield Doubt("UnsupportedProtocol", f"{shown} is none of the API's")
    if bound.conflict:
        yield Doubt(bound.conflict, _conflict_words(bound))
    if authorities.all_bad:
        yield Doubt("NoValidCACertificate", authorities.doubts[0].detail)
    elif authorities.unsure:
        yield Doubt("NoValidCACertificate", authorities.doubts[0].detail, certain=False)
    yield from _mode_doubts(topology, bound)


def _mode_doubts(topology: Topology, bound: BoundListener) -> Iterator[Doubt]:
    """TLS modes that the controller does not claim as a feature (GEP-2643); nothing where it claims none."""
    features = topology.features_of(bound.gateway)
    listener = bound.listener
    if features is None or listener.protocol != "TLS" or "TLSRoute" not in features:
        return
    mode = listener.tls.mode if listener.tls else "Terminate"
    if mode == "Terminate" and "TLSRouteModeTerminate" not in features:
        yield Doubt("UnsupportedValue", "the controller does not claim TLSRouteModeTerminate")
    if "TLSRouteModeMixed" in features:
        return
    for other in topology.listeners(bound.gateway):
        if tls_modes_mixed(listener, other.listener):
            yield Doubt("ProtocolConflict", f"{other.ref} has the other TLS mode on the same port")
            return


# --- ResolvedRefs --------------------------------------------------------------------------------


def _certificate_doubts(topology: Topology, bound: BoundListener) -> Iterator[Doubt | None]:
    """What stands against each certificateRef in turn; None for a sound one."""
    tls = bound.listener.tls
    if tls is None or tls.mode == "Passthrough" or bound.listener.protocol not in _ENCRYPTED:
        return
    for reference in tls.certificate_refs:
        yield _certificate_doubt(topology, bound.owner, reference)


def _certificate_doubt(topology: Topology, owner: ObjectRef, reference: SecretRef) -> Doubt | None:
    namespace = reference.namespace or owner.namespace
    secret = ObjectRef(reference.kind, namespace, reference.name, group=reference.group)
    shown = clean(secret, 200)
    if reference.group or reference.kind != "Secret":
        return Doubt("InvalidCertificateRef", f"{shown}: a certificate is in a Secret of the core group")
    refused = grant_doubt(topology, owner, secret)
    if refused is not None:
        return refused
    held = topology.snapshot.secrets.get(secret)
    if held is not None:
        if held.type in ("", "kubernetes.io/tls"):
            return None
        return Doubt("InvalidCertificateRef", f"{shown} is of type {clean(held.type, 60)}")
    if topology.snapshot.state_of("Secret").knows(namespace):
        detail = f"{shown} does not exist, or is not of type kubernetes.io/tls"
        return Doubt("InvalidCertificateRef", detail, absent=True)
    return Doubt("InvalidCertificateRef", f"{shown}: Secrets could not be read", certain=False)


def _kind_doubts(bound: BoundListener) -> Iterator[Doubt]:
    listener = bound.listener
    refused = [one.kind for one in unsupported_kinds(listener)]
    if carried_kinds(listener) is not None:
        # no controller that is known carries a route of another group
        refused += [one.kind for one in listener.allowed_routes.kinds if one.group != GATEWAY_GROUP]
    if refused:
        listed = ", ".join(clean(kind, 60) for kind in refused[:5])
        yield Doubt("InvalidRouteKinds", f"{clean(listener.protocol, 60)} cannot carry {listed}")


def _authorities(topology: Topology, bound: BoundListener) -> Authorities:
    gateway = topology.gateway_spec(bound.gateway)
    if gateway is None:
        return Authorities()
    validation = frontend_validation(gateway.spec.tls, bound.listener)
    references = validation.get("caCertificateRefs")
    if not isinstance(references, list | tuple):
        return Authorities()
    return judge_authorities(topology, bound.gateway, references, LISTENER_WORDS)


# --- Programmed ----------------------------------------------------------------------------------


def _against_programming(
    bound: BoundListener, accepted: Computed, certificates: tuple[Doubt | None, ...]
) -> Iterator[Doubt]:
    """As far as the specs can say: whether the data plane is ready is the controller's to know."""
    if accepted.status != "True":
        reason = bound.conflict if bound.conflict and bound.owner != bound.gateway else "Invalid"
        yield Doubt(reason, accepted.detail, certain=accepted.status == "False")
    if certificates and None not in certificates:
        certain = all(one is not None and one.certain for one in certificates)
        yield Doubt("Invalid", "it has no certificate to show", certain=certain)
    listener = bound.listener
    if listener.protocol in _ENCRYPTED and _nothing_to_show(bound):
        yield Doubt("Invalid", "it terminates TLS, and names no certificate")
    wanted = listener.allowed_routes.kinds
    if wanted and supported_kinds(listener) == ():
        yield Doubt("Invalid", "it can carry none of the kinds that it allows")


def _nothing_to_show(bound: BoundListener) -> bool:
    tls = bound.listener.tls
    if tls is None:
        return True
    # options may stand for certificates, in a controller's own way (API: ListenerTLSConfig)
    return tls.mode != "Passthrough" and not tls.certificate_refs and not tls.options


# --- attachedRoutes ------------------------------------------------------------------------------


def attached_routes(topology: Topology, bound: BoundListener) -> int | None:
    """How many routes may attach to a listener, whatever its own conditions are; None where one hangs on what
    could not be read.

    API: ListenerStatus.attachedRoutes. Apart from the conditions, because it reads every route of the owner.
    """
    if own_protocol(bound.listener.protocol):
        return None
    count = 0
    for route in topology.routes_naming(bound.owner):
        meant = any(
            one.owner == bound.owner and one.listener is bound.listener
            for attachment in topology.attachments(route)
            for one in attachment.candidates
        )
        if not meant or topology.shared_hostnames(route, bound) is None:
            continue
        allowed = topology.allows(route, bound)
        if allowed is None:
            return None
        count += allowed
    return count
