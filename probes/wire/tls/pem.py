"""A chain in a file, before anybody serves it: read with care, and judged like one that is served."""

from __future__ import annotations

import base64
import binascii
import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from ....cluster.errors import UserError
from ....cluster.text import clean
from ...verdict import Endpoint, Finding, Verdict
from .cause import Cause, fail, note
from .causes import known_default
from .certificate import UNREADABLE, common_name, covers, is_ca, quiet, signed_by
from .evidence import certificate_line
from .facts import TlsPolicy
from .findings import to_findings
from .served import judge_chain, readable

_MOST_BYTES = 1024 * 1024
_MOST_CERTIFICATES = 20
_MARK = re.compile(r"-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----")
_CERTIFICATES = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")
_PUBLIC_HALF = "openssl pkey -in tls.key -pubout -out tls.pub"
# DER of a certificate or a key begins with a SEQUENCE of more than 255 bytes
_DER = b"\x30\x82"


@dataclass(frozen=True, slots=True)
class PemChain:
    """The certificates of one file, in its order: base64 of DER. ``name`` is the file's, clean.

    ``public_key`` is the SubjectPublicKeyInfo that the leaf's key is compared with (base64 of DER), empty
    where none was given; ``key_from`` says where it stood.
    """

    name: str
    chain: tuple[str, ...]
    path: str = ""
    public_key: str = ""
    key_from: str = ""


@dataclass(frozen=True, slots=True)
class _Block:
    kind: str
    line: int
    text: str


def read_pem(path: Path, public_key: Path | None = None) -> PemChain:
    """The chain in ``path``, and the public key beside it or in a file of its own.

    Raises UserError where a file cannot be used; one with a private key is refused unread.
    """
    certificates, keys = [], []
    for block in _blocks(path):
        if block.kind in _CERTIFICATES:
            certificates.append(_certificate(path, block))
        elif block.kind == "PUBLIC KEY":
            keys.append((_public_key(path, block), f"{clean(path.name, 120)} line {block.line}"))
    if public_key is not None:
        own = [
            (_public_key(public_key, block), f"{clean(public_key.name, 120)} line {block.line}")
            for block in _blocks(public_key)
            if block.kind == "PUBLIC KEY"
        ]
        if not own:
            raise UserError(
                f"{_shown(public_key)}: holds no PUBLIC KEY",
                f"make one with: {_PUBLIC_HALF}",
            )
        keys = own
    if not certificates:
        raise UserError(f"{_shown(path)}: holds no CERTIFICATE", "give a PEM file such as tls.crt")
    if len(certificates) > _MOST_CERTIFICATES:
        raise UserError(
            f"{_shown(path)}: holds {len(certificates)} certificates, more than {_MOST_CERTIFICATES}",
            "give one chain, not a bundle of roots",
        )
    if len({key for key, _ in keys}) > 1:
        raise UserError(
            f"{keys[1][1]}: a second, different PUBLIC KEY", "give the one that belongs to the leaf"
        )
    key, key_from = keys[0] if keys else ("", "")
    return PemChain(clean(path.name, 120), tuple(certificates), str(path), key, key_from)


def _blocks(path: Path) -> Iterator[_Block]:
    """The PEM blocks of a file. Text between them is a comment, as OpenSSL has it."""
    begun: tuple[str, int] | None = None
    body: list[str] = []
    count = 0
    for number, line in enumerate(_lines(path), start=1):
        mark = _MARK.fullmatch(line.strip())
        if mark is None:
            if begun is None or "-----" in line:
                _comment(path, number, line)
            else:
                body.append(line.strip())
            continue
        edge, kind = mark.group(1), mark.group(2)
        if edge == "BEGIN":
            if begun is not None:
                raise UserError(
                    f"{_shown(path)} line {number}: {kind} begins inside the {begun[0]} of line {begun[1]}",
                    "the file was cut or joined badly; take the original",
                )
            begun, body = (kind, number), []
            continue
        if begun is None or kind != begun[0]:
            raise UserError(
                f"{_shown(path)} line {number}: {kind} ends and never began",
                "the file was cut or joined badly; take the original",
            )
        count += 1
        yield _Block(kind, begun[1], "".join(body))
        begun = None
    if begun is not None:
        raise UserError(
            f"{_shown(path)} line {begun[1]}: {begun[0]} begins and never ends",
            "the file was cut; take the original",
        )
    if not count:
        raise UserError(
            f"{_shown(path)}: no PEM in it", "give text that has -----BEGIN CERTIFICATE----- lines"
        )


def _comment(path: Path, number: int, line: str) -> None:
    """Text between the blocks is a comment to every program, as long as it is text."""
    if "-----BEGIN" in line or "-----END" in line:
        raise UserError(
            f"{_shown(path)} line {number}: a PEM mark that is not alone on its line",
            "put each mark on a line of its own",
        )
    if clean(line, len(line) + 1).count("\u00b7") > line.count("\u00b7") or "\ufffd" in line:
        raise UserError(
            f"{_shown(path)} line {number}: neither PEM nor text", "cut off what stands beside the blocks"
        )


