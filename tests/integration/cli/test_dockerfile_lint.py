"""`shipmark dockerfile lint`: text, JSON, annotations and exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.programs.command import Shipmark

LINT = ("dockerfile", "lint")
BAD = "FROM scratch\nADD https://example.org/a.tgz /\nUSER app\n"
GOOD = 'FROM scratch\nCOPY app /app\nUSER 65532:65532\nENTRYPOINT ["/app"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    (path / "Dockerfile").write_text(BAD)
    (path / "good.Dockerfile").write_text(GOOD)
    return path


def test_findings_have_a_place_a_rule_and_a_hint_and_errors_exit_4(shipmark: Shipmark, folder: Path) -> None:
    user = "`USER app`: The user is a name, which `runAsNonRoot` of Kubernetes cannot check."
    done = shipmark(*LINT, cwd=folder)
    assert done.code == 4
    assert done.stdout.splitlines() == [
        "Dockerfile:2:5: error: `ADD` downloads a file without a checksum. [add-without-checksum]",
        "  hint: add `--checksum=sha256:…`",
        f"Dockerfile:3:6: warning: {user} [user-not-numeric]",
        "  hint: write the number of the user and of the group, such as `USER 65532:65532`",
        "Dockerfile: error: 1, warning: 1",
    ]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), 4),
        (("--ignore", "add-without-checksum"), 0),
        (("--ignore", "add-without-checksum", "--fail-on", "warning"), 4),
        (("--ignore", "add-without-checksum", "--ignore", "user-not-numeric", "--fail-on", "info"), 0),
        (("good.Dockerfile", "--fail-on", "info"), 0),
        (("good.Dockerfile", "Dockerfile"), 4),
    ],
)
def test_exit_code_follows_the_threshold(
    shipmark: Shipmark, folder: Path, options: tuple[str, ...], code: int
) -> None:
    assert shipmark(*LINT, *options, cwd=folder).code == code


def test_json_lists_findings_and_checkers(shipmark: Shipmark, folder: Path) -> None:
    done = shipmark(*LINT, "Dockerfile", "good.Dockerfile", "--json", cwd=folder)
    assert (done.code, next(iter(done.json)), done.json["schema"]) == (4, "schema", "shipmark.lint/1")
    assert done.json["failed"] is True
    assert done.json["files"] == ["Dockerfile", "good.Dockerfile"]
    assert {"name": "shipmark", "reason": None} in done.json["checkers"]
    assert [one["rule"] for one in done.json["findings"]] == ["add-without-checksum", "user-not-numeric"]


def test_findings_become_annotations_of_the_ci_system(shipmark: Shipmark, folder: Path) -> None:
    (folder / "Dockerfile").write_text("FROM scratch\nUSER a\x1b[31m::error::\n")
    done = shipmark(*LINT, cwd=folder, env={"GITHUB_ACTIONS": "true"})
    assert "::warning file=Dockerfile,line=2,title=user-not-numeric::" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert shipmark(*LINT, cwd=folder).stderr.count("::warning") == 0


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("missing", "`missing` does not exist"),
        ("binary", "binary:2: not UTF-8"),
        ("out", "leads out of"),
        (".", "is not a regular file"),
    ],
)
def test_unreadable_file_is_a_usage_error(shipmark: Shipmark, folder: Path, file: str, message: str) -> None:
    (folder / "binary").write_bytes(b"FROM scratch\n\xff\n")
    (folder.parent / "secret").write_text("hunter2\n")
    (folder / "out").symlink_to(folder.parent / "secret")
    done = shipmark(*LINT, file, cwd=folder)
    assert (done.code, done.stdout) == (2, "")
    assert message in done.stderr
    assert "hint: " in done.stderr
    assert "hunter2" not in done.stderr


def test_file_that_does_not_parse_is_a_finding_with_its_line(shipmark: Shipmark, folder: Path) -> None:
    (folder / "Dockerfile").write_text("FROM scratch\nCOPPY a b\n")
    done = shipmark(*LINT, cwd=folder)
    assert done.code == 4
    assert done.stdout.startswith("Dockerfile:2:1: error: unknown instruction `COPPY` [syntax]\n")
    assert "did you mean `COPY`?" in done.stdout


def test_unknown_rule_is_refused_with_the_list(shipmark: Shipmark, folder: Path) -> None:
    done = shipmark(*LINT, "--ignore", "no-such", cwd=folder)
    assert done.code == 2
    assert "user-not-numeric" in done.stderr
