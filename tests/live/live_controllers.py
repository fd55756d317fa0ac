"""Envoy Gateway and Traefik as processes of ours, against the real API server.

There is no kubelet, no cloud and no kube-controller-manager: `Stage` plays what those would write (a
Deployment is available, a Service has an address). Envoy Gateway's own ports are fixed (8081, 9443, 18000 and
others, on all addresses), and so is the place of its certificates: it runs with a folder of ours as its root
directory, and only one at a time (`only_one`).
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml
from controllers_build import PROGRAMS, controller_program, crds_of
from live_admin import Admin
from live_apiserver import LiveServer
from live_cases import CLASS, GATEWAY_API, Ports
from real_envoy import find_envoy

T = TypeVar("T")

Json = dict[str, Any]
SYSTEM = "envoy-gateway-system"
PROXY_ADDRESS = "192.0.2.20"
_XDS_PORT = 18000
_READY_PORT = 19003
# what a listener below 1024 becomes in Envoy Gateway's proxies, which are not root
_SHIFT = 10000
_EG_CONFIG = {
    "apiVersion": "gateway.envoyproxy.io/v1alpha1",
    "kind": "EnvoyGateway",
    "gateway": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
    "logging": {"level": {"default": "info"}},
    "provider": {
        "type": "Kubernetes",
        "kubernetes": {"leaderElection": {"disable": True}, "topologyInjector": {"disable": True}},
    },
    "extensionApis": {"enableBackend": True},
    # 19001 is wanted by the proxy as well, which has a machine of its own elsewhere
    "telemetry": {"metrics": {"prometheus": {"disable": True}}},
}


def free_ports(count: int) -> list[int]:
    """Ports that nobody has now, on any address."""
    held = [socket.create_server(("", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports


def case_ports() -> Ports:
    """Ports for a controller that opens them itself."""
    return Ports(*free_ports(6))


def own_address() -> str:
    """An address of this machine that is not loopback: no API server takes one of those for an endpoint."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as looked:
        try:
            # a route is looked up, and nothing is sent
            looked.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        address = str(looked.getsockname()[0])
    return "" if address.startswith("127.") else address


@contextlib.contextmanager
def only_one(name: str) -> Iterator[None]:
    """One process on this machine holds the name at a time; the others wait."""
    with (Path(tempfile.gettempdir()) / f"pointsman-{name}-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def running(
    argv: list[str], log: Path, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **(env or {})}
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(condition: Callable[[], Any], within_s: float, told: Callable[[], str]) -> Any:
    """What the condition gives, as soon as it is true; HTTP errors are no answer yet."""
    deadline = time.monotonic() + within_s
    while True:
        with contextlib.suppress(httpx.HTTPError, OSError):
            if found := condition():
                return found
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {within_s} s: {told()}")
        time.sleep(0.1)


@dataclass
class Stage:
    """Plays the kubelet and the cloud for Envoy Gateway's proxies: all of them are said to run."""

    server: LiveServer
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    failed: str = ""

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="stage", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(10)

    def _run(self) -> None:
        with self.server.client() as client:
            while not self._stop.wait(0.25):
                try:
                    self._play(client)
                except httpx.HTTPError as error:
                    self.failed = str(error)

    def _play(self, client: httpx.Client) -> None:
        wanted = {"labelSelector": "app.kubernetes.io/managed-by=envoy-gateway"}
        available = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
        address = {"loadBalancer": {"ingress": [{"ip": PROXY_ADDRESS}]}}
        deployments, services = (
            f"/apis/apps/v1/namespaces/{SYSTEM}/deployments",
            f"/api/v1/namespaces/{SYSTEM}/services",
        )
        for one in client.get(deployments, params=wanted).json().get("items", []):
            generation = one["metadata"]["generation"]
            if one.get("status", {}).get("observedGeneration") != generation:
                status = {"observedGeneration": generation, **available}
                self._say(client, f"{deployments}/{one['metadata']['name']}/status", status)
        for one in client.get(services, params=wanted).json().get("items", []):
            if one["spec"]["type"] == "LoadBalancer" and not one["status"]["loadBalancer"]:
                self._say(client, f"{services}/{one['metadata']['name']}/status", address)

    def _say(self, client: httpx.Client, path: str, status: Json) -> None:
        answer = client.patch(
            path, json={"status": status}, headers={"Content-Type": "application/merge-patch+json"}
        )
        if answer.is_error and answer.status_code != 404:
            self.failed = answer.text


