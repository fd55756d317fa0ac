"""Findings about versions: mixed CRDs, and CRDs that do not fit their controller."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ...cluster.knowledge.controller_data import Controller, Need
from ...cluster.knowledge.controllers import controller_of, expected_api, release_of
from ...cluster.kubernetes_objects import Crd, Workload
from ...cluster.objects import GatewayClass
from ...cluster.refs import GATEWAY_GROUP
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .words import is_plain, kubectl_get, kubectl_list
from .world import World

_BUNDLE = "gateway.networking.k8s.io/bundle-version"
_LIST_CRDS = (
    "kubectl get crd -o custom-columns="
    "'NAME:.metadata.name,BUNDLE:.metadata.annotations.gateway\\.networking\\.k8s\\.io/bundle-version'"
)
# from which release of the API a controller knows the kind at v1 (before: at an alpha version, or not)
_V1_SINCE = {"TLSRoute": "1.5", "ListenerSet": "1.5", "TCPRoute": "1.6", "UDPRoute": "1.6"}


def version_findings(world: World) -> Iterator[Finding]:
    """CRDs of several releases or channels side by side."""
    crds = [
        crd for crd in world.snapshot.crds.values() if crd.spec.group == GATEWAY_GROUP and crd.bundle_version
    ]
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


def _show(crd: Crd) -> str:
    name = crd.meta.name
    return f"kubectl get crd {name} -o yaml" if is_plain(name) else _LIST_CRDS


# --- one class and its controller ----------------------------------------------------------------


def fit_findings(world: World, gateway_class: GatewayClass) -> Iterator[Finding]:
    """Whether the CRDs are those that the controller behind a class was built for.

    Of a release that is not known nothing is said.
    """
    controller = controller_of(gateway_class.spec.controller_name)
    if controller is None:
        return
    releases: dict[str, tuple[Workload, str]] = {}
    for workload in world.index.workloads_running(controller.id):
        for image in workload.images:
            if release := release_of(image, controller):
                releases.setdefault(release, (workload, image))
    for release, (workload, image) in sorted(releases.items()):
        yield from _skew(world, gateway_class, controller, release, workload, image)
        yield from _unwatched(world, gateway_class, controller, release)
    yield from _needs(world, gateway_class, controller, tuple(releases))
    yield from _channel_asked_for(world, gateway_class, controller)


def _skew(
    world: World,
    gateway_class: GatewayClass,
    controller: Controller,
    release: str,
    workload: Workload,
    image: str,
) -> Iterator[Finding]:
    expected = expected_api(controller, release)
    installed = world.index.usual_bundle()
    have, want = minor_of(installed), minor_of(expected)
    if have is None or want is None or have == want:
        return
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


def _unwatched(
    world: World, gateway_class: GatewayClass, controller: Controller, release: str
) -> Iterator[Finding]:
    """Kinds that the cluster serves at v1 alone, and that this release knows at an alpha version or not."""
    expected = expected_api(controller, release)
    unknown: list[Crd] = []
    for kind, since in _V1_SINCE.items():
        crd = world.index.crd_of(GATEWAY_GROUP, kind)
        if crd is None or not expected or _at_least(expected, since):
            continue
        served = [version.name for version in crd.spec.versions if version.served]
        if served == ["v1"] and controller.serves(gateway_class.spec.controller_name, kind):
            unknown.append(crd)
    if unknown:
        kinds = ", ".join(crd.spec.names.kind for crd in unknown)
        yield finding(
            "GW506",
            Verdict.WARN,
            gateway_class.ref,
            f"{controller.title} {release} was built for Gateway API {expected}, in which {kinds} had no v1; "
            "the cluster serves v1 alone",
            evidence=[f"{crd.ref} serves v1" for crd in unknown],
            reproduce=_show(unknown[0]),
        )


def _channel_asked_for(
    world: World, gateway_class: GatewayClass, controller: Controller
) -> Iterator[Finding]:
    if not world.snapshot.state_of("CustomResourceDefinition").knows("") or not world.index.usual_bundle():
        return
    arguments = world.index.arguments_of(controller.id)
    for gate in controller.gates:
        crd = world.index.crd_of(GATEWAY_GROUP, gate.kind)
        if not any(gate.argument in one for one in arguments) or (crd and crd.channel == "experimental"):
            continue
        if crd is None and world.snapshot.offline:
            continue
        lack = f"its CRD is of the {clean(crd.channel or 'unknown', 40)} channel" if crd else "it has no CRD"
        yield finding(
            "GW509",
            Verdict.WARN,
            gateway_class.ref,
            f"{controller.title} is started with {gate.argument}, for {gate.kind}, and {lack}",
            reproduce=_show(crd) if crd else _LIST_CRDS,
        )


def _needs(
    world: World, gateway_class: GatewayClass, controller: Controller, releases: tuple[str, ...]
) -> Iterator[Finding]:
    if not world.snapshot.state_of("CustomResourceDefinition").knows("") or not world.index.usual_bundle():
        return
    for need in controller.needs:
        if need.since and not any(_at_least(release, need.since) for release in releases):
            continue
        crd = world.index.crd_of(GATEWAY_GROUP, need.kind)
        lack = "it is not installed" if crd is None else _lack(crd, need)
        if not lack or (crd is None and not need.stops):
            # a kind that is not there is not missed, unless the controller says so
            continue
        verdict = Verdict.FAIL if need.stops else Verdict.WARN
        if crd is None and world.snapshot.offline:
            verdict, lack = Verdict.UNKNOWN, "it is not among the documents"
        yield finding(
            "GW505",
            verdict,
            gateway_class.ref,
            f"{controller.title} needs {need.kind}, and {lack}: {need.effect}",
            evidence=[f"releases in sight: {clean(', '.join(releases) or 'none', 80)}"],
            reproduce=_show(crd) if crd else _LIST_CRDS,
        )


def _lack(crd: Crd, need: Need) -> str:
    served = [version.name for version in crd.spec.versions if version.served]
    if need.version and served and need.version not in served:
        return f"its CRD serves {clean(', '.join(served), 80)}, not {need.version}"
    have, want = minor_of(crd.bundle_version), minor_of(need.bundle)
    if have is not None and want is not None and have < want:
        return f"its CRD is of {clean(crd.bundle_version, 40)}, older than {need.bundle}"
    return ""


def _at_least(version: str, since: str) -> bool:
    have, want = minor_of(version), minor_of(since)
    return have is not None and want is not None and have >= want


def minor_of(version: str) -> tuple[int, int] | None:
    """Major and minor of a version such as ``v1.4.1``; None where it is none."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else None
