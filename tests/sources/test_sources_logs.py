"""Access logs of the proxies that people run, counted within bounds; and files of anything at all."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pointsman.cluster.errors import UserError
from pointsman.probes.wire.sources import tally as tally_module
from pointsman.probes.wire.sources.read import KINDS, read_requests, read_source

COMMON = '192.0.2.7 - {user} [28/Nov/2026:14:00:00 +0000] "{request}" 200 512'
COMBINED = COMMON + ' "https://shop.test/from" "Mozilla/5.0 (X11) \\"GET /no HTTP/1.1\\""'
INGRESS = COMBINED + " 431 0.012 [shop-store-80] [] 10.1.2.3:8080 512 0.011 200 4f1c"
VIRTUAL = "www.shop.test:443 " + COMBINED
ENVOY = (
    '[2026-11-28T14:00:00.310Z] "{request}" 200 - 0 512 12 11 "192.0.2.7" "curl/8.5" '
    '"cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "www.shop.test" "10.1.2.3:8080"'
)
ISTIO = (
    '[2026-11-28T14:00:00.310Z] "{request}" 200 - via_upstream - "-" 0 512 12 11 "-" "curl/8.5" '
    '"cc21d9b0" "www.shop.test:8443" "10.1.2.3:8080" outbound|80||store.shop 10.1.1.1:1 10.1.1.2:2 - default'
)
ALB = (
    "https 2026-11-28T14:00:00.186641Z app/lb/50dc 192.0.2.7:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "
    '"GET https://www.shop.test:443/a?x=1 HTTP/1.1" "curl/8.5" TLSv1.3'
)
CONTAINER = "2026-11-28T14:00:00.310Z stdout F " + COMBINED


@pytest.mark.parametrize(
    ("line", "host"),
    [
        (COMMON, ""),
        (COMBINED, ""),
        (INGRESS, ""),
        (CONTAINER, ""),
        ("[pod/ingress-nginx-1/controller] " + INGRESS, ""),
        (VIRTUAL, "www.shop.test"),
        (ENVOY, "www.shop.test"),
        (ISTIO, "www.shop.test"),
        (ALB, "www.shop.test"),
        ('{"method":"GET","path":"/a?x=1","authority":"www.shop.test:443","user":"alice"}', "www.shop.test"),
        ('{"request_method":"GET","request_uri":"/a?x=1","uri":"/index.html","host":"www.shop.test"}',
         "www.shop.test"),
        ('{"request":"GET /a?x=1 HTTP/2.0","remote_user":"alice","status":200}', ""),
        ('{"RequestMethod":"GET","RequestPath":"/a?x=1","RequestHost":"www.shop.test"}', "www.shop.test"),
        ('{"request":{"method":"GET","host":"www.shop.test","uri":"/a?x=1"},"status":200}', "www.shop.test"),
        ('{"httpRequest":{"requestMethod":"GET","requestUrl":"https://www.shop.test/a?x=1"}}',
         "www.shop.test"),
        ('{"http":{"request":{"method":"GET"}},"url":{"path":"/a","query":"x=1","domain":"www.shop.test"}}',
         "www.shop.test"),
        ('{"http.request.method":"get","url.original":"/a?x=1","host":{"name":"node-7"}}', ""),
        ('{"method":"GET","uri":"/a","args":"x=1","http_host":"www.shop.test"}', "www.shop.test"),
    ],
)  # fmt: skip
def test_every_format(tmp_path: Path, line: str, host: str) -> None:
    path = tmp_path / "access.log"
    path.write_text(line.replace("{user}", "alice").replace("{request}", "GET /a?x=1 HTTP/1.1") + "\n")
    source = read_source(path)
    (one,) = source.asked
    assert (source.kind, one.method, one.host, one.target) == ("log", "GET", host, "/a?x=1")
    assert one.origin == "access.log:1"
    assert source.notes == ()
    assert "alice" not in repr(source)


def test_a_log_inside_a_container_runtimes_json(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    inner = COMBINED.format(user="-", request="GET /a HTTP/1.1").replace("\\", "\\\\").replace('"', '\\"')
    path.write_text(
        f'{{"log":"{inner}\\n","stream":"stdout"}}\n{{"log":"{{\\"method\\":\\"GET\\",\\"path\\":\\"/b\\"}}"}}\n'
    )
    assert [one.target for one in read_requests(path)] == ["/a", "/b"]


def test_counting_and_what_is_left_out(tmp_path: Path) -> None:
    lines = [COMBINED.format(user="-", request=f"GET /{name} HTTP/1.1") for name in "abbcbc"]
    lines += [COMBINED.format(user="-", request="POST /c HTTP/1.1")] * 2
    lines += [COMBINED.format(user="-", request="-"), "garbage", "\x16\x03\x01", "x" * 100_000]
    lines += [COMMON.format(user="-", request="GET /a HTTP/1.1") + ' "-" "pointsman/1 (cutover probe)"']
    lines += [COMMON.format(user="-", request="HEAD /c HTTP/1.1")]
    lines += [COMMON.format(user="-", request=r"GET /%7Bx\x22\xC3\xBC HTTP/1.1")]
    packed = tmp_path / "access.log.1.gz"
    packed.write_bytes(gzip.compress("\n".join(lines).encode()))
    source = read_source(packed)
    assert [f"{one.method} {one.target} {one.count}" for one in source.asked] == [
        "GET /b 3",
        "GET /c 2",
        "GET /a 1",
        "HEAD /c 1",
        "GET /%7Bx%22%C3%BC 1",
    ]
    assert source.notes == (
        "4 of 15 lines were not understood",
        "2 lines with other methods than GET and HEAD left out",
        "1 lines of Pointsman's own probes left out",
    )
    assert [one.target for one in read_requests(packed, top=2)] == ["/b", "/c"]


def test_a_long_log_is_counted_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_module, "_MOST_KINDS", 1_000)
    path = tmp_path / "access.log"
    with path.open("w") as file:
        for number in range(8_000):
            file.write(COMBINED.format(user="-", request=f"GET /once/{number}{'x' * 1000} HTTP/1.1") + "\n")
            if number % 5 == 0:
                file.write(COMBINED.format(user="-", request=f"GET /hot/{number % 3} HTTP/1.1") + "\n")
    tracemalloc.start()
    source = read_source(path, top=3)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 9_000_000
    assert most < 6_000_000
    assert {one.target for one in source.asked} == {"/hot/0", "/hot/1", "/hot/2"}
    assert sum(one.count for one in source.asked) == 1_600
    assert "too many different requests" in source.notes[0]


words = st.sampled_from(
    ['"', "GET ", "/a", " HTTP/1.1", "https://", "[", "]", "{", "}", "\n", "#", "\\x", ":", "\\", "log", "\0",
     "%", '"openapi":', "openapi: 3\n", "paths:\n  /{a}:\n    get: {}\n", '{"log":{"entries":[', "<urlset>",
     "<url><loc>", "</loc>", "é", "\ud800", "$ref", "&a ", "*a", "- ", '"method":"GET"', '"path":"/x"', ","]
)  # fmt: skip
anything = st.one_of(
    st.binary(max_size=200),
    st.lists(words, max_size=30).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass")),
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(anything, st.sampled_from(KINDS), st.booleans())
def test_anything_gives_requests_or_one_clear_line(
    tmp_path: Path, data: bytes, kind: str, packed: bool
) -> None:
    path = tmp_path / "any"
    path.write_bytes(gzip.compress(data) if packed else data)
    try:
        source = read_source(path, kind)
    except UserError as error:
        told = str(error)
        assert told.isprintable()
        return
    for one in source.asked:
        assert one.method in ("GET", "HEAD")
        assert one.target.startswith("/")
        assert all("!" <= character <= "~" for character in one.target)
        assert one.host.isascii()
    assert all(note.isprintable() for note in source.notes)
