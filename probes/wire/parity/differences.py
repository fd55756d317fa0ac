"""Which behaviour a change is, under which rule, and how grave. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...verdict import Verdict
from .facts import Answers
from .noise import Change, Standing
from .question import COALESCED, STREAM, Question

REFUSALS = frozenset({401, 403, 407})
_SIGN_IN = re.compile(r"log-?in|sign-?in|sign_in|oauth2?|/auth\b|\bauth\.|\bsso\b|\bidp\b", re.IGNORECASE)
_KEEPS_METHOD = frozenset({307, 308})
_TURNS_TO_GET = frozenset({301, 302, 303})
_REDIRECTS = _KEEPS_METHOD | _TURNS_TO_GET

_SECURITY = frozenset(
    {
        *("content-security-policy", "content-security-policy-report-only", "x-frame-options"),
        *("referrer-policy", "x-content-type-options", "permissions-policy", "x-xss-protection"),
        "cross-origin-opener-policy",
        *("cross-origin-embedder-policy", "cross-origin-resource-policy"),
    }
)  # fmt: skip
_CACHING = frozenset(
    {"cache-control", "expires", "etag", "last-modified", "vary", "pragma", "cdn-cache-control"}
)
# what is asked to find an edge, and the rule of its own that a different answer there has
PLACE_RULES = {
    "case flipped": "PAR018",
    "slash toggled": "PAR019",
    "encoded slash": "PAR024",
    "dot segments": "PAR024",
    "double slash": "PAR024",
    "unknown host": "PAR025",
}
VARIANT_RULES = {
    "trailing dot in Host": "PAR026",
    "underscore header": "PAR027",
    "HTTP/1.0": "PAR028",
    "no SNI": "PAR029",
    COALESCED: "PAR063",
    "large body": "PAR070",
    "WebSocket": "PAR071",
    "gRPC": "PAR072",
    STREAM: "PAR073",
}
# a client that does this is known to exist, or the loss ends a conversation
_GRAVE_VARIANTS = frozenset({"WebSocket", "gRPC", STREAM, "large body"})
_GRAVE_PLACES = frozenset({"slash toggled"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One behaviour of one question that differs. ``field`` names what was compared."""

    question: Question
    rule: str
    verdict: Verdict
    field: str
    old: str
    new: str
    change: Change
    standing: Standing


@dataclass(frozen=True, slots=True)
class Plain:
    """The changes of the questions as they stand without their variant or their edge, to tell the cause.

    ``leaves`` are the hosts' certificates on both sides, by fingerprint.
    """

    changes: Mapping[tuple[str, str, str], tuple[tuple[str, str | None, str | None], ...]]
    leaves: Mapping[str, tuple[str, str]]

    def shares_connection(self, question: Question) -> bool:
        """Whether a browser may ask the host over the other one's connection: one certificate for both.

        Unknown is yes: then it is told.
        """
        mine, other = self.leaves.get(host_of(question)), self.leaves.get(question.sni or "")
        return mine is None or other is None or any(a == b for a, b in zip(mine, other, strict=True))

    def has(self, url: str, question: Question, change: Change) -> bool:
        """Whether the plain request for ``url`` shows the same change."""
        known = self.changes.get((question.method, url, ""), ()) or self.changes.get(("GET", url, ""), ())
        return (change.name, change.old, change.new) in known


def plain_changes(answers: Sequence[Answers], changes: Sequence[Sequence[Change]]) -> Plain:
    """The changes that plain requests show."""
    found = {}
    leaves: dict[str, tuple[str, str]] = {}
    for one, own in zip(answers, changes, strict=True):
        question = one.question
        if one.rounds and question.sni is None and question.url.startswith("https:"):
            last = one.rounds[-1]
            pair = (last.old.fields.get("certificate", "old"), last.new.fields.get("certificate", "new"))
            leaves.setdefault(host_of(question), pair)
        real = tuple((c.name, c.old, c.new) for c in own if c.standing is not Standing.NOISE)
        found[question.method, question.url, question.variant] = real
    return Plain(found, leaves)


def opened(one: Answers) -> bool:
    """Whether, in any round, the new side let in whom the old one refused before and after.

    That is no matter of how often: one such answer is enough. OPTIONS lets nobody in: a preflight carries no
    credentials, and many gateways answer it before they ask for any.
    """
    if one.question.method == "OPTIONS":
        return False
    return any(
        _refuses(round_.old.status, round_.old.fields)
        and _refuses(round_.again.status, round_.again.fields)
        and round_.new.status is not None
        and (200 <= round_.new.status < 300 or round_.new.status == 101)
        for round_ in one.rounds
    )


def _refuses(status: int | None, fields: Mapping[str, str]) -> bool:
    if status in REFUSALS:
        return True
    return status in _REDIRECTS and _SIGN_IN.search(fields.get("location", "")) is not None


