"""Expressions from a cluster: right where they are evaluated, and never long."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.routing.bounded_regex import evaluate


@pytest.mark.parametrize(
    ("pattern", "text", "matched"),
    [
        ("/api/v[0-9]+", "/api/v12", True),
        ("/api/v[0-9]+", "/api/v12/x", False),
        ("/([a-z0-9-]+/)*index", "/a/b-1/index", True),
        ("/(en|de)/.*", "/de/x", True),
        (r"/\d{3}", "/123", True),
        (r"/a\.b", "/axb", False),
        ("(?:/x)?/y", "/y", True),
    ],
)
def test_usual_patterns_are_evaluated(pattern: str, text: str, matched: bool) -> None:
    assert evaluate(pattern, text, whole=True).matched is matched


def test_captures_and_ends_are_told() -> None:
    answer = evaluate("/api(/|$)(.*)", "/API/x/y", whole=False, ignore_case=True)
    assert (answer.matched, answer.groups) == (True, ("/", "x/y"))
    assert evaluate("/foo", "/foobar", whole=False).end == 4


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*",
        "(a|ab)*c",
        "(.*)*x",
        "(a*)*b",
        "((a)*b?)*c",
        r"(\w+\s?)*$",
        "(a?){50}a{50}",
        "a?" * 40 + "a" * 40,
        ".*" * 12 + "x",
        r"\w*\d*\w*\d*\w*!",
        "([a-z]+)*",
        "(x{0,3})*y",
        "(" * 400,
        "((((((" * 30 + "a" + "))))))" * 30,
        r"(a)\1",
        r"(?=a)a",
        "(?i)a",
        "(?(1)a|b)",
        "[[:alpha:]]",
        "[a--b]",
        "[[a]",
        r"\Ka",
        "a**",
        "[",
        "a{,}",
        "x" * 600,
    ],
)
def test_what_could_take_long_or_means_different_things_is_not_evaluated(pattern: str) -> None:
    began = time.monotonic()
    answer = evaluate(pattern, "a" * 200 + "!", whole=True)
    assert answer.matched is None
    assert answer.why
    assert time.monotonic() - began < 1.0


_PIECES = st.sampled_from(
    [
        "a",
        "b",
        ".",
        "[ab]",
        "[^a]",
        r"\w",
        "(a)",
        "(ab|b)",
        "(a+b)",
        "*",
        "+",
        "?",
        "{2}",
        "{1,}",
        "/",
        "|",
        "(",
        ")",
    ]
)


@settings(max_examples=300, deadline=2000)
@given(st.lists(_PIECES, max_size=12).map("".join), st.text("ab/", max_size=300))
def test_an_answer_is_that_of_the_engine_and_comes_soon(pattern: str, text: str) -> None:
    answer = evaluate(pattern, text, whole=True)
    if answer.matched is not None:
        assert answer.matched == (re.fullmatch(pattern, text) is not None)
