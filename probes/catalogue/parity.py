"""PAR: what a client would notice between the old side and the new side."""

from __future__ import annotations

from .rule import Rule

_ROUTE = "https://gateway-api.sigs.k8s.io/reference/spec/#httproutematch"
_MIGRATE = "https://kubernetes.io/blog/2026/02/27/ingress-nginx-before-you-migrate"

_OUTCOMES: tuple[Rule, ...] = (
    Rule(
        "PAR001",
        "same-answers",
        "Old and new side answer alike",
        "Clients will not notice the switch on these paths.",
        "Nothing to mend.",
    ),
    Rule(
        "PAR002",
        "not-compared",
        "Requests could not be compared",
        "Nothing is known about them: both sides failed, or asking ended early.",
        "Where both sides fail, look at the backend first; then compare again.",
    ),
    Rule(
        "PAR003",
        "difference-undecided",
        "A difference was seen too few times",
        "It may be noise or a real change of behaviour.",
        "Compare again with more --rounds.",
    ),
    Rule(
        "PAR004",
        "difference-waived",
        "A difference was accepted by name",
        "Clients will notice it; somebody decided that they may.",
        "Nothing to mend; take the waiver out once the difference is gone.",
    ),
    Rule(
        "PAR005",
        "nothing-compared",
        "There was nothing to compare",
        "Nothing is known about this cutover.",
        "Name URLs, an Ingress, a plan or a source of requests.",
    ),
)

_STATUS: tuple[Rule, ...] = (
    Rule(
        "PAR010",
        "protection-lost",
        "The new side lets in whom the old side refuses",
        "Whatever authentication or allow-list kept out gets in as soon as traffic moves.",
        "Attach the controller's authentication or authorization policy to the route before the cutover; "
        "Ingress annotations for it do not carry over.",
        "https://gateway-api.sigs.k8s.io/guides/migrating-from-ingress/",
    ),
    Rule(
        "PAR011",
        "newly-refused",
        "The new side refuses whom the old side lets in",
        "Clients that worked until now get 401 or 403.",
        "Compare the policies on the route, the listener and the Gateway with the Ingress's annotations.",
    ),
    Rule(
        "PAR012",
        "path-lost",
        "A path that was answered is not found",
        "A gateway without a matching route answers 404, not 5xx, so error-rate alarms miss it.",
        "Add the path to an HTTPRoute that is attached to this listener, or mend its match or hostname.",
        _ROUTE,
    ),
    Rule(
        "PAR013",
        "path-wider",
        "The new side answers what the old side did not",
        "A wider match can expose what was never meant to be reached from outside.",
        "Narrow the route's match: Exact, or a longer prefix.",
        _ROUTE,
    ),
    Rule(
        "PAR014",
        "server-error",
        "The new side answers with a server error",
        "Clients on this path get an error.",
        "Look at the backend's endpoints, its protocol, and the route's ResolvedRefs condition.",
        "https://gateway-api.sigs.k8s.io/reference/spec/#httpbackendref",
    ),
    Rule(
        "PAR015",
        "timed-out",
        "The new side gives up on an answer that the old side waits for",
        "nginx waits 60 s between two reads; Envoy by default 15 s for the whole answer. Long requests, "
        "uploads and streams are cut.",
        "Set the route's timeouts.request and timeouts.backendRequest to what the slowest request needs.",
        "https://gateway-api.sigs.k8s.io/reference/spec/#httproutetimeouts",
    ),
    Rule(
        "PAR016",
        "no-answer",
        "The new side gives no answer",
        "Clients see a connection error.",
        "Check listener, certificate and protocol of this port; then compare again.",
    ),
    Rule(
        "PAR017",
        "status-changed",
        "The status is another one",
        "Clients that look at the status behave differently.",
        "Compare the rule, its filters and its backend with the Ingress's.",
    ),
    Rule(
        "PAR018",
        "case-sensitive",
        "Paths in another case are answered differently",
        "An expression on an nginx host makes all of its paths case-insensitive prefixes; routes are not.",
        "Add matches for the spellings that clients use, or a RegularExpression with (?i).",
        _MIGRATE,
    ),
    Rule(
        "PAR019",
        "trailing-slash",
        "The path with or without its last slash is answered differently",
        "nginx redirects /a to /a/ by itself where the rule has the slash; a gateway answers 404.",
        "Match without the last slash (PathPrefix covers both), or add a redirect rule.",
        _MIGRATE,
    ),
)

