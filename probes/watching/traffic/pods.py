"""A controller's own counters, from every pod of it, through the API server's pod proxy.

Only GETs: the list of the pods, and ``/api/v1/namespaces/NS/pods/NAME:PORT/proxy/PATH`` of each
(the verb ``get`` on ``pods/proxy``). Nothing but the API server has to be reachable from here.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar
from urllib.parse import quote

from ....cluster.client.connect import Connection
from ....cluster.client.discovery import ServedKind
from ....cluster.client.listing import list_kind
from ....cluster.client.parallel import in_parallel
from ....cluster.errors import ApiError, UserError
from ....cluster.kinds import POD
from ....cluster.kubernetes_objects import Pod
from ....cluster.text import clean
from .counters import Counters, Look, PodLook
from .facts import Reading
from .families import families_of, measure
from .text import MOST_BYTES

DEADLINE_S = 8.0
MOST_PODS = 500
_AT_ONCE = 6
_SERVED = ServedKind("", "v1", "Pod", "pods", namespaced=True, verbs=("get", "list", "watch"))
_Result = TypeVar("_Result")


class PodsSource:
    """The counters of ``controller`` in the pods of ``namespace`` that ``selector`` (a label selector) names.

    ``port`` 0 and ``path`` empty are the controller's defaults; ``hosts`` are those to count one by one.
    A look takes ``deadline_s`` seconds at most; what has not answered by then is a problem, not a zero.
    Raises UserError for a controller of which nothing is known. The connection stays the caller's.
    """

    def __init__(
        self,
        connection: Connection,
        controller: str,
        namespace: str,
        selector: str,
        *,
        port: int = 0,
        path: str = "",
        hosts: Iterable[str] = (),
        deadline_s: float = DEADLINE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connection = connection
        self._families = families_of(controller)
        self._namespace, self._selector = namespace, selector
        self._port, self._path = port or self._families.port, path or self._families.path
        self._hosts = tuple(hosts)
        self._deadline_s = deadline_s
        self._clock = clock
        source = f"{self._families.title} pods in {namespace}"
        self._counters = Counters(clean(source, 160), self._families.notes)
        self._busy: asyncio.Future[Look] | None = None

    async def read(self) -> Reading:
        """Look at every pod now."""
        if self._busy is not None and not self._busy.done():
            # a second look beside one that hangs would only hang as well
            late = Look(self._clock(), listed=False, problems=("the API server has not answered yet",))
            return self._add(late)
        self._busy = _in_thread(self._look)
        try:
            async with asyncio.timeout(self._deadline_s + 1.0):
                look = await asyncio.shield(self._busy)
        except TimeoutError:
            look = Look(self._clock(), listed=False, problems=("the API server did not answer in time",))
        except Exception as error:  # noqa: BLE001 - a look that breaks tells nothing, and must not end the watch
            words = f"the pods could not be asked: {type(error).__name__}"
            look = Look(self._clock(), listed=False, problems=(words,))
        return self._add(look)

    async def close(self) -> None:
        """Nothing is held open between looks."""

    def _add(self, look: Look) -> Reading:
        self._counters = self._counters.add(look)
        return self._counters.reading(self._hosts)

    def _look(self) -> Look:
        deadline = time.monotonic() + self._deadline_s
        at = self._clock()
        try:
            pods = self._pods(deadline)
        except UserError as error:
            return Look(at, listed=False, problems=(clean(_why(error, "list pods", self._namespace), 240),))
        if not pods:
            words = f"no pod runs in {self._namespace} with {self._selector}"
            return Look(at, problems=(clean(words, 240),))
        if len(pods) > MOST_PODS:
            words = f"{len(pods)} pods are more than the {MOST_PODS} that are asked: nothing is counted"
            return Look(at, listed=False, problems=(words,))
        looks = in_parallel(lambda pod: self._ask(pod, deadline), pods, threads=_AT_ONCE)
        return Look(at, tuple(looks))

    def _pods(self, deadline: float) -> Sequence[Pod]:
        """The pods that may serve: running, with those that are about to end."""
        entries, _ = list_kind(
            self._connection,
            replace(POD, label_selector=self._selector),
            _SERVED,
            self._namespace,
            timeout_s=max(0.5, deadline - time.monotonic()),
        )
        return [obj for _, obj in entries if isinstance(obj, Pod) and obj.phase == "Running"]

    def _ask(self, pod: Pod, deadline: float) -> PodLook:
        name = pod.metadata.name
        restarts = sum(status.restart_count for status in pod.status.container_statuses)
        look = PodLook(pod.metadata.uid or name, clean(name, 80), restarts)
        left = deadline - time.monotonic()
        if left <= 0:
            return replace(look, problem="not asked: there was no time left")
        path, _, query = self._path.partition("?")
        target = f"/api/v1/namespaces/{self._namespace}/pods/{quote(name)}:{self._port}/proxy{quote(path)}"
        try:
            body = self._connection.request(
                "GET",
                target + (f"?{query}" if query else ""),
                accept="text/plain",
                timeout_s=left,
                most_bytes=MOST_BYTES,
            )
        except UserError as error:
            return replace(look, problem=clean(_why(error, "get pods/proxy", self._namespace), 240))
        return replace(look, measured=measure(self._families, body))


def _why(error: UserError, right: str, namespace: str) -> str:
    if isinstance(error, ApiError) and error.status == 403:
        return f"not allowed to {right} in {namespace} (403)"
    if isinstance(error, ApiError) and error.status == 404:
        return "nothing is there on that port and path (404)"
    if isinstance(error, ApiError) and error.status in (502, 503, 504):
        # in these words every API server tells of a pod that it cannot reach
        cause = error.what.rpartition("error trying to reach service: ")[2]
        return f"the API server does not reach it ({error.status}): {cause}"
    return error.what


def _in_thread(work: Callable[[], _Result]) -> asyncio.Future[_Result]:
    """``work`` on a thread that cannot keep the program from ending; its result in the running loop."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Result] = loop.create_future()

    def settle(result: _Result | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: _Result | None = None
        problem: BaseException | None = None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - handed over to whoever waits
            problem = error
        try:
            loop.call_soon_threadsafe(settle, result, problem)
        except RuntimeError:
            # the loop has ended: nobody waits any more
            return

    threading.Thread(target=run, name="pointsman-traffic", daemon=True).start()
    return future
