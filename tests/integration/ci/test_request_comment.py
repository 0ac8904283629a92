"""The comment on a request: written once, replaced by later runs, and none where the job may not comment."""

from __future__ import annotations

import http.server
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ci.summary import COMMENT_MARK
from tests.support.programs.composite import ActionRun, Composite
from tests.support.programs.environment import scrubbed
from tests.support.programs.wheel import ROOT

BOT = "github-actions[bot]"
ISSUES = "/repos/acme/app/issues"


class GitHub:
    """GitHub's API for comments of one request. `status`: what every answer says instead, if it is not 0."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.seen: list[tuple[str, str, str]] = []
        self.status = 0
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub._answer(self)

            do_POST = do_PATCH = do_GET  # noqa: N815  # names that http.server gives

            def log_message(self, *_: object) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add(self, login: str, body: str) -> dict[str, Any]:
        comment = {"id": len(self.comments) + 1, "user": {"login": login}, "body": body}
        self.comments.append(comment)
        return comment

    def _answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        self.seen.append((request.command, parts.path, request.headers.get("Authorization", "")))
        length = int(request.headers.get("Content-Length") or 0)
        given = json.loads(request.rfile.read(length)) if length else None
        status, answer = self._asked(request.command, parts.path, parse_qs(parts.query), given)
        raw = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(raw)))
        request.end_headers()
        request.wfile.write(raw)

    def _asked(self, method: str, path: str, query: dict[str, list[str]], given: Any) -> tuple[int, Any]:
        if self.status:
            return self.status, {"message": "no"}
        if method == "POST" and path == f"{ISSUES}/12/comments":
            return 201, self.add(BOT, given["body"])
        if method == "PATCH" and (match := re.fullmatch(rf"{ISSUES}/comments/(\d+)", path)):
            self.comments[int(match[1]) - 1]["body"] = given["body"]
            return 200, self.comments[int(match[1]) - 1]
        if method == "GET" and path == f"{ISSUES}/12/comments":
            size, page = int(query["per_page"][0]), int(query["page"][0])
            return 200, self.comments[size * (page - 1) : size * page]
        return 404, {}


@pytest.fixture
def hub() -> Iterator[GitHub]:
    server = GitHub()
    yield server
    server.close()


class Job:
    """A job for request 12, after shipmark's action wrote the file for a comment."""

    def __init__(self, hub: GitHub, folder: Path) -> None:
        self.temp = folder / "temp"
        self.temp.mkdir()
        self.event = folder / "event.json"
        self.event.write_text('{"pull_request": {"number": 12}}')
        self.folder = folder
        self.env = {
            **scrubbed(folder),
            "GITHUB_API_URL": hub.url,
            "GITHUB_REPOSITORY": "acme/app",
            "GITHUB_TOKEN": "t0ken",
            "GITHUB_EVENT_PATH": str(self.event),
        }

    def run(self, text: str | None, **inputs: str) -> ActionRun:
        if text is not None:
            (self.temp / "shipmark-comment.md").write_text(text)
        action = Composite(ROOT / "ci" / "github" / "comment", used={})
        return action.run(inputs, workspace=self.folder, temp=self.temp, env=self.env)


@pytest.fixture
def job(hub: GitHub, tmp_path: Path) -> Job:
    return Job(hub, tmp_path)


def test_first_run_comments_and_the_next_one_replaces_its_comment(hub: GitHub, job: Job) -> None:
    hub.add("mallory", f"{COMMENT_MARK}\nnot theirs")
    for number in range(120):
        hub.add("ana", str(number))
    for text in (f"{COMMENT_MARK}\n### Previewed: app `1`\n", f'{COMMENT_MARK}\n### "2" $(id) \\n é\n'):
        done = job.run(text)
        assert (done.code, done.stdout) == (0, ""), done.stderr
        assert [one["body"] for one in hub.comments if one["user"]["login"] == BOT] == [text]
    assert hub.comments[0]["body"] == f"{COMMENT_MARK}\nnot theirs"
    assert len(hub.comments) == 122
    assert [method for method, _, _ in hub.seen] == ["GET", "GET", "POST", "GET", "GET", "PATCH"]
    assert {token for _, _, token in hub.seen} == {"Bearer t0ken"}


@pytest.mark.parametrize(
    ("status", "said"),
    [(403, "::notice::no comment: the job lacks"), (404, "::notice::"), (500, "::warning::no comment: ")],
)
def test_job_that_may_not_comment_says_so_and_succeeds(hub: GitHub, job: Job, status: int, said: str) -> None:
    hub.status = status
    done = job.run(f"{COMMENT_MARK}\nx")
    assert (done.code, done.stdout.startswith(said)) == (0, True), (done.stdout, done.stderr)
    assert "t0ken" not in done.stdout + done.stderr


def test_without_a_preview_or_a_request_there_is_no_comment(hub: GitHub, job: Job) -> None:
    assert (job.run(None).stdout, hub.seen) == ("::notice::there is no preview to comment with\n", [])
    job.event.write_text("{}")
    assert (job.run(f"{COMMENT_MARK}\nx").steps, hub.seen) == ((), [])


def test_file_of_another_program_is_not_written_as_a_comment(hub: GitHub, job: Job) -> None:
    job.run(None)
    other = job.folder / "other.md"
    other.write_text("hello\n")
    done = job.run(None, file=str(other))
    assert (done.code, hub.seen) == (2, [])
    assert "its first line is not" in done.stdout


def test_token_is_no_argument_of_a_program(job: Job) -> None:
    script = (ROOT / "ci" / "github" / "comment" / "comment.sh").read_text()
    assert [line for line in script.splitlines() if "$TOKEN" in line and "printf" not in line] == []
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
