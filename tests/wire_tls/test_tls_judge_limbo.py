"""x509-limbo: nothing wrong on the gate, and what else we see otherwise is on a list with its reason."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from cryptography import x509
from OpenSSL import crypto
from pointsman.probes.wire.tls.certificate import parse_chain
from pointsman.probes.wire.tls.facts import VerifyError
from tls_limbo import Case, differing, judged, limbo, passes

NO_CRL = "no client of the web fetches CRLs, and none comes with a handshake"
CRL_CA = "the issuer lacks KeyUsage, which public CAs must have; the private profile accepts it"
NO_DEPTH = "the case sets a depth of its own; ours is 8"
NO_CN = "a rule for issuers (BR 7.1.4.3): clients do not read the common name"
NO_IDS = "a rule for issuers: clients that find no key identifier go by names and signatures"
CLIENT_DEPENDENT = "said as client-dependent: OpenSSL refuses the root's key identifier, others do not look"
CLIENTS = "a client's certificate: we judge servers, for which it is not meant"
LEAF_CA = "a CA certificate as leaf is refused (BR 7.1.2.7.8), as limbo's own webpki::ca-as-leaf has it"
PUBLIC_SUFFIX = "needs the public suffix list, which clients do not ask for wildcards"
PEDANTIC_EKU = "a rule for issuers (BR 7.1.2.7.10): clients do not look that closely"
PEDANTIC = "a rule for issuers that verifiers pass over"
BROWSERS = "BR 7.1.2.5.2 allows what RFC 5280 forbids; we hold with the web"

# what we accept and limbo would have refused, by the public profile
ACCEPTED: dict[str, tuple[str, ...]] = {
    NO_CRL: (
        "crl::revoked-certificate-with-crl",
        "crl::crlnumber-missing",
        "crl::crlnumber-critical",
        "crl::issuer-missing-crlsign",
    ),
    NO_DEPTH: ("pathlen::max-chain-depth-0-exhausted", "pathlen::max-chain-depth-1-exhausted"),
    NO_CN: (
        "webpki::cn::ipv4-hex-mismatch",
        "webpki::cn::ipv4-leading-zeros-mismatch",
        "webpki::cn::ipv6-uppercase-mismatch",
        "webpki::cn::ipv6-uncompressed-mismatch",
        "webpki::cn::ipv6-non-rfc5952-mismatch",
        "webpki::cn::punycode-not-in-san",
        "webpki::cn::utf8-vs-punycode-mismatch",
        "webpki::cn::not-in-san",
        "webpki::cn::case-mismatch",
    ),
    NO_IDS: (
        "rfc5280::aki::intermediate-missing-aki",
        "rfc5280::aki::cross-signed-root-missing-aki",
        "rfc5280::ski::root-missing-ski",
        "rfc5280::ski::intermediate-missing-ski",
    ),
    CLIENT_DEPENDENT: (
        "webpki::aki::root-with-aki-all-fields",
        "webpki::aki::root-with-aki-ski-mismatch",
    ),
    PUBLIC_SUFFIX: (
        "webpki::san::public-suffix-multi-label-wildcard-san",
        "webpki::san::public-suffix-private-namespace-wildcard-san",
    ),
    PEDANTIC_EKU: (
        "webpki::eku::ee-anyeku",
        "webpki::eku::ee-without-eku",
        "webpki::eku::root-has-eku",
    ),
    PEDANTIC: ("rfc5280::pc::ica-noncritical-pc", "rfc5280::serial::zero"),
    BROWSERS: ("rfc5280::nc::permitted-dns-match-noncritical",),
}
# what we refuse and limbo would have accepted
REFUSED: dict[str, tuple[str, ...]] = {
    CRL_CA: ("crl::issuer-no-keyusage-extension",),
    LEAF_CA: ("pathlen::validation-ignores-pathlen-in-leaf", "rfc5280::ca-as-leaf"),
    CLIENTS: (
        "rfc5280::nc::nc-permits-email-exact",
        "rfc5280::nc::nc-permits-email-domain",
        "rfc5280::nc::nc-permits-email-literal-asterisk-exact-match",
        "rfc5280::nc::nc-permits-email-literal-double-asterisk",
        "rfc5280::nc::nc-permits-email-literal-mid-asterisk",
    ),
}
# what the profile for private roots accepts beyond that, because private PKI does it and clients do not mind
PRIVATE_ALSO = {
    "rfc5280::aki::leaf-missing-aki": "leaves of small CAs have no authority key identifier",
    "rfc5280::root-non-critical-basic-constraints": "OpenSSL's old configuration made such roots",
    "webpki::aki::root-with-aki-missing-keyidentifier": "nobody looks for the issuer of a root",
    "webpki::eku::ee-critical-eku": "RFC 5280 leaves it to the issuer",
    "webpki::san::san-critical-with-nonempty-subject": "RFC 5280 only says SHOULD",
    "webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf": "a rule of the browsers' forum alone",
    "webpki::forbidden-rsa-not-divisible-by-8-in-root": "a rule of the browsers' forum alone",
}


def reasons() -> dict[str, str]:
    """Why, for each case that is not as limbo expects it."""
    return {name: why for table in (ACCEPTED, REFUSED) for why, names in table.items() for name in names}


@pytest.fixture(scope="module")
def cases(shared: Path) -> list[Case]:
    path = shared / "limbo_core.json"
    if not path.exists():
        pytest.skip("needs x509-limbo's cases: no limbo_core.json in the third-party data")
    return limbo(path)


@pytest.fixture(scope="module")
def wrong(cases: list[Case]) -> dict[str, Case]:
    return {case.name: case for case, _ in differing(cases)}


def test_the_gate_is_what_we_say_it_is(cases: list[Case]) -> None:
    assert len(cases) == 289
    assert sum(case.in_usual_gate for case in cases) == 135
    both = {case.name for case in cases if case.in_usual_gate and not case.in_gate}
    assert both == {
        "pathlen::validation-ignores-pathlen-in-leaf",
        "rfc5280::ca-as-leaf",
        "rfc5280::ca-as-leaf-wrong-san",
    }
    gate = [case for case in cases if case.in_gate]
    assert Counter(case.must_pass for case in gate) == {False: 85, True: 47}
    assert sum(case.path_building for case in cases) == 81


def test_nothing_is_accepted_or_refused_wrongly_on_the_gate(
    cases: list[Case], wrong: dict[str, Case]
) -> None:
    assert not [name for name, case in wrong.items() if case.in_gate]
    assert not [name for name, case in wrong.items() if case.path_building]


def test_what_is_seen_otherwise_is_on_the_list(wrong: dict[str, Case]) -> None:
    accepted = {name for name, case in wrong.items() if not case.must_pass}
    refused = {name for name, case in wrong.items() if case.must_pass}
    assert accepted == {name for names in ACCEPTED.values() for name in names}
    assert refused == {name for names in REFUSED.values() for name in names}
    assert all(reasons()[name] for name in wrong)


def test_the_profile_for_private_roots_accepts_only_what_private_pki_does(
    cases: list[Case], wrong: dict[str, Case]
) -> None:
    lax = {case.name: case for case, _ in differing(cases, private=True)}
    accepted = {name for name, case in lax.items() if not case.must_pass}
    by_both = {name for name, case in wrong.items() if not case.must_pass}
    assert accepted - by_both == set(PRIVATE_ALSO)
    assert by_both <= accepted
    # and refuses nothing that the public profile accepts
    assert {name for name, case in lax.items() if case.must_pass} <= {
        name for name, case in wrong.items() if case.must_pass
    }


def test_every_refusal_has_a_cause_of_its_own(cases: list[Case]) -> None:
    """The verifier's words mislead: on the gate few refusals are left for which we have none better."""
    bare = [
        case.name
        for case in cases
        if case.in_gate and not case.must_pass and {one.rule for one in judged(case)} >= {"TLS018"}
    ]
    assert len(bare) <= 12, bare


