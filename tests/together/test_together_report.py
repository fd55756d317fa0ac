"""The report: all of the evidence, no text of anybody's ever more than text, no file ever written over."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pointsman.checklists.journal.chart import BOTTOM, LEFT, RIGHT, TOP, drawn
from pointsman.checklists.journal.document import (
    Block,
    Chart,
    Code,
    Curve,
    Document,
    Fact,
    Facts,
    Fold,
    Items,
    Paragraph,
    Section,
    Table,
)
from pointsman.checklists.journal.file import Journal
from pointsman.checklists.journal.record import record_of
from pointsman.checklists.journal.report import document_of, records_with
from pointsman.checklists.journal.report_html import render as to_html
from pointsman.checklists.journal.report_markdown import render as to_markdown
from pointsman.checklists.machine.events import RunStarted
from pointsman.tui.cli import cli
from together_kit import HOST, a_run, on_disk

HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='x", "</pre></details>",
    "&lt;b&gt;", "```\n# heading", "| a | b |", "[x](javascript:alert(1))", "![i](http://evil.test/x.png)",
    "<http://evil.test>", "https://evil.test/", "www.evil.test", "ana@evil.test", "{{ 7 * 7 }}", "{% raw %}",
    "- item", "1. item", "# h", "> q", "---", "***", "    code", "~~~", "\x1b[31m", "\u202e", "\\", "`",
    "_a_", "*b*", "~~c~~", "<!-- x", "]]>", "",
)  # fmt: skip
texts = (
    st.sampled_from(HOSTILE)
    | st.text(max_size=30)
    | st.text("<>&\"'`*_[]()!#|~-=+{}%\\ \n1.a:/@w", max_size=30)
)


class Shape(HTMLParser):
    """The elements with their attributes' names, and the text between them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))

    def handle_comment(self, data: str) -> None:
        self.elements.append(("comment", ()))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def shape(page: str) -> Shape:
    parser = Shape()
    parser.feed(page)
    parser.close()
    return parser


def a_document(text: str) -> Document:
    """Every kind of block with ``text`` wherever there is one."""
    blocks: tuple[Block, ...] = (
        Paragraph(text),
        Facts((Fact(text, text), Fact("outcome", text, strong=True))),
        Items((text, text)),
        Table((text, "b"), ((text, text), ("PASS", text))),
        Code((text, "second"), "diff"),
        Chart(text, text, (Curve("new", ((0.0, 1.0), (2.0, 3.0))),), threshold=2.0),
    )
    sections = (Section(text, (*blocks, Fold(text, blocks))), Section("3", blocks, level=3))
    return Document(text, Facts((Fact("a", text),)), sections)


PLAIN_SHAPE = shape(to_html(a_document("plain"))).elements


@settings(max_examples=60, deadline=None)
@given(texts)
def test_no_text_becomes_an_element_or_an_attribute(text: str) -> None:
    page = shape(to_html(a_document(text)))
    # a cell that says a verdict's very word gets its colour
    assert page.elements == PLAIN_SHAPE


markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def tokens(text: str) -> list[str]:
    """Every block and inline token but the text itself."""
    found: list[str] = []
    for token in markdown.parse(text):
        found.append(token.type)
        found += [child.type for child in token.children or () if child.type != "text"]
    return [
        kind
        for kind in found
        if kind not in ("text", "softbreak", "inline", "paragraph_open", "paragraph_close")
    ]


PLAIN_TOKENS = tokens(to_markdown(a_document("plain")))


@settings(max_examples=60, deadline=None)
@given(texts)
def test_no_text_becomes_markdown(text: str) -> None:
    found = tokens(to_markdown(a_document(text)))
    if text.strip():
        assert found == PLAIN_TOKENS
    # and never anything that loads, links or is HTML
    assert not {"html_block", "html_inline", "link_open", "image"} & set(found)
    assert not re.search(r"(?<!\\)://|(?<!\\)\bwww\.", "".join(_outside_code(to_markdown(a_document(text)))))


def _outside_code(text: str) -> list[str]:
    kept, fence = [], ""
    for row in text.splitlines():
        opening = re.match(r"`{3,}", row)
        if opening and (not fence or row.strip() == fence):
            fence = "" if fence else opening[0]
        elif not fence:
            kept.append(row)
    return kept


@pytest.mark.parametrize("text", HOSTILE)
def test_a_whole_run_of_hostile_servers_is_one_plain_page(text: str) -> None:
    wanted = shape(to_html(document_of((record_of(a_run("plain"), "ab" * 32),)))).elements
    record = record_of(a_run(text or "plain", operator=text or "plain"), "ab" * 32)
    page = to_html(document_of((record,)))
    assert shape(page).elements == wanted
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_a_page_needs_nothing_else_and_runs_nothing() -> None:
    page = to_html(document_of((record_of(a_run("https://evil.test/x.js")),)))
    found = shape(page)
    names = {name for name, _ in found.elements}
    assert not names & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "a",
        "use",
        "image",
    }
    attributes = {name for _, attributes in found.elements for name in attributes}
    assert not attributes & {"src", "href", "style", "action", "xlink:href", "srcset"}
    assert not [name for name in attributes if name.startswith("on")]
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    assert not re.search(r"url\(|@import", style[1])
    # the hash of the policy is that of the style, or no browser shows it
    import base64

    assert base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode() in policy[1]
    for wanted in ("prefers-color-scheme: dark", "@media print"):
        assert wanted in style[1]


