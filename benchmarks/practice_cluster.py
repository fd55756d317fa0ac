"""A practice API server alone in a process, with objects from a file, that changes them when told to.

Run by many_routes.py. Prints one JSON line when it is ready. Then it obeys lines on standard input, until
that ends. `churn RATE SECONDS` changes RATE objects a second; it prints when it begins, and then how many it
was. Four of five are HTTPRoutes whose status gets another message, every hundredth of them another verdict
too; the fifth is an EndpointSlice that gets another address. `hostname NAMESPACE NAME HOST` gives a route
another hostname.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from pointsman.sandbox.apiserver.server import ApiServer
from pointsman.sandbox.apiserver.storage import Storage
from pointsman.sandbox.pki import PracticeCa

Json = dict[str, Any]
_TOKEN = "benchmark-token"
_TICK_S = 0.05


async def serve(file: Path) -> None:
    """Until standard input ends."""
    storage = Storage()
    document = await asyncio.to_thread(file.read_bytes)
    for item in json.loads(document)["items"]:
        storage.apply(item)
    del document
    with tempfile.TemporaryDirectory() as folder:
        authority = PracticeCa()
        files = authority.issue(["localhost", "127.0.0.1"]).write(Path(folder), "server")
        server = ApiServer(storage, files.chain_file, files.key_file, _TOKEN)
        await server.start()
        kubeconfig = Path(folder) / "kubeconfig"
        server.write_kubeconfig(kubeconfig, authority.root_pem)
        say({"kubeconfig": str(kubeconfig)})
        try:
            await obey(storage)
        finally:
            await server.stop()


async def obey(storage: Storage) -> None:
    """One command a line; what is under way when the lines end is left off."""
    async with asyncio.TaskGroup() as under_way:
        begun: list[asyncio.Task[None]] = []
        while line := await asyncio.to_thread(sys.stdin.readline):
            words = line.split()
            if words[:1] == ["churn"]:
                begun.append(under_way.create_task(told_churn(storage, float(words[1]), float(words[2]))))
            elif words[:1] == ["hostname"]:
                route = storage.get("HTTPRoute", words[1], words[2])
                assert route is not None
                route["spec"]["hostnames"] = [words[3]]
                storage.apply(route)
                say({"changed": 1})
        for one in begun:
            one.cancel()


async def told_churn(storage: Storage, rate: float, seconds: float) -> None:
    """Change objects, and say when it begins and how many it was."""
    say({"began": True})
    say({"changed": await churn(storage, rate, seconds)})


async def churn(storage: Storage, rate: float, seconds: float) -> int:
    """Change objects at ``rate`` a second, evenly; how many it was."""
    routes, slices = storage.list("HTTPRoute"), storage.list("EndpointSlice")
    loop = asyncio.get_running_loop()
    began, changed = loop.time(), 0
    # what a second run says must not be what the first one said: that would change nothing
    again = f"since {storage.version}"
    while (passed := loop.time() - began) < seconds:
        while changed < min(passed, seconds) * rate:
            if changed % 5 == 4:
                piece = slices[changed * 7 % len(slices)]
                piece["endpoints"][0]["addresses"] = [
                    f"10.{changed // 65536}.{changed // 256 % 256}.{changed % 256}"
                ]
                storage.apply(piece)
            else:
                route = routes[changed * 13 % len(routes)]
                condition = route["status"]["parents"][0]["conditions"][0]
                condition["message"] = f"seen {changed} times {again}"
                if changed % 100 == 0:
                    condition["status"] = "False" if condition["status"] == "True" else "True"
                meta = route["metadata"]
                storage.set_status("HTTPRoute", meta["namespace"], meta["name"], route["status"])
            changed += 1
        await asyncio.sleep(_TICK_S)
    return changed


def say(document: Json) -> None:
    """One line to whoever started us."""
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
