"""The 48 chains, each with the one fault (or none) that it is for, and the verdict that it must get.

``fixtures()`` makes them once a process, dates relative to now. The tests serve them with servers of their
own, nginx and Envoy; benchmarks/tls_peers.py shows them to other programs as well.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509 import ocsp
from pointsman.probes.verdict import Verdict
from tls_fixture_pki import (
    CLIENT_AUTH,
    Entity,
    PrivateKey,
    days,
    issue_ca,
    issue_leaf,
    staple,
    with_broken_signature,
    with_sha1,
)

HOST = "app.example.test"
REVOKED = ocsp.OCSPCertStatus.REVOKED
PASS, WARN, FAIL = Verdict.PASS, Verdict.WARN, Verdict.FAIL
# each by its number: what it is, and the verdict that is required
_TOLD = (
    ("01-ok-ecdsa", "a P-256 leaf and its intermediate", "OK"),
    ("02-ok-rsa2048", "an RSA 2048 leaf", "OK"),
    ("03-root-included", "the trusted root is sent too", "OK+note ROOT_SENT"),
    ("04-missing-intermediate", "the leaf alone", "FAIL INCOMPLETE_CHAIN"),
    ("05-missing-one-of-two", "one of two intermediates", "FAIL INCOMPLETE_CHAIN"),
    ("06-wrong-order", "two intermediates, exchanged", "WARN WRONG_ORDER"),
    ("07-reversed-with-root", "root first, the leaf's issuer last", "WARN WRONG_ORDER+ROOT_SENT"),
    ("08-duplicate-leaf", "the leaf twice", "WARN DUPLICATE"),
    ("09-unrelated-extra", "a stranger's intermediate at the end", "WARN EXTRA_CERT"),
    (
        "10-wrong-intermediate",
        "a stranger's intermediate in place of the right one",
        "FAIL INCOMPLETE_CHAIN(wrong intermediate sent)",
    ),
    ("11-self-signed-leaf", "a leaf that signed itself", "FAIL SELF_SIGNED"),
    ("12-private-ca-root-sent", "a private root, sent and not trusted", "FAIL UNTRUSTED_ROOT"),
    ("13-expired-leaf", "expired three days ago", "FAIL EXPIRED"),
    ("14-expiring-5d", "five days left of 45", "WARN EXPIRING(5d)"),
    ("15-not-yet-valid", "valid from in two days", "FAIL NOT_YET_VALID"),
    ("16-expired-intermediate", "the only intermediate expired two days ago", "FAIL EXPIRED_INTERMEDIATE"),
    (
        "17-expired-cross-sign-alt-path",
        "an expired cross-signed root beside a chain that holds",
        "WARN EXPIRED_CROSS_SIGN (ok on trusted-first clients)",
    ),
    ("18-hostname-mismatch", "for another host", "FAIL NAME_MISMATCH"),
    ("19-cn-only-no-san", "the host as common name only", "FAIL NO_SAN"),
    ("20-wildcard-ok", "a wildcard for the host's zone", "OK"),
    ("21-wildcard-two-levels", "a wildcard one label short", "FAIL NAME_MISMATCH"),
    ("22-wildcard-apex", "a wildcard, asked for its own zone", "FAIL NAME_MISMATCH"),
    ("23-partial-wildcard", "a wildcard inside a label", "FAIL NAME_MISMATCH"),
    ("24-traefik-default", "Traefik's default certificate", "FAIL DEFAULT_CERT(traefik)"),
    ("25-ingress-nginx-fake", "ingress-nginx's default certificate", "FAIL DEFAULT_CERT(ingress-nginx)"),
    ("26-le-staging", "from an ACME staging CA", "FAIL STAGING_CA"),
    (
        "27-cert-manager-temporary",
        "what cert-manager puts in until the order is done",
        "FAIL TEMPORARY_CERT(cert-manager)",
    ),
    ("28-rsa1024", "an RSA key of 1024 bits", "FAIL WEAK_KEY"),
    ("29-sha1-leaf", "the leaf is signed with SHA-1", "FAIL WEAK_SIGNATURE"),
    ("30-sha1-root-only", "the root signed itself with SHA-1", "OK (root self-signature not checked)"),
    ("31-ed25519-leaf", "an Ed25519 key under public roots", "WARN ED25519_NOT_PUBLIC_TRUST"),
    ("32-clientauth-only-eku", "for clients only", "FAIL BAD_EKU"),
    ("33-ca-true-leaf", "the leaf is a CA certificate", "FAIL LEAF_IS_CA"),
    ("34-intermediate-not-ca", "the intermediate is no CA certificate", "FAIL INVALID_CA"),
    ("35-pathlen-exceeded", "a CA below one that allows none", "FAIL PATHLEN"),
    ("36-name-constraint", "the CA may issue for another zone only", "FAIL NAME_CONSTRAINT"),
    ("37-bad-signature", "one bit of the leaf's signature is wrong", "FAIL BAD_SIGNATURE"),
    (
        "38-rekeyed-intermediate",
        "the intermediate's name with another key",
        "FAIL WRONG_INTERMEDIATE_KEY (same name, other key)",
    ),
    ("39-must-staple-none", "must-staple, and no staple", "FAIL MUST_STAPLE_MISSING"),
    ("40-must-staple-good", "must-staple with a good staple", "OK"),
    ("41-staple-expired", "a staple that was good until three days ago", "FAIL STAPLE_EXPIRED"),
    ("42-staple-revoked", "a staple that says revoked", "FAIL REVOKED"),
    ("43-staple-other-cert", "a good staple about another certificate", "FAIL STAPLE_WRONG_CERT"),
    ("44-validity-398d-in-2026", "issued for 398 days", "WARN LIFETIME>200d"),
    (
        "45-key-mismatch-secret",
        "a Secret whose key is not the leaf's",
        "FAIL KEY_MISMATCH (Secret check, cannot be served)",
    ),
    (
        "46-intermediate-first-secret",
        "a Secret with the intermediate before the leaf",
        "FAIL LEAF_NOT_FIRST (Secret check, cannot be served)",
    ),
    ("47-ip-san", "for an address", "OK for IP probe / NAME_MISMATCH for host"),
    ("48-idn", "a host with a letter beyond ASCII", "OK"),
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One question for a fixture: the name that is asked for, and what must be said.

    ``causes`` are the names of the rules that must be found, and nothing else may warn or fail. ``notes``
    must be said beside them. ``says`` is a part of the first cause's line.
    """

    host: str
    verdict: Verdict
    causes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    says: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Fixture:
    """A chain as it is served, in that order. ``required`` is the verdict in the words of the table.

    ``staple`` is an OCSP answer (DER) or empty. ``roots`` are trusted; ``private_roots`` says whose rules
    hold. ``default`` is served for any name, as a default certificate is, and else only for the host that is
    asked for. Where it is not ``servable`` it can only be read from a file.
    """

    name: str
    what: str
    required: str
    chain: tuple[x509.Certificate, ...]
    key: PrivateKey
    staple: bytes
    roots: tuple[x509.Certificate, ...]
    asks: tuple[Ask, ...]
    private_roots: bool = False
    default: bool = False
    servable: bool = True

    @property
    def host(self) -> str:
        """The name that it is served for: the last that is asked for, because an address is no SNI."""
        return self.asks[-1].host

    @property
    def faulty(self) -> bool:
        """Whether anything has to be said against it."""
        return any(ask.verdict is not PASS for ask in self.asks)


