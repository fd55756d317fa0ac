"""Real manifests, statuses and CRDs included, are kept and served as they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from pointsman.sandbox.apiserver import Storage

SHARED = Path(os.environ.get("POINTSMAN_SHARED", Path(__file__).parents[2].parent / "shared"))
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def files(*patterns):
    return sorted(path for pattern in patterns for path in SHARED.glob(pattern))


def objects_in(path):
    for document in yaml.load_all(path.read_text(encoding="utf-8"), Loader=LOADER):
        if isinstance(document, dict) and str(document.get("kind", "")).endswith("List"):
            yield from document.get("items") or ()
        # some cases hold a bare Envoy configuration, which is no object of any API
        elif isinstance(document, dict) and document.get("apiVersion") and document.get("kind"):
            yield document


@pytest.mark.parametrize("source", ["istio", "cilium", "envoy-gateway", "nasty"])
def test_every_object_of_the_corpus_is_kept_with_its_status(source):
    paths = files(f"corpus/{source}/**/*.yaml")
    if not paths:
        pytest.skip(f"the corpus is not here: {SHARED / 'corpus' / source}")
    count = 0
    # the large cases repeat the small ones in other sizes
    for path in [path for path in paths if path.stat().st_size < 40_000][::3]:
        storage = Storage()
        last = {}
        for document in objects_in(path):
            storage.apply(document)
            metadata = document["metadata"]
            group = document["apiVersion"].rpartition("/")[0]
            last[document["kind"], metadata.get("namespace", "default"), metadata["name"], group] = document
        for (kind, namespace, name, group), document in last.items():
            kept = storage.get(kind, namespace, name, group)
            assert kept is not None, (path, kind, name)
            if document.get("status"):
                assert kept["status"] == document["status"]
            count += 1
    assert count > 5


@pytest.mark.parametrize("bundle", ["v1.6.1-standard", "v1.6.1-experimental"])
def test_the_official_crds_serve_what_they_say(bundle):
    paths = files(f"crds/{bundle}/gateway.networking*.yaml")
    if not paths:
        pytest.skip(f"the CRDs are not here: {SHARED / 'crds' / bundle}")
    storage = Storage("v1.2.1")
    for path in paths:
        for document in objects_in(path):
            if document["kind"] != "CustomResourceDefinition":
                continue
            storage.apply(document)
            served = storage.registry.find(document["spec"]["names"]["kind"], document["spec"]["group"])
            assert set(served.versions) == {v["name"] for v in document["spec"]["versions"] if v["served"]}
            kept = storage.get("CustomResourceDefinition", "", document["metadata"]["name"])
            assert kept["spec"] == document["spec"]
            assert kept["metadata"]["annotations"] == document["metadata"]["annotations"]
    older = {
        definition["metadata"]["name"]
        for definition in storage.list("CustomResourceDefinition")
        if "v1.2.1" in (definition["metadata"].get("annotations") or {}).values()
    }
    assert older == set()


def test_dates_of_yaml_are_texts_and_no_change():
    text = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: main, namespace: infra, creationTimestamp: 2026-01-01T00:00:00Z}
spec: {since: 2026-01-01}
"""
    storage = Storage()
    kept = storage.apply(yaml.safe_load(text))
    assert kept["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert storage.apply(yaml.safe_load(text)) == kept


@pytest.mark.parametrize("odd", [{"a": {True: 1}}, {"a": object()}])
def test_what_cannot_be_json_is_refused(odd):
    with pytest.raises(ValueError, match="JSON"):
        Storage().apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, **odd})
