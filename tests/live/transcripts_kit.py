"""Transcripts of two servers: commands and requests, and what may differ with the reason why."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
from transcript_sides import Side

Json = dict[str, Any]
_COMPARED_HEADERS = ("content-type", "warning", "retry-after", "cache-control", "allow")


@dataclass(frozen=True)
class Kubectl:
    """A command; `stdin` may be an object, which is sent as JSON."""

    words: tuple[str, ...]
    stdin: Any = ""
    user: str = "admin"

    @property
    def title(self) -> str:
        return " ".join(("kubectl", *self.words)) + (f" as {self.user}" if self.user != "admin" else "")

    def play(self, side: Side) -> str:
        typed = self.stdin if isinstance(self.stdin, str) else json.dumps(self.stdin)
        said = side.kubectl(*self.words, stdin=typed, user=self.user)
        lines = [line.rstrip() for line in said.out.splitlines()]
        # kubectl words that are widths only
        shown = [re.sub(r"(?<=\S) {2,}", "  ", line) for line in lines]
        return "\n".join([f"exit {said.code}", *shown, "-- stderr", *_listed(said.err.strip())])


def _listed(text: str) -> list[str]:
    """The lines; the causes of a refusal, which come in any order, sorted."""
    lines = text.splitlines()
    causes = sorted(line for line in lines if line.startswith("* "))
    return [line for line in lines if not line.startswith("* ")] + causes


@dataclass(frozen=True)
class Ask:
    """A request; of a watch so many events are read as are given."""

    method: str
    path: str
    body: Any = None
    content_type: str = "application/json"
    accept: str = "application/json"
    user: str = "admin"
    events: int = 0
    keep: tuple[str, ...] = ()
    query: tuple[tuple[str, str], ...] = field(default=())

    @property
    def title(self) -> str:
        asked = "&".join(f"{name}={value}" for name, value in self.query)
        body = "" if self.body is None else f" {json.dumps(self.body)}"
        told = "" if self.accept == "application/json" else f" [{self.accept}]"
        return f"{self.method} {self.path}{'?' if asked else ''}{asked}{told}{body}"

    def play(self, side: Side) -> str:
        client = side.client(self.user)
        headers = {"Accept": self.accept}
        content = None
        if self.body is not None:
            content = self.body if isinstance(self.body, str) else json.dumps(self.body)
            headers["Content-Type"] = self.content_type
        request = client.build_request(
            self.method, self.path, params=list(self.query), content=content, headers=headers
        )
        response = client.send(request, stream=True)
        try:
            if self.events:
                lines = _some(response, self.events)
                body: Any = [json.loads(line) for line in lines]
            else:
                text = response.read().decode()
                body = _read(text) if _is_json(response) else text
        finally:
            response.close()
        told = {
            name: response.headers.get_list(name) for name in _COMPARED_HEADERS if name in response.headers
        }
        shown = json.dumps(_without(body, self.keep), indent=1, sort_keys=True, ensure_ascii=False)
        return f"{response.status_code}\n{json.dumps(told, indent=1, sort_keys=True)}\n{shown}"


def _read(text: str) -> Any:
    """The JSON; of a watch that ended every event."""
    try:
        return json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]


def _some(response: httpx.Response, count: int) -> list[str]:
    lines: list[str] = []
    for line in response.iter_lines():
        lines.append(line)
        if len(lines) >= count:
            break
    return lines


def _is_json(response: httpx.Response) -> bool:
    return str(response.headers.get("content-type", "")).startswith("application/json")


def _without(value: Any, keep: Sequence[str]) -> Any:
    """Without what no two servers share; lists that have no order are sorted."""
    if isinstance(value, list):
        return [_without(item, keep) for item in value]
    if not isinstance(value, dict):
        return value
    shown = {}
    for name, item in value.items():
        if name == "managedFields" and "managedFields" not in keep:
            continue
        if name in ("continue", "resourceVersion") and name not in keep and isinstance(item, str) and item:
            shown[name] = f"<{name}>"
        elif name == "managedFields":
            # by time there, in whole seconds
            shown[name] = sorted(item, key=lambda one: (one["manager"], one["operation"]))
        elif name == "causes":
            shown[name] = sorted((_without(one, keep) for one in item), key=json.dumps)
        elif name == "message" and isinstance(item, str) and " is invalid: [" in item:
            head, _, rest = item.partition(" is invalid: [")
            shown[name] = f"{head} is invalid: {sorted(rest.removesuffix(']').split(', '))}"
        else:
            shown[name] = _without(item, keep)
    return shown


Step = Kubectl | Ask

_MASKS: tuple[tuple[str, str], ...] = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uid>"),
    (r"\b(?!1970)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000", "<time>"),
    (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000", "<time>"),
    (r"(resourceVersion\"?: \"?)\d+", r"\1<version>"),
    (r"(resourceVersion[\\\\]+\":[\\\\]+\")\d+", r"\1<version>"),
    (r"(Resource Version: +)\d+", r"\1<version>"),
    (r"(in record \()\d+", r"\1<version>"),
    (r"127\.0\.0\.1:\d+", "<server>"),
    (r"10\.(96|0)\.\d+\.\d+", "<cluster-ip>"),
    (r"/tmp/(LIVE|MERGED)-\d+", r"/tmp/\1"),
    (r"((?:cart|c)-)[bcdfghjklmnpqrstvwxz2456789]{5}\b", r"\1<random>"),
    (
        r"(?<![\w.:-])(\d+y\d+d|\d+d\d+h|\d+h\d+m|\d+m\d+s|\d+[smhdy])(?![\w.:-])",
        "<age>",
    ),
)


def masked(text: str) -> str:
    """Without what differs from run to run."""
    for pattern, instead in _MASKS:
        text = re.sub(pattern, instead, text)
    return text


@dataclass(frozen=True)
class Allowed:
    """A known difference: what `pattern` finds in the answers to the steps that `step` finds is left out."""

    step: str
    pattern: str
    reason: str


@dataclass
class Compared:
    step: Step
    real: str
    practice: str

    @property
    def difference(self) -> str:
        lines = difflib.unified_diff(
            self.real.splitlines(), self.practice.splitlines(), "real", "practice", lineterm="", n=1
        )
        return "\n".join(lines)


def play(steps: Iterable[Step], real: Side, practice: Side) -> list[Compared]:
    """Every step on both, one after the other on each, the two at a time."""
    wanted = list(steps)
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda side: [masked(step.play(side)) for step in wanted], (real, practice)))
    return [Compared(*one) for one in zip(wanted, *told, strict=True)]


def unexplained(compared: Iterable[Compared], allowed: Sequence[Allowed]) -> tuple[list[str], set[Allowed]]:
    """The differences that nobody allowed, and which of the allowed ones were met."""
    wrong, met = [], set()
    for one in compared:
        # only where they differ: an allowed difference that is none any more is not met
        if one.real == one.practice:
            continue
        left = one
        for known in allowed:
            if re.search(known.step, one.step.title):
                hidden = Compared(
                    one.step,
                    re.sub(known.pattern, "", left.real, flags=re.MULTILINE),
                    re.sub(known.pattern, "", left.practice, flags=re.MULTILINE),
                )
                if (hidden.real, hidden.practice) != (left.real, left.practice):
                    met.add(known)
                    left = hidden
        if left.real != left.practice:
            wrong.append(f"{one.step.title}\n{left.difference}")
    return wrong, met
