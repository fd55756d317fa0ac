"""``pointsman probe dns --follow``: the table of servers as it changes, until all show the wanted side."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ...cluster.errors import UserError
from ...cluster.text import clean
from ...probes.wire.dns.history import record, sightings
from ..lines import Line, Span, Tone, line, to_terminal
from ..telling.dns import PropagationRow, change_line, propagation_rows, table_lines, tally
from .common import colour, note, width
from .dns_inputs import Asked
from .dns_judged import record_path
from .options import INCONCLUSIVE

if TYPE_CHECKING:
    from ...probes.wire.dns.facts import DnsFacts, DnsPolicy, DnsTarget

_EVERY_S = 1.0
_QUESTION_S = 2.0


def follow(targets: Sequence[DnsTarget], policy: DnsPolicy, asked: Asked, output: str) -> int:
    """Follow until every server of every name shows the wanted side; the exit code.

    0 all do, 3 the time was up, 130 it was interrupted. With ``output`` json the story goes to standard
    error, and one document to standard output at the end.
    """
    wanted = policy.expect or "new"
    if not (policy.old if wanted == "old" else policy.new):
        raise UserError(
            f"--follow waits for the {wanted} side: --{wanted} ADDR is missing", "give its address"
        )
    table = _Table(aside=output == "json", wanted=wanted)
    following = _Following(targets, policy, asked, table)
    started = time.monotonic()
    try:
        code = asyncio.run(following.run(float(asked.follow or 0)))
    except KeyboardInterrupt:
        table.close()
        code = 130
    if output == "json":
        _print_document(following, wanted, code, (time.monotonic() - started) * 1000)
    return code


class _Following:
    """Look after look; the first one finds the servers."""

    def __init__(self, targets: Sequence[DnsTarget], policy: DnsPolicy, asked: Asked, table: _Table) -> None:
        self.rows: tuple[PropagationRow, ...] = ()
        self.facts: tuple[DnsFacts, ...] = ()
        self._targets = tuple(targets)
        self._policy = policy
        self._asked = asked
        self._table = table

    async def run(self, deadline_s: float) -> int:
        """The exit code: 0 all servers show the wanted side, 3 they did not in time."""
        from ...probes.wire.dns.observe import observe_many

        until = time.monotonic() + deadline_s
        # around the name nothing changes that a table would show
        targets = tuple(replace(target, extras=()) for target in self._targets)
        while True:
            began = time.monotonic()
            left = max(0.1, until - began)
            timed = tuple(replace(target, deadline_s=min(target.deadline_s, left)) for target in targets)
            self.facts = await observe_many(timed)
            self._take()
            if all_show(self.rows, self._table.wanted, len(targets)):
                self._table.close()
                return 0
            if time.monotonic() >= until:
                self._table.close()
                return INCONCLUSIVE
            targets = tuple(_next(target, one) for target, one in zip(targets, self.facts, strict=True))
            await self._rest(min(until, began + _EVERY_S))

    def _take(self) -> None:
        before = self.rows
        self.rows = tuple(
            row
            for one in self.facts
            for row in propagation_rows(one, self._policy.old, self._policy.new, before)
        )
        self._table.show(self.rows, before, _trouble(self.facts))
        for one in self.facts:
            self._record(one)

    def _record(self, facts: DnsFacts) -> None:
        path = record_path(self._asked, facts.target.name)
        if path is not None:
            record(path, sightings(facts), always=False)

    async def _rest(self, until: float) -> None:
        await asyncio.sleep(max(0.05, until - time.monotonic()))


def _next(target: DnsTarget, facts: DnsFacts) -> DnsTarget:
    """The same servers again, without looking for them again; the walk goes on while it found none."""
    found = tuple(server.address for server in facts.authoritative)
    if target.walk and not (facts.walk is not None and facts.walk.zone and found):
        return target
    return replace(target, walk=False, authoritative=found, timeout_s=min(target.timeout_s, _QUESTION_S))


def all_show(rows: Sequence[PropagationRow], wanted: str, names: int) -> bool:
    """Whether every server of every name shows the wanted side; no server at all shows nothing."""
    return len({row.name for row in rows}) == names and all(row.side == wanted for row in rows)


def _trouble(facts: Sequence[DnsFacts]) -> str:
    for one in facts:
        if one.walk is not None and not one.walk.zone:
            return clean(f"{one.target.name}: {one.walk.error}", 300)
        if not one.servers:
            return clean(f"{one.target.name}: no server to ask", 300)
    return ""


class _Table:
    """The table on standard output: redrawn in place on a terminal, else a line for each change."""

    def __init__(self, *, aside: bool, wanted: str) -> None:
        self.wanted = wanted
        self._aside = aside
        self._stream = sys.stderr if aside else sys.stdout
        self._live = self._stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._colour = colour() and not aside
        self._drawn = 0
        self._last: list[str] = []
        self._trouble = ""
        self._started = time.monotonic()

    def show(self, rows: Sequence[PropagationRow], before: Sequence[PropagationRow], trouble: str) -> None:
        """Draw the rows; nothing is sent where nothing differs."""
        if self._live:
            self._draw(rows, trouble)
            return
        known = {(row.name, row.server): row for row in before}
        for row in rows:
            former = known.get((row.name, row.server))
            if former is None or former.shows != row.shows:
                click.echo(change_line(row, former), err=self._aside)
        if trouble and trouble != self._trouble:
            click.echo(trouble, err=self._aside)
        self._trouble = trouble

    def _draw(self, rows: Sequence[PropagationRow], trouble: str) -> None:
        size = shutil.get_terminal_size((100, 24))
        columns = size.columns if not self._aside else width()
        elapsed = f"   {time.monotonic() - self._started:.0f} s"
        lines: list[Line] = table_lines(rows, columns, time.time())
        room = max(size.lines - 3, 3)
        if len(lines) > room:
            rest = f" and {len(lines) - room} more"
            lines = [*lines[:room], line(Span(rest, Tone.DIM))]
        lines += [line(" ", Span(trouble[: columns - 2], Tone.BAD))] if trouble else []
        lines += [line(" ", tally(rows, self.wanted), Span(elapsed, Tone.DIM))]
        drawn = [to_terminal(one, self._colour) for one in lines]
        if drawn == self._last:
            return
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        # each line is cleared behind its text, so that nothing flickers; what is left below goes too
        text = up + "".join(f"\r{one}\x1b[K\n" for one in drawn) + "\x1b[J"
        self._stream.write(text)
        self._stream.flush()
        self._drawn, self._last = len(drawn), drawn

    def close(self) -> None:
        """Nothing to put back: what was drawn stays. A summary where it was not drawn."""
        self._stream.flush()


def _print_document(following: _Following, wanted: str, code: int, elapsed_ms: float) -> None:
    from ...probes.output import document, encode, plain
    from ...probes.verdict import Verdict

    verdict = Verdict.PASS if code == 0 else Verdict.UNKNOWN
    facts = {"wanted": wanted, "rows": plain(following.rows), "names": plain(following.facts)}
    click.echo(encode(document("probe dns", verdict, [], facts, elapsed_ms)))
    if code == 130:
        note("interrupted")
