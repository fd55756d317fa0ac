"""What Pointsman reads of each kind: msgspec Structs in the shape of the wire.

Only the fields that something here looks at are declared; the rest (managedFields above all) is dropped
while decoding. Absent fields get the API's defaults, because practice worlds and files on disk have not
been through an API server that would fill them in. Field meanings: https://gateway-api.sigs.k8s.io/reference/spec/
"""

from __future__ import annotations

from typing import Any

import msgspec

from .refs import GATEWAY_GROUP, ObjectRef
from .repeated import share

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Part(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True, gc=False):
    """A piece of an object; fields are camelCase on the wire.

    Decoded trees hold no cycles, and the collector would otherwise walk a million of them again and again.
    """


class Meta(Part, frozen=True):
    name: str = ""
    namespace: str = ""
    generate_name: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    annotations: dict[str, str] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        # a second copy of the whole object, and the largest string of most objects
        self.annotations.pop(_LAST_APPLIED, None)
        share(self, "namespace", "creation_timestamp")


class Condition(Part, frozen=True):
    """One condition. ``observed_generation`` is None where the controller gave none (common in practice)."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None
    observed_generation: int | None = None

    def __post_init__(self) -> None:
        share(self, "type", "status", "reason", "message", "last_transition_time")


Conditions = tuple[Condition, ...]


class Object(Part, frozen=True):
    """What every kind has. ``kind`` and ``api_version`` are always set after decoding."""

    api_version: str = ""
    kind: str = ""
    metadata: Meta = msgspec.field(default_factory=Meta)
    # set by decode, whatever a document says under that name: judging asks for it a dozen times an object
    known_ref: ObjectRef | None = msgspec.field(default=None, name="(ref)")

    @property
    def meta(self) -> Meta:
        return self.metadata

    @property
    def group(self) -> str:
        """The API group; empty for the core API."""
        return self.api_version.rpartition("/")[0]

    @property
    def ref(self) -> ObjectRef:
        if self.known_ref is not None:
            return self.known_ref
        name = self.metadata.name or self.metadata.generate_name
        return ObjectRef(self.kind, self.metadata.namespace, name, group=self.group)


# --- Gateway API ---------------------------------------------------------------------------------


class GatewayClassSpec(Part, frozen=True):
    controller_name: str = ""
    parameters_ref: dict[str, Any] | None = None
    description: str | None = None


class ConditionsStatus(Part, frozen=True):
    conditions: Conditions = ()


class GatewayClassStatus(Part, frozen=True):
    """``supported_features`` as they stand: objects with a name since 1.2, plain strings before."""

    conditions: Conditions = ()
    supported_features: tuple[Any, ...] = ()


class GatewayClass(Object, frozen=True):
    spec: GatewayClassSpec = msgspec.field(default_factory=GatewayClassSpec)
    status: GatewayClassStatus = msgspec.field(default_factory=GatewayClassStatus)


class SelectorRequirement(Part, frozen=True):
    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class LabelSelector(Part, frozen=True):
    match_labels: dict[str, str] = msgspec.field(default_factory=dict)
    match_expressions: tuple[SelectorRequirement, ...] = ()


class FromNamespaces(Part, frozen=True):
    """``from_`` is All, Same, Selector or None; None means the API's default for where it stands."""

    from_: str | None = msgspec.field(name="from", default=None)
    selector: LabelSelector | None = None


class GroupKind(Part, frozen=True):
    group: str = GATEWAY_GROUP
    kind: str = ""


class AllowedRoutes(Part, frozen=True):
    namespaces: FromNamespaces = msgspec.field(default_factory=FromNamespaces)
    kinds: tuple[GroupKind, ...] = ()


class AllowedListeners(Part, frozen=True):
    namespaces: FromNamespaces = msgspec.field(default_factory=FromNamespaces)


class SecretRef(Part, frozen=True):
    group: str = ""
    kind: str = "Secret"
    name: str = ""
    namespace: str | None = None


class ListenerTls(Part, frozen=True):
    mode: str = "Terminate"
    certificate_refs: tuple[SecretRef, ...] = ()
    options: dict[str, str] = msgspec.field(default_factory=dict)


class Listener(Part, frozen=True):
    """A listener of a Gateway or an entry of a ListenerSet. ``hostname`` None or empty matches every host."""

    name: str = ""
    hostname: str | None = None
    port: int = 0
    protocol: str = ""
    tls: ListenerTls | None = None
    allowed_routes: AllowedRoutes = msgspec.field(default_factory=AllowedRoutes)


class Address(Part, frozen=True):
    type: str | None = None
    value: str = ""


class ListenerStatus(Part, frozen=True):
    name: str = ""
    attached_routes: int = 0
    supported_kinds: tuple[GroupKind, ...] = ()
    conditions: Conditions = ()


class GatewaySpec(Part, frozen=True):
    """``tls`` is Gateway.spec.tls (frontend validation, the client certificate for backends) as it stands."""

    gateway_class_name: str = ""
    listeners: tuple[Listener, ...] = ()
    addresses: tuple[Address, ...] = ()
    allowed_listeners: AllowedListeners | None = None
    tls: dict[str, Any] | None = None
    infrastructure: dict[str, Any] | None = None
    default_scope: str | None = None


class GatewayStatus(Part, frozen=True):
    addresses: tuple[Address, ...] = ()
    conditions: Conditions = ()
    listeners: tuple[ListenerStatus, ...] = ()


