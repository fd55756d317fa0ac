"""The picture once, for commands that look and end."""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue

from ..errors import ApiError, UserError
from ..kinds import KINDS, KindSpec
from ..snapshot import KindState, Snapshot
from ..store import Store
from .connect import Connection
from .discovery import Served, ServedKind, discover
from .listing import Entry, list_kind, policy_specs, state_keys, unserved_state
from .parallel import in_parallel
from .pods import controller_workloads, load_pods
from .readable import Readable
from .states import failure_state, limited_state, live_state

_WORKERS = 8


def load_once(
    connection: Connection, namespaces: tuple[str, ...] | None = None, deadline_s: float = 30.0
) -> Snapshot:
    """The whole picture once, lists in parallel, within ``deadline_s`` seconds.

    Where the whole cluster is forbidden, ``namespaces`` are read, or where none are given all that this user
    may read.
    A kind that is not allowed is denied, one that fails or is late is failed; neither is ever "none".
    Raises UserError where the server does not answer discovery or refuses the credentials.
    """
    deadline = time.monotonic() + deadline_s
    served = discover(connection, max(1.0, deadline_s))
    store = Store()
    readable = Readable(connection, namespaces)
    first = (*KINDS, *policy_specs(served, ()))
    _load_all(_Loader(connection, served, store, readable, deadline), first)
    _doubt_absence(served, store)
    found = policy_specs(served, store.snapshot().crds.values())
    known = {(spec.group, spec.kind) for spec in first}
    more = tuple(spec for spec in found if (spec.group, spec.kind) not in known)
    _load_all(_Loader(connection, served, store, readable, deadline), more, already=first)
    in_parallel(
        lambda workload: load_pods(connection, store, workload, max(0.1, deadline - time.monotonic())),
        controller_workloads(store.workloads()),
    )
    return store.snapshot()


def _doubt_absence(served: Served, store: Store) -> None:
    # what seemed absent before the CRDs were read
    snapshot = store.snapshot()
    for spec in KINDS:
        if snapshot.state_of(spec.kind).state == "absent":
            store.set_state(spec.kind, unserved_state(served, snapshot.crds.values(), spec))


class _Loader:
    def __init__(
        self,
        connection: Connection,
        served: Served,
        store: Store,
        readable: Readable,
        deadline: float,
    ) -> None:
        self.connection = connection
        self.served = served
        self.store = store
        self.readable = readable
        self.deadline = deadline

    def without_asking(self, spec: KindSpec) -> KindState | None:
        """What discovery has said of a kind that it does not know; None for one that can be listed."""
        if self.served.find(spec.group, spec.kind, spec.versions) is not None:
            return None
        return unserved_state(self.served, self.store.snapshot().crds.values(), spec)

    def load(self, spec: KindSpec) -> tuple[list[Entry], KindState]:
        kind = self.served.find(spec.group, spec.kind, spec.versions)
        if kind is None:
            raise UserError(f"{spec.kind} is not served")
        try:
            return self._list(spec, kind, None), live_state()
        except ApiError as error:
            if error.status == 403 and spec.namespaced:
                return self._in_namespaces(spec, kind, error)
            return [], failure_state(error)

    def _in_namespaces(
        self, spec: KindSpec, kind: ServedKind, refusal: ApiError
    ) -> tuple[list[Entry], KindState]:
        namespaces, note = self.readable.namespaces(kind)
        entries: list[Entry] = []
        readable: list[str] = []
        trouble: UserError = refusal
        for namespace in namespaces:
            try:
                entries += self._list(spec, kind, namespace)
                readable.append(namespace)
            except ApiError as error:
                trouble = error
        if not readable:
            return [], failure_state(trouble)
        return entries, limited_state(tuple(readable), detail=note)

    def _list(self, spec: KindSpec, kind: ServedKind, namespace: str | None) -> list[Entry]:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise ApiError(0, "timeout", "no answer in time")
        return list_kind(self.connection, spec, kind, namespace, timeout_s=left)[0]


def _load_all(loader: _Loader, specs: tuple[KindSpec, ...], already: tuple[KindSpec, ...] = ()) -> None:
    keys = state_keys((*already, *specs))
    todo: SimpleQueue[KindSpec] = SimpleQueue()
    done: SimpleQueue[tuple[KindSpec, list[Entry], KindState]] = SimpleQueue()
    asked: list[KindSpec] = []
    for spec in specs:
        known = loader.without_asking(spec)
        if known is None:
            todo.put(spec)
            asked.append(spec)
        else:
            loader.store.set_state(keys[spec.group, spec.kind], known)

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
    for number in range(min(_WORKERS, len(asked))):
        threading.Thread(target=work, name=f"pointsman-list-{number}", daemon=True).start()
    waiting = {(spec.group, spec.kind): spec for spec in asked}
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
