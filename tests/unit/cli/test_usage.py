"""Command lines that a person types wrong: the message, the hint and the exit code."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from ci.systems import NAMES
from release.app.releases.build import BuildRequest, build
from release.app.workspace import open_workspace
from release.cli.main import run
from release.errors import ConfigError, GitError, ReleaseError
from release.oci.grammar import require_tag
from release.versions.prereleases import require_channel
from release.versions.semver import parse_either
from tests.support.disks.confined import filled, mounted_disk
from tests.support.releases.git import GitRepo


@pytest.mark.parametrize("argv", [[], ["log"], ["image"], ["config"], ["dockerfile"]])
def test_command_without_its_subcommand_prints_its_help_on_stderr(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(argv) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(" ".join(["Usage: shipmark", *argv]))
    assert "\nCommands:\n" in shown.err
    assert "***" not in shown.err


def test_unexpected_argument_of_ci_names_no_internal_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ci", "x"]) == 2
    assert "unexpected extra argument (x)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "text", "hint"),
    [
        (
            ["rollback"],
            "`shipmark rollback` needs `--to`",
            "add `--to VERSION`: ",
        ),
        (
            ["dockerfile", "new"],
            "`shipmark dockerfile new` needs `--template`",
            "add `--template go|python|node|java|static|binary`: what the image holds",
        ),
        (
            ["image", "copy", "a"],
            "`shipmark image copy` needs DESTINATION",
            "write `shipmark image copy SOURCE DESTINATION`",
        ),
        (["log", "show"], "`shipmark log show` needs NAME", "write `shipmark log show NAME`"),
        (
            ["ci", "--ci", "gitlb"],
            f"invalid value for `--ci`: `gitlb` is not one of {', '.join(f'`{name}`' for name in NAMES)}",
            "did you mean `gitlab`?",
        ),
        (
            ["tags", "--format", "jsn"],
            "invalid value for `--format`: `jsn` is not one of `text`, `names`, `json`, `env`",
            "did you mean `json`?",
        ),
        (["prevew"], "no such command `prevew`", "did you mean `preview`?"),
        (["frob"], "no such command `frob`", "`shipmark --help` lists what there is"),
        (
            ["preview", "--imgae", "x"],
            "`shipmark preview` has no option `--imgae`",
            "did you mean `--image`?",
        ),
        (["tags", "--zzz"], "`shipmark tags` has no option `--zzz`", "`shipmark tags --help` lists"),
        (
            ["tags", "--format", "x"],
            "invalid value for `--format`: `x` is not one of `text`, `names`, `json`, `env`",
            "write one of these values",
        ),
        (["tags", "--image"], "option `--image` requires an argument", "`shipmark tags --help` lists"),
        (["ci", "x"], "got unexpected extra argument (x)", "`shipmark ci --help` lists"),
    ],
)
def test_wrong_command_line_says_what_to_write(
    argv: list[str], text: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(argv) == 2
    message, shown, _ = capsys.readouterr().err.splitlines()
    assert message == f"error: {text}"
    assert shown.startswith(f"hint: {hint}")


def test_demo_without_git_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(["demo"]) == GitError.exit_code
    assert "hint: install git" in capsys.readouterr().err


@pytest.mark.parametrize("left", [0, 16384])
def test_demo_on_a_full_disk_says_to_make_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], left: int
) -> None:
    with mounted_disk(tmp_path / "small", 1 << 20) as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk.path))
        with filled(disk, left):
            assert run(["demo"]) == ReleaseError.exit_code
    error = capsys.readouterr().err
    assert "o space left on device" in error
    assert "hint: make room in the folder for temporary files" in error


def test_text_that_is_no_version_is_not_called_a_calendar_version() -> None:
    with pytest.raises(ValueError, match=r"`1\.2` is not a SemVer version"):
        parse_either("1.2")
    assert parse_either("2026.11.20.1").text == "2026.11.20.1"


@pytest.mark.parametrize("tag", [".bad", "-x", "a" * 129])
def test_invalid_tag_has_a_hint(tag: str) -> None:
    with pytest.raises(ConfigError) as refused:
        require_tag(tag)
    assert "at most 128" in str(refused.value.hint)


def test_unknown_builder_is_refused_with_the_names_of_the_builders(git_repo: GitRepo) -> None:
    git_repo.commit(files={"Dockerfile": "FROM scratch\n"})
    session = open_workspace(str(git_repo.path), env=git_repo.env, images=["oci:dist/image"])
    with pytest.raises(ConfigError, match="no builder `foo`") as refused:
        build(session, BuildRequest(builder="foo"))
    assert "layers" in str(refused.value.hint)


@pytest.mark.parametrize("channel", ["1", "rc.1", ""])
def test_invalid_channel_is_refused(channel: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a channel"):
        require_channel(channel)
