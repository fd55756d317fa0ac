"""``pointsman probe tls``: what a TLS server serves, judged as its clients would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..lines import EMPTY, Line
from .common import EXIT_CODES, note, show, width
from .options import output_option
from .progress import watched

if TYPE_CHECKING:
    from ...probes.verdict import Finding, Verdict
    from ...probes.wire.dns.facts import DnsFacts
    from ...probes.wire.tls.facts import TlsFacts, TlsPolicy, TlsTarget
    from .tls_inputs import Place

    _CaaTold = tuple[list[DnsFacts], list[Finding]]

T = TypeVar("T")

_QUICK_S, _FULL_S = 5.0, 10.0
_OFFERED = ("h2", "http/1.1")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the options say about every target."""

    place: str | None
    names: tuple[str, ...]
    ca_file: str | None
    attempts: int | None
    full: bool | None
    old: str | None
    expected: str | None
    soak: str | None
    alpn: str | None
    timeout_s: float | None
    pem: str | None
    public_key: str | None
    targets: str | None
    caa: bool
    resolvers: tuple[str, ...]


@click.command("tls")
@click.argument("place", metavar="[ADDR[:PORT]]", required=False)
@click.option("--name", "names", metavar="HOST", multiple=True,
              help="The host to ask for and to judge by; repeatable. Else ADDR, if a name.")  # fmt: skip
@click.option("--ca", "--ca-file", "--cacert", "ca_file", metavar="FILE",
              help="Trusted roots (PEM) in place of the system's; private PKI is judged so.")  # fmt: skip
@click.option("--attempts", metavar="N", type=click.IntRange(1, 50),
              help="Handshakes with each name; 3, and 1 with --targets.")  # fmt: skip
@click.option("--full/--quick", "full", default=None,
              help="Also each version, protocol, kind of key alone; quick with --targets.")  # fmt: skip
@click.option("--old", metavar="ADDR[:PORT]", help="The old side: say what its clients would notice.")
@click.option("--expect-sha256", "expected", metavar="HEX",
              help="The fingerprint of the certificate that ought to be served.")  # fmt: skip
@click.option("--soak", metavar="48h", help="The certificate must outlive this.")
@click.option("--alpn", metavar="h2,http/1.1", help="Protocols to offer; one of them must be agreed on.")
@click.option("--timeout", "timeout_s", metavar="S", type=click.FloatRange(0.1, 300),
              help="Seconds for all handshakes with a target; 5, or 10 with --full.")  # fmt: skip
@click.option("--pem", metavar="FILE", help="Judge the chain in this file instead; nobody is asked.")
@click.option("--public-key", metavar="FILE", help="With --pem: whether this public key belongs to the leaf.")
@click.option("--targets", metavar="FILE", help="Many: lines ADDR:PORT NAME; - is standard input.")
@click.option("--caa", is_flag=True, help="Also ask DNS whether the issuer of what is served may certify it.")
@click.option("--resolver", "resolvers", metavar="IP[:PORT]", multiple=True,
              help="With --caa: ask this resolver, not the system's; repeatable.")  # fmt: skip
@output_option("text", "json")
@click.pass_context
def probe_tls(context: click.Context, /, output: str, **options: Any) -> None:
    """Ask a server by address what it serves for a name, and judge it as browsers and other clients would.

    Several handshakes with the name, one with a random name, one with none. ADDR may be a host name: then
    each address is asked that this system's resolver gives for it.

    Exit code: 0 the chain holds (warnings included), 1 something FAILs, 2 wrong usage, 3 could not tell.
    """
    asked = _Asked(**options)
    _refuse_mixtures(asked)
    if asked.pem is not None:
        verdict = _pem(asked, output)
    elif asked.targets is not None:
        verdict = _many(asked, output)
    else:
        verdict = _one(asked, output)
    context.exit(EXIT_CODES[verdict])


def _refuse_mixtures(asked: _Asked) -> None:
    ways = {"ADDR:PORT": asked.place, "--pem": asked.pem, "--targets": asked.targets}
    given = [way for way, value in ways.items() if value is not None]
    if len(given) != 1:
        what = f"{' and '.join(given)} do not go together" if given else "nothing to ask or to read"
        raise UserError(what, "give ADDR:PORT with --name, or --pem FILE, or --targets FILE")
    if asked.public_key is not None and asked.pem is None:
        raise UserError("--public-key goes with --pem", "to compare with what is served: --expect-sha256")
    wire_only = {
        "--old": asked.old, "--expect-sha256": asked.expected, "--alpn": asked.alpn,
        "--attempts": asked.attempts, "--timeout": asked.timeout_s,
        "--full or --quick": asked.full, "--caa": asked.caa or None,
    }  # fmt: skip
    refused = []
    if asked.pem is not None:
        refused = [option for option, value in wire_only.items() if value is not None]
    elif asked.targets is not None:
        refused = [
            option for option in ("--old", "--expect-sha256", "--caa") if wire_only[option] is not None
        ]
        refused += ["--name"] if asked.names else []
    if asked.resolvers and not asked.caa:
        raise UserError("--resolver goes with --caa", "add --caa, or use: pointsman probe dns")
    if refused:
        raise UserError(f"{', '.join(refused)} and {given[0]} do not go together", "leave one out")


