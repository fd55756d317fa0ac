"""The pod proxy: GET /api/v1/namespaces/NS/pods/NAME:PORT/proxy/PATH, answered by registered providers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from .problems import not_found, unavailable
from .reading import respond
from .requests import Call
from .storage import Storage


@dataclass(frozen=True, slots=True)
class ProxyAnswer:
    """What the pod said."""

    body: bytes
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"


# called with the path (it begins with "/") and the query string
Provider = Callable[[str, str], Awaitable[ProxyAnswer]]


class PodProxy:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._providers: dict[tuple[str, str, int], Provider] = {}

    def register(self, namespace: str, pod: str, port: int, provider: Provider) -> Callable[[], None]:
        """Let `provider` answer for a port of a pod. Returns what ends it."""
        key = (namespace, pod, port)
        self._providers[key] = provider

        def unregister() -> None:
            if self._providers.get(key) is provider:
                del self._providers[key]

        return unregister

    async def get(self, call: Call) -> web.Response:
        """Raises ApiError 404 for an unknown pod, 503 for a port on which nobody answers."""
        target = call.target
        name, port = _pod_and_port(target.name)
        if self._storage.read(target.resource, target.namespace, name) is None:
            raise not_found(target.resource, name)
        provider = self._providers.get((target.namespace, name, port))
        if provider is None:
            raise unavailable(
                f"error trying to reach service: dial tcp: {name}:{port}: connect: connection refused"
            )
        answer = await provider(target.rest or "/", call.request.query_string)
        return await respond(call.request, answer.body, answer.content_type, answer.status)


def _pod_and_port(text: str) -> tuple[str, int]:
    """`name`, `name:port` or `scheme:name:port`; the port is 80 where it is not said."""
    parts = text.split(":")
    if len(parts) == 3:
        parts = parts[1:]
    port = parts[1] if len(parts) > 1 else ""
    return parts[0], int(port) if port.isascii() and port.isdigit() else 80
