"""The pods of the controllers, and of nobody else: read where a known controller runs, by its selector."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

from ..errors import ApiError, UserError
from ..kinds import POD, KindSpec
from ..knowledge.controllers import controller_of_image
from ..kubernetes_objects import Workload
from ..objects import LabelSelector, Object
from ..refs import ObjectRef
from ..rules.semantics import selector_matches
from ..snapshot import LOADING, KindState
from ..store import Store
from .connect import Connection
from .discovery import ServedKind
from .follow import Follower
from .heartbeat import Heartbeat
from .listing import Entry, list_kind
from .states import Scope, failure_state, live_state, stale_state
from .timing import Timing

_SERVED = ServedKind("", "v1", "Pod", "pods", namespaced=True, verbs=("get", "list", "watch"))
MOST_WORKLOADS = 20
# a rollout changes its workload often, and hardly ever its selector
_REST_S = 0.5


def controller_workloads(workloads: Iterable[Workload]) -> tuple[Workload, ...]:
    """Those that run a known controller, twenty at most. One without a selector would select everything."""
    running = [
        workload
        for workload in workloads
        if any(controller_of_image(image) for image in workload.images)
        and selector_text(workload.spec.selector)
    ]
    return tuple(sorted(running, key=lambda workload: workload.ref)[:MOST_WORKLOADS])


def selector_text(selector: LabelSelector) -> str:
    """A label selector as the API takes it in a query; empty where it says nothing.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#api
    """
    parts = [f"{key}={value}" for key, value in sorted(selector.match_labels.items())]
    for one in selector.match_expressions:
        values = f"({','.join(one.values)})"
        written = {
            "In": f"{one.key} in {values}",
            "NotIn": f"{one.key} notin {values}",
            "Exists": one.key,
            "DoesNotExist": f"!{one.key}",
        }
        parts.append(written.get(one.operator, ""))
    return ",".join(filter(None, parts))


def pod_spec(workload: Workload) -> KindSpec:
    """How the pods of a workload are asked for."""
    return replace(POD, label_selector=selector_text(workload.spec.selector))


def load_pods(connection: Connection, store: Store, workload: Workload, timeout_s: float) -> None:
    """The pods of one workload, once."""
    namespace = workload.metadata.namespace
    try:
        entries, _ = list_kind(connection, pod_spec(workload), _SERVED, namespace, timeout_s=timeout_s)
    except UserError as error:
        store.set_pod_state(workload.ref, failure_state(error))
        return
    store.put_many(entries)
    store.set_pod_state(workload.ref, live_state())


class ControllerPods:
    """Follows the pods of the controllers that a store knows of; ``look`` whenever its workloads changed."""

    def __init__(self, connection: Connection, heart: Heartbeat, timing: Timing, store: Store) -> None:
        self._connection, self._heart, self._timing, self._store = connection, heart, timing, store
        self._stopping = threading.Event()
        self._changed = threading.Event()
        self._lock = threading.Lock()
        self._watches: dict[ObjectRef, PodWatch] = {}
        self._thread = threading.Thread(target=self._run, name="pointsman-pods", daemon=True)

    @property
    def threads(self) -> list[threading.Thread]:
        with self._lock:
            return [self._thread, *(watch.follower.thread for watch in self._watches.values())]

    def start(self) -> None:
        """Begin; nothing is asked before the first controller is seen."""
        self._thread.start()

    def look(self) -> None:
        """The workloads may be others now."""
        self._changed.set()

    def stop(self) -> None:
        """End every thread."""
        self._stopping.set()
        self._changed.set()
        with self._lock:
            watches = list(self._watches.values())
        for watch in watches:
            watch.stop()

    def lost(self, why: str, since: float) -> None:
        """The server does not answer."""
        with self._lock:
            watches = list(self._watches.values())
        for watch in watches:
            watch.lost(why, since)

    def _run(self) -> None:
        while True:
            self._changed.wait()
            if self._stopping.wait(_REST_S):
                return
            self._changed.clear()
            self._reconcile()

    def _reconcile(self) -> None:
        wanted = {one.ref: one for one in controller_workloads(self._store.workloads())}
        with self._lock:
            if self._stopping.is_set():
                return
            for ref, watch in list(self._watches.items()):
                if ref not in wanted or pod_spec(wanted[ref]) != watch.spec:
                    del self._watches[ref]
                    watch.stop()
                    watch.forget()
            for ref, workload in wanted.items():
                if ref not in self._watches:
                    watch = PodWatch(self._store, workload)
                    watch.follower = Follower(
                        self._connection,
                        self._heart,
                        self._timing,
                        watch.spec,
                        _SERVED,
                        workload.metadata.namespace,
                        watch,
                    )
                    self._watches[ref] = watch
                    watch.follower.start()


class PodWatch:
    """The pods of one workload. A Sink of its follower."""

    follower: Follower

    def __init__(self, store: Store, workload: Workload) -> None:
        self.spec = pod_spec(workload)
        self._store = store
        self._ref = workload.ref
        self._selector = workload.spec.selector
        self._lock = threading.RLock()
        self._stopped = False

    def stop(self) -> None:
        """End the thread; nothing of it reaches the store afterwards."""
        with self._lock:
            self._stopped = True
        self.follower.stop()

    def forget(self) -> None:
        """Take its pods out of the store."""
        self._replace(())
        self._store.set_pod_state(self._ref, None)

    def lost(self, why: str, since: float) -> None:
        """The server does not answer: what was live is stale."""
        state = self._store.pod_state(self._ref)
        if state.state in ("live", "stale"):
            self.report(None, stale_state(why, since if state.state == "live" else state.since))

    def page(self, entries: list[Entry]) -> None:
        self._while_running(lambda: self._store.put_many(entries))

    def replace(self, scope: Scope, entries: list[Entry]) -> None:
        self._while_running(lambda: self._replace(entries))

    def change(self, kind: str, entry: Entry) -> None:
        part, obj = entry
        if kind == "DELETED":
            self._while_running(lambda: self._store.remove(part, obj.ref))
        else:
            self._while_running(lambda: self._store.put(part, obj))

    def state(self, scope: Scope) -> KindState:
        return LOADING if self._stopped else self._store.pod_state(self._ref)

    def report(self, scope: Scope, state: KindState) -> None:
        self._while_running(lambda: self._store.set_pod_state(self._ref, state))

    def denied(self, scope: Scope, error: ApiError) -> None:
        self.report(scope, failure_state(error))

    def missing(self) -> None:
        """A namespace that is gone takes its workload along, which is seen elsewhere."""

    def _while_running(self, act: Callable[[], None]) -> None:
        with self._lock:
            if not self._stopped:
                act()

    def _replace(self, entries: Iterable[Entry]) -> None:
        self._store.replace_kind(POD.part, POD.kind, entries, POD.group, self._ref.namespace, self._is_mine)

    def _is_mine(self, obj: Object) -> bool:
        return selector_matches(self._selector, obj.meta.labels)
