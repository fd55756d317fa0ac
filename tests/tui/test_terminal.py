"""The screens on a real terminal: what is sent, how much of it, and that the terminal is left in order."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from desk_kit import WorldFacts, end_world, start_world
from pointsman.cluster.client.connect import connect
from pty_kit import CURSOR_ON, LEFT_ALTERNATE_SCREEN, Pty

ONE_ROW, CURSOR_MOVE = 300, 2600
# two lines of a table, or the line where one types; the table where rows move
CURSOR_IN_TABLE, TYPED, OPEN_PROMPT, SORTED = 400, 450, 800, 3000
Patch = Callable[[str, str, dict[str, object]], None]


@pytest.fixture
def patch(world: WorldFacts) -> Iterator[Patch]:
    """Merge something into a route through the API."""
    connection = connect(world["kubeconfig"], None)

    def merge(namespace: str, name: str, change: dict[str, object]) -> None:
        path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/httproutes/{name}"
        body = json.dumps(change).encode()
        connection.request("PATCH", path, body=body, content_type="application/merge-patch+json")

    yield merge
    connection.close()


@pytest.fixture(scope="module")
def hostile_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorldFacts]:
    """The small world with a condition whose message tries everything."""
    documents = list(yaml.safe_load_all((Path(__file__).parent / "small_world.yaml").read_text()))
    broken = next(entry for entry in documents if entry["metadata"]["name"] == "broken")
    message = (
        "\x1b[2J\x1b]0;owned\x07\x1b[5;5Hmoved\x9b31m [bold red]mark[/bold red][/] \u202etfel\u202c \u2066x"
    )
    broken["status"]["parents"][0]["conditions"][1]["message"] = message
    file = tmp_path_factory.mktemp("hostile") / "world.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    child, facts = start_world("--load", str(file))
    yield facts
    end_world(child)


def in_order(terminal: Pty, sent_before: int) -> None:
    """The end of what was sent leaves a terminal that can be used, and no trace."""
    last = terminal.seen[sent_before:]
    assert LEFT_ALTERNATE_SCREEN in last
    assert last.rfind(CURSOR_ON) > last.rfind(b"\x1b[?25l")
    assert b"Traceback" not in terminal.seen


def test_what_a_look_costs(world: WorldFacts, patch: Patch) -> None:
    with Pty("--kubeconfig", world["kubeconfig"]) as terminal:
        terminal.wait_for(b"GATEWAYS", 20)
        terminal.wait_for(b"quit", 1)
        terminal.until_loaded()
        before = len(terminal.seen)
        terminal.read_for(3.0)
        assert terminal.seen[before:] == b""

        # nobody's status changes by it: the controller of this route has gone silent
        hosts = {"spec": {"hostnames": ["video.shop.test", "more.shop.test"]}}
        patch("media", "video", hosts)
        try:
            terminal.until_shown("video.shop.test +1", 5)
            terminal.read_until_quiet(0.5)
            sent = terminal.seen[before:]
            assert b"video" in sent
            assert len(sent) < ONE_ROW, sent
        finally:
            patch("media", "video", {"spec": {"hostnames": ["video.shop.test"]}})
        terminal.until(lambda: "video.shop.test +1" not in terminal.display(), 5)
        terminal.read_until_quiet(0.5)

        before = len(terminal.seen)
        patch("media", "video", {"metadata": {"annotations": {"note": "that nobody sees"}}})
        terminal.read_for(0.8)
        assert terminal.seen[before:] == b""

        before = len(terminal.seen)
        terminal.send(b"j")
        terminal.read_until_quiet(0.4)
        first = len(terminal.seen) - before
        assert 0 < first < CURSOR_MOVE

        # a key that is held down: the details come along when there is time for them, and at the end
        terminal.send(b"k")
        terminal.read_until_quiet(0.4)
        before = len(terminal.seen)
        for _ in range(9):
            terminal.send(b"j")
            terminal.read_for(0.01)
        terminal.until(lambda: "GRPCRoute search/catalog" in terminal.display(), 5)
        terminal.read_until_quiet(0.4)
        assert len(terminal.seen) - before < 9 * CURSOR_MOVE // 2


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_what_typing_and_sorting_cost(world: WorldFacts, size: tuple[int, int]) -> None:
    columns, lines = size
    with Pty("--kubeconfig", world["kubeconfig"], columns=columns, lines=lines) as terminal:
        terminal.until_loaded()

        def cost(keys: bytes) -> int:
            before = len(terminal.seen)
            terminal.send(keys)
            terminal.read_until_quiet(0.5)
            return len(terminal.seen) - before

        # the line where one types takes the place of another: nothing above it moves or is painted anew
        assert 0 < cost(b"/") < OPEN_PROMPT
        assert 0 < cost(b"zqx") < CURSOR_MOVE
        assert "nothing matches" in terminal.display()
        # nothing is left to hide
        assert 0 < cost(b"y") < TYPED
        cost(b"\x1b")
        # a cursor that was put somewhere stays on its route, and so do the details
        cost(b"j")
        assert 0 < cost(b"N") < SORTED
        assert "by name" in terminal.display()
        assert 0 < cost(b"S") < SORTED
        # keys that come all at once, as over a slow line, are typed and not taken one by one
        terminal.send(b":ingresses\r")
        terminal.until_shown("INGRESSES 15")
        terminal.read_until_quiet(0.5)
        assert 0 < cost(b"j") < CURSOR_IN_TABLE
        before = len(terminal.seen)
        terminal.read_for(2.5)
        assert terminal.seen[before:] == b""


@pytest.mark.parametrize("how", ["SIGTERM", "SIGHUP", "SIGINT", "ctrl-c", "q"])
def test_the_terminal_is_left_in_order(small_world: WorldFacts, how: str) -> None:
    with Pty("--kubeconfig", small_world["kubeconfig"]) as terminal:
        terminal.until_loaded()
        before = len(terminal.seen)
        if how.startswith("SIG"):
            terminal.child.send_signal(signal.Signals[how])
        else:
            terminal.send({"ctrl-c": b"\x03", "q": b"q"}[how])
        assert terminal.ended() == 0
        in_order(terminal, before)


@pytest.mark.parametrize("keys", [b"c", b"p", b"?", b"dy", b"F", b":gate", b"/x", b"x"])
def test_ctrl_c_leaves_at_once_from_anywhere(small_world: WorldFacts, keys: bytes) -> None:
    with Pty("--kubeconfig", small_world["kubeconfig"]) as terminal:
        terminal.until_loaded()
        terminal.send(keys)
        terminal.read_until_quiet(0.4)
        before = len(terminal.seen)
        terminal.send(b"\x03")
        assert terminal.ended(5.0) == 0
        in_order(terminal, before)


def test_a_dropped_connection_ends_the_screens(small_world: WorldFacts) -> None:
    with Pty("--kubeconfig", small_world["kubeconfig"]) as terminal:
        terminal.until_loaded()
        terminal.hang_up()
        assert terminal.child.wait(10) == 0


def test_every_size(small_world: WorldFacts) -> None:
    with Pty("--kubeconfig", small_world["kubeconfig"]) as terminal:
        terminal.until_loaded()
        for columns, lines in ((60, 16), (120, 40), (20, 5), (1, 1), (80, 24)):
            terminal.resize(columns, lines)
            if columns >= 60:
                terminal.until_shown("broken.example.net" if columns > 60 else "broken")
                terminal.until(lambda: terminal.display().endswith("q quit"))
                keys = terminal.display().splitlines()[-1]
                assert "? help  " in keys
                assert "…" not in keys
            terminal.read_until_quiet(0.3)
            assert terminal.child.poll() is None
        terminal.send(b"q")
        assert terminal.ended() == 0


def test_hostile_text_is_only_text(hostile_world: WorldFacts) -> None:
    with Pty("--kubeconfig", hostile_world["kubeconfig"]) as terminal:
        terminal.until_loaded()
        assert "broken.example.net" in terminal.display()
        # the first row is the worst one; its details show the message
        assert "[bold red]mark[/bold red][/]" in " ".join(terminal.display().split())
        terminal.send(b"y")
        terminal.until_shown("ResolvedRefs")
        terminal.send(b"G")
        terminal.read_until_quiet(0.3)
        sent = terminal.seen
        for raw in (b"\x1b[2J", b"\x1b]0;", b"\x1b[5;5H", b"owned\x07", "\x9b31m".encode(), b"\x9b31m"):
            assert raw not in sent
        for bidi in "\u202e\u202c\u2066":
            assert bidi.encode() not in sent
        terminal.send(b"q")
        terminal.read_until_quiet(0.2)
        terminal.send(b"q")
        assert terminal.ended() == 0
