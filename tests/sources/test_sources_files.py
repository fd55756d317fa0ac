"""Reading requests from the files that people have, and one clear line for those that are no such file."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import pytest
from pointsman.cluster.errors import UserError
from pointsman.probes.wire.sources.asked import Asked
from pointsman.probes.wire.sources.read import read_requests, read_source


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def places(path: Path, **options: object) -> list[str]:
    return [f"{one.method} {one.host}{one.target} {one.count}" for one in read_requests(path, **options)]  # type: ignore[arg-type]


LIST = """\
# what the shop needs most
https://shop.test/a?page=2#top
/b   # a comment
HEAD /c
/b
http://Shop.test:8080/ü
"""


def test_a_list(tmp_path: Path) -> None:
    asked = read_requests(write(tmp_path, "urls.txt", LIST))
    assert asked == (
        Asked("GET", "/a?page=2", "shop.test", 1, "urls.txt:2", "https"),
        Asked("GET", "/b", "", 2, "urls.txt:3"),
        Asked("HEAD", "/c", "", 1, "urls.txt:4"),
        Asked("GET", "/%C3%BC", "shop.test", 1, "urls.txt:6", "http", 8080),
    )
    assert [one.target for one in read_requests(tmp_path / "urls.txt", top=1)] == ["/b"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("DELETE /b", "urls.txt:2: DELETE is not asked"),
        ("/b c", "urls.txt:2: expected a URL or a path, got '/b c'"),
        ("ftp://shop.test/", "urls.txt:2: expected a URL"),
        ("https:///nobody", "urls.txt:2: expected a URL"),
        ("http://[::1/x", "urls.txt:2: expected a URL"),
        ("https://shop.test:99999/", "urls.txt:2: expected a URL"),
        ("/" + "x" * 70_000, "urls.txt:2: longer than a URL can be"),
        ("\x1b[2Jhttps://shop.test/", "urls.txt:2: expected a URL or a path, got '·[2J"),
    ],
)
def test_a_list_with_a_mistake(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(UserError) as told:
        read_requests(write(tmp_path, "urls.txt", f"/a\n{line}\n/c\n"))
    assert str(told.value).startswith(words)


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"/a\n/b\n")))
    assert places(Path("-")) == ["GET /a 1", "GET /b 1"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(b"/a\nx y\n"))))
    with pytest.raises(UserError, match=r"standard input:2: expected"):
        read_requests(Path("-"))


SITEMAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://www.google.com/schemas/i/1.1">
  <url><loc>https://shop.test/a?x=1&amp;y=2</loc><lastmod>2026-01-01</lastmod>
    <image:image><image:loc>https://cdn.test/no.png</image:loc></image:image></url>
  <url><loc>
    https://shop.test/b
  </loc></url>
  <url><loc>mailto:x@shop.test</loc></url>
</urlset>"""


def test_a_sitemap(tmp_path: Path) -> None:
    source = read_source(write(tmp_path, "sitemap.xml", SITEMAP))
    assert [(one.host, one.target, one.origin) for one in source.asked] == [
        ("shop.test", "/a?x=1&y=2", "sitemap.xml:3"),
        ("shop.test", "/b", "sitemap.xml:5"),
    ]
    assert (source.kind, source.entries, source.left_out) == ("sitemap", 3, 1)
    assert source.notes == ("sitemap.xml:8: not a URL: mailto:x@shop.test",)


def test_a_sitemap_index_is_followed_to_the_files_beside_it(tmp_path: Path) -> None:
    write(tmp_path, "one.xml.gz", gzip.compress(SITEMAP.encode()))
    write(tmp_path, "secret.xml", SITEMAP)
    folder = tmp_path / "maps"
    folder.mkdir()
    write(folder, "one.xml.gz", gzip.compress(SITEMAP.encode()))
    names = ["one.xml.gz", "..%2fsecret.xml", "gone.xml", "index.xml"]
    items = "".join(f"<sitemap><loc>https://shop.test/{name}</loc></sitemap>\n" for name in names)
    index = write(folder, "index.xml", f"<sitemapindex>\n{items}</sitemapindex>")
    source = read_source(index)
    assert [one.origin for one in source.asked] == ["one.xml.gz:3", "one.xml.gz:5"]
    assert source.notes[0].startswith("3 sitemaps are not here, and nothing is fetched: index.xml:3:")


BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<urlset><url><loc>https://shop.test/&b;</loc></url></urlset>"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "sitemap.xml:2: a DOCTYPE has no place in a sitemap"),
        ('<!DOCTYPE u SYSTEM "file:///etc/passwd"><u/>', "sitemap.xml:1: a DOCTYPE"),
        ("<urlset>\n<url>\n<loc>x</urlset>", "sitemap.xml:3: not XML: mismatched tag"),
        ("<html><body/></html>", "sitemap.xml:1: <html> is no sitemap"),
        ("<urlset>" + "<a>" * 40, "sitemap.xml:1: nested more than 32 deep"),
        (f"<urlset><url><loc>{'x' * 9000}</loc></url></urlset>", "sitemap.xml:1: a URL longer"),
        ("<urlset>" + "<url><loc>/</loc></url>" * 50_001 + "</urlset>", "sitemap.xml:1: more than 50000"),
        ("<urlset/>", "sitemap.xml: no request in it, read as a sitemap"),
        ('<?xml version="1.0" encoding="rot13"?><urlset/>', "sitemap.xml:1: "),
    ],
)
def test_a_sitemap_that_is_none(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError) as told:
        read_requests(write(tmp_path, "sitemap.xml", text))
    assert str(told.value).startswith(words)


def test_a_packed_bomb_ends_at_the_bound(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "sitemap.xml.gz", "wb", compresslevel=9) as file:
        file.write(b"<urlset>")
        for _ in range(80):
            file.write(b" " * 1_000_000)
    with pytest.raises(UserError, match=r"sitemap.xml.gz:1: larger than 64 MB"):
        read_requests(tmp_path / "sitemap.xml.gz")


OPENAPI = """\
openapi: 3.1.0
info: {title: Shop, version: "1"}
servers:
  - url: https://{env}.shop.test/v2/
    variables: {env: {default: www}}
paths:
  /health:
    get: {responses: {}}
    delete: {responses: {}}
  /orders/{id}:
    parameters:
      - $ref: '#/components/parameters/Id'
    get:
      parameters:
        - {name: verbose, in: query, required: true, schema: {type: boolean, default: true}}
        - {name: page, in: query, schema: {type: integer}}
      responses: {}
  /items/{sku}:
    get:
      parameters:
        - {name: sku, in: path, required: true, examples: {one: {value: "a/b c"}}}
  /items/{sku}/{colour}:
    get:
      parameters:
        - {name: sku, in: path, required: true, schema: {enum: [9, 8]}}
        - {name: colour, in: path, required: true, schema: {type: string}}
  /secret:
    get:
      parameters: [{name: X-Key, in: header, required: true, schema: {default: k}}]
  /loop/{id}:
    get:
      parameters: [{$ref: '#/components/parameters/Loop'}]
  /only-post:
    post: {responses: {}}
components:
  parameters:
    Id: {name: id, in: path, required: true, schema: {$ref: '#/components/schemas/Id'}}
    Loop: {$ref: '#/components/parameters/Loop'}
  schemas:
    Id: {type: integer, example: 42}
"""


def test_openapi_three(tmp_path: Path) -> None:
    source = read_source(write(tmp_path, "openapi.yaml", OPENAPI))
    assert [(one.host, one.target, one.origin) for one in source.asked] == [
        ("www.shop.test", "/v2/health", "openapi.yaml /health"),
        ("www.shop.test", "/v2/orders/42?verbose=true", "openapi.yaml /orders/{id}"),
        ("www.shop.test", "/v2/items/a%2Fb%20c", "openapi.yaml /items/{sku}"),
    ]
    assert (source.kind, source.entries, source.left_out) == ("openapi", 6, 3)
    assert source.notes == (
        "left out /items/{sku}/{colour}: no example, default or enum for colour",
        "left out /secret: it needs the header X-Key",
        "left out /loop/{id}: no example, default or enum for id",
    )


