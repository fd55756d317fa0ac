"""The proof and its rate bound, and what is missing where there is none."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointsman.probes.verdict import Verdict
from pointsman.probes.watching.idle import IdleFacts, judge, missing, rate_bound

DAY = 86400.0
IDLE = IdleFacts(
    old="192.0.2.1:443",
    hosts=("store.shop.test",),
    now=3 * DAY,
    wanted_s=DAY,
    source="ingress-nginx pods in ingress-nginx",
    counted=True,
    quiet_since=2 * DAY,
    quiet_until=3 * DAY - 30,
    others=0.0,
    ours=86400.0,
    drain_at=DAY,
    resolvers=(("198.51.100.1:53", "store.shop.test", "new"),),
)


def verdict_and_words(facts: IdleFacts) -> tuple[Verdict, str, str]:
    first = judge(facts)[0]
    return first.verdict, first.rule, first.summary


def test_a_day_of_nobody_is_a_proof_with_its_bound() -> None:
    facts = replace(IDLE, quiet_until=3 * DAY)
    verdict, rule, words = verdict_and_words(facts)
    assert (verdict, rule) == (Verdict.PASS, "CUT060")
    assert words == (
        "nobody but our 86400 probes for 24 h: others come less often than 0.125 times an hour (95 %)"
    )
    assert missing(facts) == ()


@pytest.mark.parametrize(
    ("changes", "rule", "words"),
    [
        ({"source": ""}, "CUT062", "no counter of the old side"),
        ({"counted": False, "others": None}, "CUT062", "not been read twice"),
        ({"others": None, "detail": "2 of 3 pods answered"}, "CUT062", "2 of 3 pods answered"),
        ({"quiet_since": 2.5 * DAY}, "CUT060", "quiet for 12 h of 24 h"),
        ({"now": 4 * DAY}, "CUT060", "last counted 24 h ago"),
        ({"ours": 0.0}, "CUT060", "none of our own probes was counted"),
        ({"drain_at": None}, "CUT060", "still serves the old data"),
        ({"drain_at": 3 * DAY + 90}, "CUT060", "the last compliant cache lets go in 90 s"),
        ({"resolvers": (("r1", "store.shop.test", "old"),)}, "CUT060", "r1 answers old for store.shop.test"),
        ({"resolvers": (("r1", "store.shop.test", "error"),)}, "CUT060", "r1 answers error"),
    ],
)
def test_what_is_missing_makes_it_unknown(changes: dict[str, object], rule: str, words: str) -> None:
    facts = replace(IDLE, quiet_until=3 * DAY)
    facts = replace(facts, **changes)  # type: ignore[arg-type]
    verdict, found, said = verdict_and_words(facts)
    assert (verdict, found) == (Verdict.UNKNOWN, rule)
    assert words in said


def test_somebody_is_a_fail_with_rate_and_host() -> None:
    facts = replace(IDLE, others=12.0, window_s=60.0, per_host={"store.shop.test": 12.0})
    verdict, rule, words = verdict_and_words(facts)
    assert (verdict, rule) == (Verdict.FAIL, "CUT061")
    assert words == "the old side is still used: 12 requests in 60 s, 12 a minute (store.shop.test 12)"


def test_a_raised_ttl_is_a_warning_beside_the_proof() -> None:
    found = judge(
        replace(IDLE, quiet_until=3 * DAY, raised="192.0.2.53:53 hands out store.shop.test with 3600 s")
    )
    assert [(one.rule, one.verdict) for one in found] == [
        ("CUT060", Verdict.PASS),
        ("CUT063", Verdict.WARN),
    ]


def test_the_bound_of_none_is_three_by_t() -> None:
    assert rate_bound(3600) == pytest.approx(-math.log(0.05), abs=1e-4)
    assert rate_bound(24 * 3600) == pytest.approx(3 / 24, rel=0.01)
    # tabled 95 % bounds of a Poisson mean for 1 and 5 events
    assert rate_bound(3600, 1) == pytest.approx(4.744, abs=1e-3)
    assert rate_bound(3600, 5) == pytest.approx(10.513, abs=1e-3)
    assert rate_bound(0) == math.inf


@given(
    quiet=st.floats(0, 3 * DAY),
    others=st.one_of(st.none(), st.just(0.0), st.floats(0.5, 1e6)),
    drain=st.one_of(st.none(), st.floats(0, 6 * DAY)),
    answers=st.lists(st.sampled_from(["new", "old", "both", "other", "none", "error"]), max_size=3),
    source=st.sampled_from(["", "nginx pods"]),
    ours=st.sampled_from([0.0, 10.0]),
    age=st.floats(0, DAY),
)
def test_a_pass_only_with_everything(
    quiet: float,
    others: float | None,
    drain: float | None,
    answers: list[str],
    source: str,
    ours: float,
    age: float,
) -> None:
    facts = replace(
        IDLE,
        quiet_since=3 * DAY - age - quiet,
        quiet_until=3 * DAY - age,
        others=others,
        drain_at=drain,
        resolvers=tuple(("r", "store.shop.test", answer) for answer in answers),
        source=source,
        ours=ours,
    )
    proven = (
        bool(source)
        and others == 0
        and facts.quiet_s >= DAY
        and drain is not None
        and drain <= facts.now
        and all(answer == "new" for answer in answers)
        and ours > 0
        and facts.now - facts.quiet_until <= facts.oldest_s
    )
    first = judge(facts)[0]
    assert (first.verdict is Verdict.PASS) == proven
    assert proven == (missing(facts) == ())
    if source and others:
        assert first.verdict is Verdict.FAIL
