from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.build.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Command,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    OnBuild,
    Pair,
    Run,
    Shell,
    Volume,
)
from release.build.dockerfile.parser import parse
from release.errors import BuildError, ReleaseError


def first(text: str) -> object:
    return parse(f"FROM scratch\n{text}").stages[0].instructions[0]


def refusal(text: str) -> str:
    with pytest.raises(BuildError) as caught:
        parse(text)
    return str(caught.value)


def test_instructions_keep_their_line_numbers() -> None:
    file = parse(
        "# a comment\n\nARG A=1\nFROM scratch AS Base\n\nRUN one \\\n  # inside\n\n  two\nFROM base\nUSER 1\n"
    )
    assert [(each.keyword, each.line, each.end_line) for each in file.instructions] == [
        ("ARG", 3, 3),
        ("FROM", 4, 4),
        ("RUN", 6, 9),
        ("FROM", 10, 10),
        ("USER", 11, 11),
    ]
    assert file.arguments[0].names == ("A",)
    assert [stage.name for stage in file.stages] == ["base", None]


def test_a_continued_line_is_one_text_without_comments() -> None:
    run = first("RUN a && \\  \n  # why\n  b")
    assert isinstance(run, Run)
    assert run.text == "RUN a &&   b"
    assert run.command == Command(words=("a &&   b",), form="shell")


def test_an_escaped_backslash_at_the_end_of_a_line_does_not_continue_it() -> None:
    file = parse("FROM scratch\nRUN echo \\\\\nUSER 1\n")
    assert [each.keyword for each in file.stages[0].instructions] == ["RUN", "USER"]


def test_a_continuation_at_the_end_of_the_file_ends_the_instruction() -> None:
    assert parse("FROM scratch \\").stages[0].base.image == "scratch"


def test_windows_line_ends_and_a_byte_order_mark_are_not_part_of_words() -> None:
    file = parse("\N{ZERO WIDTH NO-BREAK SPACE}FROM scratch\r\nCMD a \\\r\n b\r\n")
    assert file.stages[0].base.image == "scratch"
    assert file.stages[0].instructions[0].text == "CMD a  b"


@pytest.mark.parametrize(
    ("text", "syntax", "escape"),
    [
        ("# syntax=docker/dockerfile:1\nFROM a", "docker/dockerfile:1", "\\"),
        ("#syntax = x\n# escape = `\nFROM a", "x", "`"),
        ("# check=skip=all\n# escape=`\nFROM a", None, "`"),
        ("# hello\n# syntax=x\nFROM a", None, "\\"),
        ("\n# syntax=x\nFROM a", None, "\\"),
        ("# unknown=1\n# escape=`\nFROM a", None, "\\"),
    ],
)
def test_directives_count_only_at_the_start_of_the_file(text: str, syntax: str | None, escape: str) -> None:
    file = parse(text)
    assert (file.syntax, file.escape) == (syntax, escape)


def test_the_escape_directive_changes_continuation() -> None:
    run = parse("# escape=`\nFROM a\nRUN dir C:\\ `\n  next").stages[0].instructions[0]
    assert run.text == "RUN dir C:\\   next"


def test_heredocs_are_parsed_with_their_bodies() -> None:
    file = parse(
        "FROM scratch\nCOPY <<EOF <<-'RAW' /etc/\nhi $X\nEOF\n\tindented\n\tRAW\n"
        'RUN cat <<"A" && echo\nx\nA\nUSER 1\n'
    )
    copy, run, user = file.stages[0].instructions
    assert isinstance(copy, Copy)
    assert isinstance(run, Run)
    assert [(each.name, each.body, each.expand) for each in copy.heredocs] == [
        ("EOF", "hi $X\n", True),
        ("RAW", "indented\n", False),
    ]
    assert (copy.line, copy.end_line) == (2, 6)
    assert [each.body for each in run.heredocs] == ["x\n"]
    assert user.line == 10


