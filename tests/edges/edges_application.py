"""The application behind both sides, as a process of its own: it says what it was asked, and by which name.

/slow?for=SECONDS waits, /status/CODE answers with that code, as does X-Code (the pages of
    custom-http-errors); anything else is told as JSON.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

# of what a proxy adds, that which an application reads
_TOLD = ("X-Real-Ip", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Team", "X-Code")


async def _answer(request: web.Request) -> web.Response:
    asked = urlsplit(request.raw_path)
    if asked.path == "/slow":
        await asyncio.sleep(float(parse_qs(asked.query)["for"][0]))
    status = int(request.headers.get("X-Code", "200"))
    if asked.path.startswith("/status/"):
        status = int(asked.path.removeprefix("/status/"))
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
    told = {
        "name": request.app["name"],
        "method": request.method,
        "path": request.raw_path,
        "host": request.host,
        "size": size,
        **{name.lower(): request.headers[name] for name in _TOLD if name in request.headers},
    }
    return web.Response(status=status, text=json.dumps(told), content_type="application/json")


async def _serve(names: list[str]) -> None:
    runners = []
    for name in names:
        app = web.Application(client_max_size=2**26)
        app["name"] = name
        app.router.add_route("*", "/{rest:.*}", _answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
    print(*(runner.addresses[0][1] for runner in runners), flush=True)
    # the parent closes our standard input when it is done with us
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for runner in runners:
        await runner.cleanup()


@contextmanager
def applications(*names: str) -> Iterator[dict[str, int]]:
    """The ports of applications of these names, all in one process."""
    arguments = [sys.executable, __file__, *names]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            ports = child.stdout.readline().split()
            yield dict(zip(names, map(int, ports), strict=True))
        finally:
            child.stdin.close()
            child.wait(timeout=10)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1:]))
