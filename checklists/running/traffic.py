"""Each side's own counters, as the plan says where to read them."""

from __future__ import annotations

from ...cluster.client.connect import Connection
from ...probes.watching.traffic.facts import TrafficSource
from ...probes.watching.traffic.pods import PodsSource
from ..plans.model import Plan, TrafficSide


def old_source(plan: Plan, connection: Connection | None) -> TrafficSource | None:
    """A source of its own for the old side's counters; None where the plan names none, or no cluster is
    there to ask. UserError for a controller of which nothing is known.
    """
    return _source(plan, plan.traffic.old, connection)


def new_source(plan: Plan, connection: Connection | None) -> TrafficSource | None:
    """The same for the new side."""
    return _source(plan, plan.traffic.new, connection)


def _source(plan: Plan, side: TrafficSide, connection: Connection | None) -> TrafficSource | None:
    pods = side.pods
    if pods is None or connection is None:
        return None
    return PodsSource(
        connection,
        pods.controller,
        pods.namespace,
        pods.selector,
        port=pods.port,
        path=pods.path,
        hosts=plan.hosts,
    )
