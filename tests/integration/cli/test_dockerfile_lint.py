"""`shipmark dockerfile lint`: text, JSON, annotations and exit codes."""

from __future__ import annotations

import json
import sys
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


def test_lint_findings_have_a_position_a_rule_and_a_hint_and_errors_exit_4(
    shipmark: Shipmark, folder: Path
) -> None:
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
def test_exit_code_of_dockerfile_lint_follows_the_threshold_and_ignored_rules(
    shipmark: Shipmark, folder: Path, options: tuple[str, ...], code: int
) -> None:
    assert shipmark(*LINT, *options, cwd=folder).code == code


def test_json_of_dockerfile_lint_lists_findings_and_checkers(shipmark: Shipmark, folder: Path) -> None:
    done = shipmark(*LINT, "Dockerfile", "good.Dockerfile", "--json", cwd=folder)
    assert (done.code, next(iter(done.json)), done.json["schema"]) == (4, "schema", "shipmark.lint/1")
    assert done.json["failed"] is True
    assert done.json["files"] == ["Dockerfile", "good.Dockerfile"]
    assert {"name": "shipmark", "reason": None} in done.json["checkers"]
    assert [one["rule"] for one in done.json["findings"]] == ["add-without-checksum", "user-not-numeric"]


def test_lint_findings_become_annotations_of_the_ci_system(shipmark: Shipmark, folder: Path) -> None:
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
def test_dockerfile_lint_of_an_unreadable_file_is_a_usage_error(
    shipmark: Shipmark, folder: Path, file: str, message: str
) -> None:
    (folder / "binary").write_bytes(b"FROM scratch\n\xff\n")
    (folder.parent / "secret").write_text("hunter2\n")
    (folder / "out").symlink_to(folder.parent / "secret")
    done = shipmark(*LINT, file, cwd=folder)
    assert (done.code, done.stdout) == (2, "")
    assert message in done.stderr
    assert "hint: " in done.stderr
    assert "hunter2" not in done.stderr


def test_dockerfile_that_does_not_parse_is_a_lint_finding_with_its_line(
    shipmark: Shipmark, folder: Path
) -> None:
    (folder / "Dockerfile").write_text("FROM scratch\nCOPPY a b\n")
    done = shipmark(*LINT, cwd=folder)
    assert done.code == 4
    assert done.stdout.startswith("Dockerfile:2:1: error: unknown instruction `COPPY`")
    assert "[syntax]\n" in done.stdout
    assert "did you mean `COPY`?" in done.stdout


def test_unknown_lint_rule_is_refused_with_the_list_of_rules(shipmark: Shipmark, folder: Path) -> None:
    done = shipmark(*LINT, "--ignore", "no-such", cwd=folder)
    assert done.code == 2
    assert "user-not-numeric" in done.stderr


def install_hadolint(folder: Path, output: str, code: int = 0, name: str = "hadolint") -> str:
    """Put a stand-in for the program `name` into `folder` that records its call; return a `PATH` with it."""
    folder.mkdir(parents=True)
    program = folder / name
    program.write_text(
        f"#!{sys.executable} -I\n"
        "import json, os, sys\n"
        f"kept = {str(folder / 'called.json')!r}\n"
        "call = {'argv': sys.argv[1:], 'cwd': os.getcwd(), 'env': dict(os.environ), 'stdin': sys.stdin.read()}\n"
        "open(kept, 'w').write(json.dumps(call))\n"
        f"print({output!r}, end='')\n"
        f"sys.exit({code})\n"
    )
    program.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def row(code: str, level: str, line: int) -> dict[str, object]:
    return {"code": code, "column": 1, "file": "-", "level": level, "line": line, "message": "m\x1b[1m"}


def test_lint_adds_findings_of_hadolint_without_those_that_shipmarks_rules_have(
    shipmark: Shipmark, folder: Path
) -> None:
    rows = [row("DL3059", "style", 2), row("DL3002", "warning", 3), row("SC2164", "error", 1)]
    path = install_hadolint(folder.parent / "bin", json.dumps(rows))
    done = shipmark(*LINT, "--json", cwd=folder, env={"PATH": path, "HADOLINT_NOFAIL": "0"})
    found = [(one["rule"], one["severity"], one["line"], one["file"]) for one in done.json["findings"]]
    assert [one for one in found if one[0][:2] in ("DL", "SC")] == [
        ("SC2164", "error", 1, "Dockerfile"),
        ("DL3059", "info", 2, "Dockerfile"),
    ]
    assert [one[2] for one in found] == sorted(one[2] for one in found)
    assert {"name": "hadolint", "reason": None} in done.json["checkers"]
    called = json.loads((folder.parent / "bin/called.json").read_text())
    assert (called["stdin"], called["cwd"], called["argv"][-1]) == (BAD, "/", "-")
    assert called["env"]["HOME"] == "/dev/null"
    assert "HADOLINT_NOFAIL" not in called["env"]
    ignored = ("--ignore", "SC2164", "--ignore", "add-without-checksum")
    assert shipmark(*LINT, *ignored, cwd=folder, env={"PATH": path}).code == 0


