"""The first rows of a cluster that is still being read: what is there, before anything was judged."""

from __future__ import annotations

from ...cluster.objects import Route
from ...cluster.snapshot import Snapshot
from ...cluster.text import clean
from ..verdict import Verdict, worst
from .conditions import ROUTE, claimed_verdict
from .overview import by_badness, troubled_kinds
from .rows import Overview, Picture, RouteRow


def glance(snapshot: Snapshot) -> Picture:
    """The routes with what their controllers claim; all that has to be worked out is UNKNOWN as yet.

    Judging the first page takes as long again as fetching it, and somebody waits for the names.
    """
    rows = tuple(sorted(map(_row, snapshot.routes.values()), key=by_badness))
    overview = Overview(routes=rows, troubled_kinds=troubled_kinds(snapshot), version=snapshot.version)
    return Picture(snapshot=snapshot, overview=overview, judged=False)


def _row(route: Route) -> RouteRow:
    generation = route.meta.generation
    claims = [claimed_verdict(ROUTE, entry.conditions, generation) for entry in route.status.parents]
    return RouteRow(
        ref=route.ref,
        hostnames=tuple(clean(name, 253) for name in route.spec.hostnames),
        parents=(),
        claimed=worst(claims) if claims else Verdict.UNKNOWN,
        computed=Verdict.UNKNOWN,
        worst=Verdict.PASS,
        findings=0,
    )
