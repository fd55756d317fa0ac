"""Who wins for which field: the rules of GEP-713, and what controllers do instead, as properties."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.knowledge.policy_kinds import Across, Together
from pointsman.cluster.refs import ObjectRef
from pointsman.probes.state.policy_levels import Layer, Setting, effective

ACROSS: tuple[Across, ...] = ("replaces", "fields", "sections", "atomic-sections")
TOGETHER: tuple[Together, ...] = ("oldest", "fields")


def layer(rank: int, name: str, created: str | None = "2026-01-01", **fields: Any) -> Layer:
    return Layer(rank, ObjectRef("P", "ns", name, group="g"), created, fields)


numbers = st.integers(0, 3)
values = numbers | st.dictionaries(st.sampled_from("ab"), numbers, min_size=1, max_size=2)
some_settings = st.dictionaries(st.sampled_from("abc"), values, max_size=3)
specs = st.builds(
    lambda plain, defaults, overrides, merge: {
        **plain,
        **({"defaults": defaults} if defaults else {}),
        **({"overrides": overrides} if overrides else {}),
        **({"mergeType": "StrategicMerge"} if merge else {}),
    },
    some_settings,
    st.none() | some_settings,
    st.none() | some_settings,
    st.booleans(),
)
layers = st.lists(
    st.builds(
        lambda rank, name, created, fields: layer(rank, name, created, **fields),
        st.integers(0, 3),
        st.sampled_from("pqrs"),
        st.sampled_from([None, "2025-01-01", "2026-01-01"]),
        specs,
    ),
    max_size=5,
    unique_by=lambda one: one.policy,
)


def plain(settings: dict[tuple[str, ...], Setting]) -> dict[str, Any]:
    return {".".join(path): one.winner.value for path, one in settings.items() if one.winner is not None}


def winners(settings: dict[tuple[str, ...], Setting]) -> dict[str, str | None]:
    return {".".join(path): one.winner and one.winner.policy.name for path, one in settings.items()}


@settings(max_examples=60, deadline=None)
@given(layers, st.randoms(), st.sampled_from(ACROSS), st.sampled_from(TOGETHER))
def test_the_order_in_which_policies_are_read_does_not_matter(
    some: list[Layer], random: Any, across: Across, together: Together
) -> None:
    shuffled = list(some)
    random.shuffle(shuffled)
    assert effective(shuffled, across, together) == effective(some, across, together)


def leaves(value: Any, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(value, dict) and value:
        return [path for name, item in value.items() for path in leaves(item, (*prefix, name))]
    return [prefix]


@settings(max_examples=60, deadline=None)
@given(layers, st.sampled_from(ACROSS), st.sampled_from(TOGETHER))
def test_every_field_that_anybody_sets_is_answered_and_everybody_who_sets_it_is_named(
    some: list[Layer], across: Across, together: Together
) -> None:
    settings = effective(some, across, together)
    sectioned = across in ("sections", "atomic-sections")
    for one in some:
        bare = {k: v for k, v in one.fields.items() if k not in ("defaults", "overrides", "mergeType")}
        parts = [bare]
        if sectioned:
            parts += [one.fields.get("defaults", {}), one.fields.get("overrides", {})]
        for part in parts:
            for path in leaves(part):
                if not path:
                    continue
                answers = [found for found in settings if path[: len(found)] == found]
                assert len(answers) == 1, "exactly one answer covers each field"
                setting = settings[answers[0]]
                claims = [setting.winner, *setting.losers] if setting.winner else [*setting.losers]
                assert one.policy in {claim.policy for claim in claims}


@settings(max_examples=60, deadline=None)
@given(layers)
def test_merging_by_field_leaves_no_field_without_a_winner(some: list[Layer]) -> None:
    for setting in effective(some, "fields", "fields").values():
        assert setting.winner is not None


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 9), st.integers(0, 9))
def test_an_override_beats_a_default_wherever_they_stand(one: int, other: int, a: int, b: int) -> None:
    strong = layer(one, "strong", overrides={"x": a})
    weak = layer(other, "weak", "2020-01-01", defaults={"x": b})
    if one == other:
        # on one target the oldest stands alone
        assert winners(effective([strong, weak], "sections")) == {"x": "weak"}
    else:
        assert winners(effective([strong, weak], "sections")) == {"x": "strong"}
    assert plain(effective([strong, weak], "sections", "fields")) == {"x": a}


@given(st.lists(st.integers(0, 9), min_size=2, max_size=4, unique=True))
def test_of_defaults_the_narrowest_wins_and_of_overrides_the_widest(ranks: list[int]) -> None:
    defaults = [layer(rank, f"p{rank}", defaults={"x": rank}) for rank in ranks]
    overrides = [layer(rank, f"p{rank}", overrides={"x": rank}) for rank in ranks]
    assert plain(effective(defaults, "sections")) == {"x": max(ranks)}
    assert plain(effective(overrides, "sections")) == {"x": min(ranks)}
    bare = [layer(rank, f"p{rank}", x=rank) for rank in ranks]
    assert plain(effective(bare, "fields")) == plain(effective(bare, "replaces")) == {"x": max(ranks)}


@given(
    st.lists(
        st.tuples(st.sampled_from([None, "2025", "2026"]), st.sampled_from("abcdef")),
        min_size=1,
        max_size=5,
        unique_by=lambda one: one[1],
    ),
    st.sampled_from(ACROSS),
    st.sampled_from(TOGETHER),
)
def test_on_one_target_the_oldest_wins_then_the_first_by_name(
    some: list[tuple[str | None, str]], across: Across, together: Together
) -> None:
    settings = effective([layer(0, name, created, x=name) for created, name in some], across, together)
    expected = min(some, key=lambda one: (one[0] or "9999", one[1]))[1]
    assert winners(settings) == {"x": expected}


def test_a_narrower_policy_replaces_the_whole_wider_one_unless_it_says_merge() -> None:
    wide = layer(0, "wide", timeout="10s", retry={"count": 3})
    narrow = layer(1, "narrow", timeout="5s")
    replaced = effective([wide, narrow], "replaces")
    assert winners(replaced) == {"timeout": "narrow", "retry.count": None}
    assert replaced["retry", "count"].contested, "what was set and is not in force is told"
    merging = layer(1, "narrow", timeout="5s", mergeType="StrategicMerge")
    assert plain(effective([wide, merging], "replaces")) == {"timeout": "5s", "retry.count": 3}


def test_a_whole_section_counts_at_once_unless_its_strategy_is_merge() -> None:
    narrow = layer(1, "narrow", limits={"b": 1})
    whole = layer(0, "wide", overrides={"limits": {"a": 9}})
    assert winners(effective([whole, narrow], "atomic-sections")) == {"limits.a": "wide", "limits.b": None}
    merged = layer(0, "wide", overrides={"strategy": "merge", "limits": {"a": 9}})
    both = effective([merged, narrow], "atomic-sections")
    assert winners(both) == {"limits.a": "wide", "limits.b": "narrow"}


def test_two_on_one_target_share_it_where_the_controller_merges_by_field() -> None:
    old, new = layer(0, "z", "2025", body=1, extra=2), layer(0, "a", "2026", body=3, keep=4)
    assert plain(effective([old, new], "fields", "fields")) == {"body": 1, "extra": 2, "keep": 4}
    assert plain(effective([old, new], "fields", "oldest")) == {"body": 1, "extra": 2}


@pytest.mark.parametrize("wide", [{"a": 1}, {"a": [1, 2]}])
def test_a_value_and_an_object_under_one_name_are_one_field(wide: dict[str, Any]) -> None:
    settings = effective([layer(0, "wide", **wide), layer(1, "narrow", a={"b": 2})], "fields")
    assert plain(settings) == {"a": {"b": 2}}
    assert settings["a",].contested
