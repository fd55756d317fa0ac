"""The manifests of the Gateway API's conformance tests, and where their own words send each request."""

from __future__ import annotations

from pathlib import Path

import pytest
from pointsman.cluster.routing.trace import Trace
from pointsman.cluster.snapshot import Snapshot
from routing_kit import backends, gateway_trace, world_of

NS = "gateway-conformance-infra"


@pytest.fixture(scope="session")
def conformance(shared: Path) -> Path:
    folder = shared / "corpus" / "gateway-api" / "v1.6.1" / "inputs" / "conformance"
    if not folder.is_dir():
        pytest.skip(f"needs the conformance manifests at {folder}")
    return folder


def _snapshot(conformance: Path, name: str) -> Snapshot:
    return world_of(conformance / "base" / "manifests.yaml", conformance / "tests" / f"{name}.yaml")


def _end(found: Trace) -> str:
    """v1, v2, v3 for the three backends, else the status."""
    names = [name.removeprefix("infra-backend-") for name in backends(found)]
    broken = {str(share.status) for share in found.shares if share.status}
    return "+".join(names) if names and not broken else str(found.outcome.status or found.outcome.kind)


# file, Gateway, request without "GET http://", where it ends
_CASES: list[tuple[str, str, str, str]] = [
    *[
        ("httproute-matching", "same-namespace", *case)
        for case in (
            ("example.com/", "v1"), ("example.com/example", "v1"), ("example.com/ -H 'Version: one'", "v1"),
            ("example.com/v2", "v2"), ("example.com/v2/", "v2"), ("example.com/v2/example", "v2"),
            ("example.com/ -H 'Version: two'", "v2"), ("example.com/v2example", "v1"),
            ("example.com/foo/v2/example", "v1"),
        )
    ],
    *[
        ("httproute-matching-across-routes", "same-namespace", *case)
        for case in (
            ("example.com/", "v1"), ("example.com/example", "v1"), ("example.net/example", "v1"),
            ("example.com/example -H 'Version: one'", "v1"), ("example.com/v2", "v2"),
            ("example.com/v2example", "v1"), ("example.net/v2", "v1"), ("example.com/v2/example", "v2"),
            ("example.com/ -H 'Version: two'", "v2"),
        )
    ],
    *[
        ("httproute-exact-path-matching", "same-namespace", *case)
        for case in (
            ("a.com/one", "v1"), ("a.com/two", "v2"), ("a.com/one/example", "404"), ("a.com/", "404"),
            ("a.com/Two", "404"),
        )
    ],
    *[
        ("httproute-path-match-order", "same-namespace", *case)
        for case in (
            ("a.com/match/exact/one", "v3"), ("a.com/match/exact", "v2"), ("a.com/match", "v1"),
            ("a.com/match/prefix/one/any", "v2"), ("a.com/match/prefix/any", "v1"), ("a.com/match/any", "v3"),
        )
    ],
    *[
        ("httproute-header-matching", "same-namespace", *case)
        for case in (
            ("a.com/ -H 'Version: one'", "v1"), ("a.com/ -H 'Version: two'", "v2"),
            ("a.com/ -H 'Version: two' -H 'Color: orange'", "v1"), ("a.com/ -H 'Color: blue'", "v1"),
            ("a.com/ -H 'Color: green'", "v1"), ("a.com/ -H 'Color: red'", "v2"),
            ("a.com/ -H 'Color: yellow'", "v2"), ("a.com/ -H 'Color: purple'", "404"), ("a.com/", "404"),
        )
    ],
    *[
        ("httproute-query-param-matching", "same-namespace", *case)
        for case in (
            ("a.com/?animal=whale", "v1"), ("a.com/?animal=dolphin", "v2"),
            ("a.com/?animal=whale&otherparam=irrelevant", "v1"),
            ("a.com/?animal=dolphin&color=yellow", "v2"), ("a.com/?color=blue&animal=dolphin", "v3"),
            ("a.com/?ANIMAL=Whale", "v3"),
            ("a.com/?color=blue", "404"), ("a.com/?animal=dog", "404"), ("a.com/?animal=whaledolphin", "404"),
            ("a.com/", "404"), ("a.com/path1?animal=whale", "v1"),
            ("a.com/?animal=whale -H 'version: one'", "v2"),
            ("a.com/path2?animal=whale -H 'version: two'", "v3"), ("a.com/path3?animal=shark", "v1"),
            ("a.com/path4?animal=kraken -H 'version: three'", "v1"), ("a.com/path5?animal=hydra", "v1"),
            ("a.com/?animal=hydra -H 'version: four'", "v3"), ("a.com/path4?animal=kraken", "404"),
        )
    ],
    *[
        ("httproute-hostname-intersection", "httproute-hostname-intersection", *case)
        for case in (
            ("very.specific.com/s1", "v1"), ("very.specific.com:80/s1", "v1"), ("very.specific.com/s3", "v3"),
            ("foo.specific.com/s3", "404"), ("non.matching.com/s1", "404"),
            ("foo.nonmatchingwildcard.io/s1", "404"),
            ("foo.wildcard.io/s2", "v2"), ("bar.wildcard.io/s2", "v2"), ("foo.bar.wildcard.io/s2", "v2"),
            ("wildcard.io/s2", "404"), ("one.anotherwildcard.io/s4", "v1"),
            ("one.two.anotherwildcard.io/s4", "v1"),
            ("anotherwildcard.io/s4", "404"), ("specific.but.wrong.com/s5", "404"),
        )
    ],
    *[
        ("httproute-listener-hostname-matching", "httproute-listener-hostname-matching", *case)
        for case in (
            ("bar.com/", "v1"), ("foo.bar.com/", "v2"), ("baz.bar.com/", "v3"), ("boo.bar.com/", "v3"),
            ("multiple.prefixes.bar.com/", "v3"), ("multiple.prefixes.foo.com/", "v3"), ("foo.com/", "404"),
            ("no.matching.host/", "404"),
        )
    ],
    ("httproute-omitted-backendrefs", "same-namespace", "a.com/omitted-no-forward", "500"),
    ("httproute-invalid-nonexistent-backendref", "same-namespace", "a.com/", "500"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "gateway", "asked", "expected"), _CASES, ids=lambda value: str(value)[:60])
