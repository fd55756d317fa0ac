"""Why a chain is bad: every cause that can be read from the certificates themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ....cluster.text import clean
from ...verdict import Verdict
from .chain import ChainShape, Validation, alternative_names, common_name, covers, self_signed
from .facts import TlsPolicy

_DAY = 86400
# issued from that day on, a public certificate may live for so many days
_LIFETIMES = (
    (datetime(2029, 3, 15, tzinfo=UTC), 47),
    (datetime(2027, 3, 15, tzinfo=UTC), 100),
    (datetime(2026, 3, 15, tzinfo=UTC), 200),
    (datetime(2020, 9, 1, tzinfo=UTC), 398),
)
_DEFAULTS = {
    "TRAEFIK DEFAULT CERT": "traefik",
    "Kubernetes Ingress Controller Fake Certificate": "ingress-nginx",
}
_STAGING = ("(STAGING)", "Fake LE ")


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong (or worth a warning): the rule, how bad, and one line."""

    rule: str
    verdict: Verdict
    summary: str


def _fail(rule: str, summary: str) -> Cause:
    return Cause(rule, Verdict.FAIL, clean(summary))


def _warn(rule: str, summary: str) -> Cause:
    return Cause(rule, Verdict.WARN, clean(summary))


def known_default(leaf: x509.Certificate) -> Cause | None:
    """A certificate that no operator meant to serve, told by the names in it."""
    default = _DEFAULTS.get(common_name(leaf.subject))
    if default:
        return _fail("TLS032", f"{default} serves its default certificate: it has none for this name")
    issuer = leaf.issuer.rfc4514_string()
    if common_name(leaf.issuer) == "cert-manager.local":
        return _fail(
            "TLS033", "cert-manager's temporary certificate is served; the real one is not issued yet"
        )
    if any(mark in issuer for mark in _STAGING):
        return _fail("TLS034", f"issued by a staging CA: {common_name(leaf.issuer)}")
    return None


def leaf_causes(leaf: x509.Certificate, host: str, policy: TlsPolicy, staple: bool) -> Iterator[Cause]:
    """What is wrong with the leaf by itself, whoever signed it."""
    yield from _dates(leaf, policy)
    names = alternative_names(leaf)
    if names is None:
        yield _fail(
            "TLS031", f"no subject alternative names, only the common name {common_name(leaf.subject)}"
        )
    elif host and not covers(leaf, host):
        shown = ", ".join((*names[0], *names[1])[:5]) or "none"
        yield _fail("TLS030", f"the certificate is for {shown}, not for {host}")
    yield from _usage(leaf)
    if not policy.private_roots:
        yield from _public_rules(leaf)
    if _must_staple(leaf) and not staple:
        yield _fail("TLS050", "the certificate demands an OCSP staple, and none was sent")


def _dates(leaf: x509.Certificate, policy: TlsPolicy) -> Iterator[Cause]:
    begins, ends, now = leaf.not_valid_before_utc, leaf.not_valid_after_utc, policy.now
    if now > ends:
        yield _fail("TLS020", f"expired {span(now - ends)} ago, at {ends:%Y-%m-%d %H:%M} UTC")
        return
    if now < begins:
        yield _fail("TLS022", f"not valid before {begins:%Y-%m-%d %H:%M} UTC, in {span(begins - now)}")
        return
    left = (ends - now).total_seconds()
    if left <= policy.soak_s:
        soak = span(timedelta(seconds=policy.soak_s))
        yield _fail("TLS021", f"expires in {span(ends - now)}, before the soak of {soak} is over")
    elif left < min(30 * _DAY, (ends - begins).total_seconds() / 6):
        # a sixth of its life left: renewal, due at a third, has not happened
        yield _warn("TLS021", f"expires in {span(ends - now)}, of {span(ends - begins)} in all")


