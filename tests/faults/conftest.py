"""The small world as a fixture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faults_kit import SmallWorld, a_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SmallWorld]:
    """One of its own: faults are done to it."""
    with a_world(tmp_path) as made:
        yield made
