"""MIG: what stands between an Ingress and its successor.

MIG001 to 009 hosts and paths, 010 to 019 annotations, 020 to 029 certificates and networks, 030 to 039 DNS.
"""

from __future__ import annotations

from .rule import Rule

_TRAPS = "https://kubernetes.io/blog/2026/02/27/ingress-nginx-before-you-migrate"

_PATH_RULES: tuple[Rule, ...] = (
    Rule(
        "MIG001",
        "ingress-has-a-twin",
        "A host of an Ingress is also answered by a route",
        "Both sides can serve it; DNS decides which one does.",
        "Compare the two before the cutover, and keep the Ingress until the soak is over.",
    ),
    Rule(
        "MIG002",
        "ingress-backend-missing",
        "A backend of the Ingress does not exist",
        "The old side answers 503 for that path, so it is no measure for the new side.",
        "Create the Service, or correct the Ingress.",
    ),
    Rule(
        "MIG003",
        "path-without-a-twin",
        "No route answers a path of the Ingress",
        "Requests of that path get 404 as soon as DNS leads to the Gateway.",
        "Add a rule for the path to the route of the host, or see why the route does not attach.",
        "HTTPRouteMatch; Ingress pathType",
    ),
    Rule(
        "MIG004",
        "path-to-another-backend",
        "A path leads to another backend than before",
        "After the cutover these requests are answered by something else.",
        "Compare the backends and their weights with those of the Ingress; waive it by name if it is meant.",
        "HTTPRouteRule.backendRefs",
    ),
    Rule(
        "MIG005",
        "path-narrower",
        "A route answers less than the path of the Ingress did",
        "Some requests that were answered get 404 after the cutover.",
        "Widen the match, or make sure that nobody asks for these: nginx expressions ignore case and match "
        "prefixes, and pathType ImplementationSpecific matches in the middle of a path element.",
        _TRAPS,
    ),
    Rule(
        "MIG006",
        "path-wider",
        "A route answers more than the path of the Ingress did",
        "Requests that got 404 reach the backend after the cutover, which may never have been meant to "
        "see them.",
        "Narrow the match: Exact where the Ingress says Exact.",
        "HTTPRoutePathMatch",
    ),
    Rule(
        "MIG007",
        "paths-only-on-the-new-side",
        "The routes of a host answer paths that no Ingress has",
        "They are reachable as soon as DNS leads to the Gateway, and no comparison with the old side tells "
        "whether they are right.",
        "Check that they are meant to be public.",
        "HTTPRouteMatch",
    ),
    Rule(
        "MIG008",
        "path-not-comparable",
        "A path cannot be compared",
        "It may be answered differently, or not at all.",
        "Compare it by hand, or by requests to both addresses.",
    ),
    Rule(
        "MIG009",
        "ingress-without-a-twin",
        "No route is meant for any host of the Ingress",
        "Its migration has not begun.",
        "Nothing, until it is its turn.",
    ),
)

_ANNOTATION_RULES: tuple[Rule, ...] = (
    Rule(
        "MIG010",
        "host-without-a-twin",
        "A host of the Ingress has no route, though another of its hosts has",
        "Moving it would answer 404.",
        "Add the host to the hostnames of the route, and to a listener; or cut over the others only.",
        "HTTPRoute.spec.hostnames",
    ),
    Rule(
        "MIG011",
        "annotation-not-carried-over",
        "The route could carry what an annotation asks for, and does not",
        "What the annotation does ends with the cutover.",
        "Set the field that is named, in every rule that answers the paths of the Ingress.",
        "ingress-nginx annotations; HTTPRouteFilter, BackendTLSPolicy, HTTPRouteTimeouts",
    ),
    Rule(
        "MIG012",
        "annotation-policy-missing",
        "What an annotation asks for is a policy of this controller, and there is none",
        "What the annotation does ends with the cutover.",
        "Attach the policy that is named to the route, its Gateway or its Service.",
        "GEP-713; the controller's policy reference",
    ),
    Rule(
        "MIG013",
        "annotation-without-successor",
        "Nothing of this controller does what an annotation asks for",
        "It ends with the cutover: what it kept out is let in, what it changed is no longer changed.",
        "Move it into the application or in front of the Gateway; or waive it by name, knowing what goes.",
        "ingress-nginx annotations",
    ),
    Rule(
        "MIG014",
        "annotation-unknown",
        "An annotation of ingress-nginx that is not known here",
        "Whether anything depends on it cannot be told: a misspelt one does nothing.",
        "Look it up in the documentation of the release that runs, and compare by hand.",
    ),
    Rule(
        "MIG015",
        "annotation-by-hand",
        "An annotation cannot be judged here",
        "It belongs to another controller, or leads to an object that is not read: whether the new side "
        "does the same cannot be told.",
        "Look at it by hand, and waive it by name.",
    ),
    Rule(
        "MIG016",
        "nginx-defaults-end",
        "What ingress-nginx does without being asked ends with the cutover",
        "Limits, retries and headers that nobody wrote down may be relied upon.",
        "Decide of each whether it is wanted, and set it on the new side.",
        "ingress-nginx docs, nginx-configuration/configmap",
    ),
)

