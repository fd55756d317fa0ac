"""Reading a plan's part about time and traffic: durations, thresholds, sources, hooks, waves."""

from __future__ import annotations

from pathlib import Path

from ..terms import PHASES, Phase
from .fields import NAME, argv, file_beside, matching
from .model import Durations, Hook, PodsPlan, PrometheusPlan, Thresholds, TrafficPlan, TrafficSide
from .yamlmarks import Marked, describe

QUERIES = ("requests", "errors_5xx", "not_found", "handshakes", "handshake_failures")
"""What a Prometheus can be asked for: each a query for a counter's sum, by host where it can."""


def durations(marked: Marked) -> Durations:
    """How long the cutover's steps last."""
    fields = marked.fields(("watch", "soak", "settle", "pause", "quiet"))
    return Durations(**{name: item.seconds() for name, item in fields.items()})


def thresholds(marked: Marked) -> Thresholds:
    """What the watch decides by."""
    fields = marked.fields(("min_samples", "p0", "alpha", "rate_per_s", "soak_rate_per_s"))
    default = Thresholds()
    rate = fields["rate_per_s"].number(0, 100) if "rate_per_s" in fields else default.rate_per_s
    soak = (
        fields["soak_rate_per_s"].number(0, 100)
        if "soak_rate_per_s" in fields
        else min(rate, default.soak_rate_per_s)
    )
    return Thresholds(
        min_samples=fields["min_samples"].whole(1, 10_000_000)
        if "min_samples" in fields
        else default.min_samples,
        p0=fields["p0"].number(0, 0.2) if "p0" in fields else default.p0,
        alpha=fields["alpha"].number(0, 0.1) if "alpha" in fields else default.alpha,
        rate_per_s=rate,
        soak_rate_per_s=soak,
    )


def traffic(marked: Marked, directory: Path) -> TrafficPlan:
    """Where each side's own counters are read."""
    fields = marked.fields(("old", "new"))
    return TrafficPlan(**{name: _traffic_side(item, directory) for name, item in fields.items()})


def _traffic_side(marked: Marked, directory: Path) -> TrafficSide:
    fields = marked.fields(("pods", "prometheus"))
    if not fields:
        marked.fail("names no source", "add pods or prometheus, or leave it out")
    return TrafficSide(
        pods=_pods(fields["pods"]) if "pods" in fields else None,
        prometheus=_prometheus(fields["prometheus"], directory) if "prometheus" in fields else None,
    )


def _pods(marked: Marked) -> PodsPlan:
    fields = marked.fields(
        ("controller", "namespace", "selector", "port", "path"), ("controller", "namespace", "selector")
    )
    path = fields["path"].text() if "path" in fields else ""
    if path and not path.startswith("/"):
        fields["path"].fail("expected a path such as /metrics")
    return PodsPlan(
        controller=fields["controller"].text(),
        namespace=matching(fields["namespace"], NAME, "a namespace"),
        selector=fields["selector"].text(),
        port=fields["port"].whole(1, 65535) if "port" in fields else 0,
        path=path,
    )


def _prometheus(marked: Marked, directory: Path) -> PrometheusPlan:
    known = ("url", "controller", "ca_file", "token_file", "queries")
    if isinstance(marked.value, dict) and "token" in marked.value:
        marked.value["token"].fail("a secret does not belong in a plan", "put it in a file: token_file")
    fields = marked.fields(known, ("url",))
    url = fields["url"].text()
    if not url.startswith(("http://", "https://")):
        fields["url"].fail("expected an address such as https://prometheus.example:9090")
    queries = fields["queries"].fields(QUERIES) if "queries" in fields else {}
    return PrometheusPlan(
        url=url.rstrip("/"),
        controller=fields["controller"].text() if "controller" in fields else "",
        ca_file=file_beside(fields["ca_file"], directory) if "ca_file" in fields else "",
        token_file=file_beside(fields["token_file"], directory) if "token_file" in fields else "",
        queries={name: item.text() for name, item in queries.items()},
    )


def hook(marked: Marked) -> Hook:
    """One own command at a transition."""
    fields = marked.fields(("on", "run", "timeout"), ("on", "run"))
    return Hook(
        on=tuple(_phase(item) for item in fields["on"].items(1)),
        run=argv(fields["run"]),
        timeout_s=fields["timeout"].seconds() if "timeout" in fields else 10.0,
    )


def _phase(marked: Marked) -> Phase:
    chosen = marked.choice(PHASES)
    return next(phase for phase in PHASES if phase == chosen)


def waves(marked: Marked, hosts: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Groups of the plan's hosts: every host in exactly one."""
    groups = []
    seen: dict[str, str] = {}
    for group in marked.items(1):
        for item in group.items(1):
            host = item.text()
            if host not in hosts:
                item.fail(f"{describe(host)} is not one of the plan's hosts")
            if host in seen:
                item.fail(f"{host} stands in {seen[host]} already")
            seen[host] = group.field
        groups.append(tuple(item.text() for item in group.items()))
    left = [host for host in hosts if host not in seen]
    if left:
        marked.fail(f"{', '.join(left)} is in no wave", "every host belongs to exactly one")
    return tuple(groups)