def _policy(asked: _Asked) -> TlsPolicy:
    from ...probes.wire.roots import roots_pem
    from ...probes.wire.tls.chain import parse_roots
    from ...probes.wire.tls.facts import TlsPolicy
    from .tls_inputs import protocols_of, seconds_of

    roots = roots_pem(asked.ca_file)
    if asked.ca_file is not None and not parse_roots(roots):
        raise UserError(f"--ca {clean(asked.ca_file, 200)}: holds no certificate", "give PEM roots")
    return TlsPolicy(
        now=datetime.now(UTC),
        soak_s=seconds_of(asked.soak, "--soak") if asked.soak is not None else 0.0,
        roots_pem=roots,
        private_roots=asked.ca_file is not None,
        wanted_alpn=protocols_of(asked.alpn) if asked.alpn is not None else (),
    )


def _target(asked: _Asked, place: Place, name: str, *, full: bool, attempts: int) -> TlsTarget:
    from ...probes.wire.tls.facts import TlsTarget
    from .tls_inputs import protocols_of

    wanted_full = full if asked.full is None else asked.full
    return TlsTarget(
        place.host,
        place.port,
        name,
        ca_file=asked.ca_file,
        attempts=asked.attempts or attempts,
        timeout_s=asked.timeout_s or (_FULL_S if wanted_full else _QUICK_S),
        alpn=protocols_of(asked.alpn) if asked.alpn is not None else _OFFERED,
        depth="full" if wanted_full else "quick",
    )


# -- a file


def _pem(asked: _Asked, output: str) -> Verdict:
    from ...probes.verdict import worst
    from ...probes.wire.tls.pem import judge_pem, read_pem
    from .tls_inputs import name_of

    began = time.monotonic()
    names = list(dict.fromkeys(name_of(one, "--name") for one in asked.names))
    if not names:
        raise UserError("for which host is the chain to be judged?", "say --name shop.example.com")
    policy = _policy(asked)
    chain = read_pem(Path(str(asked.pem)), Path(asked.public_key) if asked.public_key else None)
    judged = [(name, judge_pem(chain, name, policy)) for name in names]
    findings = [one for _, found in judged for one in found]
    verdict = worst(one.verdict for one in findings)
    if output == "json":
        _print_json(verdict, findings, {"pem": chain, "names": names}, began)
        return verdict
    from ..lines import Span, Tone, line
    from ..telling.tls import finding_block

    lines: list[Line] = []
    for name, found in judged:
        title = line(" ", Span(chain.name, Tone.STRONG), f"  for {clean(name, 120)}")
        lines += [*([EMPTY] if lines else []), title, *finding_block(found, width())]
    show(lines)
    return verdict


# -- one target, or a few: all addresses of a name, several names


@dataclass(frozen=True, slots=True)
class _Told:
    """One target of the new side, its findings, and the old side where there is one."""

    facts: TlsFacts
    findings: tuple[Finding, ...]
    old: TlsFacts | None = None


def _one(asked: _Asked, output: str) -> Verdict:
    from ...probes.verdict import worst
    from ...probes.wire.tls.sides import fingerprint
    from .tls_inputs import names_of, place_of

    began = time.monotonic()
    place = place_of(str(asked.place), "ADDR:PORT")
    names = names_of(asked.names, place)
    old = place_of(_with_port(asked.old, place.port), "--old") if asked.old is not None else None
    wanted = fingerprint(asked.expected) if asked.expected is not None else ""
    policy = _policy(asked)
    ask_caa = _caa_asker(asked)

    async def ask() -> tuple[list[_Told], list[DnsFacts], list[Finding]]:
        told = await _sides(asked, (place, old), names, policy, wanted)
        return told, *(await ask_caa([one.facts for one in told]))

    told, records, of_caa = asyncio.run(watched(ask(), lambda elapsed: f"{elapsed:.0f} s  asking"))
    findings = [*(finding for one in told for finding in one.findings), *of_caa]
    verdict = worst(one.verdict for one in findings)
    if output == "json":
        facts = {
            "targets": [one.facts for one in told],
            "old": [one.old for one in told if one.old is not None],
            "caa": [{"name": one.target.name, "levels": one.caa} for one in records],
        }
        _print_json(verdict, findings, facts, began)
        return verdict
    from ..telling.tls import served_lines, target_lines, title_line

    lines: list[Line] = []
    for one in told:
        lines += [*([EMPTY] if lines else []), title_line(one.facts)]
        lines += target_lines(one.facts, one.findings, width())
        if one.old is not None:
            lines += [EMPTY, title_line(one.old, "old"), *served_lines(one.old, width())]
    if records:
        from .tls_caa import caa_lines

        lines += [EMPTY, *caa_lines(records, of_caa, width())]
    show(lines)
    return verdict


