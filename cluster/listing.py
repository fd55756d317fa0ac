"""Lists: paged, gzipped, secrets as metadata only; and the one-shot picture for ``status``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from queue import Empty, SimpleQueue

import msgspec

from .connect import JSON, ApiError, Connection
from .controllers import NOT_POLICIES, known_policies
from .decode import decode_list, is_policy
from .discovery import Served, ServedKind, discover
from .errors import UserError
from .kinds import KINDS, KindSpec, kind_spec, policy_spec
from .kubernetes_objects import Crd
from .objects import Object
from .store import KindState, Snapshot, Store

PAGE = 500
_WORKERS = 8
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

    ``on_page`` gets each page as it comes. Raises ApiError; an expired continue token starts over once.
    """
    for attempt in (1, 2):
        try:
            return _pages(connection, spec, served, namespace, on_page, timeout_s)
        except ApiError as error:
            if error.status != 410 or attempt == 2:
                raise
    raise AssertionError("unreachable")


def list_params(spec: KindSpec) -> dict[str, str]:
    """The selectors with which a kind is asked for, in lists and watches alike."""
    return {"fieldSelector": spec.field_selector} if spec.field_selector else {}


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
) -> tuple[list[Entry], str]:
    entries: list[Entry] = []
    token = ""
    deadline = time.monotonic() + timeout_s
    while True:
        params = {**list_params(spec), "limit": str(PAGE)}
        if token:
            params["continue"] = token
        body = connection.request(
            "GET",
            served.path(namespace),
            params,
            accept=_METADATA_LIST if spec.metadata_only else JSON,
            timeout_s=max(1.0, deadline - time.monotonic()),
        )
        try:
            page, token, version = decode_list(spec, served.api_version, body)
        except msgspec.MsgspecError:
            raise ApiError(
                0, "protocol", f"{connection.server} answered the list of {spec.plural} with no list"
            ) from None
        entries += page
        if on_page is not None:
            on_page(page)
        if not token:
            return entries, version


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


def load_once(
    connection: Connection, namespaces: tuple[str, ...] | None = None, deadline_s: float = 30.0
) -> Snapshot:
    """The whole picture once, lists in parallel, within ``deadline_s`` seconds.

    Where the whole cluster is forbidden, ``namespaces`` are read, or the context's own where none are given.
    A kind that is not allowed is denied, one that fails or is late is failed; neither is ever "none".
    Raises UserError where the server does not answer discovery or refuses the credentials.
    """
    deadline = time.monotonic() + deadline_s
    served = discover(connection)
    store = Store()
    first = (*KINDS, *policy_specs(served, ()))
    _load_all(_Loader(connection, served, store, namespaces, deadline), first)
    found = policy_specs(served, store.snapshot().crds.values())
    known = {(spec.group, spec.kind) for spec in first}
    more = tuple(spec for spec in found if (spec.group, spec.kind) not in known)
    _load_all(_Loader(connection, served, store, namespaces, deadline), more, already=first)
    return store.snapshot()


class _Loader:
    def __init__(
        self,
        connection: Connection,
        served: Served,
        store: Store,
        namespaces: tuple[str, ...] | None,
        deadline: float,
    ) -> None:
        self.connection = connection
        self.served = served
        self.store = store
        self.namespaces = namespaces
        self.deadline = deadline

    def load(self, spec: KindSpec) -> tuple[list[Entry], KindState]:
        kind = self.served.find(spec.group, spec.kind, spec.versions)
        if kind is None:
            trouble = self.served.failed_groups.get(spec.group)
            if trouble:
                return [], KindState("failed", trouble, time.time())
            return [], KindState("absent", "not served by this cluster", time.time())
        try:
            return self._list(spec, kind, None), KindState("live", "", time.time())
        except ApiError as error:
            if error.status == 403 and spec.namespaced:
                return self._in_namespaces(spec, kind, self.namespaces or (self.connection.namespace,))
            return [], failure_state(error)

    def _in_namespaces(
        self, spec: KindSpec, kind: ServedKind, namespaces: Sequence[str]
    ) -> tuple[list[Entry], KindState]:
        entries: list[Entry] = []
        readable: list[str] = []
        trouble: KindState | None = None
        for namespace in namespaces:
            try:
                entries += self._list(spec, kind, namespace)
                readable.append(namespace)
            except ApiError as error:
                trouble = failure_state(error)
        if not readable and trouble is not None:
            return [], trouble
        return entries, limited_state(tuple(readable))

    def _list(self, spec: KindSpec, kind: ServedKind, namespace: str | None) -> list[Entry]:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise ApiError(0, "timeout", "no answer in time")
        return list_kind(self.connection, spec, kind, namespace, timeout_s=left)[0]


def failure_state(error: UserError) -> KindState:
    """What a failed list makes of a kind: denied on 403, failed on everything else."""
    denied = isinstance(error, ApiError) and error.status == 403
    return KindState("denied" if denied else "failed", error.what, time.time())


def limited_state(namespaces: tuple[str, ...], state: str = "live", detail: str = "") -> KindState:
    """The state of a kind that could be read in some namespaces only."""
    where = ", ".join(namespaces)
    words = f"only namespace {where}" + (f"; {detail}" if detail else "")
    return KindState("stale" if state == "stale" else "live", words, time.time(), namespaces)


def _load_all(loader: _Loader, specs: tuple[KindSpec, ...], already: tuple[KindSpec, ...] = ()) -> None:
    keys = state_keys((*already, *specs))
    todo: SimpleQueue[KindSpec] = SimpleQueue()
    done: SimpleQueue[tuple[KindSpec, list[Entry], KindState]] = SimpleQueue()
    for spec in specs:
        todo.put(spec)

    def work() -> None:
        while True:
            try:
                spec = todo.get_nowait()
            except Empty:
                return
            try:
                done.put((spec, *loader.load(spec)))
            except UserError as error:
                done.put((spec, [], failure_state(error)))

    # daemons, so that a server that hangs cannot keep the program from ending
    for number in range(min(_WORKERS, len(specs))):
        threading.Thread(target=work, name=f"pointsman-list-{number}", daemon=True).start()
    waiting = {(spec.group, spec.kind): spec for spec in specs}
    while waiting:
        try:
            spec, entries, state = done.get(timeout=max(0.01, loader.deadline - time.monotonic()))
        except Empty:
            break
        del waiting[spec.group, spec.kind]
        loader.store.put_many(entries)
        loader.store.set_state(keys[spec.group, spec.kind], state)
    for group, kind in waiting:
        loader.store.set_state(keys[group, kind], KindState("failed", "no answer in time", time.time()))
