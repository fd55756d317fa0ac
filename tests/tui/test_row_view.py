"""The rows' widget: the cursor stays on its object, and only what differs is painted."""

from __future__ import annotations

from pointsman.tui.lines import line
from pointsman.tui.theme import THEME
from pointsman.tui.widgets.row_view import Rows, RowView
from textual.app import App, ComposeResult


class _Bench(App[None]):
    ENABLE_COMMAND_PALETTE = False
    CSS = "RowView { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.theme = THEME
        self.moved: list[object] = []

    def compose(self) -> ComposeResult:
        yield RowView(id="rows")

    def on_mount(self) -> None:
        self.query_one(RowView).focus()

    def on_row_view_moved(self, event: RowView.Moved) -> None:
        self.moved.append(event.key)


def _rows(*keys: str) -> Rows:
    return Rows.of((key, line(f"row {key}")) for key in keys)


def _screen(app: App[None]) -> list[str]:
    return [
        "".join(segment.text for segment in strip).rstrip()
        for strip in app.screen._compositor.render_strips()
    ]


async def test_the_cursor_follows_its_object_when_rows_move() -> None:
    app = _Bench()
    async with app.run_test(size=(20, 6)) as pilot:
        view = app.query_one(RowView)
        view.set_rows(_rows("a", "b", "c"))
        await pilot.press("j")
        assert view.cursor_key == "b"
        view.set_rows(_rows("x", "y", "a", "b", "c"))
        assert view.cursor_key == "b"
        await pilot.press("j")
        assert view.cursor_key == "c"


async def test_an_object_that_is_gone_gives_the_cursor_to_its_neighbour() -> None:
    app = _Bench()
    async with app.run_test(size=(20, 6)) as pilot:
        view = app.query_one(RowView)
        view.set_rows(_rows("a", "b", "c"))
        await pilot.press("j")
        view.set_rows(_rows("a", "c"))
        await pilot.pause()
        assert view.cursor_key == "c"
        assert app.moved[-1] == "c"
        view.set_rows(_rows())
        await pilot.pause()
        assert view.cursor_key is None


async def test_rows_without_a_key_are_stepped_over() -> None:
    app = _Bench()
    async with app.run_test(size=(20, 6)) as pilot:
        view = app.query_one(RowView)
        view.set_rows(
            Rows.of([(None, line("title")), ("a", line("a")), (None, line("gap")), ("b", line("b"))])
        )
        assert view.cursor_key == "a"
        await pilot.press("down")
        assert view.cursor_key == "b"
        await pilot.press("up")
        assert view.cursor_key == "a"


async def test_only_rows_that_differ_are_painted() -> None:
    app = _Bench()
    async with app.run_test(size=(20, 6)) as pilot:
        view = app.query_one(RowView)
        drawn: list[int] = []

        def numbered(version: int) -> Rows:
            def draw(index: int) -> object:
                drawn.append(index)
                return line(f"row {index} {version if index == 2 else 0}")

            return Rows([f"key{index}" for index in range(10_000)], draw)  # type: ignore[arg-type]

        view.set_rows(numbered(1))
        await pilot.pause()
        drawn.clear()
        painted: list[int] = []
        render = view.render_line
        view.render_line = lambda y: (painted.append(y), render(y))[1]  # type: ignore[method-assign, func-returns-value]
        view.set_rows(numbered(2))
        await pilot.pause()
        assert set(painted) == {2}
        assert max(drawn) < 12
        assert _screen(app)[2] == "row 2 2"


async def test_markup_in_a_row_is_just_text() -> None:
    app = _Bench()
    async with app.run_test(size=(40, 4)) as pilot:
        app.query_one(RowView).set_rows(Rows.of([("a", line("[bold red]x[/] [/nothing] [@click=app.quit]"))]))
        await pilot.pause()
        assert _screen(app)[0] == "[bold red]x[/] [/nothing] [@click=app.quit]"[:40]


async def test_a_long_list_scrolls_to_its_cursor() -> None:
    app = _Bench()
    async with app.run_test(size=(20, 5)) as pilot:
        view = app.query_one(RowView)
        view.set_rows(_rows(*(str(number) for number in range(100))))
        await pilot.press("G")
        await pilot.pause()
        assert view.cursor_key == "99"
        assert "row 99" in _screen(app)
        await pilot.press("g")
        await pilot.pause()
        assert _screen(app)[0] == "row 0"


async def test_fewer_rows_than_were_scrolled_to_are_shown_from_their_end() -> None:
    app = _Bench()
    async with app.run_test(size=(20, 5)) as pilot:
        view = app.query_one(RowView)
        view.set_rows(_rows(*(str(number) for number in range(100))))
        await pilot.press("G")
        await pilot.pause()
        view.set_rows(_rows(*(str(number) for number in range(8))))
        await pilot.pause()
        assert _screen(app) == [f"row {number}" for number in range(3, 8)]
        view.set_rows(_rows(*(str(number) for number in range(50))))
        await pilot.press("G")
        await pilot.pause()
        assert _screen(app)[-1] == "row 49"


async def test_another_number_of_rows_paints_only_what_differs() -> None:
    app = _Bench()
    async with app.run_test(size=(20, 6)) as pilot:
        view = app.query_one(RowView)
        view.set_rows(_rows("a", "b"))
        await pilot.pause()
        painted: list[int] = []
        render = view.render_line
        view.render_line = lambda y: (painted.append(y), render(y))[1]  # type: ignore[method-assign, func-returns-value]
        view.set_rows(_rows("a", "b", "c"))
        await pilot.pause()
        assert set(painted) == {2}
        assert _screen(app)[:3] == ["row a", "row b", "row c"]
