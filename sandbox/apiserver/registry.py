"""Which kinds are served at this moment; grows and shrinks with the CustomResourceDefinitions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from .kinds import (
    CLUSTER_SCOPED_KINDS,
    CORE_RESOURCES,
    CUSTOM_RESOURCES,
    REVIEW_RESOURCES,
    Resource,
    is_builtin_group,
    split_api_version,
)


def plural_of(kind: str) -> str:
    """The plural that Kubernetes itself would guess: policy -> policies, class -> classes."""
    word = kind.lower()
    if word.endswith(("s", "x", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return word[:-1] + "ies"
    return word + "s"


_VERSION = re.compile(r"v(?P<major>\d+)(?:(?P<stage>alpha|beta)(?P<minor>\d+))?")
_STAGES = {None: 0, "beta": 1, "alpha": 2}


def _instability(version: str) -> tuple[int, int, int, str]:
    """v2, v1, v1beta2, v1alpha1, then all other names by the alphabet.

    https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-priority
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        return 3, 0, 0, version
    return _STAGES[match["stage"]], -int(match["major"]), -int(match["minor"] or 0), ""


class Registry:
    """The served kinds, by group and plural. Iterates in the order in which they were added."""

    def __init__(self, resources: tuple[Resource, ...] | None = None) -> None:
        self._by_plural: dict[tuple[str, str], Resource] = {}
        self._by_kind: dict[tuple[str, str], Resource] = {}
        for resource in resources or CORE_RESOURCES + REVIEW_RESOURCES + CUSTOM_RESOURCES:
            self.add(resource)

    def __iter__(self) -> Iterator[Resource]:
        return iter(tuple(self._by_plural.values()))

    def add(self, resource: Resource) -> None:
        """Serve this kind, in place of what was served under its name."""
        self._by_plural[resource.group, resource.plural] = resource
        self._by_kind[resource.group, resource.kind] = resource

    def remove(self, resource: Resource) -> None:
        self._by_plural.pop((resource.group, resource.plural), None)
        self._by_kind.pop((resource.group, resource.kind), None)

    def by_plural(self, group: str, plural: str) -> Resource | None:
        return self._by_plural.get((group, plural))

    def by_kind(self, group: str, kind: str) -> Resource | None:
        return self._by_kind.get((group, kind))

    def find(self, kind: str, group: str = "") -> Resource | None:
        """The kind of that group; with no group: the core kind of that name, else the first of any group."""
        exact = self._by_kind.get((group, kind))
        if exact or group:
            return exact
        return next((known for known in self if known.kind == kind), None)

    def ensure(self, api_version: str, kind: str, namespaced: bool | None = None) -> Resource:
        """The resource of that kind, served from now on if it was not; a new version of it is served too."""
        group, version = split_api_version(api_version)
        known = self.by_kind(group, kind)
        if known and version in known.versions:
            return known
        if known:
            resource = replace(known, versions=(*known.versions, version))
        else:
            resource = Resource(
                group,
                kind,
                plural_of(kind),
                versions=(version,),
                namespaced=kind not in CLUSTER_SCOPED_KINDS if namespaced is None else namespaced,
                custom=not is_builtin_group(group),
                has_status=True,
            )
        self.add(resource)
        return resource

    def groups(self) -> dict[str, list[str]]:
        """Every named group with its versions, the preferred first; the core group is not among them.

        Preferred is what is most stable, whatever version objects are kept in.
        """
        groups: dict[str, list[str]] = {}
        for resource in self:
            if resource.group:
                versions = groups.setdefault(resource.group, [])
                versions.extend(version for version in resource.versions if version not in versions)
        return {group: sorted(versions, key=_instability) for group, versions in groups.items()}

    def served(self, group: str, version: str) -> list[Resource]:
        return [known for known in self if known.group == group and version in known.versions]
