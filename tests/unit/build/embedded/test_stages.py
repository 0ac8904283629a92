from __future__ import annotations

import pytest

from tests.support.stages import build, refusal

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class TestConfig:
    @pytest.mark.parametrize(
        ("lines", "folder"),
        [
            ("WORKDIR /a/./b//c/", "/a/./b//c/"),
            ("WORKDIR /a/./b//c/\nWORKDIR ../d", "/a/b/d"),
            ("WORKDIR a/", "/a"),
            ("WORKDIR /", "/"),
        ],
    )
    def test_an_absolute_working_folder_is_kept_as_it_is_written(self, lines: str, folder: str) -> None:
        assert build(f"FROM scratch\n{lines}").config.working_dir == folder

    def test_an_image_from_scratch_has_dockers_default_path_and_no_user_folder_or_command(self) -> None:
        config = build("FROM scratch\nCOPY app /").config
        assert config.env == {"PATH": PATH}
        assert (config.user, config.working_dir, config.entrypoint, config.command) == ("", "", None, None)

    def test_instructions_set_the_config_with_which_a_container_starts(self) -> None:
        config = build(
            "FROM scratch\n"
            'ENV PATH=/app:$PATH MODE="a b"\nLABEL one=1 two="2 $MODE"\nUSER 1000:1001\nEXPOSE 80 53/udp 90-91\n'
            'VOLUME ["/data", "/x"]\nSTOPSIGNAL SIGQUIT\nENTRYPOINT ["/app"]\nCMD ["serve"]\n'
        ).config
        assert config.env == {"PATH": f"/app:{PATH}", "MODE": "a b"}
        assert config.labels == {"one": "1", "two": "2 a b"}
        assert config.user == "1000:1001"
        assert config.ports == ("80/tcp", "53/udp", "90/tcp", "91/tcp")
        assert config.volumes == ("/data", "/x")
        assert config.stop_signal == "SIGQUIT"
        assert (config.entrypoint, config.command) == (("/app",), ("serve",))

    def test_all_values_of_one_env_use_the_variables_before_it(self) -> None:
        assert build("FROM scratch\nENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc").config.env == {
            "PATH": PATH,
            "abc": "bye",
            "def": "hello",
            "ghi": "bye",
        }

    def test_shell_form_is_run_by_the_last_shell_instruction(self) -> None:
        config = build('FROM scratch\nCMD a b\nSHELL ["/bin/ash", "-ec"]\nENTRYPOINT c').config
        assert config.command == ("/bin/sh", "-c", "a b")
        assert config.entrypoint == ("/bin/ash", "-ec", "c")
        assert config.shell == ("/bin/ash", "-ec")

    def test_an_entrypoint_clears_an_inherited_command_but_not_its_own(self) -> None:
        inherited = build('FROM scratch AS a\nCMD ["x"]\nFROM a\nENTRYPOINT ["y"]').config
        own = build('FROM scratch\nCMD ["x"]\nENTRYPOINT ["y"]').config
        assert inherited.command is None
        assert own.command == ("x",)

    def test_healthcheck_times_are_nanoseconds(self) -> None:
        image = build("FROM scratch\nHEALTHCHECK --interval=1m30s --timeout=1.5s --retries=2 CMD test -f /x")
        assert image.config.healthcheck == {
            "Test": ["CMD-SHELL", "test -f /x"],
            "Interval": 90_000_000_000,
            "Timeout": 1_500_000_000,
            "Retries": 2,
        }
        assert build("FROM scratch\nHEALTHCHECK NONE").config.healthcheck == {"Test": ["NONE"]}

    def test_history_has_a_step_for_every_instruction_and_marks_those_without_a_layer(self) -> None:
        image = build("FROM scratch\nARG A=1\nCOPY app /\nUSER 1", given={"A": "secret"})
        assert [(step.created_by, step.empty) for step in image.history] == [
            ("ARG A=1", True),
            ("COPY app /", False),
            ("USER 1", True),
        ]