def differences(one: Answers, changes: Sequence[Change], plain: Plain) -> tuple[Difference, ...]:
    """The behaviours in which a question's answers differ; what only follows from another is left out."""
    if one.question.variant == COALESCED and not plain.shares_connection(one.question):
        return ()
    own = {(change.name, change.there): change for change in changes if change.standing is not Standing.NOISE}
    found = list(_found(one, own, plain))
    if opened(one):
        status = own.get(("status", False)) or _open_status(one)
        found = [entry for entry in found if entry.field != "status"]
        found.insert(0, _made(one.question, "PAR010", Verdict.FAIL, status, Standing.PROVEN))
    return tuple(found)


def _open_status(one: Answers) -> Change:
    for round_ in one.rounds:
        if round_.old.status != round_.new.status:
            old, new = round_.old.fields["status"], round_.new.fields.get("status", "")
            if new.startswith(("1", "2")):
                return Change("status", False, old, new, 1, 1, 0, len(one.rounds), Standing.PROVEN)
    raise AssertionError("an opened question has a round that shows it")


def _found(one: Answers, own: Mapping[tuple[str, bool], Change], plain: Plain) -> Iterator[Difference]:
    question = one.question
    status = own.get(("status", False))
    for name in ("certificate", "TLS version", "protocol"):
        change = own.get((name, False)) or own.get((name, True))
        if change is not None and not (status is not None and _is_error(status)):
            yield _connection(question, change, plain)
    if status is not None:
        yield _status(question, status, own, plain)
        return
    moved = _moved(own)
    if moved is not None:
        yield _edge(question, moved, "PAR022", Verdict.FAIL, plain)
    body = _body(one, own)
    status_now = int(next((r.old.status for r in reversed(one.rounds) if r.old.status), 200))
    for change in own.values():
        if change.name == "header content-type" and (status_now in _REDIRECTS or _is_error_page(body)):
            # another error page may well be of another type, and nobody sees that of a redirect
            continue
        if change.name == "first event":
            yield _edge(question, change, "PAR073", Verdict.FAIL, plain)
        elif change.name.startswith(("header ", "cookie ", "trailer ")):
            ruled = _header(change, own)
            if ruled is not None:
                yield _edge(question, change, *ruled, plain)
    if body is not None:
        yield _edge(question, *body, plain)


def _moved(own: Mapping[tuple[str, bool], Change]) -> Change | None:
    keys = ((name, there) for name in ("location", "location query") for there in (False, True))
    return next((own[key] for key in keys if key in own), None)


def _is_error_page(body: tuple[Change, str, Verdict] | None) -> bool:
    return body is not None and body[1] == "PAR051"


def _is_error(status: Change) -> bool:
    return not (status.old or "").isdigit() or not (status.new or "").isdigit()


def _made(
    question: Question, rule: str, verdict: Verdict, change: Change, standing: Standing | None = None
) -> Difference:
    return Difference(
        question,
        rule,
        verdict,
        change.name,
        told(change.old),
        told(change.new),
        change,
        standing or change.standing,
    )


def told(value: str | None) -> str:
    """A value in words; None is that of an absent field."""
    return "(none)" if value is None else value or "(empty)"


def _edge(question: Question, change: Change, rule: str, verdict: Verdict, plain: Plain) -> Difference:
    """The rule of the edge or variant that was asked, where the plain request does not show the same."""
    variant = VARIANT_RULES.get(question.variant)
    of_variant = change.name in ("status", "location", "location query", "first event", "protocol")
    if variant and of_variant and not plain.has(question.url, question, change):
        grave = question.variant in _GRAVE_VARIANTS
        if variant == "PAR071" and change.old != "101":
            # nobody held a conversation there
            grave = False
        return _made(question, variant, verdict if grave else _milder(verdict), change)
    place = PLACE_RULES.get(question.place)
    if place and change.name in ("status", "location") and not _base_has(question, change, plain):
        grave = question.known or question.place in _GRAVE_PLACES
        return _made(question, place, verdict if grave else _milder(verdict), change)
    return _made(question, rule, verdict if question.known else _milder(verdict), change)


def _base_has(question: Question, change: Change, plain: Plain) -> bool:
    return bool(question.base) and plain.has(question.base, question, change)


def _milder(verdict: Verdict) -> Verdict:
    # nobody is known to ask it: that it differs is worth a look, and stops nobody
    return Verdict.WARN if verdict is Verdict.FAIL else verdict


def _status(
    question: Question, change: Change, own: Mapping[tuple[str, bool], Change], plain: Plain
) -> Difference:
    rule, verdict = _status_rule(change, own)
    if rule == "PAR020" and _adds_slash(question, own):
        return _made(question, "PAR019", verdict, change)
    if rule in ("PAR011", "PAR014", "PAR015", "PAR016"):
        # a new side that breaks or shuts is no matter of how the path was spelled
        if question.variant in VARIANT_RULES and not plain.has(question.url, question, change):
            return _edge(question, change, rule, verdict, plain)
        return _made(question, rule, verdict if question.known else _milder(verdict), change)
    if rule == "PAR023":
        return _made(question, rule, verdict, change)
    return _edge(question, change, rule, verdict, plain)


