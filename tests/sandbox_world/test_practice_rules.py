"""The Gateway API's small rules, as the practice controller reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointsman.sandbox.controller_conditions import Condition, render
from pointsman.sandbox.controller_edges import read_fault
from pointsman.sandbox.controller_view import ClusterView, host_covers, selects, shared_hosts

LABEL = st.text("abcz0", min_size=1, max_size=3)
NAME = st.lists(LABEL, min_size=2, max_size=4).map(".".join)


@pytest.mark.parametrize(
    ("pattern", "host", "covers"),
    [
        ("", "a.test", True),
        ("a.test", "a.test", True),
        ("a.test", "b.test", False),
        ("*.a.test", "x.a.test", True),
        ("*.a.test", "y.x.a.test", True),
        ("*.a.test", "a.test", False),
        ("*.a.test", "xa.test", False),
        ("*.a.test", "*.b.a.test", True),
        ("*.b.a.test", "*.a.test", False),
        ("a.test", "*.a.test", False),
    ],
)
def test_which_hosts_a_pattern_covers(pattern: str, host: str, covers: bool) -> None:
    assert host_covers(pattern, host) is covers


@pytest.mark.parametrize(
    ("listener", "wanted", "shared"),
    [
        ("", [], ("*",)),
        ("a.test", [], ("a.test",)),
        ("", ["a.test", "*.b.test"], ("a.test", "*.b.test")),
        ("*.test", ["a.test", "a.example"], ("a.test",)),
        ("x.a.test", ["*.a.test"], ("x.a.test",)),
        ("A.test", ["a.TEST"], ("a.test",)),
        ("a.test", ["b.test"], ()),
    ],
)
def test_what_a_route_and_a_listener_share(listener: str, wanted: list[str], shared: tuple[str, ...]) -> None:
    assert shared_hosts(listener, wanted) == shared


@given(listener=NAME, route=NAME, wild=st.tuples(st.booleans(), st.booleans()))
def test_sharing_is_the_same_from_both_sides_and_covered_by_both(
    listener: str, route: str, wild: tuple[bool, bool]
) -> None:
    one, other = f"*.{listener}" if wild[0] else listener, f"*.{route}" if wild[1] else route
    assert shared_hosts(one, [other]) == shared_hosts(other, [one])
    for host in shared_hosts(one, [other]):
        assert host_covers(one, host)
        assert host_covers(other, host)


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"team": "shop"}}, True),
        ({"matchLabels": {"team": "other"}}, False),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["shop"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["shop"]}]}, False),
        ({"matchExpressions": [{"key": "gone", "operator": "NotIn", "values": ["shop"]}]}, True),
        ({"matchExpressions": [{"key": "gone", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "gone", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "Nonsense"}]}, False),
    ],
)
def test_label_selectors(selector: dict[str, object] | None, chosen: bool) -> None:
    assert selects(selector, {"team": "shop"}) is chosen


def _grant(group: str, kind: str, source: str, name: str | None) -> ClusterView:
    to: dict[str, object] = {"group": "", "kind": "Service"}
    if name is not None:
        to["name"] = name
    return ClusterView(
        [
            {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "ReferenceGrant",
                "metadata": {"namespace": "payments", "name": "grant"},
                "spec": {"from": [{"group": group, "kind": kind, "namespace": source}], "to": [to]},
            }
        ]
    )


GATEWAY = "gateway.networking.k8s.io"


@pytest.mark.parametrize(
    ("view", "granted"),
    [
        (_grant(GATEWAY, "HTTPRoute", "shop", None), True),
        (_grant(GATEWAY, "HTTPRoute", "shop", "ledger"), True),
        (_grant(GATEWAY, "HTTPRoute", "shop", "other"), False),
        (_grant(GATEWAY, "HTTPRoute", "checkout", None), False),
        (_grant(GATEWAY, "GRPCRoute", "shop", None), False),
        (_grant("", "HTTPRoute", "shop", None), False),
        (ClusterView([]), False),
    ],
)
def test_grants(view: ClusterView, granted: bool) -> None:
    assert view.granted((GATEWAY, "HTTPRoute", "shop"), ("", "Service", "payments", "ledger")) is granted
    assert view.granted((GATEWAY, "HTTPRoute", "payments"), ("", "Service", "payments", "ledger"))


def test_a_transition_is_dated_only_when_the_status_changes() -> None:
    good = Condition("Accepted", True, "Accepted", "fine")
    first = render([good], 1, None, "2026-01-01T00:00:00Z")
    again = render([Condition("Accepted", True, "Other", "still fine")], 2, first, "2026-01-02T00:00:00Z")
    assert again[0]["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert (again[0]["observedGeneration"], again[0]["reason"]) == (2, "Other")
    bad = render([Condition("Accepted", False, "Invalid", "no")], 2, again, "2026-01-03T00:00:00Z")
    assert (bad[0]["status"], bad[0]["lastTransitionTime"]) == ("False", "2026-01-03T00:00:00Z")


def test_a_condition_that_no_controller_wrote_gets_a_date_of_its_own() -> None:
    waiting = [{"type": "Accepted", "status": "True", "lastTransitionTime": "1970-01-01T00:00:00Z"}]
    written = render([Condition("Accepted", True, "Accepted", "")], 1, waiting, "2026-01-01T00:00:00Z")
    assert written[0]["lastTransitionTime"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ('{"error_share": 0.3}', 0.3),
        ('{"error_share": 1, "unknown": 2}', 1),
        ('{"error_share": "much"}', None),
        ('{"error_share": true}', None),
        ('{"error_share": -1}', None),
        ("[1]", None),
        ("not json", None),
        ("", None),
    ],
)
def test_a_fault_annotation(text: str, share: float | None) -> None:
    fault = read_fault({"metadata": {"annotations": {"practice.pointsman.dev/fault": text}}})
    assert (fault.error_share if fault else None) == share


def test_a_fault_annotation_with_every_kind_of_key() -> None:
    text = '{"missing_intermediate": true, "missing_paths": ["/api"], "delay_s": 0.5, "dropped_headers": [1]}'
    fault = read_fault({"metadata": {"annotations": {"practice.pointsman.dev/fault": text}}})
    assert fault is not None
    assert (fault.missing_intermediate, fault.missing_paths, fault.delay_s) == (True, ("/api",), 0.5)
    assert fault.dropped_headers == ()
