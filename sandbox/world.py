"""A whole practice world on loopback, in the running loop: cluster, controllers, edges, DNS, director."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.message

from . import loopback
from .apiserver.kubeconfig import CONTEXT_NAME
from .apiserver.proxy import ProxyAnswer
from .apiserver.server import ApiServer
from .apiserver.storage import Storage
from .controller import PracticeController
from .controller_view import PRACTICE, name_of, namespace_of
from .director import Director
from .dns_authority import AuthorityServer
from .dns_keys import TsigKey, write_key_file
from .dns_resolver import CachingResolver
from .dns_zone import Zone
from .edge import Edge, start_together
from .edge_metrics import PROMETHEUS_CONTENT_TYPE
from .errors import SandboxError
from .external_dns import PracticeExternalDns, txt_name
from .pki import Certificate, PracticeCa, write_private
from .plans import Places, write_campaign, write_plan
from .scenario import HostPlan, Pace, Preparation, Scenario, load_scenario
from .scenario_expand import ALT_NAMES, expand, fill_secret
from .scenario_manifests import Json, read_manifests
from .shoppers import Shoppers

ZONE = "shop.test"
API_ADDRESS = "127.0.0.1"
_SECRET_FAULTS = {
    "missing-intermediate": "missing_intermediate",
    "expired": "expired",
    "self-signed": "self_signed",
}
_NGINX_METRICS = ("ingress-nginx", 10254, "/metrics")
_ENVOY_METRICS = ("envoy-gateway-system", 19001, "/stats/prometheus")


@dataclass(frozen=True, slots=True)
class WorldInfo:
    """Where everything of a running world is. Servers are `ip:port`; paths are absolute.

    With manifests of the user's own (`load`) there is only a cluster: addresses are empty, ports 0.
    """

    scenario: str
    title: str
    directory: Path
    kubeconfig: Path
    context: str
    api_url: str
    ca_file: Path
    old_address: str = ""
    new_address: str = ""
    https_port: int = 0
    old_http_port: int = 0
    new_http_port: int = 0
    dns_authoritative: str = ""
    dns_resolver: str = ""
    zone: str = ""
    tsig_key_file: Path | None = None
    plans: Mapping[str, Path] = field(default_factory=dict)
    stories: Mapping[str, str] = field(default_factory=dict)
    """Host -> how its cutover must end: done, stopped-at-gate, rolled-back, held."""
    warnings: tuple[str, ...] = ()

    def to_json(self) -> Json:
        """The same as plain JSON, paths as text; it holds no secret."""
        return {name: _plain(value) for name, value in asdict(self).items()}


class World:
    """Start once, stop once; whatever was started is stopped, also where the start failed half way."""

    def __init__(
        self, shoppers: bool = True, old_address: str = "127.0.0.2", new_address: str = "127.0.0.3"
    ) -> None:
        self._wants_shoppers = shoppers
        self._old_address, self._new_address = old_address, new_address
        self._stack = AsyncExitStack()
        self._certificates: dict[tuple[str, str], Certificate] = {}
        # of a running world, for tests and the demo; None where there is no such part
        self.storage: Storage | None = None
        self.server: ApiServer | None = None
        self.zone: Zone | None = None
        self.authority: AuthorityServer | None = None
        self.resolver: CachingResolver | None = None
        self.new_edge: Edge | None = None
        self.old_edge: Edge | None = None
        self.controller: PracticeController | None = None
        self.director: Director | None = None
        self.external_dns: PracticeExternalDns | None = None
        self.shoppers: Shoppers | None = None

    async def start(
        self, scenario: str = "shop", pace: Pace | None = None, load: Path | str | None = None
    ) -> WorldInfo:
        """Start everything. SandboxError in one line for an unknown scenario, manifests that cannot be read,
        and a machine without the loopback addresses."""
        try:
            return await self._start(scenario, pace or Pace(), Path(load) if load is not None else None)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End everything and remove the directory; a second call does nothing."""
        await self._stack.aclose()

    async def _start(self, scenario: str, pace: Pace, load: Path | None) -> WorldInfo:
        manifests = read_manifests(load) if load is not None else None
        if manifests is None:
            loopback.require(API_ADDRESS, self._old_address, self._new_address)
        directory = Path(tempfile.mkdtemp(prefix=f"pointsman-practice-{os.getpid()}-"))
        self._stack.callback(shutil.rmtree, directory, ignore_errors=True)
        ca = PracticeCa()
        ca_file = write_private(directory / "ca.pem", ca.root_pem)
        storage = self.storage = Storage()
        if manifests is None:
            values = {
                "old_address": self._old_address,
                "new_address": self._new_address,
                "ca_pem": ca.root_pem.decode().replace("\n", "\\n"),
            }
            wanted = load_scenario(scenario, values)
            await self._start_edges(directory, pace, wanted, ca)
            more = await self._start_dns(directory, pace, wanted, ca_file)
            title = wanted.title
            warnings: list[str] = []
        else:
            scenario, title, more = "", f"the manifests of {load}", {}
            warnings = manifests.warnings + apply_all(storage, manifests.documents)
        url = await self._start_api(directory, ca)
        kubeconfig = directory / "kubeconfig"
        assert self.server is not None
        self.server.write_kubeconfig(kubeconfig, ca.root_pem)
        return WorldInfo(
            scenario=scenario,
            title=title,
            directory=directory,
            kubeconfig=kubeconfig,
            context=CONTEXT_NAME,
            api_url=url,
            ca_file=ca_file,
            warnings=tuple(warnings),
            **more,
        )

    async def _start_api(self, directory: Path, ca: PracticeCa) -> str:
        assert self.storage is not None
        files = ca.issue([API_ADDRESS, "localhost", "kubernetes.default.svc"]).write(directory, "api")
        server = ApiServer(self.storage, files.chain_file, files.key_file, secrets.token_urlsafe(24))
        self.server = server
        url = await server.start(API_ADDRESS)
        self._stack.push_async_callback(server.stop)
        if self.old_edge is not None and self.new_edge is not None:
            _offer_metrics(server, self.old_edge, *_NGINX_METRICS)
            _offer_metrics(server, self.new_edge, *_ENVOY_METRICS)
        return url

    async def _start_edges(self, directory: Path, pace: Pace, scenario: Scenario, ca: PracticeCa) -> None:
        assert self.storage is not None
        storage = self.storage
        old_edge = self.old_edge = Edge("old", self._old_address, directory)
        new_edge = self.new_edge = Edge("new", self._new_address, directory, miss_delay_s=0.005)
        self._stack.push_async_callback(new_edge.stop)
        self._stack.push_async_callback(old_edge.stop)
        for document in expand(scenario.documents):
            storage.apply(self._with_certificate(document, ca))
        controller = PracticeController(storage, new_edge, old_edge, self._certificate)
        self.controller = controller
        await controller.start()
        self._stack.push_async_callback(controller.stop)
        for document in expand(scenario.edits):
            storage.apply(document)
        await start_together(old_edge, new_edge)

    def _start_external_dns(self, zone: Zone, scenario: Scenario, pace: Pace) -> None:
        assert self.storage is not None
        for host, said in scenario.registry.items():
            _register(zone, host, said)
        self.external_dns = PracticeExternalDns(self.storage, zone, pace.old_ttl)
        self.external_dns.start()
        self._stack.push_async_callback(self.external_dns.stop)

    def _with_certificate(self, document: Json, ca: PracticeCa) -> Json:
        """A TLS Secret gets the chain of a certificate that the edges serve for it; others are left alone."""
        annotations = document["metadata"].get("annotations") or {}
        names = [name.strip() for name in str(annotations.get(ALT_NAMES, "")).split(",") if name.strip()]
        if document["kind"] != "Secret" or document.get("type") != "kubernetes.io/tls" or not names:
            return document
        wish = annotations.get(f"{PRACTICE}/certificate", "")
        if wish and wish not in _SECRET_FAULTS:
            raise SandboxError(f"Secret {name_of(document)}: there is no certificate fault {wish!r}")
        faults: dict[str, Any] = {_SECRET_FAULTS[wish]: True} if wish else {}
        certificate = ca.issue(names, **faults)
        self._certificates[namespace_of(document), name_of(document)] = certificate
        return fill_secret(document, certificate.chain_pem)

    def _certificate(self, namespace: str, name: str) -> Certificate | None:
        return self._certificates.get((namespace, name))

    async def _start_dns(
        self, directory: Path, pace: Pace, scenario: Scenario, ca_file: Path
    ) -> dict[str, Any]:
        assert self.storage is not None
        assert self.new_edge is not None
        assert self.old_edge is not None
        zone = self.zone = _zone_of(scenario.hosts, pace, self._old_address)
        key = TsigKey.generate("pointsman-practice.")
        key_file = write_key_file(directory / "tsig.key", key)
        authority = self.authority = AuthorityServer(zone, [key])
        authority_port = await authority.start(API_ADDRESS)
        self._stack.push_async_callback(authority.stop)
        resolver = self.resolver = CachingResolver(f"{API_ADDRESS}:{authority_port}")
        resolver_port = await resolver.start(API_ADDRESS)
        self._stack.push_async_callback(resolver.stop)
        places = Places(
            old_address=self._old_address,
            new_address=self._new_address,
            https_port=self.old_edge.port,
            authority=f"{API_ADDRESS}:{authority_port}",
            resolver=f"{API_ADDRESS}:{resolver_port}",
            ca_file=ca_file,
            tsig_key_file=key_file,
        )
        (directory / "plans").mkdir(mode=0o700)
        plans = {
            host.host: write_plan(directory / "plans", ZONE, host, places, pace) for host in scenario.hosts
        }
        by_name = {host.host: host for host in scenario.hosts}
        campaigns = {
            name: write_campaign(
                directory / "plans",
                ZONE,
                name,
                [[by_name[host] for host in wave] for wave in waves],
                places,
                pace,
            )
            for name, waves in scenario.campaigns.items()
        }
        for step in scenario.prepare:
            await _prepare(step, zone, resolver_port, pace)
        if scenario.registry:
            self._start_external_dns(zone, scenario, pace)
        director = self.director = Director(
            zone, self.storage, scenario.triggers, pace, self._old_address, self._new_address
        )
        director.start()
        self._stack.callback(director.stop)
        if self._wants_shoppers:
            self.shoppers = Shoppers(plans, places.resolver, places.https_port, ca_file)
            self.shoppers.start()
            self._stack.push_async_callback(self.shoppers.stop)
        return {
            "old_address": self._old_address,
            "new_address": self._new_address,
            "https_port": self.old_edge.port,
            "old_http_port": self.old_edge.http_port,
            "new_http_port": self.new_edge.http_port,
            "dns_authoritative": places.authority,
            "dns_resolver": places.resolver,
            "zone": f"{ZONE}.",
            "tsig_key_file": key_file,
            "plans": {**plans, **campaigns},
            "stories": dict(scenario.stories),
        }


