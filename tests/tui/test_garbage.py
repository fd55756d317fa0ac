"""When Python looks for what only refers to itself."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest
from pointsman.tui.garbage import Collector


class Ring:
    """Refers to itself, as a screen does."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def _older(ring: Ring) -> weakref.ref[Ring]:
    """Make it survive what a screen survives that is shown for some minutes."""
    gc.collect(0)
    gc.collect(1)
    return weakref.ref(ring)


def _work(steps: int) -> list[list[int]]:
    return [[number] for number in range(steps)]


@pytest.mark.parametrize(("settled", "gone"), [(True, True), (False, False)])
def test_what_was_left_goes_soon_once_a_cluster_was_read(settled: bool, gone: bool) -> None:
    collector = Collector()
    collector.look_seldom()
    if settled:
        collector.look_often()
    ring = Ring()
    left = _older(ring)
    del ring
    kept = _work(300_000)
    assert (left() is None) == gone
    assert kept


def test_what_was_read_is_not_looked_through_again_until_it_is_left_for_another() -> None:
    collector = Collector()
    collector.look_seldom()
    read = Ring()
    collector.look_often()
    assert gc.get_freeze_count() > 1_000
    left = weakref.ref(read)
    del read
    gc.collect()
    assert left() is not None
    collector.leave()
    assert gc.get_threshold() == (50_000, 20, 100)
    collector.look_often()
    assert left() is None


def test_nothing_is_looked_through_while_somebody_waits_for_the_first_cluster() -> None:
    collector = Collector()
    collector.look_seldom()
    ring = Ring()
    left = weakref.ref(ring)
    del ring
    collector.look_often()
    assert left() is not None


def test_every_command_starts_by_looking_seldom() -> None:
    code = (
        "import gc, sys; sys.argv = ['pointsman', '--version']\n"
        "from pointsman.tui import cli\n"
        "try: cli.main()\n"
        "finally: print(gc.get_threshold())"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1] == "(50000, 20, 100)"
