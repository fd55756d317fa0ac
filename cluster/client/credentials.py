"""From a kubeconfig's context to what a connection asks with, with nothing left lying about."""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..text import clean
from .exec_plugin import run_exec_plugin
from .kubeconfig import ContextChoice
from .private_files import private_directory
from .settings import ServerSettings, bearer, server_settings

_EXPIRY_MARGIN = datetime.timedelta(seconds=60)
_TOKEN_FILE_SECONDS = 60.0
# a plugin whose token was refused is asked for another, but not by thirty watches in turn
_RENEW_AGAIN_SECONDS = 10.0


class Credentials:
    """The settings of one context, its private files, and how its token is kept fresh.

    ``generation`` counts how often the token or certificate was
    had anew, ``certificates`` how often a plugin gave a client certificate. Inline keys go to a directory of
    mode 0700 that ``close`` removes. Never shown: repr says only the context.
    """

    def __init__(self, choice: ContextChoice) -> None:
        self.context = choice.context
        self._choice = choice
        self._lock = threading.Lock()
        self._directory: Path | None = None
        self._expires: datetime.datetime | None = None
        self._token_read_at = 0.0
        self._renewed_at = float("-inf")
        self._renewal_failed: UserError | None = None
        self.generation = 0
        self.certificates = 0
        try:
            self.settings = self._configure()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"Credentials(context={self.context!r})"

    def close(self) -> None:
        """Remove the private files."""
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def headers(self, *, refresh: bool = True) -> list[tuple[str, str]]:
        """The headers that say who asks: the token (refreshed where it has to be) and impersonation.

        Without ``refresh`` the token is given as it is, and nothing is waited for. Raises UserError where a
        credential plugin fails: better no request than an anonymous one.
        """
        if refresh:
            self._refresh()
        who = self.settings.who_asks()
        pairs = [("Authorization", who)] if who else []
        return pairs + impersonation_headers(self._choice.user)

    def renew(self, generation: int) -> bool:
        """After a 401 to a request of that ``generation``: whether there are other credentials to ask with
        now.

        The credential plugin is run again, or the token file read again; not more often than every ten
        seconds, however many ask. Raises UserError where that fails.
        """
        with self._lock:
            if generation != self.generation:
                return True
            if time.monotonic() - self._renewed_at < _RENEW_AGAIN_SECONDS:
                if self._renewal_failed is not None:
                    raise self._renewal_failed
                return False
            self._renewed_at, self._renewal_failed = time.monotonic(), None
            try:
                return self._have_anew()
            except UserError as error:
                self._renewal_failed = error
                raise

    def _have_anew(self) -> bool:
        plugin, token_file = self._choice.user.get("exec"), self._choice.user.get("tokenFile")
        if token_file:
            return self._adopt(self._read_token(token_file))
        if plugin is not None and not self._choice.user.get("token"):
            self._run_again(plugin)
            return True
        return False

    def _configure(self) -> ServerSettings:
        cluster = self._inline(self._choice.cluster, ("certificate-authority",), "cluster")
        user = self._inline(self._choice.user, ("client-certificate", "client-key"), "user")
        plugin = user.pop("exec", None)
        token_file = user.pop("tokenFile", None)
        if token_file:
            user["token"] = self._read_token(token_file)
        if plugin is not None and not user.get("token"):
            user.update(self._from_plugin(plugin))
        return server_settings(self.context, cluster, user)

    def _private(self) -> Path:
        if self._directory is None:
            self._directory = private_directory()
        return self._directory

    def _inline(self, content: dict[str, Any], names: tuple[str, ...], what: str) -> dict[str, Any]:
        content = dict(content)
        for name in names:
            data = content.pop(f"{name}-data", None)
            if data:
                try:
                    decoded = base64.b64decode("".join(str(data).split()), validate=True)
                except (binascii.Error, ValueError):
                    raise UserError(
                        f"context {clean(self.context, 80)}: {name}-data of its {what} is not base64",
                        "mend that field of the kubeconfig",
                    ) from None
                content[name] = self._write(f"{what}-{name}", decoded)
        return content

    def _write(self, name: str, data: bytes) -> str:
        path = self._private() / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        return str(path)

    def _from_plugin(self, plugin: dict[str, Any]) -> dict[str, str]:
        credential = run_exec_plugin(plugin, self._choice.cluster)
        self._expires = _parse_time(credential.expires)
        if credential.token:
            return {"token": credential.token}
        return {
            "client-certificate": self._write("exec-certificate", credential.certificate_pem.encode()),
            "client-key": self._write("exec-key", credential.key_pem.encode()),
        }

    def _read_token(self, path: object) -> str:
        try:
            token = Path(str(path)).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            token = ""
        if not token:
            raise UserError(
                f"context {clean(self.context, 80)}: token file {clean(path, 200)} is empty or unreadable",
                "check tokenFile in the kubeconfig",
            )
        self._token_read_at = time.monotonic()
        return token

    def _refresh(self) -> None:
        token_file = self._choice.user.get("tokenFile")
        if token_file and time.monotonic() - self._token_read_at > _TOKEN_FILE_SECONDS:
            # the kubelet replaces a pod's token about once an hour
            with self._lock:
                self._adopt(self._read_token(token_file))
        plugin = self._choice.user.get("exec")
        if plugin is None or self._expires is None:
            return
        with self._lock:
            if datetime.datetime.now(datetime.UTC) >= self._expires - _EXPIRY_MARGIN:
                self._run_again(plugin)

    def _run_again(self, plugin: dict[str, Any]) -> None:
        fresh = self._from_plugin(plugin)
        if "token" in fresh:
            self._adopt(fresh["token"])
        else:
            self.certificates += 1
            self.generation += 1

    def _adopt(self, token: str) -> bool:
        value = bearer(token)
        changed = self.settings.authorization != value
        self.settings.authorization = value
        self.generation += changed
        return changed


def impersonation_headers(user: dict[str, Any]) -> list[tuple[str, str]]:
    """``as`` and its companions of a kubeconfig's user, which the official client ignores.

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
    """
    if not user.get("as"):
        return []
    headers = [("Impersonate-User", str(user["as"]))]
    headers += [("Impersonate-Group", str(group)) for group in user.get("as-groups") or ()]
    if user.get("as-uid"):
        headers.append(("Impersonate-Uid", str(user["as-uid"])))
    for key, values in (user.get("as-user-extra") or {}).items():
        headers += [(f"Impersonate-Extra-{key}", str(value)) for value in values or ()]
    return headers


def _parse_time(text: str) -> datetime.datetime | None:
    with contextlib.suppress(ValueError):
        moment = datetime.datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    return None
