"""Every chain fault, served by a real TLS server on loopback, gets its name."""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from loopback_kit import loopback
from OpenSSL import crypto
from pointsman.probes.verdict import Finding, Verdict, worst
from pointsman.probes.wire.tls.facts import Handshake, TlsFacts, TlsPolicy, TlsTarget
from pointsman.probes.wire.tls.judge import judge
from pointsman.probes.wire.tls.observe import observe
from wire_pki import HOST, NOW, Authority, Entity, authority, issue, rsa_key, server_context, shared_authority


async def greet(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


def target_for(port: int, ca_file: Path, name: str = HOST, attempts: int = 1) -> TlsTarget:
    return TlsTarget("127.0.0.1", port, name, ca_file=str(ca_file), attempts=attempts, timeout_s=5)


async def ask(tmp_path: Path, root: Entity, *chain: Entity, name: str = HOST, attempts: int = 1) -> TlsFacts:
    ca_file = tmp_path / "roots.pem"
    ca_file.write_bytes(root.pem)
    async with loopback(greet, server_context(tmp_path, *chain)) as port:
        return await observe(target_for(port, ca_file, name, attempts))


def policy(root: Entity, private: bool = False, soak_s: float = 0.0) -> TlsPolicy:
    return TlsPolicy(now=NOW, soak_s=soak_s, roots_pem=root.pem.decode(), private_roots=private)


def names(findings: Sequence[Finding]) -> set[str]:
    return {finding.name for finding in findings}


Maker = Callable[[Authority], Sequence[Entity]]
YEARS = {"begins": NOW - timedelta(days=900), "ends": NOW + timedelta(days=3000)}


def rekeyed(ca: Authority) -> Sequence[Entity]:
    return ca.leaf(), issue("Root intermediate", ca.root, ca=True, **YEARS)


def under_expired(ca: Authority) -> Sequence[Entity]:
    days = {"begins": NOW - timedelta(days=90), "ends": NOW - timedelta(days=1)}
    old = issue("Old intermediate", ca.root, ca=True, **days)
    return issue(HOST, old), old


def under_leaf(ca: Authority) -> Sequence[Entity]:
    no_ca = issue("No CA", ca.root, ca=True, basic=False, **YEARS)
    return issue(HOST, no_ca), no_ca


def under_short_path(ca: Authority) -> Sequence[Entity]:
    short = issue("Short", ca.root, ca=True, path_length=0, **YEARS)
    low = issue("Low", short, ca=True, **YEARS)
    return issue(HOST, low), low, short


def under_constraint(ca: Authority) -> Sequence[Entity]:
    constraints = x509.NameConstraints([x509.DNSName("other.test")], None)
    bound = issue("Bound", ca.root, ca=True, constraints=constraints, **YEARS)
    return issue(HOST, bound), bound


def cert_manager_temporary(_ca: Authority) -> Sequence[Entity]:
    return (issue(HOST, issue("cert-manager.local", ca=True, organisation="cert-manager")),)


def with_sha1(ca: Authority) -> Entity:
    leaf = ca.leaf()
    old = crypto.X509.from_cryptography(leaf.certificate)
    with warnings.catch_warnings():
        # deprecated, and the only way left to make so weak a signature
        warnings.simplefilter("ignore", DeprecationWarning)
        old.sign(crypto.PKey.from_cryptography_key(ca.intermediate.key), "sha1")
    return Entity(old.to_cryptography(), leaf.key)


def staging(_ca: Authority) -> Sequence[Entity]:
    ca = authority("(STAGING) Pretend Pear X1")
    return ca.leaf(), ca.intermediate


def private_with_root(_ca: Authority) -> Sequence[Entity]:
    ca = authority("Somebody's own")
    return ca.leaf(), ca.intermediate, ca.root


SERVED: list[tuple[str, Verdict, Maker]] = [
    ("chain-ok", Verdict.PASS, lambda ca: (ca.leaf(), ca.intermediate)),
    ("chain-ok", Verdict.PASS, lambda ca: (ca.leaf(), ca.intermediate, ca.root)),
    ("chain-ok", Verdict.PASS, lambda ca: (ca.leaf(names=("*.shop.test",)), ca.intermediate)),
    ("chain-ok", Verdict.PASS, lambda ca: (ca.leaf(key=rsa_key(2048)), ca.intermediate)),
    ("incomplete-chain", Verdict.FAIL, lambda ca: (ca.leaf(),)),
    ("incomplete-chain", Verdict.FAIL, lambda ca: (ca.leaf(), authority("Other").intermediate)),
    ("wrong-intermediate-key", Verdict.FAIL, rekeyed),
    ("duplicate", Verdict.WARN, lambda ca: (leaf := ca.leaf(), leaf, ca.intermediate)),
    ("extra-cert", Verdict.WARN, lambda ca: (ca.leaf(), ca.intermediate, authority("Other").intermediate)),
    ("self-signed", Verdict.FAIL, lambda _: (issue(HOST),)),
    ("untrusted-root", Verdict.FAIL, private_with_root),
    ("expired", Verdict.FAIL, lambda ca: (ca.leaf(ends=NOW - timedelta(hours=1)), ca.intermediate)),
    ("expiring", Verdict.WARN, lambda ca: (ca.leaf(ends=NOW + timedelta(days=1)), ca.intermediate)),
    (
        "not-yet-valid",
        Verdict.FAIL,
        lambda ca: (ca.leaf(begins=NOW + timedelta(days=1)), ca.intermediate),
    ),
    ("expired-intermediate", Verdict.FAIL, under_expired),
    ("name-mismatch", Verdict.FAIL, lambda ca: (ca.leaf(names=("other.test",)), ca.intermediate)),
    ("name-mismatch", Verdict.FAIL, lambda ca: (ca.leaf(names=("*.test",)), ca.intermediate)),
    ("name-mismatch", Verdict.FAIL, lambda ca: (ca.leaf(names=("a*.shop.test",)), ca.intermediate)),
    ("no-san", Verdict.FAIL, lambda ca: (ca.leaf(names=None), ca.intermediate)),
    ("default-cert", Verdict.FAIL, lambda _: (issue("TRAEFIK DEFAULT CERT", names=("x.traefik.default",)),)),
    (
        "default-cert",
        Verdict.FAIL,
        lambda _: (issue("Kubernetes Ingress Controller Fake Certificate", names=("ingress.local",)),),
    ),
    ("temporary-cert", Verdict.FAIL, cert_manager_temporary),
    ("staging-ca", Verdict.FAIL, staging),
    ("weak-key", Verdict.FAIL, lambda ca: (ca.leaf(key=rsa_key(1024)), ca.intermediate)),
    ("weak-signature", Verdict.FAIL, lambda ca: (with_sha1(ca), ca.intermediate)),
    (
        "bad-eku",
        Verdict.FAIL,
        lambda ca: (ca.leaf(eku=(ExtendedKeyUsageOID.CLIENT_AUTH,)), ca.intermediate),
    ),
    ("leaf-is-ca", Verdict.FAIL, lambda ca: (ca.leaf(basic=True), ca.intermediate)),
    ("invalid-ca", Verdict.FAIL, under_leaf),
    ("pathlen", Verdict.FAIL, under_short_path),
    ("name-constraint", Verdict.FAIL, under_constraint),
    (
        "lifetime",
        Verdict.WARN,
        lambda ca: (ca.leaf(ends=NOW + timedelta(days=388)), ca.intermediate),
    ),
    ("must-staple-missing", Verdict.FAIL, lambda ca: (ca.leaf(must_staple=True), ca.intermediate)),
]


@pytest.mark.parametrize(
    ("name", "verdict", "make"), SERVED, ids=[f"{index}-{name}" for index, (name, _, _) in enumerate(SERVED)]
)
async def test_served_fault_gets_its_name(tmp_path: Path, name: str, verdict: Verdict, make: Maker) -> None:
    ca = shared_authority()
    facts = await ask(tmp_path, ca.root, *make(ca))
    findings = judge(facts, policy(ca.root))
    # the same leaf answers for any name on this server, so a mismatch is a default certificate here
    wanted = "default-cert" if name == "name-mismatch" else name
    assert wanted in names(findings), [finding.summary for finding in findings]
    assert worst(finding.verdict for finding in findings) is verdict
    alone = replace(facts, random_name=None, no_name=None)
    findings = judge(alone, policy(ca.root))
    assert name in names(findings), [finding.summary for finding in findings]
    assert all(finding.evidence and "openssl s_client" in finding.reproduce for finding in findings)


async def test_a_healthy_chain_has_one_headline(tmp_path: Path) -> None:
    ca = shared_authority()
    facts = await ask(tmp_path, ca.root, ca.leaf(), ca.intermediate)
    (only,) = judge(facts, policy(ca.root))
    assert only.summary == "leaf, 1 intermediate, root known, 80 days, http/1.1"
    assert len(facts.named[0].chain) == 2
    assert facts.named[0].version == "TLSv1.3"
    assert facts.named[0].verify_errors == ()


async def test_what_was_served_keeps_order_and_verify_errors(tmp_path: Path) -> None:
    ca = shared_authority()
    leaf = ca.leaf()
    facts = await ask(tmp_path, ca.root, leaf, ca.root, ca.intermediate)
    served = facts.named[0]
    assert list(served.chain) == [leaf.der64, ca.root.der64, ca.intermediate.der64]
    assert names(judge(facts, policy(ca.root))) == {"wrong-order", "root-sent"}
    facts = await ask(tmp_path, ca.root, leaf)
    assert [(error.code, error.depth) for error in facts.named[0].verify_errors] == [(20, 0), (21, 0)]


async def test_expiry_within_the_soak_fails(tmp_path: Path) -> None:
    ca = shared_authority()
    ends = NOW + timedelta(days=25)
    facts = await ask(tmp_path, ca.root, ca.leaf(ends=ends), ca.intermediate)
    assert names(judge(facts, policy(ca.root))) == {"chain-ok"}
    (soaked,) = judge(facts, policy(ca.root, soak_s=26 * 86400))
    assert (soaked.name, soaked.verdict) == ("expiring", Verdict.FAIL)


async def test_private_pki_passes_the_laxer_profile_only(tmp_path: Path) -> None:
    root = issue("Bare root", ca=True, key_identifiers=False, **YEARS)
    leaf = issue(HOST, root, key_identifiers=False)
    facts = await ask(tmp_path, root, leaf)
    strict = judge(facts, policy(root))
    assert worst(finding.verdict for finding in strict) is Verdict.FAIL
    (lax,) = judge(facts, policy(root, private=True))
    assert lax.verdict is Verdict.PASS
    assert "private root known" in lax.summary
    wrong = issue(HOST, root, key_identifiers=False, eku=(ExtendedKeyUsageOID.CLIENT_AUTH,))
    facts = await ask(tmp_path, root, wrong)
    assert "bad-eku" in names(judge(facts, policy(root, private=True)))


@pytest.mark.parametrize(
    ("name", "make"),
    [(name, make) for name, verdict, make in SERVED if verdict is Verdict.FAIL],
    ids=[f"{index}-{name}" for index, (name, verdict, _) in enumerate(SERVED) if verdict is Verdict.FAIL],
)
async def test_the_laxer_profile_accepts_no_fault(tmp_path: Path, name: str, make: Maker) -> None:
    ca = shared_authority()
    facts = replace(await ask(tmp_path, ca.root, *make(ca)), random_name=None, no_name=None)
    findings = judge(facts, policy(ca.root, private=True))
    assert worst(finding.verdict for finding in findings) is Verdict.FAIL
    assert name in names(findings)


async def test_without_roots_trust_is_unknown(tmp_path: Path) -> None:
    ca = shared_authority()
    facts = await ask(tmp_path, ca.root, ca.leaf(), ca.intermediate)
    (only,) = judge(facts, TlsPolicy(now=NOW))
    assert (only.name, only.verdict) == ("roots-unknown", Verdict.UNKNOWN)


async def test_a_broken_signature_is_named(tmp_path: Path) -> None:
    ca = shared_authority()
    facts = await ask(tmp_path, ca.root, ca.leaf(), ca.intermediate)
    der = bytearray(base64.b64decode(facts.named[0].chain[0]))
    der[-3] ^= 0x01
    broken = replace(facts.named[0], chain=(base64.b64encode(der).decode(), facts.named[0].chain[1]))
    findings = judge(replace(facts, named=(broken,)), policy(ca.root))
    assert "bad-signature" in names(findings)
    junk = replace(facts.named[0], chain=("AAAA",))
    assert names(judge(replace(facts, named=(junk,)), policy(ca.root))) == {"unreadable-certificate"}


async def test_an_expired_extra_beside_a_good_chain_is_a_warning(tmp_path: Path) -> None:
    ca = shared_authority()
    days = {"begins": NOW - timedelta(days=90), "ends": NOW - timedelta(days=1)}
    old = issue("Root", authority("Elder").root, ca=True, key=ca.root.key, **days)
    facts = await ask(tmp_path, ca.root, ca.leaf(), ca.intermediate, old)
    findings = judge(facts, policy(ca.root))
    assert names(findings) == {"expired-cross-sign"}
    assert findings[0].verdict is Verdict.WARN


async def test_an_intermittent_default_certificate_is_found(tmp_path: Path) -> None:
    ca = shared_authority()
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    good = server_context(tmp_path / "good", ca.leaf(), ca.intermediate)
    default = server_context(tmp_path / "bad", issue("edge default", names=("edge.invalid",)))
    asked = 0

    def choose(connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        nonlocal asked
        if name == HOST:
            asked += 1
            connection.context = default if asked % 3 == 2 else good

    default.sni_callback = choose
    ca_file = tmp_path / "roots.pem"
    ca_file.write_bytes(ca.root.pem)
    async with loopback(greet, default) as port:
        facts = await observe(target_for(port, ca_file, attempts=3))
    findings = judge(facts, policy(ca.root))
    assert names(findings) == {"default-cert", "certificate-varies", "no-name-answer"}
    assert "in 1 of 3 handshakes" in next(f.summary for f in findings if f.name == "default-cert")


async def test_an_address_is_never_sent_as_sni(tmp_path: Path) -> None:
    ca = shared_authority()
    seen: list[str | None] = []
    context = server_context(tmp_path, ca.leaf(), ca.intermediate)

    def note(_connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        seen.append(name)

    context.sni_callback = note
    ca_file = tmp_path / "roots.pem"
    ca_file.write_bytes(ca.root.pem)
    async with loopback(greet, context) as port:
        await observe(target_for(port, ca_file, name="127.0.0.1"))
        assert seen[0] is None
        await observe(target_for(port, ca_file))
    assert seen[2] == HOST
    assert seen[3] is not None
    assert seen[3].endswith(".invalid")
    assert seen[4] is None


async def test_ports_that_cannot_answer() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async def close_at_once(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        pass

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    wanted = {plain: ("not-tls", "not-tls"), close_at_once: ("reset", "handshake-failed")}
    wanted[silent] = ("timeout", "handshake-failed")
    for handler, (error, name) in wanted.items():
        async with loopback(handler) as port:
            target = TlsTarget("127.0.0.1", port, HOST, attempts=1, timeout_s=0.3)
            facts = await observe(target)
        assert facts.named[0].error == error, handler.__name__
        (only,) = judge(facts, TlsPolicy(now=NOW))
        assert (only.name, only.verdict) == (name, Verdict.FAIL)
    refused = await observe(TlsTarget("127.0.0.1", port, HOST, attempts=1))
    assert refused.named[0].error == "refused"


def test_a_knot_of_cross_signed_certificates_is_judged_quickly() -> None:
    key = shared_authority().intermediate.key
    knot = [issue("Knot", ca=True, key=key, **YEARS) for _ in range(14)]
    leaf = issue(HOST, knot[0])
    chain = tuple(entity.der64 for entity in (leaf, *knot))
    target = TlsTarget("127.0.0.1", 443, HOST)
    facts = TlsFacts(target, (Handshake(HOST, chain, version="TLSv1.3"),))
    started = time.process_time()
    found = judge(facts, policy(shared_authority().root, private=True))
    assert time.process_time() - started < 5
    assert worst(finding.verdict for finding in found) is Verdict.FAIL


async def test_a_missing_roots_file_is_unknown(tmp_path: Path) -> None:
    facts = await observe(TlsTarget("127.0.0.1", 1, HOST, ca_file=str(tmp_path / "none.pem")))
    (only,) = judge(facts, TlsPolicy(now=NOW))
    assert (only.name, only.verdict) == ("could-not-ask", Verdict.UNKNOWN)