@pytest.mark.parametrize(
    ("output", "code", "reason"),
    [
        ("", 0, "Dockerfile: its output is not JSON"),
        ("[]", 2, "Dockerfile: it ended with 2"),
        (json.dumps([row("DL1000", "error", 7)]), 0, "Dockerfile: it cannot read line 7: m"),
    ],
)
def test_hadolint_that_failed_or_gave_invalid_output_is_named_with_the_reason(
    shipmark: Shipmark, folder: Path, output: str, code: int, reason: str
) -> None:
    path = install_hadolint(folder.parent / "bin", output, code)
    done = shipmark(*LINT, cwd=folder, env={"PATH": path})
    assert f"not run: hadolint: {reason}" in done.stderr
    assert done.code == 4  # for our own rules


def test_missing_hadolint_is_named_with_the_way_to_install_it(shipmark: Shipmark, folder: Path) -> None:
    install_hadolint(folder / "bin", "[]")
    # A relative folder of `PATH` is one of the workspace's.
    done = shipmark(*LINT, cwd=folder, env={"PATH": "bin:/usr/bin:/bin"})
    assert "not run: hadolint: not installed; `pip install 'shipmark[lint]'` installs it" in done.stderr
    assert not (folder / "bin/called.json").exists()


def test_sarif_of_dockerfile_lint_names_rules_and_positions(shipmark: Shipmark, folder: Path) -> None:
    done = shipmark(*LINT, "--sarif", cwd=folder, env={"PATH": "/usr/bin:/bin"})
    assert (done.code, done.json["version"]) == (4, "2.1.0")
    (run,) = done.json["runs"]
    ids = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert [(one["ruleId"], one["level"]) for one in run["results"]] == [
        ("add-without-checksum", "error"),
        ("user-not-numeric", "warning"),
    ]
    assert ids >= {one["ruleId"] for one in run["results"]}
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "Dockerfile"
    assert place["region"] == {"startLine": 2, "startColumn": 5}


def test_dockerfile_lint_refuses_sarif_and_json_together(shipmark: Shipmark, folder: Path) -> None:
    assert shipmark(*LINT, "--sarif", "--json", cwd=folder).code == 2


def install_buildx(folder: Path, output: str, code: int = 1) -> dict[str, str]:
    """Install a program `docker-buildx`; returns the environment in which it is found."""
    install_hadolint(folder, output, code, "docker-buildx")
    return {"SHIPMARK_BUILDX": str(folder / "docker-buildx")}


def test_lint_adds_findings_of_the_build_checks_of_buildx(shipmark: Shipmark, folder: Path) -> None:
    places = {"ranges": [{"start": {"line": 1, "character": 5}, "end": {"line": 1}}]}
    warnings = [
        {"ruleName": "FromAsCasing", "detail": "casing", "url": "https://docs.example", "location": places},
        {"ruleName": "SecretsUsedInArgOrEnv", "location": places},
    ]
    env = install_buildx(folder.parent / "docker", json.dumps({"warnings": warnings, "sources": []}))
    done = shipmark(*LINT, "--json", cwd=folder, env=env)
    (found,) = [one for one in done.json["findings"] if one["checker"] == "buildx"]
    assert (found["rule"], found["line"], found["column"]) == ("FromAsCasing", 1, 6)
    assert {"name": "buildx", "reason": None} in done.json["checkers"]
    called = json.loads((folder.parent / "docker/called.json").read_text())
    assert called["argv"] == ["build", "--call=check,format=json", "-"]
    assert called["stdin"] == BAD


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("", "Dockerfile: it ended with 1: no message"),
        ("oops", "Dockerfile: its output is not JSON"),
        ('{"buildError": {"message": "bad line"}}', "Dockerfile: BuildKit cannot read the file: bad line"),
    ],
)
def test_buildx_that_failed_or_gave_invalid_output_is_named_with_the_reason(
    shipmark: Shipmark, folder: Path, output: str, reason: str
) -> None:
    done = shipmark(*LINT, cwd=folder, env=install_buildx(folder.parent / "docker", output))
    assert f"not run: buildx: {reason}" in done.stderr


def test_lint_does_not_run_buildx_for_an_outsiders_pull_request(shipmark: Shipmark, folder: Path) -> None:
    event = folder.parent / "event.json"
    fork = {"head": {"repo": {"full_name": "eve/app"}}, "base": {"repo": {"full_name": "acme/app"}}}
    event.write_text(json.dumps({"pull_request": fork}))
    env = {
        **install_buildx(folder.parent / "docker", "{}", 0),
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": "acme/app",
    }
    done = shipmark(*LINT, cwd=folder, env=env)
    assert "not run: buildx: the run is not trusted" in done.stderr
    assert not (folder.parent / "docker/called.json").exists()
