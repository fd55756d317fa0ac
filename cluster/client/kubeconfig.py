"""Reading kubeconfig files: several merged as kubectl does, every fault one clear line.

Merge rules: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
(the first file to set a value wins; relative paths are relative to the file that holds them).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..text import clean

_PATH_FIELDS = {
    "clusters": ("cluster", ("certificate-authority",)),
    "users": ("user", ("client-certificate", "client-key", "tokenFile")),
}
_LIMIT_BYTES = 16 * 1024 * 1024
# https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class ContextChoice:
    """One context, resolved. ``cluster`` and ``user`` may hold secrets, so they stay out of repr."""

    context: str
    namespace: str
    cluster: dict[str, Any] = field(repr=False)
    user: dict[str, Any] = field(repr=False)
    sources: tuple[str, ...] = ()


def kubeconfig_paths(explicit: str | None, environ: Mapping[str, str]) -> tuple[tuple[Path, ...], str]:
    """The files to read, in order, and how they were named (for messages)."""
    if explicit:
        return (Path(explicit).expanduser(),), "--kubeconfig"
    variable = environ.get("KUBECONFIG", "")
    named = [part for part in variable.split(os.pathsep) if part]
    if named:
        return tuple(Path(part).expanduser() for part in named), "KUBECONFIG"
    return (Path("~/.kube/config").expanduser(),), "the default place"


def in_cluster_context(environ: Mapping[str, str], directory: Path = SERVICE_ACCOUNT) -> ContextChoice | None:
    """The context of the pod that we run in, from its service account's ``directory``; None outside of pods.

    The token is named by its file, because the kubelet replaces it about once an hour.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not (directory / "token").is_file():
        return None
    namespace = "default"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        namespace = (directory / "namespace").read_text(encoding="utf-8")[:300].strip() or namespace
    bracketed = f"[{host}]" if ":" in host else host
    return ContextChoice(
        context="in-cluster",
        namespace=namespace,
        cluster={
            "server": f"https://{bracketed}:{port}",
            "certificate-authority": str(directory / "ca.crt"),
        },
        user={"tokenFile": str(directory / "token")},
    )


def load_context(paths: tuple[Path, ...], named_by: str, context: str | None) -> ContextChoice | None:
    """The wanted context (or the current one) of the merged files; None where no file exists.

    Raises UserError for a file that is named but missing, cannot be read or is no kubeconfig, for an
    unknown context, and for a context whose cluster or user is not there.
    """
    if named_by == "--kubeconfig" and not paths[0].exists():
        raise UserError(f"kubeconfig {paths[0]} does not exist", "check the path given with --kubeconfig")
    found = [path for path in paths if path.exists()]
    if not found:
        return None
    merged: dict[str, Any] = {"clusters": {}, "contexts": {}, "users": {}}
    for path in found:
        _merge(merged, _read(path), path)
    return _choose(merged, context, ", ".join(str(path) for path in found), found)


@dataclass(frozen=True, slots=True)
class ContextName:
    """One context to choose from; ``server`` is empty where its cluster is not there or names none."""

    name: str
    cluster: str
    server: str
    current: bool


def list_contexts(
    kubeconfig: str | None = None, environ: Mapping[str, str] | None = None
) -> tuple[ContextName, ...]:
    """Every context of the kubeconfig files by name, broken entries and files left out.

    All of it is safe to show: a name that is not (control characters, a kilobyte) is a broken entry.
    Raises UserError only where a named file is missing, or none of the files can be read.
    """
    paths, named_by = kubeconfig_paths(kubeconfig, os.environ if environ is None else environ)
    if named_by == "--kubeconfig" and not paths[0].exists():
        raise UserError(f"kubeconfig {paths[0]} does not exist", "check the path given with --kubeconfig")
    documents: list[dict[str, Any]] = []
    trouble: UserError | None = None
    for path in paths:
        if path.exists():
            try:
                documents.append(_read(path))
            except UserError as error:
                trouble = trouble or error
    if trouble is not None and not documents:
        raise trouble
    servers: dict[str, str] = {}
    contexts: dict[str, dict[str, Any]] = {}
    current = ""
    for document in documents:
        current = current or str(document.get("current-context") or "")
        for name, cluster in _entries(document, "clusters", "cluster"):
            servers.setdefault(name, str(cluster.get("server") or ""))
        for name, context in _entries(document, "contexts", "context"):
            contexts.setdefault(name, context)
    return tuple(
        ContextName(
            name=name,
            cluster=clean(context.get("cluster") or "", 200),
            server=_without_user(servers.get(str(context.get("cluster")), "")),
            current=name == current,
        )
        for name, context in sorted(contexts.items())
        if clean(name, 1000) == name
    )


