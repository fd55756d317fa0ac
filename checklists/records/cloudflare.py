"""A change for Cloudflare's API: records are compared first, then edited in one transaction. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from .base import TYPES, RecordChange, RecordSet

API = "https://api.cloudflare.com/client/v4"
LEAST_TTL_S = 60
_AUTOMATIC_TTL_S = 300

# what is there, in the form of ``want``: name, type, TTL (1 is "automatic"), sorted contents
_SETS = (
    f"map(select(.type as $t | {json.dumps(TYPES)} | index($t))) | group_by([.name, .type])"
    f" | map([.[0].name, .[0].type, (.[0].ttl | if . == 1 then {_AUTOMATIC_TTL_S} else . end),"
    " (map(.content) | sort)])"
)
_BODY = (
    ". as $now | def id($r): $now[] | select(.name == $r[0] and .type == $r[1] and .content == $r[2]) | {id};"
    " {deletes: [$edit.deletes[] | id(.)], patches: [$edit.patches[] | id(.record) + .set],"
    " posts: $edit.posts} | with_entries(select(.value | length > 0))"
)


def cloudflare(change: RecordChange, zone_argument: str, api: str = API) -> tuple[str, ...]:
    """A script for curl and jq. ``zone_argument`` is quoted for the shell already."""
    want = [[item.host, item.type, item.ttl, _contents(item)] for item in sorted(change.before)]
    hosts = " ".join(shlex.quote(host) for host in change.hosts)
    too_low = any(after and after.ttl < LEAST_TTL_S for _, after in change.differing)
    reading = f'for host in {hosts}; do ask "${{records}}?per_page=1000&name.exact=$host"; done'
    comparing = f'jq -e --argjson want "$want" {shlex.quote(_SETS + " | . == $want")} >/dev/null'
    return (
        "# The token comes from CLOUDFLARE_API_TOKEN and stands nowhere else. The records are compared,",
        "# then edited in one batch: all or nothing in the database, though its parts may reach name servers",
        "# one after the other. Cloudflare compares nothing: a change by somebody else in that second is",
        "# overwritten.",
        *((f"# A TTL below {LEAST_TTL_S} s is taken for Enterprise zones only.",) if too_low else ()),
        "( set -eu",
        f"zone={zone_argument}",
        f"records={shlex.quote(api)}/zones/$zone/dns_records",
        # by a pipe: what stands on a command line can be read by every process
        'header() { printf \'header = "Authorization: Bearer %s"\\n\' "${CLOUDFLARE_API_TOKEN:?set it}"; }',
        "ask() { header | curl -sS --fail-with-body --config - -H 'Content-Type: application/json' \"$@\"; }",
        f"now=$({reading} | jq -s '[.[].result[]]')",
        f"want={shlex.quote(json.dumps(want))}",
        f"edit={shlex.quote(json.dumps(_edit(change)))}",
        f'printf %s "$now" | {comparing} || {{ echo "not as read: nothing was sent" >&2; exit 1; }}',
        f'body=$(printf %s "$now" | jq -c --argjson edit "$edit" {shlex.quote(_BODY)})',
        'ask -X POST "${records}/batch" --data-raw "$body"',
        ")",
    )


def _contents(item: RecordSet) -> list[str]:
    return sorted(value.rstrip(".") if item.type == "CNAME" else value for value in item.values)


def _edit(change: RecordChange) -> dict[str, Any]:
    """Records are changed in place where they can be: that keeps their comments and tags."""
    edit: dict[str, list[Any]] = {"deletes": [], "patches": [], "posts": []}
    for before, after in change.differing:
        for was, will in _paired(before, after):
            if after is None or will is None:
                assert before is not None
                edit["deletes"].append([before.host, before.type, was])
                continue
            content = {} if was == will else _content(after, will)
            if before is None or was is None:
                edit["posts"].append({"name": after.host, "type": after.type, "ttl": after.ttl, **content})
            elif content or before.ttl != after.ttl:
                record = [before.host, before.type, was]
                edit["patches"].append({"record": record, "set": {"ttl": after.ttl, **content}})
    return edit


def _paired(before: RecordSet | None, after: RecordSet | None) -> Iterator[tuple[str | None, str | None]]:
    """Each record that is there with the one it becomes."""
    old, new = (_contents(item) if item else [] for item in (before, after))
    yield from ((value, value) for value in old if value in new)
    gone = [value for value in old if value not in new]
    yield from zip_longest(gone, [value for value in new if value not in old])


def _content(item: RecordSet, value: str) -> dict[str, Any]:
    if item.type != "HTTPS":
        return {"content": value, "proxied": False}
    priority, target, *rest = value.split(maxsplit=2)
    return {"data": {"priority": int(priority), "target": target, "value": " ".join(rest)}}
