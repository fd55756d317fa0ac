"""The data on controllers holds together, and says of fields what the releases' own CRDs say."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import yaml
from corpus_truth import SHARED
from pointsman.cluster.kinds import KINDS
from pointsman.cluster.knowledge.controllers import (
    CONTROLLERS,
    controller_of,
    expected_api,
    known_policies,
    release_of,
    runs,
)
from pointsman.cluster.knowledge.policy_kinds import POLICY_KINDS, policy_kind
from pointsman.probes.state.fields import DEFAULT_GATEWAYS, GATEWAY_FIELDS, RULE_FIELDS, Field
from pointsman.probes.state.versions import minor_of


def test_names_and_ids_are_each_one_controllers() -> None:
    names = Counter(name for one in CONTROLLERS for name in one.names)
    assert max(names.values()) == 1
    assert max(Counter(one.id for one in CONTROLLERS).values()) == 1
    assert all(controller_of(name) is not None for name in names)
    assert controller_of("example.com/other") is None


def test_versions_and_kinds_are_well_formed() -> None:
    kinds = {spec.kind for spec in KINDS}
    for controller in CONTROLLERS:
        for release, api in controller.expects:
            assert release == "*" or minor_of(release)
            assert minor_of(api)
        for need in controller.needs:
            assert need.kind in kinds
            assert need.version or need.bundle
            assert need.effect
        assert set(controller.unserved) <= kinds
        assert {kind for _, served in controller.only for kind in served} <= kinds
        assert {name for name, _ in controller.only} <= set(controller.names)


def test_policies_are_listed_once_and_all_are_read() -> None:
    assert max(Counter((one.group, one.kind) for one in POLICY_KINDS).values()) == 1
    assert {(one.group, one.kind) for one in known_policies()} == {
        (one.group, one.kind) for one in POLICY_KINDS
    }
    assert policy_kind("example.com", "House") is None


@pytest.mark.parametrize(
    ("image", "release"),
    [
        ("docker.io/envoyproxy/gateway:v1.8.2", "1.8"),
        ("registry.example.com:5000/mirror/envoyproxy/gateway:1.8.2@sha256:00", "1.8"),
        ("envoyproxy/gateway:latest", ""),
        ("envoyproxy/gateway", ""),
        ("registry.example.com:5000/envoyproxy/gateway", ""),
    ],
)
def test_a_controllers_image_and_its_release(image: str, release: str) -> None:
    controller = controller_of("gateway.envoyproxy.io/gatewayclass-controller")
    assert controller is not None
    assert runs(image, controller)
    assert release_of(image, controller) == release
    assert expected_api(controller, "1.8") == "1.5.1"
    assert expected_api(controller, "0.1") == ""


@pytest.mark.parametrize("image", ["envoyproxy/envoy:v1.8", "gateway:v1.8", "me/notenvoyproxy/gateway:v1.8"])
def test_another_image_is_not_its(image: str) -> None:
    controller = controller_of("gateway.envoyproxy.io/gatewayclass-controller")
    assert controller is not None
    assert not runs(image, controller)
    assert release_of(image, controller) == ""


FIELDS = [*(field for field, _ in RULE_FIELDS), *(field for field, _ in GATEWAY_FIELDS), DEFAULT_GATEWAYS]
RELEASES = [
    (minor, channel) for minor in ("v1.2.1", "v1.4.1", "v1.6.1") for channel in ("standard", "experimental")
]


@pytest.mark.skipif(
    not (SHARED / "crds").is_dir(), reason=f"no CRDs at {SHARED / 'crds'}; set POINTSMAN_SHARED"
)
@pytest.mark.parametrize(("bundle", "channel"), RELEASES)
def test_each_field_is_in_the_crds_that_it_is_said_to_be_in(bundle: str, channel: str) -> None:
    for field in FIELDS:
        since = field.experimental if channel == "experimental" else field.standard
        minor = minor_of(bundle)
        assert minor is not None
        for kind in field.kinds:
            expected = since is not None and minor >= since
            assert has(field, kind, bundle, channel) == expected, (field.name, kind)


def has(field: Field, kind: str, bundle: str, channel: str) -> bool:
    path = SHARED / "crds" / f"{bundle}-{channel}" / f"gateway.networking.k8s.io_{kind.lower()}s.yaml"
    crd = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    version = next(one for one in crd["spec"]["versions"] if one["name"] == "v1")
    spec: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    if field in (one for one, _ in RULE_FIELDS):
        rule = spec["rules"]["items"]["properties"]
        name = field.name.removeprefix("filters.")
        return name in (rule["filters"]["items"]["properties"] if name != field.name else rule)
    return field.name in spec
