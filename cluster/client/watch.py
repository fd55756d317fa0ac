"""The live picture: each kind listed, then watched, and silence never mistaken for none."""

from __future__ import annotations

import threading
import time

from ..errors import ApiError, UserError, told
from ..kinds import KINDS, KindSpec
from ..refs import GATEWAY_GROUP, ObjectRef
from ..snapshot import KindState, Snapshot
from ..store import Store
from .backoff import Backoff
from .connect import Connection
from .discovery import Served, ServedKind, discover
from .heartbeat import Heartbeat
from .kind_watch import KindWatch, Surroundings
from .listing import policy_specs, state_keys, unserved_state
from .once import load_once
from .pods import ControllerPods
from .readable import Readable
from .states import failure_state
from .timing import Timing

__all__ = ["LiveCluster", "load_once"]

Identity = tuple[str, str]

# listed before it is known what is served: almost every cluster that has the Gateway API serves these at v1
_GUESSED = ("GatewayClass", "Gateway", "HTTPRoute")
_CONFIRM_S = 5.0
_FIRST_PARTS = frozenset({"classes", "gateways", "routes"})


class LiveCluster:
    """Keeps a Store in step with a cluster until ``stop``.

    The whole cluster is read, because a route is judged by its Gateway, wherever that is. Where that is
    forbidden, ``namespaces`` are read one by one, or where none are given all that this user may read.
    ``start`` returns at once; what cannot be read is told by ``snapshot().kinds``, and ``error`` holds the
    reason while the server cannot even be asked what it serves.
    """

    def __init__(
        self,
        connection: Connection,
        namespaces: tuple[str, ...] | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.connection = connection
        self.namespaces = namespaces
        self.error: UserError | None = None
        self.store = Store()
        self._timing = timing or Timing()
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._look_again = threading.Event()
        self._head_start = threading.Event()
        self._served: Served | None = None
        self._crds_listed = False
        self._unsure = False
        self._watches: dict[Identity, KindWatch] = {}
        self._heart = Heartbeat(connection, self._timing, self._lost, self.look_again)
        self._pods = ControllerPods(connection, self._heart, self._timing, self.store)
        self._around = Surroundings(
            connection,
            self._heart,
            self._timing,
            self.store,
            Readable(connection, namespaces, self._timing.denied_retry_s * 0.75),
            self._changed,
            self.look_again,
        )
        self._thread = threading.Thread(target=self._manage, name="pointsman-discovery", daemon=True)

    @property
    def heard(self) -> float:
        """When the server was last heard of, in Unix time, in seconds; 0 before the first answer.

        Every live kind is true until then.
        """
        return self.connection.heard

    def start(self) -> None:
        """Begin; the first objects appear as soon as their first page has come."""
        for spec in KINDS:
            if spec.kind in _GUESSED:
                self._watch(spec, _guess(spec), spec.kind)
        self._thread.start()
        self._heart.start()
        self._pods.start()

    def stop(self, timeout_s: float = 1.5) -> None:
        """End every thread, waking those that read, and close the connection."""
        self._stopping.set()
        self.look_again()
        self._head_start.set()
        self._heart.stop()
        watches = list(self._watches.values())
        for watch in watches:
            watch.stop()
        self._pods.stop()
        self.connection.close()
        deadline = time.monotonic() + timeout_s
        threads = [self._thread, self._heart.thread, *self._pods.threads]
        threads += [thread for watch in watches for thread in watch.threads]
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))

    def snapshot(self) -> Snapshot:
        """The picture now; the same object as last time where nothing has changed."""
        return self.store.snapshot()

    def changed_since(self, version: int) -> frozenset[ObjectRef] | None:
        """The objects that changed after snapshot ``version``; None where that cannot be said: see Store."""
        return self.store.changed_since(version)

    def look_again(self) -> None:
        """Ask now what is served, and not only after the usual time."""
        self._look_again.set()
        self._wake.set()

    # -- what is served --

    def _manage(self) -> None:
        backoff = Backoff(self._timing.backoff_first_s, self._timing.backoff_most_s)
        soon: list[float] = []
        ask = True
        while not self._stopping.is_set():
            try:
                if ask or self._served is None:
                    self._served = discover(self.connection)
                self._reconcile(self._served)
                self.error = None
                backoff.reset()
                wait_s = soon.pop(0) if soon else self._pace_s()
            except Exception as problem:  # noqa: BLE001 - a thread that ends leaves a picture that says "live"
                error = told(problem)
                self._note_failure(error)
                wait_s = max(backoff.next_s(), getattr(error, "retry_after_s", None) or 0.0)
            # woken without the wish to ask, only the policies that became known are seen to
            woken = self._wake.wait(wait_s)
            self._wake.clear()
            ask = not woken or self._look_again.is_set()
            if self._look_again.is_set():
                self._look_again.clear()
                soon = list(self._timing.after_crd_change_s)
                self._stopping.wait(soon.pop(0))

    def _pace_s(self) -> float:
        watched = self.store.state_of("CustomResourceDefinition").state == "live"
        sure = watched and not self._unsure
        return self._timing.rediscover_s if sure else self._timing.rediscover_blind_s

    def _note_failure(self, error: UserError) -> None:
        self.error = error
        for spec in KINDS:
            # kinds with a watch speak for themselves
            if (spec.group, spec.kind) not in self._watches:
                self.store.set_state(spec.kind, failure_state(error))

    def _reconcile(self, served: Served) -> None:
        crds = tuple(self.store.snapshot().crds.values())
        specs = (*KINDS, *policy_specs(served, crds))
        keys = state_keys(specs)
        self._unsure = False
        for spec in specs:
            identity = (spec.group, spec.kind)
            kind = served.find(spec.group, spec.kind, spec.versions)
            running = self._watches.get(identity)
            if running is not None and not _same(running.served, kind):
                if kind is None and not self._is_gone(running):
                    continue
                running.stop()
                del self._watches[identity]
                running = None
            if kind is None:
                self._without(spec, keys[identity], unserved_state(served, crds, spec))
            elif running is None and not self._stopping.is_set():
                self._let_routes_go_ahead(spec)
                self._watch(spec, kind, keys[identity])
        self._drop_policies(set(keys))

    def _is_gone(self, watch: KindWatch) -> bool:
        """Whether the kind itself says so. Discovery is not enough: an API server that has just begun, or one
        whose group cannot be asked, leaves out what it will serve a moment later.
        """
        try:
            path = watch.served.path(watch.scope)
            self.connection.request("GET", path, {"limit": "1"}, timeout_s=_CONFIRM_S)
        except UserError as error:
            # who may not ask can only believe discovery
            if isinstance(error, ApiError) and error.status in (403, 404):
                return True
        self._unsure = True
        return False

    def _watch(self, spec: KindSpec, kind: ServedKind, key: str) -> None:
        watch = KindWatch(self._around, spec, kind, key)
        self._watches[spec.group, spec.kind] = watch
        watch.start()

    def _let_routes_go_ahead(self, spec: KindSpec) -> None:
        # their first page is what somebody waits for; the interpreter decodes one answer at a time
        routes = self._watches.get((GATEWAY_GROUP, "HTTPRoute"))
        if routes is not None and spec.part not in _FIRST_PARTS:
            self._head_start.wait(self._timing.head_start_s)
            self._head_start.set()

    def _without(self, spec: KindSpec, key: str, state: KindState) -> None:
        if state.state == "absent":
            self.store.replace_kind(spec.part, spec.kind, (), spec.group)
        else:
            self._unsure = True
        self.store.set_state(key, state)

    def _drop_policies(self, wanted: set[Identity]) -> None:
        for identity in [identity for identity in self._watches if identity not in wanted]:
            watch = self._watches[identity]
            if not self._is_gone(watch):
                continue
            del self._watches[identity]
            watch.stop()
            self.store.replace_kind(watch.spec.part, watch.spec.kind, (), watch.spec.group)
            self.store.drop_state(watch.key)

    # -- what the watches and the heartbeat tell --

    def _changed(self, part: str, listed: bool) -> None:
        if part == "routes":
            self._head_start.set()
        elif part == "workloads":
            self._pods.look()
        elif part == "crds":
            if self._crds_listed or not listed:
                self._look_again.set()
            # the first list says nothing new of what is served, only which kinds are policies
            self._crds_listed = True
            self._wake.set()

    def _lost(self, why: str, since: float) -> None:
        for watch in list(self._watches.values()):
            watch.lost(why, since)
        self._pods.lost(why, since)


def _guess(spec: KindSpec) -> ServedKind:
    return ServedKind(spec.group, spec.versions[0], spec.kind, spec.plural, spec.namespaced, ())


def _same(one: ServedKind, other: ServedKind | None) -> bool:
    """Whether both are asked for at the same path."""
    return other is not None and (one.version, one.plural, one.namespaced) == (
        other.version,
        other.plural,
        other.namespaced,
    )