def test_a_request_ends_where_conformance_has_it(
    conformance: Path, name: str, gateway: str, asked: str, expected: str
) -> None:
    url, _, headers = asked.partition(" ")
    found = gateway_trace(_snapshot(conformance, name), f"GET 'http://{url}' {headers}", f"{NS}/{gateway}")
    assert _end(found) == expected


@pytest.mark.parametrize(
    ("name", "asked", "status", "location"),
    [
        ("httproute-redirect-host-and-status", "http://a.com/hostname-redirect", 302, "http://example.org/hostname-redirect"),
        ("httproute-redirect-host-and-status", "http://a.com/host-and-status", 301, "http://example.org/host-and-status"),
        ("httproute-redirect-path", "http://a.com/original-prefix/lemon", 302, "http://a.com/replacement-prefix/lemon"),
        ("httproute-redirect-path", "http://a.com/full/path/original", 302, "http://a.com/full-path-replacement"),
        ("httproute-redirect-port", "http://a.com/port-and-host", 302, "http://example.org:8083/port-and-host"),
        ("httproute-redirect-scheme", "http://a.com/scheme", 302, "https://a.com/scheme"),
    ],
)  # fmt: skip
def test_a_redirect_leads_where_conformance_has_it(
    conformance: Path, name: str, asked: str, status: int, location: str
) -> None:
    found = gateway_trace(_snapshot(conformance, name), f"GET {asked}", f"{NS}/same-namespace")
    assert (found.outcome.kind, found.outcome.status, found.outcome.location) == (
        "redirect",
        status,
        location,
    )


@pytest.mark.parametrize(
    ("asked", "becomes"),
    [
        ("/prefix/one/two", "/one/two"),
        ("/strip-prefix/three", "/three"),
        ("/strip-prefix", "/"),
        ("/full/one/two", "/one"),
    ],
)
def test_a_path_is_rewritten_as_conformance_has_it(conformance: Path, asked: str, becomes: str) -> None:
    found = gateway_trace(
        _snapshot(conformance, "httproute-rewrite-path"), f"GET http://a.com{asked}", f"{NS}/same-namespace"
    )
    assert [step.text for step in found.steps if step.name == "URLRewrite"] == [
        f"path {asked} becomes {becomes}"
    ]


@pytest.mark.parametrize(
    "name", ["httproute-invalid-backendref-unknown-kind", "httproute-invalid-cross-namespace-backend-ref"]
)
def test_what_files_cannot_say_is_left_open(conformance: Path, name: str) -> None:
    # whether a controller knows the kind, or the cluster holds a grant, stands in none of these files
    found = gateway_trace(_snapshot(conformance, name), "GET http://a.com/", f"{NS}/same-namespace")
    assert found.winner is not None
    assert found.doubts


def test_weights_are_shares(conformance: Path) -> None:
    found = gateway_trace(
        _snapshot(conformance, "httproute-weight"), "GET http://a.com/", f"{NS}/same-namespace"
    )
    assert {one.ref.name: round(one.share, 3) for one in found.shares} == {
        "infra-backend-v1": 0.7, "infra-backend-v2": 0.3, "infra-backend-v3": 0.0,
    }  # fmt: skip
