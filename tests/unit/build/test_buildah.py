"""The pure parts of the builders `buildah` and `podman`: versions, command lines, names, configs, messages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from release.build.buildah.config import clean_config
from release.build.buildah.failures import failure
from release.build.buildah.images import hub_images
from release.build.buildah.obstacles import require_alike, require_folder_modes, require_usual_arm
from release.build.buildah.progress import BuildProgress
from release.build.buildah.removal import remover, unmount
from release.build.buildah.request import Request, build_call, export_call, is_own
from release.build.buildah.tools import Tool, find_program, find_tool
from release.build.buildah.versions import abilities_of, buildah_version, shown_version
from release.build.buildah.working_dir import with_working_dirs
from release.build.context.reach import reach_of
from release.build.context.tree import Tree
from release.build.dockerfile.features.names import FEATURES
from release.build.dockerfile.parser import parse
from release.build.dockerfile.scope import global_scope
from release.compression.entries import Node
from release.errors import BuildError, BuilderUnavailable
from release.events import Event
from release.oci.image_json import parse_platform
from release.ports import Completed


@pytest.mark.parametrize(
    ("program", "version", "expected"),
    [
        ("buildah", "1.28.2", (1, 28)),
        ("buildah", "1.27.0", None),
        ("buildah", "1.41.4", (1, 41)),
        ("buildah", "2.0", (2, 0)),
        ("podman", "4.3.1", (1, 28)),
        ("podman", "4.9.4", (1, 33)),
        ("podman", "5.4.2", (1, 39)),
        ("podman", "6.0.0", (1, 39)),
        ("podman", "4.2.0", None),
        ("podman", "3.4.4", None),
    ],
)
def test_version_of_buildah_in_podman_is_found_by_podmans_version(
    program: str, version: str, expected: tuple[int, int] | None
) -> None:
    assert buildah_version(program, version) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("buildah version 1.28.2 (image-spec 1.1.0-rc2, runtime-spec 1.0.2-dev)", "1.28.2"),
        ("podman version 5.4.2\n", "5.4.2"),
        ("buildah version 1.42.0-dev (image-spec 1.1.1)", "1.42.0"),
        ("podman version v5.6\n", "5.6"),
        ("something else 1.2", None),
    ],
)
def test_version_of_a_program_is_read_from_the_output_of_its_version_option(
    said: str, expected: str | None
) -> None:
    assert shown_version(said) == expected


@pytest.mark.parametrize(
    ("feature", "last_without", "first_with"),
    [
        ("run-network", (1, 29), (1, 30)),
        ("heredoc", (1, 32), (1, 33)),
        ("add-checksum", (1, 32), (1, 33)),
        ("healthcheck-start-interval", (1, 36), (1, 37)),
        ("add-git", (1, 37), (1, 38)),
        ("expansion-pattern", (1, 38), (1, 39)),
        ("from-platform-argument", (1, 38), (1, 39)),
        ("from-stage-argument", (1, 31), (1, 32)),
    ],
)
def test_features_depend_on_the_version_of_buildah(
    feature: Any, last_without: tuple[int, int], first_with: tuple[int, int]
) -> None:
    assert feature not in abilities_of(last_without).features
    assert feature in abilities_of(first_with).features


def test_features_of_buildah_are_known_dockerfile_features_and_grow_with_its_version() -> None:
    assert abilities_of((1, 28)).features < abilities_of((9, 0)).features < FEATURES
    assert "copy-chmod-new-folder" not in abilities_of((9, 0)).features


def test_variants_of_arm_that_old_versions_build_as_v7_are_refused() -> None:
    assert not abilities_of((1, 28)).has_arm_variants
    require_usual_arm([parse_platform(text) for text in ("linux/arm", "linux/amd64/v2")], "buildah")
    with pytest.raises(BuildError, match="for `linux/arm/v7` where `linux/arm/v6`"):
        require_usual_arm([parse_platform("linux/arm/v6")], "buildah")


def request(**more: Any) -> Request:
    return Request(
        **{"program": "/bin/buildah", "is_podman": False, "platform": "linux/arm64", "created": 7, **more}
    )


def test_command_lines_of_buildah_and_podman_have_the_options_of_the_build() -> None:
    assert build_call(
        request(
            target="t",
            labels={"a": "b c"},
            args=("TOKEN",),
            epoch=True,
            contexts={"x": "context-0"},
            secrets=("id=a,env=A",),
        )
    ) == (
        *("/bin/buildah", "--root", "storage", "--runroot", "run", "build"),
        *("--format", "docker", "--layers", "--no-cache", "--force-rm", "--identity-label=false"),
        *("--logfile", "/dev/stderr", "--ignorefile", "ignore", "--iidfile", "id"),
        *("--timestamp", "7", "--platform", "linux/arm64", "--file", "Dockerfile", "--target", "t"),
        *("--label", "a=b c", "--build-arg", "TOKEN", "--build-arg", "SOURCE_DATE_EPOCH=7"),
        *("--build-context", "x=context-0", "--secret", "id=a,env=A", "context"),
    )
    podman = request(is_podman=True, program="/bin/podman", has_argument_file=True)
    assert build_call(podman)[:9] == (
        *("/bin/podman", "--root", "storage", "--runroot", "run", "--tmpdir", "state"),
        *("--events-backend", "none"),
    )
    assert "--build-arg-file" in build_call(podman)
    assert export_call(request(), "sha256:00")[5:] == (
        "push",
        "--quiet",
        "sha256:00",
        "docker-archive:image.tar",
    )


@pytest.mark.parametrize(
    "name", ["PATH", "HTTPS_PROXY", "no_proxy", "CONTAINERS_CONF", "BUILDAH_ISOLATION", "TMPDIR"]
)
def test_variables_that_the_programs_read_are_not_used_for_build_arguments(name: str) -> None:
    assert is_own(name)
    assert not is_own(f"MY_{name}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM busybox", {"busybox": "docker.io/library/busybox"}),
        ("FROM acme/app:1", {"acme/app:1": "docker.io/acme/app:1"}),
        ("FROM ghcr.io/acme/app", {}),
        ("FROM localhost/app", {}),
        ("FROM 127.0.0.1:5000/app", {}),
        ("FROM scratch AS a\nFROM a\nCOPY --from=a / /\nCOPY --from=0 / /", {}),
        ("ARG I=x:1\nFROM $I", {"x:1": "docker.io/library/x:1", "$I": "docker.io/library/x:1"}),
        ("ARG I=ghcr.io/x\nFROM ${I}", {}),
        ("FROM scratch\nCOPY --from=x:1 / /", {"x:1": "docker.io/library/x:1"}),
        ("FROM scratch\nRUN --mount=from=x:1,target=/x y", {"x:1": "docker.io/library/x:1"}),
        (
            "FROM x-$TARGETARCH",
            {"x-arm64": "docker.io/library/x-arm64", "x-$TARGETARCH": "docker.io/library/x-arm64"},
        ),
    ],
)
def test_an_image_name_without_a_registry_means_docker_hub(text: str, expected: dict[str, str]) -> None:
    dockerfile = parse(text + "\n", "Dockerfile")
    scope = global_scope(dockerfile, {}, parse_platform("linux/arm64"))
    assert hub_images(dockerfile, scope) == {
        name: f"docker-image://{full}" for name, full in expected.items()
    }


def test_config_members_that_differ_from_build_to_build_are_removed() -> None:
    raw = {
        "created": "2001-09-09T01:46:40Z",
        "container": "00",
        "container_config": {"Hostname": "one"},
        "config": {"Hostname": "one", "Image": "", "Env": ["A=b"], "Cmd": [], "Tty": False, "Shell": ["x"]},
        "architecture": "amd64",
        "os": "linux",
        "parent": "sha256:00",
        "rootfs": {"type": "layers", "diff_ids": ["sha256:00"]},
        "history": [
            {"created_by": "|1 A=secret /bin/sh -c x", "comment": "FROM cb0ac4a10e19"},
            {"created_by": "COPY a", "comment": "buildkit.dockerfile.v0"},
        ],
    }
    clean = json.loads(clean_config(json.dumps(raw).encode(), {"A": "secret"}, lambda text: text))
    assert clean == {
        "created": "2001-09-09T01:46:40Z",
        "architecture": "amd64",
        "os": "linux",
        "rootfs": raw["rootfs"],
        "config": {"Env": ["A=b"], "Shell": ["x"]},
        "history": [
            {"created_by": "|1 A=*** /bin/sh -c x"},
            {"created_by": "COPY a", "comment": "buildkit.dockerfile.v0"},
        ],
    }


def test_ranges_of_ports_become_single_ports() -> None:
    raw = json.dumps({"config": {"ExposedPorts": {"80/tcp": {}, "53-54/udp": {}, "odd": {}}}}).encode()
    clean = json.loads(clean_config(raw, {}, lambda text: text))
    assert clean["config"]["ExposedPorts"] == {"80/tcp": {}, "53/udp": {}, "54/udp": {}, "odd": {}}


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("# escape=`\nFROM a\n", "F:1: buildah 1.28 does not apply `# escape=`` to operands"),
        ('FROM a\nSHELL ["x"]\nCMD y\n', "F:3: buildah 1.28 does not apply `SHELL` to `CMD`"),
        (
            'FROM a AS one\nSHELL ["x"]\nFROM one\nCMD y\n',
            "F:4: buildah 1.28 does not apply `SHELL` to `CMD`",
        ),
        ('FROM a\nSHELL ["x"]\nENTRYPOINT y\n', "F:3: buildah 1.28 does not apply `SHELL` to `ENTRYPOINT`"),
        (
            "FROM a AS One\nFROM a\nCOPY --from=one / /\n",
            "F:3: buildah 1.28 does not find the stage `One` by",
        ),
        (
            "FROM a AS one\nFROM a\nRUN --mount=from=ONE,target=/x y\n",
            "F:3: buildah 1.28 does not find the",
        ),
        (
            "FROM a AS one\nFROM a AS two\nONBUILD COPY --from=one / /\nFROM two\n",
            "F:3: buildah 1.28 does not find the stage `one` from `ONBUILD`",
        ),
        ("FROM a AS One\nFROM one\n", "F:2: buildah 1.28 does not find the stage `One` by the name `one`"),
        ("FROM a\nADD [a-z]* x[*] /\n", "F:2: buildah 1.28 does not read `x[*]` as a pattern"),
        ("FROM a\nCOPY [[]x] /\n", "F:2: buildah 1.28 does not read `[[]x]` as a pattern"),
        ("FROM a\nCOPY [a-z]*[0-9]? /\n", None),
        ("FROM a AS one\nONBUILD COPY b /\nFROM one\nONBUILD COPY --from=one / /\n", None),
        ("FROM a AS one\nFROM one\nCOPY --from=one / /\nCOPY --from=0 / /\nCOPY --from=B / /\n", None),
        ('FROM a\nCMD y\nSHELL ["x"]\nCMD ["y"]\nRUN z\nHEALTHCHECK CMD x\n', None),
    ],
)
def test_instructions_that_buildah_builds_differently_are_refused(text: str, refused: str | None) -> None:
    dockerfile = parse(text, "F")
    if refused is None:
        require_alike(dockerfile, "buildah 1.28")
        return
    with pytest.raises(BuildError) as caught:
        require_alike(dockerfile, "buildah 1.28")
    assert str(caught.value).startswith(refused)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        (
            "COPY --chmod=700 conf /v",
            "F:2: buildah 1.28 does not give a new folder the mode of `--chmod=700`: `/v`",
        ),
        ("COPY --chmod=777 a* c* /v/", "F:2: buildah 1.28 does not give"),
        ("WORKDIR /w\nADD --chmod=01777 link /v", "F:3: buildah 1.28 does not give"),
        ("COPY --chmod=755 conf /v", None),
        ("COPY --chmod=u+x conf /v", None),
        ("COPY --chmod=700 conf/app a* /v/", None),
        ("COPY --chmod=700 conf /", None),
        ("WORKDIR /v\nCOPY --chmod=700 conf .\nCOPY --chmod=700 conf /v/", None),
    ],
)
def test_a_folder_whose_mode_buildah_would_not_set_is_refused(lines: str, refused: str | None) -> None:
    kinds = {"conf": Node(kind="dir"), "link": Node(kind="symlink", target="conf")}
    files = Tree({**{path: Node(kind="file") for path in ("conf/app", "a")}, **kinds})
    dockerfile = parse(f"FROM x\n{lines}\n", "F")
    reach = reach_of(dockerfile, None, {}, [parse_platform("linux/amd64")])
    if refused is None:
        require_folder_modes(dockerfile, reach, files, "buildah 1.28")
        return
    with pytest.raises(BuildError) as caught:
        require_folder_modes(dockerfile, reach, files, "buildah 1.28")
    assert str(caught.value).startswith(refused)
    assert "WORKDIR /v" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("FROM a\nWORKDIR /a\nCMD x\n", None, "FROM a\nWORKDIR /a\n+\nCMD x\n"),
        ("FROM a\nWORKDIR /a", None, "FROM a\nWORKDIR /a\n+"),
        ("FROM a\nWORKDIR /a\nCOPY b /\n", None, None),
        ("FROM a\nCOPY b /\n", None, None),
        ("FROM a\n", None, None),
        (
            "FROM a AS a\nWORKDIR \\\n  /a\nFROM b\nCOPY x /\n",
            "a",
            "FROM a AS a\nWORKDIR \\\n  /a\n+\nFROM b\nCOPY x /\n",
        ),
        ("FROM a AS a\nWORKDIR /a\nFROM b\nCOPY x /\n", None, None),
        (
            "FROM a AS a\nWORKDIR /a\nFROM b\nCOPY --from=a / /\n",
            None,
            "FROM a AS a\nWORKDIR /a\n+\nFROM b\nCOPY --from=a / /\n",
        ),
        (
            "FROM a\nWORKDIR /a\nFROM b\nCOPY --from=0 / /\n",
            None,
            "FROM a\nWORKDIR /a\n+\nFROM b\nCOPY --from=0 / /\n",
        ),
        (
            "FROM a AS a\nWORKDIR /a\nFROM b\nRUN --mount=from=a,target=/m x\n",
            None,
            "FROM a AS a\nWORKDIR /a\n+\nFROM b\nRUN --mount=from=a,target=/m x\n",
        ),
        ("FROM a AS a\nWORKDIR /a\nFROM A\nCMD x\n", None, "FROM a AS a\nWORKDIR /a\n+\nFROM A\nCMD x\n"),
        ("FROM a AS a\nWORKDIR /a\nFROM a\nCOPY x /\n", None, None),
    ],
)
def test_a_copy_of_nothing_is_added_after_a_last_workdir_to_make_its_folder(
    text: str, target: str | None, expected: str | None
) -> None:
    sent = with_working_dirs(text.encode(), parse(text, "F"), target).text.decode()
    assert sent == (text if expected is None else expected.replace("+", "COPY --from=shipmark-nothing . ./"))


def test_a_working_folder_does_not_get_the_owner_of_what_is_copied_there() -> None:
    text = (
        "FROM a AS a\nWORKDIR /a\nENV b=c\nCOPY --chown=1 x ./\nCOPY --chown=1 y ./\n"
        "WORKDIR /b\nRUN x\nFROM a\nWORKDIR /c\nADD --chown=2 x .\nRUN x\n"
    )
    sent = with_working_dirs(text.encode(), parse(text, "F"), None)
    lines = sent.text.decode().split("\n")
    assert [number for number, line in enumerate(lines, start=1) if "shipmark-nothing" in line] == [3, 11]
    assert sent.added == (3, 11)
    # Without these lines, each line has the number that it has in the repository's file.
    kept = [number for number in range(1, len(lines) + 1) if number not in sent.added]
    assert [text.split("\n")[sent.own_line(number) - 1] for number in kept] == text.split("\n")
    progress = BuildProgress(Collect(), str, parse(sent.text.decode(), "F"), "buildah", sent.own_line)
    progress.take(b"[2/2] STEP 5/5: RUN x")
    assert progress.where == "F:11: "


class Collect:
    def emit(self, event: Event) -> None:
        pass


def follow(text: str, lines: Iterable[str]) -> BuildProgress:
    progress = BuildProgress(Collect(), lambda line: line, parse(text, "ci/Dockerfile"), "buildah")
    for line in lines:
        progress.take(line.encode() + b"\n")
    return progress


TWO_STAGES = "ARG A\nFROM a AS a\nRUN one\nFROM a\nENV B=1\nRUN two\nRUN three\nCOPY x /\n"


@pytest.mark.parametrize(
    ("step", "line"),
    [
        ("[1/2] STEP 1/2: FROM docker.io/library/a AS a", 2),
        ("[1/2] STEP 2/2: RUN one", 3),
        ("[2/2] STEP 3/5: RUN two", 6),
        ("[2/2] STEP 5/5: COPY x /", 8),
        ("[2/2] STEP 7/9: COPY x /", 8),  # the base has two triggers
        ("[2/2] STEP 9/9: RUN three", None),  # which one is not known
        ("[9/9] STEP 1/1: FROM x", None),
    ],
)
def test_the_dockerfile_line_of_a_build_step_is_found(step: str, line: int | None) -> None:
    assert follow(TWO_STAGES, [step]).where == ("" if line is None else f"ci/Dockerfile:{line}: ")


def test_last_lines_for_an_error_are_the_output_of_the_failed_command() -> None:
    numbers = [str(number) for number in range(30)]
    progress = follow(
        "FROM a\nRUN x\n",
        [
            *("STEP 1/2: FROM a", "pulled", "Copying blob sha256:00", "STEP 2/2: RUN x", *numbers),
            *("subprocess exited with status 1", 'Error: building at STEP "RUN x": exit status 1'),
        ],
    )
    assert list(progress.last_lines) == numbers[-20:]
    unused = "[Warning] one or more build args were not consumed: [TARGETARCH {}]"
    assert not list(follow("FROM a\n", [unused.format("TARGETOS")]).said)
    assert list(follow("FROM a\n", [unused.format("MINE")]).said)


def test_a_base_of_another_platform_is_reported() -> None:
    text = "WARNING: image platform ({amd64 linux  [] }) does not match the expected platform ({arm64 linux  [] })"
    assert follow("FROM a\n", ["STEP 1/1: FROM a", text]).wrong_base == (
        "ci/Dockerfile:1: the base image is for `linux/amd64`, and `linux/arm64` is to be built"
    )


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        (
            ["out", 'Error: building at STEP "RUN false": while running runtime: exit status 3'],
            "F:1: the command ended with exit code 3",
            "the lines above",
        ),
        (
            ['Error: building at STEP "RUN say \\"x\\"; y": exit status 3'],
            "F:1: the command ended with exit code 3",
            "the lines above",
        ),
        (
            ['time="2026" level=error msg="exec format error"', "after"],
            "F:1: exec format error",
            "QEMU",
        ),
        (
            [
                "Error: 2 errors occurred:",
                "\t* doing it all: other",
                "\t* copy: write /a/b: no space left on device",
            ],
            "F:1: write /a/b: no space left on device",
            "make room",
        ),
        (
            [f"Error: committing container for step {{{'x' * 900}}}: write /a/b: no space left on device"],
            "F:1: committing container for step",
            "make room on the disk of the cache folder",
        ),
        (
            ["Error: storing layer to file: inconsistent layer size (copied 4195840, wrote 4182016)"],
            "F:1: storing layer",
            "see whether the disk of the cache folder",
        ),
        (
            ["Error: no image found in manifest list for architecture arm64"],
            "F:1: no image found in",
            "exists for",
        ),
        (["words only"], "F:1: words only", "the lines above are what buildah wrote"),
        ([], "F:1: buildah ended with exit code 7 and without a message", "the lines above"),
    ],
)
def test_the_error_of_a_build_is_chosen_by_the_programs_messages(
    said: list[str], message: str, hint: str
) -> None:
    error = failure(said, program="buildah", where="F:1: ", code=7)
    assert str(error).startswith(message)
    assert hint in str(error.hint)
    assert len(str(error)) < 650
    assert str(error).endswith("no space left on device") or "make room" not in str(error.hint)


def test_a_command_that_met_a_full_disk_has_a_hint_that_names_it() -> None:
    ended = ['Error: building at STEP "RUN x": exit status 3']
    written = ["cat: write error: No space left on device"]
    error = failure(ended, program="buildah", where="F:1: ", code=7, written=written)
    assert str(error.hint).startswith("make room on the disk of the cache folder")


class Answers:
    """Process stand-in that gives the same answer to every command."""

    def __init__(self, answer: Completed | OSError) -> None:
        self._answer = answer

    def run(self, argv: Iterable[str], **_: Any) -> Completed:
        if isinstance(self._answer, OSError):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            Completed(code=0, stdout=b"buildah version 1.23.1", stderr=b""),
            "`buildah` 1.23.1 is too old: 1.28 is the first",
        ),
        (
            Completed(code=1, stdout=b"", stderr=b"no\nlibrary is missing"),
            "does not tell its version: library is missing",
        ),
        (TimeoutError("no end within 10 s"), "does not answer: no end within 10 s"),
        (OSError(8, "Exec format error"), "does not answer: Exec format error"),
    ],
)
def test_a_program_that_cannot_build_makes_the_builder_unavailable(
    tmp_path: Path, answer: Completed | OSError, reason: str
) -> None:
    program = tmp_path / "buildah"
    program.touch(0o755)
    with pytest.raises(BuilderUnavailable) as caught:
        find_tool(Answers(answer), {"SHIPMARK_BUILDAH": str(program)}, "buildah")
    assert reason in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("value", ["", "buildah", "/nowhere/buildah"])
def test_an_environment_variable_names_the_program_or_disables_the_builder(
    tmp_path: Path, value: str
) -> None:
    (tmp_path / "buildah").touch(0o755)
    env = {"PATH": f".:{tmp_path}"}
    assert find_program(env, "buildah").program == str(tmp_path / "buildah")
    with pytest.raises(BuilderUnavailable) as caught:
        find_program({**env, "SHIPMARK_BUILDAH": value}, "buildah")
    wrong = f"`SHIPMARK_BUILDAH` names `{value}`, which is not the whole path of a program"
    assert str(caught.value) == (wrong if value else "`buildah` is not installed")


def test_unmounting_below_a_folder_without_mounts_changes_no_mount(tmp_path: Path) -> None:
    before = Path("/proc/self/mountinfo").read_text()
    unmount(str(tmp_path))
    assert Path("/proc/self/mountinfo").read_text() == before


class Removing:
    """Process stand-in that, as podman does, writes a lock file after it has removed a folder."""

    def __init__(self) -> None:
        self.argv: list[str] = []

    def run(self, argv: Iterable[str], *, cwd: str | None = None, **_: Any) -> Completed:
        assert cwd is not None
        self.argv = list(argv)
        Path(cwd, "storage.lock").touch()
        return Completed(code=0, stdout=b"", stderr=b"")


def test_build_folder_with_files_of_other_users_is_removed_by_podman_unshare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removals: list[str] = []

    def rmtree(path: str, *, ignore_errors: bool) -> None:
        """Remove nothing at the first call, as `rmtree` does for files of another user."""
        assert ignore_errors
        removals.append(path)
        if len(removals) > 1:
            real(path)

    real = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", rmtree)
    folder = tmp_path / "build"
    folder.mkdir()
    process = Removing()
    remover(process, Tool(name="podman", program="/bin/podman"), {})(str(folder))
    assert process.argv[-5:] == ["unshare", "rm", "-rf", "--", str(folder)]
    assert not folder.exists()
