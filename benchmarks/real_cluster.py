"""A real kube-apiserver with its etcd, filled with the objects of many_routes.py; it changes them when told.

Run by many_routes.py; speaks as practice_cluster.py does. The server is the one of the live tests
(`make live` builds it). Filling it takes a minute or two, so what etcd then holds is kept in the user's cache
folder, and a second run of the same size begins with a copy of it.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_LIVE = _HERE.parent / "tests" / "live"
sys.path.insert(0, str(_LIVE))

import live_build  # noqa: E402 - the folder of the live tests is no package
from api_writer import MERGE, ApiWriter, all_of, evenly  # noqa: E402
from etcd_changes import changing  # noqa: E402
from many_routes import GATEWAY_API, documents, status_changes  # noqa: E402

Json = dict[str, Any]
_BUNDLE = "v1.6.1-standard"
_FLAGS = (
    # the default of the live tests holds 254 Services
    "--service-cluster-ip-range=10.64.0.0/12",
    # a line for each request would be part of what is measured
    "--audit-log-path=",
)
_THREADS = 8
# another number for another way to fill: what is kept of an older one is then not used
_FILLING = 1
_PLURALS = {
    "GatewayClass": "gatewayclasses",
    "Gateway": "gateways",
    "HTTPRoute": "httproutes",
    "Service": "services",
    "EndpointSlice": "endpointslices",
    "Namespace": "namespaces",
}
_STAGES = (("GatewayClass", "Namespace"), ("Gateway", "Service", "EndpointSlice"), ("HTTPRoute",))


def crds() -> Path:
    """The Gateway API's CRDs, from the third-party data of the tests: $POINTSMAN_SHARED."""
    shared = Path(os.environ.get("POINTSMAN_SHARED", _HERE.parent.parent / "shared"))
    return shared / "crds" / _BUNDLE


def why_not() -> str:
    """Why no real server can be measured here; empty where one can."""
    if reason := live_build.why_not():
        return reason
    return "" if crds().is_dir() else f"no CRDs under {crds()} (set POINTSMAN_SHARED)"


def path_of(document: Json, *, single: bool) -> str:
    """Where a document of ours is, or its collection."""
    api, meta = document["apiVersion"], document["metadata"]
    root = f"/apis/{api}" if "/" in api else f"/api/{api}"
    inside = f"/namespaces/{meta['namespace']}" if "namespace" in meta else ""
    return f"{root}{inside}/{_PLURALS[document['kind']]}" + (f"/{meta['name']}" if single else "")


class Filling:
    """Creates the documents as a deployment tool would, and their statuses as a controller would."""

    def __init__(self, writer: ApiWriter) -> None:
        self._writer = writer

    def fill(self, count: int) -> int:
        """All objects for ``count`` routes; how many writes it took."""
        everything = list(documents(count))
        everything.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "infra"}})
        writes = 0
        for stage in _STAGES:
            chosen = [one for one in everything if one["kind"] in stage]
            writes += all_of(self._create, chosen, _THREADS)
            writes += sum("status" in one for one in chosen)
        return writes

    def _create(self, document: Json) -> None:
        meta = dict(document["metadata"])
        # the server counts generations itself, and says who manages what
        stale = meta.pop("generation", 1) > 1
        meta.pop("managedFields", None)
        body = {name: value for name, value in document.items() if name != "status"} | {"metadata": meta}
        target = f"{path_of(document, single=False)}?fieldManager=helm"
        made = json.loads(self._writer.send("POST", target, body))
        if "status" not in document:
            return
        made["status"] = document["status"]
        if stale:
            for condition in made["status"]["parents"][0]["conditions"]:
                condition["observedGeneration"] = 1
        target = path_of(document, single=True)
        self._writer.send("PUT", f"{target}/status?fieldManager=gateway-controller", made)
        if stale:
            # another generation, of which the status does not know
            hostnames = {"spec": {"hostnames": document["spec"]["hostnames"][::-1]}}
            self._writer.send("PATCH", f"{target}?fieldManager=helm", hostnames, MERGE)


def kept(count: int) -> Path:
    """Where etcd's data for so many routes is kept; whatever it depends on is part of the name."""
    digest = hashlib.sha256(f"{_FILLING} {_BUNDLE} {_FLAGS}".encode())
    digest.update((live_build.SOURCE / "go.mod").read_bytes())
    for document in documents(count):
        digest.update(json.dumps(document).encode())
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "pointsman" / "benchmarks" / f"etcd-{count}-{digest.hexdigest()[:16]}"


@contextlib.contextmanager
def filled(folder: Path, count: int) -> Iterator[tuple[Any, str]]:
    """A running LiveServer with everything in it, and how that came about, in words."""
    from live_admin import Admin
    from live_apiserver import LiveServer

    server = LiveServer(folder, _FLAGS)
    server.prepare()
    store = kept(count)
    began = time.monotonic()
    try:
        if store.is_dir():
            shutil.copytree(store, folder / "etcd")
            server.start()
            yield server, f"from the copy in {store}, ready in {time.monotonic() - began:.0f} s"
            return
        server.start()
        admin = Admin(server)
        admin.install_crds(crds())
        admin.close()
        filling = time.monotonic()
        writes = Filling(writer_for(server)).fill(count)
        took_s = time.monotonic() - filling
        server.compact()
        server.stop()
        keep(folder / "etcd", store)
        server.start()
        yield server, f"filled with {writes} writes in {took_s:.0f} s ({writes / took_s:.0f} a second)"
    finally:
        server.close()


def keep(data: Path, store: Path) -> None:
    """Copy etcd's data, of which nothing half-copied is ever found under the final name."""
    store.parent.mkdir(parents=True, exist_ok=True)
    for older in store.parent.glob(f"{store.name.rpartition('-')[0]}-*"):
        shutil.rmtree(older, ignore_errors=True)
    unfinished = store.with_name(f"unfinished-{os.getpid()}")
    shutil.copytree(data, unfinished)
    unfinished.rename(store)


def writer_for(server: Any) -> ApiWriter:
    """With the rights of an administrator."""
    return ApiWriter(server.port, server.token("admin"), server.authority.root_pem)


def churn(server: Any, count: int, rate: float, seconds: float) -> Json:
    """Change objects at ``rate`` a second; how many were, and how many a second that is."""
    again = f"since {time.time_ns() // 1_000_000}"
    work = changing(server._ports["etcd"].number, status_changes(count, again))
    say({"began": True})
    changed, took_s = evenly(work, rate, seconds, _THREADS)
    return {"changed": changed, "rate": changed / took_s}


def version_of(writer: ApiWriter) -> str:
    """What the server says that it is."""
    return str(json.loads(writer.send("GET", "/version", b""))["gitVersion"])


def main() -> None:
    """Until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as folder, filled(Path(folder), count) as (server, how):
        writer = writer_for(server)
        pids = [process.pid for process in server._processes.values()]
        say(
            {
                "kubeconfig": str(server.kubeconfig()),
                "server": f"kube-apiserver {version_of(writer)} and etcd, {how}",
                "pids": pids,
            }
        )
        for line in sys.stdin:
            words = line.split()
            if words[:1] == ["churn"]:
                say(churn(server, count, float(words[1]), float(words[2])))
            elif words[:1] == ["hostname"]:
                target = f"/apis/{GATEWAY_API}/namespaces/{words[1]}/httproutes/{words[2]}"
                writer.send("PATCH", target, {"spec": {"hostnames": [words[3]]}}, MERGE)
                say({"changed": 1})


def say(document: Json) -> None:
    """One line to whoever started us."""
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
