"""The annotations of ingress-nginx, a row a family.

Sources: ingress-nginx docs/user-guide/nginx-configuration (annotations, annotations-risk, configmap);
ingress2gateway's ingressnginx provider; the policy CRDs and migration guides of the controllers.
"""

from __future__ import annotations

from .annotations import Family, Successor


def _eg(kind: str, *fields: str) -> Successor:
    return Successor("envoy-gateway", kind, fields)


def _kg(kind: str, *fields: str) -> Successor:
    return Successor("kgateway", kind, fields)


def _ngf(kind: str, *fields: str) -> Successor:
    return Successor("nginx-gateway-fabric", kind, fields)


def _keys(words: str) -> tuple[str, ...]:
    return tuple(words.split())


def _by_extension(*pairs: tuple[str, str]) -> tuple[Successor, ...]:
    return tuple(Successor(controller, kind, extension=True) for controller, kind in pairs)


_TRAEFIK = ("traefik", "Middleware")
_KONG = (("kong-kic", "KongPlugin"), ("kong-operator", "KongPlugin"))
_NGF_AUTHENTICATION = ("nginx-gateway-fabric", "AuthenticationFilter")
_SNIPPETS = (*_by_extension(("nginx-gateway-fabric", "SnippetsFilter")), _ngf("SnippetsPolicy"))
_HASHING = (
    _eg("BackendTrafficPolicy", "loadBalancer"),
    _kg("BackendConfigPolicy", "loadBalancer"),
    _ngf("UpstreamSettingsPolicy"),
)
_BODY_SIZE = (
    _eg("BackendTrafficPolicy", "requestBuffer"),
    _eg("ClientTrafficPolicy", "connection.bufferLimit"),
    _kg("TrafficPolicy", "buffer"),
    _ngf("ClientSettingsPolicy", "body.maxSize"),
    *_by_extension(_TRAEFIK, *_KONG),
)
_READ_TIMEOUT = (
    _eg("BackendTrafficPolicy", "timeout"),
    _kg("TrafficPolicy", "timeouts"),
    _ngf("ProxySettingsPolicy"),
)
_RETRY = (_eg("BackendTrafficPolicy", "retry"), _kg("TrafficPolicy", "retry"))
_EXTERNAL_AUTH = (
    _eg("SecurityPolicy", "extAuth", "oidc", "jwt"),
    _kg("TrafficPolicy", "extAuth"),
    Successor("istio", "AuthorizationPolicy"),
    *_by_extension(_TRAEFIK, *_KONG),
)
_CLIENT_CERTIFICATE = (_eg("ClientTrafficPolicy", "tls.clientValidation"),)
_TELEMETRY = (_ngf("ObservabilityPolicy"), Successor("istio", "Telemetry"))

