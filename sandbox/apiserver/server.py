"""The HTTPS face of the practice cluster: one aiohttp application with one handler for every path."""

from __future__ import annotations

from pathlib import Path

from .kubeconfig import kubeconfig_text, write_private
from .storage import Storage


class ApiServer:
    def __init__(
        self, storage: Storage, certificate_file: Path | str, key_file: Path | str, token: str
    ) -> None:
        self.storage = storage
        self._token = token
        self.url = ""

    async def start(self, address: str = "127.0.0.1", port: int = 0) -> str:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError

    def write_kubeconfig(self, path: Path | str, ca_pem: bytes | str, token: str = "") -> None:
        """A kubeconfig (0600) for this server; `token` for another user than the administrator."""
        pem = ca_pem.encode() if isinstance(ca_pem, str) else ca_pem
        write_private(Path(path), kubeconfig_text(self.url, pem, token or self._token))
