"""The comment on a request: written once, replaced by later runs, and none where the job may not comment."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
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
    """GitHub's API for comments of one request.

    `status`: what every answer says instead, if it is not 0. `bot`: the user of the job's token. `pages`: whether the
    list comes in pages; Gitea and Forgejo send all of it each time. `broken`: an answer in place of JSON.
    """

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.bot, self.pages, self.broken = BOT, True, b""
        self.seen: list[tuple[str, str, str]] = []
        self.status = self.count = 0
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub._answer(self)

            do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815  # names that http.server gives

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
        self.count += 1
        comment = {"id": self.count, "user": {"login": login}, "body": body}
        self.comments.append(comment)
        return comment

    def _answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        self.seen.append((request.command, parts.path, request.headers.get("Authorization", "")))
        length = int(request.headers.get("Content-Length") or 0)
        given = json.loads(request.rfile.read(length)) if length else None
        status, answer = self._asked(request.command, parts.path, parse_qs(parts.query), given)
        raw = self.broken or json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(raw)))
        request.end_headers()
        request.wfile.write(raw)

    def _asked(self, method: str, path: str, query: dict[str, list[str]], given: Any) -> tuple[int, Any]:
        if self.status:
            return self.status, {"message": "no"}
        if method == "POST" and path == f"{ISSUES}/12/comments":
            # github.com counts characters, not bytes.
            if len(given["body"]) > 65536:
                return 422, {"message": "Body is too long (maximum is 65536 characters)"}
            return 201, self.add(self.bot, given["body"])
        if method in ("PATCH", "DELETE") and (match := re.fullmatch(rf"{ISSUES}/comments/(\d+)", path)):
            (comment,) = [one for one in self.comments if one["id"] == int(match[1])]
            if method == "DELETE":
                self.comments.remove(comment)
                return 204, None
            comment["body"] = given["body"]
            return 200, comment
        if method == "GET" and path == f"{ISSUES}/12/comments":
            size, page = int(query["per_page"][0]), int(query["page"][0])
            return 200, self.comments[size * (page - 1) : size * page] if self.pages else self.comments
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
        self.uses = 0
        self.env = {
            **scrubbed(folder),
            "GITHUB_API_URL": hub.url,
            "GITHUB_REPOSITORY": "acme/app",
            "GITHUB_TOKEN": "t0ken",
            "GITHUB_EVENT_PATH": str(self.event),
        }

    def preview(self, text: str) -> Path:
        """Write the file of one use of shipmark's action in this job."""
        self.uses += 1
        file = self.temp / f"shipmark-comment.{9 - self.uses}" / "shipmark-comment.md"
        file.parent.mkdir()
        file.write_text(text)
        os.utime(file, (self.uses, self.uses))
        return file

    def run(self, text: str | None, **inputs: str) -> ActionRun:
        if text is not None:
            self.preview(text)
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


def test_each_use_of_the_action_has_a_file_and_the_last_one_is_the_comment(hub: GitHub, job: Job) -> None:
    first = job.preview(f"{COMMENT_MARK}\nfirst\n")
    job.preview(f"{COMMENT_MARK}\nsecond\n")
    assert job.run(None).code == job.run(None, file=str(first), name="api").code == 0
    assert own(hub) == [f"{COMMENT_MARK}\nsecond\n", "<!-- shipmark api -->\nfirst\n"]


def own(hub: GitHub) -> list[str]:
    """Return the texts of the comments that the job's user wrote."""
    return [
        one["body"] for one in hub.comments if one["user"] is not None and one["user"]["login"] == hub.bot
    ]


@pytest.mark.parametrize(
    ("bot", "env"),
    [
        ("github-actions[bot]", {}),
        ("gitea-actions", {"GITEA_ACTIONS": "true"}),
        ("forgejo-actions", {"FORGEJO_ACTIONS": "true", "GITEA_ACTIONS": "true"}),
    ],
)
def test_user_of_the_jobs_token_is_known_on_each_system(
    hub: GitHub, job: Job, bot: str, env: dict[str, str]
) -> None:
    hub.bot, hub.pages = bot, not env
    job.env |= env
    for login in ("github-actions[bot]", "gitea-actions", "forgejo-actions"):
        if login != bot:
            hub.add(login, f"{COMMENT_MARK}\nby a user of this name")
    for number in range(200):
        hub.add("ana", str(number))
    for text in ("one", "two"):
        assert job.run(f"{COMMENT_MARK}\n{text}\n").code == 0
        assert own(hub) == [f"{COMMENT_MARK}\n{text}\n"]
    assert len(hub.comments) == 203


