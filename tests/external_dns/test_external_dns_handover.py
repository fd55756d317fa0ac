"""The handover by annotations, over many worlds: to the new side and back, and never without a record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from external_dns_kit import (
    NEW,
    NEW6,
    OLD,
    Records,
    flags_for,
    gateway,
    host_of,
    ingress,
    namespaces,
    route,
    service,
    snapshot_of,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pointsman.checklists.plans.model import CriticalPath, DnsPlan, ObjectName, Plan, Side
from pointsman.checklists.records.base import ObjectPatch
from pointsman.checklists.records.external_dns.handover import HELD, Handover, edits_of, routes_towards
from pointsman.checklists.records.external_dns.objects import Group, groups
from pointsman.checklists.records.external_dns.outlook import why_not
from pointsman.checklists.records.external_dns.words import instructions, kubectl
from pointsman.cluster.errors import UserError
from pointsman.cluster.refs import ObjectRef
from pointsman.probes.state.external_dns.edits import DnsWorld, deleted, settled, simulate, with_policy

A, B, C = (host_of(name) for name in "abc")
MAIN = ObjectRef("Gateway", "infra", "main", group="gateway.networking.k8s.io")
LOW = 5
Json = dict[str, Any]


def plan_for(hosts: tuple[str, ...], *, dual: bool = False) -> Plan:
    dns = DnsPlan("external-dns", "shop.test.", ("127.0.0.1:53",), LOW)
    new = Side(NEW, NEW6 if dual else "")
    return Plan("shop", hosts, ObjectName("infra", "main"), Side(OLD), new, (CriticalPath("/"),), dns)


@dataclass
class Scene:
    handover: Handover
    plan: Plan

    @property
    def world(self) -> DnsWorld:
        return self.handover.world

    def later(self, world: DnsWorld) -> Scene:
        return Scene(replace(self.handover, world=world), self.plan)


def scene(
    *documents: Json, hosts: tuple[str, ...] = (A,), policy: str = "sync", dual: bool = False, held: str = ""
) -> Scene:
    flags = flags_for(
        "--source=ingress", "--source=gateway-httproute", "--source=service", f"--policy={policy}"
    )
    snapshot = snapshot_of(
        [*namespaces("shop", "infra"), gateway("main", NEW, *([NEW6] if dual else [])), *documents]
    )
    records = Records()
    for host in (A, B, C):
        records.put(host.split(".")[0], "A", OLD, owner="default", resource=held or "ingress/shop/old")
    world = DnsWorld(snapshot, flags, records.held(flags, (A, B, C)))
    routes = routes_towards(snapshot, flags, MAIN, hosts, frozenset())
    return Scene(Handover(world, hosts, routes, LOW), plan_for(hosts, dual=dual))


def after(world: DnsWorld, patches: tuple[ObjectPatch, ...]) -> DnsWorld:
    for edit in edits_of(patches):
        world = edit(world)
    return world


def one_by_one(world: DnsWorld, patches: tuple[ObjectPatch, ...]) -> Iterator[DnsWorld]:
    """external-dns is as quick as it can be: a round after every single patch."""
    for group in groups(patches):
        world = settled(after(world, group.patches), (A, B, C))
        yield world


def addresses(world: DnsWorld, host: str) -> set[str]:
    return {value for one in world.held if one.host == host for value in one.values}


def annotations(world: DnsWorld) -> dict[str, dict[str, str]]:
    objects = (*world.snapshot.ingresses.values(), *world.snapshot.routes.values())
    return {str(one.ref): one.metadata.annotations for one in objects}


hosts_with_a = st.sets(st.sampled_from([B, C]), max_size=2).map(lambda more: (A, *sorted(more)))
optional = {
    "ttl": st.sampled_from(["", "1", "30"]),
    "hostname": st.sampled_from(["", A, C, f"{A},{B}"]),
}
on_ingress = st.fixed_dictionaries(
    optional | {"ingress_hostname_source": st.sampled_from(["", "defined-hosts-only", "annotation-only"])}
)
on_route = st.fixed_dictionaries(
    optional
    | {
        "gateway_hostname_source": st.sampled_from(["", "defined-hosts-only", "annotation-only"]),
        "controller": st.sampled_from(["", HELD, "dns-controller"]),
    }
)


def given_ones(said: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in said.items() if value}


@settings(max_examples=120, deadline=None)
@given(
    old=hosts_with_a,
    new=hosts_with_a,
    on_old=on_ingress,
    on_new=on_route,
    both=st.booleans(),
    dual=st.booleans(),
    policy=st.sampled_from(["sync", "upsert-only"]),
)
def test_once_to_the_new_side_and_back_and_always_a_record(
    old: tuple[str, ...],
    new: tuple[str, ...],
    on_old: dict[str, str],
    on_new: dict[str, str],
    both: bool,
    dual: bool,
    policy: str,
) -> None:
    hosts = (A, B) if both and B in old and B in new else (A,)
    begin = scene(
        ingress("old", *old, **given_ones(on_old)),
        route("new", *new, **given_ones(on_new)),
        hosts=hosts,
        policy=policy,
        dual=dual,
    )
    begin = begin.later(settled(begin.world, (A, B, C)))
    assume(all(addresses(begin.world, host) == {OLD} for host in hosts))
    lower = begin.handover.patches("lower-ttl")
    assume(not why_not(begin.handover, begin.plan, "lower-ttl", lower))
    worlds = list(one_by_one(begin.world, lower))
    low = begin.later(worlds[-1] if worlds else begin.world)
    switch = low.handover.patches("switch")
    assume(not why_not(low.handover, low.plan, "switch", switch))

    forward = [low.world, *one_by_one(low.world, switch)]
    back = list(one_by_one(forward[-1], tuple(one.inverted() for one in reversed(switch))))
    for host in hosts:
        there = [addresses(world, host) >= {NEW} for world in (*worlds, *forward)]
        assert there == sorted(there), "once, and never to and fro"
        assert all(addresses(world, host) for world in (*worlds, *forward, *back)), "always some record"
        assert addresses(forward[-1], host) == set(begin.plan.new.addresses)
        assert addresses(back[-1], host) == {OLD}
        assert all(one.ttl == LOW for one in forward[-1].held if one.host == host)
    others = {A, B, C} - set(hosts)
    for host in others & set(old):
        assert addresses(forward[-1], host) == addresses(begin.world, host), "the other hosts stay"
    assert annotations(back[-1])["Ingress shop/old"] == annotations(low.world)["Ingress shop/old"]


def test_the_other_hosts_of_the_ingress_stay_with_it() -> None:
    begin = scene(ingress("old", A, B), route("new", A))
    (route_patch, *_), ingress_patch = (group.patches for group in groups(begin.handover.patches("switch")))
    assert route_patch.name == "new"
    assert {one.key.rpartition("/")[2]: one.after for one in ingress_patch} == {
        "hostname": B,
        "ingress-hostname-source": "annotation-only",
    }


def test_a_routes_other_hosts_stay_published_when_it_is_held() -> None:
    begin = scene(ingress("old", A), route("new", A, C))
    held = {
        one.key.rpartition("/")[2]: one.after
        for one in begin.handover.patches("lower-ttl")
        if one.name == "new"
    }
    assert held == {"hostname": C, "gateway-hostname-source": "annotation-only", "ttl": str(LOW)}
    low = begin.later(settled(after(begin.world, begin.handover.patches("lower-ttl")), (A, B, C)))
    assert addresses(low.world, C) == {NEW}, "nobody else wants it"
    let_in = {
        one.key.rpartition("/")[2]: one.after for one in low.handover.patches("switch") if one.name == "new"
    }
    assert let_in == {"hostname": f"{C},{A}"}


def test_a_service_that_owns_the_name_lets_go_of_it() -> None:
    begin = scene(service("balancer", hostname=f"{A}, {B}"), route("new", A), held="service/shop/balancer")
    assert not why_not(begin.handover, begin.plan, "switch", begin.handover.patches("switch"))
    (patch,) = (one for one in begin.handover.patches("switch") if one.kind == "Service")
    assert (patch.before, patch.after) == (f"{A}, {B}", B)


def test_a_hold_of_somebody_else_is_not_ours_to_lift() -> None:
    begin = scene(ingress("old", A), route("new", A, controller="other-team"))
    with pytest.raises(UserError, match="not Pointsman's"):
        begin.handover.patches("switch")


def test_the_way_back_without_a_hold_would_not_lead_back() -> None:
    """Why the rollback is more than the old annotations: the route, by now the owner, would keep the name."""
    begin = scene(ingress("old", A), route("new", A))
    switch = begin.handover.patches("switch")
    there = settled(after(begin.world, switch), (A,))
    plain = tuple(one.inverted() for one in reversed(switch) if one.kind == "Ingress")
    assert addresses(settled(after(there, plain), (A,)), A) == {NEW}
    whole = tuple(one.inverted() for one in reversed(switch))
    assert addresses(settled(after(there, whole), (A,)), A) == {OLD}


def test_edits_that_nobody_has_made() -> None:
    begin = scene(ingress("old", A), route("new", A))
    old = ObjectRef("Ingress", "shop", "old", group="networking.k8s.io")
    new = ObjectRef("HTTPRoute", "shop", "new", group="gateway.networking.k8s.io")
    (kept,) = simulate(begin.world, (), (A,))
    assert (kept.keeper, kept.rivals, kept.changes) == ("ingress/shop/old", (new,), False)
    (moved,) = simulate(begin.world, (deleted(old),), (A,))
    assert moved.addresses_after == (NEW,)
    (gone,) = simulate(begin.world, (deleted(old, new),), (A,))
    assert gone.addresses_after == ()
    (spared,) = simulate(begin.world, (deleted(old, new), with_policy("upsert-only")), (A,))
    assert spared.addresses_after == (OLD,)


def test_a_service_that_is_not_followed_hides_its_own_names_only() -> None:
    hidden = service("inner", hostname=B)
    hidden["spec"]["type"] = "ClusterIP"
    begin = scene(ingress("old", A), hidden)
    unsure = {one.host: bool(one.unsure) for one in simulate(begin.world, (), (A, B))}
    assert unsure == {A: False, B: True}


def test_commands_are_quoted_and_guarded() -> None:
    patch = ObjectPatch("Ingress", "networking.k8s.io", "shop", "old", "x/hostname", None, "a, b", None)
    gone = replace(patch, key="x/gone", before="y", after=None)
    command = kubectl(Group((patch, gone)), "41")
    assert command == (
        "kubectl -n shop annotate ingress/old --overwrite --resource-version=41 'x/hostname=a, b' x/gone-"
    )


def test_nothing_to_patch_is_said() -> None:
    from pointsman.checklists.records.base import RecordChange

    assert instructions(RecordChange("switch", "shop.test.", (A,), (), ()), {})[0].startswith("nothing")
