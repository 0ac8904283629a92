"""A git remote over HTTP on loopback that requires a credential: a small server in front of `git http-backend`."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.services.required import program

#: The header with which requests are answered; every other request gets 401.
CREDENTIAL = "Basic YWRhOnMzY3JldA=="


@contextmanager
def served(repositories: Path, env: dict[str, str]) -> Iterator[str]:
    """Serve the repositories below a folder for the body; gives the base URL. `env`: of `git http-backend`."""

    class Handler(BaseHTTPRequestHandler):
        """Answers as a CGI server does. Source: git-http-backend(1), RFC 3875."""

        def do_GET(self) -> None:
            """Answer a request without a body."""
            self._answer(b"")

        def do_POST(self) -> None:
            """Answer a request with a body."""
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def log_message(self, *_: object) -> None:
            """Print nothing."""

        def _answer(self, body: bytes) -> None:
            if self.headers.get("Authorization") != CREDENTIAL:
                self.send_response(401)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            url = urlsplit(self.path)
            done = subprocess.run(
                [program("git"), "http-backend"],
                env={
                    **env,
                    "GIT_PROJECT_ROOT": str(repositories),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "REQUEST_METHOD": self.command,
                    "PATH_INFO": url.path,
                    "QUERY_STRING": url.query,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "CONTENT_LENGTH": str(len(body)),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                },
                input=body,
                capture_output=True,
                check=False,
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(fields.pop("Status", "200 OK").split()[0]))
            for name, text in {**fields, "Content-Length": str(len(content))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
