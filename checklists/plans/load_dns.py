"""Reading a plan's part about DNS records: where they stand, and who changes them how."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

from .fields import HOST, argv, file_beside, matching
from .model import CONSOLES, PROVIDERS, Console, DnsPlan, ExternalDnsPlan, OctodnsPlan, Provider
from .yamlmarks import Marked, describe

KNOWN = (
    *("provider", "zone", "authoritative", "resolvers", "tsig_key_file", "low_ttl", "old_ttl"),
    *("console", "zone_id", "octodns", "external_dns", "command", "rehearse"),
)
_NEEDS: dict[Provider, tuple[str, str]] = {
    "rfc2136": ("tsig_key_file", "provider rfc2136 signs its updates: name a BIND key file"),
    "octodns": ("octodns", "provider octodns needs {config: FILE, provider: NAME}"),
    "command": ("command", "provider command needs the words of the command: [program, argument]"),
}
_ZONE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")


def dns(marked: Marked, directory: Path) -> DnsPlan:
    """The plan's ``dns``. UserError names the field and its line."""
    _refuse_secrets(marked)
    fields = marked.fields(KNOWN, ("provider", "zone", "authoritative", "low_ttl"))
    chosen = fields["provider"].choice(PROVIDERS)
    provider = next(one for one in PROVIDERS if one == chosen)
    needed, mend = _NEEDS.get(provider, ("", ""))
    if needed and needed not in fields:
        marked.child(needed).fail("is missing", mend)
    low_ttl = fields["low_ttl"].whole(1, 86400, "seconds")
    zone = _zone(fields["zone"])
    return DnsPlan(
        provider=provider,
        zone=zone,
        authoritative=tuple(_server(item) for item in fields["authoritative"].items(1)),
        low_ttl=low_ttl,
        resolvers=tuple(_server(item) for item in fields["resolvers"].items())
        if "resolvers" in fields
        else (),
        tsig_key_file=file_beside(fields["tsig_key_file"], directory) if "tsig_key_file" in fields else "",
        old_ttl=fields["old_ttl"].whole(low_ttl, 2**31 - 1, "seconds") if "old_ttl" in fields else None,
        console=_console(fields["console"]) if "console" in fields else "nsupdate",
        zone_id=matching(fields["zone_id"], _ZONE_ID, "the zone's id or name at its provider")
        if "zone_id" in fields
        else "",
        octodns=_octodns(fields["octodns"], directory) if "octodns" in fields else None,
        external_dns=_external_dns(fields["external_dns"]) if "external_dns" in fields else None,
        command=argv(fields["command"]) if "command" in fields else (),
        rehearse=_rehearse(fields["rehearse"], zone) if "rehearse" in fields else "",
    )


def _refuse_secrets(marked: Marked) -> None:
    if not isinstance(marked.value, dict):
        return
    for name in marked.value:
        if name not in KNOWN and re.search(r"secret|password|token|tsig_?key|^key$", name):
            marked.value[name].fail(
                "a secret does not belong in a plan", "put the key in a file: tsig_key_file"
            )


def _zone(marked: Marked) -> str:
    zone = marked.text().lower().removesuffix(".")
    if not HOST.match(zone) and "." in zone:
        marked.fail(f"expected a zone such as shop.test., got {describe(marked.value)}")
    return zone + "."


def _console(marked: Marked) -> Console:
    chosen = marked.choice(CONSOLES)
    return next(one for one in CONSOLES if one == chosen)


def _octodns(marked: Marked, directory: Path) -> OctodnsPlan:
    fields = marked.fields(("config", "provider"), ("config", "provider"))
    return OctodnsPlan(file_beside(fields["config"], directory), fields["provider"].text())


def _external_dns(marked: Marked) -> ExternalDnsPlan:
    fields = marked.fields(("owner", "write"))
    write = fields["write"].choice(("annotations", "patch")) if "write" in fields else "patch"
    return ExternalDnsPlan(
        owner=fields["owner"].text() if "owner" in fields else "",
        write="annotations" if write == "annotations" else "patch",
    )


def _rehearse(marked: Marked, zone: str) -> str:
    name = matching(marked, HOST, "a host name in lower case without a trailing dot")
    if not f".{name}.".endswith(f".{zone}"):
        marked.fail(f"{name} is not in dns.zone {zone}", "choose a name in the zone that nobody uses")
    return name


def _server(marked: Marked) -> str:
    text = marked.text()
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        host, port = text, "53"
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        if not 1 <= int(port) <= 65535:
            raise ValueError(port)
    except ValueError:
        marked.fail(
            f"expected ADDRESS:PORT of a name server, got {describe(text)}", "for example 192.0.2.53:53"
        )
    return f"[{address}]:{int(port)}" if address.version == 6 else f"{address}:{int(port)}"
