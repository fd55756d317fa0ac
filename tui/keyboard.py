"""Keys one at a time: each is for what the ones before it have brought about, however quickly they come.

Textual gives a key to the widget that has the focus when the key arrives, but much of what a key does comes
later: by a binding, which is looked for when the key has gone up to the application; by a message, as when
enter submits a line; by a screen that is put up and takes the focus when it stands. Keys that come all at
once (a slow line, a script, a paste without brackets) would overtake all of that.
"""

from __future__ import annotations

from collections import deque
from time import monotonic

from textual.app import App, ScreenStackError
from textual.events import Event, Key, Paste
from textual.message_pump import MessagePump
from textual.screen import Screen

Typed = Key | Paste

_END = "ctrl+c"
_ESCAPE = "escape"
# more than anybody types ahead; what is pasted without brackets may be any length
_MOST_HELD = 2000
# nobody sees what a key did, and presses another for it, in this time; what comes in one go is apart far less
_SEEN_S = 0.01
# between two letters of somebody who types a word
_PAUSE_S = 0.5
# a round that takes longer has been lost with a widget that was taken down
_LOST_S = 2.0
# a key leads to a message, that to a screen, that to a focus; each of them is a round
_LEAST_ROUNDS, _MOST_ROUNDS = 2, 10


class Keyboard:
    """Holds back what is typed until what was typed before it is done.

    It is done when all from the widget with the focus up to the application have twice worked off what was
    waiting for them, and screen and focus have stayed the same meanwhile.
    """

    def __init__(self, app: App[None]) -> None:
        self.blind = False
        """Whether what is being handled was typed before anybody could see what the key ahead of it did."""
        self._app = app
        self._held: deque[Typed] = deque()
        self._released: Typed | None = None
        # until the first screen stands
        self._busy = True
        self._seen_at = 0.0
        self._dropping_since: float | None = None
        # how many there were for a key, which one is under way, when it last came on, and what was in front
        self._rounds = 0
        self._generation = 0
        self._came_on_at = monotonic()
        self._front: tuple[object, object] = (None, None)

    @property
    def busy(self) -> bool:
        """Whether something typed is not done yet."""
        return self._busy

    def takes(self, event: Typed) -> bool:
        """Whether ``event`` is to be handled now; if not, it is held back, or dropped for good."""
        if event is self._released:
            self._released = None
        elif self._busy:
            self._hold(event)
            return False
        elif self._drops(event):
            return False
        else:
            self.blind = event.time < self._seen_at + _SEEN_S
        self._busy = True
        return True

    def drop_the_rest(self) -> None:
        """What was typed ahead is not taken, nor what follows it, until a pause of half a second, or escape.

        As a login does before it asks for a password: it was typed for something else than what is there.
        """
        self._held.clear()
        self._dropping_since = monotonic()

    def settle(self) -> None:
        """Let the next one in when what was taken last is done."""
        self._busy = True
        self._rounds = 0
        self._begin_round()

    def _hold(self, event: Typed) -> None:
        if len(self._held) >= _MOST_HELD:
            self.drop_the_rest()
        elif self._dropping_since is None or not self._drops(event):
            self._held.append(event)
        if monotonic() - self._came_on_at > _LOST_S:
            self.settle()

    def _drops(self, event: Typed) -> bool:
        since = self._dropping_since
        if since is None:
            return False
        if event.time - since > _PAUSE_S or (isinstance(event, Key) and event.key == _ESCAPE):
            self._dropping_since = None
            return False
        self._dropping_since = max(event.time, since)
        return True

    # -- rounds

    def _begin_round(self) -> None:
        self._generation += 1
        self._came_on_at = monotonic()
        self._front = self._in_front()
        self._go_up(_way_up(self._app), self._generation)

    def _go_up(self, way: list[MessagePump], generation: int) -> None:
        """From the widget with the focus up to the application: a message on its way stays ahead of us."""
        if generation != self._generation:
            return
        self._came_on_at = monotonic()
        while way:
            # one that is being taken down takes no more
            if way.pop().call_later(self._go_up, way, generation):
                return
        self._end_round()

    def _end_round(self) -> None:
        self._rounds += 1
        unchanged = self._front == self._in_front()
        if self._rounds < _LEAST_ROUNDS or (not unchanged and self._rounds < _MOST_ROUNDS):
            self._begin_round()
            return
        self._seen_at = monotonic()
        while self._held:
            event = self._held.popleft()
            if not self._drops(event):
                self.blind = True
                self._released = event
                self._app.post_message(event)
                return
        self._busy = False

    def _in_front(self) -> tuple[object, object]:
        screen = _screen(self._app)
        return screen, screen.focused if screen is not None else None


def _screen(app: App[None]) -> Screen[object] | None:
    try:
        return app.screen
    except ScreenStackError:
        return None


def _way_up(app: App[None]) -> list[MessagePump]:
    """The application, the screen in front, and so on down to the widget that has the focus."""
    screen = _screen(app)
    if screen is None:
        return [app]
    return [app, *reversed((screen.focused or screen).ancestors_with_self[:-1])]


class KeyedApp(App[None]):
    """An application to which keys and pastes come one at a time. ctrl-c waits for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.keyboard = Keyboard(self)

    def on_mount(self) -> None:
        """What was typed before the first screen stands is for that."""
        self.keyboard.settle()

    async def on_event(self, event: Event) -> None:
        """Every key and paste comes by here first, and once more when no widget wanted it."""
        if not isinstance(event, Key | Paste) or event.is_forwarded or _ends(event):
            await super().on_event(event)
        elif self.keyboard.takes(event):
            await super().on_event(event)
            self.keyboard.settle()


def _ends(event: Typed) -> bool:
    return isinstance(event, Key) and event.key == _END
