"""Write down what real controllers say of our cases, for the default tests: tests/computed/recorded/*.yaml.

Run: python tests/live/record_statuses.py [NAME ...]     (after `make live`; POINTSMAN_SHARED holds the CRDs)

What is kept: every object of the cases as the API server returns it, with the controller's status. What is
left out: times of conditions, uids, what Secrets hold, and the bytes of certificates.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS / "live")]

import yaml  # noqa: E402
from controllers_build import PROGRAMS, why_not  # noqa: E402
from live_admin import Admin  # noqa: E402
from live_apiserver import LiveServer, live_server  # noqa: E402
from live_build import why_not as why_no_server  # noqa: E402
from live_cases import GATEWAY_API, Ports, case_documents, case_files, the_class  # noqa: E402
from live_controllers import envoy_gateway, settled, traefik  # noqa: E402
from pointsman.sandbox.pki import PracticeCa  # noqa: E402

Json = dict[str, Any]
RECORDED = _TESTS / "computed" / "recorded"
CRDS = "v1.6.1-experimental"
NAMES = {
    "envoy-gateway": "gateway.envoyproxy.io/gatewayclass-controller",
    "traefik": "traefik.io/gateway-controller",
}
_NOTES = {
    "envoy-gateway": "Kubernetes provider, Backend API on. That its proxies run and their "
    "Services have an address was played.",
    "traefik": "Gateway provider with experimentalChannel, no statusAddress; one entryPoint for each port.",
}
TRAEFIK_OPTIONS = ("--providers.kubernetesgateway.experimentalchannel=true",)
_KEPT_META = ("name", "namespace", "generation", "creationTimestamp", "labels", "annotations")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*-----END CERTIFICATE-----\n", re.DOTALL)


def apply_cases(admin: Admin, name: str, ports: Ports, authority: PracticeCa) -> list[Json]:
    """Give every case of a controller to the cluster; what was given."""
    controller = NAMES[name]
    given = [the_class(controller)]
    for file in case_files(name):
        given += case_documents(file, controller, ports, authority)
    admin.apply(*given)
    return given


@contextlib.contextmanager
def controller(name: str, server: LiveServer, admin: Admin, folder: Path, ports: Ports) -> Iterator[None]:
    """One of them, running until the block ends."""
    if name == "envoy-gateway":
        with envoy_gateway(server, admin, folder):
            yield
    else:
        with traefik(server, folder, ports, *TRAEFIK_OPTIONS):
            yield


def collected(admin: Admin, given: list[Json]) -> list[Json]:
    """The given objects as the cluster holds them now, and the CRDs in outline."""
    found = [_outline(one) for one in admin.ask("GET", admin.crd_path("").rstrip("/"))["items"]]
    for one in given:
        meta = one["metadata"]
        held = admin.get(one["apiVersion"], one["kind"], meta.get("namespace", ""), meta["name"])
        found.append(_told(held))
    return found


def _outline(crd: Json) -> Json:
    marks = {
        key: value for key, value in crd["metadata"].get("annotations", {}).items() if GATEWAY_API[:26] in key
    }
    spec = crd["spec"]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": crd["metadata"]["name"], **({"annotations": marks} if marks else {})},
        "spec": {
            "group": spec["group"],
            "names": {name: spec["names"][name] for name in ("kind", "plural")},
            "versions": [
                {key: one[key] for key in ("name", "served", "storage")} for one in spec["versions"]
            ],
        },
    }


def _told(held: Json) -> Json:
    meta = {key: held["metadata"][key] for key in _KEPT_META if held["metadata"].get(key)}
    rest = {key: value for key, value in held.items() if key != "metadata"}
    if held["kind"] == "Secret":
        rest.pop("data", None)
    if held["kind"] == "ConfigMap":
        rest["data"] = {
            key: _PEM.sub("-----BEGIN CERTIFICATE-----\n", value) for key, value in held["data"].items()
        }
    return {
        "apiVersion": held["apiVersion"],
        "kind": held["kind"],
        "metadata": meta,
        **_without_times({key: rest[key] for key in rest if key not in ("apiVersion", "kind")}),
    }


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(one) for key, one in value.items() if key != "lastTransitionTime"}
    if isinstance(value, list):
        return [_without_times(one) for one in value]
    return value


def record(name: str, shared: Path, folder: Path) -> str:
    """The file's text."""
    ports = Ports()
    with live_server(folder / "server") as server:
        admin = Admin(server)
        with contextlib.closing(admin):
            admin.install_crds(shared / "crds" / CRDS)
            with controller(name, server, admin, folder, ports):
                given = apply_cases(admin, name, ports, PracticeCa())
                settled(admin)
                documents = collected(admin, given)
            version = server_version(admin)
    versions = f"{name} {PROGRAMS[name].version}, kube-apiserver {version}, Gateway API {CRDS}"
    head = (
        f"# {versions}, {datetime.now(UTC):%Y-%m-%d}\n"
        f"# Recorded by tests/live/record_statuses.py from tests/live/cases. {_NOTES[name]}\n"
    )
    return head + yaml.dump_all(documents, Dumper=yaml.CSafeDumper, sort_keys=False, width=160)


def server_version(admin: Admin) -> str:
    return str(admin.ask("GET", "/version")["gitVersion"])


def main(names: list[str]) -> int:
    shared = Path(os.environ.get("POINTSMAN_SHARED") or _TESTS.parent.parent / "shared")
    for name in names or NAMES:
        if reason := why_no_server() or why_not(name):
            print(reason, file=sys.stderr)
            return 3
        with tempfile.TemporaryDirectory(prefix="pointsman-record-") as folder:
            text = record(name, shared, Path(folder))
        RECORDED.mkdir(exist_ok=True)
        target = RECORDED / f"{name}-{PROGRAMS[name].version}.yaml"
        target.write_text(text)
        print(f"wrote {target.relative_to(_TESTS.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
