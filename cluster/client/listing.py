"""Lists: paged, gzipped, secrets as metadata only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import msgspec

from ..decode import decode_list, is_policy
from ..errors import ApiError
from ..kinds import KindSpec, kind_spec, policy_spec
from ..knowledge.controllers import NOT_POLICIES, known_policies
from ..kubernetes_objects import Crd
from ..objects import Object
from ..snapshot import KindState
from ..text import clean
from .connect import JSON, Connection
from .discovery import Served, ServedKind

PAGE = 500
# enough to fill a screen, and quickly there
FIRST_PAGE = 100
_METADATA_LIST = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_METADATA_ONE = f"{JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

Entry = tuple[str, Object]


def list_kind(
    connection: Connection,
    spec: KindSpec,
    served: ServedKind,
    namespace: str | None = None,
    on_page: Callable[[list[Entry]], None] | None = None,
    timeout_s: float = 60.0,
) -> tuple[list[Entry], str]:
    """All objects of a kind (in one namespace) and the resourceVersion to watch from.

    ``on_page`` gets each page as it comes, the first a small one. Raises ApiError. Where the continue token
    expires it is listed anew, and where that happens again in one piece, as client-go does.
    """
    for page in (PAGE, PAGE):
        try:
            return _pages(connection, spec, served, namespace, on_page, timeout_s, page)
        except ApiError as error:
            if error.status != 410:
                raise
    return _pages(connection, spec, served, namespace, on_page, timeout_s, 0)


def list_params(spec: KindSpec) -> dict[str, str]:
    """The selectors with which a kind is asked for, in lists and watches alike."""
    selectors = {"fieldSelector": spec.field_selector, "labelSelector": spec.label_selector}
    return {name: selector for name, selector in selectors.items() if selector}


def watch_accept(spec: KindSpec) -> str:
    """The Accept header of a watch: metadata only where nothing else may be seen."""
    return _METADATA_ONE if spec.metadata_only else JSON


def _pages(
    connection: Connection,
    spec: KindSpec,
    served: ServedKind,
    namespace: str | None,
    on_page: Callable[[list[Entry]], None] | None,
    timeout_s: float,
    limit: int,
) -> tuple[list[Entry], str]:
    entries: list[Entry] = []
    token = ""
    deadline = time.monotonic() + timeout_s
    first = min(FIRST_PAGE, limit) if on_page is not None else limit
    while True:
        params = list_params(spec) | ({"limit": str(limit if token else first)} if limit else {})
        if token:
            params["continue"] = token
        body = connection.request(
            "GET",
            served.path(namespace),
            params,
            accept=_METADATA_LIST if spec.metadata_only else JSON,
            timeout_s=max(1.0, deadline - time.monotonic()),
        )
        page, token, version = _decoded(connection, spec, served, body)
        entries += page
        if on_page is not None:
            on_page(page)
        if not token:
            return entries, version


def _decoded(
    connection: Connection, spec: KindSpec, served: ServedKind, body: bytes
) -> tuple[list[Entry], str, str]:
    try:
        page, token, version = decode_list(spec, served.api_version, body)
    except msgspec.MsgspecError:
        version = ""
    # every list has a version: without one it is some other answer, and no proof that there is nothing
    if not version:
        raise ApiError(0, "protocol", f"{connection.server} answered the list of {spec.plural} with no list")
    return page, token, version


def unserved_state(served: Served, crds: Iterable[Crd], spec: KindSpec) -> KindState:
    """What is known of a kind that cannot be asked for. It is absent only where nothing speaks against that:
    no API server that is down, no version that is not understood, no CRD that is not served yet.
    """
    trouble = served.failed_groups.get(spec.group, "")
    other = served.find(spec.group, spec.kind)
    if not trouble and other is not None:
        trouble = f"served as {other.version} only, which Pointsman does not understand"
    if not trouble and any(
        (crd.spec.group, crd.spec.names.kind) == (spec.group, spec.kind)
        and any(version.served for version in crd.spec.versions)
        for crd in crds
    ):
        trouble = "its CRD is there, but the API server does not serve it yet"
    if trouble:
        return KindState("failed", clean(trouble, 200), time.time())
    return KindState("absent", "not served by this cluster", time.time())


def policy_specs(served: Served, crds: Iterable[Crd]) -> tuple[KindSpec, ...]:
    """The policies to read: those known by name that are served, and those that their CRDs give away."""
    specs: dict[tuple[str, str], KindSpec] = {}
    for spec in known_policies():
        if served.find(spec.group, spec.kind) is not None:
            specs[spec.group, spec.kind] = spec
    for crd in crds:
        key = (crd.spec.group, crd.spec.names.kind)
        if is_policy(crd) and key not in NOT_POLICIES and kind_spec(*key) is None:
            namespaced = crd.spec.scope != "Cluster"
            specs.setdefault(key, policy_spec(*key, crd.spec.names.plural, namespaced=namespaced))
    return tuple(specs.values())


def state_keys(specs: Iterable[KindSpec]) -> dict[tuple[str, str], str]:
    """The key in ``Snapshot.kinds`` of each (group, kind): the kind, qualified where another has it too."""
    keys: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for spec in specs:
        key = spec.kind if spec.kind not in taken else f"{spec.kind}.{spec.group}"
        taken.add(spec.kind)
        keys[spec.group, spec.kind] = key
    return keys
