"""From what ``-f`` names to the texts of manifests: files, folders and standard input, and nothing else.

A folder may be somebody else's repository, so only regular files are opened in it, links to folders are not
followed, and no file is read without a limit.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...cluster.errors import UserError
from ...cluster.text import clean

if TYPE_CHECKING:
    from ...cluster.documents import Documents, Manifest
    from ...cluster.yaml_text import BrokenTextError

STDIN = "-"
_ENDINGS = (".yaml", ".yml", ".json")
_LARGEST = 64 * 1024 * 1024
# a shell's `<(command)` and `/dev/stdin` are pipes that are open already
_OPEN_PIPES = ("/dev/fd/", "/proc/self/fd/", "/dev/stdin")


@dataclass(slots=True)
class Reading:
    """What was read, and what was not: each file is in exactly one of the lists.

    ``others`` hold no Kubernetes object (values of a chart, settings of CI); ``templates`` are no YAML
    before a program fills them in; ``broken`` are files of which nothing can be said.
    """

    manifests: list[Manifest] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    templates: list[BrokenTextError] = field(default_factory=list)
    broken: list[tuple[str, UserError]] = field(default_factory=list)


def read_all(names: Sequence[str], *, keep_going: bool) -> Reading:
    """Everything under ``names``. A file that is no YAML ends it with an error, unless ``keep_going``;
    a template does so only where it was named itself.

    Raises UserError.
    """
    from ...cluster.documents import read_manifest
    from ...cluster.yaml_text import BrokenTextError

    reading = Reading()
    for name, named in files(names):
        try:
            manifest = read_manifest(read_bytes(name), shown(name))
        except UserError as error:
            if isinstance(error, BrokenTextError) and error.template and not named:
                reading.templates.append(error)
            elif keep_going:
                reading.broken.append((shown(name), error))
            else:
                raise
            continue
        if manifest.objects:
            reading.manifests.append(manifest)
        else:
            reading.others.append(manifest.file)
    return reading


def read_world(names: Sequence[str], namespace: str = "") -> Documents:
    """The closed world of everything under ``names``; ``namespace`` is where a document goes that names none.

    Raises UserError.
    """
    from ...cluster.documents import read_manifests

    return read_manifests(read_all(names, keep_going=False).manifests, namespace)


def files(names: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The files to read, in order, each once; and whether it was named itself and not found in a folder.

    Raises UserError for a name that is not there, and for a folder without any manifest.
    """
    seen: set[tuple[int, int]] = set()
    for name in names:
        if name == STDIN:
            yield name, True
            continue
        try:
            what = os.stat(name)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "this is no file name"
            raise UserError(f"-f {shown(name)}: {reason}", "name a file, a folder or -") from None
        if stat.S_ISDIR(what.st_mode):
            found = [one for one in _inside(name) if _first_time(one, seen)]
            if not found and not any(True for _ in _inside(name)):
                raise UserError(
                    f"-f {shown(name)}: no *.yaml, *.yml or *.json in this folder",
                    "name a folder with manifests",
                )
            yield from ((one, False) for one in found)
        elif _first_time(name, seen) or not stat.S_ISREG(what.st_mode):
            yield name, True


def _inside(folder: str) -> Iterator[str]:
    unlisted: list[str] = []
    walk = os.walk(folder, onerror=lambda error: unlisted.append(str(error.filename)))
    for root, folders, names in walk:
        folders.sort()
        for name in sorted(names):
            path = os.path.join(root, name)
            # isfile follows a link, and is false for one that leads nowhere, a pipe and a device
            if name.lower().endswith(_ENDINGS) and os.path.isfile(path):
                yield path
    # a folder that may not be read is told when it is read: it may hold anything
    yield from unlisted


def _first_time(path: str, seen: set[tuple[int, int]]) -> bool:
    # a mounted ConfigMap shows each file twice, once behind a link
    try:
        what = os.stat(path)
    except OSError:
        return True
    key = (what.st_dev, what.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True


def read_bytes(name: str) -> bytes:
    """The text of a file or of standard input. Raises UserError: not readable, too large, no file at all."""
    if name == STDIN:
        data = sys.stdin.buffer.read(_LARGEST + 1)
    else:
        try:
            data = _read_file(name)
        except OSError as error:
            raise UserError(
                f"{shown(name)} cannot be read: {error.strerror}", "check the path and its permissions"
            ) from None
    if len(data) > _LARGEST:
        raise UserError(f"{shown(name)} is larger than {_LARGEST >> 20} MB", "split it")
    return data


def _read_file(name: str) -> bytes:
    mode = os.stat(name).st_mode
    if stat.S_ISDIR(mode):
        # only a folder that could not be listed comes here
        os.listdir(name)
    waiting = stat.S_ISFIFO(mode) and name.startswith(_OPEN_PIPES)
    if not waiting and not stat.S_ISREG(mode):
        raise _no_file(name)
    # it may have become a pipe since: without O_NONBLOCK one that nobody writes to would hold us for ever
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | (0 if waiting else os.O_NONBLOCK))
    with open(descriptor, "rb") as stream:
        if not waiting and not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _no_file(name)
        return stream.read(_LARGEST + 1)


def _no_file(name: str) -> UserError:
    return UserError(f"{shown(name)} is no regular file", f"to read a pipe: -f {STDIN} < pipe")


def shown(name: str) -> str:
    """A file's name, safe to print; a usual name is left as it is."""
    return clean(name, 4096)
