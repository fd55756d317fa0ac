"""Whatever is served: an answer, in printable text, within the time, and the same for the same chain."""

from __future__ import annotations

import base64
import time
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.text import clean
from pointsman.probes.verdict import Finding, Verdict, worst
from pointsman.probes.wire.tls.certificate import covers
from pointsman.probes.wire.tls.facts import Handshake, TlsFacts, TlsPolicy, TlsTarget, VerifyError
from pointsman.probes.wire.tls.judge import judge
from pointsman.probes.wire.tls.pem import PemChain, judge_pem
from pointsman.probes.wire.tls.sides import compare_secret, compare_sides
from tls_fixture_kit import chain_der, policy_of
from tls_fixture_pki import Entity, issue_ca, issue_leaf
from tls_fixtures import Fixture, fixtures
from tls_judge_kit import HOST, der64, facts, pem, shaken, verdicts, world

EXAMPLES = settings(max_examples=40, deadline=None)
QUICK = settings(max_examples=15, deadline=None)


def all_certificates() -> list[str]:
    return sorted({text for fixture in fixtures() for text in chain_der(fixture)})


CERTIFICATES = st.sampled_from(all_certificates())
JUNK = st.one_of(
    st.binary(max_size=60).map(lambda data: base64.b64encode(data).decode()),
    st.text(max_size=20),
)


@st.composite
def spoiled(draw: st.DrawFn) -> str:
    """A certificate with a few wrong bytes: most still parse, in part."""
    der = bytearray(base64.b64decode(draw(CERTIFICATES)))
    for _ in range(draw(st.integers(1, 4))):
        der[draw(st.integers(0, len(der) - 1))] = draw(st.integers(0, 255))
    return base64.b64encode(der).decode()


