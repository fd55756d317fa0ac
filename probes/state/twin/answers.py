"""Who answers a request of a host and a path: on the old side an Ingress, on the new one a route.

A plain request: GET, no headers that a match could ask for. A ``Side`` answers for many paths of one host,
and is all that the rest asks.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from ....cluster.objects import RouteRule
from ....cluster.refs import ObjectRef

T = TypeVar("T")

# of the paths that are tried
LONGEST_PATH = 120
PatternKind = Literal["exact", "element", "string", "regex"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """What paths a rule covers. ``element``: whole path elements; ``string``: any characters behind it.

    ``regex`` is None where ``kind`` is regex and the expression cannot be read here; it is for paths of at
    most ``LONGEST_PATH``. ``whole``: it must match all of a path, and not only its beginning.
    """

    kind: PatternKind
    value: str
    regex: re.Pattern[str] | None = None
    whole: bool = False

    def covers(self, path: str) -> bool:
        """Whether ``path`` is one of them."""
        match self.kind:
            case "exact":
                return path == self.value
            case "element":
                base = self.value.rstrip("/")
                return path == base or path.startswith(f"{base}/")
            case "string":
                return path.startswith(self.value)
            case _:
                if self.regex is None:
                    return False
                found = self.regex.fullmatch(path) if self.whole else self.regex.match(path)
                return found is not None


class Covering(Generic[T]):
    """Which of many patterns cover a path, without asking each: hosts have hundreds of paths."""

    def __init__(self, entries: Iterable[tuple[Pattern, T]]) -> None:
        self._exact: dict[str, list[T]] = defaultdict(list)
        self._element: dict[str, list[T]] = defaultdict(list)
        self._others: list[tuple[Pattern, T]] = []
        for pattern, entry in entries:
            if pattern.kind == "exact":
                self._exact[pattern.value].append(entry)
            elif pattern.kind == "element":
                self._element[pattern.value.rstrip("/")].append(entry)
            else:
                self._others.append((pattern, entry))

    def at(self, path: str) -> list[T]:
        """The entries whose pattern covers ``path``, in no particular order."""
        found = list(self._exact.get(path, ()))
        bases = [path, *(path[:at] for at, sign in enumerate(path) if sign == "/")]
        for base in dict.fromkeys(bases):
            found += self._element.get(base, ())
        return found + [entry for pattern, entry in self._others if pattern.covers(path)]


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go. ``port`` 0 is not known; ``share`` is 0 to 1."""

    kind: str
    namespace: str
    name: str
    port: int = 0
    share: float = 1.0

    def same_object(self, other: Target) -> bool:
        """Whether both are one object and port; a port that is not known may be any."""
        mine, theirs = (self.kind, self.namespace, self.name), (other.kind, other.namespace, other.name)
        return mine == theirs and (self.port == other.port or 0 in (self.port, other.port))

    def __str__(self) -> str:
        return f"{self.name}:{self.port}" if self.port else self.name


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answers. ``rule`` counts from 0; ``path`` and ``path_type`` are those of the rule's match.

    ``redirect`` says where to, in words, where the answer is one. ``spec`` is the route's rule; ``gateway``
    the Gateway whose listener took the request; both are None on the old side.
    """

    owner: ObjectRef
    rule: int
    path: str
    path_type: str
    targets: tuple[Target, ...]
    redirect: str = ""
    gateway: ObjectRef | None = None
    spec: RouteRule | None = None

    @property
    def place(self) -> tuple[ObjectRef, int, str, str]:
        """Which rule and match it is."""
        return self.owner, self.rule, self.path, self.path_type


class Side(Protocol):
    """One side's answers for one host. ``unsure`` says why None may be no answer; empty where it is one.

    ``patterns`` are those of all its rules: between them the answers change.
    """

    @property
    def unsure(self) -> str:
        """Why a missing answer proves nothing."""

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """What its rules cover."""

    def answer(self, path: str) -> Answer | None:
        """Who answers a plain request of ``path``."""
