"""Ages and cells as kubectl shows them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.sandbox.apiserver.kinds import Column
from pointsman.sandbox.apiserver.printers import _custom_column, json_path, printed_columns
from pointsman.sandbox.apiserver.printing import age_of, human_duration
from pointsman.sandbox.apiserver.registry import Registry


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (130, "2m10s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (4 * 3600 + 300, "4h5m"),
        (8 * 3600, "8h"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (51 * 3600, "2d3h"),
        (8 * 86400, "8d"),
        (400 * 86400, "400d"),
        (730 * 86400, "2y"),
        (740 * 86400, "2y10d"),
        (9 * 365 * 86400, "9y"),
    ],
)
def test_durations(seconds, text):
    assert human_duration(seconds) == text


@pytest.mark.parametrize("moment", [None, 7, "", "yesterday"])
def test_an_age_that_cannot_be_told(moment):
    assert age_of(moment) == "<unknown>"


OBJECT = {
    "metadata": {"name": "n", "labels": {"example.com/tier": "gold"}},
    "spec": {"hostnames": ["a", "b"], "on": True},
    "status": {"conditions": [{"type": "A", "status": "True"}, {"type": "B", "status": "False"}]},
}


@pytest.mark.parametrize(
    ("path", "kind", "cell"),
    [
        (".spec.hostnames", "string", '["a","b"]'),
        (".spec.hostnames[*]", "string", "a"),
        (".spec.hostnames[1]", "string", "b"),
        (".spec.hostnames[7]", "string", None),
        ('.status.conditions[?(@.type=="B")].status', "string", "False"),
        (".status.conditions[?(@.type=='C')].status", "string", None),
        (".metadata.labels.example\\.com/tier", "string", "gold"),
        (".metadata.labels['example.com/tier']", "string", "gold"),
        (".spec.on", "boolean", True),
        (".spec.hostnames", "integer", None),
        (".spec.on.deeper", "string", None),
        ("]nonsense", "string", None),
    ],
)
def test_cells_of_custom_columns(path, kind, cell):
    assert _custom_column(Column("X", path, kind)).cell(OBJECT) == cell


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(["ports", "rules", "type", "conditions", "containerStatuses", "externalIPs"])
half = st.dictionaries(fields, json_values)
tops = st.sampled_from(["data", "endpoints", "ports", "involvedObject", "type", "lastTimestamp"])
parts = st.dictionaries(tops, json_values).flatmap(
    lambda top: st.fixed_dictionaries({"spec": half | json_values, "status": half | json_values}).map(
        lambda both: {**top, **both}
    )
)
ALL_COLUMNS = [column for resource in Registry() for column in printed_columns(resource)]


@settings(deadline=None, max_examples=60)
@given(parts)
def test_no_object_that_storage_can_hold_breaks_a_table(document):
    document = {"metadata": {"name": "n"}, **document}
    for column in ALL_COLUMNS:
        assert isinstance(column.cell(document), str | int | float | bool | None)


def test_a_path_outside_the_subset():
    with pytest.raises(ValueError, match="not understood"):
        json_path(".spec[?(@.a>1)]")
