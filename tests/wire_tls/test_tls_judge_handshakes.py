"""What handshakes say beside their chains: versions, protocols, dual certificates, other names, clients."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pointsman.probes.verdict import Verdict
from pointsman.probes.wire.tls.facts import VERSIONS, Handshake, TlsFacts, VerifyError
from pointsman.probes.wire.tls.judge import judge
from tls_fixture_pki import days, issue_ca, issue_leaf
from tls_judge_kit import HOST, facts, pem, refusal, shaken, verdicts, words, world

PASS, WARN, FAIL, UNKNOWN = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN


def good(**options: object) -> Handshake:
    return shaken(world().leaf(), world().above, **options)


def found(seen: TlsFacts, **policy: object) -> dict[str, Verdict]:
    return verdicts(judge(seen, world().policy(**policy)))


def tried(*accepted: str, error: str = "alert") -> tuple[Handshake, ...]:
    return tuple(
        replace(good(version=version), offer=version)
        if version in accepted
        else refusal(version, error=error)
        for version in VERSIONS
    )


@pytest.mark.parametrize(
    ("accepted", "agreed", "wanted"),
    [
        (("TLSv1.2", "TLSv1.3"), "TLSv1.3", {"chain-ok": PASS}),
        (("TLSv1.2",), "TLSv1.2", {"chain-ok": PASS, "no-tls13": PASS}),
        (("TLSv1.1", "TLSv1.2", "TLSv1.3"), "TLSv1.3", {"old-version-accepted": WARN}),
        (VERSIONS, "TLSv1.3", {"old-version-accepted": WARN}),
        (("TLSv1", "TLSv1.1"), "TLSv1.1", {"old-protocol-version": FAIL}),
        (("TLSv1",), "TLSv1", {"old-protocol-version": FAIL}),
    ],
)
def test_versions(accepted: tuple[str, ...], agreed: str, wanted: dict[str, Verdict]) -> None:
    assert found(facts(good(version=agreed), versions=tried(*accepted))) == wanted


def test_a_version_that_got_no_answer_is_not_refused() -> None:
    for error in ("timeout", "not-tried", "unreachable"):
        assert found(facts(good(), versions=tried("TLSv1.2", error=error))) == {"chain-ok": PASS}


def test_both_certificates_of_a_pair_are_judged() -> None:
    old = issue_leaf(world().above, (HOST,), dates=days(-40, -3))
    other = issue_leaf(world().above, ("other.example.test",))
    first = good()
    for second, name in ((old, "expired"), (other, "name-mismatch")):
        rsa = shaken(second, world().above, offer="key rsa")
        findings = judge(facts(first, keys=(rsa, replace(first, offer="key ecdsa"))), world().policy())
        assert verdicts(findings) == {name: FAIL}
        assert words(findings, name).startswith("the RSA certificate: ")
        assert any("(key rsa)" in line for line in findings[0].evidence)
    pair = (good(offer="key rsa"), replace(first, offer="key ecdsa"))
    assert found(facts(first, keys=pair)) == {"chain-ok": PASS}
    assert found(facts(first, keys=(refusal("key rsa"), first))) == {"chain-ok": PASS}


def test_clients_of_one_protocol_must_get_through() -> None:
    every = (good(offer="alpn h2"), good(offer="alpn http/1.1", alpn="http/1.1"), good(offer="alpn", alpn=""))
    assert found(facts(good(), alpn=every)) == {"chain-ok": PASS}
    alone = (every[0], refusal("alpn http/1.1"), refusal("alpn"))
    findings = judge(facts(good(), alpn=alone), world().policy())
    assert verdicts(findings) == {"alpn-refused": WARN}
    assert [one.summary[:47] for one in findings] == [
        "clients that speak only http/1.1 are refused: h",
        "clients that offer no protocol (ALPN) are refus",
    ]
    # who speaks no HTTP/2 may well refuse it
    assert found(facts(good(), alpn=(refusal("alpn h2"), *every[1:]))) == {"chain-ok": PASS}
    assert found(facts(good(alpn="http/1.1")), wanted_alpn=("h2",)) == {"alpn-missing": WARN}


def test_a_client_certificate_that_is_wanted_is_a_warning() -> None:
    asks = good(client_certificate_wanted=True)
    ends = replace(asks, client_certificate_required=True, error="alert", alert=116)
    assert found(facts(asks)) == {"client-certificate": WARN}
    findings = judge(facts(ends, ends), world().policy())
    assert verdicts(findings) == {"client-certificate": WARN}
    assert "ends connections" in words(findings, "client-certificate")
    some = judge(facts(asks, good()), world().policy())
    assert "in 1 of 2 handshakes" in words(some, "client-certificate")


def test_clients_that_send_no_name() -> None:
    named = good()
    assert found(facts(named, no_name=replace(named, sni=""))) == {"chain-ok": PASS}
    nothing = refusal(sni="", detail="unrecognized name")
    findings = judge(facts(named, no_name=nothing), world().policy())
    assert verdicts(findings) == {"chain-ok": PASS, "no-name-answer": PASS}
    assert words(findings, "no-name-answer") == "clients that send no name are refused: unrecognized name"
    other = shaken(world().leaf("other.example.test"), world().above, sni="")
    assert "get another certificate" in words(
        judge(facts(named, no_name=other), world().policy()), "no-name-answer"
    )
    assert found(facts(named, no_name=refusal(sni="", error="timeout"))) == {"chain-ok": PASS}
    # where nobody is served, those without a name are no news
    assert found(facts(refusal(), no_name=nothing)) == {"handshake-failed": FAIL}


def test_a_default_certificate_in_some_of_the_handshakes() -> None:
    default = issue_leaf(None, ("edge.invalid",))
    bad, fine = shaken(default), good()
    seen = facts(fine, bad, fine, random_name=shaken(default, sni="pm-1.invalid"))
    findings = judge(seen, world().policy())
    assert verdicts(findings) == {"default-cert": FAIL, "certificate-varies": WARN}
    assert "in 1 of 3 handshakes" in words(findings, "default-cert")


def test_handshakes_that_failed_and_those_that_were_never_made() -> None:
    untried = refusal(error="not-tried", detail="no time was left")
    assert found(facts(good(), untried)) == {"could-not-ask": UNKNOWN}
    assert found(facts(untried, untried)) == {"could-not-ask": UNKNOWN}
    assert found(facts(good(), refusal(), untried)) == {"handshake-flaky": FAIL, "could-not-ask": UNKNOWN}
    assert found(facts(refusal(error="not-tls"))) == {"not-tls": FAIL}
    assert found(facts()) == {"could-not-ask": UNKNOWN}
    assert found(facts(Handshake(HOST, version="TLSv1.2"))) == {"could-not-ask": UNKNOWN}


def test_where_openssl_and_others_disagree_the_client_decides() -> None:
    complaint = VerifyError(20, 0, "unable to get local issuer certificate")
    findings = judge(facts(good(verify_errors=(complaint,))), world().policy())
    assert verdicts(findings) == {"client-dependent": WARN}
    told = words(findings, "client-dependent")
    assert told.startswith("OpenSSL (curl, Python, PHP, Ruby, nginx) refuses it: ")
    assert "unable to get local issuer certificate at depth 0" in told
    # what fails anyway has its own cause
    bad = shaken(world().leaf("other.example.test"), world().above, verify_errors=(complaint,))
    assert found(facts(bad)) == {"name-mismatch": FAIL}


def test_more_certificates_than_are_looked_at() -> None:
    findings = judge(facts(good(certificates=100)), world().policy())
    assert verdicts(findings) == {"extra-cert": WARN}
    assert words(findings, "extra-cert") == "100 certificates are sent; only the first 2 were looked at"


def test_a_sound_path_goes_before_a_longer_one_that_is_not() -> None:
    """The root, cross-signed by an older one that is trusted too: the cross-signature has expired."""
    elder = issue_ca("Elder Root", dates=days(-4000, 3000))
    cross = issue_ca("Judge Root", elder, key=world().root.key, dates=days(-900, -30))
    policy = world().policy()
    policy = replace(policy, roots_pem=policy.roots_pem + pem(elder))
    seen = facts(shaken(world().leaf(), world().above, cross))
    assert verdicts(judge(seen, policy)) == {"expired-cross-sign": WARN}