def span(duration: timedelta) -> str:
    """A duration as a person says it: 71 days, 5 hours, 40 seconds."""
    seconds = int(duration.total_seconds())
    for size, word in ((_DAY, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {word}" if count == 1 else f"{count} {word}s"
    return f"{seconds} seconds"


def _extension(certificate: x509.Certificate, kind: type[x509.ExtensionType]) -> x509.ExtensionType | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _usage(leaf: x509.Certificate) -> Iterator[Cause]:
    basic = _extension(leaf, x509.BasicConstraints)
    if isinstance(basic, x509.BasicConstraints) and basic.ca and not self_signed(leaf):
        yield _fail("TLS044", "the server's own certificate is a CA certificate")
    usage = _extension(leaf, x509.ExtendedKeyUsage)
    if isinstance(usage, x509.ExtendedKeyUsage) and not _for_servers(leaf):
        names = ", ".join(one._name for one in usage)
        yield _fail("TLS043", f"the certificate is for {names}, not for servers")


def _for_servers(certificate: x509.Certificate) -> bool:
    usage = _extension(certificate, x509.ExtendedKeyUsage)
    allowed = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    return not isinstance(usage, x509.ExtendedKeyUsage) or any(one in allowed for one in usage)


def _public_rules(leaf: x509.Certificate) -> Iterator[Cause]:
    days = (leaf.not_valid_after_utc - leaf.not_valid_before_utc).total_seconds() / _DAY
    for since, most in _LIFETIMES:
        if leaf.not_valid_before_utc >= since:
            if days > most + 1:
                yield _warn(
                    "TLS025", f"valid for {days:.0f} days; browsers accept {most} since {since:%Y-%m-%d}"
                )
            break
    if isinstance(leaf.public_key(), (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        yield _warn("TLS042", "the key is Ed25519 or Ed448, which browsers do not accept")


def _must_staple(leaf: x509.Certificate) -> bool:
    features = _extension(leaf, x509.TLSFeature)
    return isinstance(features, x509.TLSFeature) and x509.TLSFeatureType.status_request in features


def strength_causes(chain: Sequence[x509.Certificate], path: Sequence[int]) -> Iterator[Cause]:
    """Short keys and broken hashes on the path; a root's signature of itself is not looked at by
    anybody.
    """
    for position in path:
        certificate = chain[position]
        who = _who(position, certificate)
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < 2048:
            yield _fail("TLS040", f"{who} has an RSA key of {key.key_size} bits")
        elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < 256:
            yield _fail("TLS040", f"{who} has an elliptic-curve key of {key.curve.key_size} bits")
        elif isinstance(key, dsa.DSAPublicKey):
            yield _fail("TLS040", f"{who} has a DSA key")
        digest = certificate.signature_hash_algorithm
        if (
            digest is not None
            and digest.name in ("md5", "sha1")
            and certificate.subject != certificate.issuer
        ):
            yield _fail("TLS041", f"{who} is signed with {digest.name.upper()}")


def _who(position: int, certificate: x509.Certificate) -> str:
    return "the leaf" if position == 0 else f"the intermediate {common_name(certificate.subject)}"


def order_causes(chain: Sequence[x509.Certificate], form: ChainShape) -> Iterator[Cause]:
    """What is untidy in the chain as served."""
    if not form.in_order:
        order = ", ".join(common_name(chain[position].subject) for position in form.path)
        yield _warn("TLS011", f"certificates are served out of order; they belong so: {order}")
    for position in form.duplicates:
        yield _warn("TLS012", f"{common_name(chain[position].subject)} is sent twice")


def extra_causes(chain: Sequence[x509.Certificate], form: ChainShape, now: datetime) -> Iterator[Cause]:
    """Certificates that a chain which holds does not need."""
    names = {chain[position].subject for position in form.path}
    names |= {form.anchor.subject} if form.anchor else set()
    for position in form.extras:
        extra = chain[position]
        name = common_name(extra.subject)
        if extra.not_valid_after_utc < now and (extra.subject in names or extra.issuer in names):
            yield _warn("TLS024", f"{name}, sent beside the chain, has expired")
        else:
            yield _warn("TLS013", f"{name} is sent and does not belong to the chain")


def path_causes(
    chain: Sequence[x509.Certificate], form: ChainShape, host: str, now: datetime
) -> Iterator[Cause]:
    """Why no valid path was found, read from the longest one that signatures allow."""
    leaf, top = chain[0], chain[form.path[-1]]
    above = [chain[position] for position in form.path[1:]]
    for certificate in above:
        name = common_name(certificate.subject)
        if certificate.not_valid_after_utc < now:
            yield _fail("TLS023", f"{name} expired {span(now - certificate.not_valid_after_utc)} ago")
        elif certificate.not_valid_before_utc > now:
            yield _fail(
                "TLS022", f"{name} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
            )
    yield from authority_causes(above, host)
    if form.anchor is None:
        if self_signed(leaf):
            yield _fail("TLS014", f"signed by itself: {common_name(leaf.subject)}")
        elif self_signed(top):
            yield _fail("TLS015", f"ends at {common_name(top.subject)}, which is no trusted root")
        else:
            yield _missing_issuer(chain, form, top)
    elif now > form.anchor.not_valid_after_utc:
        yield _fail("TLS015", f"the root {common_name(form.anchor.subject)} has expired")


def authority_causes(above: Sequence[x509.Certificate], host: str) -> Iterator[Cause]:
    """What the certificates above the leaf may not do, by their own extensions."""
    for depth, certificate in enumerate(above):
        name = common_name(certificate.subject)
        basic = _extension(certificate, x509.BasicConstraints)
        usage = _extension(certificate, x509.KeyUsage)
        if not isinstance(basic, x509.BasicConstraints) or not basic.ca:
            yield _fail("TLS045", f"{name} is no CA certificate, and has signed one below it")
        elif isinstance(usage, x509.KeyUsage) and not usage.key_cert_sign:
            yield _fail("TLS045", f"{name} may not sign certificates (key usage)")
        elif basic.path_length is not None and depth > basic.path_length:
            yield _fail("TLS046", f"{name} allows {basic.path_length} CAs below it, and has {depth}")
        if not _for_servers(certificate):
            yield _fail("TLS045", f"{name} may not issue for servers (extended key usage)")
        if host and not _permits(certificate, host):
            yield _fail("TLS047", f"{name} may not issue for {host} (name constraints)")


def _missing_issuer(chain: Sequence[x509.Certificate], form: ChainShape, top: x509.Certificate) -> Cause:
    issuer = common_name(top.issuer)
    namesake = next((one for one in chain if one.subject == top.issuer and one != top), None)
    if namesake is not None:
        if _key_ids_agree(top, namesake):
            return _fail("TLS017", f"the signature on {common_name(top.subject)} does not hold")
        return _fail("TLS016", f"{issuer} is sent, but with another key than the one that signed")
    strangers = f"; {len(form.extras)} sent certificates do not fit" if form.extras else ""
    return _fail("TLS010", f"{common_name(top.subject)} is signed by {issuer}, which was not sent{strangers}")


def _key_ids_agree(child: x509.Certificate, parent: x509.Certificate) -> bool:
    wanted = _extension(child, x509.AuthorityKeyIdentifier)
    given = _extension(parent, x509.SubjectKeyIdentifier)
    if not isinstance(wanted, x509.AuthorityKeyIdentifier) or not isinstance(
        given, x509.SubjectKeyIdentifier
    ):
        return False
    return wanted.key_identifier == given.digest


def _permits(authority: x509.Certificate, host: str) -> bool:
    constraints = _extension(authority, x509.NameConstraints)
    if not isinstance(constraints, x509.NameConstraints):
        return True

    def within(subtrees: list[x509.GeneralName] | None) -> list[bool]:
        names = (tree.value.lower() for tree in subtrees or () if isinstance(tree, x509.DNSName))
        return [host == name.lstrip(".") or host.endswith("." + name.lstrip(".")) for name in names]

    permitted = within(constraints.permitted_subtrees)
    return (not permitted or any(permitted)) and not any(within(constraints.excluded_subtrees))


def organisation(certificate: x509.Certificate) -> str:
    """Who issued it, for people: organisation and common name."""
    values = certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    name = common_name(certificate.issuer)
    return clean(f"{values[0].value!s} {name}" if values else name, 120)


def refused_cause(validation: Validation) -> Cause:
    """The last resort: the verifier refuses, and none of our own causes explains it."""
    return _fail("TLS018", f"the chain is refused: {validation.words}")
