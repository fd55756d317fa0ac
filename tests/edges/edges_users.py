"""The users: they resolve through unbound, connect to what it says, and ask; none of it is the product's."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from dataclasses import dataclass
from types import TracebackType

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

_EVERY_S = 0.08


@dataclass(frozen=True)
class Visit:
    """One look-up and one request: when (epoch seconds), where it led, and what went wrong, if anything."""

    at: float
    address: str
    fault: str


class Users:
    """Ask ``host`` for ``path`` some twelve times a second, over a fresh connection each time."""

    def __init__(self, resolver: tuple[str, int], host: str, port: int, roots: str, path: str) -> None:
        self.agent = f"edge-users/1 ({host})"
        self._resolver, self._host, self._port, self._path = resolver, host, port, path
        self._tls = ssl.create_default_context(cafile=roots)
        self.visits: list[Visit] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Users:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(10)

    @property
    def faults(self) -> list[str]:
        """All that no user should ever meet."""
        return [visit.fault for visit in self.visits if visit.fault]

    def led_to(self) -> list[str]:
        """The addresses in order, repeats left out."""
        found: list[str] = []
        for visit in self.visits:
            if visit.address and visit.address not in found[-1:]:
                found.append(visit.address)
        return found

    def last(self, address: str) -> float:
        """When somebody was last led to ``address``."""
        return max(visit.at for visit in self.visits if visit.address == address)

    def count(self, address: str) -> int:
        """How many were led to ``address``."""
        return sum(visit.address == address for visit in self.visits)

    def _work(self) -> None:
        while not self._stop.wait(_EVERY_S):
            at, address = time.time(), ""
            try:
                address = self._resolve()
                status = self._ask(address)
                fault = "" if status == 200 else f"{address}: status {status}"
            except (OSError, ValueError, dns.exception.DNSException) as error:
                fault = f"{address or 'resolver'}: {type(error).__name__} {error}"
            self.visits.append(Visit(at, address, fault))

    def _resolve(self) -> str:
        query = dns.message.make_query(f"{self._host}.", "A")
        ip, port = self._resolver
        try:
            reply = dns.query.udp(query, ip, port=port, timeout=5)
        except dns.exception.Timeout:
            # every stub resolver asks again
            reply = dns.query.udp(query, ip, port=port, timeout=5)
        values = [
            data.to_text() for rrset in reply.answer if rrset.rdtype == dns.rdatatype.A for data in rrset
        ]
        if reply.rcode() != dns.rcode.NOERROR or len(values) != 1:
            raise ValueError(f"{dns.rcode.to_text(reply.rcode())} {values}")
        return values[0]

    def _ask(self, address: str) -> int:
        with (
            socket.create_connection((address, self._port), 5) as plain,
            self._tls.wrap_socket(plain, server_hostname=self._host) as secure,
        ):
            lines = f"GET {self._path} HTTP/1.1", f"Host: {self._host}", f"User-Agent: {self.agent}"
            secure.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
            answer = b""
            while part := secure.recv(65536):
                answer += part
        return int(answer.split(b" ", 2)[1])
