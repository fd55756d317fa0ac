"""Worlds in which every field that a stranger can fill holds the worst that he could write.

``hostile_words()`` draws such text, ``documents_of(words)`` puts it everywhere, ``is_clean`` says whether a
terminal would only print it. ``EVERYTHING`` is one fixed selection for tests that are not drawn.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

GATEWAY_API = "gateway.networking.k8s.io/v1"
MEGABYTE = "x" * 1_000_000
LONG = "y" * 6_000
SEQUENCES = (
    "\x1b[2J\x1b[5;5Hmoved",
    "\x1b]0;owned\x07",
    "\x1b]52;c;YQ==\x07",
    "\x1b]8;;http://evil.test\x1b\\link\x1b]8;;\x1b\\",
    "\x1bP1$r\x1b\\",
    "\x9b31mred",
    "\x90q\x9c",
    "\x00nul",
    "\x7fdel\x08\x08back",
    "a\r\nb\nc\td",
)
INVISIBLE = (
    "\u202etfel\u202c",
    "\u2066\u2069\u200f",
    "zero\u200bwidth\u200d\ufeff",
    "\u2028\u2029",
    "\U000e0001\U000e0041",
    "\ue000\U0010ffff\ufffe",
    "\u00ad\u2060\u180e",
)
SURROGATES = ("\ud800", "a\udc9bb", "\udfff\ud800")
WIDE = ("z\u0301" + "\u0336" * 40, "\U0001f469\u200d\U0001f680", "\u6f22\u5b57", "\U0001f1e9\U0001f1ea")
MARKUP = (
    "[bold red]x[/bold red]",
    "[/]",
    "[@click=app.quit]quit[/]",
    "[link=http://evil.test]x",
    "[x](http://evil.test)",
    "]]><!--<a>&quot;",
    "{0} %s %n {{x}}",
)
SHELL = ("$(id)", "`id`", "'; id; '", '"$HOME"', "-o", "--help", "-rf", "--", "a b", "~/x", "!!", "a\\", "*")
EVERYTHING = (*SEQUENCES, *INVISIBLE, *SURROGATES, *WIDE, *MARKUP, *SHELL)

# as cluster.text has it, worked out again: control, format, surrogates, private, unassigned, separators
_ACTING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def is_clean(text: str, *, longest: int = 5_000) -> bool:
    """Whether a terminal prints it in one line and does nothing else, and it is of a size to be read."""
    return len(text) <= longest and not any(unicodedata.category(one) in _ACTING for one in text)


def hostile_text(*, surrogates: bool = True) -> st.SearchStrategy[str]:
    """One string; without ``surrogates`` it can be written to a file."""
    fixed = [one for one in (*EVERYTHING, LONG) if surrogates or one not in SURROGATES]
    own = st.text(st.characters(codec=None if surrogates else "utf-8"), max_size=12)
    return st.sampled_from(fixed) | own | st.just("plain")


def hostile_words(*, surrogates: bool = True) -> st.SearchStrategy[list[str]]:
    """The words of a whole world, for ``documents_of``."""
    return st.lists(hostile_text(surrogates=surrogates), min_size=5, max_size=11)


def documents_of(words: Sequence[str]) -> list[dict[str, Any]]:
    """A world whose objects have usual names (so that they are judged) and ``words`` in all other places;
    and each kind once more with a hostile name and namespace."""
    supply = itertools.cycle(words)
    objects = [*_gateway_api(supply), *_cluster(supply)]
    renamed = [
        {**one, "metadata": {**one["metadata"], "name": next(supply), "namespace": next(supply)}}
        for one in objects
    ]
    return [*objects, *renamed]


def strings_in(documents: Iterable[object]) -> Iterator[str]:
    """Every string anywhere in ``documents``."""
    for one in documents:
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            yield from strings_in([*one.keys(), *one.values()])
        elif isinstance(one, (list, tuple)):
            yield from strings_in(one)


def _metadata(name: str, supply: Iterator[str], *, cluster: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        **({} if cluster else {"namespace": "n"}),
        "uid": next(supply),
        "creationTimestamp": next(supply),
        "labels": {next(supply): next(supply), "kubernetes.io/service-name": next(supply)},
        "annotations": {
            next(supply): next(supply),
            "nginx.ingress.kubernetes.io/rewrite-target": next(supply),
            "gateway.networking.k8s.io/bundle-version": next(supply),
            "gateway.networking.k8s.io/channel": next(supply),
            "external-dns.alpha.kubernetes.io/hostname": next(supply),
        },
    }


def _conditions(supply: Iterator[str]) -> list[dict[str, Any]]:
    def one(kind: str, status: str) -> dict[str, Any]:
        return {
            "type": kind,
            "status": status,
            "reason": next(supply),
            "message": next(supply),
            "lastTransitionTime": next(supply),
        }

    return [one("Accepted", "False"), one("ResolvedRefs", "Unknown"), one(next(supply), next(supply))]


def _listeners(supply: Iterator[str]) -> list[dict[str, Any]]:
    return [
        {
            "name": next(supply),
            "port": 443,
            "protocol": protocol,
            "hostname": next(supply),
            "tls": {
                "mode": next(supply),
                "certificateRefs": [{"name": next(supply), "namespace": next(supply)}],
            },
            "allowedRoutes": {
                "kinds": [{"kind": next(supply), "group": next(supply)}],
                "namespaces": {"from": next(supply)},
            },
        }
        for protocol in ("HTTPS", next(supply))
    ]


def _route(kind: str, supply: Iterator[str]) -> dict[str, Any]:
    backend = {"name": next(supply), "namespace": next(supply), "port": 80, "weight": 1}
    plain_backend = {"name": "s", "port": 81}
    match = {
        "path": {"type": next(supply), "value": next(supply)},
        "headers": [{"name": next(supply), "value": next(supply), "type": next(supply)}],
        "method": next(supply),
    }
    filters = [
        {"type": next(supply)},
        {"type": "RequestMirror", "requestMirror": {"backendRef": backend}},
        {
            "type": "ExtensionRef",
            "extensionRef": {"group": next(supply), "kind": next(supply), "name": next(supply)},
        },
        {"type": "RequestRedirect", "requestRedirect": {"hostname": next(supply), "scheme": next(supply)}},
    ]
    return {
        "apiVersion": GATEWAY_API,
        "kind": kind,
        "metadata": _metadata("r", supply),
        "spec": {
            "hostnames": [next(supply), next(supply)],
            "parentRefs": [
                {"name": "g", "sectionName": next(supply)},
                {"name": "g"},
                {
                    "name": next(supply),
                    "namespace": next(supply),
                    "kind": next(supply),
                    "group": next(supply),
                },
            ],
            "rules": [
                {
                    "name": next(supply),
                    "matches": [match],
                    "filters": filters,
                    "backendRefs": [backend, plain_backend, {"kind": next(supply), "name": next(supply)}],
                    "timeouts": {"request": next(supply)},
                }
            ],
        },
        "status": {
            "parents": [
                {
                    "parentRef": {"name": "g"},
                    "controllerName": next(supply),
                    "conditions": _conditions(supply),
                },
                {
                    "parentRef": {"name": next(supply), "sectionName": next(supply)},
                    "controllerName": next(supply),
                    "conditions": _conditions(supply),
                },
            ]
        },
    }


def _policy(api_version: str, kind: str, supply: Iterator[str]) -> dict[str, Any]:
    targets = [
        {"group": next(supply), "kind": next(supply), "name": next(supply), "sectionName": next(supply)},
        {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "g"},
        {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": next(supply)},
    ]
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": _metadata("p", supply),
        "spec": {"targetRefs": targets, next(supply): next(supply), "validation": {"hostname": next(supply)}},
        "status": {
            "ancestors": [
                {
                    "ancestorRef": {"name": next(supply), "namespace": next(supply)},
                    "controllerName": next(supply),
                    "conditions": _conditions(supply),
                }
            ],
            "conditions": _conditions(supply),
        },
    }


def _gateway_api(supply: Iterator[str]) -> list[dict[str, Any]]:
    statuses = [{"name": next(supply), "conditions": _conditions(supply)} for _ in range(2)]
    return [
        {
            "apiVersion": GATEWAY_API,
            "kind": "GatewayClass",
            "metadata": _metadata("c", supply, cluster=True),
            "spec": {"controllerName": next(supply), "description": next(supply)},
            "status": {"conditions": _conditions(supply)},
        },
        {
            "apiVersion": GATEWAY_API,
            "kind": "Gateway",
            "metadata": _metadata("g", supply),
            "spec": {
                "gatewayClassName": next(supply),
                "listeners": _listeners(supply),
                "addresses": [{"type": next(supply), "value": next(supply)}],
            },
            "status": {
                "addresses": [{"type": next(supply), "value": next(supply)}],
                "conditions": [{"type": "Programmed", "status": "True"}, *_conditions(supply)],
                "listeners": statuses,
            },
        },
        {
            "apiVersion": GATEWAY_API,
            "kind": "ListenerSet",
            "metadata": _metadata("l", supply),
            "spec": {"parentRef": {"name": next(supply)}, "listeners": _listeners(supply)},
            "status": {"conditions": _conditions(supply), "listeners": statuses},
        },
        *(_route(kind, supply) for kind in ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute")),
        {
            "apiVersion": GATEWAY_API,
            "kind": "ReferenceGrant",
            "metadata": _metadata("a", supply),
            "spec": {
                "from": [{"group": next(supply), "kind": next(supply), "namespace": next(supply)}],
                "to": [{"group": next(supply), "kind": next(supply), "name": next(supply)}],
            },
        },
        _policy(GATEWAY_API, "BackendTLSPolicy", supply),
        _policy("example.com/v1", "DoorPolicy", supply),
        _policy("gateway.envoyproxy.io/v1alpha1", "SecurityPolicy", supply),
    ]


def _cluster(supply: Iterator[str]) -> list[dict[str, Any]]:
    def one(api_version: str, kind: str, spec: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        fields = {"spec": spec} if spec is not None else {}
        return {"apiVersion": api_version, "kind": kind, "metadata": _metadata("s", supply), **fields, **more}

    service = {"service": {"name": next(supply), "port": {"name": next(supply)}}}
    crd = {
        "group": next(supply),
        "names": {"kind": next(supply), "plural": next(supply)},
        "versions": [{"name": next(supply)}],
    }
    container = {"name": next(supply), "image": next(supply), "args": [next(supply)]}
    return [
        one("v1", "Service", {"type": next(supply), "ports": [{"name": next(supply), "port": 80}]}),
        one(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            ports=[{"name": next(supply), "port": 80}],
            endpoints=[{"addresses": [next(supply)], "conditions": {"ready": True}}],
        ),
        one("v1", "Secret", type=next(supply)),
        one("v1", "Namespace"),
        one(
            "networking.k8s.io/v1",
            "Ingress",
            {
                "ingressClassName": next(supply),
                "tls": [{"hosts": [next(supply)], "secretName": next(supply)}],
                "rules": [
                    {"host": next(supply), "http": {"paths": [{"path": next(supply), "backend": service}]}}
                ],
            },
            status={"loadBalancer": {"ingress": [{"hostname": next(supply), "ip": next(supply)}]}},
        ),
        one("networking.k8s.io/v1", "IngressClass", {"controller": next(supply)}),
        one("apiextensions.k8s.io/v1", "CustomResourceDefinition", crd),
        one("apps/v1", "Deployment", {"template": {"spec": {"containers": [container]}}}),
        one(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            {"podSelector": {"matchLabels": {next(supply): next(supply)}}},
        ),
        one(
            "cert-manager.io/v1",
            "Issuer",
            {next(supply): next(supply)},
            status={"conditions": _conditions(supply)},
        ),
    ]
