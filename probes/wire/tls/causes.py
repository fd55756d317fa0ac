"""Why a chain is bad: every cause that can be read from the certificates themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from .authority import (
    authority_causes,
    date_causes,
    for_servers,
    form_causes,
    key_ids_agree,
    unbrowsable_key,
)
from .cause import DAY_S, Cause, fail, note, span, unknown, warn
from .certificate import alternative_names, common_name, covers, extension, is_ca, self_signed
from .chain import ChainShape, Roots, Validation
from .facts import TlsPolicy

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
_SHOWN_NAMES = 5
# the verifier names extensions by number
_NUMBERED = {
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER.dotted_string: "authority key identifier",
    ExtensionOID.SUBJECT_KEY_IDENTIFIER.dotted_string: "subject key identifier",
    ExtensionOID.KEY_USAGE.dotted_string: "key usage",
    ExtensionOID.EXTENDED_KEY_USAGE.dotted_string: "extended key usage",
    ExtensionOID.BASIC_CONSTRAINTS.dotted_string: "basic constraints",
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string: "alternative names",
    ExtensionOID.NAME_CONSTRAINTS.dotted_string: "name constraints",
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS.dotted_string: "authority information access",
}


def known_default(leaf: x509.Certificate) -> Cause | None:
    """A certificate that no operator meant to serve, told by the names in it."""
    default = _DEFAULTS.get(common_name(leaf.subject))
    if default:
        return fail("TLS032", f"{default} serves its default certificate: it has none for this name")
    if common_name(leaf.issuer) == "cert-manager.local":
        return fail(
            "TLS033", "cert-manager's temporary certificate is served; the real one is not issued yet"
        )
    issuer = leaf.issuer.rfc4514_string()
    if any(mark in issuer for mark in _STAGING):
        return fail("TLS034", f"issued by a staging CA: {common_name(leaf.issuer)}")
    return None


def leaf_causes(leaf: x509.Certificate, host: str, policy: TlsPolicy) -> Iterator[Cause]:
    """What is wrong with the leaf by itself, whoever signed it."""
    yield from _dates(leaf, policy)
    names = alternative_names(leaf)
    if names is None:
        yield fail(
            "TLS031", f"no subject alternative names, only the common name {common_name(leaf.subject)}"
        )
    elif host and not covers(leaf, host):
        every = (*names[0], *names[1])
        shown = ", ".join(every[:_SHOWN_NAMES]) or "none"
        more = f" and {len(every) - _SHOWN_NAMES} more" if len(every) > _SHOWN_NAMES else ""
        yield fail("TLS030", f"the certificate is for {shown}{more}, not for {host}")
    if is_ca(leaf) and not self_signed(leaf):
        yield fail("TLS044", "the server's own certificate is a CA certificate")
    usage = extension(leaf, x509.ExtendedKeyUsage)
    if usage is not None and not for_servers(leaf):
        purposes = ", ".join(one._name for one in list(usage)[:_SHOWN_NAMES])
        yield fail("TLS043", f"the certificate is for {purposes}, not for servers")
    if not policy.private_roots:
        yield from _public_rules(leaf)


def _dates(leaf: x509.Certificate, policy: TlsPolicy) -> Iterator[Cause]:
    # certificates know whole seconds: the last one belongs to them to its end (RFC 5280 4.1.2.5)
    begins, ends, now = leaf.not_valid_before_utc, leaf.not_valid_after_utc, policy.now
    if now >= ends + timedelta(seconds=1):
        yield fail("TLS020", f"expired {span(now - ends)} ago, at {ends:%Y-%m-%d %H:%M} UTC")
        return
    if now < begins:
        yield fail("TLS022", f"not valid before {begins:%Y-%m-%d %H:%M} UTC, in {span(begins - now)}")
        return
    left = max((ends - now).total_seconds(), 0.0)
    if policy.soak_s and left <= policy.soak_s:
        soak = span(timedelta(seconds=policy.soak_s))
        yield fail("TLS021", f"expires in {span(timedelta(seconds=left))}, before the soak of {soak} is over")
    elif left < min(30 * DAY_S, (ends - begins).total_seconds() / 6):
        # a sixth of its life left: renewal, due at a third, has not happened
        yield warn("TLS021", f"expires in {span(timedelta(seconds=left))}, of {span(ends - begins)} in all")


def _public_rules(leaf: x509.Certificate) -> Iterator[Cause]:
    days = (leaf.not_valid_after_utc - leaf.not_valid_before_utc).total_seconds() / DAY_S
    for since, most in _LIFETIMES:
        if leaf.not_valid_before_utc >= since:
            if days > most + 1:
                yield warn(
                    "TLS025", f"valid for {days:.0f} days; browsers accept {most} since {since:%Y-%m-%d}"
                )
            break
    unbrowsable = unbrowsable_key(leaf)
    if unbrowsable is not None:
        yield unbrowsable


def order_causes(chain: Sequence[x509.Certificate], form: ChainShape) -> Iterator[Cause]:
    """What is untidy in the chain as served."""
    if not form.in_order:
        order = ", ".join(common_name(chain[position].subject) for position in form.path)
        yield warn("TLS011", f"certificates are served out of order; they belong so: {order}")
    for name in dict.fromkeys(common_name(chain[position].subject) for position in form.duplicates):
        yield warn("TLS012", f"{name} is sent more than once")
    if form.root_sent and form.anchor is not None:
        root = common_name(chain[form.path[-1]].subject)
        yield note("TLS009", f"the root {root} is sent too; clients have it, and it costs bytes")


def extra_causes(chain: Sequence[x509.Certificate], form: ChainShape, now: datetime) -> Iterator[Cause]:
    """Certificates that a chain which holds does not need."""
    names = {chain[position].subject for position in form.path}
    names |= {form.anchor.subject} if form.anchor else set()
    for position in form.extras:
        extra = chain[position]
        name = common_name(extra.subject)
        if extra.not_valid_after_utc < now and (extra.subject in names or extra.issuer in names):
            yield warn("TLS024", f"{name}, sent beside the chain, has expired")
        else:
            yield warn("TLS013", f"{name} is sent and does not belong to the chain")


def path_causes(
    chain: Sequence[x509.Certificate], form: ChainShape, roots: Roots, now: datetime
) -> Iterator[Cause]:
    """Why no valid path was found, read from the longest one that signatures allow."""
    leaf, top, above = chain[0], chain[form.path[-1]], form.above(chain)
    yield from date_causes(above, now)
    anchor = form.anchor if form.anchor is not None and form.anchor not in (leaf, *above) else None
    complete = (*above, anchor) if anchor is not None else above
    yield from authority_causes(complete, leaf)
    yield from form_causes((leaf, *complete))
    if form.anchor is None:
        broken = next((name for name in roots.broken if name in (top.issuer, top.subject)), None)
        if broken is not None:
            yield fail(
                "TLS051", f"the trusted root {common_name(broken)} cannot be read, and signed this chain"
            )
        elif not roots.certificates:
            yield unknown("TLS019", "none of the trusted roots that were given can be read")
        elif self_signed(leaf):
            yield fail("TLS014", f"signed by itself: {common_name(leaf.subject)}")
        elif self_signed(top):
            yield fail("TLS015", f"ends at {common_name(top.subject)}, which is no trusted root")
        else:
            yield _missing_issuer(chain, form, top)
    elif now > form.anchor.not_valid_after_utc:
        yield fail("TLS015", f"the root {common_name(form.anchor.subject)} has expired")


def _missing_issuer(chain: Sequence[x509.Certificate], form: ChainShape, top: x509.Certificate) -> Cause:
    issuer = common_name(top.issuer)
    namesake = next((one for one in chain if one.subject == top.issuer and one != top), None)
    if namesake is not None:
        if key_ids_agree(top, namesake):
            return fail("TLS017", f"the signature on {common_name(top.subject)} does not hold")
        return fail("TLS016", f"{issuer} is sent, but with another key than the one that signed")
    count = len(form.extras)
    strangers = f"; {count} sent certificate{'s do' if count > 1 else ' does'} not fit" if count else ""
    return fail("TLS010", f"{common_name(top.subject)} is signed by {issuer}, which was not sent{strangers}")


def refused_cause(validation: Validation) -> Cause:
    """The last resort: the verifier refuses, and none of our own causes explains it."""
    words = validation.words
    for number, name in _NUMBERED.items():
        words = words.replace(number, name)
    return fail("TLS018", f"the chain is refused: {words}")