@contextlib.contextmanager
def envoy_gateway(server: LiveServer, admin: Admin, folder: Path) -> Iterator[Path]:
    """Its Kubernetes provider, with all rights, and a `Stage`. The folder that is its root directory."""
    root = _root_directory(folder)
    admin.install_crds(crds_of("envoy-gateway"))
    admin.namespace(SYSTEM)
    shutil.copy(server.kubeconfig(), root / "kubeconfig")
    (root / "config.yaml").write_text(yaml.safe_dump(_EG_CONFIG))
    env = {"KUBECONFIG": "/kubeconfig", "ENVOY_GATEWAY_NAMESPACE": SYSTEM, "HOME": "/"}
    inside = [*_enter(root), "/envoy-gateway"]
    subprocess.run(
        [*inside, "certgen", "--disable-topology-injector"],
        env={**os.environ, **env},
        check=True,
        capture_output=True,
    )
    write_secret(admin, "envoy-gateway", root / "certs")
    stage = Stage(server)
    with (
        only_one("envoy-gateway"),
        running([*inside, "server", "-c", "/config.yaml"], folder / "eg.log", env) as process,
    ):
        stage.start()
        try:
            until(
                lambda: process.poll() is not None or _listens(_XDS_PORT),
                60,
                lambda: (folder / "eg.log").read_text()[-3000:],
            )
            if process.poll() is not None:
                raise RuntimeError((folder / "eg.log").read_text()[-3000:])
            yield root
        finally:
            stage.stop()
            assert not stage.failed, stage.failed


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 1):
        return True


def _root_directory(folder: Path) -> Path:
    """The program and what it links to; its certificates have to be in /certs, which is not ours to make."""
    root = folder / "root"
    (root / "tmp").mkdir(parents=True)
    (root / "etc").mkdir()
    program = controller_program("envoy-gateway")
    shutil.copy2(program, root / "envoy-gateway")
    linked = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    for line in linked.splitlines():
        path = next((word for word in line.split() if word.startswith("/")), None)
        if path:
            (root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, root / path.lstrip("/"))
    return root


def _enter(root: Path) -> list[str]:
    if os.geteuid() == 0:
        return ["chroot", str(root)]
    return ["unshare", "--map-root-user", "--root", str(root)]


def write_secret(admin: Admin, name: str, folder: Path) -> None:
    """A Secret of Envoy Gateway's namespace as files, as a Pod would have them."""
    folder.mkdir(exist_ok=True)
    for key, value in admin.get("v1", "Secret", SYSTEM, name)["data"].items():
        (folder / key).write_bytes(base64.b64decode(value))


# --- its data plane ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Proxy:
    """A real Envoy that Envoy Gateway's xDS drives. ``port`` says where a listener's port is here."""

    metrics: str

    @staticmethod
    def port(listener: int) -> int:
        return listener + _SHIFT if listener < 1024 else listener


@contextlib.contextmanager
def proxy_of(admin: Admin, gateway: tuple[str, str], folder: Path) -> Iterator[Proxy]:
    """The Envoy that the Deployment of one Gateway (namespace, name) asks for, without a Pod."""
    labels = (
        f"gateway.envoyproxy.io/owning-gateway-namespace={gateway[0]},"
        f"gateway.envoyproxy.io/owning-gateway-name={gateway[1]}"
    )
    path = f"/apis/apps/v1/namespaces/{SYSTEM}/deployments"
    found = until(
        lambda: admin.ask("GET", path, params={"labelSelector": labels})["items"],
        30,
        lambda: f"no proxy for {gateway}",
    )
    deployment = found[0]["metadata"]["name"]
    containers = found[0]["spec"]["template"]["spec"]["containers"]
    arguments = list(next(one for one in containers if one["name"] == "envoy")["args"])
    folder.mkdir(parents=True, exist_ok=True)
    write_secret(admin, "envoy", folder / "certs")
    for name, text in admin.get("v1", "ConfigMap", SYSTEM, deployment)["data"].items():
        (folder / name).write_text(text.replace("/certs/", f"{folder}/certs/"))
    admin_port, metrics_port = free_ports(2)
    at = arguments.index("--config-yaml") + 1
    arguments[at] = (
        arguments[at]
        .replace(f"envoy-gateway.{SYSTEM}.svc.cluster.local.", "127.0.0.1")
        .replace("/sds/", f"{folder}/")
        .replace("port_value: 19000", f"port_value: {admin_port}")
        .replace(
            "address: '0.0.0.0'\n        port_value: 19001",
            f"address: 127.0.0.1\n        port_value: {metrics_port}",
        )
        .replace("$(ENVOY_SERVICE_ZONE)", "here")
    )
    arguments = [one.replace("$(ENVOY_POD_NAME)", f"{deployment}-0") for one in arguments]
    program = find_envoy()
    assert program, "no Envoy"
    argv = [program, *arguments, "--disable-hot-restart", "--concurrency", "1"]
    log = folder / "envoy.log"
    ready = f"http://127.0.0.1:{_READY_PORT}/ready"
    with running(argv, log) as process:
        until(
            lambda: process.poll() is not None or httpx.get(ready).status_code == 200,
            30,
            lambda: log.read_text()[-3000:],
        )
        if process.poll() is not None:
            raise RuntimeError(log.read_text()[-3000:])
        yield Proxy(f"http://127.0.0.1:{metrics_port}/stats/prometheus")


