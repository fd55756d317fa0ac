"""Waves: every host once, bounded, the canary first, what belongs together together, whatever the order."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.checklists.plans.model import (
    CriticalPath,
    DnsPlan,
    ObjectName,
    Plan,
    Side,
)
from pointsman.checklists.plans.waves import HostTies, propose_waves, wave_plan

_labels = st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h", "i", "k"])
_ties = st.builds(
    HostTies,
    host=st.builds(lambda label, zone: f"{label}.{zone}", _labels, st.sampled_from(["x.test", "y.test"])),
    weight=st.sampled_from([0.0, 1.0, 5.0]),
    certificate=st.sampled_from(["", "one", "two"]),
    names=st.sampled_from([frozenset(), frozenset({"*.x.test"}), frozenset({"a.y.test", "b.y.test"})]),
    cookie_domains=st.sampled_from([(), ("x.test",), (".Y.test",), ("other.test",)]),
)
_many = st.lists(_ties, max_size=14, unique_by=lambda one: one.host)


@settings(max_examples=60, deadline=None)
@given(_many, st.integers(1, 6), st.randoms(use_true_random=False))
def test_every_host_is_in_one_wave_whatever_the_order(
    ties: list[HostTies], most: int, chance: random.Random
) -> None:
    waves = propose_waves(ties, most=most)
    hosts = [host for wave in waves for host in wave.hosts]
    if len(ties) < 2:
        assert waves == ()
        return
    assert sorted(hosts) == sorted(one.host for one in ties)
    assert len(waves[0].hosts) == 1
    assert all(0 < len(wave.hosts) <= most for wave in waves)
    shuffled = list(ties)
    chance.shuffle(shuffled)
    assert propose_waves(shuffled, most=most) == waves


@settings(max_examples=25, deadline=None)
@given(_many.filter(lambda ties: len(ties) > 1), st.data())
def test_a_named_canary_goes_first(ties: list[HostTies], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([one.host for one in ties]))
    waves = propose_waves(ties, canary=name)
    assert waves[0].hosts == (name,)
    assert "asked for" in waves[0].reasons[0]


def test_a_canary_that_is_no_host_is_refused() -> None:
    with pytest.raises(ValueError, match="none of the hosts"):
        propose_waves([HostTies("a.test"), HostTies("b.test")], canary="c.test")


def test_hosts_of_one_cookie_domain_stay_together_and_it_is_said() -> None:
    ties = [HostTies(f"{name}.shop.test", 3, cookie_domains=("shop.test",)) for name in "abc"]
    waves = propose_waves([*ties, HostTies("alone.example.test", 9)])
    assert [wave.hosts for wave in waves] == [
        ("alone.example.test",),
        ("a.shop.test", "b.shop.test", "c.shop.test"),
    ]
    assert "shares no cookie" in waves[0].reasons[0]
    assert any("share cookies of shop.test" in reason for reason in waves[1].reasons)


def test_more_hosts_of_one_cookie_than_fit_are_split_and_it_is_said() -> None:
    ties = [HostTies(f"{name}.shop.test", cookie_domains=("shop.test",)) for name in "abcdef"]
    waves = propose_waves(ties, most=3)
    assert [len(wave.hosts) for wave in waves] == [1, 3, 2]
    assert any("still on the old side" in reason for reason in waves[0].reasons)
    assert any("in another wave" in reason for reason in waves[1].reasons)


def test_one_certificate_puts_hosts_next_to_each_other() -> None:
    ties = [
        HostTies("a.test", 9, "wild"),
        HostTies("m.test", 5, "other"),
        HostTies("z.test", 9, "wild"),
        HostTies("canary.test", 0),
    ]
    waves = propose_waves(ties, most=2)
    assert ("a.test", "z.test") in [wave.hosts for wave in waves]
    said = next(wave.reasons for wave in waves if wave.hosts == ("a.test", "z.test"))
    assert any("HTTP/2" in reason for reason in said)


PLAN = Plan(
    name="shop",
    hosts=("a.shop.test", "b.shop.test", "c.shop.test"),
    gateway=ObjectName("infra", "main"),
    old=Side("192.0.2.1"),
    new=Side("192.0.2.2"),
    paths=(
        CriticalPath("/"),
        CriticalPath("/a", hosts=("a.shop.test",)),
        CriticalPath("/ab", hosts=("a.shop.test", "b.shop.test")),
    ),
    dns=DnsPlan("show", "shop.test.", ("192.0.2.53:53",), 60),
    waves=(("b.shop.test",), ("a.shop.test", "c.shop.test")),
)


def test_a_wave_is_a_plan_of_its_hosts_only() -> None:
    first, second = wave_plan(PLAN, 0), wave_plan(PLAN, 1)
    assert first.hosts == ("b.shop.test",)
    assert first.asked == (
        ("b.shop.test", CriticalPath("/")),
        ("b.shop.test", CriticalPath("/ab", hosts=("b.shop.test",))),
    )
    assert first.type_this == "b.shop.test"
    assert second.type_this == "shop"
    assert second.is_confirmed_by("c.shop.test a.shop.test")
    assert not second.is_confirmed_by("a.shop.test")
    assert [path.path for path in second.paths] == ["/", "/a", "/ab"]
    assert first.waves == second.waves == ()
    with pytest.raises(IndexError):
        wave_plan(PLAN, 2)
    assert wave_plan(replace(PLAN, waves=()), 0) == replace(PLAN, waves=())
