"""A side's counters as a Prometheus has them, by instant queries: GET /api/v1/query and nothing else.

An empty answer is no zero. https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec

from ....cluster.errors import UserError
from ....cluster.text import clean
from ...wire.http.observe import user_agent
from .counters import Counters, Look, PodLook
from .facts import FIELDS, Reading
from .families import Measured, Series, families_of
from .queries import age_query, filled_in, queries_of

DEADLINE_S = 8.0
STALE_S = 150.0
"""Samples older than this say nothing of now: two scrapes of the usual minute, and half of one more."""
_MOST_BYTES = 8 * 1024 * 1024
_MOST_TOKEN_BYTES = 65_536
_MOST_PROCESSES = 1000
_OF_ONE_PROCESS = ("instance", "pod")
# what a restarted or reloaded target may be away for before it counts as ended
_AWAY_S = 300.0


class _Series(msgspec.Struct):
    metric: dict[str, str] = msgspec.field(default_factory=dict)
    value: tuple[float, str] = (0.0, "NaN")


class _Data(msgspec.Struct, rename="camel"):
    result_type: str = ""
    result: msgspec.Raw = msgspec.Raw(b"[]")


class _Answer(msgspec.Struct, rename="camel"):
    status: str = ""
    data: _Data | None = None
    error: str = ""
    error_type: str = ""


class _Refused(Exception):  # noqa: N818 - it is told, not raised to anybody outside
    """Why a query has no answer; ``for_good``: it will never have one as it is written."""

    def __init__(self, why: str, *, for_good: bool = False) -> None:
        super().__init__(why)
        self.why, self.for_good = why, for_good


class PrometheusSource:
    """The counters that ``queries`` (by field of Counts) find at ``url``, those shipped for ``controller``
    where a field is not among them.

    The file of the token is read anew for each look, and the token is only sent over https or to this
    machine. Raises UserError where there is neither a known controller nor a query for ``requests``, and
    where a query stands for something that is not counted.
    """

    def __init__(
        self,
        url: str,
        *,
        controller: str = "",
        queries: Mapping[str, str] | None = None,
        hosts: Iterable[str] = (),
        ca_file: str = "",
        token_file: str = "",
        deadline_s: float = DEADLINE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        own = dict(queries or {})
        unknown = [name for name in own if name not in FIELDS]
        if unknown:
            raise UserError(f"{clean(unknown[0], 40)} cannot be queried for", f"use {', '.join(FIELDS)}")
        families = families_of(controller) if controller else None
        if families is None and "requests" not in own:
            raise UserError(
                "a Prometheus needs queries or a controller", "name the controller, or queries.requests"
            )
        self._queries = queries_of(families, own) if families is not None else own
        # of own queries nobody knows which metric's age to ask for
        self._age = age_query(families) if families is not None and "requests" not in own else ""
        self._url = url.rstrip("/")
        self._hosts = tuple(hosts)
        self._ca_file, self._token_file = ca_file, token_file
        self._deadline_s = deadline_s
        self._clock = clock
        self._client: httpx.AsyncClient | None = None
        self._refused: dict[str, str] = {}
        self._seen: dict[str, tuple[float, str]] = {}
        notes = families.notes if families is not None else ()
        self._counters = Counters(clean(f"Prometheus at {_shown(url)}", 160), notes)

    async def read(self) -> Reading:
        """Ask every query now."""
        at = self._clock()
        try:
            async with asyncio.timeout(self._deadline_s):
                look = await self._look(at)
        except _Refused as refused:
            look = Look(at, listed=False, problems=(refused.why,))
        except TimeoutError:
            look = Look(at, listed=False, problems=("Prometheus did not answer in time",))
        except Exception as error:  # noqa: BLE001 - a look that breaks tells nothing, and must not end the watch
            words = f"Prometheus could not be asked: {type(error).__name__}"
            look = Look(at, listed=False, problems=(words,))
        self._counters = self._counters.add(look)
        return self._counters.reading(self._hosts)

    async def close(self) -> None:
        """Close every connection."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _look(self, at: float) -> Look:
        headers = self._headers()
        names = [name for name in self._queries if name not in self._refused]
        asked = [filled_in(self._queries[name], self._hosts) for name in names]
        if self._age:
            asked.append(self._age)
        answers = await asyncio.gather(
            *(self._ask(query, headers) for query in asked), return_exceptions=True
        )
        vectors: dict[str, list[_Series]] = {}
        for name, answer in zip(names, answers, strict=False):
            if isinstance(answer, _Refused) and answer.for_good and name != "requests":
                self._refused[name] = f"the query for {name} is refused: {answer.why}"
            elif isinstance(answer, BaseException):
                # counts of different moments must not be set beside each other
                raise answer
            else:
                vectors[name] = answer
        problems = list(self._refused.values())
        age = answers[-1] if self._age else None
        if isinstance(age, list) and age and _number(age[0]) > STALE_S:
            problems.append(
                f"its newest samples are {_number(age[0]):.0f} s old: it does not scrape this side"
            )
            return Look(at, listed=False, problems=tuple(problems))
        if not vectors.get("requests"):
            # the other queries were answered in another moment, before or after its first scrape
            problems.append("it knows of no requests (which is not the same as none)")
            vectors = {}
        pods = self._processes(at, vectors)
        return Look(at, pods, problems=tuple(problems))

    def _processes(self, at: float, vectors: Mapping[str, list[_Series]]) -> tuple[PodLook, ...]:
        """The answers by the process that they are of; one that is away for a moment has not ended."""
        found: dict[str, dict[int, Series]] = {}
        tells: dict[str, set[str]] = {}
        for name, vector in vectors.items():
            for series in vector:
                value = _number(series)
                if not math.isfinite(value) or value < 0:
                    continue
                uid = "/".join(series.metric.get(label, "") for label in _OF_ONE_PROCESS).strip("/")
                host = series.metric.get("host", "").lower()
                identity = hash((name, *sorted(series.metric.items())))
                found.setdefault(uid, {})[identity] = ((name,), host, value)
                tells.setdefault(uid, set()).add(name)
        requests = vectors.get("requests", [])
        by_host = bool(requests) and all(series.metric.get("host") for series in requests)
        for uid in found:
            self._seen[uid] = (at, clean(uid, 80) or "the sum")
        if len(self._seen) > _MOST_PROCESSES:
            raise _Refused(
                f"its answers are of more than {_MOST_PROCESSES} processes: add labels to the queries"
            )
        for uid in [uid for uid, (last, _) in self._seen.items() if at - last > _AWAY_S]:
            del self._seen[uid]
        return tuple(
            PodLook(
                uid,
                shown,
                measured=Measured(found[uid], frozenset(tells[uid]), by_host) if uid in found else None,
                problem="" if uid in found else "not in Prometheus's answer",
                newborn=False,
                summed=not uid,
            )
            for uid, (_, shown) in self._seen.items()
        )

    def _headers(self) -> dict[str, str]:
        headers = {"User-Agent": user_agent(), "Accept": "application/json"}
        if not self._token_file:
            return headers
        parts = urlsplit(self._url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise _Refused("a token is only sent over https: give the address with https://")
        try:
            with Path(self._token_file).open("rb") as file:
                token = file.read(_MOST_TOKEN_BYTES).decode("ascii").strip()
        except (OSError, ValueError) as error:
            raise _Refused(f"the file of the token cannot be read ({type(error).__name__})") from None
        if not token.isprintable() or not token:
            raise _Refused("the file of the token holds no token")
        return {**headers, "Authorization": f"Bearer {token}"}

    def _connections(self) -> httpx.AsyncClient:
        if self._client is None:
            try:
                context = ssl.create_default_context(cafile=self._ca_file or None)
            except (OSError, ssl.SSLError):
                raise _Refused(f"the roots in {clean(self._ca_file, 120)} cannot be read") from None
            # trust_env would send what stands in ~/.netrc
            self._client = httpx.AsyncClient(
                verify=context, trust_env=False, follow_redirects=False, timeout=self._deadline_s
            )
        return self._client

    async def _ask(self, query: str, headers: Mapping[str, str]) -> list[_Series]:
        client = self._connections()
        body = bytearray()
        try:
            async with client.stream(
                "GET", f"{self._url}/api/v1/query", params={"query": query}, headers=dict(headers)
            ) as response:
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        raise _Refused("an answer is larger than 8 MB: sum more in the queries")
        except httpx.HTTPError as error:
            raise _Refused(_no_answer(error)) from None
        return _vector(response.status_code, bytes(body))


def _vector(status: int, body: bytes) -> list[_Series]:
    if status in (401, 403):
        raise _Refused(f"Prometheus does not let us ask ({status}): see token_file")
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _Refused(f"the answer ({status}) is none of a Prometheus: is the address right?") from None
    if answer.status != "success" or answer.data is None:
        why = clean(answer.error or answer.status or "no reason", 160)
        raise _Refused(why, for_good=answer.error_type in ("bad_data", "execution"))
    if answer.data.result_type != "vector":
        raise _Refused(f"it answers a {clean(answer.data.result_type, 20)}, not a vector", for_good=True)
    try:
        return msgspec.json.decode(answer.data.result, type=list[_Series])
    except msgspec.MsgspecError:
        raise _Refused("its vector cannot be read") from None


def _number(series: _Series) -> float:
    try:
        return float(series.value[1])
    except ValueError:
        return math.nan


def _no_answer(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "Prometheus did not answer in time"
    if isinstance(error, httpx.ConnectError):
        return f"Prometheus cannot be reached: {clean(error, 160)}"
    return f"asking Prometheus broke off: {type(error).__name__}"


def _shown(url: str) -> str:
    """The address without what could be a password in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