def _caa_asker(asked: _Asked) -> Callable[[Sequence[TlsFacts]], Awaitable[_CaaTold]]:
    """Who asks for CAA, if it was wanted: loading what asks DNS takes longer than a handshake."""

    async def nobody(_served: Sequence[TlsFacts]) -> _CaaTold:
        return [], []

    if not asked.caa:
        return nobody
    from .tls_caa import caa, resolvers_of

    resolvers = resolvers_of(asked.resolvers)
    return lambda served: caa(served, resolvers, asked.timeout_s or _QUICK_S)


def _with_port(text: str, port: int) -> str:
    """The old side listens where the new one does, unless it says otherwise."""
    from ...probes.wire.address import endpoint, is_address

    if is_address(text) or (":" not in text and text.strip()):
        return endpoint(text.strip(), port)
    return text


async def _sides(
    asked: _Asked, places: tuple[Place, Place | None], names: Sequence[str], policy: TlsPolicy, wanted: str
) -> list[_Told]:
    from ...probes.wire.tls.judge import judge
    from ...probes.wire.tls.many import observe_many
    from ...probes.wire.tls.sides import compare_secret, compare_sides
    from .tls_inputs import addresses_of

    new_place, old_place = places
    new = await addresses_of(new_place, asked.timeout_s or _QUICK_S)
    old = await addresses_of(old_place, asked.timeout_s or _QUICK_S) if old_place is not None else []
    if len(new) > 1:
        note(f"{clean(new_place.host, 120)} has {len(new)} addresses here; each is asked")
    if len(old) > 1:
        note(f"--old {clean(old[0].host, 80)}: the first of {len(old)} addresses")
    targets = [_target(asked, place, name, full=True, attempts=3) for name in names for place in new]
    targets += [_target(asked, place, name, full=True, attempts=3) for name in names for place in old[:1]]
    facts = await observe_many(targets)
    before = {one.target.name: one for one in facts[len(names) * len(new) :]}
    told = []
    for one in facts[: len(names) * len(new)]:
        findings = judge(one, policy)
        was = before.get(one.target.name)
        if was is not None:
            findings += compare_sides(was, one, policy)
        if wanted:
            findings += compare_secret(one, wanted, source="--expect-sha256")
        told.append(_Told(one, findings, was))
    return told


# -- many


def _many(asked: _Asked, output: str) -> Verdict:
    from ...probes.verdict import worst
    from ...probes.wire.tls.judge import judge
    from ...probes.wire.tls.many import inspect_many
    from .tls_inputs import read_targets

    began = time.monotonic()
    policy = _policy(asked)
    listed = read_targets(str(asked.targets))
    done = [0, len(listed)]

    def progress(now: int, total: int) -> None:
        done[:] = now, total

    async def ask() -> list[tuple[TlsFacts, tuple[Finding, ...]]]:
        targets = await _resolved(asked, listed)
        return await inspect_many(targets, lambda facts: (facts, judge(facts, policy)), on_progress=progress)

    judged = asyncio.run(watched(ask(), lambda elapsed: f"{elapsed:.0f} s  {done[0]} of {done[1]}"))
    findings = [finding for _, found in judged for finding in found]
    verdict = worst(one.verdict for one in findings)
    if output == "json":
        _print_json(verdict, findings, {"targets": [facts for facts, _ in judged]}, began)
    else:
        from ..telling.tls import many_lines

        show(many_lines(judged, time.monotonic() - began, width()))
    return verdict


async def _resolved(asked: _Asked, listed: Sequence[tuple[Place, str]]) -> list[TlsTarget]:
    """Each address of each line; a name without one is asked as it stands, and fails by itself."""
    from .tls_inputs import addresses_of

    places = list(dict.fromkeys(place for place, _ in listed))
    known: dict[Place, list[Place]] = {}
    gate = asyncio.Semaphore(32)

    async def resolve(place: Place) -> None:
        async with gate:
            try:
                known[place] = await addresses_of(place, asked.timeout_s or _QUICK_S)
            except UserError:
                known[place] = [place]

    await asyncio.gather(*(resolve(place) for place in places))
    pattern = _target(asked, places[0], "", full=False, attempts=1)
    targets = (
        replace(pattern, address=address.host, port=address.port, name=name)
        for place, name in listed
        for address in known[place]
    )
    return list(dict.fromkeys(targets))


# -- for all


def _print_json(verdict: Verdict, findings: Sequence[Finding], facts: object, began: float) -> None:
    from ...probes.output import document, encode

    elapsed_ms = (time.monotonic() - began) * 1000
    click.echo(encode(document("probe tls", verdict, findings, facts, elapsed_ms)))
