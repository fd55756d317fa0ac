"""The practice name server as a fixture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from records_world import DnsWorld, dns_worlds


@pytest.fixture
def dns_world(tmp_path: Path) -> Iterator[DnsWorld]:
    with dns_worlds(tmp_path) as world:
        yield world
