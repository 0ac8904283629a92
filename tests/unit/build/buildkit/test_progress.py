"""BuildKit's `--progress=rawjson`: which lines are shown and kept, and which error a failed build gets."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from release.build.buildkit.failures import failure
from release.build.buildkit.local_caches import LocalCaches
from release.build.buildkit.progress import LAST_LINES, BuildProgress
from release.build.extras.build_secrets import Secrecy
from release.build.extras.history import without_values
from release.errors import BuildError, BuilderUnavailable
from release.events import Event, Note, Output, Progress

START, END = "2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z"


class Collect:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    @property
    def lines(self) -> list[str]:
        return [event.line for event in self.events if isinstance(event, Output)]


def follow(*documents: Any, secrecy: Secrecy | None = None) -> tuple[BuildProgress, Collect]:
    sink = Collect()
    progress = BuildProgress(sink, (secrecy or Secrecy({}, ())).hide, "docker/Dockerfile")
    for document in documents:
        progress.take(document if isinstance(document, bytes) else json.dumps(document).encode() + b"\n")
    return progress, sink


def step(digest: str, name: str, **more: Any) -> dict[str, Any]:
    return {"vertexes": [{"digest": digest, "name": name, "started": START, **more}]}


def log(digest: str, text: str) -> dict[str, Any]:
    return {"logs": [{"vertex": digest, "stream": 1, "data": base64.b64encode(text.encode()).decode()}]}


def test_output_lines_of_concurrent_steps_are_not_mixed() -> None:
    _, sink = follow(
        {"vertexes": [{"digest": "a", "name": "[1/2] RUN a"}]},
        step("a", "[1/2] RUN a"),
        step("b", "[2/2] RUN b"),
        log("a", "one\ntw"),
        log("b", "other\n"),
        log("a", "o\n10%\r100%\nrest"),
        step("a", "[1/2] RUN a", completed=END),
        step("b", "[2/2] RUN b", completed=END, cached=True),
    )
    assert sink.lines == [
        *("#1 [1/2] RUN a", "#1 one", "#2 [2/2] RUN b", "#2 other"),
        *("#1 [1/2] RUN a", "#1 two", "#1 100%", "#1 rest", "#1 DONE", "#2 [2/2] RUN b", "#2 CACHED"),
    ]


def test_steps_of_buildkit_itself_are_shown_only_when_they_fail() -> None:
    _, sink = follow(
        step("a", "[internal] load", completed=END), step("b", "[internal] x", completed=END, error="no")
    )
    assert sink.lines == ["#2 [internal] x", "#2 ERROR: no"]


def test_transfer_of_buildkit_is_a_progress_event() -> None:
    _, sink = follow(
        step("a", "x"),
        {"statuses": [{"id": "layer", "vertex": "a", "current": 5, "total": 9, "timestamp": START}]},
    )
    assert sink.events == [Progress(label="#1 layer", done=5, total=9)]


def test_the_last_lines_of_the_step_that_failed_are_kept() -> None:
    progress, _ = follow(
        step("a", "RUN a"),
        step("b", "RUN b"),
        log("a", "".join(f"{number}\n" for number in range(50))),
        step("b", "RUN b", completed=END, error="context canceled"),
        step("a", "RUN a", completed=END, error="exit code: 1"),
    )
    assert progress.failed is not None
    assert progress.name_of(progress.failed) == "RUN a"
    assert progress.last_lines() == [str(number) for number in range(50 - LAST_LINES, 50)]


def test_secret_values_are_in_no_event_of_a_build() -> None:
    secrecy = Secrecy({"A": "sesame-8472"}, ["two\nlines-of-key"])
    progress, sink = follow(
        step("a", "RUN echo sesame-8472", completed=END, error="sesame-8472"),
        log("a", "sesame-8472 lines-of-key\n"),
        {"warnings": [{"vertex": "a", "short": base64.b64encode(b"Rule: sesame-8472").decode()}]},
        b"ERROR: sesame-8472\n",
        secrecy=secrecy,
    )
    shown = repr((sink.events, list(progress.said), progress.last_lines(), secrecy))
    assert "sesame-8472" not in shown
    assert "lines-of-key" not in shown


def test_buildkit_warning_has_its_line_and_a_wrong_base_platform_is_kept() -> None:
    def warning(text: str) -> dict[str, Any]:
        short = base64.b64encode(text.encode()).decode()
        return {"warnings": [{"vertex": "a", "level": 1, "short": short, "range": [{"start": {"line": 4}}]}]}

    progress, sink = follow(
        warning("FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 4)"),
        warning('InvalidBaseImagePlatform: Base image a was pulled with platform "x" (line 4)'),
    )
    assert sink.events == [
        Note(
            level="warning",
            text="docker/Dockerfile:4: FromAsCasing: 'as' and 'FROM' keywords' casing do not match",
        )
    ]
    assert progress.wrong_base == (4, 'Base image a was pulled with platform "x"')


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{",
        b"{}",
        b"[]",
        b'{"vertexes": null}',
        b'{"logs": [{"data": "?"}]}',
        b"\xff\xfe\n",
        b"{" * 9000,
    ],
)
def test_malformed_progress_lines_raise_no_error(line: bytes) -> None:
    follow(line)


EXCERPT = (
    "Dockerfile:3",
    "--------------------",
    "   3 | >>> RUN false",
    "--------------------",
)


def test_error_of_a_failed_build_has_the_line_of_the_dockerfile() -> None:
    said = (
        *EXCERPT,
        'ERROR: failed to build: failed to solve: process "/bin/sh" did not complete successfully: exit code: 1',
    )
    error = failure(said, "docker/Dockerfile", step="RUN", code=1)
    assert str(error) == 'docker/Dockerfile:3: process "/bin/sh" did not complete successfully: exit code: 1'
    assert error.hint == "the lines above are what the command wrote"


@pytest.mark.parametrize(
    "text",
    [
        (
            "ERROR: failed to build: failed to receive status: rpc error: code = Unavailable "
            "desc = error reading from server: EOF"
        ),
        'error: failed to list workers: Unavailable: desc = "transport: error while dialing: dial unix"',
        "ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    ],
)
def test_unreachable_buildkit_daemon_is_builder_unavailable(text: str) -> None:
    error = failure([text], "Dockerfile", step=None, code=1)
    assert isinstance(error, BuilderUnavailable)
    assert not isinstance(failure([text], "Dockerfile", step="RUN curl", code=1), BuilderUnavailable)


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ('failed to load cache key: Get "http://127.0.0.1:9/x": dial tcp: connection refused', "the address"),
        ("failed to create LLB definition: acme/none:1: not found", "the image's name"),
        ("executor failed running [/bin/sh -c false]: exit code: 1", "the lines above"),
    ],
)
def test_failed_step_has_a_hint_about_its_cause(said: str, hint: str) -> None:
    error = failure([f"ERROR: failed to solve: {said}"], "Dockerfile", step="a step", code=1)
    assert str(error) == said
    assert hint in str(error.hint)


@pytest.mark.parametrize(
    ("said", "written", "hint"),
    [
        ("ResourceExhausted: write /data: no space left on device", "", "where the BuildKit daemon keeps"),
        ("Unavailable: write /var/lib/x: disk quota exceeded", "", "where the BuildKit daemon keeps"),
        ('process "x" did not complete successfully: exit code: 1', "cat: No space left on device", "daemon"),
        (
            "failed to copy: write /c/x.buildkit/1/image/ingest/a/data: no space left on device",
            "",
            "the cache folder",
        ),
        ("error writing layer blob: write /saved/ingest/b/ref: no space left on device", "", "`/saved`"),
        ("error: write /saved-by-another: no space left on device", "", "daemon"),
    ],
)
def test_a_full_disk_has_a_hint_that_names_it(said: str, written: str, hint: str) -> None:
    places = {"/c/x.buildkit/1": "the cache folder", "/saved": "`/saved`"}
    error = failure([f"ERROR: {said}"], "Dockerfile", step=None, code=1, written=[written], places=places)
    assert type(error) is BuildError
    assert str(error.hint).startswith("make room")
    assert hint in str(error.hint)


def test_unfinished_files_of_a_local_cache_are_removed_but_for_those_of_earlier_builds(
    tmp_path: Path,
) -> None:
    (tmp_path / "ingest/earlier").mkdir(parents=True)
    caches = LocalCaches([str(tmp_path), f"{tmp_path}/missing"])
    (tmp_path / "ingest/own").mkdir()
    for path in caches.places:
        caches.remove_unfinished(path)
    assert [path.name for path in (tmp_path / "ingest").iterdir()] == ["earlier"]


def test_build_that_ends_without_a_message_has_the_exit_code_in_its_error() -> None:
    assert "exit code -9" in str(failure([], "Dockerfile", step=None, code=-9))


def test_build_argument_values_are_removed_from_the_history_of_an_image_config_only() -> None:
    secrecy = Secrecy({"A": "1", "B": "sesame-8472"}, ())
    config = {
        "config": {"Labels": {"b": "sesame-8472"}},
        "history": [
            {"created_by": "RUN |2 A=1 B=sesame-8472 /bin/sh -c make 1"},
            {"created_by": "ARG A=1"},
            {},
        ],
    }
    raw = json.dumps(config).encode()
    clean = json.loads(without_values(raw, secrecy.args, secrecy.hide))
    assert [one.get("created_by") for one in clean["history"]] == [
        *("RUN |2 A=*** B=*** /bin/sh -c make 1", "ARG A=***", None)
    ]
    assert clean["config"] == config["config"]
    plain = b'{"history": [{"created_by":  "COPY a /"}]}'
    assert without_values(plain, secrecy.args, secrecy.hide) is plain