@dataclass(frozen=True, slots=True)
class World:
    """The CAs that most of the fixtures are issued by."""

    root: Entity
    intermediate: Entity
    low: Entity
    other: Entity

    def leaf(self, *names: str) -> Entity:
        """An ordinary certificate of the intermediate."""
        return issue_leaf(self.intermediate, names or (HOST,))


def _world() -> World:
    root = issue_ca("Example Root R1")
    intermediate = issue_ca("Example Intermediate E1", root)
    low = issue_ca("Example Issuing E2", intermediate)
    return World(root, intermediate, low, issue_ca("Unrelated Intermediate", issue_ca("Unrelated Root")))


@dataclass(frozen=True, slots=True)
class Made:
    """What a fixture is made of. Without ``key`` it has the leaf's, without ``roots`` the usual root."""

    chain: tuple[Entity, ...]
    asks: tuple[Ask, ...]
    staple: bytes = b""
    roots: tuple[Entity, ...] = ()
    default: bool = False
    key: PrivateKey | None = None


Makers = Iterator[tuple[int, Made]]


@cache
def fixtures() -> tuple[Fixture, ...]:
    """All 48, in the order of their names."""
    world = _world()
    makers = (_usual, _chains, _trust, _dates, _names, _ingress, _strength, _authorities, _staples, _secrets)
    made = dict(one for maker in makers for one in maker(world))
    return tuple(_fixture(world, *told, made[number]) for number, told in enumerate(_TOLD, start=1))


