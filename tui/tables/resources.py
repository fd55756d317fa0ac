"""Objects of any kind as rows of one plain table: name, age, the worst that is said of it, and a summary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ...probes.verdict import Finding, Verdict, worst
from .filters import haystack

if TYPE_CHECKING:
    from ...cluster.objects import Object
    from ...probes.state.rows import Picture


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """Kinds that share a table. ``names`` are what ``:`` takes, the first being the proper one.

    ``part`` is the Snapshot's attribute; ``kinds`` are those whose freshness the table speaks of.
    """

    names: tuple[str, ...]
    part: str
    kinds: tuple[str, ...]
    summary_title: str
    summary: Callable[[Any], str]
    hosts: Callable[[Any], Sequence[str]] = lambda _: ()

    @property
    def title(self) -> str:
        """The heading of its table."""
        return self.names[0].upper()


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """One object. ``created`` is RFC 3339 text; ``worst`` is PASS where nothing was found."""

    ref: ObjectRef
    labels: Mapping[str, str]
    created: str
    worst: Verdict
    findings: int
    summary: str
    hosts: tuple[str, ...]

    @property
    def text(self) -> str:
        """What a filter searches."""
        name = f"{self.ref.namespace}/{self.ref.name}" if self.ref.namespace else self.ref.name
        return haystack(
            clean(name), clean(self.ref.name), self.ref.kind, *self.hosts, self.summary, self.worst.value
        )


class ResourceTable:
    """The rows of one kind, worst first; a row stays the same one while its object and findings do."""

    def __init__(self, kind: ResourceKind) -> None:
        self.kind = kind
        self._kept: dict[ObjectRef, tuple[Object, tuple[Finding, ...], ResourceRow]] = {}

    def rows(self, picture: Picture, namespaces: tuple[str, ...] | None) -> list[ResourceRow]:
        """All rows of ``picture``; cluster-scoped objects belong to every namespace."""
        objects: Mapping[ObjectRef, Object] = getattr(picture.snapshot, self.kind.part)
        kept: dict[ObjectRef, tuple[Object, tuple[Finding, ...], ResourceRow]] = {}
        for ref, obj in objects.items():
            if namespaces is not None and ref.namespace and ref.namespace not in namespaces:
                continue
            findings = picture.by_object.get(ref, ())
            before = self._kept.get(ref)
            if before is not None and before[0] is obj and before[1] == findings:
                kept[ref] = before
            else:
                kept[ref] = obj, findings, self._row(ref, obj, findings)
        self._kept = kept
        return sorted((row for _, _, row in kept.values()), key=_by_badness)

    def _row(self, ref: ObjectRef, obj: Object, findings: tuple[Finding, ...]) -> ResourceRow:
        bad = [one.verdict for one in findings if one.verdict.badness > Verdict.PASS.badness]
        return ResourceRow(
            ref=ref,
            labels=obj.meta.labels,
            created=obj.meta.creation_timestamp or "",
            worst=worst([Verdict.PASS, *bad]),
            findings=len(bad),
            summary=clean(self.kind.summary(obj), 300),
            hosts=tuple(clean(host, 253) for host in self.kind.hosts(obj)),
        )


def _by_badness(row: ResourceRow) -> tuple[int, str, str, str]:
    return -row.worst.badness, row.ref.namespace, row.ref.name, row.ref.kind


def _gateway(obj: Any) -> str:
    addresses = ", ".join(address.value for address in obj.status.addresses) or "no address"
    return f"{obj.spec.gateway_class_name}  {addresses}  {len(obj.spec.listeners)} listeners"


def _listener_hosts(obj: Any) -> list[str]:
    return [listener.hostname for listener in obj.spec.listeners if listener.hostname]


def _listener_set(obj: Any) -> str:
    parent = obj.spec.parent_ref
    return f"to {parent.namespace or obj.meta.namespace}/{parent.name}  {len(obj.spec.listeners)} listeners"


def _grant(obj: Any) -> str:
    sources = ", ".join(f"{one.kind} in {one.namespace}" for one in obj.spec.from_)
    targets = ", ".join(f"{one.kind} {one.name}" if one.name else f"any {one.kind}" for one in obj.spec.to)
    return f"from {sources or 'nobody'} to {targets or 'nothing'}"


def _policy(obj: Any) -> str:
    targets = ", ".join(str(target) for target in obj.targets)
    if not targets and obj.spec.target_selectors:
        targets = "what its selectors choose"
    return f"{obj.kind}  {'for ' + targets if targets else 'targets nothing'}"


def _ingress(obj: Any) -> str:
    status = obj.status.load_balancer.ingress
    address = ", ".join(entry.ip or entry.hostname for entry in status) or "no address"
    return f"{obj.spec.ingress_class_name or 'no class'}  {', '.join(obj.hosts) or 'any host'}  {address}"


def _service(obj: Any) -> str:
    ports = ", ".join(f"{port.port}/{port.protocol}" for port in obj.spec.ports)
    return f"{obj.spec.type}  {obj.spec.external_name or ports or 'no ports'}"


RESOURCES: tuple[ResourceKind, ...] = (
    ResourceKind(
        ("gateways", "gateway", "gw"),
        "gateways",
        ("Gateway",),
        "class, addresses, listeners",
        _gateway,
        _listener_hosts,
    ),
    ResourceKind(
        ("gatewayclasses", "gatewayclass", "gc"),
        "classes",
        ("GatewayClass",),
        "controller",
        lambda obj: obj.spec.controller_name,
    ),
    ResourceKind(
        ("listenersets", "listenerset", "ls"),
        "listener_sets",
        ("ListenerSet", "XListenerSet"),
        "parent, listeners",
        _listener_set,
        _listener_hosts,
    ),
    ResourceKind(
        ("referencegrants", "referencegrant", "rg"),
        "grants",
        ("ReferenceGrant",),
        "who may refer to what",
        _grant,
    ),
    ResourceKind(("policies", "policy", "pol"), "policies", ("BackendTLSPolicy",), "kind, targets", _policy),
    ResourceKind(
        ("ingresses", "ingress", "ing"),
        "ingresses",
        ("Ingress",),
        "class, hosts, address",
        _ingress,
        lambda obj: obj.hosts,
    ),
    ResourceKind(("services", "service", "svc"), "services", ("Service",), "type, ports", _service),
)


def resource_kind(name: str) -> ResourceKind | None:
    """The table of a name or alias."""
    return next((kind for kind in RESOURCES if name in kind.names), None)
