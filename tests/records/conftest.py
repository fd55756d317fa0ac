"""The practice name server as a fixture."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# the real name servers are started as the tests of the DNS probe start them
sys.path.insert(0, str(Path(__file__).parents[1] / "wire_dns"))

from records_world import DnsWorld, dns_worlds


@pytest.fixture
def dns_world(tmp_path: Path) -> Iterator[DnsWorld]:
    with dns_worlds(tmp_path) as world:
        yield world
