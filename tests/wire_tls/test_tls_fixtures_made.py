"""The fixtures themselves: all there, quickly made, and judged no more mildly under private roots."""

from __future__ import annotations

import base64
import time

import pytest
from pointsman.probes.verdict import Verdict, worst
from pointsman.probes.wire.tls.facts import Handshake, TlsFacts, TlsTarget
from pointsman.probes.wire.tls.judge import judge
from tls_fixture_kit import Case, cases, chain_der, policy_of, shortfalls
from tls_fixtures import Fixture, fixtures, servable


def facts_of(case: Case) -> TlsFacts:
    """The facts of a handshake that was never made."""
    fixture = case.fixture
    staple = base64.b64encode(fixture.staple).decode("ascii")
    shaken = Handshake(case.sni, chain_der(fixture), version="TLSv1.3", alpn="h2", staple=staple)
    return TlsFacts(TlsTarget("127.0.0.1", 443, case.ask.host), (shaken,))


def test_there_are_48_of_which_46_can_be_served() -> None:
    names = [one.name for one in fixtures()]
    assert [name[:2] for name in names] == [f"{number:02}" for number in range(1, 49)]
    assert len(servable()) == 46
    assert {one.name[:2] for one in fixtures() if not one.faulty} == {
        "01",
        "02",
        "03",
        "20",
        "30",
        "40",
        "48",
    }


def test_the_words_of_a_verdict_are_the_names_of_its_rules() -> None:
    for fixture in fixtures():
        first = fixture.asks[-1]
        wanted = "OK" if first.verdict is Verdict.PASS else first.verdict.name
        assert fixture.required.startswith(wanted) or fixture.name == "47-ip-san"
        words = fixture.required.lower().replace("_", "-")
        assert first.verdict is Verdict.PASS or all(cause in words for cause in first.causes)
        assert all(note in words for note in first.notes)


def test_they_are_made_in_less_than_three_seconds() -> None:
    started = time.process_time()
    made = fixtures.__wrapped__()
    assert time.process_time() - started < 3
    assert len(made) == len({one.name for one in made}) == 48


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_private_roots_hide_no_fault(case: Case) -> None:
    findings = judge(facts_of(case), policy_of(case.fixture, private_roots=True))
    if case.fixture.name[:2] in ("31", "44"):
        # rules of the public web alone
        assert worst(one.verdict for one in findings) is Verdict.PASS
    else:
        assert not shortfalls(case.ask, findings), [one.summary for one in findings]


@pytest.mark.parametrize("fixture", servable(), ids=lambda one: one.name)
def test_without_its_roots_nothing_passes(fixture: Fixture) -> None:
    strangers = next(one for one in fixtures() if one.name == "30-sha1-root-only").roots
    case = next(one for one in cases() if one.fixture is fixture)
    if fixture.roots == strangers:
        strangers = fixtures()[0].roots
    policy = policy_of(fixture)
    other = policy_of(next(one for one in fixtures() if one.roots == strangers))
    assert policy.roots_pem != other.roots_pem
    assert worst(one.verdict for one in judge(facts_of(case), other)) is Verdict.FAIL