@pytest.mark.parametrize("text", ["RUN echo '<<EOF'", "RUN cat <<<EOF", "RUN echo $((1<<2))", "CMD <<EOF"])
def test_a_word_that_only_resembles_a_heredoc_is_not_one(text: str) -> None:
    assert not getattr(first(text), "heredocs", ())


def test_exec_form_and_shell_form_are_distinguished() -> None:
    assert first('CMD ["a", "b c"]') == Cmd(
        line=2, end_line=2, text='CMD ["a", "b c"]', command=Command(words=("a", "b c"), form="exec")
    )
    shell = first("ENTRYPOINT [a, b]")
    assert isinstance(shell, Entrypoint)
    assert shell.command == Command(words=("[a, b]",), form="shell")


def test_flags_come_before_operands() -> None:
    copy = first("COPY --chown=1:2 --from=base --link a b /c/")
    assert isinstance(copy, Copy)
    assert (copy.sources, copy.destination) == (("a", "b"), "/c/")
    assert (copy.flag("chown"), copy.flag("from"), copy.flag("link"), copy.flag("chmod")) == (
        "1:2",
        "base",
        "",
        None,
    )


def test_json_operands_may_hold_spaces() -> None:
    add = first('ADD ["a b", "/c d/"]')
    assert isinstance(add, Add)
    assert (add.sources, add.destination) == (("a b",), "/c d/")
    volume = first('VOLUME ["/data", "/x y"]')
    assert isinstance(volume, Volume)
    assert volume.paths == ("/data", "/x y")


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("ENV a=1 b='2 3' c=\\ x", [("a", "1"), ("b", "'2 3'"), ("c", "\\ x")]),
        ("ENV a one two", [("a", "one two")]),
        ('ENV a="x=y"', [("a", '"x=y"')]),
        ("ENV a=", [("a", "")]),
    ],
)
def test_env_with_and_without_an_equals_sign_is_parsed(text: str, pairs: list[tuple[str, str]]) -> None:
    env = first(text)
    assert isinstance(env, Env)
    assert [(pair.key, pair.value) for pair in env.pairs] == pairs


def test_label_and_arg_and_expose_keep_what_is_written() -> None:
    label = first('LABEL "a.b"="c d"')
    assert isinstance(label, Label)
    assert label.pairs == (Pair(key='"a.b"', value='"c d"'),)
    arg = first("ARG a b=1 c=")
    assert isinstance(arg, Arg)
    assert arg.names == ("a", "b", "c")
    assert arg.pairs == (("a", None), ("b", "1"), ("c", ""))
    expose = first("EXPOSE 80 $PORT/udp")
    assert isinstance(expose, Expose)
    assert expose.ports == ("80", "$PORT/udp")


def test_healthcheck_shell_and_onbuild_are_parsed() -> None:
    check = first('HEALTHCHECK --interval=5s CMD ["/a"]')
    assert isinstance(check, Healthcheck)
    assert check.command == Command(words=("/a",), form="exec")
    none = first("HEALTHCHECK NONE")
    assert isinstance(none, Healthcheck)
    assert none.command is None
    shell = first('SHELL ["/bin/ash", "-c"]')
    assert isinstance(shell, Shell)
    assert shell.words == ("/bin/ash", "-c")
    onbuild = first("ONBUILD COPY . /app")
    assert isinstance(onbuild, OnBuild)
    assert isinstance(onbuild.trigger, Copy)


def test_from_takes_a_platform_and_a_name() -> None:
    base = parse("FROM --platform=$BUILDPLATFORM golang:1.22 as Build").stages[0].base
    assert isinstance(base, From)
    assert (base.image, base.name, base.flag("platform")) == ("golang:1.22", "build", "$BUILDPLATFORM")


