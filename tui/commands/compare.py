"""``pointsman compare``: would a client notice the switch?"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..lines import seconds
from ..settings import Settings
from .common import EXIT_CODES, cluster_once, note, show, width
from .manifests import read_world
from .options import cluster_options, output_option
from .progress import watched

if TYPE_CHECKING:
    from ...checklists.plans.model import Plan
    from ...probes.wire.parity.observe import Step
    from ...probes.wire.parity.question import Question, Side


@dataclass(frozen=True)
class _Asked:
    """What the command line says about what to ask."""

    urls: tuple[str, ...]
    plan: Plan | None
    ingresses: tuple[str, ...]
    files: tuple[str, ...]
    sources: tuple[str, ...]
    hosts: tuple[str, ...]
    top: int
    most: int
    timeout_s: float
    variants: str
    unsafe: bool
    settings: Settings = field(default_factory=Settings)


@click.command()
@click.argument("urls", metavar="[URL]...", nargs=-1)
@click.option("--old", "old_text", metavar="ADDR[:PORT]", help="The side that serves now.")
@click.option("--new", "new_text", metavar="ADDR[:PORT]", help="The side that is to serve.")
@click.option("--old-plain", metavar="PORT", type=click.IntRange(1, 65535), help="Its port for http URLs.")
@click.option("--new-plain", metavar="PORT", type=click.IntRange(1, 65535), help="Its port for http URLs.")
@click.option(
    "--ingress",
    "ingresses",
    metavar="NS/NAME",
    multiple=True,
    help="Make requests from this Ingress's paths and the routes of its hosts; repeatable.",
)
@click.option(
    "-f",
    "--filename",
    "--file",
    "files",
    metavar="FILE|DIR",
    multiple=True,
    help="Make them from manifests and no cluster; repeatable.",
)
@click.option("--plan", "plan_file", metavar="FILE", help="Sides, hosts, roots and paths of a plan.")
@click.option(
    "--from",
    "sources",
    metavar="FILE",
    multiple=True,
    help="Requests of an access log, sitemap, OpenAPI, HAR or list; repeatable.",
)
@click.option("--host", "hosts", metavar="HOST", multiple=True, help="For a source that names no host.")
@click.option(
    "--top",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="Of a source the requests that are seen most.",
)
@click.option(
    "--most",
    type=click.IntRange(1, 20000),
    default=1000,
    show_default=True,
    help="Requests at most, before rounds.",
)
@click.option(
    "--variants",
    default="all",
    show_default=True,
    metavar="all|none|LIST",
    help="Other ways to ask each path: head, http10, gzip, origin, no-sni, ...",
)
@click.option("--unsafe", is_flag=True, help="Other methods than GET, HEAD and OPTIONS may be sent.")
@click.option(
    "--rounds",
    type=click.IntRange(1, 100),
    default=2,
    show_default=True,
    help="Rounds of old, new and old again; more where a difference is not decided.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0.1, 1000),
    default=20.0,
    show_default=True,
    help="Requests per second, both sides together.",
)
@click.option(
    "--waive",
    "waivers",
    metavar="FILE",
    multiple=True,
    help="Accepted differences: waivers: [{path, field, reason}]; repeatable.",
)
@click.option("--cacert", metavar="FILE", help="Trusted roots of both sides, PEM.")
@click.option("--old-cacert", metavar="FILE", help="Trusted roots of the old side.")
@click.option("--new-cacert", metavar="FILE", help="Trusted roots of the new side.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1, 600),
    default=10.0,
    show_default=True,
    help="Seconds for each request.",
)
@click.option(
    "--deadline",
    "deadline_s",
    type=click.FloatRange(1, 86400),
    default=900.0,
    show_default=True,
    help="Seconds for everything.",
)
@cluster_options
@output_option("text", "json")
@click.pass_context
def compare(
    context: click.Context,
    settings: Settings,
    urls: tuple[str, ...],
    old_text: str | None,
    new_text: str | None,
    old_plain: int | None,
    new_plain: int | None,
    ingresses: tuple[str, ...],
    files: tuple[str, ...],
    plan_file: str | None,
    sources: tuple[str, ...],
    hosts: tuple[str, ...],
    top: int,
    most: int,
    variants: str,
    unsafe: bool,
    rounds: int,
    rate: float,
    waivers: tuple[str, ...],
    cacert: str | None,
    old_cacert: str | None,
    new_cacert: str | None,
    timeout_s: float,
    deadline_s: float,
    output: str,
) -> None:
    """Ask the old and the new side the same, and tell every difference that noise does not explain.

    Each request goes to old, new and old again, so that the old side shows its own noise. Requests are the
    URLs, or made from an Ingress, manifests or a plan, or read from a source. Exit code: 0 no unexplained
    difference (warnings included), 1 something FAILs, 2 wrong usage, 3 could not tell.
    """
    from ...probes.output import document, encode
    from ...probes.wire.parity import judge
    from ...probes.wire.parity.observe import Pace, observe
    from .compare_inputs import read_waivers

    plan = _plan(plan_file)
    policy = judge.Policy(waivers=(*read_waivers(waivers), *(plan.accept if plan else ())))
    asked = _Asked(
        urls, plan, ingresses, files, sources, hosts, top, most, timeout_s, variants, unsafe, settings
    )
    questions = _questions(asked)
    only_plain = all(one.url.startswith("http:") for one in questions)
    roots = cacert or (plan.tls.ca_file or None if plan else None)
    old = _side("old", old_text, plan, old_plain, old_cacert or roots, only_plain=only_plain)
    new = _side("new", new_text, plan, new_plain, new_cacert or roots, only_plain=only_plain)
    pace = Pace(rounds=rounds, most_rounds=max(rounds, 30), rate_per_s=rate, deadline_s=deadline_s)
    steps: deque[Step] = deque(maxlen=1)
    work = observe(questions, old, new, pace, steps.append, policy=policy)
    facts = asyncio.run(watched(work, lambda elapsed: _how_far(steps, elapsed)))
    compared = judge.compare(facts, policy)
    found = judge.findings(compared)
    if output == "json":
        told = judge.facts_document(compared)
        click.echo(encode(document("compare", compared.verdict, found, told, facts.elapsed_ms)))
    else:
        from ..telling.parity import parity_lines

        show(parity_lines(compared, width()))
    context.exit(EXIT_CODES[compared.verdict])


def _plan(plan_file: str | None) -> Plan | None:
    if plan_file is None:
        return None
    from ...checklists.plans.load import load_plan

    return load_plan(plan_file)


def _side(
    name: str,
    text: str | None,
    plan: Plan | None,
    plain_port: int | None,
    roots: str | None,
    *,
    only_plain: bool,
) -> Side:
    from ...probes.wire.address import endpoint
    from .compare_inputs import side_of

    if text is None and plan is not None:
        own = plan.old if name == "old" else plan.new
        text = endpoint(own.address, plan.port)
    if text is None:
        raise UserError(f"--{name} is missing", f"name the {name} side's address: --{name} 192.0.2.10")
    return side_of(name, text, plain_port, roots, only_plain=only_plain)


def _questions(asked: _Asked) -> tuple[Question, ...]:
    """Everything to ask, at most ``most``. Raises UserError where there is nothing."""
    from ...probes.wire.parity.variants import chosen, over_each_other, with_variants
    from .compare_inputs import given_urls

    ways = chosen(asked.variants, unsafe=asked.unsafe)
    found = [
        *given_urls(asked.urls, asked.timeout_s),
        *_of_plan(asked),
        *_of_sources(asked),
        *_of_rules(asked),
    ]
    if not found:
        raise UserError(
            "there is nothing to compare", "name URLs, --ingress, -f MANIFESTS, --plan or --from FILE"
        )
    once = dict.fromkeys(found)
    shared = over_each_other(once) if "all" in asked.variants.split(",") else ()
    asked_once = dict.fromkeys((*with_variants(once, ways), *shared))
    allowed = (one for one in asked_once if one.is_safe or asked.unsafe)
    # every path before any variant of one: --most cuts the end off
    everything = tuple(sorted(allowed, key=lambda one: bool(one.variant)))
    if len(everything) > asked.most:
        note(f"{len(everything)} requests could be asked; the first {asked.most} are (--most)")
    return everything[: asked.most]


def _of_plan(asked: _Asked) -> Sequence[Question]:
    from .compare_inputs import given_urls

    if asked.plan is None:
        return ()
    urls = [f"https://{host}{path.path}" for host, path in asked.plan.asked]
    return given_urls(urls, asked.timeout_s, "plan")


def _of_sources(asked: _Asked) -> Sequence[Question]:
    from ...probes.wire.sources.read import read_source
    from .compare_inputs import from_source

    hosts = asked.hosts or (asked.plan.hosts if asked.plan else ())
    origins = [f"https://{host}" for host in hosts]
    found: list[Question] = []
    for name in asked.sources:
        source = read_source(Path(name), top=asked.top)
        for told in source.notes:
            note(clean(f"{name}: {told}"))
        found += from_source(source.asked, origins, asked.timeout_s)
    return found


def _of_rules(asked: _Asked) -> Sequence[Question]:
    from ...probes.wire.parity.paths import questions
    from .compare_inputs import hosts_to_ask

    planned = tuple(str(name) for name in asked.plan.ingress) if asked.plan and not asked.files else ()
    names = asked.ingresses or planned
    if not names and not asked.files:
        return ()
    snapshot = read_world(asked.files).snapshot if asked.files else cluster_once(asked.settings, 30.0)
    return questions(hosts_to_ask(snapshot, names), asked.most, asked.timeout_s)


def _how_far(steps: Sequence[Step], elapsed: float) -> str:
    far = "".join(f"{one.doing}: {one.done} of {one.of}, {one.requests} requests, " for one in steps)
    return f"{far}{seconds(elapsed)}"
