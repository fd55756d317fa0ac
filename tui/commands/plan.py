"""``pointsman plan``: a plan derived from the live cluster, with where everything in it is from."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..settings import Settings
from .common import EXIT_CODES, cluster_once, note
from .manifests import read_world
from .options import cluster_options, output_option
from .progress import watched

if TYPE_CHECKING:
    from ...checklists.plans.derived import DerivedPlan
    from ...checklists.plans.find import Found, Wanted
    from ...checklists.plans.model import ObjectName
    from ...checklists.plans.seen import Seen


@dataclass(frozen=True, slots=True)
class _Given:
    """The options as they were typed."""

    ingresses: tuple[str, ...]
    gateway: str | None
    hosts: tuple[str, ...]
    out: str | None
    name: str
    canary: str
    port: int
    ca_file: str
    servers: tuple[str, ...]
    begin: tuple[str, ...]
    resolvers: tuple[str, ...]
    dns_port: int
    ask: bool
    files: tuple[str, ...]
    deadline_s: float


@click.command()
@click.option("--ingress", "ingresses", metavar="NS/NAME", multiple=True,
              help="An old Ingress; repeatable. Else those of the hosts or the Gateway.")  # fmt: skip
@click.option("--gateway", metavar="NS/NAME", help="The new Gateway; needed where the routes name several.")
@click.option("--host", "hosts", metavar="HOST", multiple=True, help="Only this host; repeatable.")
@click.option("--out", metavar="FILE", help="Write the plan there; an existing file is never overwritten.")
@click.option("--name", metavar="NAME", default="", help="The plan's name.")
@click.option("--canary", metavar="HOST", default="", help="The host that goes first, of several.")
@click.option("--port", type=click.IntRange(1, 65535), default=None,
              help="The port of both sides, else that of the Gateway's TLS listener.")  # fmt: skip
@click.option("--ca", "--ca-file", "--cacert", "ca_file", metavar="FILE", default="",
              help="Trusted roots (PEM) of both sides, in place of the system's.")  # fmt: skip
@click.option("--server", "servers", metavar="IP[:PORT]", multiple=True,
              help="An authoritative name server; repeatable. Else those that a walk finds.")  # fmt: skip
@click.option("--from", "begin", metavar="IP[:PORT]", multiple=True, help="Where the walk begins.")
@click.option("--resolver", "resolvers", metavar="IP[:PORT]", multiple=True,
              help="A resolver to ask, and to watch later; repeatable.")  # fmt: skip
@click.option("--dns-port", type=click.IntRange(1, 65535), default=53, show_default=True,
              help="The port of servers that the walk finds.")  # fmt: skip
@click.option("--ask/--no-ask", default=True, help="Ask DNS and, with GET, both sides; or only the cluster.")
@click.option("-f", "--filename", "--file", "files", metavar="FILE|DIR", multiple=True,
              help="Read these manifests and no cluster; - is standard input. Repeatable.")  # fmt: skip
@click.option("--timeout", "deadline_s", type=click.FloatRange(1, 600), default=30.0, show_default=True,
              help="Seconds to wait for the cluster, and for DNS.")  # fmt: skip
@cluster_options
@output_option("yaml", "json")
@click.pass_context
def plan(context: click.Context, /, settings: Settings, output: str, **options: Any) -> None:
    """Derive a plan from the Ingresses, the Gateway and its routes, DNS, and what both sides answer.

    What could not be found out says so in a comment (not known:) and wants an answer of yours.

    Exit code: 0 it is complete, 2 wrong usage or nothing known, 3 something that it needs is not known.
    """
    from ...checklists.plans.derive import derive
    from ...checklists.plans.find import find
    from ...checklists.plans.seen import Seen
    from ...checklists.plans.write import write_plan
    from ...probes.verdict import Verdict

    started = time.monotonic()
    given = _Given(**{**options, "port": options["port"] or 0})
    wanted = _wanted(given)
    if given.out is not None and os.path.lexists(given.out):
        raise UserError(f"--out {clean(given.out, 200)}: is there already", "name another file, or remove it")
    files = given.files
    snapshot = read_world(files).snapshot if files else cluster_once(settings, given.deadline_s)
    found = find(snapshot, wanted)
    if wanted.canary and wanted.canary not in {host.host for host in found.hosts}:
        raise UserError(f"--canary {wanted.canary}: none of the hosts", "name one that is planned")
    seen = _look(found, wanted, given) if given.ask else Seen(asked=False)
    derived = derive(found, wanted, seen)
    if found.gateway is None and not found.ingresses:
        raise UserError("nothing is known of these hosts: neither Ingresses nor the Gateway could be read",
                        "name a kubeconfig and a context that may list them")  # fmt: skip
    verdict = Verdict.UNKNOWN if derived.doubts else Verdict.PASS
    text = write_plan(derived)
    if given.out is not None:
        _write(given.out, text)
    if output == "json":
        click.echo(_document(found, derived, verdict, text, (time.monotonic() - started) * 1000))
    elif given.out is None:
        click.echo(text, nl=False)
    for doubt in derived.doubts:
        note(f"not known: {doubt.field}: {clean(doubt.words, 300)}")
    context.exit(EXIT_CODES[verdict])


def _wanted(given: _Given) -> Wanted:
    from ...checklists.plans.find import Wanted
    from ...checklists.plans.load import PLAN_NAME

    if not (given.ingresses or given.gateway or given.hosts):
        raise UserError("nothing to plan", "say what: --ingress NS/NAME, --gateway NS/NAME or --host HOST")
    if given.name and not PLAN_NAME.fullmatch(given.name):
        raise UserError(f"--name {clean(given.name, 80)}: no name", "letters, digits, dots and dashes")
    return Wanted(
        tuple(_object("--ingress", name) for name in given.ingresses),
        _object("--gateway", given.gateway) if given.gateway is not None else None,
        tuple(dict.fromkeys(_host("--host", name) for name in given.hosts)),
        given.port,
        given.name,
        _host("--canary", given.canary) if given.canary else "",
        _roots(given.ca_file),
    )


def _object(option: str, text: str) -> ObjectName:
    from ...checklists.plans.fields import NAME
    from ...checklists.plans.model import ObjectName

    parts = text.split("/")
    if len(parts) != 2 or not all(NAME.fullmatch(part) for part in parts):
        raise UserError(f"{option} {clean(text, 120)}: expected NAMESPACE/NAME", "for example shop/store")
    return ObjectName(*parts)


def _host(option: str, text: str) -> str:
    from ...checklists.plans.fields import HOST

    name = text.lower().removesuffix(".")
    if not HOST.fullmatch(name):
        raise UserError(f"{option} {clean(text, 120)}: no host name", "give names such as store.example.net")
    return name


def _roots(file: str) -> str:
    if file and not Path(file).is_file():
        raise UserError(f"--ca {clean(file, 200)}: no such file", "name a PEM file with the roots")
    return str(Path(file).resolve()) if file else ""


def _look(found: Found, wanted: Wanted, given: _Given) -> Seen:
    from ...checklists.plans.look import Asking, look
    from .dns_inputs import plain_servers

    asking = Asking(
        tuple(plain_servers("--server", given.servers, given.dns_port)),
        tuple(plain_servers("--from", given.begin, given.dns_port)),
        tuple(plain_servers("--resolver", given.resolvers, 53)),
        given.dns_port,
        given.deadline_s,
    )
    many = f"{len(found.hosts)} hosts" if len(found.hosts) > 1 else found.hosts[0].host
    work = look(found, wanted, asking)
    return asyncio.run(watched(work, lambda elapsed: f"asking DNS and both sides of {many}: {elapsed:.0f} s"))


def _write(file: str, text: str) -> None:
    try:
        # exclusively: two who plan at once must not have half a file of each
        with open(file, "x", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise UserError(f"--out {clean(file, 200)}: {error.strerror}", "name another file") from None


def _document(found: Found, derived: DerivedPlan, verdict: str, text: str, elapsed_ms: float) -> str:
    from ...probes.output import document, encode
    from ...probes.verdict import Verdict, finding

    findings = [
        finding("CUT043", Verdict.UNKNOWN, found.gateway_ref, f"{one.field}: {clean(one.words, 300)}")
        for one in derived.doubts
    ]
    facts = {"plan": derived.plain(), "notes": derived.notes(), "yaml": text}
    return encode(document("plan", verdict, findings, facts, elapsed_ms))
