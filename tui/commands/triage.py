"""Clusters asked once and judged, several at the same time and none longer than the deadline."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...cluster.errors import UserError
from ...probes.verdict import Finding, Verdict, worst
from ..settings import Settings

if TYPE_CHECKING:
    from ...cluster.client.connect import Connection
    from ...cluster.snapshot import Snapshot
    from ...probes.state.rows import Overview


@dataclass(frozen=True, slots=True)
class Triage:
    """What one cluster answered. ``snapshot`` and ``rows`` are None where it could not be asked; the one
    finding says why."""

    context: str
    findings: tuple[Finding, ...]
    snapshot: Snapshot | None = None
    rows: Overview | None = None
    server: str = ""

    @property
    def verdict(self) -> Verdict:
        """The worst of its findings."""
        return worst([Verdict.PASS, *(finding.verdict for finding in self.findings)])


def triage(settings: Settings, deadline_s: float) -> Triage:
    """Ask and judge the cluster of ``settings``. Raises UserError where it cannot be asked."""
    from ...cluster.client.connect import connect

    return _ask(connect(settings.kubeconfig, settings.context), settings, deadline_s)


def triage_several(settings: Settings, contexts: Sequence[str], deadline_s: float) -> list[Triage]:
    """The same of several contexts at once, in their order; one that cannot be asked in time is UNKNOWN.

    Raises UserError for a context that no kubeconfig names.
    """
    _check_names(settings, contexts)
    asked = _Asked(settings, time.monotonic() + deadline_s)
    # daemons, so that a server that hangs cannot keep the program from ending
    for context in contexts:
        threading.Thread(target=asked.ask, args=(context,), name="pointsman-triage", daemon=True).start()
    try:
        answers = asked.wait(len(contexts))
    finally:
        asked.close()
    return [
        answers.get(context) or _unreached(context, f"no answer within {deadline_s:g} s")
        for context in contexts
    ]


class _Asked:
    def __init__(self, settings: Settings, deadline: float) -> None:
        self._settings = settings
        self._deadline = deadline
        self._answers: queue.SimpleQueue[Triage | Exception] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._open: list[Connection] = []
        self._closed = False

    def ask(self, context: str) -> None:
        try:
            self._answers.put(self._triage(context))
        except UserError as error:
            self._answers.put(_unreached(context, error.what, error.mend))
        except Exception as error:  # noqa: BLE001 - an error of our own must end the program, not this thread
            self._answers.put(error)

    def _triage(self, context: str) -> Triage:
        from ...cluster.client.connect import connect

        connection = connect(self._settings.kubeconfig, context)
        with self._lock:
            late = self._closed
            self._open.append(connection)
        if late:
            # the private files of its credentials must not outlive us
            connection.close()
        wanted = replace(self._settings, context=context)
        return _ask(connection, wanted, max(self._deadline - time.monotonic(), 0.1))

    def wait(self, many: int) -> dict[str, Triage]:
        answers: dict[str, Triage] = {}
        # what came in time is told even where judging it took a moment longer
        while len(answers) < many:
            try:
                answer = self._answers.get(timeout=max(self._deadline + 0.5 - time.monotonic(), 0.01))
            except queue.Empty:
                break
            if isinstance(answer, Exception):
                raise answer
            answers[answer.context] = answer
        return answers

    def close(self) -> None:
        with self._lock:
            self._closed = True
            connections = list(self._open)
        for connection in connections:
            connection.close()


def _ask(connection: Connection, settings: Settings, deadline_s: float) -> Triage:
    from ...cluster.client.watch import load_once
    from ...probes.state.diagnose import diagnose
    from ...probes.state.overview import overview
    from ...probes.state.scope import findings_within, rows_within

    try:
        snapshot = load_once(connection, settings.namespaces, deadline_s=deadline_s)
    finally:
        connection.close()
    findings = findings_within(snapshot, diagnose(snapshot), settings.namespaces)
    rows = rows_within(snapshot, overview(snapshot, findings), settings.namespaces)
    return Triage(connection.context, findings, snapshot, rows, connection.server)


def _unreached(context: str, what: str, mend: str = "") -> Triage:
    from ...probes.state.reading import unreached_finding

    return Triage(context, (unreached_finding(context, what, mend),))


def _check_names(settings: Settings, contexts: Sequence[str]) -> None:
    from ...cluster.client.kubeconfig import list_contexts
    from ...cluster.text import clean

    known = [entry.name for entry in list_contexts(settings.kubeconfig)]
    for context in contexts:
        if context not in known:
            names = ", ".join(known[:20]) or "none"
            raise UserError(f"there is no context {clean(context, 80)}", f"known contexts are: {names}")
