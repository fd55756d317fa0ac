"""Whether a body holds what it should; what was not kept cannot be told. Pure."""

from __future__ import annotations

import json
from typing import Any

from ....cluster.routing.bounded_regex import readable
from ....cluster.text import clean
from ...verdict import Verdict
from .facts import HttpExpectation, HttpFacts

_RULE = "HTTP021"
Problem = tuple[str, Verdict, str]


def body_problems(facts: HttpFacts, expected: HttpExpectation, path: str) -> list[Problem]:
    """What of the body is not as expected."""
    problems: list[Problem] = []
    if facts.decode_error:
        words = f"{path}: Content-Encoding {clean(facts.content_encoding, 40)}: the body is "
        problems.append(("HTTP024", Verdict.FAIL, words + clean(facts.decode_error, 120)))
    checks = [
        *((_holds(facts, text), clean(text, 80)) for text in expected.body_contains),
        *((_matches(facts, pattern), clean(pattern, 80)) for pattern in expected.body_patterns),
        *(
            (_points(facts, *pair), f"{clean(pair[0], 60)} {clean(pair[1], 60)}")
            for pair in expected.body_json
        ),
    ]
    for (verdict, why), what in checks:
        if verdict is Verdict.FAIL:
            problems.append((_RULE, verdict, f"{path}: the body does not hold {what}{why}"))
        elif verdict is Verdict.UNKNOWN:
            problems.append((_RULE, verdict, f"{path}: {what} is {why}"))
    return problems


_Check = tuple[Verdict, str]


def _absent(facts: HttpFacts) -> _Check:
    if _whole(facts):
        return Verdict.FAIL, ""
    kept = len(facts.body_sample.encode("utf-8", "replace")) / 1024
    return Verdict.UNKNOWN, f"not in the first {kept:.0f} KiB of the body, and the rest is not kept"


def _whole(facts: HttpFacts) -> bool:
    size = facts.decoded_bytes if facts.decoded_sha256 else facts.body_bytes
    return facts.body_complete and size <= len(facts.body_sample.encode("utf-8", "replace"))


def _holds(facts: HttpFacts, text: str) -> _Check:
    return (Verdict.PASS, "") if text in facts.body_sample else _absent(facts)


def _matches(facts: HttpFacts, pattern: str) -> _Check:
    too_long = False
    for line in facts.body_sample.splitlines() or [""]:
        compiled = readable(pattern, len(line))
        if compiled is None:
            too_long = True
        elif compiled.search(line):
            return Verdict.PASS, ""
    if too_long:
        return Verdict.UNKNOWN, "a pattern that could take too long on a line of this body"
    return _absent(facts)


def _points(facts: HttpFacts, pointer: str, wanted: str) -> _Check:
    if not _whole(facts):
        return Verdict.UNKNOWN, "in a body that was not kept whole"
    try:
        value: Any = json.loads(facts.body_sample)
        expected = json.loads(wanted)
    except (ValueError, RecursionError):
        return Verdict.FAIL, ": it is not JSON"
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isascii() and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return Verdict.FAIL, ": there is nothing at that place"
    if value == expected and isinstance(value, bool) == isinstance(expected, bool):
        return Verdict.PASS, ""
    return Verdict.FAIL, f": it is {clean(json.dumps(value), 80)}"
