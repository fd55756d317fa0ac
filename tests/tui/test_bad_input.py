"""What goes wrong before anything can be shown: one line of what, where and what to do, and no trace."""

from __future__ import annotations

import http.server
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from desk_kit import WorldFacts
from pty_kit import LEFT_ALTERNATE_SCREEN, Pty, run, run_inside

USAGE, COULD_NOT_TELL = 2, 3
Answer = tuple[int, str, bytes]


def one_line(ended: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    """Exactly one line on standard error, none on standard output, no trace; and the exit code."""
    assert ended.returncode == code, ended.stderr
    assert ended.stdout == ""
    assert ended.stderr.startswith("pointsman: ")
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.endswith("\n")
    assert "\x1b" not in ended.stderr
    for part in parts:
        assert part in ended.stderr


def write_kubeconfig(file: Path, server: str, **user: str) -> str:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user or {"token": "not-a-real-token"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "here",
    }
    file.write_text(yaml.safe_dump(document))
    return str(file)


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[str], Answer]], str]]:
    """Start a plain HTTP server that answers each path as the given function says; its address."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(answer: Callable[[str], Answer]) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, content_type, body = answer(self.path.partition("?")[0])
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def as_json(status: int, document: object) -> Answer:
    return status, "application/json", json.dumps(document).encode()


def forbidden(path: str) -> Answer:
    message = f'forbidden: User "jo" cannot get path "{path}"'
    document = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden"}
    return as_json(403, {**document, "message": message, "code": 403})


# -- the kubeconfig


def test_no_kubeconfig_at_all() -> None:
    one_line(run("status"), USAGE, "no kubeconfig found", ".kube/config", "--kubeconfig", "pointsman demo")


def test_a_kubeconfig_that_is_not_there(tmp_path: Path) -> None:
    missing = str(tmp_path / "none")
    one_line(run("status", "--kubeconfig", missing), USAGE, missing, "does not exist", "check the path")
    one_line(run("status", KUBECONFIG=missing), USAGE, missing, "KUBECONFIG")


def test_a_kubeconfig_that_is_not_yaml(tmp_path: Path) -> None:
    file = tmp_path / "broken"
    file.write_text("apiVersion: v1\nkind: Config\nclusters:\n - name: a\n   cluster: {server: [x\n")
    one_line(run("status", "--kubeconfig", str(file)), USAGE, f"{file}, line 6", "not YAML", "mend that line")


def test_an_unknown_context(world: WorldFacts) -> None:
    ended = run("status", "--kubeconfig", world["kubeconfig"], "--context", "prod")
    one_line(ended, USAGE, "context prod is not in ", "known contexts are: pointsman-practice")


# -- the server


def test_a_dead_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    kubeconfig = write_kubeconfig(tmp_path / "dead", f"https://127.0.0.1:{port}")
    ended = run("status", "--kubeconfig", kubeconfig)
    one_line(ended, COULD_NOT_TELL, f"127.0.0.1:{port} does not answer: connection refused", "check that")


def test_a_server_that_is_no_kubernetes(
    tmp_path: Path, serve: Callable[[Callable[[str], Answer]], str]
) -> None:
    page = serve(lambda path: (200, "text/html", b"<html>hello \x1b[31m</html>"))
    kubeconfig = write_kubeconfig(tmp_path / "page", page)
    one_line(run("status", "--kubeconfig", kubeconfig), COULD_NOT_TELL, page, "Kubernetes API server")
    nothing = serve(lambda path: (404, "text/html", b"<html>not here</html>"))
    kubeconfig = write_kubeconfig(tmp_path / "nothing", nothing)
    one_line(
        run("status", "--kubeconfig", kubeconfig), COULD_NOT_TELL, "with 404; check", "Kubernetes API server"
    )


def test_a_certificate_that_is_not_trusted(world: WorldFacts, tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "untrusted", world["api_url"])
    ended = run("status", "--kubeconfig", kubeconfig)
    one_line(
        ended, COULD_NOT_TELL, world["api_url"], "its certificate is not trusted", "certificate-authority"
    )


def test_a_token_that_is_not_accepted(world: WorldFacts, tmp_path: Path) -> None:
    document = yaml.safe_load(Path(world["kubeconfig"]).read_text())
    document["users"][0]["user"]["token"] = "an-old-token-of-mine"
    file = tmp_path / "old"
    file.write_text(yaml.safe_dump(document))
    ended = run("status", "--kubeconfig", str(file))
    one_line(ended, COULD_NOT_TELL, "does not accept the credentials", "(401)", "log in again")
    assert "an-old-token-of-mine" not in ended.stderr


def test_all_of_it_forbidden(tmp_path: Path, serve: Callable[[Callable[[str], Answer]], str]) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "kc", serve(forbidden))
    ended = run("status", "--kubeconfig", kubeconfig)
    one_line(ended, COULD_NOT_TELL, "not allowed on http://127.0.0.1:", '"/api', "kubectl auth can-i")


def test_every_list_forbidden_is_unknown(
    tmp_path: Path, serve: Callable[[Callable[[str], Answer]], str]
) -> None:
    def resources(group_version: str, **kinds: str) -> Answer:
        served = [
            {"name": plural, "kind": kind, "namespaced": True, "verbs": ["get", "list", "watch"]}
            for plural, kind in kinds.items()
        ]
        return as_json(200, {"kind": "APIResourceList", "groupVersion": group_version, "resources": served})

    group = "gateway.networking.k8s.io"
    answers = {
        "/api": as_json(200, {"kind": "APIVersions", "versions": ["v1"]}),
        "/api/v1": resources("v1", services="Service", namespaces="Namespace"),
        "/apis": as_json(
            200,
            {
                "kind": "APIGroupList",
                "groups": [
                    {"name": name, "versions": [{"groupVersion": f"{name}/v1", "version": "v1"}]}
                    for name in (group, "networking.k8s.io")
                ],
            },
        ),
        f"/apis/{group}/v1": resources(f"{group}/v1", gateways="Gateway", httproutes="HTTPRoute"),
        "/apis/networking.k8s.io/v1": resources("networking.k8s.io/v1", ingresses="Ingress"),
    }
    server = serve(lambda path: answers.get(path) or forbidden(path))
    kubeconfig = write_kubeconfig(tmp_path / "kc", server)
    for arguments in ((), ("shop/web",)):
        twin = run("twin", *arguments, "--kubeconfig", kubeconfig)
        one_line(twin, COULD_NOT_TELL, "Ingresses could not be read (denied)")
    ended = run("status", "-o", "json", "--kubeconfig", kubeconfig)
    assert (ended.returncode, ended.stderr) == (COULD_NOT_TELL, "")
    document = json.loads(ended.stdout)
    assert document["verdict"] == "UNKNOWN"
    assert document["facts"]["kinds"]["HTTPRoute"]["state"] == "denied"
    assert {finding["verdict"] for finding in document["findings"]} == {"UNKNOWN"}


# -- plans, manifests, names


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("port: ", "prot: ", "prot: unknown field; did you mean port?"),
        ("on_alarm: rollback", "on_alarm: [1]", "on_alarm: expected "),
        ("low_ttl: 1", "low_ttl: soon", "dns.low_ttl: expected seconds as a whole number"),
        ("name: www", "name: {a: b}", "name: expected "),
    ],
)
def test_a_plan_with_a_mistake(world: WorldFacts, tmp_path: Path, old: str, new: str, said: str) -> None:
    rows = Path(world["plans"]["www.shop.test"]).read_text().splitlines()
    place = next(number for number, row in enumerate(rows) if old in row)
    rows[place] = rows[place].replace(old, new)
    if old == "port: ":
        rows[place] = "prot: 443"
    file = tmp_path / "plan.yaml"
    file.write_text("\n".join(rows))
    one_line(run_inside("check", str(file)), USAGE, f"pointsman: {file.name}:{place + 1}: {said}")


def test_a_plan_that_is_not_there_or_no_yaml(tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    one_line(run_inside("check", str(missing)), USAGE, f"{missing}: cannot be read", "check the path")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1\n")
    one_line(run_inside("--plan", str(broken), "check", str(broken)), USAGE, "broken.yaml:2: not YAML")
    one_line(run_inside("--plan", str(missing), "status"), USAGE, f"--plan {missing}: no such file")
    empty = tmp_path / "empty"
    empty.mkdir()
    one_line(run_inside("--plan", str(empty), "status"), USAGE, f"--plan {empty}: no *.yaml in this folder")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nonsense",), "No such command 'nonsense'; see: pointsman --help"),
        (("status", "-o", "xml"), "see: pointsman status --help"),
        (("status", "more"), "see: pointsman status --help"),
        (("check",), "Missing argument 'PLAN'; see: pointsman check --help"),
        (("journal", "none0000"), "no run none0000 in "),
        (("journal", "../../etc/passwd"), "not a run id"),
        (("resume", "none0000"), "`pointsman journal` lists all runs"),
        (("resume",), "no unfinished run"),
        (("explain", "XYZ"), "`pointsman explain` lists all"),
        (("diagnose",), "Missing option '-f' / '--filename'; see: pointsman diagnose --help"),
        (("status", "--context", "a", "--context", "b"), "there is no context a; known contexts are: none"),
        (("demo", "--scenario", "shops"), "there is no scenario 'shops'; there are: shop, "),
        (("demo", "--load", "/nowhere.yaml"), "cannot load /nowhere.yaml: there is no such file or folder"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str) -> None:
    one_line(run_inside(*arguments), USAGE, said)


READERS = (("diagnose",), ("route", "http://a.test/"), ("twin",), ("describe", "gateway", "a/b"))


@pytest.mark.parametrize("command", READERS, ids=lambda words: words[0])
def test_broken_yaml_is_told_in_the_same_words_everywhere(tmp_path: Path, command: tuple[str, ...]) -> None:
    broken = tmp_path / "manifests.yaml"
    broken.write_text("kind: Gateway\nmetadata: {name: [a\n")
    said = f"{broken}:3:1: not YAML: "
    one_line(run_inside(*command, "-f", str(broken)), USAGE, said, "mend that line")
    one_line(run_inside(*command, "--filename", "/dev/zero"), USAGE, "/dev/zero is no regular file")
    gone = "-f /nowhere: No such file or directory; name a file"
    one_line(run_inside(*command, "-f", "/nowhere"), USAGE, gone)


def test_demo_loads_no_broken_yaml(tmp_path: Path) -> None:
    broken = tmp_path / "manifests.yaml"
    broken.write_text("kind: Gateway\nmetadata: {name: [a\n")
    one_line(run("demo", "--load", str(broken), "--serve"), USAGE, f"{broken}:3: ")


# -- the terminal


def test_no_terminal() -> None:
    one_line(run(), USAGE, "the screens need a terminal", "pointsman status")


@pytest.mark.parametrize(
    ("columns", "lines", "environment", "said"),
    [
        (40, 10, {}, "the terminal is 40x10; the screens need 60x16; make it larger"),
        (120, 40, {"TERM": "dumb"}, "the terminal says TERM=dumb; for text use: pointsman status"),
    ],
)
def test_a_terminal_that_will_not_do(
    columns: int, lines: int, environment: dict[str, str], said: str
) -> None:
    with Pty(columns=columns, lines=lines, environment=environment) as terminal:
        assert terminal.ended() == USAGE
        assert terminal.seen.count(b"\n") == 1
        assert said in terminal.seen.decode()
        assert b"\x1b" not in terminal.seen


def test_screens_without_a_kubeconfig_leave_and_say_why() -> None:
    with Pty() as terminal:
        assert terminal.ended() == USAGE
        after = terminal.seen.rpartition(LEFT_ALTERNATE_SCREEN)[2]
        assert b"pointsman: no kubeconfig found" in after
        assert b"Traceback" not in terminal.seen


def test_screens_wait_for_a_server_that_is_dead(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    kubeconfig = write_kubeconfig(tmp_path / "dead", f"https://127.0.0.1:{port}")
    with Pty("--kubeconfig", kubeconfig) as terminal:
        terminal.until_shown("connection refused")
        assert " failed " in terminal.display().splitlines()[0]
        terminal.send(b"q")
        assert terminal.ended() == 0
