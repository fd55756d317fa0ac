"""How one object of the cluster is named everywhere in Pointsman."""

from __future__ import annotations

import msgspec

GATEWAY_GROUP = "gateway.networking.k8s.io"


# a Struct and no dataclass: they are made and compared by the hundred thousand, and this is ten times as fast
class ObjectRef(msgspec.Struct, frozen=True, order=True, gc=False, cache_hash=True):
    """A reference to an object, or with ``section`` to a part of it (a listener, a rule).

    ``group`` is empty for the core API; ``namespace`` is empty for cluster-scoped kinds.
    """

    kind: str
    namespace: str
    name: str
    section: str = ""
    group: str = ""

    def __str__(self) -> str:
        path = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {path}/{self.section}" if self.section else f"{self.kind} {path}"

    def part(self, section: str) -> ObjectRef:
        """The same object, one of its sections."""
        return ObjectRef(self.kind, self.namespace, self.name, section, self.group)

    @property
    def whole(self) -> ObjectRef:
        """The same object without its section: the key under which it is stored."""
        return self.part("") if self.section else self
