"""The quickest pace, and a plain client for the edges of a practice world."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any

import dns.asyncquery
import dns.message
import httpx
import yaml
from cryptography import x509
from cryptography.x509.oid import NameOID
from pointsman.sandbox.scenario import Pace
from pointsman.sandbox.world import World, WorldInfo

QUICK = Pace(old_ttl=4, low_ttl=1, watch=1.0, soak=1.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an answer, the common name of the certificate, and whether that is trusted."""

    status: int
    body: str
    certificate: str
    trusted: bool


async def ask(info: WorldInfo, address: str, host: str, path: str = "/") -> Answer:
    """GET https://host/path at an address of the world, whatever its certificate; 3 seconds at most."""
    trusted = True
    async with asyncio.timeout(3):
        try:
            context = ssl.create_default_context(cafile=str(info.ca_file))
            reader, writer = await asyncio.open_connection(
                address, info.https_port, ssl=context, server_hostname=host
            )
        except ssl.SSLCertVerificationError:
            trusted = False
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            reader, writer = await asyncio.open_connection(
                address, info.https_port, ssl=context, server_hostname=host
            )
        leaf = x509.load_der_x509_certificate(writer.get_extra_info("ssl_object").getpeercert(True))
        name = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        raw = (await reader.read()).decode()
        writer.transport.abort()
    head, _, body = raw.partition("\r\n\r\n")
    return Answer(int(head.split()[1]), body, str(name), trusted)


def conditions(entry: Any) -> dict[str, str]:
    return {item["type"]: f"{item['status']}/{item['reason']}" for item in entry["conditions"]}


def stored(world: World, kind: str, namespace: str, name: str) -> Any:
    assert world.storage is not None
    found = world.storage.get(kind, namespace, name)
    assert found is not None, f"{kind} {namespace}/{name}"
    return found


def client(info: WorldInfo) -> httpx.AsyncClient:
    token = yaml.safe_load(info.kubeconfig.read_text())["users"][0]["user"]["token"]
    return httpx.AsyncClient(
        base_url=info.api_url,
        verify=ssl.create_default_context(cafile=str(info.ca_file)),
        headers={"Authorization": f"Bearer {token}"},
        timeout=5,
    )


async def resolve(server: str, host: str) -> tuple[str, int]:
    where, _, port = server.partition(":")
    answer = await dns.asyncquery.udp(dns.message.make_query(host, "A"), where, 3, int(port))
    (records,) = answer.answer
    return str(records[0]), records.ttl
