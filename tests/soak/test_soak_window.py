"""What a window between two looks may claim, against the truth of made-up traffic."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.probes.watching.idle import Look, window
from pointsman.probes.watching.traffic.facts import Counts, Reading
from pointsman.probes.wire.http.sent import Tally

HOSTS = ("a.shop.test", "b.shop.test")


def reading(
    at: float, counted: dict[str, float], unbroken: float | None = 0.0, per_host: bool = True
) -> Reading:
    total = Counts(requests=sum(counted.values()))
    hosts = {host: Counts(requests=count) for host, count in counted.items()} if per_host else {}
    return Reading(
        at, 0.0, "nginx pods", total, hosts, pods=1, answered=1, complete=True, unbroken_since=unbroken
    )


def look(at: float, counted: dict[str, float], ours: dict[str, Tally] | None = None, **more: object) -> Look:
    return Look(reading(at, counted, **more), ours or {})  # type: ignore[arg-type]


def test_ours_are_taken_off_to_nothing() -> None:
    before = look(0, {"a.shop.test": 5, "b.shop.test": 1}, {"a.shop.test": Tally(3)})
    after = look(
        60, {"a.shop.test": 65, "b.shop.test": 31}, {"a.shop.test": Tally(63), "b.shop.test": Tally(30)}
    )
    seen = window(before, after, HOSTS, {})
    assert (seen.others, seen.ours, seen.inferred, seen.per_host) == (0.0, 90.0, 0, {})
    assert (seen.since, seen.until) == (0, 60)


def test_others_are_told_by_host() -> None:
    after = look(60, {"a.shop.test": 12, "b.shop.test": 10}, {host: Tally(10) for host in HOSTS})
    seen = window(look(0, {}), after, HOSTS, {})
    assert seen.others == 2
    assert seen.per_host == {"a.shop.test": 2}


def test_other_hosts_of_the_same_controller_do_not_matter() -> None:
    after = look(60, {"a.shop.test": 10, "other.test": 900}, {"a.shop.test": Tally(10)})
    assert window(look(0, {"other.test": 5}), after, HOSTS[:1], {}).others == 0


def test_a_counter_without_hosts_is_an_upper_bound() -> None:
    before = look(0, {"": 100}, per_host=False)
    quiet = look(60, {"": 160}, {"a.shop.test": Tally(40), "b.shop.test": Tally(20)}, per_host=False)
    assert window(before, quiet, HOSTS, {}).others == 0
    busy = look(60, {"": 170}, {"a.shop.test": Tally(40), "b.shop.test": Tally(20)}, per_host=False)
    seen = window(before, busy, HOSTS, {})
    assert seen.others is None
    assert seen.detail == "10 requests beside ours, to any host: the counter does not tell hosts apart"


def test_a_counter_that_misses_our_own_proves_nothing() -> None:
    after = look(60, {"a.shop.test": 0}, {"a.shop.test": Tally(60)})
    seen = window(look(0, {"a.shop.test": 0}), after, HOSTS[:1], {})
    assert seen.others is None
    assert "counted 0 requests where 60 of our own were answered" in seen.detail


@pytest.mark.parametrize("unbroken", [None, 30.0])
def test_what_a_restart_took_away_is_not_zero(unbroken: float | None) -> None:
    after = look(60, {"a.shop.test": 10}, {"a.shop.test": Tally(10)}, unbroken=unbroken)
    assert window(look(0, {}), after, HOSTS[:1], {}).others is None


def test_an_ingress_that_is_gone_fakes_zero() -> None:
    after = look(60, {"a.shop.test": 10}, {"a.shop.test": Tally(10)})
    seen = window(look(0, {}), after, HOSTS[:1], {"a.shop.test": "Ingress gone, so it is not counted"})
    assert seen.others is None
    assert "Ingress gone" in seen.detail


def test_a_difference_within_our_unanswered_ones_is_said_to_be_them() -> None:
    after = look(60, {"a.shop.test": 61}, {"a.shop.test": Tally(60, unanswered=1)})
    seen = window(look(0, {}), after, HOSTS[:1], {})
    assert (seen.others, seen.inferred) == (0, 1)
    assert "1 of ours had no answer" in seen.detail
    after = look(60, {"a.shop.test": 63}, {"a.shop.test": Tally(60, unanswered=1)})
    assert window(look(0, {}), after, HOSTS[:1], {}).others == 2


# what may happen to one request, and whether the old side counts it
_FATES = st.sampled_from(["answered", "lost-counted", "lost", "open-counted", "open", "other"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(HOSTS), _FATES), max_size=60), st.integers(0, 60))
def test_never_more_zero_than_the_truth(events: list[tuple[str, str]], cut: int) -> None:
    """Others are never overstated; and what is called zero hides at most those that it says it inferred."""
    first, second = events[:cut], events[cut:]
    looks, opened = [], []
    counted: Counter[str] = Counter()
    ours: dict[str, Counter[str]] = {host: Counter() for host in HOSTS}
    for at, part in ((0.0, first), (60.0, second)):
        # what was open at the last look ends well in this part, and was counted at once, or is only now
        for host, fate in opened:
            ours[host]["open"] -= 1
            ours[host]["answered"] += 1
            counted[host] += fate == "open"
        opened = [(host, fate) for host, fate in part if fate.startswith("open")]
        for host, fate in part:
            counted[host] += fate in ("answered", "lost-counted", "open-counted", "other")
            if fate == "answered":
                ours[host]["answered"] += 1
            elif fate.startswith("lost"):
                ours[host]["lost"] += 1
            elif fate.startswith("open"):
                ours[host]["open"] += 1
        tallies = {host: Tally(one["answered"], one["lost"], one["open"]) for host, one in ours.items()}
        looks.append(look(at, {host: float(counted[host]) for host in HOSTS}, tallies))
    seen = window(looks[0], looks[1], HOSTS, {})
    truth = sum(fate == "other" for _, fate in second)
    carried = sum(fate.startswith("open") for _, fate in first)
    assert seen.others is not None
    assert seen.others <= truth
    assert truth - seen.others <= seen.inferred + carried
    clean_traffic = all(fate in ("answered", "other") for _, fate in events)
    if clean_traffic:
        assert (seen.others, seen.inferred) == (truth, 0)
