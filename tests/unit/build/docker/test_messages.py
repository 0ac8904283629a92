from __future__ import annotations

import pytest

from release.build.docker.messages import BuildMessages
from release.build.dockerfile.parser import parse
from release.docker.daemon_errors import FULL_DISK
from release.errors import BuildError
from release.events import Event, Output

FILE = parse("ARG A\nFROM busybox AS one\nRUN a && \\\n  b\n\nFROM one\nCOPY x /\n")


class Collect:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    @property
    def lines(self) -> list[str]:
        return [event.line for event in self.events if isinstance(event, Output)]


def follow(*messages: dict[str, object]) -> tuple[BuildMessages, list[str]]:
    sink = Collect()
    following = BuildMessages(FILE, sink, str)
    for message in messages:
        following.take(message)
    following.end()
    return following, sink.lines


def test_output_of_a_build_becomes_lines_however_messages_split_it() -> None:
    _, lines = follow(
        {"stream": "Step 1/5 : ARG A"},
        {"stream": "\n"},
        {"stream": "one\ntw"},
        {"stream": "o\n\n"},
        {"stream": "\x1b[91mred\r\n\x1b[0m"},
        {"stream": "no end"},
        {"stream": "Removing intermediate container 1\n"},
        {"stream": "last"},
    )
    assert lines == [
        "Step 1/5 : ARG A",
        "one",
        "two",
        "red",
        "no end",
        "Removing intermediate container 1",
        "last",
    ]


def test_pulls_are_shown_without_their_progress_bars() -> None:
    _, lines = follow(
        {"status": "Pulling fs layer", "progressDetail": {}, "id": "abc"},
        {"status": "Downloading", "progressDetail": {"current": 1}, "id": "abc"},
        {"status": "Status: Downloaded"},
    )
    assert lines == ["abc: Pulling fs layer", "Status: Downloaded"]


def test_the_last_image_id_in_the_messages_is_the_built_image() -> None:
    following, _ = follow(
        {"aux": {"ID": "sha256:1"}}, {"aux": {"ID": "sha256:2"}}, {"aux": {"ID": 3}}, {"aux": "x"}
    )
    assert following.image == "sha256:2"


@pytest.mark.parametrize(
    ("step", "message", "expected", "hint"),
    [
        ("Step 2/5 : FROM busybox AS one", "pull denied", "Dockerfile:2: pull denied", "registry"),
        ("Step 3/5 : RUN a && b", "returned 1", "Dockerfile:3: returned 1", "the lines above"),
        ("Step 5/5 : COPY x /", "no\n such   file", "Dockerfile:7: no such file", ".dockerignore"),
        (
            "Step 5/5 : COPY --chmod=1 x /",
            "the --chmod option requires BuildKit. Refer",
            "Dockerfile:7: ",
            "BuildKit",
        ),
        ("Step 6/6 : LABEL a=b", "odd", "odd", None),
        ("Step 5/5 : RUN x", "moved", "Dockerfile: moved", "the lines above"),
    ],
)
def test_error_of_a_failed_build_names_the_line_of_its_step(
    step: str, message: str, expected: str, hint: str | None
) -> None:
    with pytest.raises(BuildError) as caught:
        follow({"stream": step}, {"stream": "\n"}, {"errorDetail": {"message": message}, "error": message})
    assert str(caught.value).startswith(expected)
    assert (hint or "") in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("step", "output", "message", "is_full"),
    [
        ("Step 2/5 : COPY x /", "", "write /data: no space left on device", True),
        ("Step 3/5 : RUN a && b", "cat: write error: No space left on device\n", "returned 1", True),
        ("Step 3/5 : RUN a\n", "Step 5/5 : COPY x /", "no such file", False),
    ],
)
def test_a_full_disk_of_the_daemon_has_a_hint_that_names_it(
    step: str, output: str, message: str, is_full: bool
) -> None:
    with pytest.raises(BuildError) as caught:
        follow({"stream": step}, {"stream": "\n"}, {"stream": output}, {"error": message})
    assert (caught.value.hint == FULL_DISK) is is_full


def test_error_before_any_build_step_has_no_line_number() -> None:
    with pytest.raises(BuildError, match=r"^no space left$"):
        follow({"error": "no space left"})
