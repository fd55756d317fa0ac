"""Which kinds and versions a cluster serves: two requests where it aggregates, many where it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ..errors import ApiError
from .connect import Connection
from .parallel import in_parallel

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
# what /api and /apis say in either form
_DOCUMENTS = ("APIGroupDiscoveryList", "APIVersions", "APIGroupList")


@dataclass(frozen=True, slots=True)
class ServedKind:
    """One kind in one version as the cluster serves it."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: tuple[str, ...]

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None) -> str:
        """The collection's path; of all namespaces where None is given."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        inside = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{root}{inside}/{self.plural}"


@dataclass(frozen=True, slots=True)
class Served:
    """Everything served, best version of each group first. ``failed_groups`` could not be asked (an
    aggregated API that is down): of their kinds nothing is known."""

    kinds: tuple[ServedKind, ...]
    failed_groups: Mapping[str, str] = field(default_factory=dict)

    def find(self, group: str, kind: str, versions: tuple[str, ...] = ()) -> ServedKind | None:
        """The best of ``versions`` that is served; without versions the one that the cluster prefers."""
        served = [entry for entry in self.kinds if entry.group == group and entry.kind == kind]
        if not versions:
            return served[0] if served else None
        by_version = {entry.version: entry for entry in served}
        return next((by_version[version] for version in versions if version in by_version), None)


def discover(connection: Connection, timeout_s: float = 30.0) -> Served:
    """Ask the cluster. Raises ApiError where it does not answer within ``timeout_s``, or refuses."""
    kinds: list[ServedKind] = []
    failed: dict[str, str] = {}
    for document in in_parallel(lambda root: _root(connection, root, timeout_s), ("/api", "/apis")):
        if document.get("kind") == "APIGroupDiscoveryList":
            kinds.extend(_aggregated(document, failed))
        else:
            kinds.extend(_legacy(connection, document, failed))
    return Served(tuple(kinds), failed)


def _root(connection: Connection, path: str, timeout_s: float) -> dict[str, Any]:
    body = connection.request("GET", path, accept=_AGGREGATED, timeout_s=timeout_s)
    try:
        document = msgspec.json.decode(body)
    except msgspec.DecodeError:
        document = None
    # a 200 of something else between us and the server must not read as a cluster that serves nothing
    if not isinstance(document, dict) or document.get("kind") not in _DOCUMENTS:
        raise ApiError(
            0,
            "protocol",
            f"{connection.server} answered {path} with something that is no discovery document",
            "check that the server address is that of a Kubernetes API server",
        )
    return document


def _aggregated(document: dict[str, Any], failed: dict[str, str]) -> Iterator[ServedKind]:
    for item in _dicts(document.get("items")):
        group = str((item.get("metadata") or {}).get("name") or "")
        for version in _dicts(item.get("versions")):
            if version.get("freshness") == "Stale":
                failed[group] = "its API server does not answer"
                continue
            for resource in _dicts(version.get("resources")):
                kind = (resource.get("responseKind") or {}).get("kind")
                if kind:
                    yield ServedKind(
                        group,
                        str(version.get("version")),
                        str(kind),
                        str(resource.get("resource")),
                        resource.get("scope") != "Cluster",
                        tuple(map(str, resource.get("verbs") or ())),
                    )


def _legacy(connection: Connection, document: dict[str, Any], failed: dict[str, str]) -> Iterator[ServedKind]:
    """One request for each version of each group, eight at a time."""
    paths = [("", str(version), f"/api/{version}") for version in document.get("versions") or ()]
    for group in _dicts(document.get("groups")):
        name = str(group.get("name"))
        versions = (str(entry.get("version")) for entry in _dicts(group.get("versions")))
        paths += [(name, version, f"/apis/{name}/{version}") for version in versions]

    def ask(path: tuple[str, str, str]) -> list[ServedKind]:
        try:
            return list(_resources(connection, *path))
        except ApiError as error:
            if error.status == 0 or not path[0]:
                raise
            failed[path[0]] = error.what
            return []

    for kinds in in_parallel(ask, paths):
        yield from kinds


def _resources(connection: Connection, group: str, version: str, path: str) -> Iterator[ServedKind]:
    document = connection.get_json(path)
    if not isinstance(document, dict) or document.get("kind") != "APIResourceList":
        raise ApiError(502, "protocol", f"{connection.server} answered {path} with no list of resources")
    for resource in _dicts(document.get("resources")):
        plural = str(resource.get("name"))
        if "/" not in plural:
            yield ServedKind(
                group,
                version,
                str(resource.get("kind")),
                plural,
                bool(resource.get("namespaced")),
                tuple(map(str, resource.get("verbs") or ())),
            )


def _dicts(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))
