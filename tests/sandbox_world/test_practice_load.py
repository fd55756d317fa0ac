"""Manifests of the user's own: what is read, what is refused, and real ones served as they are."""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pointsman.sandbox.apiserver.storage import Storage
from pointsman.sandbox.errors import SandboxError
from pointsman.sandbox.scenario import load_manifests
from pointsman.sandbox.scenario_manifests import parse_manifests, read_manifests
from pointsman.sandbox.world import World, WorldInfo, apply_all

SHARED = Path(os.environ.get("POINTSMAN_SHARED") or Path(__file__).resolve().parents[2].parent / "shared")
CONTROLLERS = ("istio", "cilium", "envoy-gateway")

ROUTE = """apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {namespace: shop, name: web, creationTimestamp: 2026-01-01T00:00:00Z}
spec: {hostnames: [web.test]}
status: {parents: [{controllerName: example.net/c, parentRef: {name: x}, conditions: []}]}
"""


def test_documents_lists_and_json(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        f"# a comment alone\n---\n{ROUTE}---\n---\n{ROUTE.replace('web', 'two')}"
    )
    listed = {"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(ROUTE.replace("web", "three"))]}
    listed["items"][0]["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.json").write_text(json.dumps(listed))
    (tmp_path / "notes.txt").write_text("{{{")
    found = load_manifests(tmp_path)
    assert [item["metadata"]["name"] for item in found] == ["web", "two", "three"]
    assert found[0]["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("kind: X\nmetadata: {name: a}\n", "no apiVersion"),
        ("apiVersion: v1\nmetadata: {name: a}\n", "no kind"),
        ("apiVersion: v1\nkind: X\n", r"X left out: no metadata\.name"),
        ("apiVersion: v1\nkind: X\nmetadata: text\n", r"no metadata\.name"),
        ("apiVersion: v1\nkind: X\nmetadata: {name: 3}\n", r"no metadata\.name"),
        ("- a\n- b\n", "not an object but list"),
        ("just text\n", "not an object but str"),
    ],
)
def test_what_is_left_out_is_said(tmp_path: Path, text: str, what: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(f"{ROUTE}---\n{text}")
    found = read_manifests(file)
    assert len(found.documents) == 1
    (warning,) = found.warnings
    assert warning.startswith(f"{file}:7: ")
    assert re.search(what, warning)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yaml", b"a: b\n  c: [\n", r"a\.yaml:2: mapping values are not allowed"),
        ("a.yaml", b"a: *gone\n", r"a\.yaml:1: found undefined alias"),
        ("a.yaml", b"a: b\nc: \xff\n", r"a\.yaml:2: not UTF-8 text"),
        ("a.yaml", b"a: !!python/object:os.system x\n", r"a\.yaml:1: could not determine a constructor"),
        ("a.yaml", b"[" * 5000, r"a\.yaml:2: did not find"),
        ("a.json", b'{"a": 1,\n}', r"a\.json:2: "),
        ("a.json", b"[" * 100000, r"a\.json:1: nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SandboxError, match=message) as caught:
        read_manifests(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_path_without_manifests(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no such file or folder"):
        read_manifests(tmp_path / "gone")
    with pytest.raises(SandboxError, match=r"no \.yaml, \.yml, \.json file in it"):
        read_manifests(tmp_path)


def test_only_what_json_has_is_kept() -> None:
    text = "apiVersion: v1\nkind: X\nmetadata: {name: a}\n"
    text += "data: {2: .nan, true: !!binary Zm9v, s: !!set {a, b}}\n"
    (document,) = parse_manifests(text, "x.yaml")
    assert json.loads(json.dumps(document)) == document
    assert (document["data"]["2"], document["data"]["true"]) == (None, "Zm9v")
    assert sorted(document["data"]["s"]) == ["a", "b"]


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    message = ""
    try:
        parse_manifests(text, "x.yaml")
    except SandboxError as error:
        message = str(error)
    assert "\n" not in message


async def _serve(path: Path) -> tuple[World, WorldInfo]:
    world = World()
    return world, await world.start(load=path)


async def _listed(info: WorldInfo, path: str) -> Any:
    token = yaml.safe_load(info.kubeconfig.read_text())["users"][0]["user"]["token"]
    context = ssl.create_default_context(cafile=str(info.ca_file))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(verify=context, headers=headers, timeout=20) as api:
        answer = await api.get(f"{info.api_url}{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_loaded_status_is_served_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{ROUTE}---\nkind: nothing\n")
    world, info = await _serve(tmp_path)
    try:
        (item,) = (await _listed(info, "/apis/gateway.networking.k8s.io/v1/httproutes"))["items"]
        assert item["status"] == yaml.safe_load(ROUTE)["status"]
        assert item["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"
        (warning,) = info.warnings
        assert "a.yaml:7" in warning
        assert (info.https_port, info.old_address, info.plans) == (0, "", {})
        await asyncio.sleep(0.05)
        assert world.controller is None
    finally:
        await world.stop()
    assert not info.directory.exists()


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_every_case_of_a_real_controller_is_served(controller: str) -> None:
    folder = SHARED / "corpus" / controller
    if not folder.is_dir():
        pytest.skip(f"no corpus at {folder}: set POINTSMAN_SHARED")
    files = sorted(folder.rglob("*.yaml"))
    assert files
    served = 0
    for file in files:
        found = read_manifests(file)
        assert found.documents or found.warnings, file
        storage = Storage()
        assert apply_all(storage, found.documents) == [], file
        for document in found.documents:
            metadata, group = document["metadata"], document["apiVersion"].rpartition("/")[0]
            kept = storage.get(
                document["kind"], metadata.get("namespace") or "default", metadata["name"], group
            )
            assert kept is not None, (file, document["kind"], metadata)
            served += 1
    assert served > len(files)


async def test_a_folder_of_real_cases_is_served() -> None:
    folder = SHARED / "corpus" / "istio"
    if not folder.is_dir():
        pytest.skip(f"no corpus at {folder}: set POINTSMAN_SHARED")
    world, info = await _serve(folder)
    try:
        routes = await _listed(info, "/apis/gateway.networking.k8s.io/v1/httproutes")
        assert any(item.get("status", {}).get("parents") for item in routes["items"])
    finally:
        await world.stop()
