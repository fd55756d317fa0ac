"""The rule that a refused request lacks, so that whoever gives rights need not look for it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..text import clean

# API servers from 1.36 on name the verb that they asked about last (`impersonate-on:user-info:list`), and the
# resource with it; those before name the users
_IMPERSONATE = re.compile(r'cannot impersonate(?:-on:\S+|:\S+)? resource "([^"]*)"')
_AS = ("users", "groups", "serviceaccounts")
_WRITES = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Needed:
    """What an authorizer is asked about. ``resource`` may have a subresource; no ``namespace``: anywhere."""

    verb: str
    group: str
    resource: str
    namespace: str = ""

    @property
    def rule(self) -> str:
        """As a line of a Role's or ClusterRole's ``rules``."""
        group = self.group or '""'
        return f"{{apiGroups: [{group}], resources: [{self.resource}], verbs: [{self.verb}]}}"

    @property
    def mend(self) -> str:
        """Where that rule belongs."""
        where = f"a Role in {self.namespace}" if self.namespace else "a ClusterRole"
        return f"ask for {where} with the rule {self.rule}"


def needed_for(method: str, path: str, said: str = "") -> Needed | None:
    """The right that a request to the API needs; None for a path that is no resource (``/version``).

    ``said`` are the server's words: who may not be somebody else is refused whatever the path is.
    A GET of a collection is called ``list``. https://kubernetes.io/docs/reference/access-authn-authz/authorization/
    """
    as_whom = _IMPERSONATE.search(said)
    if as_whom:
        return Needed("impersonate", "", as_whom[1] if as_whom[1] in _AS else "users")
    words = [clean(word, 253) for word in path.strip("/").split("/")]
    if words[:1] == ["api"]:
        group, rest = "", words[2:]
    elif words[:1] == ["apis"]:
        group, rest = (words[1:2] or [""])[0], words[3:]
    else:
        return None
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    if not rest or not all(rest[:1]):
        return None
    resource = rest[0] + (f"/{rest[2]}" if len(rest) > 2 else "")
    verb = _WRITES.get(method) or ("get" if len(rest) > 1 else "list")
    return Needed(verb, group, resource, namespace)
