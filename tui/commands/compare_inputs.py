"""What ``pointsman compare`` is given: sides, requests, waivers; and every mistake in them named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...cluster.errors import UserError
from ...cluster.text import clean
from ...probes.wire.address import is_address, split_endpoint
from ...probes.wire.parity.question import Question, Side
from ...probes.wire.parity.waivers import Waiver

if TYPE_CHECKING:
    from ...cluster.snapshot import Snapshot
    from ...probes.wire.parity.paths import HostRules
    from ...probes.wire.sources.asked import Asked


def side_of(name: str, text: str, plain_port: int | None, ca_file: str | None, *, only_plain: bool) -> Side:
    """A side of ``ADDR[:PORT]``. The port is that of https; of http where nothing else is asked.

    Raises UserError.
    """
    try:
        address, port = split_endpoint(text, 443)
        given = port if text.strip().strip("[]") != address else None
    except ValueError:
        address, given = "", None
    if not is_address(address):
        raise UserError(
            f"--{name} {clean(text, 80)!r}: expected an IP address, and a port where it is another",
            f"for example --{name} 192.0.2.10:443",
        )
    if only_plain:
        return Side(name, address, None, plain_port or given, ca_file)
    return Side(name, address, given, plain_port, ca_file)


def given_urls(urls: Sequence[str], timeout_s: float, place: str = "given") -> tuple[Question, ...]:
    """The URLs that were named. Raises UserError for one that cannot be asked."""
    found = []
    for url in urls:
        try:
            parts = urlsplit(url)
            fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            fine = False
        if not fine or not url.isprintable() or " " in url:
            raise UserError(
                f"{clean(url, 120)!r} is no URL to compare", "write it as https://HOST/PATH, encoded"
            )
        found.append(Question(url, place=place, why="it was named", timeout_s=timeout_s))
    return tuple(found)


def from_source(asked: Sequence[Asked], origins: Sequence[str], timeout_s: float) -> tuple[Question, ...]:
    """The requests of a source, each once.

    A source without host names needs ``origins``, the first of which stands in. Raises UserError.
    """
    found: dict[tuple[str, str], Question] = {}
    for one in asked:
        if not one.host and not origins:
            raise UserError(f"{clean(one.origin, 120)}: names no host", "say which: --host shop.example.com")
        origin = f"https://{one.host}" if one.host else origins[0]
        url = f"{origin}{one.target}"
        why = f"{clean(one.origin, 80)}, {one.count} times" if one.count > 1 else clean(one.origin, 80)
        question = Question(url, method=one.method, place="seen", why=why, timeout_s=timeout_s)
        found.setdefault((one.method, url), question)
    return tuple(found.values())


def hosts_to_ask(snapshot: Snapshot, ingresses: Sequence[str]) -> tuple[HostRules, ...]:
    """The hosts of the named Ingresses (``NS/NAME``), or of everything.

    Raises UserError for one that is not there.
    """
    from ...probes.state.world import world_of
    from ...probes.wire.parity.hosts import all_hosts, ingress_hosts

    world = world_of(snapshot)
    if not ingresses:
        return all_hosts(world)
    chosen = []
    for name in ingresses:
        namespace, slash, own = name.removeprefix("ingress/").rpartition("/")
        refs = [
            ref
            for ref in sorted(snapshot.ingresses)
            if ref.name == own and (not slash or ref.namespace == namespace)
        ]
        if not refs:
            raise UserError(
                f"--ingress {clean(name, 120)}: there is no such Ingress",
                "`pointsman twin` lists all that there are",
            )
        chosen += [snapshot.ingresses[ref] for ref in refs]
    return ingress_hosts(world, chosen)


def read_waivers(names: Sequence[str]) -> tuple[Waiver, ...]:
    """The waivers of YAML files: ``waivers: [{path, field, reason}]``, ``host`` optional.

    Raises UserError with file, line and field.
    """
    from ...checklists.plans.accepted import accepted
    from ...checklists.plans.yamlmarks import load_marked

    found: list[Waiver] = []
    for name in names:
        top = load_marked(Path(name)).fields(("waivers",), ("waivers",))
        found += [accepted(item, f"{item.file}:{item.line}") for item in top["waivers"].items()]
    return tuple(found)