class TestVariables:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("ARG A\nFROM scratch\nENV V=x$A", "x"),
            ("ARG A=outer\nFROM scratch\nENV V=x$A", "x"),
            ("ARG A=outer\nFROM scratch\nARG A\nENV V=x$A", "xouter"),
            ("ARG A=outer\nFROM scratch\nARG A=inner\nENV V=x$A", "xinner"),
            ("FROM scratch\nARG A=inner\nENV A=env\nENV V=x$A", "xenv"),
            ("FROM scratch\nENV A=env\nARG A=inner\nENV V=x$A", "xinner"),
            ("ARG B=b\nARG A=$B-c\nFROM scratch\nARG A\nENV V=x$A", "xb-c"),
            ("FROM scratch AS a\nARG A=1\nFROM a\nENV V=x$A", "x1"),
            ("FROM scratch AS a\nARG A=1\nFROM scratch\nENV V=x$A", "x"),
            ("FROM scratch\nARG TARGETARCH\nENV V=$TARGETARCH", "arm"),
            ("FROM scratch\nENV V=x$TARGETARCH", "x"),
            (
                "FROM scratch\nARG TARGETPLATFORM TARGETVARIANT\nENV V=$TARGETPLATFORM-$TARGETVARIANT",
                "linux/arm/v7-v7",
            ),
        ],
    )
    def test_build_arguments_are_visible_in_stages_that_declare_them_and_those_based_on_these(
        self, text: str, value: str
    ) -> None:
        assert build(text, platform="linux/arm/v7").config.env["V"] == value

    def test_a_given_build_argument_overrides_every_default(self) -> None:
        text = "ARG A=outer\nFROM scratch\nARG A=inner\nENV V=$A"
        assert build(text, given={"A": "given"}).config.env["V"] == "given"

    def test_the_image_of_from_may_be_a_variable(self) -> None:
        text = "ARG BASE=one\nFROM scratch AS one\nENV V=1\nFROM scratch AS two\nENV V=2\nFROM $BASE"
        assert build(text).config.env["V"] == "1"
        assert build(text, given={"BASE": "two"}).config.env["V"] == "2"

    def test_a_required_variable_without_a_value_is_refused_with_its_line(self) -> None:
        assert (
            str(refusal('FROM scratch\n\nENV A="${B:?say it}"')) == "Dockerfile:3: `B` has no value: say it"
        )


