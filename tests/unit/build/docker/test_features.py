"""What a daemon's classic builder lacks, by its version, and by what the context has."""

from __future__ import annotations

import pytest

from release.build.buildah.obstacles import require_plain_matches
from release.build.context.reach import Reach, reach_of
from release.build.context.tree import Tree
from release.build.docker.features import features_of, require_usual_matches
from release.build.dockerfile.parser import parse
from release.compression.entries import Node
from release.errors import BuildError
from release.oci.image_json import parse_platform

FILES = Tree(
    {name: Node(kind="file") for name in ("a.txt", "b.txt", "x[1].md", "go.mod", "conf/c", "conf/d")}
)


def reach(line: str) -> Reach:
    return reach_of(parse(f"FROM scratch\n{line}\n"), None, {}, [parse_platform("linux/amd64")])


@pytest.mark.parametrize(
    ("version", "has"), [("20.10.24", False), ("25.0.0", True), ("", False), ("dev", False)]
)
def test_the_start_interval_of_a_health_check_needs_an_engine_of_version_25(version: str, has: bool) -> None:
    assert ("healthcheck-start-interval" in features_of(version)) is has


@pytest.mark.parametrize("line", ["COPY *.txt .", "ADD *.txt /x", "COPY go.* *.txt /w/.", "COPY conf/? ./x"])
def test_several_matches_of_wildcards_are_refused_without_a_slash_at_the_end_of_the_destination(
    line: str,
) -> None:
    with pytest.raises(BuildError, match=r"Dockerfile:2: .* without `/` at its end") as refused:
        require_usual_matches(reach(line), FILES)
    assert refused.value.hint == f"write `{line.rpartition(' ')[2]}/`"


@pytest.mark.parametrize(
    "line",
    [
        "COPY *.txt ./",
        "COPY a.* /x",
        "COPY go.* .",
        "COPY --from=x *.txt /x",
        "COPY $X*.txt .",
        "COPY conf /x",
    ],
)
def test_one_match_a_slash_and_what_is_not_known_are_accepted(line: str) -> None:
    require_usual_matches(reach(line), FILES)


def test_a_wildcard_behind_a_symlink_is_refused_for_a_daemon_which_would_find_nothing_there() -> None:
    files = FILES.with_changes({"link": Node(kind="symlink", target="conf")})
    with pytest.raises(BuildError, match=r"Dockerfile:2: .* does not follow the symlink in `link/\?`"):
        require_usual_matches(reach("COPY link/? /x/"), files)
    require_usual_matches(reach("COPY link/c conf/? /x/"), files)


def test_buildah_is_not_given_a_wildcard_that_matches_a_name_which_it_would_read_as_a_pattern() -> None:
    require_plain_matches(reach("COPY *.txt /x/"), FILES, "buildah 1.28.2")
    with pytest.raises(
        BuildError, match=r"Dockerfile:2: buildah 1.28.2 does not copy `x\[1\].md`, which `\*.md` matches"
    ):
        require_plain_matches(reach("COPY *.md /x/"), FILES, "buildah 1.28.2")
