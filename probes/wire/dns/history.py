"""What name servers were seen to serve, kept in a small file of JSON lines from one look to the next."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import platformdirs

from ....cluster.errors import UserError
from ....cluster.text import clean
from .answers import DnsAnswer
from .facts import AUTHORITATIVE, DnsFacts, DnsServerFacts
from .names import absolute
from .walk import answered
from .zones import Sighting

_STATE_DIR_VARIABLE = "POINTSMAN_STATE_DIR"
_LARGEST = 2_000_000
_UNCHANGED_EVERY_S = 30.0
_TYPES = ("A", "AAAA", "CNAME", "HTTPS")
_plain = re.compile(r"[a-z0-9_-][a-z0-9._-]{0,200}")
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Sighting)


def history_path(name: str) -> Path:
    """Where the record of ``name`` is kept: below ``POINTSMAN_STATE_DIR``, else the user's own state."""
    directory = os.environ.get(_STATE_DIR_VARIABLE)
    base = Path(directory) if directory else platformdirs.user_state_path("pointsman")
    plain = name.lower().rstrip(".")
    if not _plain.fullmatch(plain):
        plain = hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()[:32]
    return base / "dns" / f"{plain}.jsonl"


def sightings(facts: DnsFacts) -> tuple[Sighting, ...]:
    """What this look saw at the name itself, on every server that answered."""
    owner = absolute(facts.target.name)
    return tuple(
        seen
        for server in facts.servers
        for answer in server.answers
        if answer.type in _TYPES and answered(answer) and (answer.aa or server.kind != AUTHORITATIVE)
        for seen in _seen(facts.at, owner, server, answer)
    )


def _seen(at: float, owner: str, server: DnsServerFacts, answer: DnsAnswer) -> Iterable[Sighting]:
    at_name = [rrset for rrset in answer.rrsets if rrset.owner == owner]
    for rrset in at_name:
        if rrset.type == answer.type:
            yield Sighting(at, owner, server.address, rrset.type, rrset.ttl, rrset.values, server.kind)
    if not at_name and answer.negative_ttl is not None:
        yield Sighting(at, owner, server.address, answer.type, answer.negative_ttl, (), server.kind)


def read_history(path: Path) -> tuple[Sighting, ...]:
    """All sightings in the file, oldest first; lines that cannot be read are left out; none: no such file.

    Raises UserError where the file is there and cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            raw = file.read(2 * _LARGEST)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise UserError(
            f"{clean(path)}: cannot be read: {error.strerror}", "name another --record file"
        ) from None
    found = []
    for line in raw.splitlines():
        try:
            found.append(_cleaned(_decoder.decode(line)))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return tuple(sorted(found, key=lambda seen: seen.at))


def _cleaned(seen: Sighting) -> Sighting:
    return replace(
        seen,
        name=clean(seen.name, 300),
        server=clean(seen.server, 120),
        type=clean(seen.type, 20),
        values=tuple(clean(value, 300) for value in seen.values[:50]),
    )


def record(path: Path, new: Sequence[Sighting], *, always: bool = True) -> bool:
    """Append one look; whether it was written. Without ``always`` a look like the one before is left out
    unless half a minute has passed.

    The file is private (0600) and bounded: beyond 2 MB the older half goes. Raises UserError.
    """
    if not new:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            raw = file.read(2 * _LARGEST)
            if not always and not _is_news(raw, new):
                return False
            if len(raw) > _LARGEST:
                raw = raw[raw.find(b"\n", len(raw) // 2) + 1 :]
                file.seek(0)
                file.truncate()
                _write(file.fileno(), raw)
            file.seek(0, os.SEEK_END)
            lines = b"".join(_encoder.encode(seen) + b"\n" for seen in new)
            # a line that was torn by a crash must not swallow the next one
            _write(file.fileno(), (b"" if not raw or raw.endswith(b"\n") else b"\n") + lines)
    except OSError as error:
        words = error.strerror or type(error).__name__
        raise UserError(f"{clean(path)}: cannot be written: {words}", "name another --record file") from None
    return True


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _is_news(raw: bytes, new: Sequence[Sighting]) -> bool:
    last: list[Sighting] = []
    for line in reversed(raw.splitlines()[-500:]):
        try:
            seen = _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if last and seen.at != last[0].at:
            break
        last.append(seen)
    if not last or new[0].at - last[0].at >= _UNCHANGED_EVERY_S:
        return True
    return _shown(last) != _shown(new)


def _shown(seen: Iterable[Sighting]) -> set[tuple[object, ...]]:
    # a resolver's TTL runs down: that is no news
    return {
        (one.name, one.server, one.type, one.values, one.ttl if one.kind == AUTHORITATIVE else 0)
        for one in seen
    }
