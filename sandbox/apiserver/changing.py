"""create, replace, patch and delete of one object, with the API server's preconditions; no HTTP here."""

from __future__ import annotations

from typing import Any

from . import events
from .history import Stored
from .kinds import Resource
from .naming import metadata_causes
from .objects import carry_over, fill_new, random_suffix, timestamp
from .ownership import Author, after_update, managed_fields, owners_of
from .problems import ApiError, already_exists, bad_request, conflict, invalid_fields, not_found
from .requests import Target
from .storage import Storage
from .validation import Cause, causes_in_status, causes_of

Json = dict[str, Any]

# built-in kinds whose replacement must name the version that it replaces; so must every custom one
_VERSION_REQUIRED = frozenset({"Lease", "CustomResourceDefinition", "EndpointSlice"})
_STRING_MAPS = ("labels", "annotations")
# of an object's metadata, what is not there when it is empty
_LEFT_OUT = (*_STRING_MAPS, "finalizers", "ownerReferences", "generateName")


class Changer:
    """Makes the changes. `dry_run`: everything is checked and answered, nothing is kept."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def find(self, target: Target) -> Stored:
        """Raises ApiError 404."""
        stored = self._storage.read(target.resource, target.namespace, target.name)
        if stored is None:
            raise not_found(target.resource, target.name)
        return stored

    def create(self, target: Target, body: Json, dry_run: bool, author: Author) -> Stored:
        resource = target.resource
        document = checked(target, body)
        metadata = document["metadata"]
        if metadata.get("resourceVersion"):
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        name = metadata.get("name") or ""
        if not name and metadata.get("generateName"):
            name = metadata["name"] = f"{metadata['generateName']}{random_suffix()}"
        self._check_namespace(target)
        _check(target, document)
        if self._storage.read(resource, target.namespace, name) is not None:
            raise already_exists(resource, name)
        for field in ("uid", "creationTimestamp", "generation", "deletionTimestamp"):
            metadata.pop(field, None)
        if resource.has_status:
            document.pop("status", None)
        filled = fill_new(resource, document)
        said = {name: value for name, value in filled.items() if name != "status"}
        _sign(target, {"metadata": {}}, said, {}, author)
        return self._keep(resource, filled, dry_run)

    def replace(
        self, target: Target, body: Json, dry_run: bool, author: Author, patched: bool = False
    ) -> Stored:
        """PUT, and the second half of every patch. Raises ApiError 400, 404, 409 or 422.

        A write to the main resource leaves the status alone, one to `status` changes nothing else.
        """
        resource = target.resource
        stored = self.find(target)
        document = checked(target, body)
        metadata = document["metadata"]
        if metadata.get("name") != target.name:
            raise bad_request(
                f"the name of the object ({metadata.get('name')}) does not match the name on the URL "
                f"({target.name})"
            )
        _check_version(resource, stored, metadata, patched)
        if target.subresource == "status":
            document = {**stored.body, "status": document.get("status") or {}}
        elif resource.has_status:
            document.pop("status", None)
            if "status" in stored.body:
                document["status"] = stored.body["status"]
        _check(target, document, stored.body)
        entries = metadata.get("managedFields") or stored.body["metadata"].get("managedFields")
        kept = carry_over(resource, stored.body, document)
        _sign(target, stored.body, kept, {"managedFields": entries}, author)
        if kept["metadata"].get("deletionTimestamp") and not kept["metadata"].get("finalizers"):
            last = self._storage.draft(resource, kept)
            if not dry_run:
                self._storage.remove(resource, stored)
            return last
        return self._keep(resource, kept, dry_run)

    def delete(self, target: Target, options: Json, dry_run: bool) -> tuple[Stored, bool]:
        """The object as it was last, and whether it is gone; finalizers only mark it. ApiError 404 or 409."""
        resource = target.resource
        stored = self.find(target)
        metadata = stored.body["metadata"]
        for field, wanted in (options.get("preconditions") or {}).items():
            if field in ("uid", "resourceVersion") and wanted != metadata.get(field):
                name, why = (
                    ("UID", "deleted and then recreated")
                    if field == "uid"
                    else ("ResourceVersion", "modified")
                )
                said = (
                    f"the {name} in the precondition ({wanted}) does not match the {name} in record "
                    f"({metadata.get(field)}). The object might have been {why}"
                )
                raise conflict(resource, target.name, said, kind=resource.kind)
        if not metadata.get("finalizers"):
            return (stored, True) if dry_run else (self._storage.remove(resource, stored), True)
        if metadata.get("deletionTimestamp"):
            return stored, False
        marked = {**metadata, "deletionTimestamp": timestamp(), "deletionGracePeriodSeconds": 0}
        if "generation" in metadata:
            marked["generation"] = metadata["generation"] + 1
        return self._keep(resource, {**stored.body, "metadata": marked}, dry_run), False

    def _check_namespace(self, target: Target) -> None:
        namespaces = self._storage.registry.by_plural("", "namespaces")
        if namespaces is None or not target.resource.namespaced:
            return
        if self._storage.read(namespaces, "", target.namespace) is None:
            raise not_found(namespaces, target.namespace)

    def _keep(self, resource: Resource, document: Json, dry_run: bool) -> Stored:
        if dry_run:
            return self._storage.draft(resource, document)
        return self._storage.put(resource, document)


def checked(target: Target, body: Json) -> Json:
    """The body as an object of the target's kind and namespace, in its stored form. Raises ApiError 400."""
    resource = target.resource
    api_version, kind = body.get("apiVersion"), body.get("kind")
    if api_version not in (None, "", target.api_version):
        raise bad_request(
            f"the API version in the data ({api_version}) does not match the expected API version "
            f"({target.api_version})"
        )
    if kind not in (None, "", resource.kind):
        if resource.custom:
            cause = Cause("kind", f'Invalid value: "{kind}": must be {resource.kind}')
            raise invalid_fields(
                resource, target.name or str((body.get("metadata") or {}).get("name")), [cause]
            )
        raise bad_request(f"{kind} in version {api_version!r} cannot be handled as a {resource.kind}")
    metadata = body.get("metadata")
    metadata = {} if metadata is None else metadata
    spec = body.get("spec")
    if not isinstance(metadata, dict) or not (spec is None or isinstance(spec, dict)):
        raise bad_request(f"{resource.kind} in version {target.version!r} cannot be handled: not an object")
    _check_metadata(resource, metadata)
    namespace = metadata.get("namespace") or target.namespace
    if resource.namespaced and namespace != target.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    metadata = {name: value for name, value in metadata.items() if value or name not in _LEFT_OUT}
    if resource.namespaced:
        metadata["namespace"] = namespace
    document = {**body, "apiVersion": resource.api_version(), "kind": resource.kind, "metadata": metadata}
    return events.as_old(document) if resource.stored_as else document


