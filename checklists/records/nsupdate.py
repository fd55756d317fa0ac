"""A change as an nsupdate script (RFC 2136 by hand). Pure."""

from __future__ import annotations

import shlex

from .base import TYPES, RecordChange


def nsupdate_script(change: RecordChange, server: str, key_file: str = "") -> tuple[str, ...]:
    """Lines to paste into a shell: nsupdate with the same preconditions that Pointsman uses (but the SOA)."""
    host, _, port = server.rpartition(":")
    command = f"nsupdate -v -k {shlex.quote(key_file)} <<'END'" if key_file else "nsupdate -v <<'END'"
    lines = [command, f"server {host.strip('[]')} {port}", f"zone {change.zone}"]
    before = {(item.host, item.type): item for item in change.before}
    for name in change.hosts:
        for kind in TYPES:
            item = before.get((name, kind))
            if item is None:
                lines.append(f"prereq nxrrset {name}. {kind}")
            else:
                lines += [f"prereq yxrrset {name}. {kind} {value}" for value in item.values]
    for gone, _ in change.differing:
        if gone is not None:
            lines.append(f"update delete {gone.host}. {gone.type}")
    for _, come in change.differing:
        if come is not None:
            lines += [f"update add {come.host}. {come.ttl} {come.type} {value}" for value in come.values]
    return (*lines, "send", "END")
