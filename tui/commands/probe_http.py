"""``pointsman probe http``."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import click

from .common import EXIT_CODES, note, show, width
from .options import output_option
from .progress import watched

if TYPE_CHECKING:
    from ...probes.verdict import Result
    from ...probes.wire.http.asking import HttpAsk


@click.command("http")
@click.argument("urls", metavar="[URL]...", nargs=-1)
@click.option("--resolve", "resolved", metavar="HOST:PORT:ADDR", multiple=True,
              help="Where a host is, as curl writes it; repeatable. Else the system's DNS.")  # fmt: skip
@click.option("--address", "addresses", metavar="ADDR", multiple=True,
              help="Ask this address for every URL; repeatable.")  # fmt: skip
@click.option("--plan", "plan_file", metavar="FILE", type=click.Path(),
              help="Ask all critical paths of a cutover plan at its new side.")  # fmt: skip
@click.option("-X", "--request", "method", metavar="METHOD", help="GET (the default), HEAD or OPTIONS.")
@click.option("--unsafe", is_flag=True, help="Let -X send other methods: they may change something.")
@click.option("-H", "--header", "headers", metavar="'NAME: VALUE'", multiple=True,
              help="A header; repeatable. Values of secret ones are never printed.")  # fmt: skip
@click.option("--http1.0", "protocol", flag_value="http/1.0", help="Speak HTTP/1.0.")
@click.option("--http1.1", "protocol", flag_value="http/1.1", help="Speak HTTP/1.1.")
@click.option("--http2", "protocol", flag_value="h2", help="Speak HTTP/2, without TLS by prior knowledge.")
@click.option("--expect", metavar="200,301-399", help="Expected statuses; 200-399 where none are given.")
@click.option("--expect-header", "wanted", metavar="'NAME: TEXT'", multiple=True,
              help="A header that must be there, and hold TEXT; repeatable.")  # fmt: skip
@click.option(
    "--no-header", "unwanted", metavar="NAME", multiple=True, help="A header that must not be there."
)
@click.option("--body", "texts", metavar="TEXT", multiple=True, help="What the body must hold; repeatable.")
@click.option("--body-regex", "patterns", metavar="RE", multiple=True,
              help="What a line of the body must match; repeatable.")  # fmt: skip
@click.option("--body-json", "pointers", metavar="POINTER=JSON", multiple=True,
              help="What must stand at a place of a JSON body: /status=\"ok\"; repeatable.")  # fmt: skip
@click.option("--follow", metavar="N", type=click.IntRange(1, 50), help="Follow up to N redirects.")
@click.option("--location", metavar="URL", help="Must redirect there; it is not followed.")
@click.option("--protected", is_flag=True, help="Must refuse who has no credentials (401, 403).")
@click.option("--plain", is_flag=True, help="An http:// URL may be served without a redirect to https.")
@click.option("--grpc", "service", is_flag=False, flag_value="", metavar="[SERVICE]",
              help="Ask the gRPC health service, of SERVICE or the whole server.")  # fmt: skip
@click.option("--websocket", is_flag=True, help="Open a WebSocket and close it.")
@click.option("--events", is_flag=True, help="Listen to an event stream (SSE) until its first event.")
@click.option("--cacert", "ca_file", metavar="FILE", help="Trusted roots in place of the system's.")
@click.option("--timeout", "timeout_s", metavar="S", type=click.FloatRange(0.1, 600), default=5.0,
              show_default=True, help="Seconds for each request, redirects included.")  # fmt: skip
@output_option("text", "json")
@click.pass_context
def probe_http(context: click.Context, /, output: str, **options: object) -> None:
    """Send requests by address, with the URL's host as SNI and Host, and judge what comes back.

    An http:// URL must redirect to https of the same host, unless --expect, --location, --follow or --plain
    says otherwise.

    Exit code: 0 as expected (warnings included), 1 something FAILs, 2 wrong usage, 3 could not tell.
    """
    from ...probes.output import document, encode
    from ...probes.verdict import worst
    from .probe_http_options import Options, asks_of

    started = time.monotonic()
    chosen = asks_of(Options(**options))  # type: ignore[arg-type]
    for text in chosen.notes:
        note(text)
    results = asyncio.run(_ask(chosen.asks))
    results += chosen.unknown
    findings = [finding for result in results for finding in result.findings]
    verdict = worst(finding.verdict for finding in findings)
    if output == "json":
        facts = {"requests": [dict(result.facts) for result in results], "notes": chosen.notes}
        elapsed_ms = (time.monotonic() - started) * 1000
        click.echo(encode(document("probe http", verdict, findings, facts, elapsed_ms)))
    else:
        from ..telling.http import http_lines

        show(http_lines(results, width()))
    context.exit(EXIT_CODES[verdict])


async def _ask(asks: tuple[HttpAsk, ...]) -> tuple[Result, ...]:
    from ...probes.wire.http.asking import ask_all
    from ..telling.http import progress_line

    done = [0]

    def take(now: int) -> None:
        done[0] = now

    return await watched(ask_all(asks, take), lambda elapsed: progress_line(done[0], len(asks), elapsed))
