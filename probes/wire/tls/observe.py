"""The handshakes of one target, as its depth wants them, within one deadline."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from datetime import datetime

from ....cluster.errors import UserError
from ....cluster.text import clean
from ..address import is_address
from ..roots import roots_pem
from .contexts import KEYS, Profile, context_for
from .facts import NO_ANSWER, VERSIONS, Handshake, TlsFacts, TlsPolicy, TlsTarget
from .handshake import handshake

# so many handshakes with one target run at the same time
AT_ONCE = 3


def policy_for(
    target: TlsTarget, now: datetime, soak_s: float = 0.0, wanted_alpn: tuple[str, ...] = ()
) -> TlsPolicy:
    """The policy with the target's roots read from disk. Raises UserError where they cannot be."""
    return TlsPolicy(
        now=now,
        soak_s=soak_s,
        roots_pem=roots_pem(target.ca_file),
        private_roots=target.ca_file is not None,
        wanted_alpn=wanted_alpn,
    )


@dataclass(frozen=True, slots=True)
class Strangers:
    """What an address serves to a name that cannot exist, and to none: the same whichever host is asked."""

    random_name: Handshake
    no_name: Handshake | None


async def observe(target: TlsTarget, strangers: asyncio.Future[Strangers] | None = None) -> TlsFacts:
    """All handshakes that the target's depth wants. Never raises for what network or server do.

    ``strangers`` hands in what is being asked already of the same address, with the same roots and protocols.
    """
    started = time.monotonic()
    asker = _Asker(target)
    if strangers is None:
        answers, asked = await asyncio.gather(asker.named(), asker.strangers(nameless=bool(asker.name)))
    else:
        # one after the other: they are under way by themselves, and a task for each costs more than it brings
        answers, asked = await asker.named(), await asker.borrowed(strangers)
    full: list[tuple[Handshake, ...]] = [(), (), ()]
    if target.depth == "full" and any(_speaks_tls(one) for one in answers):
        full = await asker.whole_plan()
    return TlsFacts(
        target=target,
        named=tuple(answers),
        random_name=asked.random_name,
        no_name=asked.no_name if asker.name else None,
        versions=full[0],
        alpn=full[1],
        keys=full[2],
        elapsed_ms=round((time.monotonic() - started) * 1000, 3),
    )


async def observe_strangers(target: TlsTarget) -> Strangers:
    """What the target's address serves to a name that cannot exist, and to none."""
    return await _Asker(target).strangers(nameless=True)


def _speaks_tls(one: Handshake) -> bool:
    return one.error not in (*NO_ANSWER, "not-tls")


class _Asker:
    """Makes the handshakes of one target: at most AT_ONCE together, all within one deadline from now."""

    def __init__(self, target: TlsTarget) -> None:
        self.name = "" if is_address(target.name) else target.name
        self._target = target
        self._ends_at = asyncio.get_running_loop().time() + target.timeout_s
        self._places = asyncio.Semaphore(AT_ONCE)

    async def ask(self, sni: str, profile: Profile, offer: str = "") -> Handshake:
        """One handshake, when there is a place for it."""
        target = self._target
        async with self._places:
            if asyncio.get_running_loop().time() >= self._ends_at:
                return self._not_tried(sni, offer)
            try:
                context = context_for(target, profile)
            except UserError as error:
                return Handshake(sni=sni, offer=offer, error="local", error_detail=clean(error, 200))
            except ValueError:
                return Handshake(sni=sni, offer=offer, error="local", error_detail="ALPN cannot be sent")
            return await handshake(
                target.address,
                target.port,
                sni,
                context,
                offer=offer,
                ends_at=self._ends_at,
                timeout_s=target.timeout_s,
            )

    async def named(self) -> list[Handshake]:
        """As many as wanted with the target's name, or none where that is an IP literal."""
        profile = Profile(self._target.alpn)
        wanted = max(1, self._target.attempts)
        if wanted == 1:
            return [await self.ask(self.name, profile)]
        return await asyncio.gather(*(self.ask(self.name, profile) for _ in range(wanted)))

    async def strangers(self, *, nameless: bool) -> Strangers:
        """A handshake with a name that no wildcard of anybody's zone can cover, and one with none."""
        profile = Profile(self._target.alpn)
        names = [f"pm-{secrets.token_hex(6)}.invalid", *([""] if nameless else [])]
        answers = await asyncio.gather(*(self.ask(name, profile) for name in names))
        return Strangers(answers[0], answers[1] if nameless else None)

    async def borrowed(self, strangers: asyncio.Future[Strangers]) -> Strangers:
        """What somebody else has asked, as soon as it is there."""
        if strangers.done():
            return strangers.result()
        try:
            async with asyncio.timeout_at(self._ends_at):
                # others wait for it too
                return await asyncio.shield(strangers)
        except TimeoutError:
            late = self._not_tried("", "")
            return Strangers(late, late)

    async def whole_plan(self) -> list[tuple[Handshake, ...]]:
        """Each version alone, each protocol alone and none, an RSA and an ECDSA certificate alone."""
        alpn = self._target.alpn
        groups: list[list[tuple[Profile, str]]] = [
            [(Profile(alpn, version=version, verify=False), version) for version in VERSIONS],
            [(Profile((one,), verify=False), f"alpn {one}") for one in alpn]
            + [(Profile(verify=False), "alpn")],
            [(Profile(alpn, key=key, verify=False), f"key {key}") for key in KEYS],
        ]
        asked = await asyncio.gather(
            *(self.ask(self.name, profile, offer) for group in groups for profile, offer in group)
        )
        answers = iter(asked)
        return [tuple(next(answers) for _ in group) for group in groups]

    def _not_tried(self, sni: str, offer: str) -> Handshake:
        words = f"the {self._target.timeout_s:g} s were over before it could be tried"
        return Handshake(sni=sni, offer=offer, error="not-tried", error_detail=words)
