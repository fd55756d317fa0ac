"""Which policy wins for which field, where policies of one kind apply at several levels: pure functions.

Rules: GEP-713 (across levels ``defaults`` let the narrower one win and ``overrides`` the wider one; on one
target the oldest wins, then the first by name), and what single controllers do instead (see policy_kinds).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...cluster.knowledge.policy_kinds import Across, Together
from ...cluster.refs import ObjectRef
from ...cluster.rules.semantics import policy_order

Path = tuple[str, ...]

# they say whom a policy is for and how it is read, not what it sets
_NOT_SETTINGS = frozenset(
    {
        "targetRef",
        "targetRefs",
        "targetSelectors",
        "selector",
        "mergeType",
        "strategy",
        "defaults",
        "overrides",
    }
)
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Layer:
    """One policy where it applies. ``rank`` orders the levels, the widest target lowest; ``fields`` is its
    whole spec."""

    rank: int
    policy: ObjectRef
    created: str | None
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """What one policy sets for one field. ``section`` is empty, ``defaults`` or ``overrides``."""

    policy: ObjectRef
    value: Any
    section: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """One field: who wins it (None: nobody, because a policy without it replaced those that set it), and
    who else set it, the strongest first."""

    winner: Claim | None
    losers: tuple[Claim, ...] = ()

    @property
    def contested(self) -> bool:
        """Whether anybody wanted something else than what is in force."""
        return any(self.winner is None or loser.value != self.winner.value for loser in self.losers)


@dataclass(frozen=True, slots=True)
class _Source:
    """One section of one policy. ``stops``: whatever is weaker than it is not in force at all."""

    key: tuple[int, int, tuple[str, str, str]]
    layer: Layer
    section: str
    values: Mapping[str, Any]
    stops: bool


def effective(
    layers: Iterable[Layer], across: Across = "sections", together: Together = "oldest"
) -> dict[Path, Setting]:
    """Who wins each field that any of ``layers`` sets. The order of ``layers`` does not matter."""
    ordered = sorted({_identity(layer): layer for layer in layers}.values(), key=_identity)
    sources = sorted(
        (source for layer in ordered for source in _sources(layer, across)), key=lambda one: one.key
    )
    standing = _standing(sources, together)
    return {path: _setting(path, sources, standing) for path in _paths(source.values for source in sources)}


def _identity(layer: Layer) -> tuple[int, ObjectRef]:
    return layer.rank, layer.policy


def _sources(layer: Layer, across: Across) -> Iterator[_Source]:
    order = policy_order(layer.created, layer.policy.namespace, layer.policy.name)
    settings = {name: value for name, value in layer.fields.items() if name not in _NOT_SETTINGS}
    # narrower wins, unless it stands under ``overrides``
    weak, strong = (1, -layer.rank, order), (0, layer.rank, order)
    if across not in ("sections", "atomic-sections"):
        stops = across == "replaces" and not layer.fields.get("mergeType")
        yield _Source(weak, layer, "", settings, stops)
        return
    atomic = across == "atomic-sections"
    if settings:
        yield _Source(weak, layer, "", settings, atomic)
    for section, key in (("overrides", strong), ("defaults", weak)):
        values = layer.fields.get(section)
        if isinstance(values, Mapping):
            strategy = values.get("strategy", "atomic" if atomic else "merge")
            bare = {name: value for name, value in values.items() if name != "strategy"}
            yield _Source(key, layer, section, bare, strategy == "atomic")


def _standing(sources: list[_Source], together: Together) -> list[_Source]:
    """Those in force at all, strongest first: the oldest of a level, down to the first that stops."""
    standing: list[_Source] = []
    oldest: dict[int, tuple[str, str, str]] = {}
    for source in sources:
        rank, order = source.layer.rank, source.key[2]
        oldest[rank] = min(order, oldest.get(rank, order))
    for source in sources:
        if together == "oldest" and source.key[2] != oldest[source.layer.rank]:
            continue
        standing.append(source)
        if source.stops:
            break
    return standing


def _setting(path: Path, sources: list[_Source], standing: list[_Source]) -> Setting:
    claims = [
        (source in standing, Claim(source.layer.policy, value, source.section))
        for source in sources
        if (value := _at(source.values, path)) is not _ABSENT
    ]
    winner = next((claim for stands, claim in claims if stands), None)
    return Setting(winner, tuple(claim for _, claim in claims if claim is not winner))


def _paths(values: Iterable[Mapping[str, Any]]) -> list[Path]:
    """Every leaf that anybody sets; where one sets ``a`` and another ``a.b``, both are ``a``."""
    leaves = sorted({path for one in values for path in _leaves(one)})
    kept: list[Path] = []
    for path in leaves:
        if not kept or path[: len(kept[-1])] != kept[-1]:
            kept.append(path)
    return kept


def _leaves(value: Mapping[str, Any], prefix: Path = ()) -> Iterator[Path]:
    for name, item in value.items():
        path = (*prefix, str(name))
        # a list is one value: no controller merges its entries
        if isinstance(item, Mapping) and item:
            yield from _leaves(item, path)
        else:
            yield path


def _at(value: Any, path: Path) -> Any:
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return _ABSENT
        value = value[name]
    return value