class Gateway(Object, frozen=True):
    spec: GatewaySpec = msgspec.field(default_factory=GatewaySpec)
    status: GatewayStatus = msgspec.field(default_factory=GatewayStatus)


class ParentRef(Part, frozen=True):
    """Whom a route (or ListenerSet) wants to attach to. ``namespace`` None means the route's own."""

    group: str = GATEWAY_GROUP
    kind: str = "Gateway"
    namespace: str | None = None
    name: str = ""
    section_name: str | None = None
    port: int | None = None

    def __post_init__(self) -> None:
        share(self, "group", "kind", "namespace", "name", "section_name")

    def target(self, own_namespace: str) -> ObjectRef:
        """The parent object, with ``section`` where sectionName is set."""
        namespace = self.namespace or own_namespace
        return ObjectRef(self.kind, namespace, self.name, self.section_name or "", self.group)


class ListenerSetSpec(Part, frozen=True):
    parent_ref: ParentRef = msgspec.field(default_factory=ParentRef)
    listeners: tuple[Listener, ...] = ()


class ListenerSetStatus(Part, frozen=True):
    conditions: Conditions = ()
    listeners: tuple[ListenerStatus, ...] = ()


class ListenerSet(Object, frozen=True):
    spec: ListenerSetSpec = msgspec.field(default_factory=ListenerSetSpec)
    status: ListenerSetStatus = msgspec.field(default_factory=ListenerSetStatus)


class BackendRef(Part, frozen=True):
    """``namespace`` None means the route's own; ``weight`` is the share among the rule's backends."""

    group: str = ""
    kind: str = "Service"
    namespace: str | None = None
    name: str = ""
    port: int | None = None
    weight: int = 1
    filters: tuple[RouteFilter, ...] = ()

    def __post_init__(self) -> None:
        share(self, "group", "kind", "namespace", "name")


class RequestMirror(Part, frozen=True):
    backend_ref: BackendRef = msgspec.field(default_factory=BackendRef)


class ExtensionRef(Part, frozen=True):
    group: str = ""
    kind: str = ""
    name: str = ""


class RouteFilter(Part, frozen=True):
    """A filter; of its ``type`` the field of the same name is set, in the shape of the wire."""

    type: str = ""
    request_mirror: RequestMirror | None = None
    extension_ref: ExtensionRef | None = None
    request_redirect: dict[str, Any] | None = None
    url_rewrite: dict[str, Any] | None = None
    request_header_modifier: dict[str, Any] | None = None
    response_header_modifier: dict[str, Any] | None = None
    cors: dict[str, Any] | None = None
    external_auth: dict[str, Any] | None = None


class PathMatch(Part, frozen=True):
    type: str = "PathPrefix"
    value: str = "/"

    def __post_init__(self) -> None:
        share(self, "type", "value")


class RouteMatch(Part, frozen=True):
    """HTTP and gRPC matches in one: ``method`` is a string for HTTP and a mapping for gRPC."""

    path: PathMatch | None = None
    headers: tuple[dict[str, Any], ...] = ()
    query_params: tuple[dict[str, Any], ...] = ()
    method: str | dict[str, Any] | None = None


class RouteRule(Part, frozen=True):
    name: str | None = None
    matches: tuple[RouteMatch, ...] = ()
    filters: tuple[RouteFilter, ...] = ()
    backend_refs: tuple[BackendRef, ...] = ()
    timeouts: dict[str, Any] | None = None
    retry: dict[str, Any] | None = None
    session_persistence: dict[str, Any] | None = None


class RouteSpec(Part, frozen=True):
    parent_refs: tuple[ParentRef, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[RouteRule, ...] = ()
    use_default_gateways: str | None = None


class RouteParentStatus(Part, frozen=True):
    """What one controller says of one parentRef; the list is keyed by both."""

    parent_ref: ParentRef = msgspec.field(default_factory=ParentRef)
    controller_name: str = ""
    conditions: Conditions = ()

    def __post_init__(self) -> None:
        share(self, "controller_name")


class RouteStatus(Part, frozen=True):
    parents: tuple[RouteParentStatus, ...] = ()


class Route(Object, frozen=True):
    """HTTPRoute, GRPCRoute, TLSRoute, TCPRoute and UDPRoute; ``kind`` says which."""

    spec: RouteSpec = msgspec.field(default_factory=RouteSpec)
    status: RouteStatus = msgspec.field(default_factory=RouteStatus)


class GrantFrom(Part, frozen=True):
    group: str = ""
    kind: str = ""
    namespace: str = ""


class GrantTo(Part, frozen=True):
    group: str = ""
    kind: str = ""
    name: str | None = None


class ReferenceGrantSpec(Part, frozen=True):
    from_: tuple[GrantFrom, ...] = msgspec.field(name="from", default=())
    to: tuple[GrantTo, ...] = ()


class ReferenceGrant(Object, frozen=True):
    spec: ReferenceGrantSpec = msgspec.field(default_factory=ReferenceGrantSpec)


class Mesh(Object, frozen=True):
    """XMesh: a mesh and what its controller says of it (GEP-3949)."""

    spec: GatewayClassSpec = msgspec.field(default_factory=GatewayClassSpec)
    status: ConditionsStatus = msgspec.field(default_factory=ConditionsStatus)


class Undecodable(Object, frozen=True):
    """An object whose fields have types that the API forbids: listed, never guessed at."""

    problem: str = ""
