"""One size of benchmarks/growth.py in a process of its own: holding and judging a cluster, without a wire.

Run: python benchmarks/growing.py ROUTES    (prints one JSON object; see growth.py for what it holds)
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator

from pointsman.tui.garbage import Collector

# as the program itself does
Collector().look_seldom()

import msgspec  # noqa: E402 - the collector is set before all else
from many_routes import documents  # noqa: E402
from pointsman.cluster.decode import decode_list  # noqa: E402
from pointsman.cluster.kinds import KINDS, KindSpec  # noqa: E402
from pointsman.cluster.objects import Route  # noqa: E402
from pointsman.cluster.store import KindState, Store  # noqa: E402
from pointsman.probes.state.diagnose import diagnose  # noqa: E402
from pointsman.probes.state.live import LiveJudge  # noqa: E402
from pointsman.probes.state.overview import overview  # noqa: E402
from surroundings import rss_mib  # noqa: E402

_PAGE = 500
_EVENTS = 50


def pages(count: int) -> Iterator[tuple[KindSpec, str, bytes]]:
    """The lists that an API server would answer with, one at a time."""
    specs = {spec.kind: spec for spec in KINDS}
    waiting: dict[str, list[object]] = {}

    def page(kind: str) -> tuple[KindSpec, str, bytes]:
        items = waiting.pop(kind)
        version = str(items[0]["apiVersion"])  # type: ignore[index]
        document = {"metadata": {"resourceVersion": "1"}, "items": items}
        return specs[kind], version, msgspec.json.encode(document)

    for document in documents(count):
        kind = str(document["kind"])
        waiting.setdefault(kind, []).append(document)
        if len(waiting[kind]) == _PAGE:
            yield page(kind)
    for kind in list(waiting):
        yield page(kind)


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """CPU seconds, and what came of it."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def measure(count: int) -> dict[str, float]:
    """CPU seconds and MiB of each step, for the whole of ``count`` routes; of events for one."""
    found: dict[str, float] = {}
    store = Store()
    gc.collect()
    base = rss_mib(os.getpid())
    load_s = 0.0
    for spec, version, body in pages(count):
        began = time.process_time()
        store.put_many(decode_list(spec, version, body)[0])
        load_s += time.process_time() - began
    for spec in KINDS:
        store.set_state(spec.kind, KindState("live"))
    found["load_s"] = load_s
    gc.collect()
    found["held_mib"] = rss_mib(os.getpid()) - base
    snapshot_s, _ = timed(store.snapshot)
    found["snapshot_s"] = snapshot_s
    snapshot = store.snapshot()
    # both keep what they have worked out, so that memory after them says what a screen would hold
    judge = LiveJudge()
    found["followed_s"], _ = timed(lambda: judge.judge(snapshot))
    gc.collect()
    found["judged_mib"] = rss_mib(os.getpid()) - base
    routes = list(snapshot.routes.values())
    taking: list[float] = []
    judging: list[float] = []
    for number in range(_EVENTS):
        store.put("routes", changed(routes[number * 7 % len(routes)], number))
        before = snapshot.version
        began = time.process_time()
        snapshot = store.snapshot()
        moment = time.process_time()
        judge.judge(snapshot, store.changed_since(before))
        taking.append(moment - began)
        judging.append(time.process_time() - moment)
    found["event_snapshot_s"] = statistics.median(taking)
    found["event_judged_s"] = statistics.median(judging)
    found["once_s"], _ = timed(lambda: overview(snapshot, diagnose(snapshot)))
    return found


def changed(route: Route, number: int) -> Route:
    """The route with another hostname."""
    spec = msgspec.structs.replace(route.spec, hostnames=(f"changed-{number}.test",))
    return msgspec.structs.replace(route, spec=spec)


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