def _check_metadata(resource: Resource, metadata: Json) -> None:
    for field in _STRING_MAPS:
        value = metadata.get(field)
        if value is None:
            continue
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise bad_request(
                f"{resource.kind} cannot be handled: json: metadata.{field} must be a map of strings"
            )
    for field in ("name", "generateName", "namespace", "resourceVersion", "uid"):
        if not isinstance(metadata.get(field, ""), str | None):
            raise bad_request(f"{resource.kind} cannot be handled: json: metadata.{field} must be a string")


def _check(target: Target, document: Json, old: Json | None = None) -> None:
    """Raises ApiError 422 with all that is wrong; what `old` had wrong already may stay."""
    resource = target.resource
    causes = [*metadata_causes(resource, document["metadata"])]
    schema = resource.schemas.get(target.version)
    if schema is not None:
        # what is defaulted when it is read counts as said
        seen = {**document, "apiVersion": target.api_version}
        if target.subresource == "status" and old is not None:
            causes += causes_in_status(dict(schema), seen, old)
        else:
            causes = causes_of(dict(schema), seen, old, causes)
    if causes:
        raise invalid_fields(resource, document["metadata"].get("name") or "", causes)


def _sign(target: Target, old: Json, new: Json, before: Json, author: Author) -> None:
    """Write into `new` who owns which of its fields; `before` holds the entries so far."""
    owners = author.owners
    if owners is None:
        schema = target.resource.schemas.get(target.version)
        owners = after_update(
            dict(schema) if schema is not None else None,
            old,
            new,
            owners_of(before),
            author.manager,
            timestamp(),
        )
    if owners:
        new["metadata"]["managedFields"] = managed_fields(owners)


def _check_version(resource: Resource, stored: Stored, metadata: Json, patched: bool) -> None:
    wanted = metadata.get("resourceVersion")
    if not wanted and not patched and (resource.custom or resource.kind in _VERSION_REQUIRED):
        cause = Cause("metadata.resourceVersion", "Invalid value: 0: must be specified for an update")
        raise invalid_fields(resource, stored.name, [cause], kind=resource.plural)
    if wanted and wanted != str(stored.version):
        raise conflict(resource, stored.name)
    uid = metadata.get("uid")
    if uid and patched and uid != stored.body["metadata"]["uid"]:
        # said by two that check it
        raise invalid_fields(
            resource, stored.name, [Cause("metadata.uid", f'Invalid value: "{uid}": field is immutable')] * 2
        )
    if uid and uid != stored.body["metadata"]["uid"]:
        why = (
            f"Precondition failed: UID in precondition: {uid}, UID in object meta: "
            f"{stored.body['metadata']['uid']}"
        )
        raise conflict(resource, stored.name, why)
