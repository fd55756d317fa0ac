"""Questions to a resolver over HTTPS (RFC 8484): POST, one HTTP/1.1 connection pool a resolver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....cluster.text import clean
from ..roots import client_context
from .servers import Server
from .streams import AskError, failure_of
from .wire import Written, answers_the_question

if TYPE_CHECKING:
    import httpx

_MESSAGE = "application/dns-message"
_LARGEST = 65535
_AT_ONCE = 4
_MARGIN_S = 0.1


class Doh:
    """One resolver. ``close`` when done."""

    def __init__(self, server: Server, ca_file: str = "") -> None:
        """Takes a moment the first time. Raises UserError where the roots cannot be read."""
        import httpx

        from ..http.observe import user_agent

        self._url = server.url
        self._errors = httpx.HTTPError
        self._client = httpx.AsyncClient(
            verify=client_context(ca_file or None),
            # a proxy would answer for another place
            trust_env=False,
            limits=httpx.Limits(max_connections=_AT_ONCE),
            headers={"Content-Type": _MESSAGE, "Accept": _MESSAGE, "User-Agent": user_agent()},
        )

    async def ask(self, written: Written, timeout_s: float) -> bytes:
        """The reply's bytes. Raises AskError; whoever waits ends it after ``timeout_s`` seconds.

        The library's own limit comes a moment before: cancelled in a handshake, it leaves its socket open.
        """
        # the id is 0, so that caches on the way may answer (RFC 8484, section 4.1)
        message = written.message(b"\0\0")
        limit = max(timeout_s - _MARGIN_S, timeout_s / 2)
        try:
            async with self._client.stream("POST", self._url, content=message, timeout=limit) as response:
                reply = await _body(response)
        except Exception as error:  # noqa: BLE001 - whatever a server provokes in the library is the server's
            raise _failure(error, self._errors) from None
        if not answers_the_question(reply, written):
            raise AskError("malformed", "what came over HTTPS does not answer this question")
        return reply

    async def close(self) -> None:
        """End its connections."""
        await self._client.aclose()


async def _body(response: httpx.Response) -> bytes:
    if response.status_code != 200:
        raise AskError("http", f"HTTP status {response.status_code}")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _MESSAGE:
        raise AskError("http", f"{clean(kind, 60) or 'no content type'} instead of {_MESSAGE}")
    received = bytearray()
    async for chunk in response.aiter_raw():
        received += chunk
        if len(received) > _LARGEST:
            raise AskError("malformed", "more than 64 KiB came over HTTPS")
    return bytes(received)


def _failure(error: Exception, of_httpx: type[Exception]) -> AskError:
    if type(error).__name__.endswith("Timeout"):
        return AskError("timeout", "no answer in time")
    if not isinstance(error, of_httpx):
        return failure_of(error)
    # httpx wraps the system's own error, which says what is wrong
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and (cause.errno or type(cause).__module__ == "ssl"):
            return failure_of(cause)
        cause = cause.__cause__ or cause.__context__
    if type(error).__name__ == "ConnectError":
        refused = "refused" in str(error).lower() or "all connection attempts" in str(error).lower()
        return AskError("refused" if refused else "unreachable", str(error) or "cannot be reached")
    return AskError("malformed", f"{type(error).__name__}: {error}")
