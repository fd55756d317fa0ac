"""Findings about versions: mixed CRDs, and CRDs that do not fit their controller."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ...cluster.controllers import controller_of, release_of
from ...cluster.kubernetes_objects import Crd
from ...cluster.objects import GatewayClass
from ...cluster.refs import GATEWAY_GROUP
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .words import kubectl_get, kubectl_list
from .world import World

_BUNDLE = "gateway.networking.k8s.io/bundle-version"
_LIST_CRDS = (
    "kubectl get crd -o custom-columns="
    "'NAME:.metadata.name,BUNDLE:.metadata.annotations.gateway\\.networking\\.k8s\\.io/bundle-version'"
)


def version_findings(world: World) -> Iterator[Finding]:
    """Mixed bundles, and for each class whether its controller fits the CRDs."""
    crds = [
        crd for crd in world.snapshot.crds.values() if crd.spec.group == GATEWAY_GROUP and crd.bundle_version
    ]
    if not crds:
        return
    yield from _mixed(crds)
    installed = Counter(crd.bundle_version for crd in crds).most_common(1)[0][0]
    for gateway_class in world.snapshot.classes.values():
        yield from _fit(world, gateway_class, installed)


def _mixed(crds: list[Crd]) -> Iterator[Finding]:
    for what, read in (("bundle-version", _bundle), ("channel", _channel)):
        counted = Counter(read(crd) for crd in crds if read(crd))
        if len(counted) < 2:
            continue
        usual = counted.most_common(1)[0][0]
        for crd in sorted(crds, key=lambda one: one.meta.name):
            if read(crd) and read(crd) != usual:
                yield finding(
                    "GW501",
                    Verdict.WARN,
                    crd.ref,
                    f"its {what} is {clean(read(crd), 40)}; most others are {clean(usual, 40)}",
                    evidence=[f"{clean(value, 40)}: {count} CRDs" for value, count in counted.most_common()],
                    reproduce=_LIST_CRDS,
                )


def _bundle(crd: Crd) -> str:
    return crd.bundle_version


def _channel(crd: Crd) -> str:
    return crd.channel


def _fit(world: World, gateway_class: GatewayClass, installed: str) -> Iterator[Finding]:
    controller = controller_of(gateway_class.spec.controller_name)
    if controller is None:
        return
    for workload in world.snapshot.workloads.values():
        for image in workload.images:
            release = release_of(image, controller)
            expected = dict(controller.expects).get(release)
            have, want = _minor(installed), _minor(expected or "")
            if expected is None or have is None or want is None or have == want:
                continue
            older = have < want
            yield finding(
                "GW502" if older else "GW503",
                Verdict.WARN,
                gateway_class.ref,
                f"{controller.title} {release} was built for Gateway API {expected}; "
                f"{clean(installed, 40)} is installed",
                evidence=[f"{workload.ref}: {clean(image, 200)}", f"{_BUNDLE}: {clean(installed, 40)}"],
                reproduce=kubectl_get(workload.ref) or kubectl_list("deployments"),
            )
            return


def _minor(version: str) -> tuple[int, int] | None:
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else None