_SURROUNDING_RULES: tuple[Rule, ...] = (
    Rule(
        "MIG020",
        "no-tls-listener",
        "The Ingress has a certificate for a host, and no listener takes TLS for it",
        "https of this host is refused, or answered with another certificate, after the cutover.",
        "Add an HTTPS listener with that hostname and a certificate to the Gateway.",
        "Listener.tls",
    ),
    Rule(
        "MIG021",
        "http01-solver-on-the-old-class",
        "The certificate is renewed by HTTP-01 through the old Ingress class",
        "After the cutover the challenge reaches the Gateway, which has no answer to it: the certificate "
        "runs out in silence, weeks later.",
        "Give the issuer a gatewayHTTPRoute solver or DNS-01, and renew once before the cutover.",
        "cert-manager ACMEChallengeSolverHTTP01",
    ),
    Rule(
        "MIG022",
        "network-policy-shuts-out-the-new-side",
        "NetworkPolicies do not admit the proxies of the Gateway to a backend",
        "Every request of these backends ends in a timeout or 503 on the new side.",
        "Admit the pods of the new proxies beside those of ingress-nginx.",
        "NetworkPolicySpec.ingress",
    ),
    Rule(
        "MIG023",
        "source-address-differs",
        "externalTrafficPolicy is Local on the old load balancer, and not on the new one",
        "Backends, logs and allow-lists see a node's address and no longer the client's.",
        "Set Local on the new side too, with a proxy on each node that the load balancer may use.",
        "ServiceSpec.externalTrafficPolicy",
    ),
    Rule(
        "MIG025",
        "plain-http-unanswered",
        "The Ingress serves plain HTTP, and the new side answers over TLS only",
        "Clients that ask http:// are refused after the cutover.",
        "Attach the route to an HTTP listener too, or a route there that redirects to https.",
        "HTTPRoute.spec.parentRefs",
    ),
    Rule(
        "MIG030",
        "external-dns-moves-names",
        "external-dns writes the records of hosts that both sides serve",
        "Names may move when a route is attached, or stay when they should move: not when you decide.",
        "Take the names out of its hands for the cutover (a filter on annotations), or let it do the switch "
        "and plan for that.",
        "external-dns docs: sources, registry ownership",
    ),
    Rule(
        "MIG031",
        "external-dns-deletes",
        "external-dns deletes records that no source wants (--policy=sync)",
        "Deleting the Ingress, or a route that is no longer accepted, takes the name out of DNS.",
        "Use --policy=upsert-only until the soak is over.",
        "external-dns docs: flags, policy",
    ),
    Rule(
        "MIG032",
        "external-dns-setting-lost",
        "A setting for external-dns stands on the Ingress only",
        "When the route makes the record it will have another target, TTL or owner.",
        "Repeat it: target on the Gateway, all others on the route.",
        "external-dns docs: annotations, gateway-api source",
    ),
)

MIGRATION_RULES: tuple[Rule, ...] = (*_PATH_RULES, *_ANNOTATION_RULES, *_SURROUNDING_RULES)
