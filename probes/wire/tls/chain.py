"""Reading a served chain: who signed whom, in which order, and whether it leads to a root. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.x509 import verification

from .certificate import UNREADABLE, as_address, ascii_name, self_signed, signed_by, touch

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


def shape(chain: Sequence[x509.Certificate], roots: Roots) -> ChainShape:
    """The longest way up from the leaf, one that reaches a root preferred. ``chain`` must not be empty."""
    first: dict[x509.Certificate, int] = {}
    for index, certificate in enumerate(chain):
        first.setdefault(certificate, index)
    duplicates = tuple(index for index, certificate in enumerate(chain) if first[certificate] != index)
    path, anchor = _climb(chain, tuple(first.values()), roots, (0,), _Links())
    top = chain[path[-1]]
    used = {*path, *duplicates}
    return ChainShape(
        path=path,
        anchor=anchor,
        root_sent=len(path) > 1 and self_signed(top),
        duplicates=duplicates,
        extras=tuple(index for index in range(len(chain)) if index not in used),
    )


class _Links:
    """How many steps of the search are left."""

    def __init__(self) -> None:
        self.steps = _MOST_STEPS


def _climb(
    chain: Sequence[x509.Certificate],
    positions: tuple[int, ...],
    roots: Roots,
    path: tuple[int, ...],
    links: _Links,
) -> tuple[tuple[int, ...], x509.Certificate | None]:
    top = chain[path[-1]]
    if top in roots:
        return path, top
    best: tuple[tuple[int, ...], x509.Certificate | None] = (path, None)
    links.steps -= 1
    if len(path) < LONGEST_PATH and links.steps > 0:
        for position in positions:
            parent = chain[position]
            if position in path or top.issuer != parent.subject or not signed_by(top, parent):
                continue
            longer = _climb(chain, positions, roots, (*path, position), links)
            if (longer[1] is not None, len(longer[0])) > (best[1] is not None, len(best[0])):
                best = longer
    if best[1] is None:
        anchor = next((root for root in roots.by_subject.get(top.issuer, ()) if signed_by(top, root)), None)
        if anchor is not None:
            return path, anchor
    return best


@dataclass(frozen=True, slots=True)
class Validation:
    """``profile`` is strict, private (only the laxer profile accepts) or empty: refused, ``words`` say
    why.
    """

    profile: str
    words: str = ""


def validate(
    chain: Sequence[x509.Certificate],
    form: ChainShape,
    roots: Roots,
    name: str,
    policy_now: datetime,
    lax: bool,
) -> Validation:
    """Whether the chain is valid for ``name`` at that time. The words of a refusal mislead: derive the cause.

    With ``lax`` a laxer profile is tried second, on the path of ``form`` alone; it leaves what CAs may do to
    our own checks.
    """
    try:
        address = as_address(name)
        subject = x509.IPAddress(address) if address else x509.DNSName(ascii_name(name))
    except UNREADABLE as error:
        return Validation("", f"{type(error).__name__}: {error}")
    if roots.store is None:
        return Validation("", "none of the trusted roots can be read")
    builder = verification.PolicyBuilder().store(roots.store).time(policy_now).max_chain_depth(LONGEST_PATH)
    words = _refusal(builder, subject, chain[0], chain[1:])
    if not words:
        return Validation("strict")
    if lax and form.anchor is not None:
        # only our own path: with strangers in the chain the verifier's may be another, and go unchecked
        ca_policy, leaf_policy = _lax_policies()
        builder = builder.extension_policies(ca_policy=ca_policy, ee_policy=leaf_policy)
        if not _refusal(builder, subject, chain[0], form.above(chain)):
            return Validation("private", words)
    return Validation("", words)


def _refusal(
    builder: verification.PolicyBuilder,
    subject: x509.DNSName | x509.IPAddress,
    leaf: x509.Certificate,
    above: Sequence[x509.Certificate],
) -> str:
    try:
        builder.build_server_verifier(subject).verify(leaf, list(above))
    except (verification.VerificationError, *UNREADABLE) as error:
        return str(error) or type(error).__name__
    return ""


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
