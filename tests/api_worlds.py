"""What a test may do to a cluster, whichever server stands behind it: the practice one or a real one.

A test that takes the fixture `world` (tests/cluster/conftest.py) runs against both, and what it asserts of
the one it asserts of the other. Where they differ, the practice server is wrong. `practice` alone is for what
no real server does on demand (an error of the test's choice) and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

Json = dict[str, Any]
Key = tuple[str, str, str]
Undo = Callable[[], Awaitable[None]]
READ_VERBS = ("get", "list", "watch")


@dataclass(frozen=True, slots=True)
class Grant:
    """Verbs on resources of API groups; with no namespaces: in the whole cluster."""

    verbs: tuple[str, ...] = ("*",)
    resources: tuple[str, ...] = ("*",)
    groups: tuple[str, ...] = ("*",)
    namespaces: tuple[str, ...] = ()


EVERYTHING = Grant()


@dataclass(frozen=True, slots=True)
class Question:
    """One request as the server saw it. ``form`` is the kind of what was sent back, told of Secrets only."""

    path: str
    query: str
    status: int
    user: str
    form: str = ""

    @property
    def watches(self) -> bool:
        return "watch=1" in self.query


class World(Protocol):
    """A cluster with the newest Gateway API and nothing in it. Each method returns once it took effect."""

    name: Literal["practice", "real"]
    # of a user who may do everything until `rights` or `deny` says otherwise; the test may change the file
    kubeconfig: Path
    user: str
    ca_pem: bytes
    # so much slower than the practice server a real one may be, processes and all
    patience: float

    @property
    def port(self) -> int: ...

    @property
    def url(self) -> str: ...

    # -- objects --

    async def apply(self, *documents: Json) -> None:
        """Create or replace, status included; a namespace that is missing is made."""

    async def delete(self, kind: str, namespace: str | None, name: str) -> None:
        """Gone; no error where it was not there."""

    async def get(self, kind: str, namespace: str | None, name: str) -> Json | None:
        """As it is served, in the version in which it was applied."""

    async def held(self, kinds: Iterable[str]) -> dict[Key, str]:
        """The resourceVersion of each object of these kinds, by kind, namespace and name."""

    # -- rights --

    async def rights(self, *grants: Grant) -> None:
        """The user has these, and no others."""

    async def deny(
        self, verbs: Sequence[str], resources: Sequence[str], namespaces: Sequence[str] = ()
    ) -> Undo:
        """The user has all but these; with namespaces, "" among them for the cluster scope, only there."""

    async def token(self, lapses: bool = False) -> str:
        """A bearer token of somebody with all rights; one that lapses is good for long enough to begin."""

    async def lapse(self, token: str) -> None:
        """Until the token is refused."""

    # -- what a server goes through --

    async def stop(self, gracefully: bool = False) -> None:
        """Nobody listens on the port any more: killed, or asked to end."""

    async def start(self) -> None:
        """It is back on the same port, with the same objects."""

    async def forget_history(self) -> None:
        """Whoever starts from a version of the past, or goes on with its list, is told that it is gone."""

    async def freeze(self) -> None:
        """Connections stay open, and nothing is answered until `thaw`."""

    async def thaw(self) -> None: ...

    async def install_crds(self, bundle: Path) -> list[str]:
        """All CRDs of a folder, served; the names."""

    async def remove_crds(self, names: Iterable[str]) -> None:
        """With all their objects."""

    # -- what was asked --

    async def asked(self) -> list[Question]:
        """All requests of this test's clients, oldest first."""


def questions_about(asked: list[Question], plural: str) -> list[Question]:
    """Lists and watches of a kind."""
    return [one for one in asked if one.path.endswith(f"/{plural}")]


async def until(
    condition: Callable[[], Awaitable[Any]], within_s: float = 10.0, told: Callable[[], object] | None = None
) -> Any:
    """As `live_helpers.eventually`, for what must be asked of the world."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while True:
        value = await condition()
        if value:
            return value
        if loop.time() > deadline:
            raise AssertionError(f"not within {within_s} s: {told() if told else value!r}")
        await asyncio.sleep(0.03)
