from __future__ import annotations

import pytest

from release.build.dockerfile.features.names import FEATURES
from release.build.dockerfile.features.needs import Needs, needs_of
from release.build.dockerfile.parser import parse
from release.build.dockerfile.scope import global_scope
from release.build.dockerfile.stage_graph import has_layer, stage_platform
from release.errors import BuildError
from release.oci.image_json import parse_platform


def needs(
    text: str,
    *,
    target: str | None = None,
    platform: str = "linux/amd64",
    builds_all: bool = False,
    **given: str,
) -> Needs:
    return needs_of(
        parse(text),
        target=target,
        given=given,
        platform=parse_platform(platform),
        build=parse_platform("linux/amd64"),
        builds_all=builds_all,
    )


def refusal(text: str) -> BuildError:
    with pytest.raises(BuildError) as caught:
        needs(text)
    return caught.value


@pytest.mark.parametrize(
    ("line", "feature", "what"),
    [
        (f"ADD --checksum=sha256:{'0' * 64} https://x.example/y /", "add-checksum", "`ADD --checksum`"),
        ("ADD https://x.example/y.git#v1:sub /", "add-git", "`ADD` of a git repository"),
        ("ADD git@x.example:y.git /", "add-git", "`ADD` of a git repository"),
        ("ADD --keep-git-dir=false https://x.example/y.git /", "add-keep-git-dir", "`ADD --keep-git-dir`"),
        ("ADD --unpack=false a.tar /", "add-unpack", "`ADD --unpack`"),
        ("ADD https://x.example/y.tar /", "add-url", "`ADD` of an address"),
        ("ADD https://x.git?a=b /", "add-url", "`ADD` of an address"),
        ("COPY --chmod=0755 a /", "copy-chmod", "`COPY --chmod=0755`"),
        (
            "COPY --chmod=640 a /b/c",
            "copy-chmod-new-folder",
            "`COPY --chmod` below `/b`, which does not exist",
        ),
        (
            "COPY --chown=1:2 a/ /b/c/",
            "copy-chown-new-folder",
            "`COPY --chown` of a folder below `/b`, which does not exist",
        ),
        ("ADD --chown=1:1 a.TGZ /", "add-archive-chown", "`ADD --chown` of an archive, `a.TGZ`"),
        ("ADD --chown=1:1 b c.tar.zst /", "add-archive-chown", "`ADD --chown` of an archive, `c.tar.zst`"),
        ("CMD", "command-empty", "`CMD` without a command"),
        ("ENTRYPOINT ", "command-empty", "`ENTRYPOINT` without a command"),
        ("RUN", "command-empty", "`RUN` without a command"),
        ("COPY ../a /", "copy-source-outside", "the source `../a` of `COPY`"),
        ("ADD d/../../a* /", "copy-source-outside", "the source `d/../../a*` of `ADD`"),
        ("COPY /.. /", "copy-source-outside", "the source `/..` of `COPY`"),
        ("COPY --from= a /", "copy-from-empty", "the empty `COPY --from=`"),
        ("WORKDIR /w", "workdir-user", "`WORKDIR /w` for the user `1`, who owns the new folder"),
        (
            "ENV U=web:1\nUSER $U\nWORKDIR w",
            "workdir-user-name",
            "`WORKDIR w` for the user `web`, without `/etc/passwd` in the image",
        ),
        ("COPY --chown=: a /", "copy-chown-empty", "`COPY --chown=:`"),
        ("COPY --chown=:1 a /", "copy-chown-part-empty", "`COPY --chown=:1`"),
        ("ADD --chown=1: a /", "copy-chown-part-empty", "`ADD --chown=1:`"),
        ("COPY --chown=1:2:3 a /", "copy-chown-odd", "`COPY --chown=1:2:3`"),
        ("COPY --chown=4294967295 a /", "copy-chown-odd", "`COPY --chown=4294967295`"),
        ("COPY --chown=-1 a /", "copy-chown-odd", "`COPY --chown=-1`"),
        ('COPY --chown="web :1" a /', "copy-chown-odd", "`COPY --chown=web :1`"),
        (
            "COPY --chown=1:root a /",
            "copy-chown-root",
            "`COPY --chown=1:root` without `/etc/passwd` in the image",
        ),
        (
            "ENV U=web\nCOPY a /a\nCOPY --chown=$U a /",
            "copy-chown-name",
            "`COPY --chown=web` without `/etc/passwd` in the image",
        ),
        (
            "COPY --parents --exclude=*/b --exclude=c /a/b ./d/./c /",
            "copy-parents-excluded",
            "the source `/a/b` of `COPY --parents`, which its `--exclude` leaves out",
        ),
        ("ARG M=u+x,go=rX\nCOPY --chmod=$M a /", "copy-chmod-symbolic", "`COPY --chmod=u+x,go=rX`"),
        ("COPY --chmod=$M a /", "copy-chmod-empty", "the empty `COPY --chmod=$M`"),
        ("COPY $M a /", "copy-source-empty", "the empty source `$M` of `COPY`"),
        (
            "COPY a b .",
            "copy-several-without-slash",
            "several sources of `COPY` for `.`, without `/` at its end",
        ),
        ("ADD a b /x", "copy-several-to-name", "several sources of `ADD` for `/x`, which does not exist"),
        ("ENV $M=1", "env-name-empty", "an empty name in `ENV $M=1`"),
        ("EXPOSE $M", "expose-empty", "`EXPOSE $M` without a port"),
        ("HEALTHCHECK --interval=0s CMD x", "healthcheck-zero", "`HEALTHCHECK --interval=0s`"),
        ("HEALTHCHECK --retries=0 CMD x", "healthcheck-zero", "`HEALTHCHECK --retries=0`"),
        ("WORKDIR $M", "workdir-empty", "the empty `WORKDIR $M`"),
        ("ADD --chown=1:2 a /", "copy-chown", "`ADD --chown`"),
        ("COPY --exclude=*.md a /", "copy-exclude", "`COPY --exclude`"),
        ("COPY --from=nginx:1 /a /", "copy-from-image", "`COPY --from=nginx:1`"),
        ("COPY --link a /", "copy-link", "`COPY --link`"),
        ("COPY --parents a /", "copy-parents", "`COPY --parents`"),
        ("ARG V=1.2\nENV V=${V%.*}", "expansion-pattern", "`${V%…}`"),
        ("ARG V\nLABEL v=${V-none}", "expansion-unset", "`${V-…}`"),
        ("ARG V=1\nENV V=${V:?missing}", "expansion-required", "`${V:?…}`"),
        ("HEALTHCHECK CMD x", "healthcheck", "`HEALTHCHECK`"),
        (
            "HEALTHCHECK --start-interval=1s CMD x",
            "healthcheck-start-interval",
            "`HEALTHCHECK --start-interval`",
        ),
        ("COPY <<robots.txt /\nx\nrobots.txt", "heredoc", "here-documents"),
        ("RUN <<EOF\nx\nEOF", "heredoc", "here-documents"),
        ("MAINTAINER me", "maintainer", "`MAINTAINER`"),
        ("RUN --mount=target=/x a", "mount-bind", "`RUN --mount=type=bind`"),
        ("ARG T=cache\nRUN --mount=type=$T,target=/x a", "mount-cache", "`RUN --mount=type=cache`"),
        ("RUN --mount=type=secret,id=a x", "mount-secret", "`RUN --mount=type=secret`"),
        (
            "RUN --mount=type=secret,id=a,env=A x",
            "mount-secret-env",
            "`RUN --mount=type=secret,env=…`",
        ),
        ("RUN --mount=type=ssh x", "mount-ssh", "`RUN --mount=type=ssh`"),
        ("RUN --mount=type=tmpfs,target=/x a", "mount-tmpfs", "`RUN --mount=type=tmpfs`"),
        ("ONBUILD RUN x", "onbuild", "`ONBUILD`"),
        ("ARG TARGETARCH", "platform-argument", "`ARG TARGETARCH`"),
        ("RUN x", "run", "`RUN`"),
        ("RUN --device=a.example/b=c x", "run-device", "`RUN --device`"),
        ("RUN --network=none x", "run-network", "`RUN --network`"),
        ("RUN --security=insecure x", "run-security", "`RUN --security`"),
        ('SHELL ["a"]', "shell", "`SHELL`"),
    ],
)
def test_needs_of_names_the_feature_of_each_instruction(line: str, feature: str, what: str) -> None:
    found = needs(f"FROM scratch\nUSER 1\n{line}\n").needs
    number = 3 + line.count("\n") * line.startswith(("ARG", "ENV U"))
    assert (feature, what, number) in [(need.feature, need.what, need.line) for need in found]