def _register(zone: Zone, host: str, said: Mapping[str, str]) -> None:
    """The ownership record of a host's address, as external-dns wrote it when it made that."""
    text = f"external-dns/owner={said['owner']},external-dns/resource={said['resource']}"
    zone.set(f"{txt_name(host, 'A')}.", 300, "TXT", f'"heritage=external-dns,{text}"')


def _offer_metrics(server: ApiServer, edge: Edge, namespace: str, port: int, path: str) -> None:
    """Let the pod that stands for an edge show its counters; there is one, or they would count twice."""

    async def answer(asked: str, _query: str) -> ProxyAnswer:
        if asked != path:
            return ProxyAnswer(b"not found\n", status=404)
        return ProxyAnswer(edge.prometheus_text().encode(), content_type=PROMETHEUS_CONTENT_TYPE)

    for pod in server.storage.list("Pod", namespace):
        ports = [
            item.get("containerPort")
            for container in pod["spec"].get("containers") or ()
            for item in container.get("ports") or ()
        ]
        if port in ports:
            server.register_pod_proxy(namespace, name_of(pod), port, answer)
            return


def _zone_of(hosts: tuple[HostPlan, ...], pace: Pace, address: str) -> Zone:
    zone = Zone(ZONE)
    zone.set("@", 3600, "NS", f"ns1.{ZONE}.")
    zone.set("ns1", 3600, "A", API_ADDRESS)
    for host in hosts:
        zone.set(f"{host.host}.", pace.old_ttl, "A", address)
    return zone


async def _prepare(step: Preparation, zone: Zone, resolver_port: int, pace: Pace) -> None:
    if step.ask:
        await dns.asyncquery.udp(dns.message.make_query(step.ask, "A"), API_ADDRESS, 5.0, resolver_port)
    current = zone.get(f"{step.lower_ttl}.", "A") if step.lower_ttl else None
    if current is not None:
        zone.set(f"{step.lower_ttl}.", pace.low_ttl, "A", *(str(record) for record in current))


def apply_all(storage: Storage, documents: list[Json]) -> list[str]:
    """Serve every document as it is; a line for each that the cluster does not take."""
    refused = []
    # what says which kinds there are comes first, as kubectl would have it
    for document in sorted(documents, key=lambda item: item["kind"] != "CustomResourceDefinition"):
        try:
            storage.apply(document)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            what = f"{document['kind']} {document['metadata']['name']}"
            refused.append(f"{what} left out: {' '.join(str(error).split())[:200]}")
    return refused


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
