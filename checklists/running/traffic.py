"""Each side's own counters, as the plan says where to read them."""

from __future__ import annotations

import time
from collections.abc import Callable

from ...cluster.client.connect import Connection
from ...probes.watching.traffic.either import EitherSource
from ...probes.watching.traffic.facts import TrafficSource
from ...probes.watching.traffic.pods import PodsSource
from ...probes.watching.traffic.prometheus import PrometheusSource
from ..plans.model import Plan, PodsPlan, PrometheusPlan, TrafficSide

Clock = Callable[[], float]


def old_source(plan: Plan, connection: Connection | None, clock: Clock = time.time) -> TrafficSource | None:
    """A source of its own for the old side's counters, its instants by ``clock`` (epoch seconds); None where
    the plan names none, or no cluster is there to ask. UserError for a controller of which nothing is known.
    """
    return _source(plan, plan.traffic.old, connection, clock)


def new_source(plan: Plan, connection: Connection | None, clock: Clock = time.time) -> TrafficSource | None:
    """The same for the new side."""
    return _source(plan, plan.traffic.new, connection, clock)


def _source(
    plan: Plan, side: TrafficSide, connection: Connection | None, clock: Clock
) -> TrafficSource | None:
    pods = _pods(plan, side.pods, connection, clock) if side.pods and connection else None
    prometheus = _prometheus(plan, side.prometheus, clock) if side.prometheus else None
    # the pods themselves say what is now; a Prometheus what was at its last scrape
    return EitherSource(pods, prometheus) if pods and prometheus else pods or prometheus


def _pods(plan: Plan, pods: PodsPlan, connection: Connection, clock: Clock) -> TrafficSource:
    return PodsSource(
        connection,
        pods.controller,
        pods.namespace,
        pods.selector,
        port=pods.port,
        path=pods.path,
        hosts=plan.hosts,
        clock=clock,
    )


def _prometheus(plan: Plan, prometheus: PrometheusPlan, clock: Clock) -> TrafficSource:
    return PrometheusSource(
        prometheus.url,
        controller=prometheus.controller,
        queries=prometheus.queries,
        hosts=plan.hosts,
        ca_file=prometheus.ca_file,
        token_file=prometheus.token_file,
        clock=clock,
    )
