"""The ``:`` line: every place that it goes to, with names, aliases, completion and what the help says.

Completion, the list of aliases and the help page are all made from ``PLACES``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..cluster.text import clean
from .host import Host
from .lines import Tone
from .tables.resources import RESOURCES
from .tuning import tunable_names

ROUTE_PLACES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("HTTPRoute", ("httproutes", "httproute", "hr")),
    ("GRPCRoute", ("grpcroutes", "grpcroute", "gr")),
    ("TLSRoute", ("tlsroutes", "tlsroute")),
    ("TCPRoute", ("tcproutes", "tcproute")),
    ("UDPRoute", ("udproutes", "udproute")),
)
_MOST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere to go. ``names`` may be typed, the proper one first; ``argument`` is what may follow."""

    names: tuple[str, ...]
    what: str
    go: Callable[[Host, Sequence[str]], None]
    argument: str = ""
    choices: Callable[[Host], Iterable[str]] | None = None


class Completion(NamedTuple):
    """``text`` is what was typed with as much added as is certain; ``suggestions`` are what may be meant."""

    text: str
    suggestions: tuple[str, ...] = ()


def _routes(kind: str = "") -> Callable[[Host, Sequence[str]], None]:
    return lambda host, words: host.open_routes(kind)


def _resources(name: str) -> Callable[[Host, Sequence[str]], None]:
    return lambda host, words: host.open_resources(name)


def _list(name: str) -> Callable[[Host, Sequence[str]], None]:
    return lambda host, words: host.open_list(name)


def _context(host: Host, words: Sequence[str]) -> None:
    if words:
        host.switch_context(" ".join(words))
    else:
        host.open_list("contexts")


def _namespaces(host: Host, words: Sequence[str]) -> None:
    host.narrow(words)


PLACES: tuple[Place, ...] = (
    Place(("routes", "route"), "all routes, beside their gateways", _routes()),
    *(Place(names, f"only the {kind}s", _routes(kind)) for kind, names in ROUTE_PLACES),
    *(Place(kind.names, f"a table: {kind.summary_title}", _resources(kind.names[0])) for kind in RESOURCES),
    Place(("findings", "finding"), "everything found, worst first", _list("findings")),
    Place(("kinds", "kind"), "how fresh each kind is, and what may not be read", _list("kinds")),
    Place(("plans", "plan"), "plans and their runs", lambda host, words: host.open_plans()),
    Place(
        ("checklist", "check"),
        "the checklist of the selected route's host",
        lambda host, words: host.open_checklist(host.selected_hosts()),
    ),
    Place(
        ("ns", "namespace", "namespaces"),
        "only these namespaces",
        _namespaces,
        "NAME|all",
        lambda h: h.namespaces(),
    ),
    Place(
        ("ctx", "context", "contexts"),
        "the contexts, or to one of them",
        _context,
        "[NAME]",
        lambda h: h.contexts(),
    ),
    Place(
        ("xray", "x"),
        "which rule a request wins, and why",
        lambda host, words: host.open_xray(" ".join(words)),
        "[REQUEST]",
    ),
    Place(
        ("twin", "t"),
        "the Ingresses of a host beside what replaces them",
        lambda host, words: host.open_twin(tuple(words)),
        "[HOST]",
    ),
    Place(
        ("events", "event", "ev"),
        "what controllers said of the selected object",
        lambda host, words: host.about_selected("events"),
    ),
    Place(
        ("set", "tune"),
        "change a threshold of the cutover on the screen: min_samples 200, watch 10m",
        lambda host, words: host.tune(words),
        "NAME VALUE",
        lambda h: tunable_names(),
    ),
    Place(("journal",), "the journal of the run begun here", lambda host, words: host.open_last_journal()),
    Place(("commands",), "every command that reproduces what was seen", _list("commands")),
    Place(("aliases", "alias"), "this list, with all short names", _list("aliases")),
    Place(("help", "h"), "keys, places, filters and words", lambda host, words: host.open_help()),
    Place(
        ("q", "q!", "quit", "exit"),
        "quit; a running cutover is left on disk",
        lambda host, words: host.leave(),
    ),
)

_BY_NAME = {name: place for place in PLACES for name in place.names}


def go(host: Host, text: str) -> None:
    """Go where ``text`` says: a name, an alias, or the beginning of only one name."""
    words = text.split()
    if not words:
        return
    name = words[0].lower()
    place = _BY_NAME.get(name) or _only(name)
    if place is not None:
        place.go(host, words[1:])
        return
    meant = ", ".join(_suggestions(name)[:6])
    hint = f"did you mean {meant}?" if meant else "ctrl-a lists all places"
    host.say(f"no such place: {clean(name, 30)}; {hint}", Tone.DOUBT)


def _only(beginning: str) -> Place | None:
    found = [place for place in PLACES if place.names[0].startswith(beginning)]
    return found[0] if len(found) == 1 else None


def _suggestions(beginning: str) -> list[str]:
    """The proper names that begin so, and those whose alias does."""
    proper = [place.names[0] for place in PLACES if place.names[0].startswith(beginning)]
    by_alias = [
        place.names[0] for name, place in _BY_NAME.items() if beginning and name.startswith(beginning)
    ]
    return list(dict.fromkeys([*proper, *by_alias]))


def complete(host: Host, text: str) -> Completion:
    """What ``text`` may become. Completing a completed text changes nothing."""
    first, space, rest = text.lstrip().partition(" ")
    if not space:
        exact = _BY_NAME.get(first.lower())
        names = _suggestions(first.lower())
        if exact is not None and (len(names) <= 1 or first == exact.names[0]):
            others = tuple(name for name in names if name != exact.names[0])
            if others or exact.choices is None:
                return Completion(first, (exact.what, *others))
            return Completion(f"{first} ", (_shown(exact),))
        return _completed("", first.lower(), names)
    place = _BY_NAME.get(first.lower())
    if place is None or place.choices is None:
        return Completion(text)
    head, _, beginning = rest.rpartition(" ")
    before = f"{first} {head} " if head else f"{first} "
    matching = [clean(name, 80) for name in place.choices(host) if name.startswith(beginning)]
    return _completed(before, beginning, matching)


def _shown(place: Place) -> str:
    return f"{place.names[0]} {place.argument}".strip()


def _completed(before: str, beginning: str, matching: Sequence[str]) -> Completion:
    shared = _shared_beginning(matching) if beginning else ""
    # an alias may stand for a name that begins otherwise: completing only adds
    adds = len(shared) > len(beginning) and shared.lower().startswith(beginning.lower())
    text = before + (shared if adds else beginning)
    more = (f"and {len(matching) - _MOST_SHOWN} more",) if len(matching) > _MOST_SHOWN else ()
    return Completion(text, (*matching[:_MOST_SHOWN], *more))


def _shared_beginning(texts: Sequence[str]) -> str:
    first, last = min(texts, default=""), max(texts, default="")
    same = next((place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    return first[:same] if same is not None else min(first, last, key=len)