def servable() -> tuple[Fixture, ...]:
    """The 46 that a server can serve."""
    return tuple(one for one in fixtures() if one.servable)


def _fixture(world: World, name: str, what: str, required: str, made: Made) -> Fixture:
    return Fixture(
        name,
        what,
        required,
        chain=tuple(one.certificate for one in made.chain),
        key=made.key or made.chain[0].key,
        staple=made.staple,
        roots=tuple(one.certificate for one in made.roots or (world.root,)),
        asks=made.asks,
        default=made.default,
        servable=made.key is None,
    )


def _ok(*chain: Entity, host: str = HOST, notes: tuple[str, ...] = (), **more: Any) -> Made:
    return Made(chain, (Ask(host, PASS, ("chain-ok",), notes),), **more)


def _warns(cause: str, *chain: Entity, notes: tuple[str, ...] = (), says: str = "") -> Made:
    return Made(chain, (Ask(HOST, WARN, (cause,), notes, says),))


def _fails(cause: str, *chain: Entity, host: str = HOST, says: str = "", **more: Any) -> Made:
    return Made(chain, (Ask(host, FAIL, (cause,), says=says),), **more)


def _usual(world: World) -> Makers:
    above = world.intermediate
    yield 1, _ok(world.leaf(), above)
    yield 2, _ok(issue_leaf(above, (HOST,), key=rsa.generate_private_key(65537, 2048)), above)
    yield 3, _ok(world.leaf(), above, world.root, notes=("root-sent",))
    yield 20, _ok(world.leaf("*.example.test"), above)
    yield 48, _ok(world.leaf("xn--bcher-kva.example.test"), above, host="bücher.example.test")


def _chains(world: World) -> Makers:
    root, above, low = world.root, world.intermediate, world.low
    leaf, low_leaf = world.leaf(), issue_leaf(low, (HOST,))
    yield 4, _fails("incomplete-chain", leaf)
    yield 5, _fails("incomplete-chain", low_leaf, low)
    yield 6, _warns("wrong-order", low_leaf, above, low)
    yield 7, _warns("wrong-order", low_leaf, root, above, low, notes=("root-sent",))
    yield 8, _warns("duplicate", leaf, leaf, above)
    yield 9, _warns("extra-cert", leaf, above, world.other)
    yield 10, _fails("incomplete-chain", leaf, world.other)


def _trust(world: World) -> Makers:
    yield 11, _fails("self-signed", issue_leaf(None, (HOST,)))
    private = issue_ca("Somebody's Own Root", organisation="Somebody")
    yield 12, _fails("untrusted-root", issue_leaf(private, (HOST,)), private)
    yield 37, _fails("bad-signature", with_broken_signature(world.leaf()), world.intermediate)
    rekeyed = issue_ca("Example Intermediate E1", world.root)
    yield 38, _fails("wrong-intermediate-key", world.leaf(), rekeyed)


def _dates(world: World) -> Makers:
    above = world.intermediate

    def dated(begins: float, ends: float) -> Entity:
        return issue_leaf(above, (HOST,), dates=days(begins, ends))

    yield 13, _fails("expired", dated(-43, -3), above)
    yield 14, _warns("expiring", dated(-40, 5.1), above, says="5 days")
    yield 15, _fails("not-yet-valid", dated(2, 42), above)
    old = issue_ca("Example Intermediate E0", world.root, dates=days(-900, -2))
    yield 16, _fails("expired-intermediate", issue_leaf(old, (HOST,)), old)
    elder = issue_ca("Example Root R0", dates=days(-4000, -30))
    cross = issue_ca("Example Root R1", elder, key=world.root.key, dates=days(-900, -30))
    yield 17, _warns("expired-cross-sign", world.leaf(), above, cross)
    yield 44, _warns("lifetime", dated(-5, 393), above)