def test_comments_without_a_text_or_a_user_are_passed_over(hub: GitHub, job: Job) -> None:
    hub.add(BOT, "")["body"] = None
    hub.add("", f"{COMMENT_MARK}\n")["user"] = None
    hub.add(BOT, f"{COMMENT_MARK}\r\nedited in a browser\r\n")
    done = job.run(f"{COMMENT_MARK}\nx\n")
    assert (done.code, done.stdout) == (0, ""), done.stderr
    assert hub.comments[2]["body"] == f"{COMMENT_MARK}\nx\n"
    assert len(hub.comments) == 3


def test_second_comment_of_two_jobs_at_once_is_removed_by_the_next_run(hub: GitHub, job: Job) -> None:
    for text in ("first", "second", "third"):
        hub.add(BOT, f"{COMMENT_MARK}\n{text}")
        hub.add("ana", "thanks")
    hub.add(BOT, f"{COMMENT_MARK} and more on the line: another program's")
    assert job.run(f"{COMMENT_MARK}\nnew\n").code == 0
    assert own(hub) == [f"{COMMENT_MARK}\nnew\n", f"{COMMENT_MARK} and more on the line: another program's"]
    assert len(hub.comments) == 5


def test_each_name_has_a_comment_of_its_own(hub: GitHub, job: Job) -> None:
    for turn in ("1", "2"):
        for name in ("", "api", "api/web"):
            done = job.run(f"{COMMENT_MARK}\n{name} {turn}\n", name=name)
            assert (done.code, done.stdout) == (0, ""), done.stderr
    assert own(hub) == [
        "<!-- shipmark -->\n 2\n",
        "<!-- shipmark api -->\napi 2\n",
        "<!-- shipmark api/web -->\napi/web 2\n",
    ]
    for name in ("--> <b>", "$(id)", "a b", "é"):
        done = job.run(None, name=name)
        assert (done.code, "the input `name`" in done.stdout) == (2, True)


@pytest.mark.parametrize("letter", ["x", "é", "🚢"])
def test_text_that_is_too_long_for_a_comment_is_cut_at_a_line(hub: GitHub, job: Job, letter: str) -> None:
    head = f"{COMMENT_MARK}\n### One\n\n```sh\n"
    text = head + f"docker pull {letter * 88}\n" * 1000
    done = job.run(text)
    assert (done.code, done.stdout) == (0, ""), done.stderr
    (written,) = own(hub)
    assert 60_000 < len(written) <= 65_536
    start, end = written.split("\n```\n")
    assert text.startswith(f"{start}\n")
    assert end == "\nThe rest does not fit into a comment: it is in the summaries of the jobs.\n"
    whole = f"{COMMENT_MARK}\n" + letter * 60_000 + "\n"
    job.run(whole)
    assert own(hub) == [whole]


@pytest.mark.parametrize("lacking", ["curl", "jq"])
def test_runner_without_a_tool_gets_a_notice_and_no_comment(hub: GitHub, job: Job, lacking: str) -> None:
    tools = job.folder / "tools"
    tools.mkdir()
    for name in ("bash", "head", "curl", "jq", "mktemp", "rm", "sed"):
        if name != lacking:
            (tools / name).symlink_to(str(shutil.which(name)))
    job.env["PATH"] = str(tools)
    done = job.run(f"{COMMENT_MARK}\nx")
    assert (done.code, done.stdout) == (0, f"::notice::no comment: this runner has no `{lacking}`\n")
    assert hub.seen == []


@pytest.mark.parametrize("answer", [b"<html>log in", b'{"message": "moved"}', b"[null]", b"\x00", b"[] []"])
def test_answer_that_is_no_list_of_comments_is_a_warning(hub: GitHub, job: Job, answer: bytes) -> None:
    hub.broken = answer
    done = job.run(f"{COMMENT_MARK}\nx")
    said = f"::warning::no comment: `{hub.url}` answered with something else than a list of comments\n"
    assert (done.code, done.stdout) == (0, said), done.stderr


def test_server_that_does_not_answer_is_named(hub: GitHub, job: Job) -> None:
    job.env["GITHUB_API_URL"] = "http://127.0.0.1:1/api/v3"
    done = job.run(f"{COMMENT_MARK}\nx")
    assert (done.code, hub.seen) == (0, [])
    assert done.stdout == "::warning::no comment: `http://127.0.0.1:1/api/v3` does not answer\n"
    assert "t0ken" not in done.stderr


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
