"""The HTTP side of writes: bodies, patch types, deletes of many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
from aiohttp import web

from . import events
from .access import Policy
from .changing import Changer, checked
from .history import Stored
from .patches import (
    PatchError,
    PatchSyntaxError,
    apply_merge,
    json_patch,
    merge_patch,
    strategic_merge,
)
from .problems import bad_request, invalid, not_found, patch_failed
from .reading import encoder_of, respond, selection_of
from .requests import Call, read_body, read_object
from .reviews import answer_review
from .storage import Storage

Json = dict[str, Any]

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
_CUSTOM_TYPES = (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)
_BUILTIN_TYPES = (*_CUSTOM_TYPES, STRATEGIC_PATCH)
_PATCHERS: dict[str, Callable[[Any, Any], Any]] = {
    JSON_PATCH: json_patch,
    MERGE_PATCH: merge_patch,
    STRATEGIC_PATCH: strategic_merge,
    APPLY_PATCH: apply_merge,
}


class Writer:
    def __init__(self, storage: Storage, policy: Policy) -> None:
        self._storage = storage
        self._policy = policy
        self._changer = Changer(storage)

    async def create(self, call: Call) -> web.Response:
        body = await read_object(call.request)
        if call.target.resource.verbs == ("create",):
            answer = answer_review(
                call.target.resource, body, call.user, self._policy, self._storage.registry
            )
            return await respond(call.request, msgspec.json.encode(answer), status=201)
        return await self._answer(call, self._changer.create(call.target, body, call.dry_run), 201)

    async def update(self, call: Call) -> web.Response:
        body = await read_object(call.request)
        return await self._answer(call, self._changer.replace(call.target, body, call.dry_run))

    async def patch(self, call: Call) -> web.Response:
        target = call.target
        types = _CUSTOM_TYPES if target.resource.custom else _BUILTIN_TYPES
        content_type = call.request.content_type
        patch = await read_body(call.request, types)
        if content_type == APPLY_PATCH:
            return await self._apply(call, patch)
        current = _as_served(call, self._changer.find(target))
        try:
            patched = _PATCHERS[content_type](current, patch)
        except PatchSyntaxError as error:
            raise bad_request(str(error)) from None
        except PatchError:
            raise patch_failed() from None
        if not isinstance(patched, dict):
            raise patch_failed()
        return await self._answer(call, self._changer.replace(target, patched, call.dry_run, patched=True))

    async def _apply(self, call: Call, applied: Any) -> web.Response:
        """Server-side apply: one applier is assumed, see `apply_merge`."""
        target = call.target
        if not isinstance(applied, dict):
            raise bad_request("the applied configuration is no object")
        if not call.request.query.get("fieldManager"):
            what = "Required value: is required for apply patch"
            raise invalid(target.resource, target.name, "fieldManager", what, "FieldValueRequired")
        # the identity is the URL's; a body that says otherwise is refused by `checked`
        document = checked(target, applied)
        document["metadata"].setdefault("name", target.name)
        document["apiVersion"] = target.api_version
        stored = self._storage.read(target.resource, target.namespace, target.name)
        if stored is None:
            if target.subresource:
                raise not_found(target.resource, target.name)
            self._policy.check(call.user, target.asked("create"))
            return await self._answer(call, self._changer.create(target, document, call.dry_run), 201)
        merged = apply_merge(_as_served(call, stored), document)
        return await self._answer(call, self._changer.replace(target, merged, call.dry_run, patched=True))

    async def delete(self, call: Call) -> web.Response:
        options = await self._delete_options(call)
        last, gone = self._changer.delete(call.target, options, _dry_run(call, options))
        if not gone:
            return await self._answer(call, last)
        resource = call.target.resource
        details = {"name": last.name, "kind": resource.plural, "uid": last.body["metadata"]["uid"]}
        if resource.group:
            details["group"] = resource.group
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": details,
        }
        return await respond(call.request, msgspec.json.encode(status))

    async def delete_many(self, call: Call) -> web.Response:
        options = await self._delete_options(call)
        dry_run = _dry_run(call, options)
        selection = selection_of(call)
        encoder = encoder_of(call)
        chosen = [
            stored
            for stored in self._storage.all_of(call.target.resource, call.target.namespace)
            if selection is None or selection(stored.body)
        ]
        for stored in chosen:
            target = replace(call.target, namespace=stored.namespace, name=stored.name)
            self._changer.delete(target, {}, dry_run)
        body = encoder.list_of(chosen, {"resourceVersion": str(self._storage.version)})
        return await respond(call.request, body)

    async def _delete_options(self, call: Call) -> Json:
        if not call.request.body_exists:
            return {}
        return await read_object(call.request)

    async def _answer(self, call: Call, stored: Stored, status: int = 200) -> web.Response:
        encoder = encoder_of(call)
        return await respond(call.request, encoder.one(stored), status=status)


def _dry_run(call: Call, options: Json) -> bool:
    """A delete may say it in the query or in the body."""
    return call.dry_run or options.get("dryRun") == ["All"]


def _as_served(call: Call, stored: Stored) -> Json:
    """The object in the version and group in which the client sees it."""
    if call.target.resource.stored_as:
        return events.as_new(stored.copy())
    return {**stored.copy(), "apiVersion": call.target.api_version}
