"""Reading which differences between the sides somebody accepts, by path and field."""

from __future__ import annotations

from ...probes.wire.parity.waivers import NEVER, Waiver
from .yamlmarks import Marked


def accepted(marked: Marked, where: str) -> Waiver:
    """The waiver ``{path, field, reason}``, with ``host`` where only that one is meant.

    Raises UserError with file, line and field.
    """
    fields = marked.fields(("path", "field", "reason", "host"), ("path", "field", "reason"))
    path, named = fields["path"].text(), fields["field"].text()
    if not path.startswith(("/", "*")):
        fields["path"].fail("expected a path that begins with / or *", "for example /api/*")
    if named.upper() in NEVER:
        fields["field"].fail("protection that is lost cannot be waived", "attach the policy to the route")
    host = fields["host"].text() if "host" in fields else ""
    return Waiver(path, named, fields["reason"].text(), host, where)