@pytest.mark.parametrize(
    ("text", "feature", "line"),
    [
        ("# syntax=docker/dockerfile:1.7@sha256:00\nFROM scratch", "syntax", 1),
        ("# syntax=acme/other\nFROM scratch", "frontend", 1),
        ("# check=skip=all\nFROM scratch", "check", 1),
        ("FROM alpine:3", "from-image", 1),
        ("FROM oci:vendor/base:1", "from-place", 1),
        ("FROM scratch\nCOPY --from=docker-daemon:base:1 / /", "from-place", 2),
        ("FROM scratch AS a\nFROM --platform=linux/arm64 scratch", "from-platform", 2),
        ("FROM --platform=$BUILDPLATFORM golang", "from-platform-argument", 1),
        ("FROM scratch AS a\nFROM scratch\nCOPY --from=a / /", "copy-from-stage", 3),
        ("FROM scratch AS a\nFROM scratch AS A", "stage-name-twice", 2),
        ("ARG K=x\nFROM scratch AS a-x\nFROM a-$K", "from-stage-argument", 3),
    ],
)
def test_needs_of_names_the_feature_of_each_dockerfile(text: str, feature: str, line: int) -> None:
    assert (feature, line) in [(need.feature, need.line) for need in needs(text).needs]


@pytest.mark.parametrize(
    "line",
    [
        "COPY a /",
        "COPY --link=false a /",
        "COPY a b /x/",
        "ADD a.git github.com/a/b /",
        "CMD x",
        "ENV A=b",
        "LABEL a=b",
        "EXPOSE 80",
        "VOLUME /a",
        "USER 1",
        "WORKDIR /a",
        "WORKDIR /a\nUSER 1\nWORKDIR /a",
        "USER root:1\nWORKDIR /a",
        "USER 1\nCOPY a /a/\nWORKDIR a",
        "CMD []",
        'ENTRYPOINT [""]',
        "STOPSIGNAL 9",
        "ENTRYPOINT x",
        "ARG A=1",
        "ARG TARGETARCH=amd64",
        "ENV A=\\${V%x}",
    ],
)
def test_instructions_that_every_builder_supports_need_no_feature(line: str) -> None:
    assert needs(f"FROM scratch\nENV V=1\n{line}\n").features == set()


