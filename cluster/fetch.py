"""One whole object, fetched when somebody wants to read it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from .connect import Connection
from .discovery import discover
from .errors import UserError
from .refs import ObjectRef


def fetch_object(connection: Connection, ref: ObjectRef) -> dict[str, Any]:
    """The object as the API server has it now. Raises ApiError where it is gone or refused.

    A Secret is never fetched: its data would come along.
    """
    if ref.kind == "Secret" and not ref.group:
        raise UserError(f"{ref}: Secrets are never fetched", "its metadata is all that Pointsman reads")
    served = discover(connection).find(ref.group, ref.kind)
    if served is None:
        raise UserError(f"{ref}: the cluster does not serve this kind", "ctrl-r asks again")
    path = f"{served.path(ref.namespace or None)}/{quote(ref.name, safe='')}"
    document = connection.get_json(path)
    if not isinstance(document, dict):
        raise UserError(f"{ref}: the API server answered with something that is no object")
    return document
