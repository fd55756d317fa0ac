"""A checklist's answers as JUnit and Markdown: what other programs read, whatever stands in the texts."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.checklists.checks.told import junit_of, markdown_of
from pointsman.checklists.plans.model import CriticalPath, DnsPlan, ObjectName, Plan, Side
from pointsman.checklists.terms import Check, CheckResult
from pointsman.probes.verdict import Endpoint, Verdict, finding

PLAN = Plan(
    name="store",
    hosts=("store.shop.test",),
    gateway=ObjectName("infra", "main"),
    old=Side("192.0.2.1"),
    new=Side("192.0.2.2"),
    paths=(CriticalPath("/"),),
    dns=DnsPlan("show", "shop.test.", ("192.0.2.53:53",), 60),
)


def result(verdict: Verdict, text: str = "as it should be", name: str = "one") -> CheckResult:
    found = finding("CUT041", verdict, Endpoint("192.0.2.2:443", "h"), text, evidence=(text,), reproduce=text)
    return CheckResult(
        Check(name, 1, text or "t", "command", "before-switch"), verdict, text, (found,), {}, 12.5
    )


EACH = tuple(result(verdict, name=verdict.value.lower()) for verdict in Verdict)


def test_a_suite_with_a_case_for_each_check() -> None:
    root = ElementTree.fromstring(junit_of(PLAN, EACH, 1.5))
    suite = root.find("testsuite")
    assert suite is not None
    assert suite.attrib["name"] == "store: store.shop.test"
    cases = {case.attrib["classname"]: [child.tag for child in case] for case in suite.findall("testcase")}
    assert cases == {
        "store.pass": ["system-out"],
        "store.warn": ["system-out"],
        "store.fail": ["failure"],
        "store.unknown": ["error"],
        "store.skip": ["skipped"],
    }
    counted = {name: suite.attrib[name] for name in ("tests", "failures", "errors", "skipped")}
    assert counted == {"tests": "5", "failures": "1", "errors": "1", "skipped": "1"}


# What junit-10.xsd of the Jenkins xUnit plugin lets stand in what, and which attributes each may have.
_INSIDE = {
    "testsuites": {"testsuite"},
    "testsuite": {"testsuite", "properties", "testcase", "system-out", "system-err"},
    "testcase": {"skipped", "error", "failure", "system-out", "system-err"},
}
_REQUIRED = {"testsuite": {"name", "tests", "failures", "errors"}, "testcase": {"name"}}
_TOLD = {"type", "message"}
_ALLOWED = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": _REQUIRED["testsuite"]
    | {"time", "skipped", "timestamp", "hostname", "id", "package", "file"},
    "testcase": {"name", "time", "classname", "group"},
    "failure": _TOLD,
    "error": _TOLD,
    "skipped": _TOLD,
}
_SUREFIRE_TIME = re.compile(r"[0-9,]*(\.[0-9]*)?")


def check_schema(element: ElementTree.Element) -> None:
    assert element.attrib.keys() <= _ALLOWED.get(element.tag, set()), (element.tag, element.attrib)
    assert _REQUIRED.get(element.tag, set()) <= element.attrib.keys(), (element.tag, element.attrib)
    if element.tag != "testcase" and "time" in element.attrib:
        assert _SUREFIRE_TIME.fullmatch(element.attrib["time"]), element.attrib
    for child in element:
        assert child.tag in _INSIDE.get(element.tag, set()), (element.tag, child.tag)
        check_schema(child)


@pytest.mark.parametrize("elapsed_s", [0.0, 1.5, 999.999, 1234.5, 100_000.25])
def test_the_published_schema_takes_it(elapsed_s: float) -> None:
    check_schema(ElementTree.fromstring(junit_of(PLAN, EACH, elapsed_s)))


_any = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["]]>", "<!--", "&amp;", "\x00\x0b\ufffe", "\ud800", "a|b", "`x`", "```", "@all #1",
                     "[x](http://e.test)", "<b>", "\n\n# h", "www.e.test", "~~a~~", "**a**", "1. a"]),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(_any)
def test_any_text_stays_well_formed(text: str) -> None:
    answers = tuple(result(verdict, text) for verdict in Verdict)
    xml = junit_of(PLAN, answers, 0.1)
    root = ElementTree.fromstring(xml.encode())
    assert len(root.findall(".//testcase")) == len(answers)
    # XML 1.0, 2.2: no control character but these
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", xml)
    told = markdown_of(PLAN, answers, Verdict.FAIL)
    told.encode()
    outside = re.sub(r"(?ms)^(`{3,})text\n.*?^\1$", "", told)
    table = [line for line in outside.split("\n") if line.startswith("|")]
    assert len(table) == len(answers) + 2
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 5 for line in table)
    assert sum(line.startswith("#") for line in outside.split("\n")) == 4


def test_markdown_lets_nothing_act() -> None:
    hostile = result(Verdict.FAIL, "@all see #1 <img src=x> [a](http://e.test) ```")
    told = markdown_of(PLAN, (hostile,), Verdict.FAIL)
    before_code = told.partition("````text")[0]
    assert "@all" not in before_code
    assert "#1" not in before_code
    assert not re.search(r"(?<!\\)<img", before_code)
    assert "](" not in before_code
    assert "http://" not in before_code
    assert "````text\n@all see #1" in told
