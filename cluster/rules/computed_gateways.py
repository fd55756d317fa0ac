"""What the conditions of Gateways and ListenerSets ought to be, by the specs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..objects import Gateway, ListenerSet
from ..refs import GATEWAY_GROUP, ObjectRef
from ..text import clean
from .computed import Computed, Doubt, of_type, settle, status_in
from .computed_authorities import frontend_validation, grant_doubt
from .computed_listeners import ListenerState, compute_listener
from .topology import Topology

_ADDRESS_TYPES = frozenset({"IPAddress", "Hostname"})


def compute_gateway(
    topology: Topology, gateway: Gateway, listeners: Iterable[ListenerState] | None = None
) -> tuple[Computed, ...]:
    """Accepted and Programmed of a Gateway, and ResolvedRefs and InsecureFrontendValidationMode where its
    spec.tls gives rise to them.

    ``listeners`` are the computed ones of the Gateway, worked out here where they are not given. The
    Gateway's own count, not those of its ListenerSets (GEP-1713).
    """
    ref = gateway.ref
    if listeners is None:
        listeners = (compute_listener(topology, one) for one in topology.listeners(ref) if one.owner == ref)
    own = tuple(one for one in listeners if one.bound.owner == ref)
    accepted = _accepted(topology, gateway, own)
    programmed = _programmed(accepted, own, gateway)
    conditions = [accepted, programmed]
    if gateway.spec.tls:
        conditions.append(settle("ResolvedRefs", _client_certificate_doubts(topology, gateway)))
    insecure = [
        one.bound.listener.name
        for one in own
        if frontend_validation(gateway.spec.tls, one.bound.listener).get("mode") == "AllowInsecureFallback"
    ]
    if insecure:
        listed = (
            f"clients without a valid certificate get in: {', '.join(clean(x, 63) for x in insecure[:5])}"
        )
        conditions.append(
            Computed("InsecureFrontendValidationMode", "True", ("ConfigurationChanged",), listed)
        )
    return tuple(conditions)


def _accepted(topology: Topology, gateway: Gateway, own: tuple[ListenerState, ...]) -> Computed:
    doubts = [*_class_doubts(topology, gateway), *_parameter_doubts(topology, gateway)]
    doubts += [
        Doubt("UnsupportedAddress", f"address type {clean(one.type, 60)}: only its controller can say", False)
        for one in gateway.spec.addresses
        if one.type not in (None, *_ADDRESS_TYPES)
    ]
    # the API's ListenersNotValid: they "cannot be configured", as those without a certificate
    statuses = [status_in(one.conditions, "Programmed") for one in own]
    bad = [str(one.bound.ref.section) for one, status in zip(own, statuses, strict=True) if status == "False"]
    listed = f"not valid: {', '.join(bad[:5])}" if bad else ""
    if own and len(bad) == len(own):
        doubts.append(Doubt("ListenersNotValid", listed))
    elif "True" not in statuses and own:
        doubts.append(Doubt("ListenersNotValid", "no listener is surely valid", certain=False))
    settled = settle("Accepted", doubts, "ListenersNotValid" if bad else "")
    if settled.status == "True" and bad:
        return Computed("Accepted", "True", settled.reasons, listed)
    return settled


def _class_doubts(topology: Topology, gateway: Gateway) -> Iterator[Doubt]:
    name = gateway.spec.gateway_class_name
    if topology.gateway_class(name) is not None:
        return
    state = topology.snapshot.state_of("GatewayClass")
    if state.knows(""):
        yield Doubt("Pending", f"GatewayClass {clean(name, 100)} does not exist: nobody claims it", False)
    elif state.state != "unseen":
        yield Doubt("Pending", f"GatewayClasses could not be read ({state.state})", certain=False)


def _parameter_doubts(topology: Topology, gateway: Gateway) -> Iterator[Doubt]:
    reference = (gateway.spec.infrastructure or {}).get("parametersRef")
    if not isinstance(reference, Mapping):
        return
    group, kind = str(reference.get("group") or ""), str(reference.get("kind") or "")
    shown = clean(f"{group}/{kind} {reference.get('name')}", 200)
    if group and topology.kind_served(group, kind) is False:
        yield Doubt("InvalidParameters", f"{shown}: the cluster serves no such kind")
    elif not group and kind == "ConfigMap":
        namespace = gateway.meta.namespace
        target = ObjectRef(kind, namespace, str(reference.get("name") or ""))
        known = topology.snapshot.state_of("ConfigMap").knows(namespace)
        if known and target not in topology.snapshot.config_maps:
            yield Doubt("InvalidParameters", f"{shown} does not exist")


def _programmed(accepted: Computed, own: tuple[ListenerState, ...], gateway: Gateway) -> Computed:
    doubts: list[Doubt] = []
    if accepted.status != "True":
        doubts.append(Doubt("Invalid", accepted.detail, certain=accepted.status == "False"))
    statuses = {status_in(one.conditions, "Programmed") for one in own}
    if own and "True" not in statuses:
        doubts.append(Doubt("Invalid", "no listener can be programmed", certain="Unknown" not in statuses))
    return settle("Programmed", doubts)


def _client_certificate_doubts(topology: Topology, gateway: Gateway) -> Iterator[Doubt]:
    """API: GatewayBackendTLS.clientCertificateRef: a Secret of type kubernetes.io/tls."""
    backend = (gateway.spec.tls or {}).get("backend")
    reference: Any = backend.get("clientCertificateRef") if isinstance(backend, Mapping) else None
    if not isinstance(reference, Mapping):
        return
    group, kind = str(reference.get("group") or ""), str(reference.get("kind") or "Secret")
    namespace = str(reference.get("namespace") or gateway.meta.namespace)
    target = ObjectRef(kind, namespace, str(reference.get("name") or ""), group=group)
    shown = clean(target, 200)
    if group or kind != "Secret":
        yield Doubt("InvalidClientCertificateRef", f"{shown} is no Secret of the core group")
        return
    refused = grant_doubt(topology, gateway.ref, target)
    if refused is not None:
        yield refused
        return
    secret = topology.snapshot.secrets.get(target)
    if secret is not None:
        if secret.type not in ("", "kubernetes.io/tls"):
            yield Doubt("InvalidClientCertificateRef", f"{shown} is of type {clean(secret.type, 60)}")
        return
    if topology.snapshot.state_of("Secret").knows(namespace):
        yield Doubt("InvalidClientCertificateRef", f"{shown} does not exist")
    else:
        yield Doubt("InvalidClientCertificateRef", f"{shown}: Secrets could not be read", certain=False)


# --- ListenerSets --------------------------------------------------------------------------------


def compute_listener_set(
    topology: Topology, listener_set: ListenerSet, gateway_conditions: tuple[Computed, ...] | None = None
) -> tuple[Computed, ...]:
    """Accepted and Programmed of a ListenerSet (GEP-1713).

    ``gateway_conditions`` are those computed for its Gateway, worked out here where they are not given.
    """
    parent = listener_set.spec.parent_ref
    target = parent.target(listener_set.meta.namespace).whole
    if parent.kind != "Gateway" or parent.group != GATEWAY_GROUP:
        detail = f"its parent is {clean(target, 160)}, and no Gateway"
        return (
            settle("Accepted", [Doubt("Invalid", detail)]),
            settle("Programmed", [Doubt("Invalid", detail)]),
        )
    gateway = topology.gateway_spec(target)
    if gateway is None:
        known = topology.snapshot.state_of("Gateway").knows(target.namespace)
        detail = f"{clean(target, 160)} " + ("does not exist" if known else "could not be read")
        doubt = Doubt("ParentNotAccepted", detail, certain=known)
        return settle("Accepted", [doubt]), settle("Programmed", [doubt])
    allowed = topology.set_allowed(gateway, listener_set)
    if allowed is False:
        doubt = Doubt(
            "NotAllowed", f"{clean(target, 160)} lets in no ListenerSet from here (allowedListeners)"
        )
        return settle("Accepted", [doubt]), settle("Programmed", [doubt])
    if gateway_conditions is None:
        gateway_conditions = compute_gateway(topology, gateway)
    entries = [
        compute_listener(topology, one) for one in topology.listeners(target) if one.owner == listener_set.ref
    ]
    doubts = list(_set_doubts(allowed, gateway_conditions, entries))
    usable = [_usable(one) for one in entries]
    reason = "ListenersNotValid" if "False" in usable else ""
    return settle("Accepted", doubts, reason), settle("Programmed", doubts)


def _set_doubts(
    allowed: bool | None, gateway_conditions: tuple[Computed, ...], entries: list[ListenerState]
) -> Iterator[Doubt]:
    if allowed is None:
        yield Doubt("NotAllowed", "the labels of its namespace could not be read", certain=False)
    parent = of_type(gateway_conditions, "Accepted")
    if parent is not None and parent.status != "True":
        yield Doubt("ParentNotAccepted", parent.detail, certain=parent.status == "False")
    usable = [_usable(one) for one in entries]
    if entries and "True" not in usable:
        certain = "Unknown" not in usable
        yield Doubt("ListenersNotValid", "none of its listeners can be programmed", certain=certain)


def _usable(entry: ListenerState) -> str:
    return status_in(entry.conditions, "Programmed") or "Unknown"
