"""The practice servers against the tools that an operator would use: dig, nsupdate, openssl and curl."""

from __future__ import annotations

import asyncio
import base64
import shutil
from pathlib import Path

import pytest
from pointsman.sandbox.dns_authority import AuthorityServer
from pointsman.sandbox.dns_keys import TsigKey, write_key_file
from pointsman.sandbox.dns_resolver import CachingResolver
from pointsman.sandbox.dns_zone import Zone
from pointsman.sandbox.edge import Faults
from pointsman.sandbox.pki import PracticeCa, write_private
from sandbox_wire_kit import HOST, Pair

pytestmark = pytest.mark.real


async def run(program: str, *arguments: str, given: str = "") -> tuple[int, str]:
    """The exit status and all that was printed; the test is skipped where the program is missing."""
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}, which is not installed")
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(20):
        printed, _ = await process.communicate(given.encode())
    assert process.returncode is not None
    return process.returncode, printed.decode(errors="replace")


async def dig(port: int, *arguments: str) -> str:
    return (await run("dig", "@127.0.0.1", "-p", str(port), "+time=2", "+tries=1", *arguments))[1]


async def test_dig_asks_the_authority(authority: AuthorityServer, zone: Zone) -> None:
    printed = await dig(authority.port, f"www.{zone.origin}", "A", "+norecurse")
    assert "status: NOERROR" in printed
    assert "flags: qr aa;" in printed
    assert "EDNS: version: 0, flags:; udp: 1232" in printed
    assert "WARNING" not in printed
    assert await dig(authority.port, f"www.{zone.origin}", "A", "+short") == "store.shop.test.\n127.0.0.2\n"
    assert "status: NXDOMAIN" in await dig(authority.port, "missing.shop.test", "A")
    assert "status: REFUSED" in await dig(authority.port, "elsewhere.example", "A")
    zone.set("big", 60, "TXT", *(f'"{number:0200d}"' for number in range(20)))
    printed = await dig(authority.port, "big.shop.test", "TXT", "+short")
    assert printed.count("\n") == 20


async def test_dig_asks_the_resolver(resolver: CachingResolver, zone: Zone) -> None:
    printed = await dig(resolver.port, HOST, "A")
    assert "flags: qr rd ra;" in printed
    zone.set("store", 3, "A", "127.0.0.3")
    assert (await dig(resolver.port, HOST, "A", "+short")) == "127.0.0.2\n"
    resolver.flush()
    assert (await dig(resolver.port, HOST, "A", "+short", "+tcp")) == "127.0.0.3\n"


async def nsupdate(server: AuthorityServer, key_file: Path, *lines: str) -> tuple[int, str]:
    script = "\n".join((f"server 127.0.0.1 {server.port}", "zone shop.test.", *lines, "send", ""))
    return await run("nsupdate", "-v", "-k", str(key_file), given=script)


async def test_nsupdate_with_the_key_file(
    authority: AuthorityServer, zone: Zone, key: TsigKey, tmp_path: Path
) -> None:
    good = write_key_file(tmp_path / "good.key", key)
    swap = (
        f"prereq yxrrset {HOST}. A 127.0.0.2",
        f"update delete {HOST}. A",
        f"update add {HOST}. 3 A 127.0.0.3",
    )
    status, printed = await nsupdate(authority, good, *swap)
    assert (status, printed) == (0, "")
    assert str(zone.get("store", "A")) == "3 IN A 127.0.0.3"
    status, printed = await nsupdate(authority, good, *swap)
    assert status != 0
    assert "NXRRSET" in printed
    bad = write_key_file(tmp_path / "bad.key", TsigKey.generate(key.name))
    status, printed = await nsupdate(authority, bad, f"update delete {HOST}. A")
    assert status != 0
    assert "NOTAUTH(BADSIG)" in printed
    other = write_key_file(tmp_path / "other.key", TsigKey.generate("other"))
    status, printed = await nsupdate(authority, other, f"update delete {HOST}. A")
    assert status != 0
    assert "NOTAUTH(BADKEY)" in printed
    assert str(zone.get("store", "A")) == "3 IN A 127.0.0.3"


async def test_knsupdate(authority: AuthorityServer, zone: Zone, key: TsigKey, tmp_path: Path) -> None:
    secret = base64.b64encode(key.secret).decode()
    script = (
        f"server 127.0.0.1 {authority.port}\nkey {key.algorithm}:{key.name} {secret}\nzone shop.test.\n"
        f"origin shop.test.\nprereq yxrrset {HOST}. A 127.0.0.2\nadd {HOST}. 3 A 127.0.0.3\nsend\n"
    )
    script_file = write_private(tmp_path / "script", script.encode())
    assert await run("knsupdate", "-v", str(script_file)) == (0, "")
    found = zone.get("store", "A")
    assert found is not None
    assert (found.ttl, {value.to_text() for value in found}) == (3, {"127.0.0.2", "127.0.0.3"})


async def s_client(pair: Pair, ca_file: Path, *arguments: str) -> tuple[int, str]:
    return await run(
        "openssl", "s_client", "-connect", f"{pair.new.address}:{pair.port}", "-CAfile", str(ca_file),
        "-verify_return_error", "-servername", HOST, "-verify_hostname", HOST, *arguments,
    )  # fmt: skip


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_openssl_likes_the_chain(pair: Pair, ca: PracticeCa, tmp_path: Path, version: str) -> None:
    ca_file = write_private(tmp_path / "ca.pem", ca.root_pem)
    status, printed = await s_client(pair, ca_file, version, "-showcerts", "-alpn", "h2,http/1.1")
    assert status == 0
    assert "Verify return code: 0 (ok)" in printed
    assert "ALPN protocol: http/1.1" in printed
    assert printed.count("BEGIN CERTIFICATE") == 2
    pair.new.faults[HOST] = Faults(missing_intermediate=True)
    status, printed = await s_client(pair, ca_file, version)
    assert status != 0
    assert "unable to get local issuer certificate" in printed


async def test_openssl_finds_no_tls_1_1(pair: Pair, ca: PracticeCa, tmp_path: Path) -> None:
    ca_file = write_private(tmp_path / "ca.pem", ca.root_pem)
    status, _ = await s_client(pair, ca_file, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    assert status != 0


async def test_curl_by_address(pair: Pair, ca: PracticeCa, tmp_path: Path) -> None:
    ca_file = write_private(tmp_path / "ca.pem", ca.root_pem)
    resolve = f"{HOST}:{pair.port}:{pair.new.address}"
    arguments = ("-sS", "--cacert", str(ca_file), "--resolve", resolve)
    status, printed = await run("curl", *arguments, "-i", f"https://{HOST}:{pair.port}/api")
    assert status == 0
    assert printed.startswith("HTTP/1.1 200 OK")
    assert '"backend": "shop/api:8080"' in printed
    pair.new.faults[HOST] = Faults(default_certificate=True)
    status, printed = await run("curl", *arguments, f"https://{HOST}:{pair.port}/api")
    assert status == 60
    assert pair.new.counters.total(HOST) == 1
