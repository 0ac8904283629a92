"""The builder `docker` with daemons that are down, answer wrongly or break off, played by a server of the tests."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import socketserver
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from release.build.docker.builder import DockerBuilder
from release.control import Cancel
from release.docker.engine import ANSWER_WITHIN, Engine, connect
from release.errors import BuildError, BuilderUnavailable, Terminated
from release.events import NullSink
from tests.support.registries.images import digest, make_tar
from tests.support.registries.tls import Authority
from tests.support.releases.builds import Build, build, build_of, problem

SECRET = "s3cr3t-value"
VERSION = {"Version": "99.1", "ApiVersion": "1.41", "Os": "linux", "Arch": "amd64"}
Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


def json_answer(value: Any, status: int = 200) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        body = json.dumps(value).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def raw_answer(raw: bytes) -> Answer:
    """Return a handler of requests that sends only these bytes and then closes the connection."""

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.wfile.write(raw)
        handler.close_connection = True

    return answer


def stream_answer(*pieces: bytes) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    return answer


class Daemon:
    """A server that answers `/version` as Docker does, and other requests as a test sets.

    `seen`: headers of the requests, by the last part of the request's path.
    """

    def __init__(self, folder: Path, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Answer] = {"version": json_answer(VERSION)}
        self.seen: dict[str, Any] = {}
        self.before_reading: Answer = lambda handler: None
        self.release = threading.Event()
        daemon = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def address_string(self) -> str:
                return "local"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                pass

            def do_GET(self) -> None:
                name = self.path.partition("?")[0].rpartition("/")[2]
                daemon.seen[name] = self.headers
                self._drain()
                daemon.answers[name](self)

            do_POST = do_GET  # noqa: N815 - the base class's name

            def _drain(self) -> None:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return
                daemon.before_reading(self)
                while size := int(self.rfile.readline(), 16):
                    self.rfile.read(size + 2)
                self.rfile.readline()

        server: socketserver.BaseServer
        if tls is None:

            class UnixServer(socketserver.ThreadingUnixStreamServer):
                daemon_threads = True

            server = UnixServer(str(folder / "d.sock"), Handler)
            self.url = f"unix://{folder}/d.sock"
        else:
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            server.socket = tls.wrap_socket(server.socket, server_side=True)
            self.url = f"tcp://127.0.0.1:{server.server_address[1]}"
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    running = Daemon(tmp_path)
    yield running
    running.close()


def request(folder: Path, text: str = "FROM scratch\nARG TOKEN\nCOPY Dockerfile /\n") -> Build:
    root = folder / "project"
    root.mkdir(exist_ok=True)
    (root / "Dockerfile").write_text(text)
    return build_of(root, args={"TOKEN": SECRET})


def builder(
    url: str, cancel: Cancel | None = None, *, answer_within: float = ANSWER_WITHIN, **env: str
) -> DockerBuilder:
    return DockerBuilder(
        {"DOCKER_HOST": url, "HOME": "/nonexistent", **env},
        sink=NullSink(),
        cancel=cancel or Cancel(),
        answer_within=answer_within,
    )


def reason(asked: DockerBuilder, folder: Path) -> str:
    """Return the reason why the builder is unavailable; assert that it is."""
    found = problem(asked, request(folder))
    assert found is not None
    assert found.kind == "unavailable"
    return found.reason


def refusal(daemon: Daemon, folder: Path, *, answer_within: float = ANSWER_WITHIN) -> BuildError:
    with pytest.raises(BuildError) as caught:
        build(builder(daemon.url, answer_within=answer_within), request(folder), folder / "store")
    assert caught.value.hint
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return caught.value


def test_error_for_a_docker_daemon_that_is_down_names_its_address(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/none.sock"
    with pytest.raises(BuilderUnavailable) as caught:
        build(builder(url), request(tmp_path), tmp_path / "store")
    assert str(caught.value) == (
        f"the docker daemon at `{url}` (from `DOCKER_HOST`) does not answer: no such file or directory"
    )
    assert caught.value.hint == "start the daemon, or set `DOCKER_HOST` to one that runs"
    found = problem(builder(url), request(tmp_path))
    assert found is not None
    assert (found.kind, found.reason, found.hint) == ("unavailable", str(caught.value), caught.value.hint)
    assert not (tmp_path / "store").exists()


def test_a_docker_daemon_address_without_a_listener_makes_the_builder_unavailable(tmp_path: Path) -> None:
    assert "does not answer: connection refused" in reason(builder("tcp://127.0.0.1:1"), tmp_path)


@pytest.mark.parametrize(
    "answer",
    [
        raw_answer(b"220 smtp ready\r\n"),
        raw_answer(b"\x15\x03\x01\x00\x02\x02"),
        raw_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        json_answer(["no", "object"]),
        json_answer({"Version": "1"}),
        json_answer({**VERSION, "ApiVersion": 7}),
        json_answer({}, status=404),
    ],
    ids=["other-protocol", "tls", "text", "list", "incomplete", "odd-version", "not-found"],
)
def test_a_server_that_is_not_docker_makes_the_builder_docker_unavailable(
    tmp_path: Path, daemon: Daemon, answer: Answer
) -> None:
    daemon.answers["version"] = answer
    assert daemon.url in reason(builder(daemon.url), tmp_path)
    with pytest.raises(BuilderUnavailable) as caught:
        build(builder(daemon.url), request(tmp_path), tmp_path / "store")
    assert caught.value.hint


def test_a_docker_daemon_that_does_not_answer_is_unavailable_after_the_timeout(
    tmp_path: Path, daemon: Daemon
) -> None:
    daemon.answers["version"] = lambda handler: (daemon.release.wait(30), None)[1]
    assert "no answer in time" in reason(builder(daemon.url, answer_within=0.3), tmp_path)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (raw_answer(b""), "does not answer: it closed the connection"),
        (raw_answer(b"garbage\r\n"), "does not"),
        (stream_answer(b"\x00\xff not json"), "does not speak the Docker Engine API"),
        (stream_answer(b'["a list"]\n', b'"text"\n'), "ended the build without an image"),
        (
            stream_answer(b'{"stream": "Step 1/1 : FROM scratch"}\n', b'{"error": "boom"}\n'),
            "Dockerfile:1: boom",
        ),
        (json_answer({"message": f"no room for {'x' * 9000}"}, status=500), "refused: no room for xxx"),
        (raw_answer(b"HTTP/1.1 500 no\r\nContent-Length: 4\r\n\r\noops"), "refused: oops"),
        (
            raw_answer(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"str\r\n'),
            "does not",
        ),
    ],
    ids=["closed", "no-http", "no-json", "other-json", "error", "refused", "refused-oddly", "cut"],
)
def test_an_invalid_answer_of_the_docker_daemon_to_a_build_is_a_build_error(
    tmp_path: Path, daemon: Daemon, answer: Answer, message: str
) -> None:
    daemon.answers["build"] = answer
    error = refusal(daemon, tmp_path)
    assert message in str(error)
    assert len(str(error)) < 800


BUILT = stream_answer(b'{"aux": {"ID": "sha256:' + b"a" * 64 + b'"}}\n')


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (stream_answer(b"not a tar" * 200), "cannot be used"),
        (stream_answer(), "cannot be used"),
        (json_answer({"message": "no such image"}, status=404), "refused: no such image"),
        (raw_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\nshort"), "does not"),
    ],
    ids=["no-tar", "empty", "gone", "cut"],
)
def test_an_invalid_answer_of_the_docker_daemon_to_an_export_is_a_build_error(
    tmp_path: Path, daemon: Daemon, answer: Answer, message: str
) -> None:
    daemon.answers.update(build=BUILT, get=answer)
    assert message in str(refusal(daemon, tmp_path))


@pytest.mark.parametrize("answer", [json_answer(None), json_answer("odd"), json_answer([1]), raw_answer(b"")])
@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("json", lambda engine: engine.inspect("app")),
        ("json", lambda engine: engine.images()),
        ("info", lambda engine: engine.keeps_indexes()),
    ],
)
def test_an_invalid_answer_of_the_docker_daemon_to_a_question_is_a_build_error(
    daemon: Daemon, name: str, question: Callable[[Engine], object], answer: Answer
) -> None:
    daemon.answers[name] = answer
    with connect({"DOCKER_HOST": daemon.url}, Cancel()) as engine, pytest.raises(BuildError) as caught:
        question(engine)
    assert caught.value.hint


def test_a_docker_daemon_that_does_not_answer_a_question_about_images_is_an_error_after_the_timeout(
    daemon: Daemon,
) -> None:
    def stay_silent(_: http.server.BaseHTTPRequestHandler) -> None:
        daemon.release.wait(60)

    def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while not daemon.release.wait(0.01):
                handler.wfile.write(b" ")

    for answer in (stay_silent, drip):
        daemon.answers["json"] = answer
        connected = connect({"DOCKER_HOST": daemon.url}, Cancel(), details_within=0.3)
        with connected as engine, pytest.raises(BuildError, match="no answer in time"):
            engine.images()


@pytest.mark.parametrize("name", ["version", "json"])
def test_an_endless_answer_of_the_docker_daemon_to_a_question_is_an_error(daemon: Daemon, name: str) -> None:
    def flood(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while not daemon.release.is_set():
                handler.wfile.write(bytes(1 << 20))

    daemon.answers[name] = flood
    connected = connect({"DOCKER_HOST": daemon.url}, Cancel(), answer_within=30)
    with pytest.raises(BuildError, match="does not speak the Docker Engine API"), connected as engine:
        engine.images()


@pytest.mark.parametrize(
    ("machine", "variant", "platform"),
    [("arm64", "v8", "linux/arm64"), ("arm64", "", "linux/arm64"), ("arm", "v7", "linux/arm/v7")],
)
def test_a_daemon_builds_for_its_own_architecture_by_default(
    tmp_path: Path, daemon: Daemon, machine: str, variant: str, platform: str
) -> None:
    layer = make_tar({"a": b"a"})
    config = {
        "os": "linux",
        "architecture": machine,
        "variant": variant,
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
    }
    raw = json.dumps(config).encode()
    name = digest(raw).removeprefix("sha256:")
    manifest = json.dumps([{"Config": f"{name}.json", "Layers": [f"{name}/layer.tar"]}]).encode()
    archive = make_tar({f"{name}/layer.tar": layer, f"{name}.json": raw, "manifest.json": manifest})
    daemon.answers.update(
        version=json_answer({**VERSION, "Arch": machine}), build=BUILT, get=stream_answer(archive)
    )
    image = build(builder(daemon.url), request(tmp_path), tmp_path / "store")
    assert [each.platform for each in image.platforms] == [platform]


@pytest.mark.parametrize("step", ["version", "upload", "build", "get"])
def test_cancelling_ends_every_wait_for_the_docker_daemon(tmp_path: Path, daemon: Daemon, step: str) -> None:
    reached = threading.Event()

    def hang(handler: http.server.BaseHTTPRequestHandler) -> None:
        reached.set()
        daemon.release.wait(30)
        handler.close_connection = True

    daemon.answers.update({"build": BUILT, step: hang})
    asked = request(tmp_path)
    if step == "upload":
        with open(tmp_path / "project/big", "wb") as big:
            big.truncate(1 << 30)
        daemon.before_reading = hang
    cancel = Cancel()

    def trip() -> None:
        assert reached.wait(30)
        cancel.trip(Terminated("terminated"))

    thread = threading.Thread(target=trip)
    thread.start()
    began = time.monotonic()
    with pytest.raises(Terminated):
        build(builder(daemon.url, cancel), asked, tmp_path / "store")
    thread.join()
    # The server would have been silent for thirty seconds, and the client would have waited five for an answer.
    assert time.monotonic() - began < 4


def test_an_export_of_the_docker_daemon_may_begin_after_the_answer_timeout(
    tmp_path: Path, daemon: Daemon
) -> None:
    late = stream_answer(b"no tar" * 200)
    daemon.answers.update(build=BUILT, get=lambda handler: (daemon.release.wait(0.5), late(handler))[1])
    assert "cannot be used" in str(refusal(daemon, tmp_path, answer_within=0.2))


def test_the_docker_daemon_gets_only_credentials_of_registries_in_the_dockerfile(
    tmp_path: Path, daemon: Daemon
) -> None:
    config = tmp_path / "config"
    config.mkdir()
    auths = {
        name: {"auth": base64.b64encode(f"user:{password}".encode()).decode()}
        for name, password in (
            ("ghcr.io", "one"),
            ("localhost:5000", "two"),
            ("other.example", "three"),
            ("https://index.docker.io/v1/", "four"),
        )
    }
    (config / "config.json").write_text(json.dumps({"auths": auths}))
    text = (
        "ARG R=ghcr.io\nFROM $R/a/b:1 AS x\nFROM x\nCOPY --from=localhost:5000/c /a /\nCOPY --from=x /a /\n"
    )
    daemon.answers["build"] = stream_answer()
    for dockerfile, expected in (
        (text, {"ghcr.io", "localhost:5000"}),
        ("FROM busybox\n", {"https://index.docker.io/v1/"}),
        ("FROM scratch\nWORKDIR /x\n", set()),
    ):
        asked = builder(daemon.url, DOCKER_CONFIG=str(config))
        with pytest.raises(BuildError):
            build(asked, request(tmp_path, dockerfile), tmp_path / "s")
        header = daemon.seen["build"].get("X-Registry-Config")
        sent = json.loads(base64.urlsafe_b64decode(header)) if header else {}
        assert set(sent) == expected


def test_an_invalid_docker_config_file_makes_the_builder_docker_unavailable(
    tmp_path: Path, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text('{"auths": {"ghcr.io": 3}}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))  # the SDK looks there by itself
    asked = builder(daemon.url, DOCKER_CONFIG=str(tmp_path))
    assert reason(asked, tmp_path) == "docker's own `config.json` cannot be read"


class TestTls:
    """Connections to a daemon over TLS, whose certificate is checked as DOCKER_TLS_VERIFY demands."""

    @pytest.fixture
    def secured(self, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> Iterator[tuple[Daemon, Path]]:
        authority = Authority(tmp_path / "authority")
        chain, key = authority.issue("127.0.0.1")
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(chain, key)
        running = Daemon(tmp_path, server)
        yield running, authority.path.parent
        running.close()

    def test_a_docker_daemon_with_a_certificate_of_the_given_authority_is_trusted(
        self, tmp_path: Path, secured: tuple[Daemon, Path]
    ) -> None:
        daemon, certificates = secured
        asked = builder(daemon.url, DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(certificates))
        assert problem(asked, request(tmp_path)) is None

    def test_a_docker_daemon_with_a_certificate_of_another_authority_is_refused(
        self, tmp_path: Path, secured: tuple[Daemon, Path]
    ) -> None:
        daemon, _ = secured
        other = Authority(tmp_path / "other").path.parent
        asked = builder(daemon.url, DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(other))
        assert "certificate verify failed" in reason(asked, tmp_path)

    def test_a_plain_connection_to_a_docker_daemon_with_tls_makes_the_builder_unavailable(
        self, tmp_path: Path, secured: tuple[Daemon, Path]
    ) -> None:
        daemon, certificates = secured
        assert reason(builder(daemon.url, DOCKER_CERT_PATH=str(certificates)), tmp_path)