class TestStages:
    def test_only_stages_that_the_target_needs_are_built(self) -> None:
        text = "FROM golang AS builder\nRUN make\nFROM scratch AS app\nCOPY app /\nFROM app\nUSER 1"
        assert build(text).config.user == "1"
        assert build(text, target="app").config.user == ""
        assert build(text, target="APP").config.user == ""

    @pytest.mark.parametrize(
        ("text", "message", "hint"),
        [
            (
                "FROM scratch\nRUN make",
                "Dockerfile:2: the builder `layers` does not support `RUN`",
                "use `builder: docker`",
            ),
            (
                "FROM scratch\nADD https://x/y /",
                "Dockerfile:2: the builder `layers` does not support `ADD` of an address",
                "fetch",
            ),
            ("FROM $NOTHING\nCOPY app /", "Dockerfile:1: `FROM $NOTHING` names no image", "variable"),
            ("FROM scratch AS a\nCOPY --from=a /a /", "Dockerfile:2: there is no earlier stage `a`", "above"),
            (
                "FROM scratch\nCOPY --from=0 /a /",
                "Dockerfile:2: there is no earlier stage `0`",
                "above",
            ),
            (
                "FROM scratch\nCOPY --from=7 /a /",
                "Dockerfile:2: there is no earlier stage `7`",
                "above",
            ),
            (
                "FROM scratch\nMAINTAINER me",
                "Dockerfile:2: the builder `layers` does not support `MAINTAINER`",
                "image.authors=",
            ),
            (
                "FROM scratch AS a\nONBUILD RUN make\nFROM a\nCOPY app /",
                "Dockerfile:2: the builder `layers` does not support `RUN`",
                "docker",
            ),
            (
                "FROM scratch AS a\nONBUILD COPY --from=x a /\nFROM a\nCOPY app /",
                "Dockerfile:2: the builder `layers` does not support `ONBUILD COPY --from`",
                "docker",
            ),
            ("FROM scratch\nEXPOSE 99999", "Dockerfile:2: `99999` is not a port", "8080"),
            ("FROM scratch\nSTOPSIGNAL 1x", "Dockerfile:2: `1x` is not a signal", "SIGTERM"),
            (
                "FROM scratch\nHEALTHCHECK --interval=x CMD a",
                "Dockerfile:2: `--interval=x`: `x` is not a duration",
                "30s",
            ),
        ],
    )
    def test_instruction_that_builder_layers_does_not_support_is_refused_with_an_alternative(
        self, text: str, message: str, hint: str
    ) -> None:
        error = refusal(text)
        assert str(error).startswith(message)
        assert hint in str(error.hint)

    def test_add_of_a_url_in_a_variable_is_refused(self) -> None:
        error = refusal("FROM scratch\nARG U=https://x.example/y\nADD $U /")
        assert "does not support `ADD` of an address" in str(error)

    def test_a_last_stage_for_another_platform_is_refused(self) -> None:
        one = "FROM --platform=linux/arm64 scratch AS one\nCOPY app /\n"
        text = f"{one}FROM --platform=$TARGETPLATFORM scratch\nCOPY app /"
        assert build(text).layers
        error = refusal(text, target="one")
        assert str(error) == "Dockerfile:1: `FROM --platform=linux/arm64`, but the build is for `linux/amd64`"
        assert build(text, target="one", platform="linux/arm64").layers

    def test_an_unknown_target_is_refused_with_the_names_that_exist(self) -> None:
        error = refusal("FROM scratch AS one\nFROM scratch AS two", target="three")
        assert (str(error), error.hint) == ("`Dockerfile` has no stage `three`", "it has `one`, `two`")


class TestLimits:
    """Dockerfiles that would fill the memory or take very long are refused."""

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "FROM scratch\nENV A=aaaaaaaa\n" + "ENV A=$A$A\n" * 60,
                "Dockerfile:20: variables expand one operand",
            ),
            (
                f"FROM scratch\nENV A={'a' * 62_500}\nENV A={'$A' * 8}\n"
                + "".join(f"ENV B{n}=$A\n" for n in range(100)),
                "Dockerfile:36: the file's variables grow to more than",
            ),
            (
                f"FROM scratch AS s\nENV A={'a' * 62_500}\nENV A={'$A' * 8}\n"
                + "FROM s AS s\nENV B=$A\n" * 100,
                "the file's variables grow to more than",
            ),
            ("FROM scratch\n" + "ENV A=1\n" * 10_000, "Dockerfile:10001: more than 10000 instructions"),
            ("FROM scratch\nENV A=" + "${A:-" * 100 + "}" * 100, "`${` is nested more than 64 deep"),
            (
                "FROM scratch\nENV A=1\nENV A=" + "${A:+" * 5000 + "}" * 5000,
                "is nested more than 64 deep",
            ),
            (f"FROM scratch\nCOPY --from={'9' * 5000} / /", "Dockerfile:2: "),
            (
                "FROM scratch\nCOPY <<EOF <<-'FROM scratch\nCOPY <<EOF <<-'B' /x/\nlinB' /x/\nline $A\nEOF",
                "Dockerfile:",
            ),
        ],
    )
    def test_dockerfiles_above_the_limits_are_refused_with_their_line(self, text: str, message: str) -> None:
        error = refusal(text)
        assert message in str(error)
        assert error.hint

    def test_a_user_with_thousands_of_digits_causes_no_error(self) -> None:
        assert build(f"FROM scratch\nUSER {'9' * 5000}\nWORKDIR /w").config.working_dir == "/w"
