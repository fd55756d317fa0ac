"""Where controllers are known to say something else than the specs give, as data, with who is right.

Read in the statuses that their own translators wrote (the golden files of their tests) and that some of them
wrote to a real API server; ``docs/agreement.md`` counts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Right = Literal["specs", "controller", "open"]


@dataclass(frozen=True, slots=True)
class Quirk:
    """One class of disagreement of one controller (its id in ``controllers``).

    ``claimed`` and ``computed`` are ``Status/Reason``; a reason left empty stands for any. ``right``: who is,
    by the API's text; ``open`` where the API allows both readings.
    """

    controller: str
    scope: str
    type: str
    claimed: str
    computed: str
    right: Right
    why: str


# no field of it is read anywhere in the Gateway provider of Traefik 3.7
_TRAEFIK_FRONTEND = (
    "Traefik reads no spec.tls.frontend: whatever it says, no client is asked for a certificate."
)
_TRAEFIK_PORT = (
    "Traefik sees a conflict only where port, protocol and hostname are the same. HTTP beside HTTPS it "
    "serves on one port, which the API leaves open; by the API TCP beside HTTP is a conflict of both."
)
_TRAEFIK_COUNTS = (
    "Traefik counts as valid what it never looks at or takes otherwise: spec.tls.frontend, listeners of "
    "several protocols on one port, the type of a Secret."
)

QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "istio",
        "Gateway",
        "Accepted",
        "True/Accepted",
        "False/ListenersNotValid",
        "specs",
        "Istio judges listeners apart and never says ListenersNotValid of the Gateway.",
    ),
    Quirk(
        "istio",
        "Gateway",
        "Programmed",
        "True/Programmed",
        "False/Invalid",
        "specs",
        "Istio's Programmed speaks of the address of the Gateway's Service, not of its listeners.",
    ),
    Quirk(
        "istio",
        "Listener",
        "Accepted",
        "True/Accepted",
        "False/NoValidCACertificate",
        "specs",
        "Istio tells a bad CA reference in ResolvedRefs alone.",
    ),
    Quirk(
        "istio",
        "Listener",
        "Programmed",
        "True/Programmed",
        "False/Invalid",
        "specs",
        "Istio leaves Programmed at True on a listener that it does not accept.",
    ),
    Quirk(
        "cilium",
        "Listener",
        "Accepted",
        "False/Invalid",
        "True/Accepted",
        "open",
        "Cilium does not accept a listener without a usable certificate or kind; the API asks only that some "
        "configuration can come of it, and has no reason for this case.",
    ),
    Quirk(
        "cilium",
        "Gateway",
        "Accepted",
        "False/ListenersNotValid",
        "True/Accepted",
        "controller",
        "No listener is accepted, for what only Cilium knows: the inside of a Secret, or host networking.",
    ),
    Quirk(
        "cilium",
        "Gateway",
        "Programmed",
        "False/ListenersNotValid",
        "True/Programmed",
        "controller",
        "As Accepted: no listener is accepted, for what only Cilium knows.",
    ),
    Quirk(
        "cilium",
        "Route",
        "Accepted",
        "False/NotAllowedByListeners",
        "True/Accepted",
        "specs",
        "The test's Namespaces lack the label kubernetes.io/metadata.name, which every API server sets.",
    ),
    Quirk(
        "envoy-gateway",
        "BackendTLSPolicy",
        "Accepted",
        "True/Accepted",
        "False/NoValidCACertificate",
        "specs",
        "Envoy Gateway takes the first key of a ConfigMap without ca.crt, and never looks for a certificate "
        "in it; the API asks for one in ca.crt.",
    ),
    Quirk(
        "envoy-gateway",
        "BackendTLSPolicy",
        "ResolvedRefs",
        "True/ResolvedRefs",
        "False/InvalidCACertificateRef",
        "specs",
        "Envoy Gateway takes the first key of a ConfigMap without ca.crt, and never looks for a certificate "
        "in it; the API asks for one in ca.crt.",
    ),
    Quirk(
        "envoy-gateway",
        "Listener",
        "Accepted",
        "True/",
        "False/ProtocolConflict",
        "specs",
        "Of two UDP listeners on one port Envoy Gateway keeps the first; by the API none of them wins.",
    ),
    Quirk(
        "envoy-gateway",
        "Listener",
        "Conflicted",
        "False/",
        "True/ProtocolConflict",
        "specs",
        "Of two UDP listeners on one port Envoy Gateway keeps the first; by the API none of them wins.",
    ),
    Quirk(
        "envoy-gateway",
        "Listener",
        "Programmed",
        "True/",
        "False/Invalid",
        "specs",
        "Of two UDP listeners on one port Envoy Gateway keeps the first; by the API none of them wins.",
    ),
    Quirk(
        "envoy-gateway",
        "Listener",
        "Programmed",
        "False/Invalid",
        "True/Programmed",
        "open",
        "Envoy Gateway programs no listener that has any fault, be it one kind of several that it allows or "
        "one certificate of two; by the API the sound part may serve.",
    ),
    Quirk(
        "envoy-gateway",
        "Listener",
        "ResolvedRefs",
        "False/PartiallyInvalidCertificateRef",
        "True/ResolvedRefs",
        "controller",
        "One Secret of several holds no usable certificate; of Secrets only the metadata are read here.",
    ),
    *(
        Quirk(
            "envoy-gateway",
            scope,
            "Accepted",
            "True/Accepted",
            "False/ListenersNotValid",
            "open",
            "Envoy Gateway counts every listener that it accepts as valid, even one without a certificate.",
        )
        for scope in ("Gateway", "ListenerSet")
    ),
    Quirk(
        "envoy-gateway",
        "BackendTLSPolicy",
        "Accepted",
        "False/NoValidCACertificate",
        "True/Accepted",
        "specs",
        "Of several authorities Envoy Gateway takes none where one is missing; by the API the others hold.",
    ),
    Quirk(
        "envoy-gateway",
        "Route",
        "ResolvedRefs",
        "True/ResolvedRefs",
        "False/InvalidKind",
        "specs",
        "Envoy Gateway takes kind Backend without a group for its own; by the API that is the core group.",
    ),
    Quirk(
        "traefik",
        "Listener",
        "Programmed",
        "False/Invalid",
        "True/Programmed",
        "open",
        "Traefik programs no listener of which one certificate is at fault, be it one of two or the inside "
        "of a Secret (only metadata are read here); by the API the sound part may serve.",
    ),
    Quirk(
        "traefik",
        "Listener",
        "ResolvedRefs",
        "True/ResolvedRefs",
        "False/InvalidCertificateRef",
        "open",
        "Traefik takes any Secret that holds tls.crt and tls.key; by the API only those of type "
        "kubernetes.io/tls serve everywhere.",
    ),
    *(
        Quirk("traefik", scope, condition, claimed, computed, "specs", _TRAEFIK_COUNTS)
        for scope, condition, claimed, computed in (
            ("Listener", "Programmed", "True/Programmed", "False/Invalid"),
            ("Gateway", "Accepted", "True/Accepted", "False/ListenersNotValid"),
            ("Gateway", "Programmed", "True/Programmed", "False/Invalid"),
        )
    ),
    *(
        Quirk("traefik", "Listener", condition, claimed, computed, "open", _TRAEFIK_PORT)
        for condition, claimed, computed in (
            ("Accepted", "True/Accepted", "False/ProtocolConflict"),
            ("Conflicted", "False/", "True/ProtocolConflict"),
        )
    ),
    *(
        Quirk("traefik", "Listener", condition, claimed, f"False/{reason}", "specs", _TRAEFIK_FRONTEND)
        for condition, claimed, reason in (
            ("Accepted", "True/Accepted", "NoValidCACertificate"),
            ("ResolvedRefs", "True/ResolvedRefs", "InvalidCACertificateRef"),
            ("ResolvedRefs", "True/ResolvedRefs", "InvalidCACertificateKind"),
            ("ResolvedRefs", "True/ResolvedRefs", "RefNotPermitted"),
        )
    ),
    Quirk(
        "traefik",
        "Route",
        "Accepted",
        "False/NoMatchingParent",
        "True/Accepted",
        "specs",
        "Traefik accepts no route through a listener that has any fault; by the API a route is judged by "
        "what listeners allow, and the fault is the listener's to tell.",
    ),
    Quirk(
        "traefik",
        "Route",
        "ResolvedRefs",
        "False/BackendNotFound",
        "True/ResolvedRefs",
        "open",
        "Traefik takes no Service of type ExternalName, and none that has no EndpointSlice at all.",
    ),
    Quirk(
        "traefik",
        "Route",
        "ResolvedRefs",
        "True/ResolvedRefs",
        "False/BackendNotFound",
        "specs",
        "Traefik knows no RequestMirror, never looks for its backend, and answers 500 for the whole rule.",
    ),
    Quirk(
        "traefik",
        "Route",
        "ResolvedRefs",
        "False/RefNotPermitted",
        "True/ResolvedRefs",
        "specs",
        "Traefik tells of a BackendTLSPolicy that it cannot apply as a reference of the route not permitted.",
    ),
    *(
        Quirk(
            "traefik",
            "BackendTLSPolicy",
            condition,
            f"True/{condition}",
            f"False/{reason}",
            "specs",
            "Traefik takes whatever stands in ca.crt, certificate or not.",
        )
        for condition, reason in (
            ("Accepted", "NoValidCACertificate"),
            ("ResolvedRefs", "InvalidCACertificateRef"),
        )
    ),
    Quirk(
        "traefik",
        "BackendTLSPolicy",
        "Accepted",
        "False/NoValidCACertificate",
        "True/Accepted",
        "specs",
        "Of several authorities Traefik takes none where one is missing; by the API the others hold.",
    ),
    Quirk(
        "traefik",
        "BackendTLSPolicy",
        "ResolvedRefs",
        "False/ResolvedRefs",
        "True/ResolvedRefs",
        "specs",
        "Traefik says of a policy that lost to an older one that its references are not resolved, too.",
    ),
)


def quirk_of(controller: str, scope: str, condition: str, claimed: str, computed: str) -> Quirk | None:
    """The known quirk that explains a disagreement; both sides as ``Status/Reason``."""
    return next(
        (
            one
            for one in QUIRKS
            if (one.controller, one.scope, one.type) == (controller, scope, condition)
            and _fits(one.claimed, claimed)
            and _fits(one.computed, computed)
        ),
        None,
    )


def _fits(pattern: str, value: str) -> bool:
    return value == pattern or (pattern.endswith("/") and value.startswith(pattern))
