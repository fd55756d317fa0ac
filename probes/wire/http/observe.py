"""HTTP by address: the host's name as SNI and ``Host``, the certificate verified against it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ....cluster.errors import UserError
from ....cluster.text import clean
from .answer import Answer, Clock
from .errors import ExchangeError, classify
from .facts import HttpFacts, HttpRequest, without_secrets
from .outgoing import prepared, user_agent
from .redirects import Walk
from .sent import SENT
from .session import Connections, Link

__all__ = ["Session", "classify", "observe", "user_agent"]

_log = logging.getLogger(__name__)
After = Callable[[Link, Answer, bytes], Awaitable[None]]


class Session:
    """Connections to one side. ``keep`` uses them again; otherwise each request makes a fresh one.

    Close it with ``aclose``. Raises UserError where the roots file cannot be read.
    """

    def __init__(self, ca_file: str | None = None, keep: bool = False) -> None:
        self._connections = Connections(ca_file, keep)

    async def aclose(self) -> None:
        """Closes every connection."""
        self._connections.close()

    async def observe(self, request: HttpRequest) -> HttpFacts:
        """Sends one request. Never raises for what the network or the other side does."""
        facts, _ = await self.ask(request)
        return facts

    async def ask(
        self,
        request: HttpRequest,
        enough: Callable[[Answer], bool] | None = None,
        after: After | None = None,
    ) -> tuple[HttpFacts, Answer]:
        """One request with its answer as it was read: for the kinds that are more than a request.

        ``enough`` ends the reading of a body early; ``after`` goes on with the connection, within the same
        deadline, and with what came behind the answer. Never raises for what the other side does.
        """
        await SENT.turn(request.address)
        clock = Clock()
        answer = Answer(clock, enough, request.sample)
        facts = asked = _asked(request)
        walk = Walk(request)
        try:
            async with asyncio.timeout(request.timeout_s):
                while True:
                    facts = await self._noted(walk.request, asked, answer, after)
                    if not request.follow or not walk.goes_on(facts, clock.now_ms()):
                        break
                    clock.again()
                    answer = Answer(clock, enough, request.sample)
        except TimeoutError:
            so_far = f" (after {answer.status}, {answer.body.size} bytes)" if answer.status else ""
            detail = f"{clock.stage} took longer than {request.timeout_s:g} s{so_far}"
            facts = answer.connected(replace(asked, error="timeout", error_detail=detail))
        return (walk.told(facts) if request.follow else facts), answer

    async def _noted(
        self, request: HttpRequest, asked: HttpFacts, answer: Answer, after: After | None
    ) -> HttpFacts:
        clock = answer.clock
        before = clock.hops
        with SENT.sending(request.address, _noted_as(request)) as fate:
            try:
                facts = await self._once(request, asked, answer, after)
                fate.answered = int(facts.status is not None and not facts.error)
            finally:
                # a kept connection that had hung up: it was sent once more over a fresh one
                fate.unanswered = clock.hops - before
                if not fate.answered and clock.may_have_left:
                    fate.unanswered += 1
        return facts

    async def _once(
        self, request: HttpRequest, asked: HttpFacts, answer: Answer, after: After | None
    ) -> HttpFacts:
        try:
            outgoing = prepared(request)
        except (ValueError, UnicodeError, TypeError) as error:
            return replace(asked, error="request", error_detail=clean(f"cannot be sent as written: {error}"))
        try:
            link, rest = await self._connections.exchange(outgoing, request.protocol, answer)
            try:
                if after is not None:
                    await after(link, answer, rest)
            finally:
                self._connections.done(link, outgoing, request.protocol)
        except UserError as error:
            return replace(asked, error="local", error_detail=clean(error))
        except (ExchangeError, OSError, EOFError) as error:
            kind, detail = classify(error)
            limit = error.limit if isinstance(error, ExchangeError) else ""
            failed = replace(asked, error=kind, error_detail=clean(detail), limit=limit)
            return answer.connected(failed)
        except Exception as error:  # noqa: BLE001 - bytes that a parser does not expect are the other side's fault
            _log.debug("an answer broke its reader", exc_info=error)
            detail = f"the answer could not be read ({type(error).__name__})"
            return answer.connected(replace(asked, error="protocol", error_detail=detail))
        return answer.into(asked)


def _asked(request: HttpRequest) -> HttpFacts:
    sent = request.body
    hidden = request
    if sent or request.headers:
        hidden = replace(request, headers=without_secrets(request.headers), body=b"")
    return HttpFacts(
        request=hidden,
        sent_bytes=len(sent),
        sent_sha256=hashlib.sha256(sent).hexdigest() if sent else "",
    )


def _noted_as(request: HttpRequest) -> str:
    try:
        return request.send_host or request.host
    except ValueError:
        # no address of a page: it will not be sent, and why is told where it is tried
        return ""


async def observe(request: HttpRequest) -> HttpFacts:
    """One request over a fresh connection. Never raises for what the network or the other side does: see
    ``HttpFacts.error``.
    """
    try:
        session = Session(request.ca_file)
    except UserError as error:
        return replace(_asked(request), error="local", error_detail=clean(error))
    try:
        return await session.observe(request)
    finally:
        await session.aclose()