@pytest.mark.parametrize(
    "lines",
    [
        "FROM x\nCOPY --chown=web:web a /",
        "FROM x\nCOPY --chown=$UNKNOWN: a /",
        "FROM scratch\nCOPY a /etc/\nCOPY --chown=web a /",
        "FROM scratch\nCOPY a /\nCOPY --chown=web:root a /",
        "FROM scratch\nCOPY --chown=4294967294 a /",
        "FROM scratch\nCOPY --parents --exclude=a/c --exclude=/a/b --exclude=b a/b ./a /",
        "FROM scratch\nCOPY --parents --exclude=a --exclude=!a/b a/b /",
        "FROM scratch\nCOPY --parents --exclude=a/b a/./b a/* . /",
        "FROM scratch\nCOPY --exclude=a a /",
    ],
)
def test_plain_owners_and_sources_need_only_the_flags(lines: str) -> None:
    assert needs(lines).features <= {"copy-chown", "copy-exclude", "copy-parents", "from-image"}


@pytest.mark.parametrize(
    "lines", ["", "ENV A=b\n", "USER 1\nCOPY --chown=0 --from=x nothing /\nFROM scratch\n"]
)
def test_a_name_in_chown_is_refused_where_the_image_is_empty(lines: str) -> None:
    error = refusal(f"FROM scratch\n{lines}COPY --chown=root:web a /")
    assert "names `web`, and the image has no" in str(error)
    assert "write numbers" in str(error.hint)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FROM scratch\nENV a=b\nWORKDIR /\nVOLUME /x", False),
        ("FROM scratch\nWORKDIR a", True),
        ("FROM scratch\nCOPY a /", True),
        ("FROM scratch\nRUN x", True),
        ("FROM x\nLABEL a=b", True),
        ("FROM scratch AS one\nADD a /\nFROM one\nLABEL a=b", True),
        ("FROM x AS one\nCOPY a /\nFROM scratch\nLABEL a=b", False),
        ("FROM scratch AS one\nONBUILD COPY a /\nFROM one", True),
    ],
)
def test_an_image_without_a_layer_is_found(text: str, found: bool) -> None:
    dockerfile = parse(text)
    assert has_layer(dockerfile, None, global_scope(dockerfile, {}, parse_platform("linux/amd64"))) is found


