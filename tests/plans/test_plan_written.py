"""A derived plan as text: it reads back as what was derived, whatever the names and comments hold."""

from __future__ import annotations

import unicodedata

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.checklists.plans.derived import DerivedPlan, Entry, Flow, FlowMap
from pointsman.checklists.plans.write import scalar, write_plan

UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

# any text that a file can hold, and those that YAML would take for something else
_texts = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=40),
    st.sampled_from(
        ["yes", "null", "~", "1e3", "0x1f", "12:30", "- a", "a: b", "#", "'", '"', "{", "[x]", "|", ">", "@",
         "2001:db8::1", "192.0.2.1", "10m", "=", "<<", "!!int 3", "&a", "*a", "%TAG", "\n", "\u2028", "\x85"]
    ),
)  # fmt: skip
_scalars = st.one_of(
    _texts,
    st.integers(-(2**31), 2**31),
    st.floats(min_value=1e-6, max_value=1e6, allow_nan=False).map(lambda one: round(one, 6)),
)
_keys = st.sampled_from(["address", "zone", "run", "low_ttl"])
_flows = st.builds(lambda values: Flow(tuple(values)), st.lists(_scalars, max_size=4))
_maps = st.builds(
    lambda values: FlowMap(tuple(values.items())),
    st.dictionaries(_keys, st.one_of(_scalars, _flows), min_size=1, max_size=3),
)
_notes = st.lists(_texts, max_size=2).map(tuple)


def _mapping(values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[Entry, ...]]:
    pairs = st.dictionaries(_keys, st.tuples(values, _notes), min_size=1, max_size=4)
    return pairs.map(lambda one: tuple(Entry(key, value, notes) for key, (value, notes) in one.items()))  # type: ignore[arg-type]


def _listed(values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[Entry, ...]]:
    return st.lists(st.tuples(values, _notes), min_size=1, max_size=4).map(
        lambda one: tuple(Entry("", value, notes) for value, notes in one)  # type: ignore[arg-type]
    )


_leaves = st.one_of(_scalars, _flows, _maps, st.none())
_entries = _mapping(st.one_of(_leaves, _mapping(_leaves), _listed(st.one_of(_scalars, _maps))))


@settings(max_examples=70, deadline=None)
@given(_entries, _notes)
def test_what_is_written_reads_back(entries: tuple[Entry, ...], head: tuple[str, ...]) -> None:
    plan = DerivedPlan(entries, head)
    text = write_plan(plan)
    assert (yaml.safe_load(text) or {}) == plan.plain()
    assert write_plan(plan) == text
    assert not {unicodedata.category(one) for one in text.replace("\n", "")} & UNSAFE


@settings(max_examples=80, deadline=None)
@given(_scalars)
def test_a_scalar_is_one_line_and_itself(value: str | int | float) -> None:
    shown = scalar(value)
    assert "\n" not in shown
    assert yaml.safe_load(shown) == value


def test_a_lone_surrogate_does_not_break_the_file() -> None:
    text = write_plan(DerivedPlan((Entry("name", "a\ud800b", ("c\ud800",)),)))
    assert yaml.safe_load(text.encode())["name"] == "a\ufffdb"
