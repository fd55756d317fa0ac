"""Reading and patching the annotated objects of a live cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import msgspec

from ....cluster.client.connect import ApiError, Connection
from ....cluster.client.discovery import ServedKind
from ....cluster.client.write import annotate
from ....cluster.refs import GATEWAY_GROUP
from ....cluster.text import clean
from ..base import ObjectPatch

_TRIES = 4
_PLURALS = {
    ("networking.k8s.io", "Ingress"): "ingresses",
    ("", "Service"): "services",
    (GATEWAY_GROUP, "HTTPRoute"): "httproutes",
    (GATEWAY_GROUP, "GRPCRoute"): "grpcroutes",
    (GATEWAY_GROUP, "TLSRoute"): "tlsroutes",
}
_GIT_LABELS = {
    "argocd.argoproj.io/instance": "Argo CD",
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "configsync.gke.io/managed-by": "Config Sync",
    "objectset.rio.cattle.io/id": "Fleet",
}
_GIT_MANAGERS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
}


@dataclass(frozen=True, slots=True)
class Group:
    """The patches of one object that are made together."""

    patches: tuple[ObjectPatch, ...]

    @property
    def kind(self) -> ServedKind:
        first = self.patches[0]
        plural = _PLURALS[first.group, first.kind]
        # v1 is served wherever external-dns v0.15 and later can read the kind at all
        return ServedKind(first.group, "v1", first.kind, plural, True, ())

    @property
    def shown(self) -> str:
        first = self.patches[0]
        return f"{first.kind} {first.namespace}/{first.name}"

    @property
    def after(self) -> dict[str, str | None]:
        return {one.key: one.after for one in self.patches}

    def stands(self, annotations: Mapping[str, str]) -> str:
        """``before``, ``after`` or ``other``: how the object's annotations are now."""
        if all(annotations.get(one.key) == one.after for one in self.patches):
            return "after"
        if all(annotations.get(one.key) in (one.before, one.after) for one in self.patches):
            return "before"
        return "other"


def groups(patches: tuple[ObjectPatch, ...]) -> tuple[Group, ...]:
    """Neighbouring patches of one object together, in their order."""
    return tuple(
        Group(tuple(those))
        for _, those in groupby(patches, lambda one: (one.group, one.kind, one.namespace, one.name))
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as the server holds it now; ``git`` names the tool that puts it back to what Git says."""

    annotations: Mapping[str, str]
    resource_version: str
    git: str = ""


def look(connection: Connection, group: Group) -> Seen:
    """Raises ApiError where the object cannot be read."""
    first = group.patches[0]
    answer = msgspec.json.decode(
        connection.request("GET", f"{group.kind.path(first.namespace)}/{first.name}")
    )
    metadata = answer.get("metadata") if isinstance(answer, dict) else None
    if not isinstance(metadata, dict):
        raise ApiError(0, "protocol", f"{group.shown}: the answer is no object")
    return Seen(
        {str(key): str(value) for key, value in _mapping(metadata.get("annotations")).items()},
        str(metadata.get("resourceVersion") or ""),
        managed_by_git(metadata),
    )


def managed_by_git(metadata: Mapping[str, Any]) -> str:
    """The tool that keeps an object as Git has it, by its labels, annotations or field managers."""
    marks = {**_mapping(metadata.get("labels")), **_mapping(metadata.get("annotations"))}
    by_mark = next((tool for key, tool in _GIT_LABELS.items() if key in marks), "")
    if by_mark:
        return by_mark
    managers = metadata.get("managedFields")
    names = (
        [one.get("manager") for one in managers if isinstance(one, dict)]
        if isinstance(managers, list)
        else []
    )
    return next((_GIT_MANAGERS[str(name)] for name in names if str(name) in _GIT_MANAGERS), "")


def patch(connection: Connection, group: Group) -> str:
    """Set the annotations of one object if they still are as planned; empty, or why nothing was set.

    Raises ApiError where the server refuses. An object that changed elsewhere meanwhile is read again.
    """
    first = group.patches[0]
    for _ in range(_TRIES):
        seen = look(connection, group)
        stands = group.stands(seen.annotations)
        if stands == "after":
            return ""
        if stands == "other":
            return "; ".join(differences(group, seen.annotations))
        try:
            annotate(connection, group.kind, first.namespace, first.name, group.after, seen.resource_version)
        except ApiError as error:
            if error.status != 409:
                raise
        else:
            return ""
    return f"{group.shown} changes all the time"


def differences(group: Group, annotations: Mapping[str, str]) -> Iterator[str]:
    """The annotations that are neither as before nor as after the patch."""
    for one in group.patches:
        now = annotations.get(one.key)
        if now not in (one.before, one.after):
            said = "is not there" if now is None else f"is {clean(now, 120)}"
            yield f"{group.shown}: {clean(one.key, 120)} {said} now"


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
