"""The folders and the list of packages say the same; starting up imports only what the first paint needs."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
ROOMS = ("cluster", "probes", "checklists", "tui", "sandbox")


def test_every_package_on_disk_is_listed() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    listed = set(project["tool"]["setuptools"]["packages"])
    on_disk = {
        "pointsman." + ".".join(init.parent.relative_to(REPOSITORY).parts)
        for room in ROOMS
        for init in (REPOSITORY / room).rglob("__init__.py")
    }
    assert listed == on_disk


def test_no_module_is_outside_a_package() -> None:
    strays = [
        str(module.relative_to(REPOSITORY))
        for room in ROOMS
        for module in (REPOSITORY / room).rglob("*.py")
        if not (module.parent / "__init__.py").exists()
    ]
    assert strays == []


@pytest.mark.parametrize("room", ROOMS)
def test_type_checkers_find_the_room(room: str) -> None:
    link = REPOSITORY / "typings" / "pointsman" / room
    assert link.is_symlink()
    assert link.resolve() == REPOSITORY / room


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("pointsman.tui.cli", {"textual", "kubernetes", "httpx", "dns", "OpenSSL", "aiohttp"}),
        ("pointsman.tui.app", {"kubernetes", "httpx", "dns", "OpenSSL", "aiohttp"}),
    ],
)
def test_heavy_libraries_wait_until_they_are_needed(module: str, unwanted: set[str]) -> None:
    code = f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert set(done.stdout.split()) & unwanted == set()


def test_the_first_paint_needs_no_reader_of_objects() -> None:
    code = "import sys, pointsman.tui.cli, pointsman.tui.app; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"yaml", "pointsman.cluster.objects", "pointsman.checklists.plans.load"}


def test_the_house_is_kept_small() -> None:
    """A module under about 400 lines: where one grows, a part of it has another job."""
    long = {
        str(module.relative_to(REPOSITORY)): lines
        for room in ROOMS
        for module in (REPOSITORY / room).rglob("*.py")
        if (lines := len(module.read_text().splitlines())) > 420
    }
    assert long == {}


def test_nothing_names_a_registry_or_a_home() -> None:
    for name in ("constraints.txt", "pyproject.toml", "Makefile", ".ci/run"):
        text = (REPOSITORY / name).read_text()
        assert "index-url" not in text
        assert "find-links" not in text
        assert "://" not in text.replace("https://github.com", ""), name