# --- Traefik -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Traefik:
    """A running one. Its entry points are the ports of the cases; ``metrics`` is a URL."""

    ports: Ports
    metrics: str


@contextlib.contextmanager
def traefik(
    server: LiveServer, folder: Path, ports: Ports, *options: str, address: str = "127.0.0.1"
) -> Iterator[Traefik]:
    """Its Gateway provider, with all rights, on ports that must be those that the listeners name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ca.pem").write_bytes(server.authority.root_pem)
    (metrics_port,) = free_ports(1)
    opened = {name: number for name, number in vars(ports).items() if name != "udp"}
    argv = [
        str(controller_program("traefik")),
        "--providers.kubernetesgateway=true",
        f"--providers.kubernetesgateway.endpoint={server.url}",
        f"--providers.kubernetesgateway.token={server.token('admin')}",
        f"--providers.kubernetesgateway.certauthfilepath={folder}/ca.pem",
        *(f"--entrypoints.{name}.address={address}:{number}" for name, number in opened.items()),
        f"--entrypoints.udp.address={address}:{ports.udp}/udp",
        f"--entrypoints.metrics.address=127.0.0.1:{metrics_port}",
        "--metrics.prometheus.entrypoint=metrics",
        "--metrics.prometheus.addrouterslabels=true",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--log.level=INFO",
        *options,
    ]
    log = folder / "traefik.log"
    metrics = f"http://127.0.0.1:{metrics_port}/metrics"
    with running(argv, log, {"HOME": str(folder), "KUBECONFIG": ""}) as process:
        until(
            lambda: process.poll() is not None or httpx.get(metrics).status_code == 200,
            30,
            lambda: log.read_text()[-3000:],
        )
        if process.poll() is not None:
            raise RuntimeError(log.read_text()[-3000:])
        yield Traefik(ports, metrics)


# --- what they wrote -----------------------------------------------------------------------------

_WITH_STATUS = (
    "gatewayclasses",
    "gateways",
    "listenersets",
    "httproutes",
    "grpcroutes",
    "tlsroutes",
    "tcproutes",
    "udproutes",
    "backendtlspolicies",
)


def settled(admin: Admin, quiet_s: float = 4.0, within_s: float = 120.0) -> None:
    """Until the controller has taken the class of the cases and no status has changed for a while."""
    before, since, deadline = "", time.monotonic(), time.monotonic() + within_s
    while True:
        now = json.dumps([_statuses(admin, plural) for plural in _WITH_STATUS])
        if now != before:
            before, since = now, time.monotonic()
        if _is_taken(admin) and time.monotonic() - since > quiet_s:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"not quiet within {within_s} s")
        time.sleep(0.3)


def comes_to(wanted: T, look: Callable[[], T], within_s: float = 60.0) -> T:
    """What ``look`` sees, as soon as it is ``wanted``; else what it sees at the end.

    A controller on a busy machine can rest in the middle of its work.
    """
    deadline = time.monotonic() + within_s
    while (now := look()) != wanted and time.monotonic() < deadline:
        time.sleep(0.5)
    return now


def _is_taken(admin: Admin) -> bool:
    conditions = admin.get(GATEWAY_API, "GatewayClass", "", CLASS).get("status", {}).get("conditions", [])
    return any((one["type"], one["status"]) == ("Accepted", "True") for one in conditions)


def _statuses(admin: Admin, plural: str) -> list[Json]:
    found = admin.ask("GET", f"/apis/{GATEWAY_API}/{plural}")["items"]
    return [{"of": one["metadata"], "status": one.get("status")} for one in found]


def version_of(name: str) -> str:
    return PROGRAMS[name].version
