"""GW: what objects say of each other: grants, ports, shared hosts and addresses, targets of policies."""

from __future__ import annotations

from .rule import Rule

_API = "https://gateway-api.sigs.k8s.io/reference/spec/"
_GEP_709 = "https://gateway-api.sigs.k8s.io/geps/gep-709/"
_GEP_713 = "https://gateway-api.sigs.k8s.io/geps/gep-713/"
_GEP_1911 = "https://gateway-api.sigs.k8s.io/geps/gep-1911/"

REFERENCE_RULES: tuple[Rule, ...] = (
    Rule(
        "GW141",
        "grant-from-nowhere",
        "A ReferenceGrant allows references from a namespace that does not exist",
        "It allows nothing: often the namespace was renamed, and what used the grant is refused now.",
        "Correct the namespace, or remove the entry: whoever creates that namespace would be let in.",
        _GEP_709,
    ),
    Rule(
        "GW142",
        "grant-to-nothing",
        "A ReferenceGrant names a Service that does not exist",
        "It allows nothing: often the Service was renamed, and what used the grant is refused now.",
        "Correct the name, or remove the entry.",
        _GEP_709,
    ),
    Rule(
        "GW143",
        "port-without-endpoint",
        "The Service has the port, and none of its ready endpoints has",
        "The share of requests that goes to it is answered with 503.",
        "Give the pods' container port the name that the Service's targetPort says, or use the number.",
        "https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports",
    ),
    Rule(
        "GW144",
        "grpc-to-http1",
        "A GRPCRoute leads to a port that says that it speaks HTTP/1.1",
        "gRPC calls to it fail where the controller believes the appProtocol.",
        "Set appProtocol kubernetes.io/h2c on the Service's port, if the backend speaks HTTP/2.",
        _GEP_1911,
    ),
    Rule(
        "GW145",
        "backend-tls-without-policy",
        "The backend's port speaks TLS, and no BackendTLSPolicy says whom to trust",
        "Most controllers then send plain HTTP to it, which is answered with 400 or 502.",
        "Add a BackendTLSPolicy for the Service; it replaces ingress-nginx's backend-protocol HTTPS.",
        "https://gateway-api.sigs.k8s.io/geps/gep-1897/",
    ),
    Rule(
        "GW231",
        "host-on-several-gateways",
        "Several Gateways listen for the same port and host",
        "At one address only one of them answers; at several, DNS decides which one, rightly or not.",
        "Leave the host to one Gateway; during a cutover know which of them DNS points to.",
        f"{_API} Gateway.spec.listeners",
    ),
    Rule(
        "GW232",
        "address-asked-for-twice",
        "Several Gateways ask for the same address",
        "Most load balancers give it to one of them; the others get another address, or none.",
        "Give each its own, or use one Gateway with ListenerSets.",
        f"{_API} GatewaySpec.addresses",
    ),
    Rule(
        "GW235",
        "listeners-beyond-limit",
        "The Gateway and its ListenerSets have more listeners than one Gateway may name",
        "The API server refuses a Gateway that names more itself. Where ListenerSets bring them, controllers "
        "and load balancers have limits of their own, and listeners beyond them are not served.",
        "Spread them over several Gateways, or use wildcard hostnames; see each listener's status.",
        f"{_API} Gateway.spec.listeners",
    ),
    Rule(
        "GW236",
        "external-traffic-policy-local",
        "The Service in front of the Gateway sends connections only to proxies on the node that took them",
        "The client's address stays visible; but nodes without a ready proxy drop what reaches them, "
        "so with fewer than two proxies a restart is an outage.",
        "Run a proxy on each node that the load balancer may use, and two at the least, before a cutover.",
        "https://kubernetes.io/docs/tasks/access-application-cluster/create-external-load-balancer/",
    ),
    Rule(
        "GW430",
        "policy-selects-nothing",
        "The policy's targetSelectors match nothing",
        "It is in force nowhere: what it would protect or limit is not.",
        "Correct the labels, or name the target in targetRefs.",
        _GEP_713,
    ),
    Rule(
        "GW431",
        "policy-target-unsupported",
        "The policy names a kind of target that it is not for",
        "It is in force nowhere: what it would protect or limit is not.",
        "Target one of the kinds that the summary names.",
        _GEP_713,
    ),
    Rule(
        "GW434",
        "policy-writes-dns",
        "A policy publishes the Gateway's hosts in DNS by itself",
        "A host may be cut over as soon as its route attaches, before any check and without a low TTL.",
        "Take the DNSPolicy off before routes attach, or let it alone own the record during the cutover.",
        "https://docs.kuadrant.io/latest/kuadrant-operator/doc/overviews/dns/",
    ),
    Rule(
        "GW435",
        "policy-section-missing",
        "The policy names a section that its target does not have",
        "It is in force nowhere: what it would protect or limit is not.",
        "Correct sectionName: a listener's, a rule's or a port's name.",
        _GEP_713,
    ),
    Rule(
        "GW436",
        "policy-without-waypoint",
        "A policy for a Service needs a waypoint, and the Service has none",
        "It is in force nowhere: requests reach the Service unchecked.",
        "Label the Service or its namespace with istio.io/use-waypoint, or target the Gateway.",
        "https://istio.io/latest/docs/ambient/usage/waypoint/",
    ),
)
