"""Reading a served chain: who signed whom, in which order, and whether it leads to a root. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import pairwise

from cryptography import x509
from cryptography.x509 import verification

from .certificate import UNREADABLE, WEAK_HASHES, as_address, ascii_name, self_signed, signed_by, touch

LONGEST_PATH = 8
# cross-signed loops have exponentially many ways up: a hostile server must not keep the judge busy
_MOST_STEPS = 200
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


@dataclass(frozen=True, eq=False)
class Roots:
    """The trusted roots of one PEM text. ``broken`` are names of those that cannot be read whole: what they
    signed cannot be trusted, nor called untrusted.

    Equal only to itself, so that what was worked out with it can be kept by it.
    """

    certificates: tuple[x509.Certificate, ...] = ()
    broken: tuple[x509.Name, ...] = ()
    by_subject: Mapping[x509.Name, tuple[x509.Certificate, ...]] = field(default_factory=dict)
    store: verification.Store | None = None

    def __bool__(self) -> bool:
        return bool(self.certificates or self.broken)

    def __contains__(self, certificate: x509.Certificate) -> bool:
        return certificate in self.by_subject.get(certificate.subject, ())


@lru_cache(maxsize=8)
def parse_roots(pem: str) -> Roots:
    """Every certificate of a PEM text. What is no certificate at all is left out."""
    roots, broken = [], []
    for root in _pem_certificates(pem):
        try:
            touch(root)
        except UNREADABLE:
            try:
                broken.append(root.subject)
            except UNREADABLE:
                continue
        else:
            roots.append(root)
    by_subject: dict[x509.Name, list[x509.Certificate]] = {}
    for root in roots:
        by_subject.setdefault(root.subject, []).append(root)
    return Roots(
        certificates=tuple(roots),
        broken=tuple(broken),
        by_subject={name: tuple(several) for name, several in by_subject.items()},
        store=verification.Store(roots) if roots else None,
    )


def _pem_certificates(pem: str) -> Iterator[x509.Certificate]:
    for part in pem.split(_END)[:-1]:
        start = part.find(_BEGIN)
        if start < 0:
            continue
        try:
            yield x509.load_pem_x509_certificate((part[start:] + _END + "\n").encode("ascii", "replace"))
        except UNREADABLE:
            continue


@dataclass(frozen=True, slots=True)
class ChainShape:
    """``path`` are positions in the served chain from the leaf up, as far as signatures lead.

    ``anchor`` is the root that the path's end was signed by (or is); None: no known root. ``root_sent``:
    the path's end is a root itself. ``extras`` and ``duplicates`` are positions not on the path.
    """

    path: tuple[int, ...]
    anchor: x509.Certificate | None
    root_sent: bool
    duplicates: tuple[int, ...]
    extras: tuple[int, ...]

    @property
    def in_order(self) -> bool:
        """Whether each certificate is followed by its issuer, duplicates and strangers aside."""
        return list(self.path) == sorted(self.path)

    def above(self, chain: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
        """The path's certificates above the leaf, from the bottom."""
        return tuple(chain[position] for position in self.path[1:])

    def issuer(self, chain: Sequence[x509.Certificate]) -> x509.Certificate | None:
        """Who signed the leaf, where that is known."""
        if len(self.path) > 1:
            return chain[self.path[1]]
        return self.anchor if self.anchor != chain[0] else None


def shape(
    chain: Sequence[x509.Certificate], roots: Roots, now: datetime, proven: Sequence[x509.Certificate] = ()
) -> ChainShape:
    """The way up from the leaf that clients would like best: to a root, sound at that time, the longest.

    ``chain`` must not be empty. ``proven`` is a path that a verifier has found: its signatures hold.
    """
    first: dict[x509.Certificate, int] = {}
    for index, certificate in enumerate(chain):
        first.setdefault(certificate, index)
    duplicates = tuple(index for index, certificate in enumerate(chain) if first[certificate] != index)
    way = _Search(chain, tuple(first.values()), roots, now, proven).climb((0,), sound=True)
    used = {*way.path, *duplicates}
    return ChainShape(
        path=way.path,
        anchor=way.anchor,
        root_sent=len(way.path) > 1 and self_signed(chain[way.path[-1]]),
        duplicates=duplicates,
        extras=tuple(index for index in range(len(chain)) if index not in used),
    )


@dataclass(frozen=True, slots=True)
class _Way:
    path: tuple[int, ...]
    anchor: x509.Certificate | None
    sound: bool

    @property
    def rank(self) -> tuple[bool, bool, int]:
        return (self.anchor is not None, self.sound, len(self.path))


