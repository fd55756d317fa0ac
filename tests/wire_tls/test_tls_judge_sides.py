"""The old side against the new, and a certificate that ought to be served against the one that is."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pointsman.cluster.errors import UserError
from pointsman.probes.verdict import Verdict
from pointsman.probes.wire.tls.facts import VERSIONS, Handshake, TlsFacts
from pointsman.probes.wire.tls.sides import compare_secret, compare_sides, fingerprint
from tls_fixture_pki import Entity, days, issue_ca, issue_leaf
from tls_judge_kit import HOST, der64, facts, refusal, shaken, verdicts, words, world

PASS, WARN, FAIL, UNKNOWN = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN
KEY = ec.generate_private_key(ec.SECP256R1())
LEAF = issue_leaf(world().above, (HOST, "www.example.test", "*.api.example.test"), key=KEY)
SERVED = shaken(LEAF, world().above)
OLD = facts(SERVED, random_name=refusal(sni="pm-1.invalid"), no_name=refusal(sni=""))


def new(*named: Handshake, **options: object) -> TlsFacts:
    settings: dict[str, object] = {"random_name": OLD.random_name, "no_name": OLD.no_name} | options
    return facts(*(named or (SERVED,)), address="198.51.100.1", **settings)


def compared(now: TlsFacts, was: TlsFacts = OLD) -> dict[str, Verdict]:
    return verdicts(compare_sides(was, now, world().policy()))


def test_equal_sides_have_one_line() -> None:
    (only,) = compare_sides(OLD, new(), world().policy())
    assert (only.name, only.verdict) == ("sides-agree", PASS)
    assert str(only.subject) == f"{HOST} at 198.51.100.1:443"
    assert only.reproduce.count("openssl s_client") == 2
    assert [line.partition(":")[0] for line in only.evidence] == ["old 192.0.2.1"] * 2 + [
        "new 198.51.100.1"
    ] * 2


def test_a_renewed_certificate_is_a_note_and_its_changes_are_told() -> None:
    names = (HOST, "www.example.test", "*.api.example.test")
    same_key = issue_leaf(world().above, names, key=KEY)
    assert compared(new(shaken(same_key, world().above))) == {"other-certificate": PASS}
    other_key = issue_leaf(world().above, names)
    assert compared(new(shaken(other_key, world().above))) == {"other-certificate": PASS, "other-key": WARN}
    earlier = issue_leaf(world().above, names, key=KEY, dates=days(-5, 20))
    findings = compare_sides(OLD, new(shaken(earlier, world().above)), world().policy())
    assert verdicts(findings) == {"other-certificate": PASS, "earlier-expiry": WARN}
    assert words(findings, "earlier-expiry").startswith("expires 20 days earlier than the old one")
    second = issue_ca("Second Intermediate", world().root)
    elsewhere = issue_leaf(second, names, key=KEY)
    assert compared(new(shaken(elsewhere, second))) == {"other-certificate": PASS, "other-issuer": WARN}


@pytest.mark.parametrize(
    ("names", "lost"),
    [
        ((HOST,), "www.example.test, *.api.example.test"),
        (("*.example.test", "*.api.example.test"), ""),
        (("*.example.test",), "*.api.example.test"),
        ((HOST, "www.example.test", "a.api.example.test"), "*.api.example.test"),
    ],
)
def test_names_that_are_lost_fail(names: tuple[str, ...], lost: str) -> None:
    leaf = issue_leaf(world().above, names, key=KEY)
    findings = compare_sides(OLD, new(shaken(leaf, world().above)), world().policy())
    assert verdicts(findings).get("names-lost") is (FAIL if lost else None)
    assert not lost or words(findings, "names-lost") == f"the new certificate is not for {lost}"


def test_intermediates_that_differ() -> None:
    assert compared(new(shaken(LEAF))) == {"chain-differs": WARN}
    assert compared(OLD, facts(shaken(LEAF))) == {"chain-differs": PASS}
    # a root that is sent or not is no difference to anybody
    assert compared(new(shaken(LEAF, world().above, world().root))) == {"sides-agree": PASS}


def tried(*accepted: str) -> tuple[Handshake, ...]:
    return tuple(
        replace(SERVED, offer=version, version=version) if version in accepted else refusal(version)
        for version in VERSIONS
    )


def test_versions_that_are_lost_or_come_back() -> None:
    def versions(was: tuple[str, ...], now: tuple[str, ...]) -> dict[str, Verdict]:
        return compared(new(versions=tried(*now)), replace(OLD, versions=tried(*was)))

    current = ("TLSv1.2", "TLSv1.3")
    assert versions(current, current) == {"sides-agree": PASS}
    assert versions(current, ("TLSv1.3",)) == {"version-lost": WARN}
    assert versions(current, ("TLSv1.2",)) == {"version-lost": WARN}
    assert versions(VERSIONS, current) == {"version-lost": PASS}
    assert versions(current, ("TLSv1.1", *current)) == {"version-gained": WARN}
    # without the full depth, what was agreed on
    assert compared(new(replace(SERVED, version="TLSv1.2"))) == {"version-lost": WARN}


def test_protocols_staples_groups_and_client_certificates() -> None:
    assert compared(new(replace(SERVED, alpn="http/1.1"))) == {"alpn-lost": WARN}
    still = new(replace(SERVED, alpn="http/1.1"), alpn=(replace(SERVED, offer="alpn h2"),))
    assert compared(still) == {"sides-agree": PASS}
    assert compared(new(replace(SERVED, group="X25519"))) == {"group-differs": PASS}
    stapled = replace(OLD, named=(replace(SERVED, staple="AAAA"),))
    assert compared(new(), stapled) == {"staple-lost": WARN}
    asks = replace(SERVED, client_certificate_wanted=True)
    ends = replace(asks, client_certificate_required=True)
    assert compared(new(asks)) == {"client-certificate-differs": FAIL}
    opened = compare_sides(replace(OLD, named=(asks,)), new(), world().policy())
    assert verdicts(opened) == {"client-certificate-differs": FAIL}
    assert "lets everybody in" in words(opened, "client-certificate-differs")
    assert compared(new(ends), replace(OLD, named=(asks,))) == {"client-certificate-differs": WARN}
    assert compared(new(ends), replace(OLD, named=(ends,))) == {"sides-agree": PASS}


@pytest.mark.parametrize(
    ("field", "name"), [("no_name", "no-name-differs"), ("random_name", "unknown-name-differs")]
)
def test_other_names_meet_something_else(field: str, name: str) -> None:
    default = shaken(issue_leaf(None, ("edge.invalid",)), sni="")
    host = replace(SERVED, sni="")
    silent = refusal(sni="", error="timeout")
    assert compared(new(**{field: default})) == {name: PASS}
    assert compared(new(**{field: default}), replace(OLD, **{field: host})) == {name: WARN}
    assert compared(new(**{field: refusal(sni="")}), replace(OLD, **{field: host})) == {name: WARN}
    # no answer is no difference
    assert compared(new(**{field: silent}), replace(OLD, **{field: host})) == {"sides-agree": PASS}


def test_a_side_that_served_nothing_is_unknown() -> None:
    for broken in (facts(), facts(refusal()), facts(Handshake(HOST, ("AAAA",)))):
        for was, now, word in ((broken, OLD, "old"), (OLD, broken, "new")):
            (only,) = compare_sides(was, now, world().policy())
            assert (only.name, only.verdict) == ("side-not-compared", UNKNOWN)
            assert only.summary.startswith(f"the {word} side (192.0.2.1:443) ")


def sha256(entity: Entity) -> str:
    return hashlib.sha256(base64.b64decode(der64(entity))).hexdigest()


def test_the_expected_certificate_is_served() -> None:
    (only,) = compare_secret(OLD, sha256(LEAF), source="tls.crt")
    assert (only.name, only.verdict) == ("expected-certificate-served", PASS)
    assert "fingerprint alone" in only.evidence[-1]
    assert "openssl x509 -noout -fingerprint -sha256" in only.reproduce
    # as one of a dual pair it is served too
    pair = replace(
        OLD,
        named=(shaken(issue_leaf(world().above, (HOST,)), world().above),),
        keys=(shaken(LEAF, world().above, offer="key rsa"),),
    )
    assert verdicts(compare_secret(pair, sha256(LEAF))) == {"expected-certificate-served": PASS}


def test_an_old_certificate_after_a_renewal_fails_and_says_what_can_be_known() -> None:
    renewed = issue_leaf(world().above, (HOST,), dates=days(-1, 60))
    (bare,) = compare_secret(OLD, sha256(renewed))
    assert (bare.name, bare.verdict) == ("expected-certificate-missing", FAIL)
    assert bare.summary == f"served is {sha256(LEAF)[:16]}, expected {sha256(renewed)[:16]}"
    (known,) = compare_secret(OLD, sha256(renewed), (der64(renewed),))
    assert "an older one is served" in known.summary
    assert known.summary.endswith("with another key")
    assert known.evidence[-1].endswith("no private key")
    again = issue_leaf(world().above, (HOST,), key=KEY, dates=days(-30, 10))
    (newer,) = compare_secret(OLD, sha256(again), (der64(again),))
    assert "a newer one is served" in newer.summary
    assert newer.summary.endswith("with the same key")


def test_one_pod_that_serves_the_old_certificate_fails() -> None:
    renewed = issue_leaf(world().above, (HOST,), dates=days(-1, 60))
    mixed = facts(shaken(renewed, world().above), SERVED, shaken(renewed, world().above))
    (only,) = compare_secret(mixed, sha256(renewed))
    assert (only.name, only.verdict) == ("expected-certificate-missing", FAIL)
    assert only.summary.endswith("is served in 1 of 3")
    (nothing,) = compare_secret(facts(refusal()), sha256(renewed))
    assert nothing.verdict is UNKNOWN


def test_fingerprints_as_people_write_them() -> None:
    digits = sha256(LEAF)
    colons = ":".join(digits[index : index + 2].upper() for index in range(0, 64, 2))
    for text in (digits, colons, f"sha256 Fingerprint={colons}", f"SHA256:{digits}", f" {digits}\n"):
        assert fingerprint(text) == digits
    for text in ("", "abc", digits[:-1], digits + "0", "g" * 64, "\x1b[31m"):
        with pytest.raises(UserError, match="no SHA-256 fingerprint") as raised:
            fingerprint(text)
        assert "\x1b" not in str(raised.value)
