"""``pointsman route``: what a request would meet, worked out from the specs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ...cluster.errors import UserError
from ..settings import Settings
from .common import EXIT_CODES, cluster_once, show, width
from .manifests import read_world
from .options import cluster_options, output_option

if TYPE_CHECKING:
    from ...cluster.routing.trace import Sides


@click.command()
@click.argument("words", metavar="[METHOD] URL", nargs=-1, required=True)
@click.option(
    "-H", "--header", "headers", metavar="'NAME: VALUE'", multiple=True, help="A header; repeatable."
)
@click.option("--gateway", metavar="NS/NAME", help="Only this Gateway; else all of them.")
@click.option("--side", "sides", type=click.Choice(("both", "gateway", "ingress")), default="both",
              show_default=True, help="Which side to ask.")  # fmt: skip
@click.option("-f", "--filename", "--file", "files", metavar="FILE|DIR", multiple=True,
              help="Manifests instead of a cluster; repeatable.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="List every candidate that lost.")
@cluster_options
@output_option("text", "json")
@click.option("--timeout", "deadline_s", type=click.FloatRange(1, 600), default=30.0, show_default=True,
              help="Seconds to wait for the cluster.")  # fmt: skip
@click.pass_context
def route(
    context: click.Context,
    settings: Settings,
    words: tuple[str, ...],
    headers: tuple[str, ...],
    gateway: str | None,
    sides: Sides,
    files: tuple[str, ...],
    everything: bool,
    output: str,
    deadline_s: float,
) -> None:
    """Say which listener, route, rule and backend a request ends at, on both sides, and why the others lose.

    Nothing is sent: it is worked out from the objects. Policies of vendors are not part of it.

    Exit code: 0 a backend that is well answers (or a redirect), 1 it would fail, 2 wrong usage, 3 could not
    tell.
    """
    from ...cluster.routing.trace import find_gateway, parse_request, trace
    from ...probes.output import document, encode
    from ...probes.state.request import request_findings
    from ..telling.xray import overall, xray_facts, xray_lines

    started = time.monotonic()
    if len(words) > 2:
        raise UserError(
            f"a request is a method and a URL, not {len(words)} words", "quote what belongs together"
        )
    method, url = words if len(words) == 2 else ("GET", words[0])
    request = parse_request(method, url, headers)
    snapshot = read_world(files).snapshot if files else cluster_once(settings, deadline_s)
    chosen = find_gateway(snapshot, gateway) if gateway else None
    traces = trace(snapshot, request, gateway=chosen, sides=sides)
    findings = request_findings(snapshot, request, traces, sides)
    verdict = overall(snapshot, traces, sides)
    if output == "json":
        elapsed_ms = (time.monotonic() - started) * 1000
        click.echo(encode(document("route", verdict, findings, xray_facts(request, traces), elapsed_ms)))
    else:
        show(xray_lines(snapshot, request, traces, width(), sides=sides, everything=everything))
    context.exit(EXIT_CODES[verdict])
