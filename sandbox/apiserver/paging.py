"""Lists in pages: what a continue token stands for, and for how long."""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from .history import Stored
from .kinds import Resource
from .problems import bad_request, expired
from .storage import Storage

# A paged list is consistent: later pages come from the picture of the first. So many pictures are kept.
KEPT_PICTURES = 32


_VERSION = "meta.k8s.io/v1"
_UNREADABLE = "invalid continue token: continue key is not valid"
# a token of this version goes on in whatever is there by then
_WHATEVER_IS_NOW = -1


class _Token(msgspec.Struct, forbid_unknown_fields=True):
    v: str
    rv: int
    start: str


@dataclass(frozen=True, slots=True)
class Picture:
    """All objects of a kind as they were at one version."""

    version: int
    items: Sequence[Stored]


class Pages:
    """The pictures that open continue tokens refer to."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._pictures: OrderedDict[tuple[tuple[str, str], int], Picture] = OrderedDict()

    def now(self, resource: Resource) -> Picture:
        return Picture(self._storage.version, self._storage.all_of(resource))

    def token(self, resource: Resource, picture: Picture, next_item: Stored) -> str:
        """A token that goes on with `next_item`; keeps the picture for it."""
        key = (resource.key, picture.version)
        self._pictures[key] = picture
        self._pictures.move_to_end(key)
        while len(self._pictures) > KEPT_PICTURES:
            self._pictures.popitem(last=False)
        return _encoded(_Token(_VERSION, picture.version, f"{next_item.namespace}/{next_item.name}"))

    def resume(self, resource: Resource, token: str) -> tuple[Picture, tuple[str, str]]:
        """The picture and the (namespace, name) to go on from. ApiError 400 or (too late) 410."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            decoded = msgspec.json.decode(raw, type=_Token)
        except (ValueError, binascii.Error, msgspec.MsgspecError):
            raise bad_request(f"{_UNREADABLE}: the token cannot be decoded") from None
        namespace, separator, name = decoded.start.partition("/")
        if decoded.v != _VERSION or not separator:
            raise bad_request(f"{_UNREADABLE}: unknown token version")
        if decoded.rv == _WHATEVER_IS_NOW:
            return self.now(resource), (namespace, name)
        picture = self._pictures.get((resource.key, decoded.rv))
        if picture is None or decoded.rv < self._storage.compacted:
            raise expired(
                "The provided continue parameter is too old to display a consistent list result. "
                "You can start a new list without the continue parameter, or use the continue token in this "
                "response to retrieve the remainder of the results. Continuing with the provided token "
                "results in an inconsistent list - objects that were created, modified, or deleted between "
                "the time the first chunk was returned and now may show up in the list.",
                _encoded(_Token(_VERSION, _WHATEVER_IS_NOW, decoded.start)),
            )
        return picture, (namespace, name)

    def at(self, resource: Resource, version: int) -> Picture:
        """The picture of exactly that version, if it is the present or still kept. Raises ApiError 410."""
        if version == self._storage.version:
            return self.now(resource)
        kept = self._pictures.get((resource.key, version))
        if kept is None:
            raise expired("The resourceVersion for the provided list is too old.")
        return kept


def _encoded(token: _Token) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).rstrip(b"=").decode("ascii")
