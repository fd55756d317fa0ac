#!/usr/bin/env python3
"""An example of ``dns.provider: command``: reads and changes records by signed dynamic updates (RFC 2136).

    dns:
      provider: command
      command: [python3, records_command.py, 192.0.2.53, "53", tsig.key]

Needs dnspython. One JSON request comes on standard input, one JSON answer goes to standard output; complaints
go to standard error. docs/records.md is the contract.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update

TYPES = ("A", "AAAA", "CNAME", "HTTPS")
CHANGED = (dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN)


def read(server: str, port: int, request: dict[str, Any]) -> dict[str, Any]:
    """Every set of the hosts; a server that does not answer ends the command, and nothing was read."""
    sets = []
    for host in request["hosts"]:
        for kind in TYPES:
            answer = dns.query.tcp(dns.message.make_query(f"{host}.", kind), server, port=port, timeout=5)
            if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                raise RuntimeError(f"{host} {kind}: {dns.rcode.to_text(answer.rcode())}")
            for rrset in answer.answer:
                if rrset.name.to_text() == f"{host}." and dns.rdatatype.to_text(rrset.rdtype) == kind:
                    values = [data.to_text() for data in rrset]
                    sets.append({"host": host, "type": kind, "ttl": rrset.ttl, "values": values})
    return {"sets": sets}


def apply(server: str, port: int, key: dns.tsig.Key, request: dict[str, Any]) -> dict[str, str]:
    """One message: refused as a whole where a set is not as in ``before``. Silence is ``unknown``."""
    before = {(item["host"], item["type"]): item for item in request["before"]}
    after = {(item["host"], item["type"]): item for item in request["after"]}
    update = dns.update.UpdateMessage(request["zone"], keyring=key)
    for host in request["hosts"]:
        for kind in TYPES:
            if (host, kind) in before:
                update.present(f"{host}.", kind, *before[host, kind]["values"])
            else:
                update.absent(f"{host}.", kind)
    for host, kind in before:
        update.delete(f"{host}.", kind)
    for (host, kind), item in after.items():
        update.replace(f"{host}.", item["ttl"], kind, *item["values"])
    try:
        answer = dns.query.tcp(update, server, port=port, timeout=5)
    except Exception as error:  # noqa: BLE001 - whatever it was, it may have been made
        return {"outcome": "unknown", "detail": type(error).__name__}
    code = dns.rcode.to_text(answer.rcode())
    if answer.rcode() in CHANGED:
        return {"outcome": "precondition-failed", "detail": code}
    return {"outcome": "applied" if answer.rcode() == dns.rcode.NOERROR else "refused", "detail": code}


def key_of(file: str) -> dns.tsig.Key:
    """The key in a BIND key file."""
    text = Path(file).read_text()
    name, algorithm, secret = (
        re.search(pattern, text)[1]  # type: ignore[index]
        for pattern in (r'key\s+"?([^"\s{]+)', r'algorithm\s+"?([^";\s]+)', r'secret\s+"?([^";\s]+)')
    )
    return dns.tsig.Key(name, secret, algorithm)


def main() -> None:
    """Answer the one request."""
    server, port, key_file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    request = json.load(sys.stdin)
    if request["action"] == "read":
        answer: dict[str, Any] = read(server, port, request)
    else:
        answer = apply(server, port, key_of(key_file), request)
    json.dump(answer, sys.stdout)


main()
