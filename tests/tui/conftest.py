"""Practice worlds that the tests here share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_kit import WorldFacts, end_world, start_world


@pytest.fixture(scope="session")
def world() -> Iterator[WorldFacts]:
    """The shop at a pace that lets a whole cutover pass in some seconds; tests use different hosts of it."""
    child, facts = start_world("--old-ttl", "3", "--low-ttl", "1", "--watch", "3", "--soak", "1")
    yield facts
    end_world(child)


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorldFacts]:
    """A handful of objects that never change, for pictures of whole screens."""
    child, facts = start_world("--load", str(Path(__file__).parent / "small_world.yaml"))
    yield facts
    end_world(child)
