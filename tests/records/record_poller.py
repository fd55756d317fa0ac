"""A client that asks a name server all the time, and remembers what no client should ever see."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType

import dns.message
import dns.rcode
import dns.rdatatype

RATE_PER_S = 100.0


class Poller:
    """Asks for A and AAAA of ``host`` in turn, ``RATE_PER_S`` times a second, from ``with`` until its end.

    ``sides`` are the answers' sides in order, repeats left out; ``faults`` what was neither all old nor new.
    """

    def __init__(self, ip: str, port: int, host: str, old: set[str], new: set[str]) -> None:
        self._at = (ip, port)
        self._host = host
        self._of = {**dict.fromkeys(old, "old"), **dict.fromkeys(new, "new")}
        self.asked = 0
        self.faults: list[str] = []
        self.sides: list[str] = []
        self.took_s = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Poller:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(10)

    def _work(self) -> None:
        began = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(2)
            asking.connect(self._at)
            while not self._stop.is_set():
                self._ask(asking, "A" if self.asked % 2 == 0 else "AAAA")
                self.asked += 1
                # by the clock: a slow answer is made up for
                self._stop.wait(max(0.0, began + self.asked / RATE_PER_S - time.monotonic()))
        self.took_s = time.monotonic() - began

    def _ask(self, asking: socket.socket, kind: str) -> None:
        query = dns.message.make_query(f"{self._host}.", kind)
        asking.send(query.to_wire())
        try:
            reply = dns.message.from_wire(asking.recv(4096))
        except TimeoutError:
            self.faults.append(f"{kind}: no answer")
            return
        values = [
            data.to_text()
            for rrset in reply.answer
            if rrset.rdtype == dns.rdatatype.from_text(kind)
            for data in rrset
        ]
        sides = {self._of.get(value, value) for value in values}
        if reply.rcode() != dns.rcode.NOERROR or len(sides) != 1:
            self.faults.append(f"{kind}: {dns.rcode.to_text(reply.rcode())} {values}")
            return
        side = sides.pop()
        if not self.sides or self.sides[-1] != side:
            self.sides.append(side)
