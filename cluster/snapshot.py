"""One immutable moment of the cluster; light to import, because the first paint holds an empty one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from .refs import ObjectRef

if TYPE_CHECKING:
    from .kubernetes_objects import (
        ConfigMap,
        Crd,
        EndpointSlice,
        Ingress,
        IngressClass,
        Issuer,
        Namespace,
        NetworkPolicy,
        Pod,
        Secret,
        Service,
        Workload,
    )
    from .objects import Gateway, GatewayClass, ListenerSet, Mesh, ReferenceGrant, Route, Undecodable
    from .policies import Policy

State = Literal["loading", "live", "stale", "denied", "absent", "failed", "unseen"]

EMPTY: Mapping[ObjectRef, Any] = MappingProxyType({})
_NO_KINDS: Mapping[str, Any] = MappingProxyType({})


def _nothing() -> Mapping[ObjectRef, Any]:
    return EMPTY


def _no_kinds() -> Mapping[str, Any]:
    return _NO_KINDS


@dataclass(frozen=True, slots=True)
class KindState:
    """How far a kind can be trusted. ``since`` is Unix time in seconds: when the state began, and for
    ``stale`` the last moment at which what is shown was known to be true. A live kind is true until now: it
    was verified when the server was last heard of (``LiveCluster.heard``), which is not kept here, because a
    quiet cluster must not change the snapshot every few seconds.

    ``namespaces`` None means the whole cluster; else only these could be read, others are unknown.
    ``absent``: the cluster does not serve the kind, so there are none. ``unseen``: reading from files,
    and the files hold none, which says nothing of any cluster. ``detail`` says why, in one clean line;
    ``mend`` what would help, where that is known.
    """

    state: State
    detail: str = ""
    since: float = 0.0
    namespaces: tuple[str, ...] | None = None
    mend: str = ""

    def knows(self, namespace: str) -> bool:
        """Whether an object missing from the snapshot can be taken as not existing in ``namespace``."""
        if self.state not in ("live", "stale", "absent"):
            return False
        return self.namespaces is None or namespace in self.namespaces

    @property
    def gap(self) -> str:
        """Why there may be more objects than the snapshot has, in words behind the kind's name; empty: none.

        Documents that hold none of a kind are all that there is of it.
        """
        if self.state == "unseen":
            return ""
        if self.state not in ("live", "stale", "absent"):
            return f"could not be read ({self.state})"
        if self.namespaces is not None:
            return f"could be read in {', '.join(self.namespaces[:5])} only"
        return ""

    def says_the_same_as(self, other: KindState) -> bool:
        """Whether nothing but the time differs. A stale kind's time is part of what it says."""
        return self == other or (
            self.state == other.state != "stale"
            and self.detail == other.detail
            and self.namespaces == other.namespaces
        )


_UNSEEN = KindState("unseen", "none among the documents")
LOADING = KindState("loading")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the cluster. Every mapping is keyed by the whole object's ref, and never changes.

    ``kinds`` is keyed by kind (``HTTPRoute``); a discovered policy whose kind another one also has, by
    ``kind.group``. ``pods`` are those of known controllers only; ``pod_states``, keyed by the ref of the
    Deployment or DaemonSet, says of which, and how far they can be trusted. ``offline`` says that it was read
    from documents and not from a cluster.
    """

    version: int = 0
    classes: Mapping[ObjectRef, GatewayClass] = field(default_factory=_nothing)
    gateways: Mapping[ObjectRef, Gateway] = field(default_factory=_nothing)
    listener_sets: Mapping[ObjectRef, ListenerSet] = field(default_factory=_nothing)
    routes: Mapping[ObjectRef, Route] = field(default_factory=_nothing)
    grants: Mapping[ObjectRef, ReferenceGrant] = field(default_factory=_nothing)
    policies: Mapping[ObjectRef, Policy] = field(default_factory=_nothing)
    ingresses: Mapping[ObjectRef, Ingress] = field(default_factory=_nothing)
    ingress_classes: Mapping[ObjectRef, IngressClass] = field(default_factory=_nothing)
    services: Mapping[ObjectRef, Service] = field(default_factory=_nothing)
    endpoint_slices: Mapping[ObjectRef, EndpointSlice] = field(default_factory=_nothing)
    secrets: Mapping[ObjectRef, Secret] = field(default_factory=_nothing)
    namespaces: Mapping[ObjectRef, Namespace] = field(default_factory=_nothing)
    crds: Mapping[ObjectRef, Crd] = field(default_factory=_nothing)
    workloads: Mapping[ObjectRef, Workload] = field(default_factory=_nothing)
    network_policies: Mapping[ObjectRef, NetworkPolicy] = field(default_factory=_nothing)
    issuers: Mapping[ObjectRef, Issuer] = field(default_factory=_nothing)
    meshes: Mapping[ObjectRef, Mesh] = field(default_factory=_nothing)
    pods: Mapping[ObjectRef, Pod] = field(default_factory=_nothing)
    config_maps: Mapping[ObjectRef, ConfigMap] = field(default_factory=_nothing)
    undecodable: Mapping[ObjectRef, Undecodable] = field(default_factory=_nothing)
    kinds: Mapping[str, KindState] = field(default_factory=_no_kinds)
    pod_states: Mapping[ObjectRef, KindState] = field(default_factory=_nothing)
    offline: bool = False

    def state_of(self, kind: str) -> KindState:
        """How far ``kind`` can be trusted; a kind nobody has spoken of yet is loading (unseen offline)."""
        return self.kinds.get(kind) or (_UNSEEN if self.offline else LOADING)

    def pods_of(self, workload: ObjectRef) -> KindState:
        """How far the pods of a Deployment or DaemonSet can be trusted; loading for one that is not
        followed.
        """
        return self.pod_states.get(workload) or (self.state_of("Pod") if self.offline else LOADING)
