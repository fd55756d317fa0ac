"""Which objects became better, worse or new lately: said without motion, and forgotten after a minute."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Protocol

from ...cluster.refs import ObjectRef
from ...probes.state.rows import Overview
from ...probes.verdict import Verdict
from ..lines import seconds

SHOWN_S = 60.0
"""How long a change is marked, seconds."""


class _Judged(Protocol):
    @property
    def ref(self) -> ObjectRef: ...
    @property
    def worst(self) -> Verdict: ...


class Changes:
    """Compares each picture with the one before. Instants are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._rows: dict[ObjectRef, _Judged] = {}
        # the same rows by what they are, not by what they are about
        self._by_id: dict[int, _Judged] = {}
        self._known: tuple[Container[ObjectRef], ...] | None = None
        self._seen: tuple[object, object] = (None, None)
        self._marks: dict[ObjectRef, tuple[float, str, str]] = {}

    def forget(self) -> None:
        """Another cluster: nothing of it has changed yet."""
        self._rows, self._by_id = {}, {}
        self._known, self._seen, self._marks = None, (None, None), {}

    def note(
        self, overview: Overview, existing: tuple[Container[ObjectRef], ...], now: float, *, loading: bool
    ) -> None:
        """The next picture. ``existing`` hold all objects that there are, whether they are shown or not.

        While kinds are ``loading`` nothing is a change: it was only not known yet.
        """
        same = overview.routes is self._seen[0] and overview.gateways is self._seen[1]
        if not loading and not same:
            self._seen = overview.routes, overview.gateways
            # by identity first: of ten thousand rows a handful differ, and this is done ten times a second
            rows: tuple[_Judged, ...] = (*overview.routes, *overview.gateways)
            by_id = dict(zip(map(id, rows), rows, strict=True))
            fresh = [by_id[one] for one in by_id.keys() - self._by_id.keys()]
            if self._known is not None:
                self._compare(fresh, self._known, now)
            self._rows.update((row.ref, row) for row in fresh)
            if len(self._rows) != len(rows):
                # what is hidden now is not compared when it comes back: nobody saw when it changed
                self._rows = {row.ref: row for row in rows}
            self._by_id = by_id
        if not loading:
            self._known = existing
        self._drop_old(now)

    def _compare(self, fresh: Iterable[_Judged], known: tuple[Container[ObjectRef], ...], now: float) -> None:
        for row in fresh:
            ref, before = row.ref, self._rows.get(row.ref)
            if before is None:
                if not any(ref in part for part in known):
                    self._marks[ref] = now, "+", "new"
            elif before.worst is not row.worst:
                words = f"{before.worst.value} before"
                self._marks[ref] = now, "*", words

    def _drop_old(self, now: float) -> bool:
        old = [ref for ref, (since, _, _) in self._marks.items() if now - since >= SHOWN_S]
        for ref in old:
            del self._marks[ref]
        return bool(old)

    def any_shown(self, now: float) -> bool:
        """Whether any mark is to be shown, or was until now: then the screen has something to redraw."""
        dropped = self._drop_old(now)
        return dropped or bool(self._marks)

    def mark(self, ref: ObjectRef) -> str:
        """``+`` new, ``*`` changed, or a space."""
        found = self._marks.get(ref)
        return found[1] if found else " "

    def told(self, ref: ObjectRef, now: float) -> str:
        """``changed 12 s ago (PASS before)``; empty where nothing changed lately."""
        found = self._marks.get(ref)
        if found is None:
            return ""
        since, sign, words = found
        ago = seconds(int(now - since)).replace(".0 s", " s")
        return f"new {ago} ago" if sign == "+" else f"changed {ago} ago ({words})"
