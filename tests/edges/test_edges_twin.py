"""The shop's conversion, told from its manifests alone: how what was lost is called, and how bad it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from edges_routes import manifests
from pty_kit import run_inside


def lost_policies(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in found if one["rule"] == "MIG012"]


def told(folder: Path, *lost: str) -> tuple[int, list[dict[str, Any]]]:
    path = folder / "shop.yaml"
    path.write_text(manifests("shop.test", *lost))
    ended = run_inside("twin", "-f", str(path), "-o", "json")
    return ended.returncode, json.loads(ended.stdout)["findings"]


@pytest.mark.parametrize(
    ("annotation", "ingress", "verdict", "code"),
    [("proxy-body-size", "store", "WARN", 0), ("whitelist-source-range", "admin", "FAIL", 1)],
)
def test_a_lost_policy_is_named(
    tmp_path: Path, annotation: str, ingress: str, verdict: str, code: int
) -> None:
    whole, before = told(tmp_path)
    assert (whole, lost_policies(before)) == (0, [])
    ended, found = told(tmp_path, annotation)
    (only,) = lost_policies(found)
    assert (ended, annotation in only["summary"], only["verdict"]) == (code, True, verdict)
    assert ingress in json.dumps(only["subject"])


def test_what_no_route_can_carry_is_said_of_the_whole_conversion(tmp_path: Path) -> None:
    _, found = told(tmp_path)
    said = " ".join(f"{one['rule']} {one['summary']} {' '.join(one['evidence'])}" for one in found)
    assert "nothing carries configuration-snippet" in said
    # the trap of nginx's expressions, which the night on Envoy fell into as well
    assert "/API: was store:80, now 404" in said
