"""``pointsman probe tls`` as a user runs it: its words, its JSON, its exit codes, its complaints."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL
from pointsman.cluster.errors import UserError
from pointsman.probes.catalogue import RULES
from pointsman.tui.cli import cli
from tls_fixture_kit import Case, cases, chain_pem
from tls_fixture_server import Mood, by_name, serving
from tls_wire_kit import Visits, answering, in_thread, says, silent

HERE = Path(__file__).resolve().parent
USUAL = next(one for one in cases() if one.name == "01-ok-ecdsa")
SHORT = next(one for one in cases() if one.name == "04-missing-intermediate")
HOST = USUAL.ask.host


@pytest.fixture(scope="module")
def good() -> Iterator[int]:
    mood = Mood(versions=(SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION))
    with in_thread(serving(by_name(USUAL, mood), mood)) as port:
        yield port


@pytest.fixture(scope="module")
def short() -> Iterator[int]:
    with in_thread(serving(by_name(SHORT))) as port:
        yield port


def roots(folder: Path, case: Case = USUAL) -> str:
    path = folder / "roots.pem"
    path.write_bytes(chain_pem(case.fixture.roots))
    return str(path)


def probe(*arguments: str, text: str | None = None) -> Result:
    result = CliRunner().invoke(cli, ["probe", "tls", *arguments], standalone_mode=False, input=text)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def answer(*arguments: str) -> dict[str, Any]:
    """The JSON, after a look at its shape."""
    document = json.loads(probe(*arguments, "-o", "json").output)
    schema = json.loads((HERE.parents[1] / "docs" / "output.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(document)
    assert document["command"] == "probe tls"
    assert {one["rule"] for one in document["findings"]} <= set(RULES)
    return dict(document)


def test_a_good_target_at_length(good: int, tmp_path: Path) -> None:
    result = probe(f"127.0.0.1:{good}", "--name", HOST, "--ca", roots(tmp_path))
    assert result.return_value == 0
    rows = result.output.splitlines()
    assert re.fullmatch(rf" 127\.0\.0\.1:{good}  {HOST}  14 handshakes in \d+\.\d s", rows[0])
    assert rows[1].startswith(" PASS    TLS001  leaf, 1 intermediate, ")
    told = "\n".join(rows)
    assert "asked    3 of 3 times: TLSv1.3  h2  " in told
    assert "chain    0  " in told
    assert "versions 1.0 no   1.1 no   1.2 yes   1.3 yes" in told
    assert "ALPN     h2 → h2   http/1.1 → http/1.1   none → none" in told
    assert "RSA      alert: the server sent handshake_failure (alert 40)" in told
    assert "ECDSA    the same chain" in told
    assert "staple   none" in told
    assert "random   reset: " in told
    assert f"try    openssl s_client -connect 127.0.0.1:{good} -servername {HOST}" in told


def test_quick_is_five_handshakes_and_attempts_are_counted(good: int, tmp_path: Path) -> None:
    facts = answer(f"127.0.0.1:{good}", "--name", HOST, "--ca", roots(tmp_path), "--quick")["facts"]
    (target,) = facts["targets"]
    assert (len(target["named"]), target["versions"], facts["old"]) == (3, [], [])
    once = answer(
        f"127.0.0.1:{good}",
        "--name",
        HOST,
        "--ca",
        roots(tmp_path),
        "--quick",
        "--attempts",
        "6",
        "--alpn",
        "h2",
    )
    (target,) = once["facts"]["targets"]
    assert [one["alpn"] for one in target["named"]] == ["h2"] * 6


def test_a_bad_chain_fails_with_why_and_mend(short: int, tmp_path: Path) -> None:
    result = probe(f"127.0.0.1:{short}", "--name", SHORT.ask.host, "--ca", roots(tmp_path, SHORT))
    assert result.return_value == 1
    rows = result.output.splitlines()
    assert rows[1].startswith(" FAIL    TLS010")
    assert any(row.startswith("     why    ") for row in rows[2:5])
    assert any(row.startswith("     mend   ") for row in rows[2:6])


def test_protocols_that_are_wanted_and_not_agreed_on(good: int, tmp_path: Path) -> None:
    found = answer(f"127.0.0.1:{good}", "--name", HOST, "--ca", roots(tmp_path), "--alpn", "h3", "--quick")
    # a server may also refuse to go on
    assert {one["name"] for one in found["findings"]} & {"alpn-missing", "handshake-failed"}


def test_the_soak_must_be_outlived(good: int, tmp_path: Path) -> None:
    options = ("--name", HOST, "--ca", roots(tmp_path), "--quick")
    assert probe(f"127.0.0.1:{good}", *options, "--soak", "48h").return_value == 0
    result = probe(f"127.0.0.1:{good}", *options, "--soak", "4000d")
    assert result.return_value == 1
    assert "TLS021" in result.output


def test_the_expected_certificate_and_the_old_side(good: int, short: int, tmp_path: Path) -> None:
    digest = USUAL.fixture.chain[0].fingerprint(hashes.SHA256()).hex()
    options = (f"127.0.0.1:{good}", "--name", HOST, "--ca", roots(tmp_path), "--quick")
    found = answer(*options, "--expect-sha256", digest, "--old", f"127.0.0.1:{good}")
    assert found["verdict"] == "PASS"
    assert "TLS074" in {one["rule"] for one in found["findings"]}
    assert len(found["facts"]["old"]) == 1
    assert probe(*options, "--expect-sha256", "0" * 64).return_value == 1
    differs = probe(*options, "--old", f"127.0.0.1:{short}").output
    assert re.search(rf"^ old  127\.0\.0\.1:{short}  ", differs, re.MULTILINE)


def test_several_names_each_have_a_block(good: int, tmp_path: Path) -> None:
    options = (
        f"127.0.0.1:{good}",
        "--name",
        HOST,
        "--name",
        "other.test",
        "--ca",
        roots(tmp_path),
        "--quick",
    )
    result = probe(*options)
    assert result.return_value == 1
    assert result.output.count("handshakes in") == 2


def test_a_name_for_an_address_is_resolved_and_asked_for(good: int) -> None:
    document = answer(f"localhost:{good}", "--quick", "--attempts", "1", "--timeout", "3")
    targets = [one["target"] for one in document["facts"]["targets"]]
    assert {one["name"] for one in targets} == {"localhost"}
    assert "127.0.0.1" in {one["address"] for one in targets}


def test_a_name_without_an_address_could_not_be_told() -> None:
    with pytest.raises(UserError, match=r"nowhere\.invalid has no address here") as caught:
        probe("nowhere.invalid:443", "--timeout", "3")
    assert getattr(caught.value, "status", None) == 0


def test_a_port_that_speaks_http() -> None:
    with in_thread(answering(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"))) as port:
        result = probe(f"127.0.0.1:{port}", "--name", "a.test")
    assert result.return_value == 1
    assert "TLS005" in result.output
    assert "the port speaks plain HTTP" in result.output
    assert "versions" not in result.output


def test_many_targets_a_line_each_worst_first(good: int, short: int, tmp_path: Path) -> None:
    file = tmp_path / "targets"
    with in_thread(answering(silent)) as mute:
        file.write_text(
            f"# the shop\n127.0.0.1:{good} {HOST}\n\n127.0.0.1:{mute} silent.test  # a hole\n"
            f"localhost:{good} {HOST}\n127.0.0.1:{good} {HOST}\n"
        )
        result = probe("--targets", str(file), "--ca", roots(tmp_path), "--timeout", "1")
    rows = result.output.splitlines()
    assert result.return_value == 1
    assert re.match(r" 2 targets   1 FAIL  1 PASS   \d", rows[0])
    assert rows[1].startswith(" FAIL    silent.test  127.0.0.1:")
    assert rows[2].startswith(f" PASS    {HOST}  127.0.0.1:{good}")
    assert rows[4].startswith(f" 127.0.0.1:{mute}  silent.test")
    assert "connected, and no answer within 1 s" in result.output
    assert f"{HOST}  3 handshakes" not in result.output


def test_targets_on_standard_input(good: int, tmp_path: Path) -> None:
    result = probe("--targets", "-", "--ca", roots(tmp_path), text=f"127.0.0.1:{good} {HOST}\n")
    assert result.return_value == 0
    assert result.output.startswith(" 1 target   1 PASS")


def test_a_file_that_is_not_served_yet(tmp_path: Path) -> None:
    chain = tmp_path / "tls.crt"
    chain.write_bytes(chain_pem(USUAL.fixture.chain))
    options = ("--pem", str(chain), "--name", HOST, "--ca", roots(tmp_path))
    result = probe(*options)
    assert result.return_value == 0
    assert result.output.startswith(f" tls.crt  for {HOST}\n PASS    TLS001")
    assert answer(*options)["facts"]["names"] == [HOST]
    assert probe("--pem", str(chain), "--name", "other.test", "--ca", roots(tmp_path)).return_value == 1


BAD: list[tuple[tuple[str, ...], str]] = [
    ((), "nothing to ask or to read"),
    (("192.0.2.1", "--pem", "x"), "ADDR:PORT and --pem do not go together"),
    (("192.0.2.1",), "which host is to be asked for at 192.0.2.1?"),
    (("192.0.2.1:0", "--name", "a.test"), "'192.0.2.1:0' is no ADDRESS:PORT"),
    (("192.0.2.1:https", "--name", "a.test"), "is no ADDRESS:PORT"),
    (("192.0.2.300:443", "--name", "a.test"), "is no ADDRESS:PORT"),
    (("[::1]x", "--name", "a.test"), "is no ADDRESS:PORT"),
    (("[::1:443", "--name", "a.test"), "is no ADDRESS:PORT"),
    (("https://a.test/", "--name", "a.test"), "is no ADDRESS:PORT"),
    (("", "--name", "a.test"), "is no ADDRESS:PORT"),
    (("192.0.2.1", "--name", "*.a.test"), "a wildcard is no name to ask for"),
    (("192.0.2.1", "--name", "a b"), "--name 'a b' is no host name"),
    (("192.0.2.1", "--name", "a\x1b[2J"), "--name 'a·[2J' is no host name"),
    (("192.0.2.1", "--name", "a" * 64), "is no host name"),
    (("192.0.2.1", "--name", "a.test", "--alpn", "h2,,x"), "'' is no protocol"),
    (("192.0.2.1", "--name", "a.test", "--soak", "long"), "--soak 'long' is no duration"),
    (("192.0.2.1", "--name", "a.test", "--expect-sha256", "abc"), "no SHA-256 fingerprint"),
    (("192.0.2.1", "--name", "a.test", "--old", "nö:x"), "--old 'nö:x' is no ADDRESS:PORT"),
    (("192.0.2.1", "--name", "a.test", "--ca", "/nowhere"), "/nowhere: no such file"),
    (("192.0.2.1", "--name", "a.test", "--public-key", "x"), "--public-key goes with --pem"),
    (("--pem", "/nowhere"), "for which host"),
    (("--pem", "/nowhere", "--name", "a.test"), "/nowhere"),
    (("--pem", "x", "--name", "a.test", "--old", "192.0.2.1"), "--old and --pem do not go together"),
    (("--pem", "x", "--name", "a.test", "--quick"), "--full or --quick and --pem do not go together"),
    (("--targets", "/nowhere"), "/nowhere"),
    (("--targets", "x", "--name", "a.test"), "--name and --targets do not go together"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_a_mistake_is_one_clear_line(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(UserError, match=re.escape(words)) as caught:
        probe(*arguments)
    assert str(caught.value).isprintable()
    assert caught.value.mend
    assert getattr(caught.value, "status", None) is None


LINES = [
    ("192.0.2.1 a.test extra", ":2: 3 words"),
    ("192.0.2.1", ":2: 1 word"),
    ("192.0.2.1:99999 a.test", ":2: '192.0.2.1:99999' is no ADDRESS:PORT"),
    ("192.0.2.1 a..test", ":2: 'a..test' is no host name"),
]


@pytest.mark.parametrize(("bad", "words"), LINES)
def test_a_mistake_in_a_list_names_file_and_line(bad: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "targets"
    file.write_text(f"192.0.2.1 a.test\n{bad}\n")
    with pytest.raises(UserError, match=re.escape(f"{file}{words}")):
        probe("--targets", str(file))
    file.write_text("# nothing\n")
    with pytest.raises(UserError, match="holds no target"):
        probe("--targets", str(file))
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="is no UTF-8"):
        probe("--targets", str(file))


def test_roots_without_a_certificate(tmp_path: Path) -> None:
    (tmp_path / "roots").write_text("nothing\n")
    with pytest.raises(UserError, match="holds no certificate"):
        probe("192.0.2.1", "--name", "a.test", "--ca", str(tmp_path / "roots"))


def test_an_ipv6_target(tmp_path: Path) -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("this machine has no ::1")
    with in_thread(answering(says(b"no\r\n\r\n"), host="::1")) as port:
        result = probe(f"[::1]:{port}", "--name", "a.test", "--quick")
    assert result.return_value == 1
    assert result.output.startswith(f" [::1]:{port}  a.test  5 handshakes")


@pytest.mark.parametrize("many", [False, True])
def test_ctrl_c_leaves_cleanly(many: bool, tmp_path: Path) -> None:
    visits = Visits()
    file = tmp_path / "targets"
    with in_thread(answering(silent, visits=visits)) as port:
        file.write_text("".join(f"127.0.0.1:{port} app-{number}.test\n" for number in range(40)))
        one = (f"127.0.0.1:{port}", "--name", "a.test")
        arguments = ("--targets", str(file)) if many else one
        command = [sys.executable, "-c", "from pointsman.tui.cli import main; main()", "probe", "tls"]
        with subprocess.Popen(
            [*command, *arguments, "--timeout", "60"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as child:
            ends_at = time.monotonic() + 30
            while not visits.begun and time.monotonic() < ends_at:
                time.sleep(0.02)
            time.sleep(0.1)
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=20)
    assert child.returncode == 130
    assert out == b""
    assert b"Traceback" not in err
