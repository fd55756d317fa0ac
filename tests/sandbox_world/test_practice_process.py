"""The practice world as a child process: one line when it is ready, and an end when its parent ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pointsman.sandbox.__main__ import main

QUICK = ("--old-ttl", "4", "--low-ttl", "1", "--watch", "1", "--soak", "1")


@pytest.fixture
def start(two_sides: None) -> Iterator[type[object]]:
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **more: object) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-m", "pointsman.sandbox", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,  # type: ignore[call-overload]
        )
        started.append(child)
        return child

    yield run  # type: ignore[misc]
    for child in started:
        if child.poll() is None:
            child.kill()
        child.communicate()


def test_it_says_where_it_is_and_ends_when_its_standard_input_does(start) -> None:  # type: ignore[no-untyped-def]
    reading, writing = os.pipe()
    child = start("--ready-fd", str(writing), *QUICK, pass_fds=(writing,))
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as stream:
        (line,) = stream.readlines()
    info = json.loads(line)
    assert Path(info["kubeconfig"]).exists()
    assert info["plans"]["store.shop.test"].endswith("store.shop.test.yaml")
    assert info["stories"] == {
        "store.shop.test": "done",
        "pay.shop.test": "stopped-at-gate",
        "cart.shop.test": "rolled-back",
    }
    out, err = child.communicate(timeout=10)
    assert (child.returncode, out, err) == (0, "", "")
    assert not Path(info["directory"]).exists()


def test_it_ends_on_a_signal(start) -> None:  # type: ignore[no-untyped-def]
    child = start("--no-shoppers", *QUICK)
    info = json.loads(child.stdout.readline())
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 0
    assert not Path(info["directory"]).exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--scenario", "none"), "pointsman.sandbox: there is no scenario 'none'; there are: shop, "),
        (("--load", "/no/such/folder"), "pointsman.sandbox: cannot load /no/such/folder: "),
    ],
)
def test_a_world_that_cannot_start(
    two_sides: None, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(message)
    assert err.count("\n") == 1


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("shop ")
    assert len(out.splitlines()) == 9