def test_every_feature_has_a_test() -> None:
    tested = {
        *(row[1] for row in test_needs_of_names_the_feature_of_each_instruction.pytestmark[0].args[1]),  # type: ignore[attr-defined]  # set by `parametrize`
        *(row[1] for row in test_needs_of_names_the_feature_of_each_dockerfile.pytestmark[0].args[1]),  # type: ignore[attr-defined]  # set by `parametrize`
    }
    assert tested | {"stage-index"} == FEATURES


class TestStages:
    FILE = (
        "FROM golang AS build\nRUN --mount=type=cache,target=/x make\n"
        "FROM alpine AS tools\nRUN --mount=type=bind,from=build,target=/y x\n"
        "FROM scratch AS app\nCOPY --link a /\n"
        "FROM app\nCOPY --from=tools /t /\n"
    )

    @pytest.mark.parametrize(
        ("target", "builds_all", "expected"),
        [
            ("app", False, {"copy-link"}),
            ("app", True, {"copy-link", "run", "from-image", "mount-cache", "mount-bind"}),
            ("tools", False, {"run", "from-image", "mount-cache", "mount-bind"}),
            ("build", True, {"run", "from-image", "mount-cache"}),
            (
                None,
                False,
                {"copy-link", "copy-from-stage", "run", "from-image", "mount-cache", "mount-bind"},
            ),
        ],
    )
    def test_only_stages_that_are_built_need_features(
        self, target: str | None, builds_all: bool, expected: set[str]
    ) -> None:
        assert needs(self.FILE, target=target, builds_all=builds_all).features == expected

    def test_the_base_stage_is_chosen_by_the_platform_and_by_build_arguments(self) -> None:
        text = (
            "ARG KIND=a\nFROM scratch AS a-amd64\nFROM scratch AS a-arm64\nRUN x\n"
            'FROM scratch AS b-amd64\nSHELL ["x"]\nFROM $KIND-$TARGETARCH'
        )
        assert needs(text).features == {"from-platform-argument", "from-stage-argument"}
        assert needs(text, KIND="a").features == {"from-platform-argument"}
        assert "run" in needs(text, platform="linux/arm64").features
        assert "shell" in needs(text, KIND="b").features

    def test_onbuild_triggers_need_features_in_the_stage_that_executes_them(self) -> None:
        text = "FROM scratch AS a\nONBUILD RUN x\nFROM a\nUSER 1\n"
        assert needs(text, target="a").features == {"onbuild"}
        assert needs(text).features == {"onbuild", "run"}

    def test_target_given_as_a_number_needs_the_feature_stage_index_and_a_name_needs_none(self) -> None:
        assert needs("FROM scratch\nFROM scratch\n", target="0").features == {"stage-index"}
        assert needs("FROM scratch AS a\n", target="A").features == set()

    def test_only_the_first_use_of_a_feature_is_reported(self) -> None:
        found = needs("FROM scratch AS x\nCOPY --link b /\nCOPY --link c /\nFROM x\nCOPY --link d /\n")
        assert [(need.line, need.text) for need in found.needs] == [(2, "COPY --link b /")]


