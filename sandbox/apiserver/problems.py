"""What the API server refuses, as `Status` objects in the words of Kubernetes, which kubectl prints well."""

from __future__ import annotations

from typing import Any

from .kinds import Resource

Json = dict[str, Any]


class ApiError(Exception):
    """A refusal: its HTTP code, reason and message become a `Status` object.

    `retry_after_s` becomes the Retry-After header, which clients obey; `token` goes on with a broken list.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Json | None = None,
        retry_after_s: int = 0,
        token: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}
        self.retry_after_s = retry_after_s
        self.token = token

    def status(self) -> Json:
        details = dict(self.details)
        if self.retry_after_s:
            details["retryAfterSeconds"] = self.retry_after_s
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self.token} if self.token else {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            **({"details": details} if details else {}),
            "code": self.code,
        }


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


def method_not_allowed() -> ApiError:
    return ApiError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
    )


def not_acceptable(message: str) -> ApiError:
    return ApiError(406, "NotAcceptable", message)


def already_exists(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(resource, name))


def conflict(resource: Resource, name: str, why: str = "") -> ApiError:
    why = why or (
        "the object has been modified; please apply your changes to the latest version and try again"
    )
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(resource, name))


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


def patch_failed() -> ApiError:
    """A JSON patch that does not fit the object, its `test` operations included."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request")


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