class _Search:
    """The search for the best way up; it gives up after so many steps."""

    def __init__(
        self,
        chain: Sequence[x509.Certificate],
        positions: tuple[int, ...],
        roots: Roots,
        now: datetime,
        proven: Sequence[x509.Certificate],
    ) -> None:
        self._chain, self._positions, self._roots, self._now = chain, positions, roots, now
        self._proven = set(pairwise(proven))
        self._steps = _MOST_STEPS

    def _signed(self, child: x509.Certificate, parent: x509.Certificate) -> bool:
        return (child, parent) in self._proven or signed_by(child, parent)

    def climb(self, path: tuple[int, ...], sound: bool) -> _Way:
        """The best way that begins with ``path``; ``sound``: nothing is wrong with what is below its end."""
        top = self._chain[path[-1]]
        if top in self._roots:
            return _Way(path, top, sound and self._valid(top))
        sound = sound and self._valid(top) and not _weakly_signed(top)
        best = _Way(path, None, sound)
        for root in self._roots.by_subject.get(top.issuer, ()):
            if self._signed(top, root):
                best = max(best, _Way(path, root, sound and self._valid(root)), key=lambda way: way.rank)
        self._steps -= 1
        if len(path) >= LONGEST_PATH or self._steps <= 0:
            return best
        for position in self._positions:
            parent = self._chain[position]
            if position in path or top.issuer != parent.subject or not self._signed(top, parent):
                continue
            best = max(best, self.climb((*path, position), sound), key=lambda way: way.rank)
        return best

    def _valid(self, certificate: x509.Certificate) -> bool:
        return certificate.not_valid_before_utc <= self._now <= certificate.not_valid_after_utc


def _weakly_signed(certificate: x509.Certificate) -> bool:
    digest = certificate.signature_hash_algorithm
    return digest is not None and digest.name in WEAK_HASHES


@dataclass(frozen=True, slots=True)
class Validation:
    """``profile`` is strict, private (only the laxer profile accepts) or empty: refused, ``words`` say
    why. ``path`` is the one that the strict profile found, from the leaf to the root.
    """

    profile: str
    words: str = ""
    path: tuple[x509.Certificate, ...] = ()


def validate(chain: Sequence[x509.Certificate], roots: Roots, name: str, now: datetime) -> Validation:
    """Whether the chain is valid for ``name`` at that time, by the web's rules.

    The words of a refusal mislead: derive the cause.
    """
    path = _verified(roots, name, now, chain[0], chain[1:], lax=False)
    return Validation("", path) if isinstance(path, str) else Validation("strict", path=path)


def validate_laxly(
    chain: Sequence[x509.Certificate],
    form: ChainShape,
    roots: Roots,
    name: str,
    refused: Validation,
    now: datetime,
) -> Validation:
    """The same by a laxer profile, where the strict one has ``refused``; what CAs may do it leaves to us.

    Only the path of ``form`` is tried: with strangers in the chain the verifier's may be another, and go
    unchecked.
    """
    if form.anchor is None:
        return refused
    path = _verified(roots, name, now, chain[0], form.above(chain), lax=True)
    return refused if isinstance(path, str) else Validation("private", refused.words)


def _verified(
    roots: Roots,
    name: str,
    now: datetime,
    leaf: x509.Certificate,
    above: Sequence[x509.Certificate],
    lax: bool,
) -> tuple[x509.Certificate, ...] | str:
    if roots.store is None:
        return "none of the trusted roots can be read"
    builder = verification.PolicyBuilder().store(roots.store).time(now).max_chain_depth(LONGEST_PATH)
    if lax:
        ca_policy, leaf_policy = _lax_policies()
        builder = builder.extension_policies(ca_policy=ca_policy, ee_policy=leaf_policy)
    try:
        address = as_address(name)
        subject = x509.IPAddress(address) if address else x509.DNSName(ascii_name(name))
        return tuple(builder.build_server_verifier(subject).verify(leaf, list(above)))
    except (verification.VerificationError, *UNREADABLE) as error:
        return str(error) or type(error).__name__


@lru_cache(maxsize=1)
def _lax_policies() -> tuple[verification.ExtensionPolicy, verification.ExtensionPolicy]:
    def is_ca(
        _policy: verification.Policy, _certificate: x509.Certificate, value: x509.BasicConstraints
    ) -> None:
        if not value.ca:
            raise ValueError("not a CA")

    anything = verification.ExtensionPolicy.permit_all()
    either = verification.Criticality.AGNOSTIC
    return (
        anything.require_present(x509.BasicConstraints, either, is_ca),
        anything.require_present(x509.SubjectAlternativeName, either, None),
    )
