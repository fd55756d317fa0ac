"""What a request asks for: its path and method as the API server's own terms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec
import yaml
from aiohttp import web

from . import protobuf
from .access import Asked, User
from .kinds import Resource, is_builtin_group
from .problems import (
    ApiError,
    UnknownPathError,
    bad_option,
    bad_request,
    forbidden_option,
    method_not_allowed,
    no_such_resource,
    not_found,
    unsupported_media,
)
from .registry import Registry
from .selectors import name_in

Json = dict[str, Any]

_API_PATH = re.compile(r"/(?:api/(?P<core>[^/]+)|apis/(?P<group>[^/]+)/(?P<version>[^/]+))(?P<rest>/.*)?")
_NUMBER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_NAMESPACE_SUBRESOURCES = ("status", "finalize")
_OPTIONS = {
    "create": "CreateOptions",
    "update": "UpdateOptions",
    "delete": "DeleteOptions",
    "deletecollection": "DeleteOptions",
}
_TRUE = ("1", "t", "T", "TRUE", "true", "True")


@dataclass(frozen=True, slots=True)
class Target:
    """One kind, and of it one object or all; `rest` is what follows a proxy subresource."""

    resource: Resource
    version: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""

    @property
    def api_version(self) -> str:
        return self.resource.api_version(self.version)

    def asked(self, verb: str) -> Asked:
        return Asked(
            verb,
            self.resource.group,
            self.resource.plural,
            self.subresource,
            self.namespace,
            self.name,
        )


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated request for a kind."""

    request: web.Request
    target: Target
    verb: str
    user: User

    @property
    def options(self) -> str:
        """The kind that the request's parameters are, as refusals name it."""
        return _OPTIONS.get(self.verb, "PatchOptions")

    def flag(self, name: str) -> bool:
        return self.request.query.get(name, "") in _TRUE

    def number(self, name: str) -> int:
        """A query parameter as a number; 0 where it is not given or negative. ApiError 400."""
        text = self.request.query.get(name, "")
        if not text:
            return 0
        if _NUMBER.fullmatch(text) is None:
            raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
        return max(int(text), 0)

    @property
    def resource_version(self) -> int:
        """Where a list or watch is to start. ApiError 400, of a watch 500."""
        text = self.request.query.get("resourceVersion", "")
        if not text or (text.isascii() and text.isdigit() and len(text) < 20):
            return int(text or 0)
        what = (
            f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        )
        if self.verb == "watch":
            raise ApiError(500, "", what)
        raise bad_request(f"invalid resource version: {what}")

    def check_version_match(self) -> None:
        """Raises ApiError 422 where resourceVersionMatch does not go with the rest of the query."""
        query = self.request.query
        match, version = query.get("resourceVersionMatch", ""), query.get("resourceVersion", "")
        field = "resourceVersionMatch"
        if self.verb == "watch":
            if "sendInitialEvents" in query and match != "NotOlderThan":
                what = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
                raise forbidden_option("ListOptions", field, what)
            return
        if not match:
            return
        if not version:
            what = "resourceVersionMatch is forbidden unless resourceVersion is provided"
            raise forbidden_option("ListOptions", field, what)
        if match not in ("Exact", "NotOlderThan"):
            raise bad_option("ListOptions", field, match, ("Exact", "NotOlderThan", ""))
        if match == "Exact" and version == "0":
            what = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            raise forbidden_option("ListOptions", field, what)

    @property
    def dry_run(self) -> bool:
        values = self.request.query.getall("dryRun", [])
        if any(value != "All" for value in values):
            raise bad_option(self.options, "dryRun", values, ("All",))
        return bool(values)


