"""``pointsman probe dns``: what every name server and resolver says of a name, and what that means."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ...cluster.errors import UserError
from ..lines import EMPTY, Line
from .common import EXIT_CODES, show, width
from .options import output_option
from .progress import watched

if TYPE_CHECKING:
    from ...probes.wire.dns.facts import DnsPolicy, DnsTarget
    from .dns_inputs import Asked
    from .dns_judged import Judged

T = TypeVar("T")

_FOLLOW_S = "600"
# from so many names on, those with nothing wrong have a line each
_MANY = 5


@click.command("dns")
@click.argument("names", metavar="NAME...", nargs=-1)
@click.option("--server", "servers", metavar="IP[:PORT]", multiple=True,
              help="An authoritative server to ask; repeatable. Else those that a walk finds.")  # fmt: skip
@click.option("--resolver", "resolvers", metavar="SPEC", multiple=True,
              help="IP[:PORT], tls://IP[:PORT][#NAME], https://HOST/PATH or system; repeatable.")  # fmt: skip
@click.option("--from", "begin", metavar="IP[:PORT]", multiple=True,
              help="Servers where the walk begins, the parent's say; else the resolver tells.")  # fmt: skip
@click.option("--walk/--no-walk", "walk", default=None,
              help="Find the zone, its parent and all servers; the default without --server.")  # fmt: skip
@click.option("--port", type=click.IntRange(1, 65535), default=53, show_default=True,
              help="The port of servers that the walk finds.")  # fmt: skip
@click.option("--old", metavar="ADDR", multiple=True, help="An address of the old side; repeatable (IPv6).")
@click.option("--new", metavar="ADDR", multiple=True, help="An address of the new side; repeatable.")
@click.option("--expect", type=click.Choice(("old", "new")), help="The side that the name should lead to.")
@click.option("--low-ttl", type=click.IntRange(0, 86400), default=60, show_default=True,
              help="Seconds; the TTL to have before a cut.")  # fmt: skip
@click.option("--old-ttl", type=click.IntRange(0, 2**31 - 1), metavar="S",
              help="The TTL before it was lowered, where the record does not know it.")  # fmt: skip
@click.option("--record", metavar="auto|FILE",
              help="Keep what is seen in FILE (auto: one of our own); judge the gate by it.")  # fmt: skip
@click.option("--forecast", is_flag=True, help="When the last cache lets go of the old answer, and why then.")
@click.option("--follow", is_flag=False, flag_value=_FOLLOW_S, metavar="[SECONDS]",
              help="Ask every second until all show the new side; for 600 s, or SECONDS.")  # fmt: skip
@click.option("-f", "--file", "--targets", "file", metavar="FILE", help="Names, one a line; - is stdin.")
@click.option("--full/--quick", "full", default=None,
              help="All around a name, or its records only (the default from 20 names on).")  # fmt: skip
@click.option("--zone", metavar="ZONE", default="", help="The zone of the names, where it is known.")
@click.option("--ca", "--ca-file", "--cacert", "ca_file", metavar="FILE",
              help="Trusted roots (PEM) for tls:// and https:// resolvers.")  # fmt: skip
@click.option("--ca-domain", "ca_domains", metavar="DOMAIN", multiple=True,
              help="The certificate authority in use, as CAA records name it; repeatable.")  # fmt: skip
@click.option("--owner", metavar="ID", default="", help="The owner id of one's own external-dns.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(0.1, 300), default=20.0, show_default=True,
              help="Seconds for everything about one name.")  # fmt: skip
@output_option("text", "json")
@click.pass_context
def probe_dns(context: click.Context, /, output: str, **options: Any) -> None:
    """Ask every name server and resolver about NAME, each by itself, and judge the answers.

    The walk finds the zone, the delegation in its parent and every address of every listed server. Around
    the name it looks at the chain with each hop's TTL, HTTPS hints, CAA, the owner's TXT records, DNSSEC,
    a random sibling, and answers for other clients' subnets.

    Exit code: 0 nothing wrong (warnings included), 1 something FAILs, 2 wrong usage, 3 could not tell.
    """
    from .dns_inputs import Asked, policy_of, targets_of

    asked = _untangled(Asked(**options))
    targets, policy = targets_of(asked), policy_of(asked)
    if asked.follow is not None:
        from .dns_follow import follow

        context.exit(follow(targets, policy, asked, output))
    context.exit(_once(targets, policy, asked, output))


def _untangled(asked: Asked) -> Asked:
    """``--follow NAME``: the option's value is optional, so what is no number was meant as a name."""
    if asked.follow is None:
        return asked
    try:
        seconds = float(asked.follow)
    except ValueError:
        return replace(asked, names=(*asked.names, asked.follow), follow=_FOLLOW_S)
    if not 1 <= seconds <= 604_800:
        raise UserError(f"--follow {asked.follow}: not between 1 and 604800 seconds", "a week is the longest")
    return asked


def _once(targets: Sequence[DnsTarget], policy: DnsPolicy, asked: Asked, output: str) -> int:
    from ...probes.verdict import worst
    from ...probes.wire.dns.observe import observe_many
    from .dns_judged import judged

    started = time.monotonic()
    seen = asyncio.run(
        watched(observe_many(targets), lambda elapsed: f"asking about {_names(targets)}: {elapsed:.0f} s")
    )
    told = [judged(facts, policy, asked) for facts in seen]
    verdict = worst(finding.verdict for one in told for finding in one.findings)
    if output == "json":
        from ...probes.output import document, encode

        findings = [finding for one in told for finding in one.findings]
        elapsed_ms = (time.monotonic() - started) * 1000
        facts = {"names": [_plain(one) for one in told]}
        click.echo(encode(document("probe dns", verdict, findings, facts, elapsed_ms)))
    else:
        show(_lines(told, policy))
    return EXIT_CODES[verdict]


def _lines(told: Sequence[Judged], policy: DnsPolicy) -> list[Line]:
    from ...probes.verdict import Verdict
    from ..telling.dns import brief_line, forecast_lines, gate_lines, name_lines, propagation_rows

    columns = width()
    lines: list[Line] = []
    for one in told:
        rows = propagation_rows(one.facts, policy.old, policy.new)
        if len(told) >= _MANY and all(
            found.verdict in (Verdict.PASS, Verdict.SKIP) for found in one.findings
        ):
            lines.append(brief_line(one.facts.target.name, rows, one.findings, columns))
            continue
        lines += [EMPTY] if lines else []
        lines += name_lines(one.facts, rows, one.findings, columns, sided=bool(policy.old or policy.new))
        lines += gate_lines(one.gate, columns) if one.gate is not None else []
        if one.drain is not None:
            begins = min((seen.at for seen in one.facts.seen), default=None)
            lines += forecast_lines(one.drain, columns, time.time(), begins)
    return lines


def _plain(one: Judged) -> dict[str, object]:
    from ...probes.output import plain

    told = plain(one.drain)
    if one.drain is not None:
        told["words"] = list(one.drain.words(time.time()))
    return {**plain(one.facts), "gate": plain(one.gate), "forecast": told}


def _names(targets: Sequence[DnsTarget]) -> str:
    return targets[0].name if len(targets) == 1 else f"{len(targets)} names"
