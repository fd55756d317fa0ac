"""The contexts of the kubeconfig that the screens were opened with, and how to connect to one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .settings import Settings

if TYPE_CHECKING:
    from ..cluster.client.connect import Connection
    from ..cluster.client.kubeconfig import ContextName


def contexts_of(settings: Settings) -> tuple[ContextName, ...]:
    """All of them, by name. UserError where the kubeconfig cannot be read."""
    from ..cluster.client.kubeconfig import list_contexts

    return list_contexts(settings.kubeconfig)


def connector(settings: Settings, context: str) -> Callable[[], Connection]:
    """What connects to ``context``, when it is called."""

    def connect_now() -> Connection:
        from ..cluster.client.connect import connect

        return connect(settings.kubeconfig, context)

    return connect_now