_REDIRECTS: tuple[Rule, ...] = (
    Rule(
        "PAR020",
        "redirect-lost",
        "A redirect is gone",
        "Clients stay where they were sent on: in the clear, on an old host or path.",
        "Add a rule with a RequestRedirect filter.",
        "https://gateway-api.sigs.k8s.io/reference/spec/#httprequestredirectfilter",
    ),
    Rule(
        "PAR021",
        "redirect-added",
        "The new side redirects where the old side answers",
        "Each request takes a round trip more, and clients that do not follow break.",
        "Look which rule redirects: often the one to https, attached to the wrong listener.",
        "https://gateway-api.sigs.k8s.io/reference/spec/#httprequestredirectfilter",
    ),
    Rule(
        "PAR022",
        "redirect-elsewhere",
        "A redirect leads elsewhere",
        "Clients end on another scheme, host, port or path than before.",
        "Set scheme, hostname, port and path of the RequestRedirect filter; without a port some data planes "
        "name their own.",
        "https://gateway-api.sigs.k8s.io/reference/spec/#httprequestredirectfilter",
    ),
    Rule(
        "PAR023",
        "method-not-kept",
        "A redirect no longer keeps the method",
        "307 and 308 keep a POST; with 301, 302 and 303 clients turn it into a GET, and the body is lost.",
        "Set statusCode 308 (or 307) where the controller supports it.",
        "RFC 9110, 15.4",
    ),
    Rule(
        "PAR024",
        "path-spelling",
        "Another spelling of the path is answered differently",
        "nginx resolves dot segments, merges slashes and decodes before it matches; each data plane has its "
        "own way, and path rules can be walked around where they differ.",
        "Set the data plane's path normalisation (merge slashes, escaped slashes) as nginx does it.",
        "RFC 3986, 6.2.2",
    ),
    Rule(
        "PAR025",
        "unknown-host",
        "A host that nobody serves is answered differently",
        "The default backend of the old side goes away, or a wildcard listener answers for foreign names.",
        "Decide what unknown hosts get: a catch-all route, or none.",
    ),
    Rule(
        "PAR026",
        "host-spelling",
        "Another spelling of the host is answered differently",
        "Clients and monitors that send a trailing dot get another answer.",
        "Let the data plane strip the trailing dot of the host, if clients send one.",
        "RFC 9110, 4.2.3",
    ),
    Rule(
        "PAR027",
        "header-names",
        "A header with an underscore changes the answer",
        "ingress-nginx leaves such headers out silently; some gateways refuse the request with 400.",
        "Let the data plane drop or allow them, as the applications expect.",
    ),
    Rule(
        "PAR028",
        "http-1-0",
        "HTTP/1.0 is answered differently",
        "Old health checks and clients speak it; Envoy answers 426 unless told to take it.",
        "Turn HTTP/1.0 on in the controller's client policy, if anything still speaks it.",
        "RFC 9112, 2.3",
    ),
    Rule(
        "PAR029",
        "without-sni",
        "Clients without SNI are answered differently",
        "Old clients and health checks by address send no server name; a gateway may close on them.",
        "Give a listener without hostname a certificate, if such clients exist.",
        "RFC 6066, 3",
    ),
)

_HEADERS: tuple[Rule, ...] = (
    Rule(
        "PAR030",
        "cookie-lost",
        "A cookie is no longer set",
        "Session affinity or the application's session ends: users are spread over backends or logged out.",
        "Set up session persistence (sessionPersistence, or the controller's policy) with the same cookie.",
        "https://gateway-api.sigs.k8s.io/geps/gep-1619/",
    ),
    Rule(
        "PAR031",
        "cookie-changed",
        "A cookie is set differently",
        "Path, Domain, Secure, HttpOnly and SameSite decide who gets it back.",
        "Set the cookie's attributes as before, or accept the change by name.",
        "RFC 6265, 4.1",
    ),
    Rule(
        "PAR032",
        "hsts-changed",
        "Strict-Transport-Security is gone or changed",
        "ingress-nginx sends it for a year by default; without it first visits can be downgraded.",
        "Set the header with a ResponseHeaderModifier on the https rules.",
        "RFC 6797",
    ),
    Rule(
        "PAR033",
        "cors-changed",
        "CORS headers are gone or changed",
        "Browsers refuse the answer to pages of other origins.",
        "Add a CORS filter to the rule with the same origins, methods and headers.",
        "https://gateway-api.sigs.k8s.io/reference/spec/#httpcorsfilter",
    ),
    Rule(
        "PAR034",
        "security-header-changed",
        "A header of the browser's protection is gone or changed",
        "Framing, script sources and sniffing are allowed or refused differently.",
        "Set the header with a ResponseHeaderModifier.",
    ),
    Rule(
        "PAR035",
        "caching-changed",
        "A caching header is gone or changed",
        "Browsers and CDNs keep answers for longer or shorter, or mix variants.",
        "Compare what sets it: the application, a snippet, or the CDN's rules.",
        "RFC 9111",
    ),
    Rule(
        "PAR036",
        "content-type-changed",
        "The content type is another one",
        "Clients read the same bytes as something else.",
        "Compare the backend that answers, and filters that set the header.",
    ),
    Rule(
        "PAR037",
        "encoding-changed",
        "The answer is packed differently",
        "Where gzip was on and is off, answers are several times as large.",
        "Turn compression on in the controller's policy.",
        "RFC 9110, 8.4",
    ),
    Rule(
        "PAR038",
        "challenge-changed",
        "The way to authenticate is announced differently",
        "Browsers and clients ask for other credentials, or for none.",
        "Set realm and scheme of the authentication policy as before.",
        "RFC 9110, 11.6.1",
    ),
    Rule(
        "PAR039",
        "methods-changed",
        "The methods that are announced changed",
        "Clients that ask first use others.",
        "Compare who answers OPTIONS: the application or the proxy.",
        "RFC 9110, 10.2.1",
    ),
    Rule(
        "PAR040",
        "header-changed",
        "A header is gone, new or changed",
        "What depends on it changes.",
        "Set or remove it with a ResponseHeaderModifier, or accept the change by name.",
        "https://gateway-api.sigs.k8s.io/reference/spec/#httpheaderfilter",
    ),
    Rule(
        "PAR041",
        "via-changed",
        "Via is gone, new or changed",
        "A proxy joined or left the way; caches and loop detection read it.",
        "Nothing, if that proxy is meant to be there.",
        "RFC 9110, 7.6.3",
    ),
)