def _adds_slash(question: Question, own: Mapping[tuple[str, bool], Change]) -> bool:
    """Whether the old side's redirect only added the last slash."""
    gone = own.get(("location", True))
    bare, _, _ = question.url.partition("?")
    return gone is not None and gone.old is not None and gone.old.removesuffix("/") == bare


def _status_rule(change: Change, own: Mapping[tuple[str, bool], Change]) -> tuple[str, Verdict]:
    old, new = change.old or "", change.new or ""
    if not new.isdigit():
        return ("PAR015" if new == "timeout" else "PAR016"), Verdict.FAIL
    if not old.isdigit():
        return "PAR013", Verdict.WARN
    before, after = int(old), int(new)
    if 413 in (before, after):
        return "PAR070", Verdict.FAIL if after == 413 else Verdict.WARN
    if after in _REDIRECTS or before in _REDIRECTS:
        return _redirect_rule(before, after, own)
    if before >= 500:
        return "PAR017", Verdict.WARN
    if after >= 500 or after == 408:
        return ("PAR015" if after in (408, 504) else "PAR014"), Verdict.FAIL
    if before in (404, 421) and after < 400:
        return "PAR013", Verdict.WARN
    if before >= 400:
        return "PAR017", Verdict.WARN
    rule = "PAR011" if after in REFUSALS else "PAR012" if after == 404 else "PAR017"
    return rule, Verdict.FAIL if after >= 400 else Verdict.WARN


def _redirect_rule(before: int, after: int, own: Mapping[tuple[str, bool], Change]) -> tuple[str, Verdict]:
    if after >= 500:
        return ("PAR015" if after == 504 else "PAR014"), Verdict.FAIL
    if before not in _REDIRECTS:
        return ("PAR021", Verdict.FAIL) if before < 500 else ("PAR017", Verdict.WARN)
    if after not in _REDIRECTS:
        return "PAR020", Verdict.FAIL
    if _moved(own) is not None:
        return "PAR022", Verdict.FAIL
    lost = before in _KEEPS_METHOD and after in _TURNS_TO_GET
    return "PAR023", Verdict.FAIL if lost else Verdict.WARN


def _connection(question: Question, change: Change, plain: Plain) -> Difference:
    if change.name == "certificate":
        return _made(question, "PAR060", Verdict.WARN, change)
    if change.name == "TLS version":
        return _made(question, "PAR062", Verdict.WARN, change)
    if question.variant in VARIANT_RULES and question.variant != "HTTP/1.0":
        return _edge(question, change, "PAR061", Verdict.WARN, plain)
    return _made(question, "PAR061", Verdict.WARN, change)


_HEADER_RULES = {
    "strict-transport-security": ("PAR032", Verdict.WARN),
    "content-encoding": ("PAR037", Verdict.WARN),
    "allow": ("PAR039", Verdict.WARN),
    "accept-patch": ("PAR039", Verdict.WARN),
    "accept-post": ("PAR039", Verdict.WARN),
    "via": ("PAR041", Verdict.WARN),
    **dict.fromkeys(_SECURITY, ("PAR034", Verdict.WARN)),
    **dict.fromkeys(_CACHING, ("PAR035", Verdict.WARN)),
}


def _header(change: Change, own: Mapping[tuple[str, bool], Change]) -> tuple[str, Verdict] | None:
    kind, _, name = change.name.partition(" ")
    if kind == "cookie":
        return ("PAR030", Verdict.FAIL) if change.there and change.new is None else ("PAR031", Verdict.WARN)
    if kind == "trailer":
        return "PAR072", Verdict.FAIL
    if name.startswith("access-control-"):
        return "PAR033", Verdict.FAIL
    packed = any(("header content-encoding", there) in own for there in (True, False))
    if packed and name in ("vary", "etag", "accept-ranges"):
        # they only follow: a tag of what was packed, ranges, and that it varies
        return None
    if name == "content-type":
        same_kind = (change.old or "").partition(";")[0] == (change.new or "").partition(";")[0]
        return "PAR036", Verdict.WARN if same_kind else Verdict.FAIL
    if name in ("www-authenticate", "proxy-authenticate"):
        return "PAR038", Verdict.FAIL if change.new is None else Verdict.WARN
    return _HEADER_RULES.get(name, ("PAR040", Verdict.WARN))


def _body(one: Answers, own: Mapping[tuple[str, bool], Change]) -> tuple[Change, str, Verdict] | None:
    members = (change for (name, _), change in own.items() if name.startswith("body ."))
    change = own.get(("body shape", False)) or next(members, None) or own.get(("body", False))
    if change is None:
        return None
    last = next((r.old.status for r in reversed(one.rounds) if r.old.status is not None), 200)
    if last in _REDIRECTS:
        # nobody sees the page behind a redirect
        return None
    if last >= 400:
        return change, "PAR051", Verdict.WARN
    return change, "PAR050", Verdict.FAIL


def host_of(question: Question) -> str:
    """The host that is asked, as it stands in the URL."""
    try:
        return urlsplit(question.url).hostname or ""
    except ValueError:
        return ""
