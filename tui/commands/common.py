"""What every command needs: options, output, exit codes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ...cluster.errors import UserError
from ...probes.verdict import Verdict
from ..lines import Line, to_terminal
from ..settings import Settings

if TYPE_CHECKING:
    from ...cluster.connect import Connection
    from ...cluster.store import Snapshot

EXIT_CODES = {Verdict.PASS: 0, Verdict.WARN: 0, Verdict.SKIP: 0, Verdict.FAIL: 1, Verdict.UNKNOWN: 3}
USAGE = 2
INCONCLUSIVE = 3

F = TypeVar("F", bound=Callable[..., Any])


def cluster_options(function: F) -> F:
    """The options that say which cluster; they may stand before or behind the command's name."""
    options = (
        click.option(
            "--kubeconfig", metavar="FILE", help="Kubeconfig; else $KUBECONFIG, else ~/.kube/config."
        ),
        click.option(
            "--context",
            "context_name",
            metavar="NAME",
            help="Context of the kubeconfig; else its current one.",
        ),
        click.option(
            "-n", "--namespace", "namespaces", metavar="NS", multiple=True, help="Only this namespace."
        ),
        click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces (the default)."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def output_option(*formats: str) -> Callable[[F], F]:
    """``-o``; the first format is the default."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Output format.",
    )


def merged(
    base: Settings, kubeconfig: str | None, context: str | None, namespaces: tuple[str, ...]
) -> Settings:
    """The settings of the group with those of the command over them."""
    return Settings(
        kubeconfig=kubeconfig or base.kubeconfig,
        context=context or base.context,
        namespaces=namespaces or base.namespaces,
        plans=base.plans,
        writes=base.writes,
        practice_note=base.practice_note,
    )


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


def snapshot_or_reason(settings: Settings) -> tuple[Snapshot | None, Connection | None, str]:
    """The cluster's state once, or why it cannot be had: a check that needs none must still run."""
    from ...cluster.connect import connect
    from ...cluster.watch import load_once

    try:
        connection = connect(settings.kubeconfig, settings.context)
        return load_once(connection, settings.namespaces), connection, ""
    except UserError as error:
        return None, None, str(error)
