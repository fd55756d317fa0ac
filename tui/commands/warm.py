"""``pointsman warm``: caches filled through the new side before its visitors come."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...cluster.errors import UserError
from ...cluster.text import clean
from .common import EXIT_CODES, note, show, width
from .options import output_option
from .progress import watched

if TYPE_CHECKING:
    from ...checklists.plans.model import Plan
    from ...probes.wire.sources.asked import Asked
    from ...probes.wire.warm.facts import WarmFacts, WarmFetch, WarmPlan

_KINDS = ("auto", "list", "log", "sitemap", "openapi", "har")
_INTERRUPTED = 130


@click.command()
@click.argument("urls", metavar="[URL]...", nargs=-1)
@click.option("--address", metavar="ADDR[:PORT]", help="The new side's address, asked whatever DNS says.")
@click.option("--plan", "plan_file", metavar="FILE", type=click.Path(),
              help="Take address, hosts, paths and roots from a cutover plan.")  # fmt: skip
@click.option("--from", "source", metavar="FILE",
              help="A list, an access log, a sitemap, OpenAPI or a HAR; - is standard input.")  # fmt: skip
@click.option("--kind", type=click.Choice(_KINDS), default="auto", show_default=True,
              help="What the file is.")  # fmt: skip
@click.option("--top", metavar="N", type=click.IntRange(1, 20_000), default=1_000, show_default=True,
              help="Only the N most asked for of the file.")  # fmt: skip
@click.option("--host", metavar="HOST",
              help="The host of what names none; what names another is left out.")  # fmt: skip
@click.option("--rate", metavar="R", type=click.FloatRange(0.1, 1_000), default=10.0, show_default=True,
              help="Fetches a second, at most.")  # fmt: skip
@click.option("--concurrency", metavar="C", type=click.IntRange(1, 64), default=4, show_default=True,
              help="Fetches at once, at most.")  # fmt: skip
@click.option("--passes", metavar="P", type=click.IntRange(1, 5), default=2, show_default=True,
              help="How often each URL; the last pass shows what the first one filled.")  # fmt: skip
@click.option("--stop-after", metavar="N", type=click.IntRange(1, 1_000), default=5, show_default=True,
              help="Stop after this many errors (5xx, 429, no answer).")  # fmt: skip
@click.option("--cacert", "ca_file", metavar="FILE", help="Trusted roots in place of the system's.")
@click.option("--deadline", "deadline_s", metavar="S", type=click.FloatRange(1, 86_400),
              help="Stop after this many seconds, whatever is left.")  # fmt: skip
@output_option("text", "json")
@click.pass_context
def warm(
    context: click.Context,
    urls: tuple[str, ...],
    address: str | None,
    plan_file: str | None,
    source: str | None,
    kind: str,
    top: int,
    host: str | None,
    rate: float,
    concurrency: int,
    passes: int,
    stop_after: int,
    ca_file: str | None,
    deadline_s: float | None,
    output: str,
) -> None:
    """Fetch URLs through the new side, gently, so that its caches are not cold at the switch.

    Only GET, with the Accept-Encoding that browsers send: a cache keeps packed and plain answers apart.
    Ctrl-c stops, and what was fetched so far is reported.

    Exit code: 0 done (warnings included), 1 errors, 2 wrong usage, 3 could not tell, 130 ctrl-c.
    """
    from ...probes.wire.warm.facts import WarmPlan

    side = _side(address, plan_file, ca_file)
    chosen = _wanted(urls, source, kind, top, host, side)
    facts = _run(
        WarmPlan(
            urls=chosen.urls,
            address=side.address,
            rate_per_s=rate,
            concurrency=concurrency,
            passes=passes,
            stop_after_errors=stop_after,
            ca_file=side.ca_file,
            deadline_s=deadline_s,
            expected=side.expected,
        )
    )
    context.exit(_told(facts, chosen.notes, output))


def _told(facts: WarmFacts, notes: tuple[str, ...], output: str) -> int:
    """Prints the report; the exit code."""
    from ...probes.output import document, encode
    from ...probes.verdict import worst
    from ...probes.wire.warm.judge import judge

    findings = judge(facts)
    verdict = worst(one.verdict for one in findings)
    if output == "json":
        seen = {"warm": facts, "summary": _summary(facts), "notes": notes}
        click.echo(encode(document("warm", verdict, findings, seen, facts.elapsed_ms)))
    else:
        from ..telling.warm import warm_lines

        show(warm_lines(facts, findings, width()))
    return _INTERRUPTED if facts.cause == "interrupted" else EXIT_CODES[verdict]


# -- whom to ask


@dataclass(frozen=True, slots=True)
class _Side:
    """Where the requests go. ``port`` 0: the URL's own."""

    address: str
    port: int
    ca_file: str | None
    plan: Plan | None = None

    @property
    def expected(self) -> dict[str, tuple[int, ...]]:
        """The statuses that the plan names for its paths, by URL."""
        from ...checklists.checks.context import url as planned_url

        plan = self.plan
        asked = plan.asked if plan is not None else ()
        return {planned_url(plan, name, path.path): path.statuses for name, path in asked} if plan else {}


