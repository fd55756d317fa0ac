"""What the API server refuses, as `Status` objects in the words of Kubernetes, which kubectl prints well."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .kinds import Resource
from .ownership import ApplyConflictError
from .validation import Cause

Json = dict[str, Any]


class ApiError(Exception):
    """A refusal: its HTTP code, reason and message become a `Status` object.

    `retry_after_s` becomes the Retry-After header, which clients obey; `token` goes on with a broken list.
    `warnings` are told besides. `details` is left out where it is None, and so is an empty reason.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Json | None = None,
        retry_after_s: int = 0,
        token: str = "",
        warnings: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after_s = retry_after_s
        self.token = token
        self.warnings = warnings

    def status(self) -> Json:
        status: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        if self.token:
            status["metadata"] = {"continue": self.token}
        status["message"] = self.message
        if self.reason:
            status["reason"] = self.reason
        details = dict(self.details) if self.details is not None else {}
        if self.retry_after_s:
            details["retryAfterSeconds"] = self.retry_after_s
        if details or self.details is not None:
            status["details"] = details
        status["code"] = self.code
        return status


class UnknownPathError(Exception):
    """No such path: answered in plain text, as the real server does where no API stands behind a path."""


def _details(resource: Resource, name: str = "") -> Json:
    details: Json = {"kind": resource.plural}
    if resource.group:
        details["group"] = resource.group
    if name:
        details["name"] = name
    return details


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(message: str, details: Json | None = None) -> ApiError:
    return ApiError(403, "Forbidden", message, details)


def not_found(resource: Resource, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{resource.qualified} "{name}" not found', _details(resource, name))


def no_such_resource() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> ApiError:
    return ApiError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
    )


def not_acceptable(message: str) -> ApiError:
    return ApiError(406, "NotAcceptable", message)


def already_exists(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(resource, name))


def conflict(resource: Resource, name: str, why: str = "", kind: str = "") -> ApiError:
    """409; `kind` where the refusal names the kind instead of the plural."""
    why = why or (
        "the object has been modified; please apply your changes to the latest version and try again"
    )
    named = resource.qualified_kind if kind else resource.qualified
    message = f'Operation cannot be fulfilled on {named} "{name}": {why}'
    details = _details(resource, name) | ({"kind": kind} if kind else {})
    return ApiError(409, "Conflict", message, details)


def apply_conflict(error: ApplyConflictError) -> ApiError:
    """409: a server-side apply would change what others own."""
    causes, told = [], []
    for manager, fields in sorted(error.fields.items()):
        who = f'"{manager.name}"'
        if manager.subresource:
            who += f' with subresource "{manager.subresource}"'
        if manager.operation == "Update":
            who += f" using {manager.api_version}"
        told.append((who, fields))
        causes += [
            {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": path}
            for path in fields
        ]
    if len(causes) == 1:
        said = f"1 conflict: conflict with {told[0][0]}: {told[0][1][0]}"
    else:
        groups = (
            f"conflicts with {who}:\n" + "\n".join(f"- {path}" for path in fields) for who, fields in told
        )
        said = f"{len(causes)} conflicts: " + "\n".join(groups)
    return ApiError(409, "Conflict", f"Apply failed with {said}", {"causes": causes})


def expired(message: str, token: str = "") -> ApiError:
    return ApiError(410, "Expired", message, token=token)


def unsupported_media(accepted: tuple[str, ...]) -> ApiError:
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(
        accepted
    )
    return ApiError(415, "UnsupportedMediaType", message)


def invalid(
    resource: Resource, name: str, field: str, what: str, cause: str = "FieldValueInvalid"
) -> ApiError:
    """422 for one field. `what` begins with "Required value: ..." or "Invalid value: ..."."""
    message = f'{resource.qualified_kind} "{name}" is invalid: {field}: {what}'
    details = _details(resource, name) | {
        "kind": resource.kind,
        "causes": [{"reason": cause, "message": what, "field": field}],
    }
    return ApiError(422, "Invalid", message, details)


def invalid_fields(resource: Resource, name: str, causes: Sequence[Cause], kind: str = "") -> ApiError:
    """422 for all that is wrong at once."""
    told = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    said = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
    kind = kind or resource.kind
    qualified = f"{kind}.{resource.group}" if resource.group else kind
    details = _details(resource, name) | {
        "kind": kind,
        "causes": [
            {"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes
        ],
    }
    return ApiError(422, "Invalid", f'{qualified} "{name}" is invalid: {said}', details)


def bad_option(kind: str, field: str, value: object, known: Sequence[str]) -> ApiError:
    """422 for a query parameter with a value that is none of the known ones."""
    shown = json.dumps(value, separators=(",", ":"))
    supported = ", ".join(f'"{one}"' for one in known)
    what = f"Unsupported value: {shown}: supported values: {supported}"
    details = {
        "group": "meta.k8s.io",
        "kind": kind,
        "causes": [{"reason": "FieldValueNotSupported", "message": what, "field": field}],
    }
    return ApiError(422, "Invalid", f'{kind}.meta.k8s.io "" is invalid: {field}: {what}', details)


def forbidden_option(kind: str, field: str, why: str) -> ApiError:
    """422 for a query parameter that does not go with the others."""
    what = f"Forbidden: {why}"
    details = {
        "group": "meta.k8s.io",
        "kind": kind,
        "causes": [{"reason": "FieldValueForbidden", "message": what, "field": field}],
    }
    return ApiError(422, "Invalid", f'{kind}.meta.k8s.io "" is invalid: {field}: {what}', details)


def patch_failed() -> ApiError:
    """A JSON patch that does not fit the object, its `test` operations included."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def too_large_version(asked: int, current: int) -> ApiError:
    details: Json = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    }
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    return ApiError(504, "Timeout", message, details, retry_after_s=1)


def unavailable(message: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", message)


def internal_error(message: str) -> ApiError:
    details: Json = {"causes": [{"message": message}]}
    return ApiError(500, "InternalError", f"Internal error occurred: {message}", details)
