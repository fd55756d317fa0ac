"""The contexts of the kubeconfig that the screens were opened with, and how to connect to one of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from .settings import Settings

if TYPE_CHECKING:
    from ..cluster.connect import Connection
    from ..cluster.kubeconfig import ContextInfo


def contexts_of(settings: Settings) -> tuple[ContextInfo, ...]:
    """All of them, by name. UserError where the kubeconfig cannot be read."""
    from ..cluster.kubeconfig import kubeconfig_paths, list_contexts

    paths, _ = kubeconfig_paths(settings.kubeconfig, os.environ)
    return list_contexts(paths)


def connector(settings: Settings, context: str) -> Callable[[], Connection]:
    """What connects to ``context``, when it is called."""

    def connect_now() -> Connection:
        from ..cluster.connect import connect

        return connect(settings.kubeconfig, context)

    return connect_now
