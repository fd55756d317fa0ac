"""The Gateway API's rules, each against the words of the API documentation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointsman.cluster.objects import (
    AllowedRoutes,
    FromNamespaces,
    GrantFrom,
    GrantTo,
    GroupKind,
    LabelSelector,
    Listener,
    Meta,
    ParentRef,
    ReferenceGrant,
    ReferenceGrantSpec,
    SelectorRequirement,
)
from pointsman.cluster.rules.semantics import (
    grant_allows,
    hostnames_intersect,
    kind_allowed,
    listeners_conflict,
    listeners_overlap,
    namespace_allowed,
    parent_ref_selects,
    selector_matches,
    served_hostnames,
)

LABEL = st.text("abc", min_size=1, max_size=2)
NAME = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
HOST = NAME | NAME.map(lambda name: f"*.{name}")


def expands(pattern: str, name: str) -> bool:
    if not pattern.startswith("*."):
        return pattern == name
    return name.endswith(pattern[1:]) and len(name) > len(pattern) - 1


@given(HOST, HOST)
def test_intersection_is_symmetric(one: str, other: str) -> None:
    assert hostnames_intersect(one, other) == hostnames_intersect(other, one)


@given(HOST, HOST, NAME)
def test_a_name_that_both_cover_proves_an_intersection(one: str, other: str, name: str) -> None:
    if expands(one, name) and expands(other, name):
        assert hostnames_intersect(one, other)


@given(HOST, HOST)
def test_an_intersection_has_a_name_that_both_cover(one: str, other: str) -> None:
    if hostnames_intersect(one, other):
        # an exact name is the only one that it covers itself
        narrower = max((one, other), key=lambda host: (not host.startswith("*."), len(host)))
        witness = narrower.replace("*", "w", 1)
        assert expands(one, witness)
        assert expands(other, witness)


@pytest.mark.parametrize(
    ("listener", "route", "expected"),
    [
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "*.b.example.com", True),
        ("a.example.com", "*.example.com", True),
        ("Example.com", "example.COM", True),
        ("*.example.com", "badexample.com", False),
        ("a.example.com", "b.example.com", False),
    ],
)
def test_wildcards(listener: str, route: str, expected: bool) -> None:
    assert hostnames_intersect(listener, route) is expected


def test_served_hostnames() -> None:
    assert served_hostnames(None, ["a.test"]) == ("a.test",)
    assert served_hostnames("", []) == ()
    assert served_hostnames("a.test", []) == ("a.test",)
    assert served_hostnames("*.test", ["a.test", "b.other"]) == ("a.test",)
    assert served_hostnames("a.test", ["b.test"]) is None


@pytest.mark.parametrize(
    ("rule", "other", "labels", "expected"),
    [
        (None, "infra", {}, True),
        (None, "shop", {}, False),
        ("All", "shop", None, True),
        ("Same", "shop", {}, False),
        ("None", "infra", {}, False),
        ("Selector", "shop", None, None),
        ("Selector", "shop", {"team": "a"}, True),
        ("Selector", "shop", {"team": "b"}, False),
    ],
)
def test_namespaces(
    rule: str | None, other: str, labels: dict[str, str] | None, expected: bool | None
) -> None:
    allowed = FromNamespaces(from_=rule, selector=LabelSelector(match_labels={"team": "a"}))
    assert namespace_allowed(allowed, "infra", other, labels) is expected


@pytest.mark.parametrize(
    ("operator", "values", "labels", "expected"),
    [
        ("In", ("a",), {"k": "a"}, True),
        ("In", ("a",), {}, False),
        ("NotIn", ("a",), {}, True),
        ("NotIn", ("a",), {"k": "a"}, False),
        ("Exists", (), {"k": ""}, True),
        ("DoesNotExist", (), {"k": ""}, False),
        ("Nonsense", (), {"k": ""}, False),
    ],
)
def test_selectors(operator: str, values: tuple[str, ...], labels: dict[str, str], expected: bool) -> None:
    requirement = SelectorRequirement(key="k", operator=operator, values=values)
    assert selector_matches(LabelSelector(match_expressions=(requirement,)), labels) is expected


def test_an_empty_selector_takes_everything() -> None:
    assert selector_matches(LabelSelector(), {})


def test_kinds_by_protocol() -> None:
    group = "gateway.networking.k8s.io"
    assert kind_allowed(Listener(protocol="HTTP"), group, "HTTPRoute")
    assert kind_allowed(Listener(protocol="HTTPS"), group, "GRPCRoute")
    assert not kind_allowed(Listener(protocol="HTTP"), group, "TLSRoute")
    assert not kind_allowed(Listener(protocol="TCP"), group, "HTTPRoute")
    only_grpc = AllowedRoutes(kinds=(GroupKind(kind="GRPCRoute"),))
    assert not kind_allowed(Listener(protocol="HTTP", allowed_routes=only_grpc), group, "HTTPRoute")
    assert kind_allowed(Listener(protocol="example.com/own"), group, "HTTPRoute")


def test_parent_refs() -> None:
    listener = Listener(name="https", port=443)
    assert parent_ref_selects(ParentRef(name="gw"), listener)
    assert parent_ref_selects(ParentRef(name="gw", section_name="https", port=443), listener)
    assert not parent_ref_selects(ParentRef(name="gw", section_name="http"), listener)
    assert not parent_ref_selects(ParentRef(name="gw", port=80), listener)


def grant(namespace: str, to_name: str | None = None, from_namespace: str = "shop") -> ReferenceGrant:
    return ReferenceGrant(
        metadata=Meta(name="g", namespace=namespace),
        spec=ReferenceGrantSpec(
            from_=(GrantFrom(group="gateway.networking.k8s.io", kind="HTTPRoute", namespace=from_namespace),),
            to=(GrantTo(group="", kind="Service", name=to_name),),
        ),
    )


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        ([], False),
        ([grant("pay")], True),
        ([grant("pay", "ledger")], True),
        ([grant("pay", "other")], False),
        ([grant("pay", "other"), grant("pay", "ledger")], True),
        ([grant("shop")], False),
        ([grant("pay", from_namespace="elsewhere")], False),
    ],
)
def test_grants(grants: list[ReferenceGrant], expected: bool) -> None:
    group = "gateway.networking.k8s.io"
    assert grant_allows(grants, group, "HTTPRoute", "shop", "", "Service", "pay", "ledger") is expected
    assert grant_allows((), group, "HTTPRoute", "pay", "", "Service", "pay", "ledger")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("HTTP", 80, "a"), ("HTTP", 80, "b"), ""),
        (("HTTP", 80, "a"), ("HTTP", 80, "A"), "HostnameConflict"),
        (("HTTP", 80, None), ("HTTP", 80, ""), "HostnameConflict"),
        (("HTTP", 80, "a"), ("HTTP", 81, "a"), ""),
        (("HTTP", 443, "a"), ("HTTPS", 443, "b"), "ProtocolConflict"),
        (("HTTPS", 443, "a"), ("TLS", 443, "b"), ""),
        (("HTTPS", 443, "a"), ("TLS", 443, "a"), "ProtocolConflict"),
        (("TCP", 53, None), ("TCP", 53, None), "ProtocolConflict"),
        (("TCP", 53, None), ("UDP", 53, None), ""),
        (("TCP", 443, None), ("HTTPS", 443, None), "ProtocolConflict"),
    ],
)
def test_conflicts(
    one: tuple[str, int, str | None], other: tuple[str, int, str | None], expected: str
) -> None:
    first, second = (Listener(protocol=a, port=b, hostname=c) for a, b, c in (one, other))
    assert listeners_conflict(first, second) == expected
    assert listeners_conflict(second, first) == expected


def test_overlaps() -> None:
    wide = Listener(protocol="HTTPS", port=443, hostname="*.a.test")
    narrow = Listener(protocol="HTTPS", port=443, hostname="x.a.test")
    apart = Listener(protocol="HTTPS", port=443, hostname="b.test")
    assert listeners_overlap(wide, narrow)
    assert not listeners_overlap(wide, apart)
    assert not listeners_overlap(wide, wide)
