"""Reading a served chain: who signed whom, in which order, and whether it leads to a root. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID

_LONGEST_PATH = 8
# cross-signed loops have exponentially many ways up: a hostile server must not keep the judge busy
_MOST_STEPS = 200
_MARK = "-----END CERTIFICATE-----"
# everything that cryptography raises on a certificate that is not as it should be
UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


class UnreadableChainError(Exception):
    """A certificate in the chain cannot be parsed; the message says which."""


def parse_chain(chain: Sequence[str]) -> tuple[x509.Certificate, ...]:
    """The certificates of base64 DER texts. Raises UnreadableChainError."""
    parsed = []
    for index, text in enumerate(chain):
        try:
            certificate = x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
            # parsed lazily: a broken part shows only when it is touched
            _ = (
                certificate.extensions,
                certificate.subject,
                certificate.issuer,
                certificate.not_valid_after_utc,
            )
            _ = certificate.not_valid_before_utc, certificate.public_key()
        except (*UNREADABLE, binascii.Error) as error:
            raise UnreadableChainError(f"certificate {index}: {type(error).__name__}: {error}") from None
        parsed.append(certificate)
    return tuple(parsed)


@lru_cache(maxsize=8)
def parse_roots(pem: str) -> tuple[x509.Certificate, ...]:
    """Every certificate of a PEM text that can be read; the others are left out."""
    roots = []
    for part in pem.split(_MARK)[:-1]:
        start = part.find("-----BEGIN CERTIFICATE-----")
        if start < 0:
            continue
        try:
            root = x509.load_pem_x509_certificate((part[start:] + _MARK + "\n").encode("ascii", "replace"))
            _ = root.subject, root.public_key(), root.extensions
        except UNREADABLE:
            continue
        roots.append(root)
    return tuple(roots)


def signed_by(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether ``parent`` issued ``child``: names and signature."""
    try:
        child.verify_directly_issued_by(parent)
    except (*UNREADABLE, InvalidSignature):
        return False
    return True


def self_signed(certificate: x509.Certificate) -> bool:
    """Whether it signed itself."""
    return certificate.subject == certificate.issuer and signed_by(certificate, certificate)


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


def shape(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> ChainShape:
    """The longest way up from the leaf, one that reaches a root preferred. ``chain`` must not be empty."""
    by_subject: dict[x509.Name, list[x509.Certificate]] = {}
    for root in roots:
        by_subject.setdefault(root.subject, []).append(root)
    first: dict[x509.Certificate, int] = {}
    for index, certificate in enumerate(chain):
        first.setdefault(certificate, index)
    duplicates = tuple(index for index, certificate in enumerate(chain) if first[certificate] != index)
    path, anchor = _climb(chain, tuple(first.values()), by_subject, (0,), _Links())
    top = chain[path[-1]]
    used = {*path, *duplicates}
    return ChainShape(
        path=path,
        anchor=anchor,
        root_sent=self_signed(top) and len(path) > 1,
        duplicates=duplicates,
        extras=tuple(index for index in range(len(chain)) if index not in used),
    )


class _Links:
    """Who signed whom, each pair checked once, and how many steps of the search are left."""

    def __init__(self) -> None:
        self.steps = _MOST_STEPS
        self._known: dict[tuple[x509.Certificate, x509.Certificate], bool] = {}

    def signed(self, child: x509.Certificate, parent: x509.Certificate) -> bool:
        pair = (child, parent)
        if pair not in self._known:
            self._known[pair] = signed_by(child, parent)
        return self._known[pair]


def _climb(
    chain: Sequence[x509.Certificate],
    positions: tuple[int, ...],
    roots: dict[x509.Name, list[x509.Certificate]],
    path: tuple[int, ...],
    links: _Links,
) -> tuple[tuple[int, ...], x509.Certificate | None]:
    top = chain[path[-1]]
    own = next((root for root in roots.get(top.subject, ()) if root == top), None)
    if own is not None:
        return path, own
    best: tuple[tuple[int, ...], x509.Certificate | None] = (path, None)
    links.steps -= 1
    if len(path) < _LONGEST_PATH and links.steps > 0:
        for position in positions:
            parent = chain[position]
            if position in path or top.issuer != parent.subject or not links.signed(top, parent):
                continue
            longer = _climb(chain, positions, roots, (*path, position), links)
            if (longer[1] is not None, len(longer[0])) > (best[1] is not None, len(best[0])):
                best = longer
    if best[1] is None:
        anchor = next((root for root in roots.get(top.issuer, ()) if links.signed(top, root)), None)
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
    roots: Sequence[x509.Certificate],
    name: str,
    now: datetime,
    private_roots: bool,
) -> Validation:
    """Whether the chain is valid for ``name`` at ``now``. The words of a refusal mislead: derive the cause.

    With ``private_roots`` a laxer profile is tried second; it leaves key usages to our own checks.
    """
    try:
        store = verification.Store(list(roots))
        address = _address(name)
        subject = x509.IPAddress(address) if address else x509.DNSName(_ascii_name(name))
    except UNREADABLE as error:
        return Validation("", f"{type(error).__name__}: {error}")
    words = ""
    for profile in ("strict", "private") if private_roots else ("strict",):
        builder = verification.PolicyBuilder().store(store).time(now).max_chain_depth(_LONGEST_PATH)
        if profile == "private":
            builder = builder.extension_policies(ca_policy=_lax_ca(), ee_policy=_lax_leaf())
        try:
            builder.build_server_verifier(subject).verify(chain[0], list(chain[1:]))
        except (verification.VerificationError, *UNREADABLE) as error:
            words = words or str(error)
        else:
            return Validation(profile, words)
    return Validation("", words)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name.strip("[]"))
    except ValueError:
        return None


def _ascii_name(name: str) -> str:
    bare = name.rstrip(".")
    return bare if bare.isascii() else bare.encode("idna").decode("ascii")


def _lax_ca() -> verification.ExtensionPolicy:
    policy = verification.ExtensionPolicy.permit_all()

    def is_ca(
        _policy: verification.Policy, _certificate: x509.Certificate, value: x509.BasicConstraints
    ) -> None:
        if not value.ca:
            raise ValueError("not a CA")

    return policy.require_present(x509.BasicConstraints, verification.Criticality.AGNOSTIC, is_ca)


def _lax_leaf() -> verification.ExtensionPolicy:
    policy = verification.ExtensionPolicy.permit_all()
    return policy.require_present(x509.SubjectAlternativeName, verification.Criticality.AGNOSTIC, None)


def common_name(name: x509.Name) -> str:
    """The common name, or the whole name where there is none."""
    values = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(values[0].value) if values else name.rfc4514_string()


def alternative_names(certificate: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """DNS names and IP addresses that it is for; None where the extension is missing."""
    try:
        value = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    names = tuple(str(name) for name in value.get_values_for_type(x509.DNSName))
    return names, tuple(str(address) for address in value.get_values_for_type(x509.IPAddress))


def covers(certificate: x509.Certificate, host: str) -> bool:
    """Whether it is for ``host``: exactly, or by a wildcard for its whole first label (RFC 9525)."""
    names = alternative_names(certificate)
    if names is None:
        return False
    address = _address(host)
    if address is not None:
        return str(address) in names[1]
    try:
        wanted = _ascii_name(host).lower()
    except UnicodeError:
        return False
    parent = wanted.partition(".")[2]
    return any(
        given == wanted or (given.startswith("*.") and "." in parent and given[2:] == parent)
        for given in (name.lower().rstrip(".") for name in names[0])
    )
