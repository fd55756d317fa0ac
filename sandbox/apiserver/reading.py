"""get and list."""

from __future__ import annotations

import asyncio
import gzip
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from .answers import JSON_TYPE, Encoder, negotiate
from .history import Stored
from .paging import Pages, Picture
from .problems import bad_request, not_found, too_large_version
from .requests import Call
from .selectors import Predicate, both, field_predicate, label_predicate
from .storage import Storage

Json = dict[str, Any]
# the real server compresses nothing smaller
GZIP_FROM_BYTES = 128 * 1024


async def respond(
    request: web.Request, body: bytes, content_type: str = JSON_TYPE, status: int = 200
) -> web.Response:
    """An answer, compressed if it is large and the client takes that."""
    headers = {"Cache-Control": "no-cache, private", "Content-Type": content_type}
    if len(body) >= GZIP_FROM_BYTES and "gzip" in request.headers.get("Accept-Encoding", ""):
        body = await asyncio.to_thread(gzip.compress, body, 1)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return web.Response(body=body, status=status, headers=headers)


def warn(response: web.Response, warnings: Sequence[str]) -> None:
    """Tell the client's user something beside the answer; kubectl prints it."""
    for warning in warnings:
        quoted = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{quoted}"')


def encoder_of(call: Call) -> Encoder:
    """The encoder of the negotiated form, whose content type is that of JSON whatever the form."""
    form = negotiate(call.request.headers.get("Accept", ""), call.request.query.get("includeObject", ""))
    return Encoder(call.target.resource, call.target.version, form)


def selection_of(call: Call) -> Predicate | None:
    """Both selectors of the request as one test. Raises ApiError 400."""
    query = call.request.query
    return both(
        label_predicate(query.get("labelSelector", "")),
        field_predicate(call.target.resource, query.get("fieldSelector", "")),
    )


class Reader:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._pages = Pages(storage)

    async def get(self, call: Call) -> web.Response:
        target = call.target
        encoder = encoder_of(call)
        stored = self._storage.read(target.resource, target.namespace, target.name)
        if stored is None:
            raise not_found(target.resource, target.name)
        return await respond(call.request, encoder.one(stored))

    async def list(self, call: Call) -> web.Response:
        target = call.target
        encoder = encoder_of(call)
        selection = selection_of(call)
        picture, items = self._from_where(call)
        if target.namespace:
            items = [stored for stored in items if stored.namespace == target.namespace]
        limit = call.number("limit")
        if limit and call.request.query.get("resourceVersion") == "0":
            # served from the watch cache there, which does not page
            limit = 0
        page, following, left = _cut(items, selection, limit)
        metadata: Json = {"resourceVersion": str(picture.version)}
        if following is not None:
            metadata["continue"] = self._pages.token(target.resource, picture, following)
            if selection is None:
                metadata["remainingItemCount"] = left
        return await respond(call.request, encoder.list_of(page, metadata))

    def _from_where(self, call: Call) -> tuple[Picture, Sequence[Stored]]:
        resource = call.target.resource
        token = call.request.query.get("continue", "")
        call.check_version_match()
        asked = call.resource_version
        match = call.request.query.get("resourceVersionMatch", "")
        if token:
            if asked:
                raise bad_request("specifying resource version is not allowed when using continue")
            picture, start = self._pages.resume(resource, token)
            index = bisect_left(picture.items, start, key=lambda stored: (stored.namespace, stored.name))
            return picture, picture.items[index:]
        if asked > self._storage.version:
            raise too_large_version(asked, self._storage.version)
        picture = self._pages.at(resource, asked) if match == "Exact" else self._pages.now(resource)
        return picture, picture.items


def _cut(
    items: Sequence[Stored], selection: Predicate | None, limit: int
) -> tuple[Sequence[Stored], Stored | None, int]:
    """The first page, the object that the next one begins with, and how many are left."""
    if selection is not None:
        items = [stored for stored in items if selection(stored.body)]
    if not limit or len(items) <= limit:
        return items, None, 0
    return items[:limit], items[limit], len(items) - limit
