"""A change as its operator types it at the provider's own tool: whole, to be copied, and guarded where the
provider can guard it. Pure.

What guards it stands in comments above each text. A text that cannot guard a change by somebody else compares
first, and says that a moment is left.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable

from ...cluster.text import clean
from ..plans.model import Console, DnsPlan
from .base import RecordChange, RecordSet
from .cloudflare import cloudflare
from .nsupdate import nsupdate_script

_AZURE_API = "2018-05-01"
_AZURE_FIELDS = {"A": ("ARecords", "ipv4Address"), "AAAA": ("AAAARecords", "ipv6Address")}


def console_text(change: RecordChange, dns: DnsPlan) -> tuple[str, ...]:
    """The change in words, and for the plan's ``dns.console``, line by line."""
    spoken = plain_words(change)
    if not _printable(change):
        return ("a record holds characters that no command can be made of; change it by hand:", *spoken)
    if not change.differing:
        return ("nothing is to be changed",)
    return (*comments(spoken), *_WRITERS[dns.console](change, dns))


def comments(lines: Iterable[str]) -> tuple[str, ...]:
    """The lines as comments of a shell that no shell can trip over."""
    # zsh reads comments as commands where a person types: nothing in them may open a quote
    return tuple(
        "# " + "".join(character for character in clean(line) if character not in "'\"`\\$();&|<>!#")
        for line in lines
    )


def plain_words(change: RecordChange) -> tuple[str, ...]:
    """The change in the words that every provider's console understands."""
    lines = [
        f"{'add' if before is None else 'set'} {after.type} of {after.host} "
        f"to {', '.join(after.values)} with TTL {after.ttl}"
        for before, after in change.differing
        if after is not None
    ]
    gone = [before for before, after in change.differing if before is not None and after is None]
    lines += [f"remove {item.type} of {item.host}" for item in gone]
    return tuple(clean(line) for line in lines)


def zone_lines(change: RecordChange) -> tuple[str, ...]:
    """The records as a zone file has them after the change."""
    return tuple(
        f"{item.host}. {item.ttl} IN {item.type} {value}"
        for item in sorted(change.after)
        for value in item.values
    )


def route53(change: RecordChange, zone_id: str) -> tuple[str, ...]:
    """One batch of DELETE and CREATE: a DELETE names the set exactly, so the batch swaps or does nothing."""
    batch = {
        "Comment": f"pointsman {change.purpose} {change.digest}",
        "Changes": [_route53_change("DELETE", before) for before, _ in change.differing if before]
        + [_route53_change("CREATE", after) for _, after in change.differing if after],
    }
    return (
        "# One batch, all or nothing. DELETE wants TTL and values exactly as they are: where somebody else",
        "# changed one of these sets, or it is an alias, Route 53 refuses the batch with InvalidChangeBatch.",
        "# Sets that do not change are not guarded.",
        "aws route53 change-resource-record-sets \\",
        f"  --hosted-zone-id {_zone_argument(zone_id, 'the id of the hosted zone')} \\",
        *f"  --change-batch {shlex.quote(json.dumps(batch, indent=1))}".split("\n"),
    )


def _route53_change(action: str, item: RecordSet) -> dict[str, object]:
    records = [{"Value": value} for value in item.values]
    resource = {"Name": f"{item.host}.", "Type": item.type, "TTL": item.ttl, "ResourceRecords": records}
    return {"Action": action, "ResourceRecordSet": resource}


def cloud_dns(change: RecordChange, zone_id: str) -> tuple[str, ...]:
    """A transaction: its removals name each set exactly, and the zone's SOA is swapped with them."""
    file = f"pointsman-{change.digest}.yaml"
    common = f"--zone={_zone_argument(zone_id, 'the name of the managed zone')} --transaction-file={file}"
    command = f"gcloud dns record-sets transaction %s {common}"
    steps = [f"rm -f {file}", command % "start"]
    steps += [_cloud_dns_step(command % "remove", before) for before, _ in change.differing if before]
    steps += [_cloud_dns_step(command % "add", after) for _, after in change.differing if after]
    return (
        "# One transaction, all or nothing. A removal wants TTL and values exactly as they are, and the SOA",
        "# is swapped with it: where anybody changed the zone after its start, Cloud DNS refuses it.",
        *(f"{step} &&" for step in steps),
        command % "execute",
    )


def _cloud_dns_step(command: str, item: RecordSet) -> str:
    values = " ".join(shlex.quote(value) for value in item.values)
    return f"{command} --name={shlex.quote(item.host + '.')} --type={item.type} --ttl={item.ttl} -- {values}"


