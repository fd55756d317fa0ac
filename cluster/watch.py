"""The live picture: one daemon thread a kind lists, then watches, and never mistakes silence for none."""

from __future__ import annotations

import random
import threading
import time

import msgspec

from .connect import ApiError, Connection
from .decode import decode_event, decode_object
from .discovery import Served, ServedKind, discover
from .errors import UserError
from .kinds import KINDS, KindSpec
from .listing import (
    failure_state,
    limited_state,
    list_kind,
    list_params,
    load_once,
    policy_specs,
    state_keys,
    watch_accept,
)
from .objects import Object
from .store import KindState, Snapshot, Store

__all__ = ["LiveCluster", "load_once"]

_WATCH_S = 290
_DENIED_RETRY_S = 60.0
# a list and watch that held this long was no part of the trouble that ended it
_HEALTHY_S = 5.0
_REDISCOVER_S = 120.0
# a new CRD is served a moment after it exists, so look soon and then again
_AFTER_CRD_CHANGE_S = (0.2, 1.0, 4.0)


class LiveCluster:
    """Keeps a Store in step with a cluster until ``stop``.

    The whole cluster is read, because a route is judged by its Gateway, wherever that is. Where that is
    forbidden, ``namespaces`` are read one by one, or the context's own where none are given.
    ``start`` returns at once; what cannot be read is told by ``snapshot().kinds``, and ``error`` holds the
    reason while the server cannot even be asked what it serves.
    """

    def __init__(self, connection: Connection, namespaces: tuple[str, ...] | None = None) -> None:
        self.connection = connection
        self.namespaces = namespaces
        self.error: UserError | None = None
        self.store = Store()
        self._stopping = threading.Event()
        self._look_again = threading.Event()
        self._watches: dict[tuple[str, str], KindWatch] = {}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin; the first objects appear as soon as their first page has come."""
        thread = threading.Thread(target=self._manage, name="pointsman-discovery", daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        """End every thread, waking those that read, and close the connection."""
        self._stopping.set()
        self._look_again.set()
        for watch in list(self._watches.values()):
            watch.stop()
        self.connection.close()
        deadline = time.monotonic() + timeout_s
        threads = [*self._threads, *(t for watch in self._watches.values() for t in watch.threads)]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def snapshot(self) -> Snapshot:
        """The picture now; the same object as last time where nothing has changed."""
        return self.store.snapshot()

    def _manage(self) -> None:
        backoff = Backoff()
        soon: list[float] = []
        while not self._stopping.is_set():
            try:
                self._reconcile(discover(self.connection))
                self.error = None
                backoff.reset()
                wait = soon.pop(0) if soon else _REDISCOVER_S
            except UserError as error:
                self._note_failure(error)
                wait = backoff.next_s()
            if self._look_again.wait(wait):
                self._look_again.clear()
                soon = list(_AFTER_CRD_CHANGE_S)
                self._stopping.wait(soon.pop(0))

    def _note_failure(self, error: UserError) -> None:
        self.error = error
        for spec in KINDS:
            # kinds with a watch speak for themselves
            if (spec.group, spec.kind) not in self._watches:
                self.store.set_state(spec.kind, failure_state(error))

    def _reconcile(self, served: Served) -> None:
        specs = (*KINDS, *policy_specs(served, self.store.snapshot().crds.values()))
        keys = state_keys(specs)
        for spec in specs:
            identity = (spec.group, spec.kind)
            kind = served.find(spec.group, spec.kind, spec.versions)
            running = self._watches.get(identity)
            if running is not None and running.served != kind and not self._unsure(served, spec):
                running.stop()
                del self._watches[identity]
                running = None
            if kind is None:
                self._without(spec, keys[identity], served)
            elif running is None and not self._stopping.is_set():
                watch = KindWatch(self, spec, kind, keys[identity])
                self._watches[identity] = watch
                watch.start()
        self._drop_policies(set(keys))

    @staticmethod
    def _unsure(served: Served, spec: KindSpec) -> bool:
        return spec.group in served.failed_groups

    def _without(self, spec: KindSpec, key: str, served: Served) -> None:
        trouble = served.failed_groups.get(spec.group)
        if trouble:
            if (spec.group, spec.kind) not in self._watches:
                self.store.set_state(key, KindState("failed", trouble, time.time()))
            return
        self.store.replace_kind(spec.part, spec.kind, (), spec.group)
        if self.store.state_of(key).state != "absent":
            self.store.set_state(key, KindState("absent", "not served by this cluster", time.time()))

    def _drop_policies(self, wanted: set[tuple[str, str]]) -> None:
        for identity in [identity for identity in self._watches if identity not in wanted]:
            watch = self._watches.pop(identity)
            watch.stop()
            self.store.replace_kind(watch.spec.part, watch.spec.kind, (), watch.spec.group)
            self.store.drop_state(watch.key)

    def crds_changed(self) -> None:
        """Called by the watch of CRDs: what is served may have changed."""
        self._look_again.set()


class KindWatch:
    """One kind: a thread for the whole cluster, or one for each namespace that may be read."""

    def __init__(self, cluster: LiveCluster, spec: KindSpec, served: ServedKind, key: str) -> None:
        self.spec = spec
        self.served = served
        self.key = key
        self.threads: list[threading.Thread] = []
        self._cluster = cluster
        self._store = cluster.store
        self._connection = cluster.connection
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._scopes: dict[str | None, KindState] = {}

    def start(self) -> None:
        """Start with the whole cluster."""
        with self._lock:
            self._scopes = {None: KindState("loading")}
        self._start_scope(None)

    def stop(self) -> None:
        """Ask the threads to end; a thread that reads ends when its connection closes or its watch does."""
        self._stopping.set()

    def _start_scope(self, scope: str | None) -> None:
        name = f"pointsman-{self.spec.kind}" + (f"-{scope}" if scope else "")
        thread = threading.Thread(target=self._run, args=(scope,), name=name, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _run(self, scope: str | None) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._watch(scope, self._list(scope))
            except ApiError as error:
                if time.monotonic() - began > _HEALTHY_S:
                    backoff.reset()
                if error.reason == "closed" or self._stopping.is_set():
                    return
                if error.status == 410:
                    # relist at once, but never in a tight loop where a server says it every time
                    self._stopping.wait(0.05 if backoff.first_time() else backoff.next_s())
                    continue
                if error.status == 403 and self._fall_back(scope):
                    return
                self._report(scope, self._after(error, scope))
                delay = _DENIED_RETRY_S if error.status == 403 else backoff.next_s()
                self._stopping.wait(delay)
            except UserError as error:
                self._report(scope, self._after(error, scope))
                self._stopping.wait(backoff.next_s())

    def _list(self, scope: str | None) -> str:
        def show(page: list[tuple[str, Object]]) -> None:
            if not self._stopping.is_set():
                self._store.put_many(page)

        first = self._scopes.get(scope, KindState("loading")).state == "loading"
        entries, version = list_kind(
            self._connection, self.spec, self.served, scope, on_page=show if first else None
        )
        if self._stopping.is_set():
            raise ApiError(0, "closed", "the watch was stopped")
        self._store.replace_kind(self.spec.part, self.spec.kind, entries, self.spec.group, scope)
        self._report(scope, KindState("live", "", time.time()))
        self._tell()
        return version

    def _watch(self, scope: str | None, version: str) -> None:
        """Follow the changes until something breaks; a watch that the server ends in peace goes on."""
        while not self._stopping.is_set():
            params = {
                **list_params(self.spec),
                "watch": "1",
                "allowWatchBookmarks": "true",
                "resourceVersion": version,
                # spread, so that thirty watches do not all come back in the same second
                "timeoutSeconds": str(_WATCH_S + random.randrange(20)),  # noqa: S311 - no secret
            }
            lines = self._connection.stream(self.served.path(scope), params, watch_accept(self.spec))
            began = time.monotonic()
            try:
                for line in lines:
                    if self._stopping.is_set():
                        return
                    version = self._apply(line) or version
            except ApiError as error:
                # silence is no proof of death: ask again from where we are, which a dead server refuses
                if error.reason != "timeout":
                    raise
            if time.monotonic() - began < 1.0:
                self._stopping.wait(1.0)

    def _apply(self, line: bytes) -> str:
        try:
            kind, raw = decode_event(line)
            if kind in ("BOOKMARK", "ERROR"):
                return self._signal(kind, raw)
            part, obj = decode_object(self.spec, self.served.api_version, raw)
        except msgspec.MsgspecError:
            raise ApiError(
                0, "protocol", f"{self._connection.server} sent an event that is no JSON"
            ) from None
        if kind == "DELETED":
            self._store.remove(part, obj.ref)
        else:
            self._store.put(part, obj)
        self._tell()
        return obj.meta.resource_version

    def _signal(self, kind: str, raw: msgspec.Raw) -> str:
        content = msgspec.json.decode(raw)
        if not isinstance(content, dict):
            return ""
        if kind == "BOOKMARK":
            metadata = content.get("metadata")
            return str(metadata.get("resourceVersion") or "") if isinstance(metadata, dict) else ""
        code = content.get("code")
        status = code if isinstance(code, int) else 0
        raise ApiError(status, str(content.get("reason") or ""), f"the watch of {self.spec.plural} ended")

    def _tell(self) -> None:
        if self.spec.part == "crds":
            self._cluster.crds_changed()

    def _fall_back(self, scope: str | None) -> bool:
        """Where the whole cluster is forbidden, try the namespaces asked for, or the context's own."""
        if scope is not None or not self.spec.namespaced:
            return False
        scopes = self._cluster.namespaces or (self._connection.namespace,)
        with self._lock:
            self._scopes = dict.fromkeys(scopes, KindState("loading"))
        for one in scopes:
            self._start_scope(one)
        return True

    def _after(self, error: UserError, scope: str | None) -> KindState:
        state = failure_state(error)
        with self._lock:
            before = self._scopes.get(scope, KindState("loading"))
        if state.state == "failed" and before.state in ("live", "stale"):
            since = before.since if before.state == "stale" else state.since
            return KindState("stale", error.what, since)
        return state

    def _report(self, scope: str | None, state: KindState) -> None:
        if self._stopping.is_set():
            return
        with self._lock:
            before = self._scopes.get(scope)
            if before is not None and before.state == state.state and before.detail == state.detail:
                return
            self._scopes[scope] = state
            combined = _combine(self._scopes)
        self._store.set_state(self.key, combined)


def _combine(scopes: dict[str | None, KindState]) -> KindState:
    if None in scopes:
        return scopes[None]
    usable = {scope: state for scope, state in scopes.items() if state.state in ("live", "stale")}
    if not usable:
        return next(iter(scopes.values()))
    stale = [state for state in usable.values() if state.state == "stale"]
    names = tuple(sorted(str(scope) for scope in usable))
    return limited_state(names, "stale" if stale else "live", stale[0].detail if stale else "")


class Backoff:
    """Seconds to wait between attempts: doubling from half a second, with jitter, at most eight."""

    def __init__(self, first_s: float = 0.5, most_s: float = 8.0) -> None:
        self._first, self._most = first_s, most_s
        self._attempt = 0
        self._used = False

    def first_time(self) -> bool:
        """True once after each reset: then a pause may be skipped."""
        first, self._used = not self._used, True
        return first

    def next_s(self) -> float:
        """The next pause."""
        pause = min(self._most, self._first * 2**self._attempt)
        self._attempt += 1
        return float(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    def reset(self) -> None:
        """Start over after a success."""
        self._attempt = 0
        self._used = False
