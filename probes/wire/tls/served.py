"""What one served chain means for one host, whether it came over the wire or from a file. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509

from ....cluster.text import clean
from ...verdict import Verdict
from .authority import (
    authority_causes,
    counted_beyond,
    form_causes,
    strength_causes,
    wrong_key_ids,
)
from .cause import Cause, fail, span, unknown, warn
from .causes import extra_causes, leaf_causes, order_causes, path_causes, refused_cause
from .certificate import (
    UNREADABLE,
    UnreadableChainError,
    alternative_names,
    covers,
    parse_chain,
    quiet,
)
from .chain import ChainShape, Validation, parse_roots, shape, validate, validate_laxly
from .constraints import constrains_directory_names
from .facts import TlsPolicy, VerifyError

# the first label of a host that stands for all of a wildcard's
_ANY_LABEL = "pointsman"


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """``headline`` is one line for a chain that holds. ``issuer`` signed the leaf, where that is known."""

    causes: tuple[Cause, ...]
    headline: str = ""
    issuer: x509.Certificate | None = None

    @property
    def bad(self) -> bool:
        """Whether any cause is a failure."""
        return any(cause.verdict is Verdict.FAIL for cause in self.causes)


def readable(chain: Sequence[str]) -> tuple[x509.Certificate, ...] | Cause:
    """The certificates of a served chain, or what is said where one of them cannot be read."""
    try:
        return parse_chain(chain)
    except UnreadableChainError as error:
        return (unknown if error.unsupported else fail)("TLS051", str(error))


def judge_chain(
    chain: Sequence[x509.Certificate], host: str, policy: TlsPolicy, complaints: Sequence[VerifyError] = ()
) -> ChainVerdict:
    """The causes for one chain, leaf first. ``host`` may be empty: then its names are not judged.

    ``complaints`` are those of OpenSSL about the same chain, where it was asked.
    """
    host = host.rstrip(".").lower()
    try:
        with quiet():
            return _judged(chain, host, policy, complaints)
    except (*UNREADABLE, OverflowError) as error:
        # a certificate that parses and then breaks on a detail: nothing is known of the rest
        words = f"cannot be judged: {type(error).__name__}: {error}"
        return ChainVerdict((unknown("TLS051", clean(words)),))


def _judged(
    chain: Sequence[x509.Certificate], host: str, policy: TlsPolicy, complaints: Sequence[VerifyError]
) -> ChainVerdict:
    leaf = chain[0]
    analysis = _analysed(tuple(chain), _name_to_verify(leaf, host), policy)
    causes = [*leaf_causes(leaf, host, policy), *analysis.causes]
    doubtful = any(cause.verdict in (Verdict.FAIL, Verdict.UNKNOWN) for cause in causes)
    if analysis.unexplained is not None and not doubtful:
        causes.append(analysis.unexplained)
    disputed = doubtful or any(cause.rule == "TLS048" for cause in causes)
    if analysis.accepted and complaints and not disputed:
        causes.append(_disagreement(complaints))
    left = span(leaf.not_valid_after_utc - policy.now)
    return ChainVerdict(tuple(causes), f"{analysis.headline}, {left}", analysis.issuer)


@dataclass(frozen=True, slots=True)
class _Analysis:
    """What is so of a chain for every host that its certificate is for."""

    causes: tuple[Cause, ...]
    accepted: bool = False
    unexplained: Cause | None = None
    headline: str = ""
    issuer: x509.Certificate | None = None


@lru_cache(maxsize=1024)
def _analysed(chain: tuple[x509.Certificate, ...], name: str, policy: TlsPolicy) -> _Analysis:
    roots = parse_roots(policy.roots_pem)
    validation = validate(chain, roots, name, policy.now)
    form = shape(chain, roots, policy.now, validation.path)
    if not validation.profile and policy.private_roots:
        validation = validate_laxly(chain, form, roots, name, validation, policy.now)
    public = not policy.private_roots
    causes = [*strength_causes(chain[0], form.above(chain), form.anchor, public), *order_causes(chain, form)]
    unexplained = None
    if not roots:
        causes.append(unknown("TLS019", "no trusted roots were given to judge the chain by"))
    elif validation.profile:
        causes += _accepted(chain, form, validation, policy)
    else:
        causes += path_causes(chain, form, roots, policy.now)
        unexplained = _unexplained(chain, form, validation)
    return _Analysis(
        tuple(causes),
        bool(validation.profile),
        unexplained,
        _headline(form, validation),
        form.issuer(chain),
    )


def _name_to_verify(leaf: x509.Certificate, host: str) -> str:
    """The name to verify the chain by: the host, or one that stands for all hosts of a wildcard.

    Whether the certificate is for the host at all is told apart from whether its chain holds: for a host that
    it is not for, and for none, a name of its own is taken.
    """
    names = alternative_names(leaf) or ((), ())
    if host and covers(leaf, host):
        zone = host.partition(".")[2]
        exact = host in (name.lower() for name in (*names[0], *names[1]))
        return (
            host
            if exact or f"*.{zone}" not in (name.lower() for name in names[0])
            else f"{_ANY_LABEL}.{zone}"
        )
    return next((name.replace("*", _ANY_LABEL) for name in (*names[0], *names[1])), host)


def _accepted(
    chain: Sequence[x509.Certificate], form: ChainShape, validation: Validation, policy: TlsPolicy
) -> Iterator[Cause]:
    above = _up_to_the_root(form, chain)
    path = (chain[0], *above)
    if validation.profile == "private":
        # the laxer profile leaves to us what CAs may do
        yield from authority_causes(above, chain[0])
        yield from form_causes(path)
    else:
        for words in wrong_key_ids(path):
            yield warn(
                "TLS048", f"{words}: OpenSSL (curl, Python, PHP) refuses it, browsers and Go do not look"
            )
    yield from extra_causes(chain, form, policy.now)


def _unexplained(chain: Sequence[x509.Certificate], form: ChainShape, validation: Validation) -> Cause:
    """The verifier refuses a path in which our own checks find nothing: its limits, or ours."""
    above = _up_to_the_root(form, chain)
    if counted_beyond(above):
        words = "a CA that issued itself makes the path too long for clients that count it (Go, Rust)"
        return warn("TLS048", f"{words}; OpenSSL does not")
    if any(constrains_directory_names(one) for one in above):
        return warn("TLS048", "a CA constrains distinguished names, which only some clients can judge")
    return refused_cause(validation)


def _up_to_the_root(form: ChainShape, chain: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    above = form.above(chain)
    if form.anchor is None or form.anchor in (chain[0], *above):
        return above
    return (*above, form.anchor)


def _disagreement(complaints: Sequence[VerifyError]) -> Cause:
    first = complaints[0]
    return warn(
        "TLS048",
        f"OpenSSL (curl, Python, PHP, Ruby, nginx) refuses it: {first.text} at depth {first.depth}; clients"
        " that look for another path (browsers, Go) accept it",
    )


def _headline(form: ChainShape, validation: Validation) -> str:
    between = len(form.path) - 1 - form.root_sent
    middle = "no intermediate" if not between else f"{between} intermediate{'s' if between > 1 else ''}"
    root = "root known" if validation.profile == "strict" else "private root known"
    return ", ".join(("leaf", middle, root))
