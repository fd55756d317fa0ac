"""The practice shop, shared by the tests here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pointsman.sandbox import loopback


@pytest.fixture(scope="session")
def shop() -> Iterator[dict[str, Any]]:
    """Where everything of a running practice shop is; it ends when its input is closed."""
    try:
        loopback.require("127.0.0.2", "127.0.0.3")
    except loopback.LoopbackError as error:
        pytest.skip(str(error))
    child = subprocess.Popen(
        [sys.executable, "-m", "pointsman.sandbox", "--no-shoppers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line, "the practice world did not start"
    yield json.loads(line)
    child.communicate(timeout=20)