def openssl_complaints(case: Case) -> tuple[VerifyError, ...]:
    """What OpenSSL says of the same chain; its own store knows neither host nor purpose."""
    store = crypto.X509Store()
    for text in case.raw["trusted_certs"]:
        store.add_cert(crypto.X509.from_cryptography(x509.load_pem_x509_certificate(text.encode())))
    store.set_time(case.now)
    chain = [crypto.X509.from_cryptography(one) for one in parse_chain(case.chain)]
    try:
        crypto.X509StoreContext(store, chain[0], chain[1:]).verify_certificate()
    except crypto.X509StoreContextError as error:
        code, depth, told = error.errors
        return (VerifyError(int(str(code)), int(str(depth)), str(told)),)
    return ()


def test_where_openssl_finds_no_way_and_others_do_it_depends_on_the_client(cases: list[Case]) -> None:
    """OpenSSL does not turn back at a bad certificate: it fails paths that have a valid alternative."""
    disputed = 0
    for case in cases:
        if not (case.path_building and case.must_pass):
            continue
        complaints = openssl_complaints(case)
        findings = judged(case, complaints=complaints)
        dependent = [one for one in findings if one.rule == "TLS048"]
        assert bool(dependent) is bool(complaints), case.name
        assert all(complaints[0].text in one.summary for one in dependent)
        disputed += bool(complaints)
    assert 18 <= disputed <= 30


def test_a_judge_that_says_yes_to_all_would_be_seen(cases: list[Case]) -> None:
    assert any(not passes(judged(case)) for case in cases if case.in_gate)
