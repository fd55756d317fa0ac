"""Private PKI: what it does and clients do not mind is accepted, and nothing else for that."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pointsman.probes.verdict import Verdict, worst
from pointsman.probes.wire.tls.constraints import forbidden_name
from pointsman.probes.wire.tls.facts import TlsPolicy
from pointsman.probes.wire.tls.judge import judge
from tls_fixture_pki import NOW, YEARS, Dates, Entity, PrivateKey, days, elliptic
from tls_judge_kit import HOST, facts, pem, shaken, verdicts

Extension = tuple[x509.ExtensionType, bool]
CA: Extension = (x509.BasicConstraints(True, None), True)
NAMES: Extension = (x509.SubjectAlternativeName([x509.DNSName(HOST)]), False)
SERVERS: Extension = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
CLIENTS: Extension = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
UNKNOWN: Extension = (
    x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"),
    True,
)


def usage(*, signs: bool) -> Extension:
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
    bits = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=True, key_cert_sign=signs, **bits), True


def made(
    name: str,
    issuer: Entity | None,
    *extensions: Extension,
    key: PrivateKey | None = None,
    dates: Dates = YEARS,
) -> Entity:
    """A certificate with these extensions and no others."""
    own = key or elliptic()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    signer = issuer or Entity(None, own)  # type: ignore[arg-type]
    builder = x509.CertificateBuilder(
        issuer.certificate.subject if issuer else subject,
        subject,
        own.public_key(),
        x509.random_serial_number(),
        *dates,
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return Entity(builder.sign(signer.key, hashes.SHA256()), own)


ROOT = made("Own Root", None, CA)
MIDDLE = made("Own Middle", ROOT, CA)


def leaf(issuer: Entity, *extensions: Extension, name: str = HOST, **options: object) -> Entity:
    return made(name, issuer, *(extensions or (NAMES,)), **{"dates": days(-5, 40), **options})  # type: ignore[arg-type]


def found(chain: Sequence[Entity], root: Entity = ROOT, private: bool = True) -> dict[str, Verdict]:
    policy = TlsPolicy(now=NOW, roots_pem=pem(root), private_roots=private)
    return verdicts(judge(facts(shaken(*chain)), policy))


def critical_root() -> Entity:
    return made("Own Root", None, (x509.BasicConstraints(True, None), False))


LEGITIMATE: dict[str, tuple[tuple[Entity, ...], Entity]] = {
    "no key identifiers, no usages": ((leaf(MIDDLE), MIDDLE), ROOT),
    "straight from the root": ((leaf(ROOT),), ROOT),
    "a root whose constraints are not critical": ((leaf(weak := critical_root()),), weak),
    "critical alternative names": ((leaf(ROOT, (NAMES[0], True)),), ROOT),
    "critical extended key usage": ((leaf(ROOT, NAMES, (SERVERS[0], True)),), ROOT),
    "for servers and clients": (
        (
            leaf(
                ROOT,
                NAMES,
                (
                    x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                    False,
                ),
            ),
        ),
        ROOT,
    ),
    "ten years": ((leaf(ROOT, dates=days(-100, 3550)),), ROOT),
    "a constraint that permits the host": (
        (
            leaf(
                bound := made(
                    "Bound", ROOT, CA, (x509.NameConstraints([x509.DNSName("example.test")], None), True)
                )
            ),
            bound,
        ),
        ROOT,
    ),
    "a path length that suffices": (
        (leaf(low := made("Low", ROOT, (x509.BasicConstraints(True, 0), True))), low),
        ROOT,
    ),
}


@pytest.mark.parametrize("what", LEGITIMATE)
def test_what_private_pki_does_is_accepted(what: str) -> None:
    chain, root = LEGITIMATE[what]
    assert found(chain, root) == {"chain-ok": Verdict.PASS}
    assert worst(found(chain, root, private=False).values()) is Verdict.FAIL


def bad_middle(*extensions: Extension, **options: object) -> tuple[Entity, ...]:
    middle = made("Bad Middle", ROOT, *extensions, **options)  # type: ignore[arg-type]
    return leaf(middle), middle


def below_a_short_one() -> tuple[Entity, ...]:
    short = made("Short", ROOT, (x509.BasicConstraints(True, 0), True))
    low = made("Low", short, CA)
    return leaf(low), low, short


def other_key_id() -> Extension:
    return x509.AuthorityKeyIdentifier(b"another key's id ...", None, None), False


IDENTIFIED = made("Identified", ROOT, CA, (x509.SubjectKeyIdentifier(b"this key's id ......"), False))
REFUSED: dict[str, tuple[str, tuple[Entity, ...]]] = {
    "no CA": ("invalid-ca", bad_middle((x509.BasicConstraints(False, None), True))),
    "no constraints at all": ("invalid-ca", bad_middle()),
    "a CA that may not sign": ("invalid-ca", bad_middle(CA, usage(signs=False))),
    "a CA for clients": ("invalid-ca", bad_middle(CA, CLIENTS)),
    "too many CAs": ("pathlen", below_a_short_one()),
    "another zone": (
        "name-constraint",
        bad_middle(CA, (x509.NameConstraints([x509.DNSName("other.test")], None), True)),
    ),
    "an excluded zone": (
        "name-constraint",
        bad_middle(CA, (x509.NameConstraints(None, [x509.DNSName("example.test")]), True)),
    ),
    "a critical extension that nobody knows, in a CA": ("bad-form", bad_middle(CA, UNKNOWN)),
    "a critical extension that nobody knows": ("bad-form", (leaf(ROOT, NAMES, UNKNOWN),)),
    "a critical key identifier": (
        "bad-form",
        (leaf(ROOT, NAMES, (x509.SubjectKeyIdentifier(b"x" * 20), True)),),
    ),
    "another key named as the signer": ("bad-form", (leaf(IDENTIFIED, NAMES, other_key_id()), IDENTIFIED)),
    "a leaf that may sign": ("bad-form", (leaf(ROOT, NAMES, usage(signs=True)),)),
    "a leaf with constraints": (
        "bad-form",
        (leaf(ROOT, NAMES, (x509.NameConstraints([x509.DNSName("example.test")], None), True)),),
    ),
    "no subject and names that are not critical": ("bad-form", (leaf(ROOT, name=""),)),
    "a leaf for clients": ("bad-eku", (leaf(ROOT, NAMES, CLIENTS),)),
    "a leaf that is a CA": ("leaf-is-ca", (leaf(ROOT, NAMES, CA),)),
    "a short key": ("weak-key", (leaf(ROOT, key=rsa.generate_private_key(65537, 1024)),)),
    "a small curve": ("weak-key", (leaf(ROOT, key=ec.generate_private_key(ec.SECP224R1())),)),
    "a CA with a short key": ("weak-key", bad_middle(CA, key=rsa.generate_private_key(65537, 1024))),
    "an expired CA": ("expired-intermediate", bad_middle(CA, dates=days(-90, -1))),
    "a CA that is not valid yet": ("not-yet-valid", bad_middle(CA, dates=days(1, 90))),
    "no names": ("no-san", (leaf(ROOT, SERVERS),)),
    "other names": (
        "name-mismatch",
        (leaf(ROOT, (x509.SubjectAlternativeName([x509.DNSName("other.test")]), False)),),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_clients_refuse_is_refused_by_name(what: str) -> None:
    name, chain = REFUSED[what]
    assert found(chain)[name] is Verdict.FAIL
    # also with a stranger beside it, which the verifier could take for a way round
    assert found((*chain, MIDDLE))[name] is Verdict.FAIL


@pytest.mark.parametrize(
    ("extensions", "key", "name"),
    [
        ((CA, usage(signs=False)), None, "invalid-ca"),
        ((CA, CLIENTS), None, "invalid-ca"),
        ((CA, UNKNOWN), None, "bad-form"),
        ((CA,), rsa.generate_private_key(65537, 1024), "weak-key"),
        ((CA, (x509.NameConstraints([x509.DNSName("other.test")], None), True)), None, "name-constraint"),
    ],
    ids=["may not sign", "for clients", "unknown and critical", "short key", "another zone"],
)
def test_a_root_that_may_not_is_no_better_for_being_trusted(
    extensions: tuple[Extension, ...], key: PrivateKey | None, name: str
) -> None:
    root = made("Bad Root", None, *extensions, key=key)
    assert found((leaf(root),), root)[name] is Verdict.FAIL


def test_a_root_that_cannot_be_read_is_not_called_untrusted() -> None:
    bad = x509.UnrecognizedExtension(x509.ExtensionOID.NAME_CONSTRAINTS, b"\x30\x80junk")
    root = made("Broken Root", None, CA, (bad, True))
    seen = judge(
        facts(shaken(leaf(root))), TlsPolicy(now=NOW, roots_pem=pem(root) + pem(ROOT), private_roots=True)
    )
    assert verdicts(seen) == {"unreadable-certificate": Verdict.FAIL}
    assert "the trusted root Broken Root cannot be read" in seen[0].summary


def test_a_ca_that_issued_itself_is_not_counted_and_some_clients_count_it() -> None:
    top = made("Again", ROOT, (x509.BasicConstraints(True, 1), True))
    again = made("Again", top, (x509.BasicConstraints(True, 1), True))
    low = made("Low", again, (x509.BasicConstraints(True, 0), True))
    assert found((leaf(low), low, again, top)) == {"client-dependent": Verdict.WARN}


def names(*general: x509.GeneralName) -> Extension:
    return x509.SubjectAlternativeName(general), False


def tree(text: str) -> x509.GeneralName:
    if "/" in text:
        return x509.IPAddress(ip_network(text))
    if "=" in text:
        return x509.DirectoryName(x509.Name.from_rfc4514_string(text))
    return x509.DNSName(text)


@pytest.mark.parametrize(
    ("permitted", "excluded", "given", "forbidden"),
    [
        (("example.test",), (), "a.b.example.test", False),
        (("example.test",), (), "example.test", False),
        ((".example.test",), (), "a.example.test", False),
        (("example.test",), (), "notexample.test", True),
        (("EXAMPLE.test",), (), "a.example.TEST", False),
        (("example.test",), (), "*.example.test", False),
        (("a.example.test",), (), "*.example.test", True),
        ((), ("a.example.test",), "*.example.test", True),
        ((), ("b.a.example.test",), "*.example.test", False),
        ((), ("example.test",), "a.example.test", True),
        ((), ("other.test",), "a.example.test", False),
        (("10.0.0.0/8",), (), "10.1.2.3", False),
        (("10.0.0.0/8",), (), "11.1.2.3", True),
        (("10.0.0.0/8",), (), "a.example.test", False),
        ((), ("::1/128",), "::1", True),
        ((), ("10.0.0.0/8",), "::1", False),
        (("example.test", "10.0.0.0/8"), (), "a.other.test", True),
        (("CN=leaf",), (), "a.example.test", False),
        (("CN=other",), (), "a.example.test", True),
        ((), ("CN=leaf",), "a.example.test", True),
    ],
)
def test_name_constraints(
    permitted: Sequence[str], excluded: Sequence[str], given: str, forbidden: bool
) -> None:
    trees = [[tree(text) for text in several] or None for several in (permitted, excluded)]
    authority = made("Bound", ROOT, CA, (x509.NameConstraints(*trees), True))
    address = given.replace(":", "").replace(".", "").isdigit()
    name = x509.IPAddress(ip_address(given)) if address else x509.DNSName(given)
    below = made("leaf", authority, names(name))
    assert bool(forbidden_name(authority.certificate, [below.certificate])) is forbidden
