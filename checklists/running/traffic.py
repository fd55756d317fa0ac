"""Each side's own counters, as the plan says where to read them."""

from __future__ import annotations

from ...cluster.client.connect import Connection
from ...probes.watching.traffic.either import EitherSource
from ...probes.watching.traffic.facts import TrafficSource
from ...probes.watching.traffic.pods import PodsSource
from ...probes.watching.traffic.prometheus import PrometheusSource
from ..plans.model import Plan, PodsPlan, PrometheusPlan, TrafficSide


def old_source(plan: Plan, connection: Connection | None) -> TrafficSource | None:
    """A source of its own for the old side's counters; None where the plan names none, or no cluster is
    there to ask. UserError for a controller of which nothing is known.
    """
    return _source(plan, plan.traffic.old, connection)


def new_source(plan: Plan, connection: Connection | None) -> TrafficSource | None:
    """The same for the new side."""
    return _source(plan, plan.traffic.new, connection)


def _source(plan: Plan, side: TrafficSide, connection: Connection | None) -> TrafficSource | None:
    pods = _pods(plan, side.pods, connection) if side.pods and connection else None
    prometheus = _prometheus(plan, side.prometheus) if side.prometheus else None
    # the pods themselves say what is now; a Prometheus what was at its last scrape
    return EitherSource(pods, prometheus) if pods and prometheus else pods or prometheus


def _pods(plan: Plan, pods: PodsPlan, connection: Connection) -> TrafficSource:
    return PodsSource(
        connection,
        pods.controller,
        pods.namespace,
        pods.selector,
        port=pods.port,
        path=pods.path,
        hosts=plan.hosts,
    )


def _prometheus(plan: Plan, prometheus: PrometheusPlan) -> TrafficSource:
    return PrometheusSource(
        prometheus.url,
        controller=prometheus.controller,
        queries=prometheus.queries,
        hosts=plan.hosts,
        ca_file=prometheus.ca_file,
        token_file=prometheus.token_file,
    )