def parse_target(path: str, registry: Registry) -> Target:
    """The target of a path below /api/V/ or /apis/G/V/. Raises UnknownPathError for a kind not served."""
    match = _API_PATH.fullmatch(path)
    if match is None:
        raise UnknownPathError
    group, version = match["group"] or "", match["core"] or match["version"]
    parts = [part for part in (match["rest"] or "").split("/") if part]
    namespace = ""
    if len(parts) >= 3 and parts[0] == "namespaces" and parts[2] not in _NAMESPACE_SUBRESOURCES:
        namespace, parts = parts[1], parts[2:]
    if not parts:
        raise UnknownPathError
    resource = registry.by_plural(group, parts[0])
    if resource is None and is_builtin_group(group) and registry.served(group, version):
        raise no_such_resource()
    if resource is None or version not in resource.versions or (namespace and not resource.namespaced):
        raise UnknownPathError
    name = parts[1] if len(parts) > 1 else ""
    subresource = parts[2] if len(parts) > 2 else ""
    if subresource == "proxy":
        return Target(resource, version, namespace, name, subresource, path.partition("/proxy")[2])
    if len(parts) > 3 or (subresource and not (subresource == "status" and resource.has_status)):
        if resource.custom and name and len(parts) < 4:
            # so says the real server, though the object may be there
            raise not_found(resource, name)
        raise no_such_resource()
    if resource.namespaced and name and not namespace:
        raise UnknownPathError
    return Target(resource, version, namespace, name, subresource)


def verb_of(method: str, target: Target, watching: bool) -> str:
    """The RBAC verb. Raises ApiError 405."""
    if target.subresource == "proxy":
        return _known({"GET": "get"}, method)
    if target.name:
        verb = _known({"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}, method)
    else:
        verb = _known({"GET": "list", "POST": "create", "DELETE": "deletecollection"}, method)
        if verb != "list" and target.resource.namespaced and not target.namespace:
            if target.resource.custom:
                raise UnknownPathError
            raise method_not_allowed()
    if watching and method == "GET":
        verb = "watch"
    if verb not in target.resource.verbs:
        raise method_not_allowed()
    return verb


def _known(verbs: dict[str, str], method: str) -> str:
    verb = verbs.get(method)
    if verb is None:
        raise method_not_allowed()
    return verb


def asked_of(target: Target, verb: str, field_selector: str) -> Asked:
    """What an authorizer sees; a list or watch of one name counts as asking for that name."""
    asked = target.asked(verb)
    if target.resource.key == ("", "namespaces") and target.name:
        return Asked(verb, asked.group, asked.resource, asked.subresource, target.name, target.name)
    if verb in ("list", "watch") and not target.name:
        name = name_in(field_selector)
        return Asked(verb, asked.group, asked.resource, asked.subresource, asked.namespace, name)
    return asked


async def read_body(
    request: web.Request, accepted: tuple[str, ...], told: str = "couldn't get version/kind; json parse error"
) -> Any:
    """The decoded body; JSON, or YAML where the media type says so. Raises ApiError 400, 413 or 415."""
    # a body without a media type is JSON; aiohttp would call it octets
    media_type = request.content_type if "Content-Type" in request.headers else "application/json"
    if media_type not in accepted:
        raise unsupported_media(accepted)
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728") from None
    try:
        if media_type.endswith("yaml"):
            # dates of YAML are texts in JSON
            return msgspec.json.decode(msgspec.json.encode(yaml.safe_load(raw)))
        if media_type == protobuf.MEDIA_TYPE:
            return protobuf.decode(raw)
        return msgspec.json.decode(raw)
    except protobuf.ProtobufError as error:
        raise bad_request(f"couldn't get version/kind; protobuf: {error}") from None
    except (msgspec.MsgspecError, yaml.YAMLError, TypeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(f"{told}: {error}") from None


async def read_object(request: web.Request, kind: str) -> Json:
    """The body of a create, replace or delete. Raises ApiError 400, 413 or 415."""
    told = (
        f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; "
        "json parse error"
    )
    types = ("application/json", "application/yaml", protobuf.MEDIA_TYPE)
    document = await read_body(request, types, told)
    if not isinstance(document, dict):
        raise bad_request(f"{told}: the body is no object")
    return document
