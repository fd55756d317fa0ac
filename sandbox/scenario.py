"""Scenarios: what a practice cluster holds at first, and what happens in it later. Data, in `scenarios/`.

A scenario file names the manifests it is made of (`cluster`), or the scenario that it varies (`base`, with
`overlays` of its own), the hosts of the zone with what their plan needs, the plans of several hosts in waves
(`campaigns`), what is done before the world opens (`prepare`) and what happens in it (`triggers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import yaml

from .errors import SandboxError
from .scenario_manifests import Json, load_manifests, parse_manifests

__all__ = [
    "HostPlan",
    "Pace",
    "Preparation",
    "Scenario",
    "ScenarioInfo",
    "Trigger",
    "list_scenarios",
    "load_manifests",
    "load_scenario",
]

_MANIFESTS = ".manifests.yaml"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the practice world lives: TTLs before and during a cutover, and its durations, in seconds."""

    old_ttl: int = 20
    low_ttl: int = 3
    watch: float = 15.0
    soak: float = 10.0
    pause: float = 3.0


@dataclass(frozen=True, slots=True)
class ScenarioInfo:
    name: str
    title: str


@dataclass(frozen=True, slots=True)
class HostPlan:
    """One host of the zone, and what its plan file says; `accept`: how its two sides are meant to differ."""

    host: str
    ingress: tuple[str, ...]
    gateway: str
    routes: tuple[str, ...]
    paths: tuple[str, ...]
    accept: tuple[Json, ...] = ()
    dns: Mapping[str, Any] = field(default_factory=dict)
    """What its plan says of DNS in place of the usual."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """When the A record of `host` becomes the `new` or `old` side's, or its TTL falls to the low one, then
    (after a share of the watch, or of the old TTL) the fault is set or cleared, or a record is changed."""

    host: str
    becomes: str = ""
    ttl_low: bool = False
    after_watch: float = 0.0
    after_old_ttl: float = 0.0
    once: bool = False
    fault_on: str = ""
    fault: Mapping[str, Any] | None = None
    set_host: str = ""
    set_address: str = ""


@dataclass(frozen=True, slots=True)
class Preparation:
    """Done before the world opens: ask the caching resolver for a host, or lower its TTL at the authority."""

    ask: str = ""
    lower_ttl: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario with everything in it that it takes from its base."""

    name: str
    title: str
    documents: tuple[Json, ...]
    edits: tuple[Json, ...]
    """Applied after the controller's first round: what a frozen object looks like afterwards."""
    hosts: tuple[HostPlan, ...]
    stories: Mapping[str, str] = field(default_factory=dict)
    """Host (or campaign) -> how its cutover must end: done, stopped-at-gate, rolled-back, held."""
    campaigns: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    """Name of a plan of many hosts -> its waves."""
    prepare: tuple[Preparation, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    registry: Mapping[str, Json] = field(default_factory=dict)
    """Host -> owner and resource of its ownership record, where external-dns made the host's records."""
    says: Mapping[str, str] = field(default_factory=dict)
    """Host -> the rule by which a check tells beforehand how it would end."""


def list_scenarios() -> tuple[ScenarioInfo, ...]:
    """Every scenario with its one-line title, the default first."""
    found = [
        ScenarioInfo(name, str(_definition(name)["title"]))
        for name in sorted(
            entry.name.removesuffix(".yaml")
            for entry in _folder().iterdir()
            if entry.name.endswith(".yaml") and not entry.name.endswith(_MANIFESTS)
        )
    ]
    return tuple(sorted(found, key=lambda info: info.name != "shop"))


def load_scenario(name: str, values: Mapping[str, str]) -> Scenario:
    """The scenario of that name; `${key}` in its manifests becomes `values[key]`.

    SandboxError for an unknown name, with the names that there are.
    """
    known = [info.name for info in list_scenarios()]
    if name not in known:
        raise SandboxError(f"there is no scenario {name!r}; there are: {', '.join(known)}")
    definition = _definition(name)
    base = definition.get("base")
    parent = load_scenario(str(base), values) if base else None
    documents = {_key(item): item for item in (parent.documents if parent else ())}
    for file in (*(definition.get("cluster") or ()), *(definition.get("overlays") or ())):
        for item in _manifests(str(file), values):
            documents[_key(item)] = item
    edits = [item for file in definition.get("edits") or () for item in _manifests(str(file), values)]
    inherited = parent.triggers if parent else ()
    return Scenario(
        name=name,
        title=str(definition["title"]),
        documents=tuple(documents.values()),
        edits=(*(parent.edits if parent else ()), *edits),
        hosts=tuple(_host(host, item) for host, item in (definition.get("hosts") or {}).items())
        or (parent.hosts if parent else ()),
        stories=definition.get("stories") or (parent.stories if parent else {}),
        campaigns={
            str(plan): tuple(tuple(wave) for wave in waves)
            for plan, waves in (definition.get("campaigns") or {}).items()
        },
        prepare=tuple(Preparation(**item) for item in definition.get("prepare") or ()),
        triggers=(*inherited, *(Trigger(**item) for item in definition.get("triggers") or ())),
        registry=definition.get("registry") or (parent.registry if parent else {}),
        says=definition.get("says") or (parent.says if parent else {}),
    )


def _folder() -> Any:
    return resources.files("pointsman.sandbox") / "scenarios"


def _text(name: str) -> str:
    return str((_folder() / name).read_text(encoding="utf-8"))


def _definition(name: str) -> Json:
    definition = yaml.load(_text(f"{name}.yaml"), Loader=yaml.CSafeLoader)
    if not isinstance(definition, dict) or "title" not in definition:
        raise SandboxError(f"scenarios/{name}.yaml is no scenario: it has no title")
    return definition


def _manifests(file: str, values: Mapping[str, str]) -> list[Json]:
    text = _text(file)
    for key, value in values.items():
        text = text.replace(f"${{{key}}}", value)
    return parse_manifests(text, file)


def _key(document: Json) -> tuple[str, str, str, str]:
    metadata = document["metadata"]
    return document["apiVersion"], document["kind"], metadata.get("namespace") or "", metadata["name"]


def _host(host: str, item: Json) -> HostPlan:
    return HostPlan(
        host=host,
        ingress=tuple(item.get("ingress") or ()),
        gateway=str(item.get("gateway") or "infra/main"),
        routes=tuple(item.get("routes") or ()),
        paths=tuple(item.get("paths") or ("/", "/healthz")),
        accept=tuple(item.get("accept") or ()),
        dns=dict(item.get("dns") or {}),
    )
