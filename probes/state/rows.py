"""Plain rows for the browse screen and for ``status``: what is shown, without what works it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from ...cluster.refs import ObjectRef
from ...cluster.snapshot import KindState, Snapshot
from ..verdict import Finding, Verdict

if TYPE_CHECKING:
    from ...cluster.objects import Condition
    from ...cluster.rules.computed import Computed


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A GatewayClass. ``worst`` is the worst verdict of its own findings, PASS where there are none."""

    ref: ObjectRef
    controller: str
    claimed: Verdict
    worst: Verdict
    conditions: tuple[Condition, ...]
    findings: int
    gateways: int


@dataclass(frozen=True, slots=True)
class ListenerRow:
    """A listener; its ref is the Gateway's or ListenerSet's with ``section``. ``owner`` says which.

    ``by_specs`` are the conditions that the specs give it, beside the claimed ``conditions``.
    """

    ref: ObjectRef
    owner: ObjectRef
    protocol: str
    port: int
    hostname: str
    attached_routes: int
    claimed: Verdict
    computed: Verdict
    worst: Verdict
    conditions: tuple[Condition, ...]
    findings: int
    by_specs: tuple[Computed, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """A Gateway with the listeners of its own and of its ListenerSets. ``routes`` counts those attached
    according to the specs; ``by_specs`` are its conditions according to them."""

    ref: ObjectRef
    class_name: str
    controller: str
    addresses: tuple[str, ...]
    listeners: tuple[ListenerRow, ...]
    claimed: Verdict
    computed: Verdict
    worst: Verdict
    conditions: tuple[Condition, ...]
    findings: int
    routes: int
    by_specs: tuple[Computed, ...] = ()


@dataclass(frozen=True, slots=True)
class ParentRow:
    """One controller's word on one parentRef; ``controller`` is empty where nobody has answered.

    ``foreign``: the entry speaks of a parent that the spec does not name (stale), or its controller is
    not the one that claims the parent. ``claimed`` is UNKNOWN where nobody answered. ``by_specs`` are the
    conditions that the specs give for this parent; empty for a foreign entry and for a mesh.
    """

    parent: ObjectRef
    controller: str
    conditions: tuple[Condition, ...]
    claimed: Verdict
    computed: Verdict
    foreign: bool = False
    detail: str = ""
    by_specs: tuple[Computed, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteRow:
    """A route. ``claimed``: what controllers say; ``computed``: what the specs give; ``worst``: the worst
    of its findings (PASS where there are none). ``findings`` counts FAIL, UNKNOWN and WARN; ``gateways`` are
    those that it attaches to, by the specs."""

    ref: ObjectRef
    hostnames: tuple[str, ...]
    parents: tuple[ParentRow, ...]
    claimed: Verdict
    computed: Verdict
    worst: Verdict
    findings: int
    gateways: tuple[ObjectRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the first screen shows. ``counts`` counts findings by verdict; ``troubled_kinds`` are the
    kinds that are not live (stale, denied, failed, loading) with their states."""

    classes: tuple[ClassRow, ...] = ()
    gateways: tuple[GatewayRow, ...] = ()
    routes: tuple[RouteRow, ...] = ()
    counts: Mapping[Verdict, int] = field(default_factory=dict)
    troubled_kinds: Mapping[str, KindState] = field(default_factory=dict)
    version: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """One judged moment. ``by_object`` holds each object's findings, those of its sections included.

    Not ``judged`` yet it has rows for the names alone, and says of none that it is good.
    """

    snapshot: Snapshot = field(default_factory=Snapshot)
    findings: tuple[Finding, ...] = ()
    overview: Overview = field(default_factory=Overview)
    by_object: Mapping[ObjectRef, tuple[Finding, ...]] = field(default_factory=lambda: MappingProxyType({}))
    judged: bool = True
