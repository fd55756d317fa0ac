"""A hostile cluster on the real screens: what reaches the terminal is Textual's own, and text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from desk_kit import WorldFacts, end_world, start_world
from hostile_worlds import EVERYTHING, LONG, SURROGATES, documents_of, is_clean
from pty_kit import LEFT_ALTERNATE_SCREEN, Pty, run

# what Textual's driver sends by itself: colours, the cursor's place, modes on and off, questions, the
# pointer's shape
OWN = re.compile(
    rb"\x1b\[[0-9;]*m"
    rb"|\x1b\[[0-9]+;[0-9]+H"
    rb"|\x1b\[\?[0-9]+[hl]"
    rb"|\x1b\[\?[0-9]+\$p"
    rb"|\x1b\[[<>=][0-9;]*u"
    rb"|\x1b\][0-9]+;(?:default|pointer|text)\x07"
)


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorldFacts]:
    """A practice API server that serves the hostile world (its names are usual: no server takes others)."""
    words = [word for word in (*EVERYTHING, LONG) if word not in SURROGATES]
    documents = documents_of(words)
    usual = [one for one in documents if one["metadata"]["name"].isalpha()]
    for one in usual:
        # a real server would have refused what is no time and no identity
        one["metadata"] |= {"creationTimestamp": "2026-01-01T00:00:00Z"}
        one["metadata"].pop("uid")
    file = tmp_path_factory.mktemp("evil") / "world.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": usual[: len(documents) // 2]}))
    child, facts = start_world("--load", str(file))
    yield facts
    end_world(child)


def only_text(sent: bytes) -> None:
    """Beside the driver's own sequences nothing but characters that are printed, and the ends of lines."""
    rest = OWN.sub(b"", sent)
    for row in rest.decode("utf-8").replace("\r", "\n").split("\n"):
        assert is_clean(row, longest=10_000_000), row[:300]
    for word in EVERYTHING:
        if any(ord(character) < 32 for character in word):
            assert word.encode("utf-8", "surrogatepass") not in sent


def test_the_screens_of_a_hostile_cluster(evil: WorldFacts) -> None:
    with Pty("--kubeconfig", evil["kubeconfig"]) as terminal:
        terminal.until_shown(" GATEWAYS")
        terminal.until_shown(" live ")
        terminal.read_until_quiet(0.6)
        shown = terminal.display()
        assert "FAIL" in shown
        seen = [shown]
        for keys in b"j,j,j,\t,j,G,y,G,\x1b,?,\x1b,@,\x1b,z".split(b","):
            terminal.send(keys)
            terminal.read_until_quiet(0.4)
            seen.append(terminal.display())
        assert terminal.child.poll() is None
        # the words did come to the screen, as text
        everything = " ".join(" ".join(seen).split())
        assert "[bold red]" in everything or "[@click" in everything
        for size in ((80, 24), (60, 16), (200, 60)):
            terminal.resize(*size)
            terminal.read_until_quiet(0.4)
        before_the_end = terminal.seen
        only_text(before_the_end)
        terminal.send(b"\x03")
        assert terminal.ended() == 0
        assert LEFT_ALTERNATE_SCREEN in terminal.seen
        only_text(terminal.seen)


def test_the_commands_on_a_hostile_cluster(evil: WorldFacts) -> None:
    for form in ("text", "json"):
        ended = run("status", "--kubeconfig", evil["kubeconfig"], "-o", form)
        assert (ended.returncode, ended.stderr) == (1, "")
        assert all(is_clean(row) for row in ended.stdout.split("\n"))


def test_status_on_a_terminal_sends_colours_and_text(evil: WorldFacts) -> None:
    with Pty("status", "--kubeconfig", evil["kubeconfig"]) as terminal:
        assert terminal.ended() == 1
        assert b"\x1b[" in terminal.seen
        only_text(terminal.seen)
