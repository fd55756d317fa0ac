"""Bodies in the Kubernetes protobuf encoding."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.sandbox.apiserver.protobuf import ProtobufError, decode

texts = st.text(max_size=300)


def varint(number):
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def body(api_version, kind, raw):
    return b"k8s\x00" + field(1, field(1, api_version) + field(2, kind)) + field(2, raw) + field(3, "")


def entry(key, value):
    return field(1, key) + field(2, value)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(texts, texts, max_size=3), texts)
def test_a_config_map(data, name):
    metadata = field(1, name) + field(2, "") + field(8, b"")
    raw = field(1, metadata) + b"".join(field(2, entry(key, value)) for key, value in data.items())
    expected = {"apiVersion": "v1", "kind": "ConfigMap"}
    if name:
        expected["metadata"] = {"name": name}
    if data:
        expected["data"] = data
    assert decode(body("v1", "ConfigMap", raw)) == expected


def test_a_secret_is_base64_in_json():
    raw = field(1, field(1, "s")) + field(2, entry("key", b"\x00\xff")) + field(3, "Opaque")
    assert decode(body("v1", "Secret", raw))["data"] == {"key": "AP8="}


def test_numbers_lists_and_messages():
    preconditions = field(1, "the-uid")
    raw = field(1, 300) + field(2, preconditions) + field(5, "All") + field(3, 1)
    assert decode(body("v1", "DeleteOptions", raw)) == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": 300,
        "preconditions": {"uid": "the-uid"},
        "dryRun": ["All"],
    }


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"k8s\x00",
        body("apps/v1", "DaemonSet", b""),
        body("v1", "ObjectMeta", b""),
        body("v1", "ConfigMap", field(1, 7)),
        body("v1", "ConfigMap", field(1, field(1, b"\xff"))),
        body("v1", "DeleteOptions", field(1, "text")),
        body("v1", "ConfigMap", b"\x0a\x7f"),
        body("v1", "ConfigMap", b"\xff" * 20),
        body("v1", "ConfigMap", b"\x0b"),
    ],
)
def test_what_is_not_understood_is_refused(raw):
    with pytest.raises(ProtobufError):
        decode(raw)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=60))
def test_any_bytes_are_an_object_or_refused(raw):
    for kind in ("ConfigMap", "Ingress", "SelfSubjectAccessReview"):
        with contextlib.suppress(ProtobufError):
            assert isinstance(decode(body("v1", kind, raw)), dict)