def _side(address: str | None, plan_file: str | None, ca_file: str | None) -> _Side:
    from ...probes.wire.address import is_address, split_endpoint

    if ca_file is not None and not Path(ca_file).is_file():
        raise UserError(f"--cacert {clean(ca_file, 200)}: no such file", "name a PEM file of roots")
    plan = None
    if plan_file is not None:
        from ...checklists.plans.load import load_plan

        plan = load_plan(plan_file)
    if address is None:
        if plan is None:
            raise UserError("--address is missing", "name the new side's address, or a --plan")
        return _Side(plan.new.address, plan.port, ca_file or plan.tls.ca_file or None, plan)
    try:
        bare, port = split_endpoint(address, 0) if _has_port(address) else (address, 0)
    except ValueError:
        bare, port = "", 0
    if not is_address(bare):
        raise UserError(
            f"--address {clean(address, 80)!r} is no IP address",
            "give ADDR or ADDR:PORT, IPv6 in brackets: DNS is not asked, it may still lead to the old side",
        )
    known_roots = plan.tls.ca_file if plan is not None else ""
    return _Side(bare.strip("[]"), port or (plan.port if plan else 0), ca_file or known_roots or None, plan)


def _has_port(address: str) -> bool:
    return address.count(":") == 1 or "]:" in address


# -- what to ask for


@dataclass(frozen=True, slots=True)
class _Wanted:
    urls: tuple[str, ...]
    notes: tuple[str, ...]


def _wanted(
    given: tuple[str, ...], source: str | None, kind: str, top: int, host: str | None, side: _Side
) -> _Wanted:
    """The URLs in order, each once. Raises UserError where there are none, or where a host is missing."""
    asked, notes = _given(given), list[str]()
    if source is not None:
        from ...probes.wire.sources.read import read_source

        found = read_source(Path(source), kind, top)
        asked += found.asked
        notes += found.notes
        kept = f", the {len(found.asked)} most asked for" if len(found.asked) == top else ""
        notes.append(f"{clean(source, 200)} read as {found.kind}: {len(found.asked)} requests{kept}")
    plan = side.plan
    if plan is not None and not asked:
        from ...checklists.checks.context import url as planned_url

        urls = [planned_url(plan, name, path.path) for name, path in plan.asked if host in (None, name)]
        return _checked(urls, notes)
    if not asked:
        raise UserError("there is nothing to warm", "give URLs, --from FILE or --plan FILE")
    allowed = {host} if host is not None else set(plan.hosts) if plan is not None else None
    urls, foreign = list[str](), 0
    for one in asked:
        name = one.host or host or (plan.hosts[0] if plan is not None and len(plan.hosts) == 1 else "")
        if not name:
            where = clean(one.origin or one.target, 120)
            raise UserError(f"{where}: the request names no host", "say it with --host")
        if allowed is not None and name not in allowed:
            foreign += 1
            continue
        urls.append(_url(one, name, side.port))
    if foreign:
        notes.append(f"{foreign} requests of other hosts left out")
    return _checked(urls, notes)


def _given(urls: tuple[str, ...]) -> tuple[Asked, ...]:
    from ...probes.wire.sources.asked import Asked
    from ...probes.wire.sources.tally import place_of

    asked = []
    for text in urls:
        place = place_of(text)
        if place is None:
            raise UserError(f"{clean(text, 80)!r} is neither a URL nor a path", "https://shop.test/path")
        asked.append(Asked("GET", place.target, place.host, 1, text, place.scheme, place.port))
    return tuple(asked)


def _url(asked: Asked, host: str, port: int) -> str:
    scheme = asked.scheme or "https"
    port = asked.port or port
    shown = f":{port}" if port and port != (443 if scheme == "https" else 80) else ""
    return f"{scheme}://{host}{shown}{asked.target}"


def _checked(urls: list[str], notes: list[str]) -> _Wanted:
    if not urls:
        why = f": {notes[-1]}" if notes else ""
        raise UserError(f"there is nothing left to warm{why}", "see --host")
    for told in notes:
        note(told)
    return _Wanted(tuple(dict.fromkeys(urls)), tuple(notes))


# -- asking


def _run(plan: WarmPlan) -> WarmFacts:
    from ...probes.wire.warm.observe import observe

    progress = _Progress(len(plan.urls) * plan.passes)

    async def until_stopped() -> WarmFacts:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        # not everywhere can a loop take signals; there ctrl-c ends it without a report
        with contextlib.suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(signal.SIGINT, stop.set)
        return await watched(observe(plan, progress.take, stop), progress.line)

    return asyncio.run(until_stopped())


class _Progress:
    """Counts the fetches, and says where they are."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._fetches = self._hits = self._errors = 0

    def take(self, fetch: WarmFetch) -> None:
        """Counts one fetch."""
        self._fetches += 1
        self._hits += fetch.cache == "hit"
        self._errors += fetch.failed

    def line(self, elapsed: float) -> str:
        """Where they are after ``elapsed`` seconds."""
        from ..telling.warm import progress_line

        return progress_line(self._fetches, self._wanted, self._hits, self._errors, elapsed)


def _summary(facts: WarmFacts) -> dict[str, object]:
    """What the text shows: the passes, and each URL's first fetch beside its last."""
    from ...probes.wire.warm.judge import passes, warmth

    return {
        "passes": [
            {
                "number": one.number,
                "fetches": one.fetches,
                "states": one.states,
                "failed": one.failed,
                "hit_share": one.hit_share,
                "first_byte_ms": one.first_byte_ms,
            }
            for one in passes(facts)
        ],
        "urls": [
            {
                "url": one.url,
                "before": one.first.cache,
                "after": one.last.cache,
                "age": one.last.age,
                "first_byte_ms": [one.first.first_byte_ms, one.last.first_byte_ms],
                "cold": one.cold,
                "not_cacheable": one.kept_out,
            }
            for one in warmth(facts)
        ],
    }