@pytest.mark.parametrize(
    ("lines", "is_sure"),
    [
        ("COPY a b /etc", False),
        ("WORKDIR /srv/web\nCOPY a b /srv/web", True),
        ("WORKDIR /srv/web\nRUN x\nCOPY a b /srv", True),
        ("COPY a /data/\nCOPY b c /data", True),
        ("COPY a /data\nCOPY b c /data", False),
        ("COPY a b .", True),
        ("COPY a b /", True),
    ],
)
def test_several_sources_for_what_may_be_no_folder_are_a_feature(lines: str, is_sure: bool) -> None:
    assert ("copy-several-to-name" in needs(f"FROM a\n{lines}").features) is not is_sure


@pytest.mark.parametrize(
    ("value", "hint"),
    [("${B:?needed}", "give it a value: with `ARG`"), ("${B", "write a literal `$` as `\\$`")],
)
def test_hint_about_a_variable_fits_the_cause(value: str, hint: str) -> None:
    error = refusal(f"FROM scratch\nENV A={value}")
    assert (error.hint or "").startswith(hint)


class TestErrors:
    """Tests which errors in a Dockerfile are refused for every builder."""

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "FROM scratch AS a\nCOPY --from=b / /\nFROM scratch AS b\nFROM a",
                "Dockerfile:2: there is no earlier stage `b` to copy from",
            ),
            ("FROM scratch\nCOPY --from=1 / /", "Dockerfile:2: there is no earlier stage `1`"),
            (
                "FROM scratch AS a\nCOPY --from=a / /\nFROM scratch",
                "Dockerfile:2: there is no earlier stage `a`: it takes files from this stage",
            ),
            (
                "FROM a AS a\nRUN --mount=from=b,target=/b x\nFROM a AS b\nCOPY --from=+0 / /\nFROM c",
                "Dockerfile:2: there is no earlier stage `b`: it takes files from this stage",
            ),
            ("FROM --platform=linx/a/b/c a\nFROM scratch", "Dockerfile:1: `linx/a/b/c` is not a platform"),
            ("FROM --platform=$P a\nFROM scratch", "Dockerfile:1: `--platform=$P` is empty"),
            (f"FROM a@sha256:{'A' * 64}", "Dockerfile:1: the base `a@sha256:AAAA"),
            (f"FROM a@md5:{'a' * 32}", "Dockerfile:1: the base `a@md5:aaaa"),
            (f"FROM {'a' * 64}", "Dockerfile:1: the base `aaaa"),
            (f"FROM a/{'b' * 256}", "Dockerfile:1: the base `a/bbbb"),
            ("FROM a..b/c", "Dockerfile:1: the base `a..b/c` is not the name of an image"),
            ("FROM scratch\nCOPY --from=$B / /", "Dockerfile:2: `--from` takes no variable"),
            (
                "FROM scratch AS a\nRUN --mount=from=b,target=/x a\nFROM scratch AS b\nFROM a",
                "Dockerfile:2: there is no earlier stage `b` to mount",
            ),
            ("ARG A\nFROM $A", "Dockerfile:2: `FROM $A` names no image"),
            ("FROM scratch AS base\nFROM Base", "Dockerfile:2: the base `Base` is not the name of an image"),
            ("FROM 1-$X\nFROM scratch", "Dockerfile:1: the base `1-` is not the name of an image"),
            (
                "FROM scratch\nCOPY --from=Nginx:1 / /",
                "Dockerfile:2: the source `Nginx:1` is not the name of an image",
            ),
            (
                "FROM scratch\nRUN --mount=from=base$,target=/x a\nFROM scratch",
                "Dockerfile:2: the source `base$` is not the name of an image",
            ),
            (
                "FROM a AS scratch\nRUN --mount=type=cache,target=/x a",
                "Dockerfile:2: there is no earlier stage `scratch` to mount",
            ),
            (
                "FROM a AS scratch\nSTOPSIGNAL x\nFROM a\nRUN --mount=type=cache,target=/x a",
                "Dockerfile:2: `x` is not a signal",
            ),
            (
                "FROM a\nRUN --mount=typ=cache,target=$X a",
                "Dockerfile:2: `--mount=typ=cache,target=$X` cannot",
            ),
            ("FROM a\nCOPY --chmod=$ a b", "Dockerfile:2: `--chmod=$` is not a mode"),
            ("FROM a\nENV S=no\nSTOPSIGNAL $S", "Dockerfile:3: `no` is not a signal"),
            ("FROM a\nENV P=no\nEXPOSE $P", "Dockerfile:3: `no` is not a port"),
            ("FROM a\nENV E=\nVOLUME $E", "Dockerfile:3: a `VOLUME` is empty"),
            ("FROM a\nARG T=x\nRUN --mount=type=$T a", "Dockerfile:3: `--mount=type=$T` cannot be read"),
            (
                "FROM scratch\nRUN --mount=type=chache,target=/x a",
                "Dockerfile:2: `--mount=type=chache,target=/x` cannot be read: the type `chache`",
            ),
            (
                "FROM scratch\nRUN --mount=type=tmpfs x",
                "Dockerfile:2: `--mount=type=tmpfs` would hide the whole image",
            ),
            ("FROM a\nRUN --mount=target=/ x", "Dockerfile:2: `--mount=target=/` would hide the whole image"),
            (
                "FROM a\nWORKDIR /a\nRUN --mount=type=cache,target=.. x",
                "Dockerfile:3: `--mount=type=cache,target=..` would hide the whole image",
            ),
            (
                "FROM a\nRUN --mount=type=ssh,source=/s x",
                "Dockerfile:2: `--mount=type=ssh,source=/s`: `source` does not go with the type `ssh`",
            ),
            (
                "# syntax=docker/dockerfile:1\n# check=skip=all; error=true\nFROM a",
                "Dockerfile:2: `` is not an option",
            ),
            (
                "# check=error=maybe\nFROM a",
                "Dockerfile:1: `error=maybe` is not an option of `# check=error=maybe`",
            ),
            ("#!/x\n# check=skip\nFROM a", "Dockerfile:2: `skip` is not an option of `# check=skip`"),
            (
                "FROM a\nARG T=/\nRUN --mount=type=cache,target=$T x",
                "Dockerfile:3: `--mount=type=cache,target=$T` would hide the whole image",
            ),
            ("FROM a\nRUN []", "Dockerfile:2: `RUN []` has no command"),
            (
                "FROM a\nADD --checksum=sha256:00 b /",
                "Dockerfile:2: `--checksum` goes with one address or git repository",
            ),
            (
                "FROM a\nADD --checksum=sha256:00 https://a.example/b https://a.example/c /d/",
                "Dockerfile:2: `--checksum` goes with one address or git repository",
            ),
            (
                "FROM a\nADD --checksum=sha256:00 https://a.example/b /",
                "Dockerfile:2: `--checksum=sha256:00` is not a digest",
            ),
            (
                "FROM scratch\nARG U=https://a.example\nCOPY $U/b /",
                "Dockerfile:3: `COPY` does not download `https://a.example/b`",
            ),
            ("FROM a\nCOPY git@a.example:b /", "Dockerfile:2: `COPY` does not download `git@a.example:b`"),
            (
                "FROM a\nADD --checksum=ab https://a.example/b.git?commit=cd /",
                "Dockerfile:2: `https://a.example/b.git?commit=cd` and `--checksum` name two commits",
            ),
            (
                "FROM a\nADD --keep-git-dir https://a.example/b.git?keep-git-dir=0 /",
                "Dockerfile:2: `https://a.example/b.git?keep-git-dir=0` contradicts `--keep-git-dir`",
            ),
            ("FROM scratch\nCOPY --chmod=abc a /", "Dockerfile:2: `--chmod=abc` is not a mode"),
            ("FROM scratch\nEXPOSE 80 99999", "Dockerfile:2: `99999` is not a port: `EXPOSE 80 99999`"),
            ("FROM scratch\nSTOPSIGNAL SIGFOO", "Dockerfile:2: `SIGFOO` is not a signal"),
            ("FROM scratch\nVOLUME $A", "Dockerfile:2: a `VOLUME` is empty: `VOLUME $A`"),
            ("FROM scratch\nENV A=${B:?needed}", "Dockerfile:2: `B` has no value: needed"),
            ("FROM scratch\nLABEL A='b", "Dockerfile:2: a single quote is not closed"),
            ("FROM alpine\nWORKDIR ${A!b}", "Dockerfile:2: `!` is not supported"),
        ],
    )
    def test_error_that_no_builder_accepts_names_its_line(self, text: str, message: str) -> None:
        assert str(refusal(text)).startswith(message)

    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("ARG V\nFROM golang:${V}", "give `V` a value"),
            ("ARG V=1\nFROM --platform=$BUILDPLATFORM golang:$KIND-$V", "give `KIND` a value"),
            ("FROM scratch AS base\nFROM Base", "the stage is called `base`"),
            ("FROM https://ghcr.io/acme/app", "write it without `https://`"),
            ("FROM alpine@sha256:12", "a digest is `sha256:`"),
            ("FROM ghcr.io/Acme/app:V1", "lower case"),
            ("FROM alpine:{{tag}}", "write it like `alpine:3.22`"),
        ],
    )
    def test_the_hint_for_a_malformed_base_fits_its_cause(self, text: str, hint: str) -> None:
        assert hint in str(refusal(text).hint)

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ("?branch=a&tag=b", "several versions: `refs/heads/a`, `refs/tags/b`"),
            ("?ref=a#b", "several versions: `a`, `b`"),
            ("?subdir=a#main:b", "two folders: `b` and `a`"),
            ("?tag=a&tag=b", "`tag` stands twice"),
            ("?color=red", "`color` is not an option"),
            ("?ref", "`ref` has no value"),
            ("?submodules=maybe", "`submodules=maybe` is neither"),
            ("?mtime=now", "`mtime=now` is not known"),
        ],
    )
    def test_a_git_address_with_options_that_buildkit_refuses_is_an_error(
        self, options: str, reason: str
    ) -> None:
        assert reason in str(refusal(f"FROM a\nADD https://a.example/b.git{options} /b"))
        assert reason in str(refusal(f"FROM a\nADD git@a.example:b{options} /b"))

    @pytest.mark.parametrize(
        "line",
        [
            "ADD https://a.example/b.git?ref=c&subdir=d&keep-git-dir&mtime=commit#c:d /",
            "ADD --checksum=ab git@a.example:b?tag=refs/tags/v1#refs/tags/v1 /",
            "ADD https://a.example/b?color=red /",
            "ADD --checksum=$SUM a /",
            "RUN --mount=type=cache,target=/$T x",
            "COPY github.com/a/b HTTPS://c d.e@f:g /h/",
            "RUN --mount=type=tmpfs x",
            "RUN --mount=type=cache,target=. x",
            "RUN --mount=type=secret,id=a,target=/ x",
            "COPY $U /",
        ],
    )
    def test_what_buildkit_may_take_is_no_error(self, line: str) -> None:
        assert needs(f"FROM a\n{line}").features

    @pytest.mark.parametrize(
        "text",
        [
            "FROM scratch AS a\nCOPY --from=b / /\nFROM scratch AS b\nFROM scratch",
            "FROM scratch AS a\nCOPY --from=1 / /\nFROM a\nFROM scratch",
            "FROM scratch AS a\nRUN --mount=from=b,target=/b x\nFROM scratch AS b",
        ],
    )
    def test_a_stage_that_is_not_needed_may_name_a_later_one(self, text: str) -> None:
        assert needs(text).features == set()

    def test_a_system_alone_is_a_platform_with_the_architecture_of_the_building_machine(self) -> None:
        dockerfile = parse("FROM --platform=linux a")
        scope = global_scope(dockerfile, {}, parse_platform("linux/arm64"), parse_platform("linux/386"))
        found = stage_platform(dockerfile, dockerfile.stages[0], scope, parse_platform("linux/arm64"))
        assert str(found) == "linux/386"

    def test_required_variables_that_a_base_image_may_set_are_not_an_error(self) -> None:
        assert needs("FROM alpine\nEXPOSE $P ${P:?}\nSTOPSIGNAL $S\nVOLUME $V").features == {
            "expansion-required",
            "from-image",
        }
        assert needs("FROM alpine\nENV A=${PATH:?}\nRUN --mount=type=$KIND,target=/x a").features == {
            "expansion-required",
            "from-image",
            "run",
        }

    def test_in_a_stage_that_is_not_needed_an_unset_env_variable_is_accepted_and_an_empty_from_refused(
        self,
    ) -> None:
        assert needs("FROM scratch\nENV A=${B:?}\nFROM scratch\n").features == set()
        assert "names no image" in str(refusal("FROM $B\nFROM scratch\n"))


