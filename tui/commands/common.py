"""What the commands say and where: lines, notes, exit codes; and the cluster once."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from ...cluster.errors import UserError
from ...probes.verdict import Verdict
from ..lines import Line, to_terminal
from ..settings import Settings
from .options import INCONCLUSIVE

if TYPE_CHECKING:
    from ...cluster.client.connect import Connection
    from ...cluster.snapshot import Snapshot

EXIT_CODES = {
    Verdict.PASS: 0,
    Verdict.WARN: 0,
    Verdict.SKIP: 0,
    Verdict.FAIL: 1,
    Verdict.UNKNOWN: INCONCLUSIVE,
}


def width() -> int:
    """Columns of standard output; 100 where it is no terminal."""
    return max(shutil.get_terminal_size((100, 24)).columns, 60) if sys.stdout.isatty() else 100


def colour() -> bool:
    """Whether standard output takes colours (NO_COLOR is obeyed: https://no-color.org)."""
    import os

    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def show(lines: Iterable[Line]) -> None:
    """Print lines, with colours where they are welcome."""
    coloured = colour()
    for text_line in lines:
        click.echo(to_terminal(text_line, coloured))


def note(text: str) -> None:
    """A line beside the output proper: progress, hints."""
    click.echo(text, err=True)


def cluster_once(settings: Settings, deadline_s: float) -> Snapshot:
    """The cluster's state once, within ``deadline_s`` seconds. Raises UserError where it cannot be had."""
    from ...cluster.client.connect import connect
    from ...cluster.client.watch import load_once

    connection = connect(settings.kubeconfig, settings.context)
    try:
        return load_once(connection, settings.namespaces, deadline_s=deadline_s)
    finally:
        connection.close()


def snapshot_or_reason(settings: Settings) -> tuple[Snapshot | None, Connection | None, str]:
    """The cluster's state once, or why it cannot be had: a check that needs none must still run."""
    from ...cluster.client.connect import connect
    from ...cluster.client.watch import load_once

    try:
        connection = connect(settings.kubeconfig, settings.context)
    except UserError as error:
        return None, None, str(error)
    try:
        return load_once(connection, settings.namespaces), connection, ""
    except UserError as error:
        # with it go the private files of its credentials
        connection.close()
        return None, None, str(error)
