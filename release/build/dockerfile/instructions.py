"""The values that a Dockerfile is parsed into. Operands are kept as written; a builder expands their variables.

Source: the Dockerfile reference; where it leaves cases open, what is common to the classic builder and BuildKit.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from release.digits import number_in


class Heredoc(msgspec.Struct, frozen=True, kw_only=True):
    """A here-document. `body`: the lines of the here-document with their line ends, leading tabs removed for `<<-`.

    `expand`: whether variables in the body are replaced; False if the name is quoted (`<<'EOF'`). `word`: the word
    that opens it (`<<-EOF`), which is also one of the sources of a `COPY`.
    """

    name: str
    body: str
    expand: bool = True
    word: str = ""


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """`--name=value` in front of the operands; `value` is None where there is no `=`."""

    name: str
    value: str | None = None


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """The common fields of instructions. `line`, `end_line`: first and last physical line, counted from 1.

    `text`: the instruction on one line, as written, without comments; the image's history contains it.
    """

    line: int
    end_line: int
    text: str
    flags: tuple[Flag, ...] = ()

    @property
    def keyword(self) -> str:
        """`COPY`, `RUN`, ... in upper case."""
        return type(self).__name__.upper()

    def flag(self, name: str) -> str | None:
        """The value of the last flag called `name`, "" when it stands without a value, None when it is not there."""
        values = self.flag_values(name)
        return values[-1] if values else None

    def flag_values(self, name: str) -> tuple[str, ...]:
        """The values of every flag called `name`, in order."""
        return tuple(flag.value or "" for flag in self.flags if flag.name == name)

    def is_set(self, name: str) -> bool:
        """Whether a flag like `--link` is present with a value other than `false`."""
        value = self.flag(name)
        return value is not None and value.lower() != "false"


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """`key=value`, both as written, quotes included."""

    key: str
    value: str


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command line: its words in exec form, one text in shell form."""

    words: tuple[str, ...]
    form: Literal["exec", "shell"]


class From(Instruction, frozen=True, kw_only=True):
    """`FROM image [AS name]`."""

    image: str
    name: str | None = None


class Arg(Instruction, frozen=True, kw_only=True):
    """`ARG name[=default] ...`. `pairs`: name and default as written, None where there is none."""

    pairs: tuple[tuple[str, str | None], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the `ARG` declares."""
        return tuple(name for name, _ in self.pairs)

    @property
    def defaults(self) -> tuple[Pair, ...]:
        """The names that have a default, with their defaults."""
        return tuple(Pair(key=name, value=default) for name, default in self.pairs if default is not None)


class Env(Instruction, frozen=True, kw_only=True):
    """`ENV key=value ...`, or the old `ENV key value`."""

    pairs: tuple[Pair, ...]


class Label(Instruction, frozen=True, kw_only=True):
    """`LABEL key=value ...`."""

    pairs: tuple[Pair, ...]


class Copy(Instruction, frozen=True, kw_only=True):
    """`COPY source ... destination`. A here-document's opening stands among the sources and is its `word`."""

    sources: tuple[str, ...]
    destination: str
    heredocs: tuple[Heredoc, ...] = ()


class Add(Instruction, frozen=True, kw_only=True):
    """`ADD source ... destination`."""

    sources: tuple[str, ...]
    destination: str
    heredocs: tuple[Heredoc, ...] = ()


class Run(Instruction, frozen=True, kw_only=True):
    """`RUN command`."""

    command: Command
    heredocs: tuple[Heredoc, ...] = ()


class Entrypoint(Instruction, frozen=True, kw_only=True):
    """`ENTRYPOINT command`."""

    command: Command


class Cmd(Instruction, frozen=True, kw_only=True):
    """`CMD command`."""

    command: Command


class Shell(Instruction, frozen=True, kw_only=True):
    """`SHELL ["executable", "parameter"]`."""

    words: tuple[str, ...]


class Healthcheck(Instruction, frozen=True, kw_only=True):
    """`HEALTHCHECK [options] CMD command`; `command` is None for `HEALTHCHECK NONE`."""

    command: Command | None


class Workdir(Instruction, frozen=True, kw_only=True):
    """`WORKDIR path`."""

    path: str


class User(Instruction, frozen=True, kw_only=True):
    """`USER name-or-id[:group]`."""

    user: str


class Expose(Instruction, frozen=True, kw_only=True):
    """`EXPOSE port[/protocol] ...`."""

    ports: tuple[str, ...]


class Volume(Instruction, frozen=True, kw_only=True):
    """`VOLUME path ...`."""

    paths: tuple[str, ...]


class StopSignal(Instruction, frozen=True, kw_only=True):
    """`STOPSIGNAL signal`."""

    signal: str


class OnBuild(Instruction, frozen=True, kw_only=True):
    """`ONBUILD instruction`: executed when another image is built `FROM` the image of this Dockerfile."""

    trigger: Instruction


class Maintainer(Instruction, frozen=True, kw_only=True):
    """`MAINTAINER name`: deprecated for the label `org.opencontainers.image.authors`."""

    name: str


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One `FROM` and what follows it. `index`: 0 for the first."""

    index: int
    base: From
    instructions: tuple[Instruction, ...] = ()

    @property
    def name(self) -> str | None:
        """The lower-case name after `AS`, if it has one."""
        return self.base.name


class Dockerfile(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed Dockerfile.

    `name`: the file's name in messages. `arguments`: the `ARG` instructions before the first `FROM`. `syntax`: the
    image of a `# syntax=` line. `escape`: the continuation character. `check`: the options of a `# check=` line, which
    is the line `check_line`.
    """

    name: str
    arguments: tuple[Arg, ...]
    stages: tuple[Stage, ...]
    syntax: str | None = None
    escape: str = "\\"
    check: str | None = None
    check_line: int = 0

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        """Every instruction in the order of the file, which is also the order of the classic builder's steps."""
        return self.arguments + tuple(
            each for stage in self.stages for each in (stage.base, *stage.instructions)
        )

    def stage(self, name: str) -> Stage | None:
        """The stage with this name, in any case, or with this index. The last stage with the name counts."""
        wanted = name.lower()
        for stage in reversed(self.stages):
            if stage.name == wanted:
                return stage
        number = number_in(wanted, most=len(self.stages) - 1)
        return None if number is None else self.stages[number]