def test_it_tells_all_of_it() -> None:
    events = a_run("seen")
    text = to_markdown(document_of((record_of(events, "cd" * 32),)))
    first = events[0]
    assert isinstance(first, RunStarted)
    for told in (
        "outcome: **done**", first.plan_digest, "cd" * 32, r"ana\@desk, ben\@desk",
        "pass first though it says WARN", "thresholds.min", "went on with the run, with writing",
        "- store.shop.test. 3 A 127.0.0.2", "+ store.shop.test. 3 A 127.0.0.3", "Its inverse:",
        "Gate before-switch", "HTTP001 status", "curl seen",
        "> GET https://store.shop.test/seen at 127.0.0.3",
        "< server: seen", "The watch from", "share of errors",
        "the alarm is raised at 1000", "notify 'the team'", "exit code 1", "What the old side still counted",
        "| new | pods of the gateway | 40 | not known |",
        "pointsman journal verify abcd1234", '"tsig_key_file": "/k"',
    ):  # fmt: skip
        assert told in text, told
    page = to_html(document_of((record_of(events, "cd" * 32),)))
    # two watches have more than one note, the soak's has none
    assert page.count("<svg") == 4
    assert page.count('class="limit"') == 2


def test_a_chart_stays_in_its_box() -> None:
    points = ((0.0, 0.5), (5.0, 1e300), (10.0, 3.0))
    for logarithmic in (False, True):
        at = drawn(Chart("t", "%", (Curve("new", points),), threshold=1000.0, logarithmic=logarithmic))
        for _, line in at.lines:
            for pair in line.split():
                x, y = map(float, pair.split(","))
                assert LEFT <= x <= RIGHT
                assert TOP <= y <= BOTTOM
        assert at.threshold is not None
        assert TOP <= at.threshold.at <= BOTTOM


def test_a_campaign_is_one_report(tmp_path: Path) -> None:
    for wave, run_id in ((2, "bbbb2222"), (1, "aaaa1111")):
        first, *rest = a_run()
        assert isinstance(first, RunStarted)
        started = replace(first, run_id=run_id, campaign="camp", wave=wave, waves=2)
        on_disk(tmp_path, [started, *(rest[:5] if wave == 2 else rest)], run_id)
    on_disk(tmp_path, a_run(), "cccc3333")
    records = records_with("bbbb2222", tmp_path)
    assert [record.state.run_id for record in records] == ["aaaa1111", "bbbb2222"]
    text = to_markdown(document_of(records))
    assert "campaign: **camp**" in text
    assert "## Wave 1: store.shop.test" in text
    assert len(records_with("cccc3333", tmp_path)) == 1


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory with a run in it."""
    monkeypatch.setenv("POINTSMAN_STATE_DIR", str(tmp_path / "state"))
    on_disk(tmp_path / "state", a_run())
    return tmp_path


def test_files_are_private_and_never_written_over(recorded: Path) -> None:
    html, md = recorded / "r.html", recorded / "r.md"
    runner = CliRunner()
    arguments = ["report", "abcd1234", "--html", str(html), "--markdown", str(md)]
    done = runner.invoke(cli, arguments)
    assert (done.exit_code, done.stdout) == (0, "")
    assert {path.stat().st_mode & 0o777 for path in (html, md)} == {0o600}
    assert md.read_text().startswith(f"# Cutover of {HOST}\n")
    html.write_text("mine")
    again = runner.invoke(cli, arguments)
    assert "is there already" in str(again.exception)
    assert html.read_text() == "mine"
    (recorded / "r2.html").symlink_to(recorded / "nowhere")
    refused = runner.invoke(cli, ["report", "abcd1234", "--html", str(recorded / "r2.html")])
    assert "is there already" in str(refused.exception)
    assert runner.invoke(cli, [*arguments, "--force"]).exit_code == 0
    assert html.read_text().startswith("<!DOCTYPE html>")
    assert sorted(path.name for path in recorded.iterdir()) == ["r.html", "r.md", "r2.html", "state"]


def test_to_standard_output_and_as_json(recorded: Path) -> None:
    import json

    runner = CliRunner()
    assert runner.invoke(cli, ["report", "abcd1234"]).stdout.startswith("# Cutover of")
    plain = json.loads(runner.invoke(cli, ["report", "abcd1234", "-o", "json"]).stdout)
    assert (plain["command"], plain["verdict"]) == ("report", "PASS")
    assert len(plain["facts"]["runs"][0]["events"]) == len(a_run())


def test_verify_says_which_journal_was_changed(recorded: Path) -> None:
    runner = CliRunner()
    path = on_disk(recorded / "state", a_run()[:4], "bbbb2222")
    good = runner.invoke(cli, ["journal", "verify"])
    assert good.exit_code == 0
    assert good.stdout.count("chain ok") == 2
    one = runner.invoke(cli, ["journal", "verify", "bbbb2222"])
    assert one.exit_code == 0
    assert "4 lines, chain ok" in one.stdout
    with path.open("ab") as file:
        file.write(b'{"half')
    assert "a torn line behind 4 lines" in runner.invoke(cli, ["journal", "verify", "bbbb2222"]).stdout
    path.write_bytes(path.read_bytes().replace(b"127.0.0.3", b"127.0.0.9", 1))
    changed = runner.invoke(cli, ["journal", "verify"])
    assert changed.exit_code == 2
    assert f"{path}:1: the journal was changed" in changed.stdout
    assert "no run none0000" in str(runner.invoke(cli, ["journal", "verify", "none0000"]).exception)
    # a chain that was made anew holds, but what it tells has to be possible as well
    path.unlink()
    journal = Journal.create("bbbb2222", recorded / "state")
    for event in (a_run()[0], a_run()[8]):
        journal.append(event)
    journal.close()
    impossible = runner.invoke(cli, ["journal", "verify"])
    assert impossible.exit_code == 2
    assert "write-ended cannot happen" in impossible.stdout
