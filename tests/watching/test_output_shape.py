"""The one JSON shape, against its published schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointsman.cluster.refs import ObjectRef
from pointsman.probes.catalogue import RULES
from pointsman.probes.output import document, encode, result_document
from pointsman.probes.verdict import Endpoint, Finding, Result, Verdict, finding

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "output.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

texts = st.text(max_size=30)
subjects = st.one_of(
    st.builds(ObjectRef, texts, texts, texts, texts, texts), st.builds(Endpoint, texts, texts)
)
findings = st.builds(
    finding,
    st.sampled_from(sorted(RULES)),
    st.sampled_from(Verdict),
    subjects,
    st.text(min_size=1, max_size=30),
    evidence=st.lists(texts, max_size=3),
    reproduce=texts,
)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@given(st.lists(findings, max_size=4), st.dictionaries(texts, st.floats() | texts | st.none(), max_size=4))
def test_every_document_fits_the_schema_and_is_safe_to_print(found: list[Finding], facts: Any) -> None:
    printed = encode(document("check", Verdict.FAIL, found, facts, 12.3456))
    VALIDATOR.validate(json.loads(printed))
    assert all(character.isprintable() or character == "\n" for character in printed)
    again = document("x", "PASS", found, {}, 0)
    assert json.loads(printed)["findings"] == json.loads(json.dumps(again))["findings"]


def test_each_is_one_line_with_its_file() -> None:
    found = finding("HTTP001", Verdict.PASS, Endpoint("1.2.3.4:443", "a.test"), "GET / 200\x1b[2J")
    result = Result("http", "request", (found,), {"when": float("inf")}, 3.0)
    printed = encode(result_document("http", result, file="one.yaml"), indent=0)
    assert "\n" not in printed
    assert "\x1b" not in printed
    read = json.loads(printed)
    assert (read["file"], read["facts"], read["verdict"]) == ("one.yaml", {"when": None}, "PASS")
    assert next(iter(read)) == "schema"


def test_a_document_missing_its_verdict_is_refused_by_the_schema() -> None:
    broken = document("check", Verdict.PASS, (), {}, 0)
    del broken["verdict"]
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(broken)
    with pytest.raises(ValueError, match="twice"):
        document("check", Verdict.PASS, (), {}, 0, schema="other")
