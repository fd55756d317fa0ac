"""Findings about the controllers themselves: whether the one behind a class runs at all."""

from __future__ import annotations

from collections.abc import Iterator

from ...cluster.knowledge.controllers import controller_of
from ...cluster.kubernetes_objects import Workload
from ...cluster.objects import GatewayClass
from ..verdict import Finding, Verdict, finding
from .words import kubectl_get
from .world import World


def health_findings(world: World, gateway_class: GatewayClass) -> Iterator[Finding]:
    """A class whose controller has no ready pod in any Deployment or DaemonSet that runs it.

    Nothing is said where no such workload is in sight (it may run elsewhere), or where one has no status.
    """
    controller = controller_of(gateway_class.spec.controller_name)
    workloads = world.index.workloads_running(controller.id) if controller else ()
    if controller is None or not workloads:
        return
    if any(not one.status.observed_generation or _ready(one) for one in workloads):
        return
    first = workloads[0]
    yield finding(
        "GW230",
        Verdict.FAIL,
        gateway_class.ref,
        f"{controller.title} has no ready pod in {first.ref}" + _others(len(workloads) - 1),
        evidence=[f"{one.ref}: {_ready(one)} ready of {_wanted(one)}" for one in workloads[:5]],
        reproduce=kubectl_get(first.ref, "wide"),
    )


def _others(count: int) -> str:
    return f" and {count} more" if count else ""


def _ready(workload: Workload) -> int:
    status = workload.status
    return status.number_ready if workload.kind == "DaemonSet" else status.ready_replicas


def _wanted(workload: Workload) -> int:
    if workload.kind == "DaemonSet":
        return workload.status.desired_number_scheduled
    return 1 if workload.spec.replicas is None else workload.spec.replicas
