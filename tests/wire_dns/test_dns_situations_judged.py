"""The DNS judge by itself: what must hold for any facts, and causes that no server here can show."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from dns_situations import SITUATIONS
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.text import clean
from pointsman.probes.catalogue import RULES
from pointsman.probes.verdict import Finding, Verdict, worst
from pointsman.probes.wire.dns.answers import CaaRecord
from pointsman.probes.wire.dns.facts import (
    AUTHORITATIVE,
    RESOLVER,
    CaaLevel,
    Chain,
    Delegation,
    DnsAnswer,
    DnsFacts,
    DnsPolicy,
    DnssecAnswer,
    DnsServerFacts,
    DnsTarget,
    ListedServer,
    OwnerRecord,
    RecordSet,
    ServiceRecord,
    Sibling,
    Sighting,
    SubnetAnswer,
    Walk,
)
from pointsman.probes.wire.dns.judge import judge
from pointsman.probes.wire.dns.zones import Hop, NamedAddresses

NAME = "store.shop.test"
OLD, NEW = "192.0.2.1", "192.0.2.2"
OLD6, NEW6 = "2001:db8::1", "2001:db8::2"
POLICY = DnsPolicy(60, OLD, NEW, old_also=(OLD6,), new_also=(NEW6,))
GATE = {"DNS020", "DNS021", "DNS022"}

# -- facts of any kind: plausible words and hostile ones

HOSTILE = ["\x1b[31m", "a\u202eb", "$(id)", "'; ls", "\x00", "x" * 300, "", "a..b", "\ud800", "ü"]
words = st.sampled_from(HOSTILE)
names = st.sampled_from([f"{NAME}.", f"{NAME}.", "lb.shop.test.", "shop.test.", ".", *HOSTILE])
addresses = st.sampled_from([OLD, NEW, OLD6, NEW6, "10.0.0.1", "104.16.0.1", "203.0.113.9", *HOSTILE[:3]])
either = st.sampled_from([OLD, NEW, OLD6, "10.0.0.1", "lb.shop.test.", f"{NAME}.", *HOSTILE[:4]])
types = st.sampled_from(["A", "A", "AAAA", "CNAME", "HTTPS", "TXT", "NS", "NSEC", "SOA", *HOSTILE[:3]])
rcodes = st.sampled_from(["NOERROR", "NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED", "", *HOSTILE[:2]])
seconds = st.sampled_from([0, 30, 60, 61, 3600, 86401, 604800, 2**31])
errors = st.sampled_from(["", "", "", "timeout", "refused", "local", "malformed"])
texts = st.tuples(words)
record_sets = st.builds(RecordSet, names, types, seconds, st.tuples(either) | st.just(()))
sets = st.lists(record_sets, max_size=2).map(tuple)
services = st.tuples(
    st.builds(ServiceRecord, names, types, st.integers(0, 1), names, ipv4hint=st.tuples(addresses))
)
codes = st.sampled_from([(), (3,), (7,), (30,)])
numbers = st.sampled_from([0.0, 999.0, 1e3, 1e6])
plain_answers = st.builds(
    DnsAnswer, types, rcodes, st.booleans(), sets, error=errors, error_detail=words, extended_codes=codes
)
odd_answers = st.builds(
    DnsAnswer, types, rcodes, st.booleans(), sets, error=errors, error_detail=words, extended=texts,
    tcp_error=words, edns_dropped=st.booleans(), negative_ttl=st.none() | seconds, authority=sets,
    elapsed_ms=numbers, services=services, tries=st.integers(1, 3),
)  # fmt: skip
answers = plain_answers | odd_answers
few = st.lists(answers, max_size=3).map(tuple)
one = st.just(()) | st.tuples(plain_answers)
subnets = st.just(()) | st.tuples(
    st.builds(SubnetAnswer, words, plain_answers), st.builds(SubnetAnswer, words, plain_answers)
)
serials = st.sampled_from([None, 1, 2, 2**31, 2**32 - 1])
servers = st.builds(
    DnsServerFacts, st.sampled_from(["192.0.2.53:53", "192.0.2.54:53", *HOSTILE]),
    st.sampled_from([AUTHORITATIVE, AUTHORITATIVE, RESOLVER]), few, serials, st.none() | seconds, words,
    st.none() | seconds, names, st.none() | st.tuples(names),
    st.none() | st.builds(DnssecAnswer, odd_answers, st.none() | plain_answers), one, subnets,
)  # fmt: skip
hops = st.builds(Hop, names, types, seconds, st.tuples(either), words, names)
ends = st.sampled_from(["address", "no-data", "no-name", "loop", "too-long", "no-answer", "outside"])
chains = st.builds(Chain, names, st.lists(hops, max_size=4).map(tuple), ends, names, words)
glue = st.tuples(st.builds(NamedAddresses, names, st.tuples(addresses)))
delegations = st.builds(Delegation, words, words, st.tuples(names), glue)
listed = st.builds(
    ListedServer, names, st.just(()) | st.tuples(addresses), st.booleans(), st.booleans(), words
)
walks = st.builds(
    Walk, names, names, texts, st.lists(delegations, max_size=2).map(tuple), st.tuples(listed, listed),
    st.integers(0, 2), words,
)  # fmt: skip
caa = st.builds(
    CaaLevel, names, st.tuples(st.builds(CaaRecord, st.sampled_from([0, 128]), words, words)),
    st.booleans(), rcodes, words, words,
)  # fmt: skip
owners = st.builds(OwnerRecord, names, words, seconds, texts, words, st.booleans(), words, words)
sighted = st.builds(Sighting, numbers, names, st.just("192.0.2.53:53"), types, seconds, st.tuples(addresses))
facts_of_any_kind = st.builds(
    DnsFacts, st.builds(DnsTarget, st.sampled_from([NAME, NAME, *HOSTILE])),
    st.lists(servers, max_size=3).map(tuple),
    st.none() | walks, st.none() | chains, st.just(()) | st.tuples(chains), st.just(()) | st.tuples(caa, caa),
    st.just(()) | st.tuples(owners, owners), st.none() | st.builds(Sibling, names, words, plain_answers),
    st.just(()) | st.tuples(sighted, sighted), numbers, cut_short=words,
)  # fmt: skip
policies = st.builds(
    DnsPolicy, seconds, addresses, addresses, st.sampled_from(["", "old", "new"]),
    ca_domains=st.just(()) | st.tuples(words), external_dns_owner=st.just("") | words,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(facts_of_any_kind, policies)
def test_any_facts_are_judged_and_what_is_shown_is_clean(facts: DnsFacts, policy: DnsPolicy) -> None:
    found = judge(facts, policy)
    assert [one.rule in GATE for one in found].count(True) == 1
    for finding in found:
        assert finding.rule in RULES
        for line in (finding.summary, finding.reproduce, str(finding.subject), *finding.evidence):
            assert clean(line, 100_000) == line
            assert len(line) < 2_000


def outcome(found: tuple[Finding, ...]) -> list[tuple[str, str, str]]:
    return sorted((one.rule, str(one.verdict), str(one.subject)) for one in found)


@settings(max_examples=40, deadline=None)
@given(facts_of_any_kind, policies, st.randoms(use_true_random=False))
def test_the_order_of_servers_does_not_matter(facts: DnsFacts, policy: DnsPolicy, random: object) -> None:
    distinct = tuple({server.address: server for server in facts.servers}.values())
    shuffled = list(distinct)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    before = judge(replace(facts, servers=distinct), policy)
    assert outcome(before) == outcome(judge(replace(facts, servers=tuple(shuffled)), policy))


@settings(max_examples=40, deadline=None)
@given(facts_of_any_kind, policies)
def test_one_more_silent_server_makes_nothing_better(facts: DnsFacts, policy: DnsPolicy) -> None:
    before = judge(facts, policy)
    silent = tuple(DnsAnswer(kind, error="timeout") for kind in facts.target.types)
    more = replace(facts, servers=(*facts.servers, DnsServerFacts("198.51.100.53:53", AUTHORITATIVE, silent)))
    after = judge(more, policy)
    assert worst(one.verdict for one in after).badness >= worst(one.verdict for one in before).badness
    assert worst(one.verdict for one in after).badness >= Verdict.UNKNOWN.badness
    (gate,) = (one for one in after if one.rule in GATE)
    assert gate.verdict in (Verdict.UNKNOWN, Verdict.FAIL)


# -- causes that no server here shows


def answer(kind: str, *lines: str, rcode: str = "NOERROR", aa: bool = True, **more: object) -> DnsAnswer:
    """From lines such as ``store.shop.test. 60 A 192.0.2.1``."""
    found: dict[tuple[str, str], RecordSet] = {}
    for line in lines:
        owner, ttl, of, value = line.split(maxsplit=3)
        known = found.get((owner, of))
        found[owner, of] = RecordSet(owner, of, int(ttl), (*(known.values if known else ()), value))
    return DnsAnswer(kind, rcode, aa, tuple(found.values()), **more)  # type: ignore[arg-type]


def server(*lines: str, address: str = "192.0.2.53:53", serial: int = 1, **more: object) -> DnsServerFacts:
    by_type = {
        kind: answer(kind, *(line for line in lines if line.split()[2] in (kind, "CNAME")))
        for kind in ("A", "AAAA", "CNAME", "HTTPS")
    }
    return DnsServerFacts(address, AUTHORITATIVE, tuple(by_type.values()), serial, **more)  # type: ignore[arg-type]


def resolver(*lines: str, aa: bool = False, **more: object) -> DnsServerFacts:
    answers = tuple(
        answer(kind, *(line for line in lines if line.split()[2] == kind), aa=aa) for kind in ("A", "AAAA")
    )
    return DnsServerFacts("192.0.2.99:53", RESOLVER, answers, **more)  # type: ignore[arg-type]


def troubles(facts: DnsFacts, policy: DnsPolicy = POLICY) -> dict[str, Finding]:
    return {one.name: one for one in judge(facts, policy) if one.verdict not in (Verdict.PASS, Verdict.SKIP)}


def about(*servers: DnsServerFacts, **more: object) -> DnsFacts:
    return DnsFacts(DnsTarget(NAME), servers, **more)  # type: ignore[arg-type]


AT_OLD = f"{NAME}. 60 A {OLD}"


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("d111111abcdef8.cloudfront.net.", "cdn-in-front"),
        ("store.shop.test.cdn.cloudflare.net.", "cdn-in-front"),
        ("notcloudfront.net.", None),
        ("lb.eu-west-1.elb.amazonaws.com.", None),
    ],
)
def test_a_cdn_is_known_by_its_published_names(value: str, rule: str | None) -> None:
    assert (troubles(about(server(f"{NAME}. 60 CNAME {value}"))).get("cdn-in-front") is not None) == bool(
        rule
    )


def test_a_cdn_that_the_plan_names_is_no_surprise() -> None:
    facts = about(server(f"{NAME}. 60 A 104.16.0.1"))
    assert "cdn-in-front" in troubles(facts)
    assert "cdn-in-front" not in troubles(facts, DnsPolicy(60, OLD, "104.16.0.1"))


def test_private_addresses_of_an_internal_plan_are_no_surprise() -> None:
    facts = about(server(f"{NAME}. 60 A 10.0.0.5"))
    assert "private-address" in troubles(facts)
    assert "private-address" in troubles(facts, DnsPolicy(60, OLD, "10.0.0.5"))
    assert not troubles(facts, DnsPolicy(60, "10.0.0.4", "10.0.0.5"))


def test_serials_wrap_around() -> None:
    """RFC 1982: 3 comes after 4294967290."""
    newer = server(f"{NAME}. 60 A {NEW}", address="192.0.2.54:53", serial=3)
    stale = server(AT_OLD, serial=4_294_967_290)
    found = troubles(about(stale, newer))
    assert set(found) == {"stale-server"}
    assert found["stale-server"].subject == judge(about(newer, stale), POLICY)[1].subject
    assert "192.0.2.53:53" in str(found["stale-server"].subject)


def test_equal_serials_with_different_records_are_nobodys_staleness() -> None:
    found = troubles(about(server(AT_OLD), server(f"{NAME}. 60 A {NEW}", address="192.0.2.54:53")))
    assert set(found) == {"servers-disagree"}


def test_a_resolver_that_stretches_is_told_from_one_that_has_not_let_go() -> None:
    holding = resolver(f"{NAME}. 250 A {OLD}")
    at = 10_000.0
    facts = about(server(AT_OLD), holding, at=at)
    assert troubles(facts)["resolver-holds-old-ttl"].verdict is Verdict.FAIL

    def seen(before_s: float, ttl: int) -> Sighting:
        return Sighting(at - before_s, f"{NAME}.", "192.0.2.53:53", "A", ttl, (OLD,))

    recent = replace(facts, seen=(seen(900, 300), seen(100, 60)))
    assert "resolver-holds-old-ttl" in troubles(recent)
    long_ago = replace(facts, seen=(seen(900, 300), seen(500, 60)))
    assert set(troubles(long_ago)) == {"resolver-stretches-ttl"}


def test_a_lowered_ttl_is_not_taken_for_one_that_runs_down() -> None:
    facts = about(server(AT_OLD), at=1_000.0)
    lowered = Sighting(900.0, f"{NAME}.", "192.0.2.53:53", "A", 300, (OLD,))
    assert not troubles(replace(facts, seen=(lowered,)))
    counted = Sighting(970.0, f"{NAME}.", "192.0.2.53:53", "A", 90, (OLD,))
    found = troubles(replace(facts, seen=(counted,)))
    assert found["alias-flattened"].verdict is Verdict.FAIL
    assert "90 s seen" in found["alias-flattened"].summary


FAIL = Verdict.FAIL


def _caa(name: str, *records: tuple[str, str], answered: bool = True) -> CaaLevel:
    return CaaLevel(
        name, tuple(CaaRecord(0, *one) for one in records), answered, rcode="" if answered else "SERVFAIL"
    )


@pytest.mark.parametrize(
    ("levels", "name", "verdict"),
    [
        ((_caa("a."), _caa("b.", ("issue", "letsencrypt.org; validationmethods=dns-01"))), NAME, None),
        ((_caa("a.", ("issue", "pki.goog")), _caa("b.", ("issue", "letsencrypt.org"))), NAME, FAIL),
        ((_caa("a.", ("issue", ";")),), NAME, FAIL),
        ((_caa("a.", ("iodef", "mailto:a@b")), _caa("b.", ("issue", "pki.goog"))), NAME, None),
        ((_caa("a.", ("issue", "letsencrypt.org"), ("issuewild", "pki.goog")),), NAME, None),
        ((_caa("a.", ("issue", "letsencrypt.org"), ("issuewild", ";")),), "*.shop.test", FAIL),
        ((_caa("a.", answered=False), _caa("b.", ("issue", "letsencrypt.org"))), NAME, Verdict.UNKNOWN),
    ],
)  # fmt: skip
def test_the_first_name_with_caa_records_decides(
    levels: tuple[CaaLevel, ...], name: str, verdict: Verdict | None
) -> None:
    facts = replace(about(server(AT_OLD), caa=levels), target=DnsTarget(name))
    told = troubles(facts, replace(POLICY, ca_domains=("letsencrypt.org",))).get("caa-forbids")
    assert (told.verdict if told else None) is verdict
    assert "caa-forbids" not in troubles(facts)


def owner(name: str, who: str) -> OwnerRecord:
    return OwnerRecord(
        f"a-{NAME}.", "a", 60, (f"owner={who}",), "192.0.2.53:53", True, who, f"ingress/shop/{name}"
    )


def test_owners_of_the_record() -> None:
    blue, green = owner("web", "blue"), owner("api", "green")
    facts = about(server(AT_OLD), owners=(blue,))
    assert troubles(facts)["owner-record-found"].verdict is Verdict.WARN
    assert not troubles(facts, replace(POLICY, external_dns_owner="blue"))
    assert (
        troubles(facts, replace(POLICY, external_dns_owner="red"))["owner-elsewhere"].verdict is Verdict.FAIL
    )
    both = replace(facts, owners=(blue, green))
    assert (
        "several owners"
        in troubles(both, replace(POLICY, external_dns_owner="blue"))["owner-elsewhere"].summary
    )


def test_an_alias_leads_where_its_chain_ends() -> None:
    """The name's own servers stop at the zone's edge."""
    alias = server(f"{NAME}. 60 CNAME lb.else.test.")
    hops = (Hop(f"{NAME}.", "CNAME", 60, ("lb.else.test.",)), Hop("lb.else.test.", "A", 60, (OLD,)))
    chain = Chain(f"{NAME}.", hops, "address", "lb.else.test.")
    facts = about(alias, chain=chain)
    assert not troubles(facts, replace(POLICY, expect="old"))
    assert set(troubles(facts, replace(POLICY, expect="new"))) == {"wrong-side"}
    nowhere = replace(chain, hops=hops[:1], end="no-answer", detail="its servers did not answer")
    assert troubles(replace(facts, chain=nowhere))["walk-incomplete"].verdict is Verdict.UNKNOWN
    empty = replace(chain, hops=hops[:1], end="no-data")
    assert troubles(replace(facts, chain=empty))["no-address"].verdict is Verdict.FAIL


def test_an_expired_answer_and_bogus_signatures_are_told_by_the_resolvers_own_word() -> None:
    stale = replace(
        resolver(AT_OLD), answers=(answer("A", AT_OLD, aa=False, extended=("EDE 3",), extended_codes=(3,)),)
    )
    assert set(troubles(about(server(AT_OLD), stale))) == {"stale-answer-served"}
    bogus = answer("A", rcode="SERVFAIL", aa=False, extended=("EDE 7",), extended_codes=(7,))
    assert set(troubles(about(server(AT_OLD), replace(stale, answers=(bogus,))))) == {"dnssec-bogus"}


def test_a_name_server_that_garbles_or_refers_elsewhere() -> None:
    garbled = tuple(DnsAnswer(kind, error="malformed", error_detail="no DNS") for kind in ("A", "AAAA"))
    facts = about(server(AT_OLD), DnsServerFacts("192.0.2.54:53", AUTHORITATIVE, garbled))
    assert troubles(facts)["answer-garbled"].verdict is Verdict.UNKNOWN
    upward = replace(answer("A", aa=False), authority=(RecordSet("test.", "NS", 300, ("ns.test.",)),))
    lame = about(server(AT_OLD), DnsServerFacts("192.0.2.54:53", AUTHORITATIVE, (upward,)))
    assert "refers to the servers of test." in troubles(lame)["lame-server"].summary


def test_a_resolver_of_its_own_zone_is_no_cache_that_lags() -> None:
    """Such an answer never runs out: it must not be called one that only has to be waited for."""
    at_new = f"{NAME}. 60 A {NEW}"
    policy = replace(POLICY, expect="new")
    assert set(troubles(about(server(at_new), resolver(AT_OLD)), policy)) == {"resolver-behind"}
    assert set(troubles(about(server(at_new), resolver(AT_OLD, aa=True)), policy)) == {"split-horizon"}
    stranger = resolver(f"{NAME}. 60 A 203.0.113.9")
    assert set(troubles(about(server(at_new), stranger), policy)) == {"split-horizon"}
    assert "wrong-side" in troubles(about(stranger), policy)


def test_rotation_among_one_sides_addresses_is_no_alarm_beyond_a_warning() -> None:
    policy = DnsPolicy(60, OLD, NEW, new_also=("192.0.2.3",))
    first = f"{NAME}. 60 A {NEW}"
    other = answer("A", f"{NAME}. 60 A 192.0.2.3")
    assert troubles(about(server(first, repeated=(other,))), policy)["server-flaps"].verdict is Verdict.WARN
    away = answer("A", AT_OLD)
    assert troubles(about(server(first, repeated=(away,))), policy)["server-flaps"].verdict is Verdict.FAIL


# -- the catalogue and the page for operators

DOCS = Path(__file__).resolve().parent.parent.parent / "docs" / "dns.md"


ROW = re.compile(r"^\| (\d+) \| (.+?) \| (\w+) \| `([a-z0-9-]+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)


def test_every_dns_rule_is_in_the_page() -> None:
    # those about owners stand with what is said of external-dns
    pages = (DOCS, DOCS.with_name("external-dns.md"))
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    dns_rules = [rule for rule in RULES.values() if rule.id.startswith("DNS")]
    told = {rule.id for rule in dns_rules if f"`{rule.name}`" in text or f"`{rule.id}`" in text}
    assert told == {rule.id for rule in dns_rules}


def test_no_row_of_the_page_without_a_situation_that_is_tested() -> None:
    proved: dict[int, tuple[str, str, str, set[str]]] = {}
    for one in SITUATIONS:
        *_, by = proved.setdefault(one.number, (one.title, str(one.verdict), one.rule, set()))
        by.update(one.proved_by)
    rows = {
        int(number): (title, verdict, rule, set(by.split(", ")))
        for number, title, verdict, rule, _, by in ROW.findall(DOCS.read_text(encoding="utf-8"))
    }
    assert rows == proved
    assert sorted(rows) == list(range(1, 40))


def test_every_situation_has_a_rule_of_its_own() -> None:
    assert len({one.rule for one in SITUATIONS}) == len({one.number for one in SITUATIONS})


def test_only_what_no_real_server_does_is_made_by_our_own() -> None:
    assert {one.number for one in SITUATIONS if "our own" in one.proved_by} == {19, 20, 21, 22, 23, 30}
