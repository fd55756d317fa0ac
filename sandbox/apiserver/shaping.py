"""What the API server does by its CRD's schema to every custom object that is written."""

from __future__ import annotations

from typing import Any

import msgspec

from .problems import ApiError, bad_option, bad_request
from .requests import Target
from .schemas import drop_nulls, fill_defaults, prune

Json = dict[str, Any]
_MODES = ("", "Ignore", "Strict", "Warn")


def shape(target: Target, document: Json, mode: str, patched: bool = False) -> list[str]:
    """Unknown fields go, nulls that say nothing too, defaults come; `document` is changed in place.

    `mode` is the request's fieldValidation: Warn (also where none is given), Strict or Ignore. Returns what
    the client is to be warned of. Raises ApiError 400, or 422 for a patch, for unknown fields under Strict.
    Kinds without a schema stay as they are.
    """
    schema = target.resource.schemas.get(target.version)
    if schema is None:
        return []
    found = dict(schema)
    before = msgspec.json.encode(document, order="sorted").decode() if patched and mode == "Strict" else ""
    unknown = [f'unknown field "{path}"' for path in prune(found, document)]
    drop_nulls(found, document)
    fill_defaults(found, document)
    if unknown and mode == "Strict":
        said = f"strict decoding error: {', '.join(unknown)}"
        if patched:
            raise _bad_patch(before, said)
        kind = target.resource.kind
        raise bad_request(f'{kind} in version "{target.version}" cannot be handled as a {kind}: {said}')
    return [] if mode == "Ignore" else unknown


def shape_applied(target: Target, applied: Json, namespace: str) -> None:
    """What is applied must name no field that the schema does not know. Raises ApiError 500."""
    schema = target.resource.schemas.get(target.version)
    if schema is None:
        return
    unknown = [f".{path}: field not declared in schema" for path in prune(dict(schema), applied)]
    if unknown:
        said = unknown[0] if len(unknown) == 1 else "errors:\n  " + "\n  ".join(unknown)
        place = f"{namespace}/{target.name}"
        kind = f"{target.api_version}, Kind={target.resource.kind}"
        raise ApiError(500, "", f"failed to create typed patch object ({place}; {kind}): {said}")


def _bad_patch(patched: str, said: str) -> ApiError:
    what = f"Invalid value: {msgspec.json.encode(patched).decode()}: {said}"
    details = {"causes": [{"reason": "FieldValueInvalid", "message": what, "field": "patch"}]}
    return ApiError(422, "Invalid", f' "" is invalid: patch: {what}', details)


def validation_mode(asked: str, options: str) -> str:
    """The request's fieldValidation. ApiError 422 for a word that is none."""
    if asked not in _MODES:
        raise bad_option(options, "fieldValidation", asked, _MODES)
    return asked or "Warn"
