"""The client of benchmarks/dns_checks.py in a process of its own: asks, and prints what came.

Run: python benchmarks/dns_client.py PORT NAMES
"""

from __future__ import annotations

import asyncio
import sys

from pointsman.tui.garbage import Collector

# as the program itself does
Collector().look_seldom()

from pointsman.probes.wire.dns.facts import DnsTarget  # noqa: E402 - the collector is set before all else
from pointsman.probes.wire.dns.observe import observe_many  # noqa: E402


def main() -> None:
    """Ask for all types of all names, and print how many answers, errors and names with addresses came."""
    where, count = (f"127.0.0.1:{sys.argv[1]}",), int(sys.argv[2])
    targets = [DnsTarget(f"h{number}.shop.test", where, zone="shop.test") for number in range(count)]
    found = asyncio.run(observe_many(targets))
    answers = [answer for facts in found for answer in facts.servers[0].answers]
    errors = sum(bool(answer.error) or answer.rcode != "NOERROR" for answer in answers)
    addressed = sum(bool(facts.servers[0].answers[0].values()) for facts in found)
    print(len(answers), errors, addressed)


if __name__ == "__main__":
    main()
