"""GW: what hangs on the controller: whether it runs, what it does not serve, how it reads the API."""

from __future__ import annotations

from .rule import Rule

_VERSIONING = "https://gateway-api.sigs.k8s.io/concepts/versioning/"

CONTROLLER_RULES: tuple[Rule, ...] = (
    Rule(
        "GW146",
        "route-kind-not-served",
        "The parent's controller does not serve this kind of route",
        "Nobody serves the route there, and its status stays empty.",
        "Use a kind that the controller serves, switch the feature on, or attach it to another Gateway.",
        "the controller's docs",
    ),
    Rule(
        "GW147",
        "field-ignored-by-controller",
        "The route sets a field that the parent's controller ignores",
        "It is accepted, and requests are handled as if the field were not there.",
        "Use the controller's own policy for it (NGINX Gateway Fabric: ProxySettingsPolicy), or do without.",
        "the controller's docs",
    ),
    Rule(
        "GW148",
        "network-policy-shuts-gateway-out",
        "A NetworkPolicy admits only whom it names, and no selector means the Gateway's requests",
        "They are dropped: clients wait, and get 503 or 504. The old Ingress controller's pods get through.",
        "Add a CiliumNetworkPolicy that admits fromEntities ingress, before the cutover.",
        "https://docs.cilium.io/en/stable/network/servicemesh/gateway-api/gateway-api/",
    ),
    Rule(
        "GW230",
        "controller-down",
        "The controller behind the class does not run",
        "Changes are no longer carried out: what serves now goes on with its last configuration, at best.",
        "Bring its pods up; see their events and logs. Do not begin a cutover before.",
    ),
    Rule(
        "GW233",
        "layers-mixed-on-gateway",
        "Routes of layer 4 and of layer 7 name one Gateway, which its controller cannot serve together",
        "A part of the routes is never served.",
        "Give each of the two a Gateway of its own class.",
        "the controller's docs",
    ),
    Rule(
        "GW237",
        "listenerset-not-served",
        "The Gateway's controller knows no ListenerSets",
        "None of its listeners serves, and no status will say so.",
        "Put the listeners into the Gateway, or use a controller that serves ListenerSets.",
        "the controller's docs",
    ),
    Rule(
        "GW320",
        "listener-port-not-an-entry-point",
        "The listener's port is none that the proxy opens",
        "The listener is not served. The port in the Service in front of the proxy is another number.",
        "Use the port of an entryPoint (the chart's web and websecure are 8000 and 8443), or add one.",
        "https://doc.traefik.io/traefik/reference/install-configuration/providers/kubernetes/kubernetes-gateway/",
    ),
    Rule(
        "GW321",
        "overlap-drops-http2",
        "TLS listeners overlap, and the controller takes HTTP/2 away for it",
        "Clients get HTTP/1.1 on that port: gRPC fails, and pages load more slowly.",
        "Use one listener with all certificates, or hostnames and certificates that do not overlap.",
        "https://gateway.envoyproxy.io/docs/tasks/security/secure-gateways/",
    ),
    Rule(
        "GW322",
        "passthrough-hides-client",
        "TLS passes through, and the backend does not see the client's address",
        "Allow-lists, rate limits and logs behind it see the proxy.",
        "Terminate TLS at the Gateway where the client's address matters, or have the backend do without it.",
        "https://docs.cilium.io/en/stable/network/servicemesh/gateway-api/gateway-api/",
    ),
    Rule(
        "GW505",
        "crd-not-as-controller-needs",
        "A CRD that the controller needs is missing, too old, or serves another version",
        "The controller ignores the kind, or starts no Gateway API part at all; only its log says so.",
        "Install the CRDs of the release that the controller was built for, then restart the controller.",
        _VERSIONING,
    ),
    Rule(
        "GW506",
        "kind-newer-than-controller",
        "The cluster serves a kind at v1 alone, and the controller was built before it was v1",
        "Objects of that kind are not served, and their status stays empty.",
        "Upgrade the controller, or install the experimental channel, which serves the older versions too.",
        _VERSIONING,
    ),
    Rule(
        "GW507",
        "field-not-in-crd",
        "A field is set that the installed CRD does not have",
        "The API server drops it without a word, and requests are handled as if it were not there.",
        "Install CRDs of the release and channel that have the field, or leave it out.",
        _VERSIONING,
    ),
    Rule(
        "GW508",
        "field-newer-than-controller",
        "A field is set that came after the controller was built",
        "The controller ignores it without a word.",
        "Upgrade the controller, or leave the field out.",
        _VERSIONING,
    ),
    Rule(
        "GW509",
        "channel-not-as-controller-expects",
        "The controller was told to read the experimental channel, and the CRDs are not of it",
        "It waits for kinds or versions that the cluster does not serve; some then serve no route at all.",
        "Install the CRDs of the experimental channel, or take the argument away.",
        _VERSIONING,
    ),
)
