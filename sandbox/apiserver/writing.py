"""The HTTP side of writes: bodies, patch types, deletes of many."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from aiohttp import web

from . import events
from .access import Policy
from .changing import Changer, checked
from .crds import DEFINITIONS_KEY
from .history import Stored
from .objects import timestamp
from .ownership import (
    BEFORE_FIRST_APPLY,
    ApplyConflictError,
    Author,
    Manager,
    Owned,
    apply,
    owners_of,
    said_fields,
)
from .patches import (
    PatchError,
    PatchSyntaxError,
    json_patch,
    merge_patch,
    strategic_merge,
)
from .problems import ApiError, apply_conflict, bad_request, not_found, patch_failed
from .reading import encoder_of, respond, selection_of, warn
from .requests import Call, read_body, read_object
from .reviews import answer_review
from .shaping import shape, shape_applied, validation_mode
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
}


class Writer:
    def __init__(self, storage: Storage, policy: Policy) -> None:
        self._storage = storage
        self._policy = policy
        self._changer = Changer(storage)

    async def create(self, call: Call) -> web.Response:
        body = await read_object(call.request, call.target.resource.kind)
        if call.target.resource.verbs == ("create",):
            answer = answer_review(
                call.target.resource, body, call.user, self._policy, self._storage.registry
            )
            return await respond(call.request, msgspec.json.encode(answer), status=201)
        warnings = _shape(call, body)
        with _told(warnings):
            created = self._changer.create(call.target, body, call.dry_run, _author(call))
        return await self._answer(call, created, 201, warnings)

    async def update(self, call: Call) -> web.Response:
        body = await read_object(call.request, call.target.resource.kind)
        warnings = _shape(call, body)
        with _told(warnings):
            changed = self._changer.replace(call.target, body, call.dry_run, _author(call))
        return await self._answer(call, changed, warnings=warnings)

    async def patch(self, call: Call) -> web.Response:
        target = call.target
        types = _CUSTOM_TYPES if target.resource.custom else _BUILTIN_TYPES
        content_type = call.request.content_type
        told = "error decoding YAML" if content_type == APPLY_PATCH else "error decoding patch"
        patch = await read_body(call.request, types, told)
        if content_type == APPLY_PATCH:
            return await self._apply(call, patch)
        _check_patch(content_type, patch)
        current = _as_served(call, self._changer.find(target))
        try:
            patched = _PATCHERS[content_type](current, patch)
        except (PatchError, PatchSyntaxError):
            raise patch_failed() from None
        if not isinstance(patched, dict):
            raise patch_failed()
        warnings = _shape(call, patched, patched=True)
        with _told(warnings):
            changed = self._changer.replace(target, patched, call.dry_run, _author(call), patched=True)
        return await self._answer(call, changed, warnings=warnings)

    async def _apply(self, call: Call, applied: Any) -> web.Response:
        """Server-side apply: what another manager owns is changed only by force."""
        target = call.target
        if not isinstance(applied, dict):
            raise bad_request("the applied configuration is no object")
        _check_apply_options(call)
        # the identity is the URL's; a body that says otherwise is refused by `checked`
        document = checked(target, applied)
        metadata = document["metadata"]
        if metadata.pop("managedFields", None):
            raise bad_request("metadata.managedFields must be nil")
        metadata.setdefault("name", target.name)
        document["apiVersion"] = target.api_version
        shape_applied(target, document, (applied.get("metadata") or {}).get("namespace") or "")
        if target.resource.has_status and not target.subresource:
            document.pop("status", None)
        schema = target.resource.schemas.get(target.version)
        known = dict(schema) if schema is not None else None
        manager = _author(call).manager._replace(operation="Apply")
        stored = self._storage.read(target.resource, target.namespace, target.name)
        if stored is None:
            if target.subresource:
                raise not_found(target.resource, target.name)
            self._policy.check(call.user, target.asked("create"))
            author = Author(manager, {manager: Owned(said_fields(known, document), timestamp())})
            _shape(call, document)
            created = self._changer.create(target, document, call.dry_run, author)
            return await self._answer(call, created, 201)
        live = _as_served(call, stored)
        owners = owners_of(live["metadata"])
        if not owners and target.resource.key != DEFINITIONS_KEY:
            # the definitions that this server made itself are nobody's: an official one may take their place
            first = Manager(BEFORE_FIRST_APPLY, "Update", target.api_version)
            owners = {first: Owned(said_fields(known, live), live["metadata"]["creationTimestamp"])}
        try:
            merged, owners = apply(known, live, document, owners, manager, call.flag("force"), timestamp())
        except ApplyConflictError as error:
            raise apply_conflict(error) from None
        _shape(call, merged)
        changed = self._changer.replace(target, merged, call.dry_run, Author(manager, owners), patched=True)
        return await self._answer(call, changed)

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
        return await read_object(call.request, "DeleteOptions")

    async def _answer(
        self, call: Call, stored: Stored, status: int = 200, warnings: Sequence[str] = ()
    ) -> web.Response:
        encoder = encoder_of(call)
        response = await respond(call.request, encoder.one(stored), status=status)
        warn(response, warnings)
        return response


@contextlib.contextmanager
def _told(warnings: Sequence[str]) -> Iterator[None]:
    """A refusal tells the warnings too."""
    try:
        yield
    except ApiError as error:
        error.warnings = warnings
        raise


def _shape(call: Call, document: Json, patched: bool = False) -> list[str]:
    mode = validation_mode(call.request.query.get("fieldValidation", ""), call.options)
    return shape(call.target, document, mode, patched)


def _check_patch(content_type: str, patch: Any) -> None:
    """Raises ApiError 400 for a patch that is no object, or no list where one is wanted."""
    wanted, named = (
        (list, "[]handlers.jsonPatchOp") if content_type == JSON_PATCH else (dict, "map[string]interface {}")
    )
    if not isinstance(patch, wanted):
        found = {dict: "object", list: "array", str: "string", bool: "bool"}.get(type(patch), "number")
        raise bad_request(
            f"error decoding patch: json: cannot unmarshal {found} into Go value of type {named}"
        )


def _author(call: Call) -> Author:
    """The manager that the request names, else the program by its User-Agent."""
    name = (
        call.request.query.get("fieldManager", "") or call.request.headers.get("User-Agent", "").split("/")[0]
    )
    return Author(Manager(name or "unknown", "Update", call.target.api_version, call.target.subresource))


def _check_apply_options(call: Call) -> None:
    if call.request.query.get("fieldManager"):
        return
    what = "Required value: is required for apply patch"
    causes = [{"reason": "FieldValueRequired", "message": what, "field": "fieldManager"}]
    details = {"group": "meta.k8s.io", "kind": "PatchOptions", "causes": causes}
    said = f'PatchOptions.meta.k8s.io "" is invalid: fieldManager: {what}'
    raise ApiError(422, "Invalid", said, details)


def _dry_run(call: Call, options: Json) -> bool:
    """A delete may say it in the query or in the body."""
    return call.dry_run or options.get("dryRun") == ["All"]


def _as_served(call: Call, stored: Stored) -> Json:
    """The object in the version and group in which the client sees it."""
    if call.target.resource.stored_as:
        return events.as_new(stored.copy())
    return {**stored.copy(), "apiVersion": call.target.api_version}
