"""Who refers to an object: the question before one changes or deletes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..refs import ObjectRef
from ..snapshot import Snapshot
from .semantics import grant_allows

if TYPE_CHECKING:
    from ..objects import Gateway, Listener, ListenerSet, ReferenceGrant, Route


@dataclass(frozen=True, slots=True, order=True)
class User:
    """``ref`` refers to the object that was asked about; ``how`` says by which field or for what."""

    ref: ObjectRef
    how: str


def users_of(snapshot: Snapshot, target: ObjectRef) -> tuple[User, ...]:
    """Everything in ``snapshot`` that refers to ``target``, or whose reference ``target`` (a grant) allows.

    By name alone, as the specs say references are made: whether they are allowed or accepted is another
    question. A pass over all objects of the kinds that can refer.
    """
    whole = target.whole
    found = {
        *_classes(snapshot, whole),
        *_routes(snapshot, whole),
        *_listeners(snapshot, whole),
        *_listener_sets(snapshot, whole),
        *_policies(snapshot, whole),
        *_ingresses(snapshot, whole),
        *_granting(snapshot, whole),
    }
    return tuple(sorted(found))


def _classes(snapshot: Snapshot, target: ObjectRef) -> Iterator[User]:
    if target.kind == "GatewayClass":
        for ref, gateway in snapshot.gateways.items():
            if gateway.spec.gateway_class_name == target.name:
                yield User(ref, "gatewayClassName")
    if target.kind == "IngressClass":
        for ref, ingress in snapshot.ingresses.items():
            if ingress.spec.ingress_class_name == target.name:
                yield User(ref, "ingressClassName")


def _routes(snapshot: Snapshot, target: ObjectRef) -> Iterator[User]:
    for ref, route in snapshot.routes.items():
        for number, parent in enumerate(route.spec.parent_refs):
            if parent.target(ref.namespace).whole == target:
                section = f" ({parent.section_name})" if parent.section_name else ""
                yield User(ref, f"spec.parentRefs[{number}]{section}")
        for how, backend in _backends(route):
            if backend == target:
                yield User(ref, how)


def _backends(route: Route) -> Iterator[tuple[str, ObjectRef]]:
    own = route.meta.namespace
    for number, rule in enumerate(route.spec.rules):
        place = f"spec.rules[{number}]"
        for backend in rule.backend_refs:
            named = ObjectRef(backend.kind, backend.namespace or own, backend.name, group=backend.group)
            yield f"{place}.backendRefs, weight {backend.weight}", named
        filters = (*rule.filters, *(one for backend in rule.backend_refs for one in backend.filters))
        for one in filters:
            if one.request_mirror is not None:
                mirror = one.request_mirror.backend_ref
                named = ObjectRef(mirror.kind, mirror.namespace or own, mirror.name, group=mirror.group)
                yield f"{place}.filters, mirror", named
            if one.extension_ref is not None:
                extension = one.extension_ref
                named = ObjectRef(extension.kind, own, extension.name, group=extension.group)
                yield f"{place}.filters, extensionRef", named


def _all_certificates(snapshot: Snapshot) -> Iterator[tuple[ObjectRef, str, ObjectRef]]:
    holders: list[Gateway | ListenerSet] = [*snapshot.gateways.values(), *snapshot.listener_sets.values()]
    for holder in holders:
        ref = holder.ref
        for how, named in _certificates(holder.spec.listeners, ref.namespace):
            yield ref, how, named


def _certificates(listeners: tuple[Listener, ...], own: str) -> Iterator[tuple[str, ObjectRef]]:
    for listener in listeners:
        for secret in listener.tls.certificate_refs if listener.tls else ():
            named = ObjectRef(secret.kind, secret.namespace or own, secret.name, group=secret.group)
            yield f"listener {listener.name}, certificateRefs", named


def _listeners(snapshot: Snapshot, target: ObjectRef) -> Iterator[User]:
    for ref, how, named in _all_certificates(snapshot):
        if named == target:
            yield User(ref, how)


def _listener_sets(snapshot: Snapshot, target: ObjectRef) -> Iterator[User]:
    for ref, listener_set in snapshot.listener_sets.items():
        if listener_set.spec.parent_ref.target(ref.namespace).whole == target:
            yield User(ref, "spec.parentRef")


def _policies(snapshot: Snapshot, target: ObjectRef) -> Iterator[User]:
    for ref, policy in snapshot.policies.items():
        for named in policy.targets:
            if named.whole == target:
                section = f" ({named.section})" if named.section else ""
                yield User(ref, f"targetRef{section}")


def _ingresses(snapshot: Snapshot, target: ObjectRef) -> Iterator[User]:
    for ref, ingress in snapshot.ingresses.items():
        if target.namespace != ref.namespace:
            continue
        if target.kind == "Secret" and any(tls.secret_name == target.name for tls in ingress.spec.tls):
            yield User(ref, "spec.tls")
        if target.kind != "Service":
            continue
        backends = [path.backend for rule in ingress.spec.rules for path in rule.http.paths]
        if ingress.spec.default_backend is not None:
            backends.append(ingress.spec.default_backend)
        if any(one.service is not None and one.service.name == target.name for one in backends):
            yield User(ref, "backend")


def _granting(snapshot: Snapshot, target: ObjectRef) -> Iterator[User]:
    """A grant names whom it lets in: it is used by those, and it is a user of what it opens."""
    for ref, grant in snapshot.grants.items():
        if ref == target:
            yield from _granted(snapshot, grant)
        elif ref.namespace == target.namespace and _opens(grant, target):
            yield User(ref, "lets others refer to it")


def _opens(grant: ReferenceGrant, target: ObjectRef) -> bool:
    return any(
        to.kind == target.kind and to.group == target.group and to.name in (None, "", target.name)
        for to in grant.spec.to
    )


def _granted(snapshot: Snapshot, grant: ReferenceGrant) -> Iterator[User]:
    for ref, route in snapshot.routes.items():
        for how, named in _backends(route):
            if _crosses(grant, ref, named):
                yield User(ref, f"{how}: {named}")
    for ref, how, named in _all_certificates(snapshot):
        if _crosses(grant, ref, named):
            yield User(ref, f"{how}: {named}")


def _crosses(grant: ReferenceGrant, ref: ObjectRef, named: ObjectRef) -> bool:
    if named.namespace == ref.namespace:
        return False
    source = ref.group, ref.kind, ref.namespace
    return grant_allows([grant], *source, named.group, named.kind, named.namespace, named.name)
