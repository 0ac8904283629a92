"""Dockerfiles that need `.git`, which is not part of the build context unless `keep_git` is set."""

from __future__ import annotations

import pytest

from release.build.context.git_use import git_warnings, require_no_git
from release.build.context.reach import Reach, reach_of
from release.build.dockerfile.parser import parse
from release.errors import BuildError
from release.oci.image_json import parse_platform


def reach(text: str) -> Reach:
    return reach_of(parse(text), None, {}, [parse_platform("linux/amd64")])


@pytest.mark.parametrize(
    "line",
    [
        "COPY .git /src/.git",
        "COPY go.mod .git ./",
        "ADD .git/HEAD /",
        "COPY ./.git/ /x",
        "RUN --mount=type=bind,source=.git,target=/g git log",
        "RUN --mount=target=/g,src=.git git log",
        "COPY modules/lib/.git /x",
    ],
)
def test_an_instruction_that_names_the_git_folder_of_the_context_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(BuildError) as caught:
        require_no_git(reach(f"FROM base\n{line}\n"))
    assert str(caught.value).startswith("Dockerfile:2: `")
    assert str(caught.value).endswith("and `.git` is not part of the context")
    assert "set `build: {keep_git: true}`" in str(caught.value.hint)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "line",
    [
        "COPY . /",
        "COPY .gitignore .gitattributes /",
        "COPY .git* /",
        "COPY --from=one .git /",
        "COPY a.git /",
        "RUN cat .git/HEAD",
    ],
)
def test_an_instruction_that_does_not_name_the_git_folder_of_the_context_is_not_refused(line: str) -> None:
    require_no_git(reach(f"FROM base AS one\nFROM base\n{line}\n"))


def test_a_stage_that_is_not_built_may_copy_the_git_folder() -> None:
    require_no_git(reach("FROM base AS unused\nCOPY .git /\nFROM base\nCOPY a /\n"))


def warned(run: str, *, before: str = "COPY . /src", pyproject: str = "") -> list[str]:
    notes = git_warnings(reach(f"FROM base\n{before}\n{run}\n"), "Dockerfile", pyproject)
    assert all(note.level == "warning" and "keep_git" in str(note.hint) for note in notes)
    return [note.text for note in notes]


@pytest.mark.parametrize(
    ("run", "tool"),
    [
        ("RUN git describe --tags > version", "git describe"),
        ("RUN make VERSION=$(git rev-parse HEAD)", "git rev-parse"),
        ("RUN git -C /src log -1", "git -C /src log"),
        ("RUN <<EOF\nset -e\ngit status\nEOF", "git status"),
        ("RUN CGO_ENABLED=0 go build -o /app ./cmd", "go build"),
        ("RUN go install ./...", "go build"),
        ("RUN pip install setuptools_scm && python -m setuptools_scm", "setuptools_scm"),
        ('RUN ["git", "x"]', ""),
        ("RUN goreleaser build --snapshot", "goreleaser"),
        ("RUN git clone https://example.org/x && cd x && git describe", ""),
        ("RUN apt-get install -y git", ""),
        ("RUN go build -buildvcs=false .", ""),
        ("RUN go mod download", ""),
        ("RUN SETUPTOOLS_SCM_PRETEND_VERSION=$VERSION python -m setuptools_scm", ""),
        ("RUN digit show", ""),
        ("COPY x /usr/bin/git", ""),
    ],
)
def test_a_tool_that_looks_for_the_git_folder_is_warned_about(run: str, tool: str) -> None:
    texts = warned(run)
    assert [text.startswith(f"Dockerfile:3: `{tool}` looks for `.git`") for text in texts] == [True] * bool(
        tool
    )


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("RUN pip install .", 1),
        ("RUN pip install --no-cache-dir -e .[dev]", 1),
        ("RUN python -m build", 1),
        ("RUN uv sync --frozen", 1),
        ("RUN pip install -r requirements.txt", 0),
        ("RUN pip install flask", 0),
    ],
)
def test_a_python_package_that_takes_its_version_from_git_is_warned_about(run: str, expected: int) -> None:
    project = '[build-system]\nrequires = ["setuptools", "setuptools-scm>=8"]\n'
    assert len(warned(run, pyproject=project)) == expected
    assert warned(run, pyproject='[build-system]\nrequires = ["hatchling"]\n') == []


def test_no_warning_about_git_commands_in_a_stage_that_does_not_copy_the_whole_context() -> None:
    assert warned("RUN git describe", before="COPY src /src") == []
    two = "FROM base AS one\nCOPY . /\nFROM base\nRUN git describe\nCOPY --from=one /x /\n"
    assert git_warnings(reach(two), "Dockerfile", "") == ()


def test_git_command_in_a_stage_based_on_one_with_the_work_tree_is_warned_about() -> None:
    two = "FROM base AS one\nCOPY . /\nFROM one\nRUN git describe\n"
    assert len(git_warnings(reach(two), "Dockerfile", "")) == 1


def test_each_tool_that_looks_for_the_git_folder_is_warned_about_once() -> None:
    assert len(warned("RUN go build ./a\nRUN go build ./b")) == 1


@pytest.mark.parametrize(
    "piece", ["git -c ", "git --x ", "pip install ", "go build GOFLAGS=", "git" + " " * 40]
)
def test_git_use_is_searched_in_run_instructions_of_300_000_characters(piece: str) -> None:
    lines = [piece * (60_000 // len(piece))] * 5  # no builder reads a longer line
    warned("RUN " + "\\\n".join(lines) + "x")
