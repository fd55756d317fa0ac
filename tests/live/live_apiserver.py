"""A real kube-apiserver with its etcd on loopback, RBAC on, and what is asked of it in an audit log."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from live_build import program
from pointsman.sandbox.apiserver.kubeconfig import kubeconfig_text, write_private
from pointsman.sandbox.pki import PracticeCa

Json = dict[str, Any]
ISSUER = "https://live.pointsman.test"
USERS = 60
_READY_S = 90.0
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        # what was sent for a Secret is part of the record: that is how a test sees that no data went out
        {"level": "RequestResponse", "resources": [{"group": "", "resources": ["secrets"]}]},
        {"level": "Metadata"},
    ],
}


@dataclass
class HeldPort:
    """A port that is ours before and while a server of ours listens on it (SO_REUSEPORT)."""

    socket: socket.socket
    number: int

    @classmethod
    def take(cls) -> HeldPort:
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # bound, but never listening: the system gives connections to the server alone
        held.bind(("127.0.0.1", 0))
        return cls(held, held.getsockname()[1])


@dataclass
class LiveServer:
    """Both processes. ``user(n)`` is a user without any right until a test grants some; ``admin`` has all."""

    folder: Path
    extra_flags: tuple[str, ...] = ()
    authority: PracticeCa = field(default_factory=PracticeCa)
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _ports: dict[str, HeldPort] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict, repr=False)
    _ending: set[str] = field(default_factory=set)

    @property
    def port(self) -> int:
        return self._ports["api"].number

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The API server's."""
        return self._processes["apiserver"].pid

    def prepare(self) -> None:
        """Keys, tokens, policies: what both processes read."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("api", "etcd", "peer"):
            self._ports[name] = HeldPort.take()
        names = {"admin": "system:masters", **{f"user-{number}": "" for number in range(USERS)}}
        self._tokens = {name: secrets.token_hex(16) for name in names}
        rows = [f'{self._tokens[name]},{name},{name},"{group}"' for name, group in names.items()]
        write_private(self.folder / "tokens.csv", "\n".join(rows) + "\n")
        key = rsa.generate_private_key(65537, 2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(self.folder / "accounts.key", pem.decode())
        (self.folder / "audit-policy.yaml").write_text(json.dumps(_AUDIT_POLICY))
        self.new_certificate()

    def new_certificate(self, authority: PracticeCa | None = None) -> None:
        """Another serving certificate, of another authority if one is given; read at the next start."""
        self.authority = authority or self.authority
        self.authority.issue(["localhost", "127.0.0.1"]).write(self.folder, "serving")

    def start(self, within_s: float = _READY_S) -> None:
        """Both processes, or the one that is not running; until the API server says that it is ready."""
        if "etcd" not in self._processes:
            where = ("--listen", self._at("etcd"), "--peer", self._at("peer"))
            self._run("etcd", "--data-dir", str(self.folder / "etcd"), *where)
        if "apiserver" not in self._processes:
            self._run("apiserver", *self._flags(), *self.extra_flags)
        deadline = time.monotonic() + within_s
        with self.client() as client:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if client.get("/readyz").status_code == 200:
                        return
                for name, process in self._processes.items():
                    if process.poll() is not None:
                        raise RuntimeError(
                            f"{name} ended with {process.returncode}: {self.log(name)[-2000:]}"
                        )
                if time.monotonic() > deadline:
                    raise RuntimeError(f"not ready within {within_s} s: {self.log('apiserver')[-2000:]}")
                time.sleep(0.05)

    def stop(self, *names: str, how: signal.Signals = signal.SIGTERM) -> None:
        """End one or both; SIGKILL is a crash."""
        for name in names or ("apiserver", "etcd"):
            process = self._processes.pop(name, None)
            self._ending.discard(name)
            if process is None:
                continue
            process.send_signal(how)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def ask_to_end(self, name: str) -> None:
        """SIGTERM, without waiting: an API server with open watches takes a minute."""
        self.send(name, signal.SIGTERM)
        self._ending.add(name)

    def is_ending(self, name: str) -> bool:
        """Asked to end, and not started again since."""
        return name in self._ending

    def send(self, name: str, how: signal.Signals) -> None:
        """For SIGSTOP and SIGCONT; nothing where it does not run."""
        if name in self._processes:
            self._processes[name].send_signal(how)

    def close(self) -> None:
        """End both and give the ports back."""
        self.stop("apiserver", how=signal.SIGKILL)
        self.stop("etcd", how=signal.SIGKILL)
        for held in self._ports.values():
            held.socket.close()

    def restart(self, how: signal.Signals = signal.SIGKILL) -> None:
        """The API server alone, on the same port with the same objects."""
        self.stop("apiserver", how=how)
        self.start()

    def compact(self) -> int:
        """Forget all history but the newest revision, whose number is returned."""
        argv = [str(program()), "compact", "--endpoint", self._at("etcd")]
        return int(subprocess.run(argv, check=True, capture_output=True, timeout=30).stdout)

    def token(self, user: str) -> str:
        return self._tokens[user]

    def kubeconfig(self, user: str = "admin", namespace: str = "default") -> Path:
        """A file for ``admin`` or ``user-N``; the same one for the same question."""
        return self.kubeconfig_for(f"{user}-{namespace}", self._tokens[user], namespace)

    def kubeconfig_for(self, stem: str, token: str, namespace: str = "default") -> Path:
        """A file with any bearer token."""
        path = self.folder / f"{stem}.kubeconfig"
        write_private(path, kubeconfig_text(self.url, self.authority.root_pem, token, namespace))
        return path

    def client(self, user: str = "admin", timeout_s: float = 30.0) -> httpx.Client:
        """HTTP with that user's token."""
        context = ssl.create_default_context(cadata=self.authority.root_pem.decode())
        headers = {"Authorization": f"Bearer {self._tokens[user]}"}
        return httpx.Client(base_url=self.url, headers=headers, verify=context, timeout=timeout_s)

    def audit(self, user: str | None = None, since: int = 0) -> list[Json]:
        """What was asked, oldest first, by all or one user; ``since`` is an `audit_mark`."""
        with (self.folder / "audit.log").open("rb") as log:
            log.seek(since)
            events = [json.loads(line) for line in log if line.endswith(b"\n")]
        return [one for one in events if user is None or one["user"]["username"] == user]

    def audit_mark(self) -> int:
        """Now, as a place in the log."""
        return (self.folder / "audit.log").stat().st_size

    def log(self, name: str) -> str:
        """What a process has written."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _at(self, port: str) -> str:
        return f"127.0.0.1:{self._ports[port].number}"

    def _run(self, command: str, *arguments: str) -> None:
        with (self.folder / f"{command}.log").open("ab") as log:
            self._processes[command] = subprocess.Popen(
                [str(program()), command, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _flags(self) -> list[str]:
        folder = self.folder
        values = {
            "etcd-servers": f"http://{self._at('etcd')}",
            "secure-port": self.port,
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "permit-port-sharing": "true",
            "endpoint-reconciler-type": "none",
            "tls-cert-file": folder / "serving.pem",
            "tls-private-key-file": folder / "serving.key",
            "cert-dir": folder,
            "service-cluster-ip-range": "10.0.0.0/24",
            "authorization-mode": "RBAC",
            "token-auth-file": folder / "tokens.csv",
            "service-account-issuer": ISSUER,
            "service-account-key-file": folder / "accounts.key",
            "service-account-signing-key-file": folder / "accounts.key",
            "disable-admission-plugins": "ServiceAccount",
            "audit-policy-file": folder / "audit-policy.yaml",
            "audit-log-path": folder / "audit.log",
            "audit-log-mode": "blocking",
            # the tests compact when they want to
            "etcd-compaction-interval": "0",
        }
        return [f"--{name}={value}" for name, value in values.items()]


@contextlib.contextmanager
def live_server(folder: Path, *flags: str) -> Iterator[LiveServer]:
    """Ready to be asked; ended with the block, whatever happened."""
    server = LiveServer(folder, flags)
    server.prepare()
    try:
        server.start()
        yield server
    finally:
        server.close()
