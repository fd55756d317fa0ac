"""Label and field selectors."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.sandbox.apiserver.problems import ApiError
from pointsman.sandbox.apiserver.registry import Registry, plural_of
from pointsman.sandbox.apiserver.selectors import field_predicate, label_predicate, name_in

REGISTRY = Registry()
names = st.sampled_from(["a", "b", "example.com/tier"])
texts = st.sampled_from(["", "x", "y", "z-1", "7"])


def labelled(labels):
    return {"metadata": {"name": "n", "labels": labels}}


@pytest.mark.parametrize(
    ("selector", "labels", "wanted"),
    [
        ("a=x", {"a": "x"}, True),
        ("a==x", {"a": "x"}, True),
        ("a=", {"a": ""}, True),
        ("a=", {}, False),
        ("a!=x", {}, True),
        ("a in (x, y)", {"a": "y"}, True),
        ("a in (x,y),b", {"a": "y"}, False),
        ("a notin (x)", {}, True),
        ("a notin (x)", {"a": "x"}, False),
        ("!a", {}, True),
        ("!a", {"a": ""}, False),
        ("a", {"a": ""}, True),
        ("a>3", {"a": "10"}, True),
        ("a<3", {"a": "ten"}, False),
        ("example.com/tier=gold,a", {"example.com/tier": "gold", "a": ""}, True),
    ],
)
def test_label_selectors(selector, labels, wanted):
    assert label_predicate(selector)(labelled(labels)) is wanted


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(names, texts), names, st.lists(texts, min_size=1))
def test_each_operator_is_the_opposite_of_its_other(labels, key, values):
    document = labelled(labels)
    listed = ",".join(values)
    assert label_predicate(f"{key} in ({listed})")(document) is not label_predicate(
        f"{key} notin ({listed})"
    )(document)
    assert label_predicate(f"{key}={values[0]}")(document) is not label_predicate(f"{key}!={values[0]}")(
        document
    )
    assert label_predicate(key)(document) is not label_predicate(f"!{key}")(document)


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet="ab=!<>(), in\n\x00é/", max_size=20))
def test_any_text_is_a_selector_or_a_bad_request(text):
    for make in (label_predicate, lambda selector: field_predicate(REGISTRY.find("Pod"), selector)):
        with contextlib.suppress(ApiError):
            predicate = make(text)
            assert predicate is None or predicate(labelled({})) in (True, False)


@pytest.mark.parametrize(
    ("kind", "selector", "document", "wanted"),
    [
        ("Secret", "type=kubernetes.io/tls", {"type": "kubernetes.io/tls"}, True),
        ("Secret", "type!=kubernetes.io/tls", {"type": "Opaque"}, True),
        ("Pod", "status.phase=Running,spec.nodeName=", {"status": {"phase": "Running"}}, True),
        ("Event", "involvedObject.name=main", {"involvedObject": {"name": "other"}}, False),
        ("Event", "source=kubelet", {"source": {"component": "kubelet"}}, True),
        (
            "HTTPRoute",
            "metadata.name=n,metadata.namespace=s",
            {"metadata": {"name": "n", "namespace": "s"}},
            True,
        ),
    ],
)
def test_field_selectors(kind, selector, document, wanted):
    assert field_predicate(REGISTRY.find(kind), selector)(document) is wanted


@pytest.mark.parametrize(
    ("kind", "selector"), [("Gateway", "spec.gatewayClassName=x"), ("Namespace", "metadata.namespace=x")]
)
def test_a_field_that_cannot_be_selected_by(kind, selector):
    with pytest.raises(ApiError, match="field label not supported") as caught:
        field_predicate(REGISTRY.find(kind), selector)
    assert caught.value.code == 400


def test_the_name_a_selector_asks_for():
    assert name_in("metadata.namespace=x,metadata.name=main") == "main"
    assert name_in("metadata.name!=main") == ""


@pytest.mark.parametrize(
    ("kind", "plural"),
    [
        ("Policy", "policies"),
        ("Gateway", "gateways"),
        ("Class", "classes"),
        ("Mesh", "meshes"),
        ("Foo", "foos"),
    ],
)
def test_plurals(kind, plural):
    assert plural_of(kind) == plural