HOSTS = st.one_of(
    st.sampled_from([HOST, "app.example.test", "127.0.0.1", "::1", "[::1]", "", ".", "bücher.example.test"]),
    st.text(max_size=40),
)
CHAINS = st.lists(st.one_of(CERTIFICATES, spoiled(), JUNK), max_size=6).map(tuple)
WORDS = st.text(max_size=12)
COMPLAINTS = st.lists(st.builds(VerifyError, st.integers(0, 99), st.integers(0, 9), WORDS), max_size=2)
HANDSHAKES = st.builds(
    Handshake,
    sni=HOSTS,
    chain=CHAINS,
    verify_errors=COMPLAINTS.map(tuple),
    version=st.sampled_from(["", "TLSv1", "TLSv1.2", "TLSv1.3", "\x1b]0;x"]),
    cipher=WORDS,
    alpn=WORDS,
    group=WORDS,
    staple=JUNK,
    client_certificate_wanted=st.booleans(),
    client_certificate_required=st.booleans(),
    client_cas=st.lists(WORDS, max_size=2).map(tuple),
    error=st.sampled_from(["", "", "", "refused", "timeout", "alert", "not-tls", "local", "not-tried", "?"]),
    error_detail=WORDS,
    offer=st.sampled_from(["", "TLSv1", "TLSv1.3", "alpn", "alpn h2", "alpn http/1.1", "key rsa", "?"]),
    certificates=st.integers(0, 200),
)
SEVERAL = st.lists(HANDSHAKES, max_size=3).map(tuple)
FACTS = st.builds(
    TlsFacts,
    target=st.builds(TlsTarget, st.just("192.0.2.1"), st.just(443), HOSTS),
    named=SEVERAL,
    random_name=st.none() | HANDSHAKES,
    no_name=st.none() | HANDSHAKES,
    versions=SEVERAL,
    alpn=SEVERAL,
    keys=SEVERAL,
)
ROOTS = st.sampled_from(["", "junk", pem(world().root), policy_of(fixtures()[0]).roots_pem])
POLICIES = st.builds(
    TlsPolicy,
    now=st.datetimes(datetime(1960, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    soak_s=st.sampled_from([0.0, 86400.0, 1e9]),
    roots_pem=ROOTS,
    private_roots=st.booleans(),
    wanted_alpn=st.sampled_from([(), ("h2",), ("\x1b[31m",)]),
)


def assert_sound(findings: tuple[Finding, ...]) -> None:
    assert findings
    for one in findings:
        shown = (one.summary, one.reproduce, str(one.subject), *one.evidence)
        assert all(clean(text, len(text) + 1) == text for text in shown)
        assert len(one.summary) <= 700
        assert len(one.evidence) <= 60


@given(FACTS, POLICIES)
@EXAMPLES
def test_any_facts_get_an_answer_in_printable_text(seen: TlsFacts, policy: TlsPolicy) -> None:
    findings = judge(seen, policy)
    assert_sound(findings)
    assert judge(seen, policy) == findings


@given(FACTS, FACTS, POLICIES)
@QUICK
def test_any_two_sides_are_compared(was: TlsFacts, now: TlsFacts, policy: TlsPolicy) -> None:
    assert_sound(compare_sides(was, now, policy))
    assert_sound(compare_secret(was, "0" * 64, now.named[0].chain if now.named else ()))


@given(CHAINS.filter(bool), HOSTS, POLICIES, JUNK)
@EXAMPLES
def test_any_file_is_judged(chain: tuple[str, ...], host: str, policy: TlsPolicy, key: str) -> None:
    assert_sound(judge_pem(PemChain("tls.crt", chain, "/x/tls.crt", key, "tls.pub line 1"), host, policy))


@pytest.mark.parametrize("version", [1, 3, 9, 0x7F])
def test_a_version_that_does_not_exist_makes_it_unreadable(version: int) -> None:
    der = bytearray(base64.b64decode(der64(world().leaf())))
    # RFC 5280, 4.1: [0] { INTEGER }, the first field of the certificate
    at = der.index(b"\xa0\x03\x02\x01\x02") + 4
    der[at] = version
    chain = (base64.b64encode(der).decode(),)
    policy = TlsPolicy(now=datetime.now(UTC))
    of_file = judge_pem(PemChain("tls.crt", chain, "/x/tls.crt", "", ""), HOST, policy)
    served = judge(facts(Handshake(HOST, chain, version="TLSv1.3")), policy)
    for findings in (of_file, served):
        assert_sound(findings)
        assert worst(one.verdict for one in findings) is Verdict.FAIL


@given(st.sampled_from(fixtures()), st.data())
@EXAMPLES
def test_order_and_copies_change_no_verdict_on_trust(fixture: Fixture, data: st.DataObject) -> None:
    """Clients that build paths do not mind: a chain that holds is a warning at worst, a bad one stays bad."""
    chain = chain_der(fixture)
    copies = data.draw(st.lists(st.sampled_from(chain), max_size=3))
    shuffled = (chain[0], *data.draw(st.permutations([*chain[1:], *copies])))
    target = TlsTarget("192.0.2.1", 443, fixture.asks[-1].host)
    staple = base64.b64encode(fixture.staple).decode()
    plain, other = (
        judge(TlsFacts(target, (Handshake(target.name, served, staple=staple),)), policy_of(fixture))
        for served in (chain, shuffled)
    )
    untidy = {"wrong-order", "duplicate"}
    assert {name for name, verdict in verdicts(plain).items() if verdict is not Verdict.PASS} - untidy == {
        name for name, verdict in verdicts(other).items() if verdict is not Verdict.PASS
    } - untidy
    assert (worst(verdicts(plain).values()) is Verdict.FAIL) is (
        worst(verdicts(other).values()) is Verdict.FAIL
    )
    if not set(verdicts(other)) & {"default-cert", "temporary-cert", "staging-ca"}:
        assert ("duplicate" in verdicts(other)) is (len(set(shuffled)) < len(shuffled))


@given(st.sampled_from([one for one in fixtures() if one.faulty and one.asks[0].verdict is Verdict.FAIL]))
@QUICK
def test_no_fault_is_forgiven_for_a_stranger_beside_it(fixture: Fixture) -> None:
    chain = (*chain_der(fixture), der64(world().above))
    target = TlsTarget("192.0.2.1", 443, fixture.asks[-1].host)
    staple = base64.b64encode(fixture.staple).decode()
    seen = TlsFacts(target, (Handshake(target.name, chain, staple=staple),))
    for private in (False, True):
        findings = judge(seen, policy_of(fixture, private_roots=private))
        if fixture.servable:
            assert worst(one.verdict for one in findings) is Verdict.FAIL


HOSTILE = ("\x1b]0;owned\x07", "\u202egnp.exe", "[red]x[/]", "a\nb", "\x00", "x" * 3000)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_in_certificates_reach_nobody(text: str) -> None:
    common = text[:60]
    above = issue_ca(common, world().root, organisation=common)
    leaf = issue_leaf(above, ("other.example.test",), common=common, organisation=common)
    for chain in ((leaf, above), (leaf,), (leaf, issue_ca(common))):
        assert_sound(judge(facts(shaken(*chain, sni=text)), world().policy()))
        assert_sound(judge(facts(shaken(*chain), host=text), world().policy(private_roots=True)))


def test_a_hundred_certificates_are_judged_within_a_second() -> None:
    """Each signed by each other: of the ways up there are more than atoms."""
    key = world().above.key
    knot = [issue_ca("Knot", world().root, key=key) for _ in range(100)]
    leaf = issue_leaf(knot[0], (HOST,))
    started = time.process_time()
    findings = judge(facts(shaken(leaf, *knot)), world().policy(private_roots=True))
    assert time.process_time() - started < 2
    assert_sound(findings)


def test_thousands_of_names_and_constraints_cost_no_more_than_a_few() -> None:
    many = [x509.DNSName(f"h{number}.test") for number in range(2000)]
    bound = issue_ca("Bound", world().root, constraints=x509.NameConstraints(many, many[:1]))
    leaf = issue_leaf(bound, [HOST, *(name.value for name in many)])
    started = time.process_time()
    findings = judge(facts(shaken(leaf, bound)), world().policy())
    assert time.process_time() - started < 2
    assert "name-constraint" in verdicts(findings)


LABELS = st.from_regex(r"[a-z]([a-z0-9]{0,5})", fullmatch=True)


@given(LABELS, LABELS, st.lists(LABELS, min_size=1, max_size=3).map(".".join))
@QUICK
def test_a_wildcard_covers_one_label_and_no_more(first: str, second: str, zone: str) -> None:
    zone = f"{zone}.test"
    names = (f"*.{zone}",)
    leaf = _cached_leaf(names)
    assert covers(leaf.certificate, f"{first}.{zone}")
    assert covers(leaf.certificate, f"{first.upper()}.{zone}.")
    assert not covers(leaf.certificate, zone)
    assert not covers(leaf.certificate, f"{second}.{first}.{zone}")
    assert not covers(leaf.certificate, f"{first}.{second}{zone}")


def _cached_leaf(names: tuple[str, ...]) -> Entity:
    return issue_leaf(world().above, names, key=world().above.key)


@given(st.integers(1, 700), st.integers(1, 700))
@QUICK
def test_time_only_makes_a_certificate_worse_once_it_is_valid(age: int, more: int) -> None:
    leaf = issue_leaf(
        world().above, (HOST,), key=world().above.key, dates=(BEGINS, BEGINS + timedelta(days=90))
    )
    seen = facts(shaken(leaf, world().above))
    first, later = (
        worst(
            one.verdict for one in judge(seen, replace(world().policy(), now=BEGINS + timedelta(hours=hours)))
        )
        for hours in (age, age + more * 4)
    )
    assert first.badness <= later.badness


BEGINS = world().policy().now - timedelta(days=45)


def test_the_facts_that_are_drawn_have_every_field() -> None:
    """A field that is added to the facts must be drawn too."""
    drawn: dict[str, Any] = {one.name: one for one in fields(TlsFacts)}
    assert set(drawn) == {
        "target",
        "named",
        "random_name",
        "no_name",
        "versions",
        "alpn",
        "keys",
        "elapsed_ms",
    }