def test_stages_are_found_by_name_and_number() -> None:
    file = parse("FROM a AS one\nFROM b\n")
    assert file.stage("ONE") is file.stages[0]
    assert file.stage("1") is file.stages[1]
    assert file.stage("2") is None
    assert file.stage("two") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "`Dockerfile` has no `FROM`"),
        ("ARG A=1\n", "`Dockerfile` has no `FROM`"),
        (
            "COPY a b\nFROM a",
            "Dockerfile:1: `COPY` stands before the first `FROM`: `COPY a b`",
        ),
        ("FROM a\n\nCOPPY a b", "Dockerfile:3: unknown instruction `COPPY`: `COPPY a b`"),
        ("FROM a\nCOPY a", "Dockerfile:2: `COPY` needs a source and a destination: `COPY a`"),
        (
            "FROM a\nCOPY a <<EOF\nEOF",
            "Dockerfile:2: `COPY` needs a destination behind the here-document: `COPY a <<EOF`",
        ),
        ("FROM a b", "Dockerfile:1: `FROM` takes an image, or `image AS name`: `FROM a b`"),
        ("FROM a AS 1x", "Dockerfile:1: `1x` cannot name a stage: `FROM a AS 1x`"),
        ("FROM a\nENV x", "Dockerfile:2: `ENV x` has no value"),
        ("FROM a\nENV a=1 b", "Dockerfile:2: `b` is not `name=value`: `ENV a=1 b`"),
        ("FROM a\nARG =2", "Dockerfile:2: `=2` has no name in front of `=`: `ARG =2`"),
        ("FROM a\nSHELL a", "Dockerfile:2: `SHELL` takes its words in JSON form: `SHELL a`"),
        ("FROM a\nCMD [1]", "Dockerfile:2: only strings may stand in the brackets of `CMD`: `CMD [1]`"),
        (
            "FROM a\nHEALTHCHECK a",
            "Dockerfile:2: `HEALTHCHECK` takes `CMD command` or `NONE`: `HEALTHCHECK a`",
        ),
        ("FROM a\nVOLUME []", "Dockerfile:2: a `VOLUME` is empty: `VOLUME []`"),
        ("FROM a\nONBUILD FROM b", "Dockerfile:2: `ONBUILD FROM` is not allowed: `ONBUILD FROM b`"),
        ("FROM a\nWORKDIR", "Dockerfile:2: `WORKDIR` needs an operand"),
        ("FROM a\nRUN cat <<EOF\nx\n", "Dockerfile:2: the here-document `EOF` has no end: `RUN cat <<EOF`"),
        ("FROM a\nRUN a << b", "Dockerfile:2: the here-document `b` has no end: `RUN a << b`"),
        (
            "FROM a\nRUN " + "x" * 65532,
            "Dockerfile:2: the line is longer than 65,535 bytes, the most that builders read",
        ),
        (
            "FROM a\nRUN \\\n echo " + "x" * 200 + " <<EOF",
            "Dockerfile:2: the here-document `EOF` has no end: `RUN echo " + "x" * 111 + "…`",
        ),
        ("# escape=x\nFROM a", "Dockerfile:1: `x` cannot be the escape character"),
        ("# check=a\n# check=b\nFROM a", "Dockerfile:2: the directive `check` stands twice: `# check=b`"),
    ],
)
def test_error_for_invalid_dockerfile_syntax_names_the_line(text: str, message: str) -> None:
    assert refusal(text) == message


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("COPY --form=a b c", "`COPY` has no flag `--form`", "did you mean `--from`?"),
        ("ADD --from=a b c", "`ADD` has no flag `--from`", "`ADD` has `--checksum`, `--chmod`, `--chown`, "),
        ("RUN --mont=type=cache x", "`RUN` has no flag `--mont`", "did you mean `--mount`?"),
        ("CMD --x", "`CMD` has no flag `--x`", "write `CMD -- --x …`"),
        ("HEALTHCHECK --intervall=1s CMD x", "`HEALTHCHECK` has no flag `--intervall`", "`--interval`"),
        ("COPY --link --link a b", "the flag `--link` stands twice", "remove"),
        ("COPY --link=maybe a b", "`--link=maybe` is neither `true` nor `false`", "`--link`"),
        ("COPY --chown a b", "the flag `--chown` has no value", "write `--chown=…`"),
        ("RUN --network=lan x", "`--network=lan` is not known", "`default`, `none`, `host`"),
        ("RUN --security=none x", "`--security=none` is not known", "`sandbox`, `insecure`"),
        (
            "RUN --mount=from=$B,target=/x x",
            "`--mount=from=$B,target=/x` cannot be read: `from` takes no variable",
            "",
        ),
        ("RUN --mount= x", "`--mount=` cannot be read: it is empty", ""),
        ("HEALTHCHECK --interval=1 CMD x", "`--interval=1`: `1` is not a duration", "`30s`"),
        ("HEALTHCHECK --timeout=1us CMD x", "`--timeout=1us` is less than a millisecond", "`30s`"),
        ("HEALTHCHECK --retries=-1 CMD x", "`--retries=-1` is not a number", "`--retries=3`"),
    ],
)
def test_flags_that_no_builder_takes_are_refused(text: str, message: str, hint: str) -> None:
    with pytest.raises(BuildError) as caught:
        parse(f"FROM a\n{text}")
    assert str(caught.value).startswith(f"Dockerfile:2: {message}")
    assert str(caught.value).endswith(f": `{text}`")
    assert hint in str(caught.value.hint or "")


