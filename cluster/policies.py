"""Policies: BackendTLSPolicy and all kinds that discovery finds, by what they have in common (GEP-713)."""

from __future__ import annotations

from typing import Any

import msgspec

from .objects import Conditions, FromNamespaces, Object, ParentRef, Part, SelectorRequirement
from .refs import ObjectRef
from .typed import convert


class TargetRef(Part, frozen=True):
    group: str = ""
    kind: str = ""
    name: str = ""
    namespace: str | None = None
    section_name: str | None = None


class TargetSelector(Part, frozen=True):
    """Targets chosen by label; ``namespaces`` says from where (Envoy Gateway), else the policy's own."""

    group: str | None = None
    kind: str = ""
    match_labels: dict[str, str] = msgspec.field(default_factory=dict)
    match_expressions: tuple[SelectorRequirement, ...] = ()
    namespaces: FromNamespaces | None = None


class PolicySpec(Part, frozen=True):
    """The parts of a policy's spec that say whom it is for."""

    target_ref: TargetRef | None = None
    target_refs: tuple[TargetRef, ...] = ()
    target_selectors: tuple[TargetSelector, ...] = ()


class AncestorStatus(Part, frozen=True):
    """What one controller says of a policy for one ancestor."""

    ancestor_ref: ParentRef = msgspec.field(default_factory=ParentRef)
    controller_name: str = ""
    conditions: Conditions = ()


class PolicyStatus(Part, frozen=True):
    """Most policies report per ancestor; Istio, Kuadrant and custom backends in plain ``conditions``."""

    ancestors: tuple[AncestorStatus, ...] = ()
    conditions: Conditions = ()


class Policy(Object, frozen=True):
    """BackendTLSPolicy, every policy found by discovery, and custom backends (which target nothing).

    ``fields`` is the whole spec in the shape of the wire, because which policy wins is decided per field;
    ``spec`` reads the targets out of it.
    """

    fields: dict[str, Any] = msgspec.field(name="spec", default_factory=dict)
    status: PolicyStatus = msgspec.field(default_factory=PolicyStatus)

    @property
    def spec(self) -> PolicySpec:
        """Whom it is for; empty where that part of the spec cannot be read."""
        try:
            return convert(self.fields, PolicySpec, strict=False)
        except (msgspec.ValidationError, UnicodeEncodeError):
            # the latter where a field's name is half of a character, as YAML or JSON can escape it
            return PolicySpec()

    @property
    def targets(self) -> tuple[ObjectRef, ...]:
        """The named targets; selectors are not resolved here. Targets are in the policy's own namespace
        unless they say otherwise (GEP-713)."""
        spec = self.spec
        named = spec.target_refs
        if spec.target_ref is not None:
            named = (spec.target_ref, *named)
        own = self.metadata.namespace
        return tuple(
            ObjectRef(ref.kind, ref.namespace or own, ref.name, ref.section_name or "", ref.group)
            for ref in named
        )
