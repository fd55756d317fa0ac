"""Judging alone, without a cluster and a screen: all from nothing, beside one change of many.

Run: python benchmarks/judging.py [--routes 1000,10000]

The objects are those of benchmarks/many_routes.py, in memory. CPU seconds of this process; the unit is what
`pointsman status` does after it has loaded, findings and rows of everything from nothing.
"""

from __future__ import annotations

import argparse
import statistics
import time

import msgspec
import surroundings
from many_routes import documents
from pointsman.cluster.decode import decode_document
from pointsman.cluster.kinds import KINDS
from pointsman.cluster.objects import Object, Route
from pointsman.cluster.store import KindState, Store
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.live import LiveJudge
from pointsman.probes.state.overview import overview
from pointsman.tui.garbage import Collector

_CHANGES = 50


def loaded(count: int) -> tuple[Store, list[Object]]:
    """A store with everything, as if every kind had been read."""
    store, objects = Store(), []
    for document in documents(count):
        decoded = decode_document(document)
        assert decoded is not None
        store.put(*decoded)
        objects.append(decoded[1])
    for spec in KINDS:
        store.set_state(spec.kind, KindState("live"))
    return store, objects


def changed(route: Route, number: int) -> Route:
    """The route with another hostname."""
    spec = msgspec.structs.replace(route.spec, hostnames=(f"changed-{number}.test",))
    return msgspec.structs.replace(route, spec=spec)


def measure(count: int) -> None:
    """One line for each way of judging."""
    store, objects = loaded(count)
    snapshot = store.snapshot()
    began = time.process_time()
    overview(snapshot, diagnose(snapshot))
    anew = time.process_time() - began
    judge = LiveJudge()
    began = time.process_time()
    judge.judge(snapshot)
    followed = time.process_time() - began
    routes = [one for one in objects if isinstance(one, Route)]
    events: list[float] = []
    for number in range(_CHANGES):
        store.put("routes", changed(routes[number * 7 % len(routes)], number))
        version = snapshot.version
        began = time.process_time()
        snapshot = store.snapshot()
        judge.judge(snapshot, store.changed_since(version))
        events.append(time.process_time() - began)
    print(f"\n{count} HTTPRoutes, CPU time of judging")
    print(f"{'all from nothing':<34}{anew:8.2f} s   1")
    print(f"{'all, to be followed from there':<34}{followed:8.2f} s   {followed / anew:.2f}")
    middle, worst = statistics.median(events), max(events)
    figures = f"{middle * 1000:.2f} ms, {worst * 1000:.2f} ms"
    print(f"{'one changed route: median, worst':<34}{figures}   {middle / anew:.5f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--routes", default="1000,10000", help="sizes, with commas between")
    options = parser.parse_args()
    surroundings.say(packages=["msgspec"], takes="half a minute")
    # as the program itself does
    Collector().look_seldom()
    for size in map(int, options.routes.split(",")):
        measure(size)


if __name__ == "__main__":
    main()
