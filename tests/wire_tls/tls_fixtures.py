"""The 48 chains, each with the one fault (or none) that it is for, and the verdict that it must get.

``fixtures()`` makes them once a process, dates relative to now. The tests serve them with servers of their
own, nginx and Envoy; benchmarks/tls_peers.py shows them to other programs as well.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

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
PASS, WARN, FAIL = Verdict.PASS, Verdict.WARN, Verdict.FAIL


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


@cache
def fixtures() -> tuple[Fixture, ...]:
    """All 48, in the order of their names."""
    world = _world()
    makers = (_usual, _chains, _trust, _dates, _names, _ingress, _strength, _authorities, _staples, _rest)
    found = [fixture for make in makers for fixture in make(world)]
    return tuple(sorted(found, key=lambda one: one.name))


def servable() -> tuple[Fixture, ...]:
    """The 46 that a server can serve."""
    return tuple(one for one in fixtures() if one.servable)


def _fixture(
    world: World,
    name: str,
    what: str,
    required: str,
    chain: Sequence[Entity],
    asks: Ask | tuple[Ask, ...],
    *,
    answer: bytes = b"",
    roots: Sequence[Entity] = (),
    default: bool = False,
) -> Fixture:
    return Fixture(
        name,
        what,
        required,
        tuple(one.certificate for one in chain),
        chain[0].key,
        answer,
        tuple(one.certificate for one in roots or (world.root,)),
        (asks,) if isinstance(asks, Ask) else asks,
        default=default,
    )


def _ok(host: str = HOST, *, notes: tuple[str, ...] = ()) -> Ask:
    return Ask(host, PASS, ("chain-ok",), notes)


def _warns(*causes: str, notes: tuple[str, ...] = (), says: str = "") -> Ask:
    return Ask(HOST, WARN, causes, notes, says)


def _fails(*causes: str, host: str = HOST, says: str = "") -> Ask:
    return Ask(host, FAIL, causes, says=says)


def _usual(world: World) -> Iterator[Fixture]:
    above = world.intermediate
    yield _fixture(
        world, "01-ok-ecdsa", "a P-256 leaf and its intermediate", "OK", (world.leaf(), above), _ok()
    )
    key = rsa.generate_private_key(65537, 2048)
    leaf = issue_leaf(above, (HOST,), key=key)
    yield _fixture(world, "02-ok-rsa2048", "an RSA 2048 leaf", "OK", (leaf, above), _ok())
    yield _fixture(
        world,
        "03-root-included",
        "the trusted root is sent too",
        "OK+note ROOT_SENT",
        (world.leaf(), above, world.root),
        _ok(notes=("root-sent",)),
    )
    leaf = world.leaf("*.example.test")
    yield _fixture(world, "20-wildcard-ok", "a wildcard for the host's zone", "OK", (leaf, above), _ok())
    leaf = world.leaf("xn--bcher-kva.example.test")
    host = "bücher.example.test"
    yield _fixture(world, "48-idn", "a host with a letter beyond ASCII", "OK", (leaf, above), _ok(host))


def _chains(world: World) -> Iterator[Fixture]:
    low_leaf = issue_leaf(world.low, (HOST,))
    incomplete = "FAIL INCOMPLETE_CHAIN"
    yield _fixture(
        world,
        "04-missing-intermediate",
        "the leaf alone",
        incomplete,
        (world.leaf(),),
        _fails("incomplete-chain"),
    )
    yield _fixture(
        world,
        "05-missing-one-of-two",
        "one of two intermediates",
        incomplete,
        (low_leaf, world.low),
        _fails("incomplete-chain"),
    )
    yield _fixture(
        world,
        "06-wrong-order",
        "two intermediates, exchanged",
        "WARN WRONG_ORDER",
        (low_leaf, world.intermediate, world.low),
        _warns("wrong-order"),
    )
    yield _fixture(
        world,
        "07-reversed-with-root",
        "root first, the leaf's issuer last",
        "WARN WRONG_ORDER+ROOT_SENT",
        (low_leaf, world.root, world.intermediate, world.low),
        _warns("wrong-order", notes=("root-sent",)),
    )
    leaf = world.leaf()
    yield _fixture(
        world,
        "08-duplicate-leaf",
        "the leaf twice",
        "WARN DUPLICATE",
        (leaf, leaf, world.intermediate),
        _warns("duplicate"),
    )
    yield _fixture(
        world,
        "09-unrelated-extra",
        "a stranger's intermediate at the end",
        "WARN EXTRA_CERT",
        (world.leaf(), world.intermediate, world.other),
        _warns("extra-cert"),
    )
    yield _fixture(
        world,
        "10-wrong-intermediate",
        "a stranger's intermediate in place of the right one",
        f"{incomplete}(wrong intermediate sent)",
        (world.leaf(), world.other),
        _fails("incomplete-chain"),
    )


def _trust(world: World) -> Iterator[Fixture]:
    yield _fixture(
        world,
        "11-self-signed-leaf",
        "a leaf that signed itself",
        "FAIL SELF_SIGNED",
        (issue_leaf(None, (HOST,)),),
        _fails("self-signed"),
    )
    private = issue_ca("Somebody's Own Root", organisation="Somebody")
    yield _fixture(
        world,
        "12-private-ca-root-sent",
        "a private root, sent and not trusted",
        "FAIL UNTRUSTED_ROOT",
        (issue_leaf(private, (HOST,)), private),
        _fails("untrusted-root"),
    )
    signed = with_broken_signature(world.leaf())
    yield _fixture(
        world,
        "37-bad-signature",
        "one bit of the leaf's signature is wrong",
        "FAIL BAD_SIGNATURE",
        (signed, world.intermediate),
        _fails("bad-signature"),
    )
    rekeyed = issue_ca("Example Intermediate E1", world.root)
    yield _fixture(
        world,
        "38-rekeyed-intermediate",
        "the intermediate's name with another key",
        "FAIL WRONG_INTERMEDIATE_KEY (same name, other key)",
        (world.leaf(), rekeyed),
        _fails("wrong-intermediate-key"),
    )


def _dates(world: World) -> Iterator[Fixture]:
    def dated(begins: float, ends: float) -> tuple[Entity, Entity]:
        leaf = issue_leaf(world.intermediate, (HOST,), dates=days(begins, ends))
        return leaf, world.intermediate

    yield _fixture(
        world,
        "13-expired-leaf",
        "expired three days ago",
        "FAIL EXPIRED",
        dated(-43, -3),
        _fails("expired"),
    )
    yield _fixture(
        world,
        "14-expiring-5d",
        "five days left of 45",
        "WARN EXPIRING(5d)",
        dated(-40, 5.1),
        _warns("expiring", says="5 days"),
    )
    yield _fixture(
        world,
        "15-not-yet-valid",
        "valid from in two days",
        "FAIL NOT_YET_VALID",
        dated(2, 42),
        _fails("not-yet-valid"),
    )
    old = issue_ca("Example Intermediate E0", world.root, dates=days(-900, -2))
    yield _fixture(
        world,
        "16-expired-intermediate",
        "the only intermediate expired two days ago",
        "FAIL EXPIRED_INTERMEDIATE",
        (issue_leaf(old, (HOST,)), old),
        _fails("expired-intermediate"),
    )
    elder = issue_ca("Example Root R0", dates=days(-4000, -30))
    root = world.root
    cross = issue_ca("Example Root R1", elder, key=root.key, dates=days(-900, -30))
    yield _fixture(
        world,
        "17-expired-cross-sign-alt-path",
        "the root as an older one signed it, expired, beside a chain that holds without it",
        "WARN EXPIRED_CROSS_SIGN (ok on trusted-first clients)",
        (world.leaf(), world.intermediate, cross),
        _warns("expired-cross-sign"),
    )
    yield _fixture(
        world,
        "44-validity-398d-in-2026",
        "issued for 398 days",
        "WARN LIFETIME>200d",
        dated(-5, 393),
        _warns("lifetime"),
    )


def _names(world: World) -> Iterator[Fixture]:
    def mismatch(name: str, what: str, host: str, *names: str) -> Fixture:
        asked = _fails("name-mismatch", host=host)
        return _fixture(
            world, name, what, "FAIL NAME_MISMATCH", (world.leaf(*names), world.intermediate), asked
        )

    yield mismatch("18-hostname-mismatch", "for another host", HOST, "other.example.test")
    yield mismatch(
        "21-wildcard-two-levels", "a wildcard one label short", "a.b.example.test", "*.example.test"
    )
    yield mismatch("22-wildcard-apex", "a wildcard, asked for its own zone", "example.test", "*.example.test")
    yield mismatch("23-partial-wildcard", "a wildcard inside a label", HOST, "a*.example.test")
    yield _fixture(
        world,
        "19-cn-only-no-san",
        "the host as common name only",
        "FAIL NO_SAN",
        (issue_leaf(world.intermediate, None, common=HOST), world.intermediate),
        _fails("no-san"),
    )
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    yield _fixture(
        world,
        "47-ip-san",
        "for an address",
        "OK for IP probe / NAME_MISMATCH for host",
        (issue_leaf(world.intermediate, (loopback,)), world.intermediate),
        (_ok("127.0.0.1"), _fails("name-mismatch")),
    )


def _ingress(world: World) -> Iterator[Fixture]:
    traefik = issue_leaf(
        None, ("0123456789abcdef.0123456789abcdef.traefik.default",), common="TRAEFIK DEFAULT CERT"
    )
    yield _fixture(
        world,
        "24-traefik-default",
        "Traefik's default certificate",
        "FAIL DEFAULT_CERT(traefik)",
        (traefik,),
        _fails("default-cert", says="traefik"),
        default=True,
    )
    fake = issue_leaf(
        None,
        ("ingress.local",),
        common="Kubernetes Ingress Controller Fake Certificate",
        organisation="Acme Co",
    )
    yield _fixture(
        world,
        "25-ingress-nginx-fake",
        "ingress-nginx's default certificate",
        "FAIL DEFAULT_CERT(ingress-nginx)",
        (fake,),
        _fails("default-cert", says="ingress-nginx"),
        default=True,
    )
    staging_root = issue_ca("(STAGING) Pretend Pear X1", organisation="(STAGING) Example Trust")
    staging = issue_ca("(STAGING) Made-up Medlar R1", staging_root, organisation="(STAGING) Example Trust")
    yield _fixture(
        world,
        "26-le-staging",
        "from an ACME staging CA",
        "FAIL STAGING_CA",
        (issue_leaf(staging, (HOST,)), staging),
        _fails("staging-ca"),
    )
    temporary = issue_ca("cert-manager.local", organisation="cert-manager")
    yield _fixture(
        world,
        "27-cert-manager-temporary",
        "what cert-manager puts in until the order is done",
        "FAIL TEMPORARY_CERT(cert-manager)",
        (issue_leaf(temporary, (HOST,)),),
        _fails("temporary-cert", says="cert-manager"),
    )


def _strength(world: World) -> Iterator[Fixture]:
    weak = issue_leaf(world.intermediate, (HOST,), key=rsa.generate_private_key(65537, 1024))
    yield _fixture(
        world,
        "28-rsa1024",
        "an RSA key of 1024 bits",
        "FAIL WEAK_KEY",
        (weak, world.intermediate),
        _fails("weak-key"),
    )
    yield _fixture(
        world,
        "29-sha1-leaf",
        "the leaf is signed with SHA-1",
        "FAIL WEAK_SIGNATURE",
        (with_sha1(world.leaf(), world.intermediate), world.intermediate),
        _fails("weak-signature"),
    )
    root = issue_ca("Example Root R-old")
    root = with_sha1(root, root)
    yield _fixture(
        world,
        "30-sha1-root-only",
        "the root signed itself with SHA-1; nobody looks at that",
        "OK (root self-signature not checked)",
        (issue_leaf(root, (HOST,)),),
        _ok(),
        roots=(root,),
    )
    edwards = issue_leaf(world.intermediate, (HOST,), key=ed25519.Ed25519PrivateKey.generate())
    yield _fixture(
        world,
        "31-ed25519-leaf",
        "an Ed25519 key under public roots",
        "WARN ED25519_NOT_PUBLIC_TRUST",
        (edwards, world.intermediate),
        _warns("ed25519-not-public-trust"),
    )


def _authorities(world: World) -> Iterator[Fixture]:
    client = issue_leaf(world.intermediate, (HOST,), usages=(CLIENT_AUTH,))
    yield _fixture(
        world,
        "32-clientauth-only-eku",
        "for clients only",
        "FAIL BAD_EKU",
        (client, world.intermediate),
        _fails("bad-eku"),
    )
    yield _fixture(
        world,
        "33-ca-true-leaf",
        "the leaf is a CA certificate",
        "FAIL LEAF_IS_CA",
        (issue_leaf(world.intermediate, (HOST,), ca=True), world.intermediate),
        _fails("leaf-is-ca"),
    )
    no_ca = issue_ca("Example No CA", world.root, ca=False)
    yield _fixture(
        world,
        "34-intermediate-not-ca",
        "the intermediate is no CA certificate",
        "FAIL INVALID_CA",
        (issue_leaf(no_ca, (HOST,)), no_ca),
        _fails("invalid-ca"),
    )
    short = issue_ca("Example Short E3", world.root, path_length=0)
    below = issue_ca("Example Below E4", short)
    yield _fixture(
        world,
        "35-pathlen-exceeded",
        "a CA below one that allows none",
        "FAIL PATHLEN",
        (issue_leaf(below, (HOST,)), below, short),
        _fails("pathlen"),
    )
    other = x509.NameConstraints([x509.DNSName("other.test")], None)
    bound = issue_ca("Example Bound E5", world.root, constraints=other)
    yield _fixture(
        world,
        "36-name-constraint",
        "the CA may issue for another zone only",
        "FAIL NAME_CONSTRAINT",
        (issue_leaf(bound, (HOST,)), bound),
        _fails("name-constraint"),
    )


def _staples(world: World) -> Iterator[Fixture]:
    above = world.intermediate

    def must_staple() -> Entity:
        return issue_leaf(above, (HOST,), must_staple=True)

    yield _fixture(
        world,
        "39-must-staple-none",
        "must-staple, and no staple",
        "FAIL MUST_STAPLE_MISSING",
        (must_staple(), above),
        _fails("must-staple-missing"),
    )
    leaf = must_staple()
    good = staple(leaf, above)
    yield _fixture(
        world,
        "40-must-staple-good",
        "must-staple with a good staple",
        "OK",
        (leaf, above),
        _ok(),
        answer=good,
    )
    leaf = must_staple()
    late = staple(leaf, above, dates=days(-10, -3))
    yield _fixture(
        world,
        "41-staple-expired",
        "a staple that was good until three days ago",
        "FAIL STAPLE_EXPIRED",
        (leaf, above),
        _fails("staple-expired"),
        answer=late,
    )
    leaf = must_staple()
    revoked = staple(leaf, above, status=ocsp.OCSPCertStatus.REVOKED)
    yield _fixture(
        world,
        "42-staple-revoked",
        "a staple that says revoked",
        "FAIL REVOKED",
        (leaf, above),
        _fails("revoked"),
        answer=revoked,
    )
    strange = staple(world.leaf("other.example.test"), above)
    yield _fixture(
        world,
        "43-staple-other-cert",
        "a good staple about another certificate",
        "FAIL STAPLE_WRONG_CERT",
        (must_staple(), above),
        _fails("staple-wrong-cert"),
        answer=strange,
    )


def _rest(world: World) -> Iterator[Fixture]:
    leaf, above = world.leaf(), world.intermediate
    roots = (world.root.certificate,)
    yield Fixture(
        "45-key-mismatch-secret",
        "a Secret whose key is not the leaf's",
        "FAIL KEY_MISMATCH (Secret check, cannot be served)",
        (leaf.certificate, above.certificate),
        world.leaf().key,
        b"",
        roots,
        (_fails("key-mismatch"),),
        servable=False,
    )
    yield Fixture(
        "46-intermediate-first-secret",
        "a Secret with the intermediate before the leaf",
        "FAIL LEAF_NOT_FIRST (Secret check, cannot be served)",
        (above.certificate, leaf.certificate),
        leaf.key,
        b"",
        roots,
        (_fails("leaf-not-first"),),
        servable=False,
    )