def _entries(document: dict[str, Any], section: str, inner: str) -> Iterator[tuple[str, dict[str, Any]]]:
    entries = document.get(section)
    for entry in entries if isinstance(entries, list) else ():
        content = entry.get(inner) if isinstance(entry, dict) else None
        if isinstance(content, dict) and entry.get("name"):
            yield str(entry["name"]), content


def _without_user(server: str) -> str:
    # an address may hold a user and a password
    scheme, separator, rest = server.partition("://")
    return clean(f"{scheme}{separator}{rest.rpartition('@')[2]}", 200)


def _read(path: Path) -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        with path.open("rb") as stream:
            text = stream.read(_LIMIT_BYTES + 1)
        if len(text) > _LIMIT_BYTES:
            raise UserError(f"kubeconfig {path} is larger than 16 MB", "name the right file")
        document = yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
    except OSError as error:
        raise UserError(
            f"kubeconfig {path} cannot be read: {error.strerror}", "check the file's permissions"
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        # the problem's own text never quotes the line, which might hold a token
        raise UserError(
            f"kubeconfig {path}{where}: not YAML: {clean(error.problem, 120)}", "mend that line"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError):
        raise UserError(f"kubeconfig {path} is not YAML text", "name a kubeconfig file") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UserError(f"kubeconfig {path} is not a mapping of fields", "name a kubeconfig file")
    return document


def _merge(merged: dict[str, Any], document: dict[str, Any], path: Path) -> None:
    if document.get("current-context"):
        merged.setdefault("current-context", str(document["current-context"]))
    for section, inner in (("clusters", "cluster"), ("contexts", "context"), ("users", "user")):
        entries = document.get(section) or []
        if not isinstance(entries, list):
            raise UserError(f"kubeconfig {path}: {section} is not a list", "mend that field")
        for entry in entries:
            if not isinstance(entry, dict) or "name" not in entry:
                raise UserError(f"kubeconfig {path}: an entry of {section} has no name", "mend that entry")
            content = entry.get(inner) or {}
            if not isinstance(content, dict):
                raise UserError(
                    f"kubeconfig {path}: {section} {clean(entry['name'], 80)}: {inner} is not a mapping",
                    "mend that entry",
                )
            merged[section].setdefault(str(entry["name"]), _absolute(content, section, path))


def _absolute(content: dict[str, Any], section: str, path: Path) -> dict[str, Any]:
    content = dict(content)
    base = path.resolve().parent
    for name in _PATH_FIELDS.get(section, ("", ()))[1]:
        if isinstance(content.get(name), str) and content[name]:
            content[name] = str(base / content[name])
    plugin = content.get("exec")
    if section == "users" and isinstance(plugin, dict):
        command = plugin.get("command")
        # a bare name is looked up in PATH, a relative path is relative to the file (as kubectl does)
        if isinstance(command, str) and os.sep in command:
            content["exec"] = {**plugin, "command": str(base / command)}
    return content


def _choose(merged: dict[str, Any], wanted: str | None, where: str, found: list[Path]) -> ContextChoice:
    contexts: dict[str, Any] = merged["contexts"]
    known = ", ".join(clean(name, 80) for name in sorted(contexts)[:20]) or "none"
    name = wanted or merged.get("current-context")
    if not name:
        raise UserError(
            f"kubeconfig {where} names no current context", f"choose one with --context; known are: {known}"
        )
    if name not in contexts:
        raise UserError(f"context {clean(name, 80)} is not in {where}", f"known contexts are: {known}")
    context = contexts[name]
    cluster_name, user_name = context.get("cluster"), context.get("user")
    cluster = merged["clusters"].get(str(cluster_name))
    if not cluster_name or cluster is None:
        raise UserError(
            f"context {clean(name, 80)} names cluster {clean(cluster_name, 80)}, which is not in {where}",
            "add that cluster to the kubeconfig, or choose another context",
        )
    if not isinstance(cluster.get("server"), str) or not cluster["server"]:
        raise UserError(
            f"cluster {clean(cluster_name, 80)} in {where} names no server", "add its server address"
        )
    user = merged["users"].get(str(user_name)) if user_name else {}
    if user is None:
        raise UserError(
            f"context {clean(name, 80)} names user {clean(user_name, 80)}, which is not in {where}",
            "add that user to the kubeconfig, or choose another context",
        )
    return ContextChoice(
        context=str(name),
        namespace=str(context.get("namespace") or "default"),
        cluster=dict(cluster),
        user=dict(user),
        sources=tuple(str(path) for path in found),
    )
