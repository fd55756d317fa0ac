"""Warming a real nginx with proxy_cache: what it says it did is what was seen."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pointsman.probes.verdict import Verdict
from pointsman.probes.wire.warm.facts import WarmPlan
from pointsman.probes.wire.warm.judge import judge, warmth
from pointsman.probes.wire.warm.observe import observe
from warm_kit import CachingServer, caching_server

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(NGINX is None, reason="needs nginx (Debian: nginx-light)"),
]

CONFIG = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr error;
events {{ worker_connections 128; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  proxy_cache_path {folder}/cache keys_zone=shop:1m;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{origin};
      proxy_cache shop;
      proxy_hide_header Cache-Status;
      proxy_cache_bypass $arg_fresh;
      proxy_no_cache $arg_fresh;
      add_header X-Cache-Status $upstream_cache_status always;
    }}
  }}
}}
"""


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[tuple[int, CachingServer]]:
    """nginx with a cache before an origin; its port, and the origin."""
    assert NGINX is not None
    with caching_server() as origin:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config = tmp_path / "nginx.conf"
        config.write_text(CONFIG.format(folder=tmp_path, port=port, origin=origin.port))
        if os.geteuid() == 0:
            config.write_text("user root;" + config.read_text())
        child = subprocess.Popen([NGINX, "-c", str(config), "-p", str(tmp_path)], stderr=subprocess.PIPE)
        try:
            deadline = time.monotonic() + 10
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 0.2).close()
                    break
                except OSError:
                    if child.poll() is not None or time.monotonic() > deadline:
                        pytest.fail("nginx did not start")
                    time.sleep(0.05)
            yield port, origin
        finally:
            child.terminate()
            child.communicate(timeout=10)


async def test_hit_miss_bypass_and_what_is_not_kept(edge: tuple[int, CachingServer]) -> None:
    port, origin = edge
    paths = ("/a", "/b", "/private", "/c?fresh=1")
    urls = tuple(f"http://shop.test:{port}{path}" for path in paths)
    facts = await observe(WarmPlan(urls, "127.0.0.1", rate_per_s=500.0))
    seen = {one.url.rpartition("/")[2]: (one.first.cache, one.last.cache) for one in warmth(facts)}
    assert seen == {
        "a": ("miss", "hit"),
        "b": ("miss", "hit"),
        "private": ("miss", "miss"),
        "c?fresh=1": ("bypass", "bypass"),
    }
    assert {path: origin.seen[path] for path in paths} == {"/a": 1, "/b": 1, "/private": 2, "/c?fresh=1": 2}
    found = {one.name: one for one in judge(facts)}
    assert {name: one.verdict for name, one in found.items()} == {
        "not-cacheable": Verdict.SKIP,
        "warmed": Verdict.PASS,
    }
    assert "Cache-Control: private (1)" in found["not-cacheable"].summary
    assert "the cache lets it pass (bypass) (1)" in found["not-cacheable"].summary


async def test_a_cache_warmed_without_the_browsers_encodings_is_cold_for_browsers(
    edge: tuple[int, CachingServer],
) -> None:
    port, _ = edge
    urls = (f"http://shop.test:{port}/a",)
    plain = await observe(WarmPlan(urls, "127.0.0.1", rate_per_s=500.0, accept_encoding="identity"))
    assert [fetch.cache for fetch in plain.fetches] == ["miss", "hit"]
    browsers = await observe(WarmPlan(urls, "127.0.0.1", rate_per_s=500.0))
    assert [fetch.cache for fetch in browsers.fetches] == ["miss", "hit"]


async def test_nginx_goes_on_with_what_was_not_read_to_its_end(
    edge: tuple[int, CachingServer], tmp_path: Path
) -> None:
    port, origin = edge
    plan = WarmPlan((f"http://shop.test:{port}/large",), "127.0.0.1", passes=1)
    first = await observe(plan)
    assert [(fetch.cache, fetch.cut_short) for fetch in first.fetches] == [("miss", True)]
    # nginx renames it into the cache when it has all of it; until then it asks the origin once more
    deadline = time.monotonic() + 20
    while not any(file.stat().st_size > 3_000_000 for file in (tmp_path / "cache").iterdir()):
        assert time.monotonic() < deadline, "nginx did not go on"
        await asyncio.sleep(0.05)
    facts = await observe(plan)
    assert [(fetch.cache, fetch.cut_short) for fetch in facts.fetches] == [("hit", True)]
    assert origin.seen["/large"] == 1
    assert [one.name for one in judge(facts)] == ["warmed"]