def _lines(path: Path) -> Iterator[str]:
    """The lines of a text file, read one by one: a private key ends it before its bytes are read as ours."""
    total = 0
    try:
        with path.open("rb") as file:
            for number in itertools.count(1):
                line = file.readline(_MOST_BYTES + 1)
                if not line:
                    break
                total += len(line)
                _refuse(path, number, line, total)
                yield line.decode("utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"{_shown(path)}: cannot be read: {error.strerror}", "name a PEM file") from None
    if not total:
        raise UserError(f"{_shown(path)}: is empty", "give a PEM file such as tls.crt")


def _refuse(path: Path, number: int, line: bytes, total: int) -> None:
    if total > _MOST_BYTES:
        raise UserError(f"{_shown(path)}: larger than 1 MiB", "give one chain, not a bundle of roots")
    if b"-----BEGIN" in line and b"PRIVATE KEY" in line:
        raise UserError(
            f"{_shown(path)} line {number}: a PRIVATE KEY, which Pointsman does not read",
            f"leave it out; to compare a key, give its public half: {_PUBLIC_HALF}",
        )
    if number == 1 and line.startswith(_DER):
        raise UserError(
            f"{_shown(path)}: is DER, not PEM",
            "turn a certificate into PEM with:"
            f" openssl x509 -inform der -in {shlex.quote(_shown(path))} -out chain.pem",
        )


def _decoded(path: Path, block: _Block) -> bytes:
    try:
        return base64.b64decode(block.text, validate=True)
    except (binascii.Error, ValueError):
        raise UserError(
            f"{_shown(path)} line {block.line}: this {block.kind} is no base64",
            "the file was changed or cut; take the original",
        ) from None


def _certificate(path: Path, block: _Block) -> str:
    der = _decoded(path, block)
    problem = ""
    try:
        with quiet():
            certificate = x509.load_der_x509_certificate(der)
            _ = certificate.subject, certificate.issuer
    except UNREADABLE as error:
        problem = clean(error, 160)
    if problem:
        raise UserError(
            f"{_shown(path)} line {block.line}: this {block.kind} cannot be read: {problem}",
            "have it exported again: openssl x509 -in FILE -out chain.pem",
        )
    return base64.b64encode(der).decode("ascii")


def _public_key(path: Path, block: _Block) -> str:
    der = _decoded(path, block)
    try:
        return _spki(serialization.load_der_public_key(der))
    except UNREADABLE:
        raise UserError(
            f"{_shown(path)} line {block.line}: this PUBLIC KEY cannot be read",
            f"make one with: {_PUBLIC_HALF}",
        ) from None


def _spki(key: PublicKeyTypes) -> str:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode("ascii")


def _shown(path: Path) -> str:
    return clean(path, 200)


def judge_pem(chain: PemChain, host: str, policy: TlsPolicy) -> tuple[Finding, ...]:
    """What clients would say of the chain if it were served for ``host``, and whether a proxy takes the file.

    Its staple is not known, and a certificate that demands one is not blamed for it.
    """
    subject = Endpoint(chain.name, clean(host, 255))
    lines = tuple(f"{index} {certificate_line(text)}" for index, text in enumerate(chain.chain))
    command = ""
    if chain.path and clean(chain.path, len(chain.path) + 1) == chain.path:
        quoted = shlex.quote(chain.path)
        command = f"openssl crl2pkcs7 -nocrl -certfile {quoted} | openssl pkcs7 -print_certs -noout"
    parsed = readable(chain.chain)
    if isinstance(parsed, Cause):
        return to_findings([parsed], subject, lines, command)
    causes: list[Cause] = []
    headline = ""
    try:
        with quiet():
            first = _leaf_position(parsed, chain.public_key, host)
            causes += _file_causes(parsed, first, chain)
            default = known_default(parsed[first])
    except UNREADABLE as error:
        return to_findings(
            [Cause("TLS051", Verdict.UNKNOWN, clean(f"cannot be judged: {error}"))], subject, lines, command
        )
    if default is not None:
        causes.append(default)
    else:
        ordered = (parsed[first], *parsed[:first], *parsed[first + 1 :])
        verdict = judge_chain(ordered, host, policy)
        causes += verdict.causes
        headline = verdict.headline
    if all(cause.verdict is Verdict.PASS for cause in causes):
        causes.insert(0, note("TLS001", headline))
    return to_findings(causes, subject, lines, command)


def _leaf_position(chain: tuple[x509.Certificate, ...], public_key: str, host: str) -> int:
    """Which certificate is the server's own: the key's, else one that signed no other, for the host first."""
    positions = range(len(chain))
    if public_key:
        paired = [index for index in positions if _spki(chain[index].public_key()) == public_key]
        if paired:
            return paired[0]
    issuers = {
        index
        for index in positions
        if any(one != chain[index] and signed_by(one, chain[index]) for one in chain)
    }
    ends = [index for index in positions if index not in issuers and not is_ca(chain[index])]
    ends = ends or [index for index in positions if not is_ca(chain[index])]
    named = [index for index in ends if host and covers(chain[index], host)]
    return (named or ends or [0])[0]


def _file_causes(chain: tuple[x509.Certificate, ...], first: int, file: PemChain) -> Iterator[Cause]:
    leaf = chain[first]
    if first:
        yield fail(
            "TLS070",
            f"{common_name(leaf.subject)} is certificate {first + 1} of {len(chain)};"
            f" {common_name(chain[0].subject)} comes first",
        )
    if not file.public_key:
        return
    if _spki(leaf.public_key()) == file.public_key:
        yield note("TLS072", f"the key ({file.key_from}) belongs to {common_name(leaf.subject)}")
    else:
        yield fail("TLS071", f"the key ({file.key_from}) is not that of {common_name(leaf.subject)}")
