"""A running practice API server with a throwaway certificate, and HTTP clients for it."""

from __future__ import annotations

import datetime
import io
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pointsman.sandbox.apiserver import ApiServer, Storage

TOKEN = "administrators-token"
READ_TOKEN = "readers-token"
GATEWAY_API = "gateway.networking.k8s.io/v1"


@dataclass(frozen=True)
class CertificateFiles:
    certificate: Path
    key: Path


@pytest.fixture(scope="session")
def certificate_files(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    directory = tmp_path_factory.mktemp("api-certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "practice")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = CertificateFiles(directory / "tls.crt", directory / "tls.key")
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def route(name: str, namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": GATEWAY_API,
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"hostnames": [f"{name}.example.com"], **spec},
    }


def gateway(name: str = "main", namespace: str = "infra", **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": GATEWAY_API,
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "gatewayClassName": "practice",
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        },
        **more,
    }


@pytest.fixture
def make_route() -> Callable[..., dict[str, Any]]:
    return route


@pytest.fixture
def make_gateway() -> Callable[..., dict[str, Any]]:
    return gateway


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest_asyncio.fixture
async def server(storage: Storage, certificate_files: CertificateFiles) -> AsyncIterator[ApiServer]:
    server = ApiServer(
        storage,
        certificate_files.certificate,
        certificate_files.key,
        TOKEN,
        read_only_token=READ_TOKEN,
        bookmark_interval_s=0.05,
    )
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Api:
    """An HTTP client that speaks JSON to the server."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> tuple[int, Any]:
        parameters = {name: str(value) for name, value in query.items()}
        data = None
        if body is not None:
            data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        sent = {**({"Content-Type": content_type} if data is not None else {}), **(headers or {})}
        async with self.session.request(method, path, data=data, params=parameters, headers=sent) as answer:
            raw = await answer.read()
            if answer.content_type == "application/json":
                return answer.status, json.loads(raw)
            return answer.status, raw.decode()

    async def get(self, path: str, accept: str = "application/json", **query: Any) -> tuple[int, Any]:
        return await self.call("GET", path, headers={"Accept": accept}, **query)

    async def post(self, path: str, body: Any, **query: Any) -> tuple[int, Any]:
        return await self.call("POST", path, body, **query)

    async def put(self, path: str, body: Any, **query: Any) -> tuple[int, Any]:
        return await self.call("PUT", path, body, **query)

    async def merge(self, path: str, body: Any, **query: Any) -> tuple[int, Any]:
        return await self.call("PATCH", path, body, "application/merge-patch+json", **query)

    async def json_patch(self, path: str, body: Any, **query: Any) -> tuple[int, Any]:
        return await self.call("PATCH", path, body, "application/json-patch+json", **query)


@dataclass
class ApiFactory:
    url: str
    context: ssl.SSLContext

    def session(self, token: str) -> aiohttp.ClientSession:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return aiohttp.ClientSession(
            self.url,
            headers=headers,
            connector=aiohttp.TCPConnector(ssl=self.context),
            timeout=aiohttp.ClientTimeout(total=20),
        )


@pytest.fixture
def api_factory(server: ApiServer, certificate_files: CertificateFiles) -> ApiFactory:
    return ApiFactory(server.url, ssl.create_default_context(cafile=str(certificate_files.certificate)))


@pytest_asyncio.fixture
async def api(api_factory: ApiFactory) -> AsyncIterator[Api]:
    async with api_factory.session(TOKEN) as session:
        yield Api(session)


@pytest_asyncio.fixture
async def reader_api(api_factory: ApiFactory) -> AsyncIterator[Api]:
    async with api_factory.session(READ_TOKEN) as session:
        yield Api(session)


@pytest_asyncio.fixture
async def anonymous_api(api_factory: ApiFactory) -> AsyncIterator[Api]:
    async with api_factory.session("") as session:
        yield Api(session)
