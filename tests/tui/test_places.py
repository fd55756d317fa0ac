"""The ``:`` line: what may be typed, and what tab makes of it."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointsman.tui.host import Host
from pointsman.tui.lines import Tone
from pointsman.tui.places import PLACES, complete, go


class Guide:
    """The part of the application that places ask."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def namespaces(self) -> list[str]:
        return ["shop", "search", "media"]

    def contexts(self) -> list[str]:
        return ["prod-eu", "prod-us", "staging"]

    def say(self, text: str, tone: Tone) -> None:
        self.asked.append(("say", text))

    def open_routes(self, kind: str = "") -> None:
        self.asked.append(("routes", kind))

    def open_resources(self, name: str) -> None:
        self.asked.append(("resources", name))

    def narrow(self, words: list[str]) -> None:
        self.asked.append(("narrow", *words))

    def switch_context(self, name: str) -> None:
        self.asked.append(("switch", name))

    def open_list(self, name: str) -> None:
        self.asked.append(("list", name))

    def open_xray(self, request_line: str = "") -> None:
        self.asked.append(("xray", request_line))

    def open_twin(self, hosts: tuple[str, ...] = ()) -> None:
        self.asked.append(("twin", *hosts))

    def leave(self) -> None:
        self.asked.append(("leave",))


def went(text: str) -> list[tuple[object, ...]]:
    guide = Guide()
    go(cast("Host", guide), text)
    return guide.asked


def completed(text: str) -> tuple[str, tuple[str, ...]]:
    return complete(cast("Host", Guide()), text)


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("hr", ("routes", "HTTPRoute")),
        ("GRPCRoutes", ("routes", "GRPCRoute")),
        ("routes", ("routes", "")),
        ("gw", ("resources", "gateways")),
        ("svc", ("resources", "services")),
        ("ingr", ("resources", "ingresses")),
        ("ns shop media", ("narrow", "shop", "media")),
        ("ns", ("narrow",)),
        ("ctx", ("list", "contexts")),
        ("ctx prod-eu", ("switch", "prod-eu")),
        ("findings", ("list", "findings")),
        ("x GET https://pay.example.com/a?b=c", ("xray", "GET https://pay.example.com/a?b=c")),
        ("twin pay.example.com", ("twin", "pay.example.com")),
        ("q", ("leave",)),
    ],
)
def test_where_it_goes(typed: str, asked: tuple[object, ...]) -> None:
    assert went(typed) == [asked]


def test_what_is_no_place_is_told_with_what_may_be_meant() -> None:
    ((_, text),) = went("gate")
    assert "gateways, gatewayclasses" in str(text)
    ((_, text),) = went("pods")
    assert "no such place: pods; ctrl-a lists all places" in str(text)
    assert went("   ") == []


def test_tab() -> None:
    assert completed("ga") == ("gateway", ("gateways", "gatewayclasses"))
    assert completed("gateways") == ("gateways", ("a table: class, addresses, listeners",))
    assert completed("fi") == ("findings", ("findings",))
    assert completed("hr")[0] == "hr"
    assert completed("ctx") == ("ctx ", ("ctx [NAME]",))
    assert completed("ctx p") == ("ctx prod-", ("prod-eu", "prod-us"))
    assert completed("ctx prod-e") == ("ctx prod-eu", ("prod-eu",))
    assert completed("ns shop s") == ("ns shop s", ("shop", "search"))
    assert completed("ns shop se") == ("ns shop search", ("search",))
    assert completed("nothing at all") == ("nothing at all", ())
    assert len(completed("")[1]) == 13


@given(st.text("abcdefghilnoprstuvxy ", max_size=12))
def test_tab_only_adds_and_comes_to_an_end(typed: str) -> None:
    first, _ = completed(typed)
    assert first.lstrip().lower().startswith(typed.lstrip().lower())
    second, _ = completed(first)
    assert completed(second)[0] == second


def test_no_name_means_two_places() -> None:
    names = [name for place in PLACES for name in place.names]
    assert len(names) == len(set(names))
    assert all(place.what and place.names[0].isalpha() for place in PLACES)
