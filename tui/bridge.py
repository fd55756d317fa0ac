"""From the store to the screen: a thread that looks ten times a second and judges what it sees.

The screens read ``picture`` and never wait: no message is posted for an event, however many there are.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..cluster.errors import UserError
from ..cluster.snapshot import Snapshot
from ..cluster.text import clean
from ..probes.state.rows import Picture
from ..probes.state.scope import within

if TYPE_CHECKING:
    from ..cluster.client.connect import Connection
    from ..cluster.client.watch import LiveCluster
    from ..probes.state.live import LiveJudge

_INTERVAL_S = 0.1
# while somebody waits for the first rows
_EAGER_S = 0.02
_FEW_ROUTES = 100
_REST_WHILE_LOADING = 3.0


class Pace:
    """When to judge again: never all the time, however much there is to judge and however often it changes.

    Half of the time at most, and a quarter while kinds are still loading: what is judged then is old a moment
    later, and the threads that load want the processor (the interpreter runs one thread at a time). The whole
    picture, once everything has been loaded, is judged without any rest before it.
    """

    def __init__(self) -> None:
        self._took_s = 0.0
        self._ended = float("-inf")
        self._was_loading = False

    def judged(self, began: float, ended: float, *, loading: bool) -> None:
        """Remember the last judging (seconds of one monotonic clock), and whether it was of a part only."""
        self._took_s, self._ended, self._was_loading = ended - began, ended, loading

    def due(self, now: float, *, loading: bool) -> bool:
        """Whether there has been rest enough since the last judging."""
        if self._was_loading and not loading:
            return True
        return now - self._ended >= self._took_s * (_REST_WHILE_LOADING if loading else 1.0)


class Bridge:
    """Connects, watches and judges on its own threads; the screens only read its attributes."""

    def __init__(self, connect: Callable[[], Connection], namespaces: tuple[str, ...] | None) -> None:
        self._connect = connect
        self._namespaces = namespaces
        self._stop = threading.Event()
        self._again = threading.Event()
        self._next: deque[tuple[Callable[[], Connection], tuple[str, ...] | None, str]] = deque()
        self._thread = threading.Thread(target=self._work, name="bridge", daemon=True)
        self._live: LiveCluster | None = None
        self._judged = 0
        self._whole = Picture()
        self._narrowing = threading.Lock()
        self.first_rows: Callable[[], object] = lambda: None
        """Called on the bridge's thread when the picture holds the first rows."""
        self.loaded: Callable[[], object] = lambda: None
        """The same when a cluster has been read and judged whole for the first time."""
        self.left: Callable[[], object] = lambda: None
        """The same when a cluster is left for another one."""
        self.picture = Picture()
        self.connection: Connection | None = None
        self.problem: UserError | None = None
        self.trouble = ""
        self.fatal = False
        self.context = ""
        self._switched = False

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the watching; waits three seconds at most, the threads are daemons."""
        self._stop.set()
        self._again.set()
        if self._thread.is_alive():
            # the thread closes the connection, and with it the private files of its credentials
            self._thread.join(timeout=3.0)

    def ask_again(self) -> None:
        """Try to connect again now, where that has failed; else look now at what the cluster serves."""
        self._again.set()
        live = self._live
        if live is not None:
            live.look_again()

    def narrow(self, namespaces: tuple[str, ...] | None) -> None:
        """Show only ``namespaces`` (None: all) at once; what is read stays the same."""
        with self._narrowing:
            self._namespaces = namespaces
            self.picture = within(self._whole, namespaces)

    def _show(self, whole: Picture) -> None:
        # by the namespaces of now: they may have become others while it was judged
        with self._narrowing:
            self._whole = whole
            self.picture = within(whole, self._namespaces)

    def switch(
        self, connect: Callable[[], Connection], namespaces: tuple[str, ...] | None, context: str
    ) -> None:
        """Leave this cluster for another one, named ``context`` until it has told its own name.

        Returns at once. Until the bridge's thread turns, the old picture stays under the old name; then the
        picture is empty until the new cluster has given one.
        """
        self._next.append((connect, namespaces, context))
        self._again.set()

    def _turn(self) -> None:
        """Forget the old cluster whole before anything of the new one is known."""
        context = ""
        while self._next:
            self._connect, self._namespaces, context = self._next.popleft()
        self._live, self.connection = None, None
        self._show(Picture())
        self.problem, self.trouble, self.fatal = None, "", False
        self.context = context
        self._switched = True
        self.left()

    def snapshot(self) -> Snapshot:
        """The newest snapshot, judged or not: what a checklist asks."""
        return self._live.snapshot() if self._live is not None else self.picture.snapshot

    def _work(self) -> None:
        wait_s = 1.0
        while not self._stop.is_set():
            if self._next:
                self._turn()
            try:
                self._watch()
            except UserError as error:
                self.problem, self.trouble = error, "no connection"
                # before anything was ever shown, a wrong argument is for the operator's shell to tell
                self.fatal = getattr(error, "status", None) is None and not self._switched
                self._again.wait(wait_s)
                self._again.clear()
                wait_s = min(wait_s * 2, 15.0)

    def _watch(self) -> None:
        # imported here, where the first paint need not wait for it
        from ..cluster.client.watch import LiveCluster

        connection = self._connect()
        self.context = connection.context
        self.connection = connection
        live = LiveCluster(connection, self._namespaces)
        live.start()
        self._live = live
        # while the server answers
        from ..probes.state.glance import glance
        from ..probes.state.live import LiveJudge

        self.problem, self.trouble = None, ""
        seen: tuple[object, ...] = ()
        pace, any_route, whole = Pace(), False, False
        judge, self._judged = LiveJudge(), 0
        while not self._stop.is_set() and not self._next:
            began = time.monotonic()
            snapshot = live.snapshot()
            loading = any(state.state == "loading" for state in snapshot.kinds.values())
            wanted = (snapshot.version, self._namespaces)
            # the first routes are what somebody waits for
            first = bool(snapshot.routes) and not any_route
            if wanted != seen and (first or pace.due(began, loading=loading)):
                # a small cluster that is there whole is judged as quickly as it is glanced at
                glanced = first and (loading or len(snapshot.routes) > _FEW_ROUTES)
                if glanced:
                    self._show(glance(snapshot))
                    self.first_rows()
                    # one thread runs at a time: let the screen paint first
                    self._stop.wait(1.5 * _INTERVAL_S)
                seen, any_route = wanted, any_route or first
                self._judge(judge, live, snapshot)
                if first and not glanced:
                    self.first_rows()
                pace.judged(began, time.monotonic(), loading=loading)
                if snapshot.kinds and not (loading or whole):
                    whole = True
                    self.loaded()
            pause_s = _INTERVAL_S if any_route or not loading else _EAGER_S
            self._stop.wait(max(pause_s - (time.monotonic() - began), 0.02))
        if self._next:
            # before the old threads end, which may take seconds
            self._turn()
        live.stop()
        connection.close()

    def _judge(self, judge: LiveJudge, live: LiveCluster, snapshot: Snapshot) -> None:
        try:
            # more may have changed since the snapshot was taken; that does no harm
            changed = live.store.changed_since(self._judged) if self._judged else None
            picture = judge.judge(snapshot, changed)
        except Exception as error:  # noqa: BLE001 - a judge that ends must not leave an old picture that says "live"
            what = f"the newest state could not be judged: {type(error).__name__}: {clean(error)}"
            self.problem, self.trouble = (
                UserError(what, "what is shown is older; please report this"),
                "not judged",
            )
            self._judged = 0
            return
        if self.trouble == "not judged":
            self.problem, self.trouble = None, ""
        self._judged = snapshot.version
        self._show(picture)
