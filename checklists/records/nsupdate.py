"""A change as an operator makes it by hand: an nsupdate script, zone-file lines, plain words. Pure."""

from __future__ import annotations

import shlex

from .base import TYPES, RecordChange


def nsupdate_script(change: RecordChange, server: str, key_file: str = "") -> tuple[str, ...]:
    """Lines to paste into a shell: nsupdate with the same preconditions that Pointsman uses (but the SOA)."""
    host, _, port = server.rpartition(":")
    command = f"nsupdate -v -k {shlex.quote(key_file)} <<'END'" if key_file else "nsupdate -v <<'END'"
    lines = [command, f"server {host.strip('[]')} {port}", f"zone {change.zone}"]
    before = {(item.host, item.type): item for item in change.before}
    after = {(item.host, item.type): item for item in change.after}
    for name in change.hosts:
        for kind in TYPES:
            item = before.get((name, kind))
            if item is None:
                lines.append(f"prereq nxrrset {name}. {kind}")
            else:
                lines += [f"prereq yxrrset {name}. {kind} {value}" for value in item.values]
    for key, item in sorted(before.items()):
        if after.get(key) != item:
            lines.append(f"update delete {item.host}. {item.type}")
    for key, item in sorted(after.items()):
        if before.get(key) != item:
            lines += [f"update add {item.host}. {item.ttl} {item.type} {value}" for value in item.values]
    return (*lines, "send", "END")


def zone_lines(change: RecordChange) -> tuple[str, ...]:
    """The records as a zone file has them after the change."""
    return tuple(
        f"{item.host}. {item.ttl} IN {item.type} {value}"
        for item in sorted(change.after)
        for value in item.values
    )


def plain_words(change: RecordChange) -> tuple[str, ...]:
    """The change in the words that every provider's console understands."""
    before = {(item.host, item.type): item for item in change.before}
    after = {(item.host, item.type): item for item in change.after}
    lines = []
    for key, item in sorted(after.items()):
        if before.get(key) != item:
            verb = "set" if key in before else "add"
            lines.append(f"{verb} {item.type} of {item.host} to {', '.join(item.values)} with TTL {item.ttl}")
    lines += [
        f"remove {item.type} of {item.host}" for key, item in sorted(before.items()) if key not in after
    ]
    return tuple(lines)