FAMILIES: tuple[Family, ...] = (
    Family(
        1,
        _keys("ssl-redirect"),
        "native",
        "RequestRedirect to https on the HTTP listener",
        "https-redirect",
    ),
    Family(
        2,
        _keys("force-ssl-redirect"),
        "native",
        "RequestRedirect to https on the HTTP listener",
        "https-redirect",
    ),
    Family(3, _keys("rewrite-target"), "native", "URLRewrite", "rewrite"),
    Family(4, _keys("proxy-body-size"), "policy", "a limit on request bodies", "", _BODY_SIZE),
    Family(
        5, _keys("proxy-read-timeout"), "lossy", "timeouts, in total and not idle", "timeout", _READ_TIMEOUT
    ),
    Family(
        6, _keys("proxy-send-timeout"), "lossy", "timeouts, in total and not idle", "timeout", _READ_TIMEOUT
    ),
    Family(
        7,
        _keys("proxy-connect-timeout"),
        "policy",
        "a limit on connecting",
        "",
        (
            _eg("BackendTrafficPolicy", "timeout.tcp.connectTimeout"),
            _kg("BackendConfigPolicy", "connectTimeout"),
        ),
    ),
    # 8 and 9: which of the two is asked for stands in the value
    Family(
        8,
        _keys("backend-protocol"),
        "native",
        "BackendTLSPolicy for HTTPS, GRPCRoute or appProtocol for GRPC",
        "backend-protocol",
    ),
    Family(
        10, _keys("use-regex"), "lossy", "path match RegularExpression, if the controller has it", "regex"
    ),
    Family(
        11,
        _keys(
            "enable-cors cors-allow-origin cors-allow-methods cors-allow-headers cors-expose-headers "
            "cors-allow-credentials cors-max-age"
        ),
        "native",
        "CORS filter",
        "cors",
        (_eg("SecurityPolicy", "cors"), _kg("TrafficPolicy", "cors")),
    ),
    Family(
        12,
        _keys("whitelist-source-range allowlist-source-range denylist-source-range"),
        "policy",
        "a rule on source addresses",
        "",
        (
            _eg("SecurityPolicy", "authorization"),
            _kg("TrafficPolicy", "rbac", "acl"),
            Successor("istio", "AuthorizationPolicy"),
            *_by_extension(_TRAEFIK, *_KONG),
        ),
        security=True,
    ),
    Family(
        13,
        _keys("auth-type auth-secret auth-secret-type auth-realm"),
        "policy",
        "basic authentication",
        "",
        (
            _eg("SecurityPolicy", "basicAuth"),
            _kg("TrafficPolicy", "basicAuth"),
            *_by_extension(_NGF_AUTHENTICATION, _TRAEFIK, *_KONG),
        ),
        security=True,
    ),
    Family(
        14,
        _keys(
            "auth-url auth-signin auth-signin-redirect-param auth-response-headers auth-method "
            "auth-snippet auth-cache-key auth-cache-duration auth-keepalive auth-keepalive-share-vars "
            "auth-keepalive-requests auth-keepalive-timeout auth-proxy-set-headers "
            "auth-always-set-cookie auth-request-redirect enable-global-auth"
        ),
        "experimental",
        "ExternalAuth filter; the redirect to a sign-in page has no form",
        "external-auth",
        _EXTERNAL_AUTH,
        security=True,
    ),
    Family(
        15, _keys("configuration-snippet server-snippet"), "none", "nothing; rewrite by hand", "", _SNIPPETS
    ),
    Family(
        16,
        _keys(
            "affinity affinity-mode affinity-canary-behavior session-cookie-name session-cookie-path "
            "session-cookie-domain session-cookie-expires session-cookie-max-age "
            "session-cookie-samesite session-cookie-conditional-samesite-none "
            "session-cookie-change-on-failure session-cookie-secure session-cookie-partitioned"
        ),
        "experimental",
        "sessionPersistence",
        "session",
        _HASHING,
    ),
    Family(17, _keys("canary canary-weight canary-weight-total"), "native", "backendRefs weight", "canary"),
    Family(
        18,
        _keys("canary-by-header canary-by-header-value"),
        "native",
        "a rule with a header match",
        "canary-header",
    ),
    Family(
        19,
        _keys("canary-by-header-pattern canary-by-cookie"),
        "lossy",
        "a rule with a header match by regular expression",
        "canary-header",
    ),
    Family(
        20,
        _keys(
            "limit-rps limit-rpm limit-connections limit-burst-multiplier limit-allowlist "
            "limit-whitelist limit-rate limit-rate-after global-rate-limit global-rate-limit-window "
            "global-rate-limit-key global-rate-limit-ignored-cidrs"
        ),
        "policy",
        "a rate limit",
        "",
        (
            _eg("BackendTrafficPolicy", "rateLimit"),
            _kg("TrafficPolicy", "rateLimit"),
            _ngf("RateLimitPolicy"),
            Successor("airlock", "RateLimit"),
            *_by_extension(_TRAEFIK, *_KONG),
        ),
    ),
    Family(
        21,
        _keys(
            "permanent-redirect permanent-redirect-code temporal-redirect temporal-redirect-code "
            "relative-redirects use-port-in-redirects"
        ),
        "native",
        "RequestRedirect",
        "redirect",
    ),
    Family(22, _keys("app-root"), "native", "Exact / with RequestRedirect 302", "app-root"),
    Family(23, _keys("ssl-passthrough"), "native", "TLSRoute on a Passthrough listener", "passthrough"),
    Family(
        24,
        _keys(
            "auth-tls-secret auth-tls-verify-client auth-tls-verify-depth "
            "auth-tls-pass-certificate-to-upstream auth-tls-error-page auth-tls-match-cn"
        ),
        "lossy",
        "Gateway.spec.tls.frontend, per port and not per host",
        "client-certificate",
        _CLIENT_CERTIFICATE,
        security=True,
    ),
    Family(
        25,
        _keys(
            "proxy-ssl-secret proxy-ssl-verify proxy-ssl-name proxy-ssl-server-name "
            "proxy-ssl-verify-depth proxy-ssl-ciphers proxy-ssl-protocols"
        ),
        "native",
        "BackendTLSPolicy",
        "backend-tls",
    ),
    Family(
        26,
        _keys(
            "proxy-buffer-size proxy-buffers-number proxy-busy-buffers-size proxy-buffering "
            "proxy-max-temp-file-size"
        ),
        "policy",
        "buffers of the proxy",
        "",
        (_ngf("ProxySettingsPolicy"),),
    ),
    Family(27, _keys("client-body-buffer-size"), "policy", "buffers of the proxy", "", _BODY_SIZE),
    Family(
        28,
        _keys("proxy-next-upstream proxy-next-upstream-tries proxy-next-upstream-timeout"),
        "experimental",
        "retry",
        "retry",
        _RETRY,
    ),
    Family(
        29,
        _keys("upstream-vhost"),
        "native",
        "URLRewrite hostname, or RequestHeaderModifier Host",
        "upstream-host",
    ),
    Family(
        30,
        _keys("custom-headers proxy-set-headers"),
        "native",
        "RequestHeaderModifier or ResponseHeaderModifier",
        "headers",
    ),
    Family(
        31, _keys("x-forwarded-prefix"), "native", "RequestHeaderModifier X-Forwarded-Prefix", "prefix-header"
    ),
    Family(32, _keys("server-alias"), "native", "hostnames", "alias"),
    Family(
        33, _keys("from-to-www-redirect"), "native", "a route of the other name with RequestRedirect", "www"
    ),
    Family(34, _keys("proxy-request-buffering"), "policy", "Envoy streams by default", "", _BODY_SIZE),
    Family(
        35,
        _keys("upstream-hash-by upstream-hash-by-subset upstream-hash-by-subset-size load-balance"),
        "policy",
        "consistent hashing",
        "",
        _HASHING,
    ),
    Family(
        36,
        _keys("custom-http-errors default-backend disable-proxy-intercept-errors"),
        "policy",
        "error pages of the proxy",
        "",
        (_eg("BackendTrafficPolicy", "responseOverride"), *_by_extension(_TRAEFIK)),
    ),
    Family(
        37,
        _keys("enable-modsecurity enable-owasp-core-rules modsecurity-snippet modsecurity-transaction-id"),
        "policy",
        "a web application firewall",
        "",
        (
            _ngf("WAFPolicy"),
            Successor("airlock", "ContentSecurity"),
            _eg("EnvoyExtensionPolicy", "wasm", "extProc"),
            Successor("istio", "WasmPlugin"),
        ),
        security=True,
    ),
    Family(38, _keys("mirror-target mirror-request-body mirror-host"), "native", "RequestMirror", "mirror"),
    Family(39, _keys("service-upstream"), "policy", "routing to the Service's own address"),
    Family(
        40,
        _keys("enable-access-log enable-rewrite-log enable-opentelemetry enable-opentracing"),
        "policy",
        "telemetry of the controller",
        "",
        _TELEMETRY,
    ),
    Family(
        40,
        _keys(
            "opentelemetry-trust-incoming-span opentelemetry-operation-name "
            "opentracing-trust-incoming-span enable-influxdb influxdb-measurement influxdb-port "
            "influxdb-host influxdb-server-name"
        ),
        "policy",
        "telemetry of the controller",
        "",
        _TELEMETRY,
    ),
    Family(
        40,
        _keys("ssl-ciphers ssl-prefer-server-ciphers"),
        "policy",
        "TLS settings of the listener",
        "",
        (_eg("ClientTrafficPolicy", "tls.ciphers"), Successor("istio", "EnvoyFilter")),
    ),
    Family(
        40,
        _keys(
            "proxy-cookie-domain proxy-cookie-path proxy-redirect-from proxy-redirect-to "
            "preserve-trailing-slash satisfy stream-snippet http2-push-preload proxy-http-version "
            "connection-proxy-header fastcgi-index fastcgi-params-configmap"
        ),
        "none",
        "nothing",
    ),
)

_BY_KEY = {key: family for family in FAMILIES for key in family.keys}


def family_of(key: str) -> Family | None:
    """The row of a key without its prefix; None for one that is not known."""
    return _BY_KEY.get(key)