def test_swagger_two_as_json(tmp_path: Path) -> None:
    parameter = {"name": "id", "in": "path", "required": True, "type": "string", "enum": ["x", "y"]}
    document = {
        "swagger": "2.0",
        "host": "api.shop.test",
        "basePath": "/v1",
        "schemes": ["http"],
        "paths": {"/things/{id}": {"get": {"parameters": [parameter]}}},
    }
    for indent in (None, 2):
        (one,) = read_requests(write(tmp_path, "swagger.json", json.dumps(document, indent=indent)))
        assert (one.scheme, one.host, one.target) == ("http", "api.shop.test", "/v1/things/x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("openapi: 3.1.0\npaths: []\n", "api.yaml: paths: expected a mapping"),
        ("openapi: 3.1.0\npaths:\n  /a: [\n", "api.yaml:4:1: not YAML"),
        ("openapi: 3.1.0\n", "api.yaml: no GET operation in it"),
        ("a: &a [*a]\nopenapi: 3\n", "api.yaml:1:4: "),
        ("openapi: 3\npaths: {/a: {$ref: 'https://elsewhere.test/x.yaml'}}", "api.yaml: no GET operation"),
    ],
)
def test_openapi_with_a_mistake(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError) as told:
        read_requests(write(tmp_path, "api.yaml", text))
    assert str(told.value).startswith(words)


def har(*requests: tuple[str, str], indent: int | None = None) -> str:
    entries = [
        {
            "request": {"method": method, "url": url, "headers": [{"name": "Cookie", "value": "sid=S3CRET"}]},
            "response": {"status": 200},
        }
        for method, url in requests
    ]
    return json.dumps({"log": {"version": "1.2", "entries": entries}}, indent=indent)


@pytest.mark.parametrize("indent", [None, 2])
def test_har(tmp_path: Path, indent: int | None) -> None:
    text = har(
        ("GET", "https://me:pw@shop.test/a?q=1"),
        ("POST", "https://shop.test/b"),
        ("GET", "data:text/plain,x"),
        indent=indent,
    )
    source = read_source(write(tmp_path, "visit.har", text))
    assert source.asked == (Asked("GET", "/a?q=1", "shop.test", 1, "visit.har entry 1", "https"),)
    assert (source.entries, source.left_out) == (3, 2)
    assert "S3CRET" not in repr(source)
    assert "pw" not in repr(source)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ('{"log": {"entries": [{"request": 7}]}}', "auto", "a.bin: not an HTTP archive: Expected `object`"),
        ("{", "auto", "a.bin: not an HTTP archive"),
        ('{"a": 1}', "auto", "a.bin: no request in it, read as an access log: 1 of 1 lines"),
        ("", "auto", "a.bin: nothing in it"),
        (b"\x1f\x8b\x08\x00broken", "auto", "a.bin: the gzip data is broken"),
        (gzip.compress(b"/a\n" * 99999)[:-20], "auto", "a.bin: the gzip data is broken"),
        ("hello there\n", "auto", "a.bin: cannot tell what it is from its first line 'hello there'"),
        ("hello there\n", "log", "a.bin: no request in it, read as an access log"),
        ("hello there\n", "openapi", "a.bin:1: neither `openapi` nor `swagger`"),
        ("/a\n", "soup", "no kind of source is called 'soup'"),
        ("# only\n", "auto", "a.bin: no request in it, read as a list of URLs"),
    ],
)
def test_files_that_are_none_of_these(tmp_path: Path, text: str | bytes, kind: str, words: str) -> None:
    with pytest.raises(UserError) as told:
        read_requests(write(tmp_path, "a.bin", text), kind)
    assert str(told.value).startswith(words)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    for path, words in (
        (tmp_path / "gone", "No such file"),
        (tmp_path, "Is a directory"),
        (Path("a\0b"), "no such name can exist"),
        (Path("x" * 300), "File name too long"),
    ):
        with pytest.raises(UserError, match=words):
            read_requests(path)
    with pytest.raises(UserError, match="keep at least 1"):
        read_requests(write(tmp_path, "urls", "/a\n"), top=0)