@pytest.mark.parametrize(
    ("opening", "end", "name", "expand"),
    [
        ("<<robots.txt", "robots.txt", "robots.txt", True),
        ("<<etc/app.conf", "etc/app.conf", "etc/app.conf", True),
        ("<< EOF", "EOF", "EOF", True),
        ("<<E'O'F", "EOF", "EOF", False),
        ("<<E\\OF", "EOF", "EOF", True),
    ],
)
def test_a_heredoc_may_have_any_word_as_its_name(opening: str, end: str, name: str, expand: bool) -> None:
    run = first(f"RUN cat {opening}\n$A\n{end}\n")
    assert isinstance(run, Run)
    assert [(each.name, each.body, each.expand) for each in run.heredocs] == [(name, "$A\n", expand)]


def test_an_onbuild_trigger_may_have_a_heredoc() -> None:
    onbuild = first("ONBUILD COPY <<a.txt /\n1\na.txt\n")
    assert isinstance(onbuild, OnBuild)
    assert isinstance(onbuild.trigger, Copy)
    assert [each.body for each in onbuild.trigger.heredocs] == ["1\n"]


def test_a_heredoc_keeps_the_line_ends_of_the_file() -> None:
    copy = first("COPY <<EOF /x\r\na\r\nEOF\r\n")
    assert isinstance(copy, Copy)
    assert copy.heredocs[0].body == "a\r\n"


def test_words_after_a_double_dash_are_not_flags() -> None:
    run = first("RUN --network=none -- --x")
    assert isinstance(run, Run)
    assert (run.command.words, run.flag("network")) == (("--x",), "none")


def test_a_boolean_flag_may_be_set_to_false() -> None:
    states = [first(f"COPY {flag} a b") for flag in ("--link", "--link=TRUE", "--link=false", "")]
    assert [copy.is_set("link") for copy in states if isinstance(copy, Copy)] == [True, True, False, False]


def test_an_unknown_instruction_hints_at_a_similar_one() -> None:
    with pytest.raises(BuildError) as caught:
        parse("FROM a\nENTRPOINT a")
    assert caught.value.hint == "did you mean `ENTRYPOINT`?"


@given(st.text(alphabet="FROM ARGCOPYNV=\\\"'[]<->$#\n\tab1{}`", max_size=80))
def test_any_dockerfile_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(ReleaseError):
        parse(text)
