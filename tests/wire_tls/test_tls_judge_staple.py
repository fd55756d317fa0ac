"""What an OCSP staple says: only what clients would believe, and nothing where it cannot be read."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from pointsman.probes.verdict import Verdict
from pointsman.probes.wire.tls.judge import judge
from tls_fixture_pki import NOW, SERVER_AUTH, Entity, days, issue_ca, issue_leaf, staple
from tls_judge_kit import facts, shaken, verdicts, words, world

PASS, WARN, FAIL, UNKNOWN = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN


def found(leaf: Entity, answer: bytes, above: Entity | None = None) -> dict[str, Verdict]:
    return verdicts(findings(leaf, answer, above))


def findings(leaf: Entity, answer: bytes, above: Entity | None = None) -> Any:
    text = base64.b64encode(answer).decode()
    return judge(facts(shaken(leaf, above or world().above, staple=text)), world().policy())


def delegated(
    leaf: Entity, responder: Entity, above: Entity, digest: Any = None, with_certificate: bool = True
) -> bytes:
    updated, until = days(-1, 6)
    builder = ocsp.OCSPResponseBuilder().add_response(
        leaf.certificate,
        above.certificate,
        digest or hashes.SHA256(),
        ocsp.OCSPCertStatus.GOOD,
        updated,
        until,
        None,
        None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, responder.certificate)
    if with_certificate:
        builder = builder.certificates([responder.certificate])
    return builder.sign(responder.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("demanded", [True, False])
def test_what_a_staple_says_weighs_more_where_the_certificate_demands_one(demanded: bool) -> None:
    above = world().above
    leaf = world().leaf(must_staple=demanded)
    worse, doubt = (FAIL, FAIL) if demanded else (WARN, UNKNOWN)
    assert found(leaf, staple(leaf, above)) == {"chain-ok": PASS}
    assert found(leaf, staple(leaf, above, dates=days(-9, -2))) == {"staple-expired": worse}
    assert found(leaf, staple(leaf, above, dates=days(1, 4))) == {"staple-expired": worse}
    assert found(leaf, staple(world().leaf(), above)) == {"staple-wrong-cert": worse}
    unknown = staple(leaf, above, status=ocsp.OCSPCertStatus.UNKNOWN)
    assert found(leaf, unknown) == {"staple-useless": worse}
    later = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    assert found(leaf, later.public_bytes(serialization.Encoding.DER)) == {"staple-useless": doubt}
    assert found(leaf, b"garbage") == {"staple-useless": doubt}
    assert found(leaf, b"\x30" * 100_000) == {"staple-useless": doubt}
    assert found(leaf, b"") == ({"must-staple-missing": FAIL} if demanded else {"chain-ok": PASS})


def test_revoked_always_fails_and_says_since_when_and_why() -> None:
    leaf = world().leaf()
    revoked = findings(leaf, staple(leaf, world().above, status=ocsp.OCSPCertStatus.REVOKED))
    assert verdicts(revoked) == {"revoked": FAIL}
    since = (NOW - timedelta(days=2)).strftime("%Y-%m-%d %H:%M")
    assert words(revoked, "revoked") == f"revoked since {since} UTC, keyCompromise"


def test_a_staple_of_a_stranger_is_not_believed() -> None:
    """A good answer about the same serial number, of a CA of the same name with another key."""
    leaf = world().leaf(must_staple=True)
    stranger = issue_ca("Judge Intermediate", world().root)
    assert found(leaf, staple(leaf, stranger)) == {"staple-wrong-cert": FAIL}
    # the certificate's id is right, and the signature is not: revoked by nobody whom the CA knows
    forged = delegated(leaf, stranger, world().above, with_certificate=False)
    assert found(leaf, forged) == {"staple-untrusted": FAIL}
    spoiled = bytearray(staple(leaf, world().above, status=ocsp.OCSPCertStatus.REVOKED))
    spoiled[-3] ^= 1
    assert found(leaf, bytes(spoiled)) == {"staple-untrusted": FAIL}


def test_a_responder_must_be_named_by_the_ca_and_for_ocsp() -> None:
    above = world().above
    leaf = world().leaf(must_staple=True)
    signing = (ExtendedKeyUsageOID.OCSP_SIGNING,)
    good = issue_leaf(above, None, common="Responder", usages=signing)
    assert found(leaf, delegated(leaf, good, above)) == {"chain-ok": PASS}
    for usages, dates, issuer in (
        ((SERVER_AUTH,), days(-5, 40), above),
        (signing, days(-40, -5), above),
        (signing, days(-5, 40), world().root),
    ):
        bad = issue_leaf(issuer, None, common="Responder", usages=usages, dates=dates)
        assert found(leaf, delegated(leaf, bad, above)) == {"staple-untrusted": FAIL}
    assert found(leaf, delegated(leaf, good, above, with_certificate=False)) == {"staple-untrusted": FAIL}


@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.SHA256(), hashes.SHA384()])
def test_the_certificate_is_known_by_any_hash_and_issuers_of_any_key(digest: hashes.HashAlgorithm) -> None:
    key = rsa.generate_private_key(65537, 2048)
    for above in (world().above, issue_ca("RSA Intermediate", world().root, key=key)):
        leaf = issue_leaf(above, ("shop.example.test",), must_staple=True)
        assert found(leaf, delegated(leaf, above, above, digest), above) == {"chain-ok": PASS}


def test_where_the_issuer_is_not_known_only_the_serial_number_is_compared() -> None:
    leaf = world().leaf(must_staple=True)
    text = base64.b64encode(staple(leaf, world().above)).decode()
    alone = judge(facts(shaken(leaf, staple=text)), world().policy())
    assert verdicts(alone) == {"incomplete-chain": FAIL}
    assert isinstance(leaf.certificate, x509.Certificate)