_REST: tuple[Rule, ...] = (
    Rule(
        "PAR050",
        "body-changed",
        "The body says something else",
        "Another application or version answers, or it sees another request: a rewritten path, another Host, "
        "no X-Real-IP.",
        "Compare backend, rewrites and request headers of the rule with the Ingress's.",
    ),
    Rule(
        "PAR051",
        "error-page-changed",
        "The error page is another one",
        "custom-http-errors and the default backend do not carry over; people and clients see another page.",
        "Use the controller's response override policy, if the page matters.",
    ),
    Rule(
        "PAR060",
        "certificate-changed",
        "Another certificate is served",
        "Clients that pin it refuse; a shorter or foreign chain breaks old ones.",
        "Compare both with `pointsman probe tls`; expected where the new side has its own certificate.",
    ),
    Rule(
        "PAR061",
        "protocol-changed",
        "Another protocol is agreed on",
        "Without HTTP/2 gRPC fails and pages load slower. Overlapping certificates make some gateways fall "
        "back to HTTP/1.1.",
        "Let listeners of one port not overlap in their certificates' names, and offer h2 by ALPN.",
        "RFC 7301",
    ),
    Rule(
        "PAR062",
        "tls-version-changed",
        "Another TLS version is agreed on",
        "Old clients are shut out, or weak versions let in.",
        "Set the least and greatest version in the controller's TLS policy.",
    ),
    Rule(
        "PAR063",
        "coalesced-request",
        "A request over another host's connection is answered differently",
        "Browsers share one HTTP/2 connection between hosts that one certificate covers; a gateway that "
        "keeps hosts apart answers 404 or 421.",
        "Give each host its own certificate, or serve the hosts from one listener.",
        "RFC 9113, 9.1.1",
    ),
    Rule(
        "PAR070",
        "body-limit",
        "Another size of request body is accepted",
        "ingress-nginx answers 413 beyond 1 MiB by default. Uploads break, or a protection is gone.",
        "Set the controller's request size limit as before.",
        "RFC 9110, 15.5.14",
    ),
    Rule(
        "PAR071",
        "websocket-changed",
        "A WebSocket upgrade is answered differently",
        "Live connections do not come up.",
        "Allow upgrades on the route (appProtocol kubernetes.io/ws, or the controller's policy).",
        "RFC 6455",
    ),
    Rule(
        "PAR072",
        "grpc-changed",
        "gRPC is answered differently",
        "Calls fail, or fail with another code.",
        "Use a GRPCRoute, HTTP/2 at the listener, and appProtocol kubernetes.io/h2c at the Service.",
    ),
    Rule(
        "PAR073",
        "stream-held",
        "An event stream arrives differently",
        "Events that are held back until a buffer is full look like an application that hangs.",
        "Turn response buffering off for this route, and its timeouts up.",
    ),
    Rule(
        "PAR080",
        "slower",
        "The new side's first byte comes later",
        "Users wait longer than before.",
        "Look at the data plane's and the backend's load, and at how far away it is.",
    ),
)

PARITY_RULES: tuple[Rule, ...] = (*_OUTCOMES, *_STATUS, *_REDIRECTS, *_HEADERS, *_REST)