def _names(world: World) -> Makers:
    above, wildcard = world.intermediate, world.leaf("*.example.test")
    yield 18, _fails("name-mismatch", world.leaf("other.example.test"), above)
    yield 19, _fails("no-san", issue_leaf(above, None, common=HOST), above)
    yield 21, _fails("name-mismatch", wildcard, above, host="a.b.example.test")
    yield 22, _fails("name-mismatch", wildcard, above, host="example.test")
    yield 23, _fails("name-mismatch", world.leaf("a*.example.test"), above)
    loopback = issue_leaf(above, (x509.IPAddress(ipaddress.ip_address("127.0.0.1")),))
    by_address, by_host = _ok(loopback, above, host="127.0.0.1"), _fails("name-mismatch", loopback, above)
    yield 47, replace(by_host, asks=by_address.asks + by_host.asks)


def _ingress(_world: World) -> Makers:
    unknown = "0123456789abcdef.0123456789abcdef.traefik.default"
    traefik = issue_leaf(None, (unknown,), common="TRAEFIK DEFAULT CERT")
    yield 24, _fails("default-cert", traefik, says="traefik", default=True)
    common = "Kubernetes Ingress Controller Fake Certificate"
    fake = issue_leaf(None, ("ingress.local",), common=common, organisation="Acme Co")
    yield 25, _fails("default-cert", fake, says="ingress-nginx", default=True)
    root = issue_ca("(STAGING) Pretend Pear X1", organisation="(STAGING) Example Trust")
    staging = issue_ca("(STAGING) Made-up Medlar R1", root, organisation="(STAGING) Let's Encrypt")
    yield 26, _fails("staging-ca", issue_leaf(staging, (HOST,)), staging)
    temporary = issue_ca("cert-manager.local", organisation="cert-manager")
    yield 27, _fails("temporary-cert", issue_leaf(temporary, (HOST,)), says="cert-manager")


def _strength(world: World) -> Makers:
    above = world.intermediate
    weak = issue_leaf(above, (HOST,), key=rsa.generate_private_key(65537, 1024))
    yield 28, _fails("weak-key", weak, above)
    yield 29, _fails("weak-signature", with_sha1(world.leaf(), above), above)
    root = issue_ca("Example Root R-old")
    root = with_sha1(root, root)
    yield 30, _ok(issue_leaf(root, (HOST,)), roots=(root,))
    edwards = issue_leaf(above, (HOST,), key=ed25519.Ed25519PrivateKey.generate())
    yield 31, _warns("ed25519-not-public-trust", edwards, above)


def _authorities(world: World) -> Makers:
    root, above = world.root, world.intermediate
    yield 32, _fails("bad-eku", issue_leaf(above, (HOST,), usages=(CLIENT_AUTH,)), above)
    yield 33, _fails("leaf-is-ca", issue_leaf(above, (HOST,), ca=True), above)
    no_ca = issue_ca("Example No CA", root, ca=False)
    yield 34, _fails("invalid-ca", issue_leaf(no_ca, (HOST,)), no_ca)
    short = issue_ca("Example Short E3", root, path_length=0)
    below = issue_ca("Example Below E4", short)
    yield 35, _fails("pathlen", issue_leaf(below, (HOST,)), below, short)
    elsewhere = x509.NameConstraints([x509.DNSName("other.test")], None)
    bound = issue_ca("Example Bound E5", root, constraints=elsewhere)
    yield 36, _fails("name-constraint", issue_leaf(bound, (HOST,)), bound)


def _staples(world: World) -> Makers:
    above = world.intermediate
    leaf = issue_leaf(above, (HOST,), must_staple=True)
    late, revoked = staple(leaf, above, dates=days(-10, -3)), staple(leaf, above, status=REVOKED)
    yield 39, _fails("must-staple-missing", leaf, above)
    yield 40, _ok(leaf, above, staple=staple(leaf, above))
    yield 41, _fails("staple-expired", leaf, above, staple=late)
    yield 42, _fails("revoked", leaf, above, staple=revoked)
    strange = staple(world.leaf("other.example.test"), above)
    yield 43, _fails("staple-wrong-cert", leaf, above, staple=strange)


def _secrets(world: World) -> Makers:
    """What no server loads."""
    leaf, above = world.leaf(), world.intermediate
    yield 45, _fails("key-mismatch", leaf, above, key=world.leaf().key)
    yield 46, _fails("leaf-not-first", above, leaf, key=leaf.key)