def azure(change: RecordChange, zone: str, resource_group: str) -> tuple[str, ...]:
    """A request for each set, guarded by its etag; Azure DNS has none for several sets."""
    group = _zone_argument(resource_group, "the resource group of the zone")
    changes = sorted(change.differing, key=lambda pair: pair[1] is not None)
    if any(item.type == "HTTPS" for pair in changes for item in pair if item):
        return ("# Azure DNS keeps no HTTPS records: this change is not one of a zone there.",)
    # az puts the subscription in by itself
    holder = f"'/subscriptions/{{subscriptionId}}/resourceGroups/'{group}"
    numbered = [(number, before, after) for number, (before, after) in enumerate(changes, 1)]
    return (
        "# A request for each set, and none unless all are as read. An etag goes along, and Azure refuses",
        "# the request where somebody changed the set in between.",
        "# Azure DNS cannot change several sets together: between two requests they differ, and a CNAME",
        "# that makes room for an address is gone for a moment.",
        "( set -eu",
        f"zone={holder}{shlex.quote('/providers/Microsoft.Network/dnsZones/' + zone.rstrip('.'))}",
        "as_read() { case $1 in ''|false|null) echo 'not as read: nothing was sent' >&2; exit 1;; esac; }",
        *(line for number, before, _ in numbered if before for line in _azure_look(number, before, zone)),
        *(_azure_request(number, before, after, zone) for number, before, after in numbered),
        ")",
    )


def _azure_url(item: RecordSet, zone: str) -> str:
    apex = zone.rstrip(".")
    label = "@" if item.host == apex else item.host.removesuffix(f".{apex}")
    return f'"$zone"{shlex.quote(f"/{item.type}/{label}?api-version={_AZURE_API}")}'


def _azure_look(number: int, before: RecordSet, zone: str) -> tuple[str, ...]:
    query = shlex.quote(_azure_query(before))
    look = f"az rest --method get --url {_azure_url(before, zone)} --query {query} --output tsv"
    return (f"etag{number}=$({look})", f'as_read "$etag{number}"')


def _azure_request(number: int, before: RecordSet | None, after: RecordSet | None, zone: str) -> str:
    item = before or after
    assert item is not None
    guard = f'"If-Match=$etag{number}"' if before else "'If-None-Match=*'"
    # a patch keeps the metadata of the set
    method = "delete" if after is None else "patch" if before else "put"
    body = f" --body {shlex.quote(json.dumps({'properties': _azure_properties(after)}))}" if after else ""
    return f"az rest --method {method} --url {_azure_url(item, zone)} --headers {guard}{body}"


def _azure_properties(item: RecordSet) -> dict[str, object]:
    if item.type == "CNAME":
        return {"TTL": item.ttl, "CNAMERecord": {"cname": item.values[0].rstrip(".")}}
    records, field = _AZURE_FIELDS[item.type]
    return {"TTL": item.ttl, records: [{field: value} for value in item.values]}


def _azure_query(item: RecordSet) -> str:
    """The etag where the set is exactly as read, false where it is not."""
    if item.type == "CNAME":
        values = "[properties.CNAMERecord.cname]"
        expected = [item.values[0].rstrip(".")]
    else:
        records, field = _AZURE_FIELDS[item.type]
        values, expected = f"sort(properties.{records}[].{field})", sorted(item.values)
    literal = json.dumps(expected).replace("`", "\\u0060")
    return f"properties.TTL == `{item.ttl}` && {values} == `{literal}` && etag"


def zone_file(change: RecordChange, dns: DnsPlan) -> tuple[str, ...]:
    """The lines as they are to be, and what a file needs besides."""
    host, _, port = dns.authoritative[0].rpartition(":")
    gone = [f"- {line}" for item, _ in change.differing if item is not None for line in item.lines]
    return (
        "# Nothing guards a file: look that these lines are still as read, and nobody else edits it.",
        *comments(gone),
        "# From now on the hosts have these lines and no others of these types:",
        *zone_lines(change),
        "# Then raise the serial of the SOA: without it secondaries transfer nothing. It is now:",
        f"dig +short +norecurse @{host.strip('[]')} -p {port} {shlex.quote(dns.zone)} SOA",
    )


def _nsupdate(change: RecordChange, dns: DnsPlan) -> tuple[str, ...]:
    return (
        "# One message, all or nothing. The server refuses it where a value is no longer as read. It does",
        "# not compare TTLs.",
        *nsupdate_script(change, dns.authoritative[0], dns.tsig_key_file),
    )


def _zone_argument(zone_id: str, what: str) -> str:
    # an empty one stops the shell with these words, instead of changing some other zone
    return shlex.quote(zone_id) if zone_id else f'"${{ZONE_ID:?set it to {what}}}"'


def _printable(change: RecordChange) -> bool:
    words = [change.zone, *change.hosts]
    words += [text for item in (*change.before, *change.after) for text in (item.host, *item.values)]
    return all(word.isascii() and word.isprintable() for word in words)


_Writer = Callable[[RecordChange, DnsPlan], tuple[str, ...]]
_WRITERS: dict[Console, _Writer] = {
    "nsupdate": _nsupdate,
    "zone-file": zone_file,
    "route53": lambda change, dns: route53(change, dns.zone_id),
    "cloudflare": lambda change, dns: cloudflare(change, _zone_argument(dns.zone_id, "the id of the zone")),
    "cloud-dns": lambda change, dns: cloud_dns(change, dns.zone_id),
    "azure": lambda change, dns: azure(change, dns.zone, dns.zone_id),
}