def test_error_for_a_missing_feature_names_the_builder_and_a_remedy() -> None:
    found = needs("FROM scratch\nCOPY <<EOF /\nEOF\nRUN x\n")
    found.require(frozenset({"heredoc", "run"}), "the builder `b`")
    with pytest.raises(BuildError) as caught:
        found.require(frozenset({"heredoc"}), "the builder `b`")
    assert str(caught.value) == "Dockerfile:4: the builder `b` does not support `RUN`"
    assert caught.value.hint == "use `builder: docker`, or make the files before the build and `COPY` them"


@pytest.mark.parametrize(
    "text",
    [
        "FROM scratch\nWORKDIR /b\nCOPY {} a/ c",
        "FROM scratch\nWORKDIR /b/c\nCOPY {} a/ /b/c/",
        "FROM scratch\nCOPY x /b/c\nCOPY {} a/ /b/c/d/",
        "FROM scratch AS x\nCOPY a /b/c/\nFROM x\nCOPY {} a/ /b/c/",
        "FROM scratch\nADD x.tgz /\nCOPY {} a/ /b/c/",
        "FROM scratch\nRUN x\nCOPY {} a/ /b/c/",
        "FROM busybox\nCOPY {} a/ /b/c/",
        "FROM scratch\nCOPY {} a/ /",
    ],
)
def test_copying_into_a_folder_that_may_exist_needs_no_new_folder_feature(text: str) -> None:
    found = needs(text.format("--chown=1 --chmod=640")).features
    assert not found & {"copy-chown-new-folder", "copy-chmod-new-folder"}


def test_new_folders_of_root_files_or_with_the_usual_mode_need_no_new_folder_feature() -> None:
    text = "FROM scratch\nCOPY --chown=0:1 a/ /b/c/\nCOPY --chown=1 a /d/e\nCOPY --chmod=0755 a /f/g"
    assert needs(text).features == {"copy-chown", "copy-chmod"}
