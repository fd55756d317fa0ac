"""What the servers of the fixtures share: how each is served and asked, and what must be said of it."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pointsman.probes.verdict import Finding, Verdict, worst
from pointsman.probes.wire.address import is_address
from pointsman.probes.wire.tls.facts import TlsFacts, TlsPolicy, TlsTarget
from pointsman.probes.wire.tls.judge import judge
from tls_fixture_pki import NOW, key_pem
from tls_fixtures import Ask, Fixture, servable

# OpenSSL from 3.6 on, as a server, does not send a staple that is about another certificate
UNSENT_STAPLE = "43-staple-other-cert"


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One question for one fixture. Each is served at a port of its own."""

    fixture: Fixture
    ask: Ask

    @property
    def name(self) -> str:
        """The fixture's, and what is asked for where it has several questions."""
        alone = len(self.fixture.asks) == 1
        return self.fixture.name if alone else f"{self.fixture.name} asked for {self.ask.host}"

    @property
    def any_name(self) -> bool:
        """Whether it is served for any name: a default certificate, and what an address is asked for."""
        return self.fixture.default or is_address(self.ask.host)

    @property
    def sni(self) -> str:
        """The name for which it is served, as it is sent: in ASCII."""
        return self.fixture.host.encode("idna").decode("ascii")


@cache
def cases() -> tuple[Case, ...]:
    """Every question for every fixture that can be served."""
    return tuple(Case(fixture, ask) for fixture in servable() for ask in fixture.asks)


def chain_pem(certificates: Sequence[x509.Certificate]) -> bytes:
    """Certificates as PEM, in their order."""
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def chain_der(fixture: Fixture) -> tuple[str, ...]:
    """The chain as the facts of a handshake hold it."""
    ders = (one.public_bytes(serialization.Encoding.DER) for one in fixture.chain)
    return tuple(base64.b64encode(der).decode("ascii") for der in ders)


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one fixture; ``staple`` is None where there is none."""

    chain: Path
    key: Path
    staple: Path | None
    roots: Path


def write_files(fixture: Fixture, folder: Path) -> Files:
    """Write a fixture's files into ``folder``."""
    stem = folder / fixture.name
    chain, key, roots = (
        stem.with_name(f"{stem.name}.{end}") for end in ("chain.pem", "key.pem", "roots.pem")
    )
    chain.write_bytes(chain_pem(fixture.chain))
    key.write_bytes(key_pem(fixture.key))
    roots.write_bytes(chain_pem(fixture.roots))
    answer = stem.with_name(f"{stem.name}.ocsp") if fixture.staple else None
    if answer is not None:
        answer.write_bytes(fixture.staple)
    return Files(chain, key, answer, roots)


def target_of(case: Case, port: int, folder: Path, attempts: int = 1) -> TlsTarget:
    """The target for a case; the roots are written into ``folder``."""
    roots = folder / f"{case.fixture.name}.roots.pem"
    if not roots.exists():
        roots.write_bytes(chain_pem(case.fixture.roots))
    return TlsTarget("127.0.0.1", port, case.ask.host, ca_file=str(roots), attempts=attempts, timeout_s=5)


def policy_of(fixture: Fixture, private_roots: bool | None = None) -> TlsPolicy:
    """Judged by the fixture's roots, and by the rules of the public web but where it says otherwise."""
    private = fixture.private_roots if private_roots is None else private_roots
    return TlsPolicy(now=NOW, roots_pem=chain_pem(fixture.roots).decode(), private_roots=private)


def judged(case: Case, facts: TlsFacts) -> tuple[Finding, ...]:
    """The findings for a case."""
    return judge(facts, policy_of(case.fixture))


def with_staple(facts: TlsFacts, staple: bytes) -> TlsFacts:
    """The same facts, with a staple that the server did not want to send."""
    text = base64.b64encode(staple).decode("ascii")
    return replace(facts, named=tuple(replace(one, staple=text) for one in facts.named))


def shortfalls(ask: Ask, findings: Sequence[Finding]) -> list[str]:
    """What the findings lack of what must be said, or say beyond it; nothing where all is as required."""
    verdict = worst(one.verdict for one in findings)
    wrong = [] if verdict is ask.verdict else [f"{verdict.name}, not {ask.verdict.name}"]
    told = {one.name for one in findings}
    against = {one.name for one in findings if one.verdict is not Verdict.PASS}
    wrong += [f"no {name}" for name in (*ask.causes, *ask.notes) if name not in told]
    wrong += [f"also {name}" for name in sorted(against - {*ask.causes})]
    first = next((one for one in findings if one.name in ask.causes), None)
    if first is not None and ask.says not in first.summary:
        wrong.append(f"{first.summary!r} does not say {ask.says!r}")
    return wrong


def free_ports(count: int) -> list[int]:
    """As many ports as nobody has at the moment, all different."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in held]


@contextlib.contextmanager
def on_free_ports(
    count: int, start: Callable[[list[int]], contextlib.AbstractContextManager[None]]
) -> Iterator[list[int]]:
    """What ``start`` serves on free ports; tried thrice, because others may take one before it is bound."""
    for tries_left in (2, 1, 0):
        ports = free_ports(count)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(start(ports))
            except RuntimeError:
                if not tries_left:
                    raise
                continue
            yield ports
            return


@contextlib.contextmanager
def program(arguments: Sequence[str], log: Path, port: int, patience_s: float = 20.0) -> Iterator[None]:
    """Run a server that accepts on ``port``; it is ended by its process id. RuntimeError with its words."""
    with log.open("wb") as out:
        child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        ends = time.monotonic() + patience_s
        while not _accepts(port):
            if child.poll() is not None or time.monotonic() > ends:
                raise RuntimeError(f"{arguments[0]} did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield
    finally:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _accepts(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


Ports = Mapping[str, int]
"""Where each case is served, by its name."""


def found(name: str, variable: str = "") -> str | None:
    """A program of the system, or the one that a variable names."""
    places = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
    given = os.environ.get(variable, "") if variable else ""
    return given or shutil.which(name) or shutil.which(name, path=places)
