"""Running a credential plugin of a kubeconfig (client.authentication.k8s.io).

The official client only logs a plugin that fails and then sends requests without credentials, and on a
terminal it lends the plugin stdin and stderr, which would corrupt the screen. So it is run here.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import UserError
from ..text import clean

_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class ExecCredential:
    """What the plugin gave. Nothing of it may reach a text, so repr shows nothing."""

    token: str = field(default="", repr=False)
    certificate_pem: str = field(default="", repr=False)
    key_pem: str = field(default="", repr=False)
    expires: str = ""


def run_exec_plugin(
    config: Mapping[str, Any], cluster: Mapping[str, Any], timeout_s: float = _TIMEOUT_S
) -> ExecCredential:
    """Run the plugin without a terminal. Raises UserError where it is missing, fails, or says nothing."""
    command = config.get("command")
    if not isinstance(command, str) or not command:
        raise UserError("the kubeconfig's credential plugin names no command", "mend the user's exec entry")
    arguments = [str(argument) for argument in config.get("args") or ()]
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own kubeconfig names it
            [command, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=_environment(config, cluster),
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError:
        hint = clean(config.get("installHint") or "install it, or put it into PATH", 200)
        raise UserError(f"the credential plugin {clean(command, 120)} is not installed", hint) from None
    except subprocess.TimeoutExpired:
        raise UserError(
            f"the credential plugin {clean(command, 120)} did not answer within {timeout_s:.0f} s",
            "run it by hand; it may be waiting for a login",
        ) from None
    except OSError as error:
        raise UserError(
            f"the credential plugin {clean(command, 120)} cannot be run: {error.strerror}", "check the file"
        ) from None
    if done.returncode != 0:
        said = clean(done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2], 200)
        raise UserError(
            f"the credential plugin {clean(command, 120)} failed with exit code {done.returncode}"
            + (f": {said}" if said else ""),
            "log in again with the tool that it belongs to",
        )
    return _parse(done.stdout, command, str(config.get("apiVersion", "")))


def _environment(config: Mapping[str, Any], cluster: Mapping[str, Any]) -> dict[str, str]:
    spec: dict[str, Any] = {"interactive": False}
    if config.get("provideClusterInfo"):
        spec["cluster"] = _cluster_info(cluster)
    info = {"apiVersion": config.get("apiVersion"), "kind": "ExecCredential", "spec": spec}
    environment = {**os.environ, "KUBERNETES_EXEC_INFO": json.dumps(info)}
    for item in config.get("env") or ():
        if isinstance(item, Mapping) and "name" in item:
            environment[str(item["name"])] = str(item.get("value", ""))
    return environment


def _cluster_info(cluster: Mapping[str, Any]) -> dict[str, Any]:
    info = {
        name: cluster[name]
        for name in ("server", "certificate-authority-data", "insecure-skip-tls-verify", "tls-server-name")
        if name in cluster
    }
    for extension in cluster.get("extensions") or ():
        if isinstance(extension, Mapping) and extension.get("name") == "client.authentication.k8s.io/exec":
            info["config"] = extension.get("extension")
    return info


def _parse(output: bytes, command: str, api_version: str) -> ExecCredential:
    try:
        document = json.loads(output)
        status = document["status"]
        found_version = str(document["apiVersion"])
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"the credential plugin {clean(command, 120)} printed no ExecCredential", "run it by hand"
        ) from None
    if api_version and found_version != api_version:
        raise UserError(
            f"the credential plugin {clean(command, 120)} speaks {clean(found_version, 80)}, "
            f"but the kubeconfig asks for {clean(api_version, 80)}",
            "change apiVersion in the user's exec entry",
        )
    credential = ExecCredential(
        token=str(status.get("token") or ""),
        certificate_pem=str(status.get("clientCertificateData") or ""),
        key_pem=str(status.get("clientKeyData") or ""),
        expires=str(status.get("expirationTimestamp") or ""),
    )
    if not credential.token and not (credential.certificate_pem and credential.key_pem):
        raise UserError(
            f"the credential plugin {clean(command, 120)} gave neither token nor certificate with key",
            "log in again with the tool that it belongs to",
        )
    return credential
