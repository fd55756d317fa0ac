"""One kind: followed as a whole, or namespace by namespace where the whole is forbidden."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import ApiError, UserError
from ..kinds import KindSpec
from ..snapshot import LOADING, KindState
from ..store import Store
from .connect import Connection
from .discovery import ServedKind
from .follow import Follower
from .heartbeat import Heartbeat
from .listing import Entry, list_kind
from .readable import Readable
from .states import ALL, Scope, after_failure, combined_state, failure_state, live_state, stale_state
from .timing import Timing

# watches of single namespaces, of all kinds together: each has a socket and a thread
MOST_SCOPED_WATCHES = 150


@dataclass(slots=True)
class Surroundings:
    """What all watches of a cluster share.

    ``changed(part, listed)`` is told of each change, and of each list once it is whole; ``missing`` of lost
    kinds.
    """

    connection: Connection
    heart: Heartbeat
    timing: Timing
    store: Store
    readable: Readable
    changed: Callable[[str, bool], None]
    missing: Callable[[], None]
    lock: threading.Lock = field(default_factory=threading.Lock)
    scoped: int = 0

    def claim(self, watches: int) -> bool:
        """Whether that many more watches of single namespaces may be open."""
        with self.lock:
            if self.scoped + watches > MOST_SCOPED_WATCHES:
                return False
            self.scoped += watches
            return True


class KindWatch:
    """Followers of one kind, and what they say together. A Sink of theirs."""

    def __init__(self, around: Surroundings, spec: KindSpec, served: ServedKind, key: str) -> None:
        self.spec, self.served, self.key = spec, served, key
        self._around = around
        self._store = around.store
        self._lock = threading.RLock()
        self._stopped = False
        self._states: dict[Scope, KindState] = {ALL: LOADING}
        self._note = ""
        self._whole = self._follower(ALL)
        self._others: dict[Scope, Follower | Poller] = {}

    def start(self) -> None:
        """Start with the whole cluster."""
        self._whole.start()

    def stop(self) -> None:
        """End every thread; nothing of them reaches the store afterwards."""
        with self._lock:
            self._stopped = True
            ending, self._others = list(self._others.values()), {}
        self._whole.stop()
        self._end(ending)

    @property
    def threads(self) -> list[threading.Thread]:
        with self._lock:
            return [self._whole.thread, *(one.thread for one in self._others.values())]

    @property
    def scope(self) -> Scope:
        """One of the namespaces that are read; None where it is the whole cluster."""
        with self._lock:
            return next(iter(self._states), ALL)

    def lost(self, why: str, since: float) -> None:
        """The server does not answer: what was live is stale."""
        with self._lock:
            for scope, state in self._states.items():
                if state.state == "live":
                    self._states[scope] = stale_state(why, since)
                elif state.state == "stale":
                    self._states[scope] = stale_state(why, state.since)
            self._publish()

    # -- what the followers say --

    def page(self, entries: list[Entry]) -> None:
        with self._lock:
            if not self._stopped:
                self._store.put_many(entries)
        if self.spec.part == "routes":
            self._around.changed(self.spec.part, False)

    def replace(self, scope: Scope, entries: list[Entry]) -> None:
        ending: list[Follower | Poller] = []
        with self._lock:
            if self._stopped:
                return
            if scope is ALL and self._others:
                # the whole may be read now
                ending = list(self._others.values())
                self._others, self._note = {}, ""
                self._states = {ALL: LOADING}
            elif scope is not ALL and not self._knows(scope):
                return
            self._store.replace_kind(self.spec.part, self.spec.kind, entries, self.spec.group, scope)
        self._end(ending)
        self._around.changed(self.spec.part, True)

    def change(self, kind: str, entry: Entry) -> None:
        with self._lock:
            if self._stopped:
                return
            part, obj = entry
            if kind == "DELETED":
                self._store.remove(part, obj.ref)
            else:
                self._store.put(part, obj)
        self._around.changed(self.spec.part, False)

    def state(self, scope: Scope) -> KindState:
        with self._lock:
            return self._states.get(scope, LOADING)

    def report(self, scope: Scope, state: KindState) -> None:
        with self._lock:
            if self._stopped or not self._knows(scope):
                return
            self._states[scope] = state
            self._publish()

    def denied(self, scope: Scope, error: ApiError) -> None:
        if scope is not ALL or not self.spec.namespaced:
            self.report(scope, failure_state(error))
            return
        scopes, note = self._around.readable.namespaces(self.served)
        if scopes:
            self._fall_back(scopes, note)
        else:
            self._give_up(error)

    def missing(self) -> None:
        self._around.missing()

    # -- inside --

    def _follower(self, scope: Scope) -> Follower:
        around = self._around
        return Follower(around.connection, around.heart, around.timing, self.spec, self.served, scope, self)

    def _knows(self, scope: Scope) -> bool:
        return scope in self._states

    def _publish(self) -> None:
        if not self._stopped:
            self._store.set_state(self.key, combined_state(self._states, self._note))

    def _give_up(self, error: ApiError) -> None:
        with self._lock:
            ending = list(self._others.values())
            self._others, self._note = {}, ""
            self._states = {ALL: failure_state(error)}
            self._publish()
        self._end(ending)

    def _fall_back(self, scopes: tuple[str, ...], note: str) -> None:
        """Read these namespaces, and no others; those that are followed already go on."""
        with self._lock:
            if self._stopped or set(scopes) == set(self._states):
                return
            old = self._others
            kept = {scope: one for scope, one in old.items() if scope in scopes and isinstance(one, Follower)}
            fresh = [scope for scope in scopes if scope not in kept]
            if self._around.claim(len(fresh)):
                starting: list[Follower | Poller] = [self._follower(scope) for scope in fresh]
                self._others = {}
                self._others.update(kept)
                self._others.update(zip(fresh, starting, strict=True))
            else:
                kept = {}
                starting = [Poller(self._around, self.spec, self.served, scopes, self)]
                self._others = {scopes[0]: starting[0]}
            ending = [one for scope, one in old.items() if scope not in kept]
            self._states = {scope: self._states.get(scope, LOADING) for scope in scopes}
            self._note = note
            # what is in namespaces that nobody reads any more would look like the truth for ever
            self._store.forget_outside(self.spec.part, self.spec.kind, self.spec.group, frozenset(scopes))
            self._publish()
        self._end(ending)
        for one in starting:
            one.start()

    def _end(self, ending: list[Follower | Poller]) -> None:
        for one in ending:
            one.stop()
        self._around.claim(-sum(isinstance(one, Follower) for one in ending))


class Poller:
    """Lists a kind in many namespaces, one after the other, again and again: for those too many to watch."""

    def __init__(
        self,
        around: Surroundings,
        spec: KindSpec,
        served: ServedKind,
        scopes: tuple[str, ...],
        sink: KindWatch,
    ) -> None:
        self._around, self._spec, self._served, self._scopes, self._sink = around, spec, served, scopes, sink
        # the more there are, the slower: about one request a second
        self._pause_s = around.timing.poll_s * max(1.0, len(scopes) / 30)
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"pointsman-poll-{spec.kind}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it may still wait for one answer."""
        self._stopping.set()
        self._around.heart.wake()

    def _run(self) -> None:
        while not self._stopping.is_set():
            for scope in self._scopes:
                if self._stopping.is_set():
                    return
                self._ask(scope)
            self._around.heart.pause(self._pause_s, self._stopping.is_set)

    def _ask(self, scope: str) -> None:
        try:
            entries, _ = list_kind(self._around.connection, self._spec, self._served, scope)
        except UserError as error:
            if not self._stopping.is_set():
                heard = self._around.connection.heard
                self._sink.report(scope, after_failure(self._sink.state(scope), error, heard))
            return
        if not self._stopping.is_set():
            self._sink.replace(scope, entries)
            if self._sink.state(scope).state != "live":
                self._sink.report(scope, live_state(f"asked every {self._pause_s:.0f} s"))
