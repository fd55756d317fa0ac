"""The options and exit codes that all commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ..settings import Settings

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
