"""The options and exit codes that all commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..settings import Settings

if TYPE_CHECKING:
    from ...checklists.terms import Check

USAGE = 2
INCONCLUSIVE = 3

F = TypeVar("F", bound=Callable[..., Any])


def cluster_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options that say which cluster, handed on as ``settings``.

    They may stand before or behind the command's name.
    """
    return _cluster_options(function, _one_context())


def manifest_options(function: Callable[..., None]) -> Callable[..., None]:
    """The same for a command that reads files: -n says where documents belong that name no namespace."""
    return _cluster_options(function, _one_context(), "Namespace of documents that name none.")


def clusters_options(function: Callable[..., None]) -> Callable[..., None]:
    """The same, with ``--context`` as often as wanted: handed on as ``contexts``, in order, maybe empty."""
    return _cluster_options(
        function,
        click.option(
            "--context",
            "contexts",
            metavar="NAME",
            multiple=True,
            shell_complete=_context_names,
            help="Context of the kubeconfig, else its current one; repeatable: all are told together.",
        ),
    )


def _one_context() -> Callable[[F], F]:
    return click.option(
        "--context",
        "context_name",
        metavar="NAME",
        shell_complete=_context_names,
        help="Context of the kubeconfig; else its current one.",
    )


def _context_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """What the shell offers behind ``--context``; nothing where no kubeconfig can be read."""
    from ...cluster.client.kubeconfig import list_contexts

    base = context.find_object(Settings) or Settings()
    try:
        known = list_contexts(context.params.get("kubeconfig") or base.kubeconfig)
    except UserError:
        return []
    return [entry.name for entry in known if entry.name.startswith(incomplete)]


def _cluster_options(
    function: Callable[..., None], context: Callable[[F], F], namespace_help: str = "Only this namespace."
) -> Callable[..., None]:
    options = (
        click.option(
            "--kubeconfig", metavar="FILE", help="Kubeconfig; else $KUBECONFIG, else ~/.kube/config."
        ),
        context,
        click.option("-n", "--namespace", "namespaces", metavar="NS", multiple=True, help=namespace_help),
        click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces (the default)."),
    )
    wrapped = _with_settings(function)
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


def _with_settings(function: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(function)
    def with_settings(
        *arguments: Any,
        kubeconfig: str | None,
        context_name: str | None = None,
        namespaces: tuple[str, ...],
        all_namespaces: bool,
        **rest: Any,
    ) -> None:
        # what stood before the command's name holds where nothing stands behind it
        base = click.get_current_context().find_object(Settings) or Settings()
        settings = replace(
            base,
            kubeconfig=kubeconfig or base.kubeconfig,
            context=context_name or base.context,
            namespaces=None if all_namespaces else namespaces or base.namespaces,
        )
        function(*arguments, settings=settings, **rest)

    return with_settings


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


def attest_option(function: F) -> F:
    """``--attest``: manual checks that a person confirms beforehand, by their ids."""
    return click.option(
        "--attest",
        "attested",
        metavar="CHECK",
        multiple=True,
        help="Answer a manual check's question with yes, by its id; repeatable.",
    )(function)


def manual_checks(checks: Iterable[Check], attested: Iterable[str], where: str) -> None:
    """UserError for an id in ``attested`` that is no manual check's."""
    from ...checklists.terms import MANUAL

    known = [check.id for check in checks if check.probe == MANUAL]
    for wanted in attested:
        if wanted not in known:
            there = f"there is {', '.join(known)}" if known else "there is none"
            raise UserError(f"--attest {clean(wanted, 60)}: no manual check of {clean(where, 200)}", there)
