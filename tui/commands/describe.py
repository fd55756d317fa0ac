"""``pointsman describe``: all that is known of one object, as its screens say it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ...cluster.errors import UserError
from ...cluster.text import clean
from ...probes.verdict import Verdict, worst
from ..lines import EMPTY, Line, Span, Tone, count, line
from ..settings import Settings
from .common import EXIT_CODES, show, width
from .manifests import read_world
from .options import cluster_options, output_option
from .told import namespace_of

if TYPE_CHECKING:
    from ...cluster.client.fetch import EventLine
    from ...cluster.documents import Place
    from ...cluster.refs import ObjectRef
    from ...cluster.rules.computed import Computed
    from ...cluster.snapshot import Snapshot
    from ...probes.state.rows import Picture


@dataclass(frozen=True, slots=True)
class Described:
    """One object and all that was read for it. ``events`` is None where nobody asked, or none could be had:
    then ``events_problem`` says why. ``place`` is where it stands, for one that was read from a file."""

    picture: Picture
    ref: ObjectRef
    by_specs: tuple[Computed, ...] = ()
    events: tuple[EventLine, ...] | None = None
    events_problem: str = ""
    place: Place | None = None


@click.command()
@click.argument("words", metavar="KIND [NS/]NAME", nargs=-1, required=True)
@click.option("-f", "--filename", "files", metavar="FILE|DIR|-", multiple=True,
              help="Manifests instead of a cluster; repeatable.")  # fmt: skip
@click.option("--no-events", is_flag=True, help="Do not ask for its events.")
@cluster_options
@output_option("text", "json")
@click.option("--timeout", "deadline_s", type=click.FloatRange(1, 600), default=30.0, show_default=True,
              help="Seconds to wait for the cluster.")  # fmt: skip
@click.pass_context
def describe(
    context: click.Context,
    settings: Settings,
    words: tuple[str, ...],
    files: tuple[str, ...],
    no_events: bool,
    output: str,
    deadline_s: float,
) -> None:
    """Say all that is known of one object: findings, conditions, who refers to it, its events.

    `httproute shop/cart`, `hr/cart -n shop`, `gateways.gateway.networking.k8s.io shop/main`; of a name
    without a namespace all are searched. Exit code: 0 nothing wrong (warnings included), 1 something FAILs,
    2 wrong usage or no such object, 3 could not tell.
    """
    from ..telling.object import details_of

    started = time.monotonic()
    one = (
        _in_files(settings, words, files)
        if files
        else _in_cluster(settings, words, deadline_s, with_events=not no_events)
    )
    findings = details_of(one.picture, one.ref, width()).findings
    verdict = worst([Verdict.PASS, *(finding.verdict for finding in findings)])
    if output == "json":
        from ...probes.output import document, encode
        from ..telling.object_facts import object_facts

        facts = object_facts(one.picture, one.ref, one.by_specs)
        facts |= _place_facts(one) | _event_facts(one)
        elapsed_ms = (time.monotonic() - started) * 1000
        click.echo(encode(document("describe", verdict, findings, facts, elapsed_ms)))
    else:
        show(_lines(one, width()))
    context.exit(EXIT_CODES[verdict])


# -- reading


def _in_files(settings: Settings, words: Sequence[str], files: Sequence[str]) -> Described:
    from ..naming import parse_words

    parse_words(words)
    documents = read_world(files, namespace_of(settings))
    ref = _find(documents.snapshot, settings, words)
    return _judged(documents.snapshot, ref, place=documents.places.get(ref))


def _in_cluster(
    settings: Settings, words: Sequence[str], deadline_s: float, *, with_events: bool
) -> Described:
    from ...cluster.client.connect import connect
    from ...cluster.client.fetch import fetch_events
    from ...cluster.client.watch import load_once
    from ..naming import parse_words

    parse_words(words)
    events, problem = None, ""
    connection = connect(settings.kubeconfig, settings.context)
    try:
        snapshot = load_once(connection, settings.namespaces, deadline_s=deadline_s)
        ref = _find(snapshot, settings, words)
        if with_events:
            try:
                events = fetch_events(connection, ref)
            except UserError as error:
                problem = clean(error, 400)
    finally:
        connection.close()
    return _judged(snapshot, ref, events=events, events_problem=problem)


def _find(snapshot: Snapshot, settings: Settings, words: Sequence[str]) -> ObjectRef:
    from ..naming import find_object, parse_words

    wanted = parse_words(words)
    if wanted.namespace and settings.namespaces and wanted.namespace not in settings.namespaces:
        named = clean(", ".join(settings.namespaces), 200)
        raise UserError(f"-n {named} and {wanted} name different namespaces", "leave one out")
    return find_object(snapshot, wanted, settings.namespaces)


def _judged(snapshot: Snapshot, ref: ObjectRef, **more: Any) -> Described:
    from ...probes.state.live import LiveJudge
    from ...probes.state.world import world_of

    by_specs: tuple[Computed, ...] = ()
    if ref in snapshot.listener_sets:
        by_specs = world_of(snapshot).computed_listener_set(snapshot.listener_sets[ref])
    elif ref in snapshot.policies:
        by_specs = world_of(snapshot).computed_policy(snapshot.policies[ref])
    return Described(LiveJudge().judge(snapshot), ref, by_specs, **more)


# -- telling


def _place_facts(one: Described) -> dict[str, Any]:
    return {"location": one.place._asdict()} if one.place is not None else {}


def _event_facts(one: Described) -> dict[str, Any]:
    from ..telling.object_facts import event_facts

    events = None if one.events is None else event_facts(one.events)
    return {"events": events, **({"events_problem": one.events_problem} if one.events_problem else {})}


def _lines(one: Described, columns: int) -> list[Line]:
    from ..telling.around import event_lines, untold_kinds, untold_words, user_rows, users_by_object
    from ..telling.object import details_of, metadata_lines

    snapshot, now = one.picture.snapshot, time.time()
    details = details_of(one.picture, one.ref, columns, one.by_specs)
    found = len(details.findings)
    lines = [
        line(
            Span(details.title, Tone.STRONG), "  ", Span(count(found, "finding") if found else "", Tone.BAD)
        ),
        *([line(" ", Span("at     ", Tone.DIM), str(one.place))] if one.place is not None else []),
        *_without_last_empty(details.lines),
        *metadata_lines(snapshot, one.ref, now, columns),
    ]
    users, untold = users_by_object(snapshot, one.ref), untold_kinds(one.picture)
    beside = Span(f"   {untold_words(untold)}".rstrip(), Tone.DOUBT)
    lines += [EMPTY, line(" ", Span(f"USED BY {len(users)}", Tone.STRONG), beside)]
    lines += [row for _, row in user_rows(users, untold, columns)]
    if one.events is not None:
        lines += [EMPTY, line(" ", Span(f"EVENTS {len(one.events)}", Tone.STRONG))]
        lines += event_lines(one.events, now, columns)
    elif one.events_problem:
        told = Span(f"   {one.events_problem}", Tone.DOUBT)
        lines += [EMPTY, line(" ", Span("EVENTS unknown", Tone.STRONG), told)]
    return lines


def _without_last_empty(lines: list[Line]) -> list[Line]:
    return lines[:-1] if lines and lines[-1] == EMPTY else lines
