"""Parses a Dockerfile into values with line numbers. Pure: text in, `Dockerfile` out; variables are not expanded.

Source: the Dockerfile reference (docs.docker.com/reference/dockerfile).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import msgspec

from release.build.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Command,
    Copy,
    Dockerfile,
    Entrypoint,
    Env,
    Expose,
    Flag,
    From,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    Pair,
    Run,
    Shell,
    Stage,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from release.build.dockerfile.lines import (
    LogicalLine,
    is_heredoc,
    logical_lines,
    read_directives,
    split_words,
)
from release.errors import BuildError
from release.limits import DOCKERFILE_INSTRUCTIONS

_STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
_FLAG = re.compile(r"--([A-Za-z][A-Za-z0-9-]*)(?:=(.*))?", re.DOTALL)


def parse(text: str, name: str = "Dockerfile") -> Dockerfile:
    """Parse the text of a Dockerfile. `name`: the file's name in messages. Raises `BuildError` with the line."""
    directives = read_directives(text, name)
    arguments: list[Arg] = []
    stages: list[tuple[From, list[Instruction]]] = []
    for number, logical in enumerate(logical_lines(text, name, directives), 1):
        if number > DOCKERFILE_INSTRUCTIONS:
            raise BuildError(
                f"{name}:{logical.line}: more than {DOCKERFILE_INSTRUCTIONS} instructions",
                hint="put neighbouring ENV, LABEL and ARG into one instruction each",
            )
        instruction = _Reader(name, logical, directives.escape).read()
        match instruction:
            case From():
                stages.append((instruction, []))
            case _ if stages:
                stages[-1][1].append(instruction)
            case Arg():
                arguments.append(instruction)
            case _:
                raise BuildError(
                    f"{name}:{logical.line}: `{logical.keyword}` stands before the first `FROM`",
                    hint="start with `FROM`; only `ARG` may stand before it",
                )
    if not stages:
        raise BuildError(f"`{name}` has no `FROM`", hint="start the file with `FROM scratch` or a base image")
    return Dockerfile(
        name=name,
        arguments=tuple(arguments),
        stages=tuple(
            Stage(index=index, base=base, instructions=tuple(inner))
            for index, (base, inner) in enumerate(stages)
        ),
        syntax=directives.syntax,
        escape=directives.escape,
    )


class _Reader:
    """Reads the operands of one logical line."""

    def __init__(self, name: str, logical: LogicalLine, escape: str) -> None:
        self._name = name
        self._logical = logical
        self._escape = escape
        self._flags, self._rest = _split_flags(logical.rest)

    def read(self) -> Instruction:
        reader = _READERS.get(self._logical.keyword)
        if reader is None:
            nearest = difflib.get_close_matches(self._logical.keyword, _READERS, n=1)
            self._fail(
                f"unknown instruction `{self._logical.keyword}`",
                f"did you mean `{nearest[0]}`?" if nearest else None,
            )
        if not self._rest and self._logical.keyword != "CMD":
            self._fail(f"`{self._logical.keyword}` needs an operand")
        return reader(self)

    def _common(self) -> dict[str, Any]:
        text = f"{self._logical.keyword} {self._logical.rest}".rstrip()
        return {
            "line": self._logical.line,
            "end_line": self._logical.end_line,
            "text": text,
            "flags": self._flags,
        }

    def _fail(self, what: str, hint: str | None = None) -> NoReturn:
        raise BuildError(f"{self._name}:{self._logical.line}: {what}", hint=hint)

    def _words(self) -> tuple[str, ...]:
        """JSON words, or words split at white space."""
        words = self._json()
        return words if words is not None else tuple(self._rest.split())

    def _json(self) -> tuple[str, ...] | None:
        """The strings of `["a", "b"]`; None when the operand is not a JSON array, which makes it shell form."""
        if not self._rest.startswith("["):
            return None
        try:
            value = msgspec.json.decode(self._rest)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._fail(
                f"only strings may stand in the brackets of `{self._logical.keyword}`", "quote every word"
            )
        return tuple(value)

    def _pairs(self) -> tuple[Pair, ...]:
        words = split_words(self._rest, self._escape)
        if "=" not in words[0]:
            key, value = _key_and_rest(self._rest)
            if not value:
                self._fail(
                    f"`{self._logical.keyword} {key}` has no value",
                    f"write `{self._logical.keyword} {key}=…`",
                )
            return (Pair(key=key, value=value),)
        for word in words:
            if "=" not in word or word.startswith("="):
                self._fail(f"`{word}` is not `name=value`", "quote values that hold spaces")
        return tuple(Pair(key=key, value=value) for key, _, value in (word.partition("=") for word in words))

    def _command(self) -> Command:
        words = self._json()
        if words is not None:
            return Command(words=words, form="exec")
        return Command(words=(self._rest,) if self._rest else (), form="shell")

    def read_from(self) -> Instruction:
        words = self._rest.split()
        if len(words) == 1:
            return From(image=words[0], **self._common())
        if len(words) != 3 or words[1].lower() != "as":
            self._fail("`FROM` takes an image, or `image AS name`")
        if not _STAGE_NAME.fullmatch(words[2].lower()) or words[2].lower() == "scratch":
            self._fail(
                f"`{words[2]}` cannot name a stage", "use letters, digits, `-`, `_` and `.`, a letter first"
            )
        return From(image=words[0], name=words[2].lower(), **self._common())

    def read_arg(self) -> Instruction:
        names: list[str] = []
        defaults: list[Pair] = []
        for word in split_words(self._rest, self._escape):
            key, equals, value = word.partition("=")
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", key):
                self._fail(f"`{key}` cannot name a build argument")
            names.append(key)
            defaults += [Pair(key=key, value=value)] if equals else []
        return Arg(names=tuple(names), defaults=tuple(defaults), **self._common())

    def read_env(self) -> Instruction:
        return Env(pairs=self._pairs(), **self._common())

    def read_label(self) -> Instruction:
        return Label(pairs=self._pairs(), **self._common())

    def read_copy(self) -> Instruction:
        sources, destination = self._transfer()
        return Copy(
            sources=sources, destination=destination, heredocs=self._logical.heredocs, **self._common()
        )

    def read_add(self) -> Instruction:
        sources, destination = self._transfer()
        return Add(
            sources=sources, destination=destination, heredocs=self._logical.heredocs, **self._common()
        )

    def _transfer(self) -> tuple[tuple[str, ...], str]:
        words = self._words()
        if len(words) < 2 or is_heredoc(words[-1]):
            self._fail(f"`{self._logical.keyword}` needs a source and a destination")
        return words[:-1], words[-1]

    def read_run(self) -> Instruction:
        return Run(command=self._command(), heredocs=self._logical.heredocs, **self._common())

    def read_entrypoint(self) -> Instruction:
        return Entrypoint(command=self._command(), **self._common())

    def read_cmd(self) -> Instruction:
        return Cmd(command=self._command(), **self._common())

    def read_shell(self) -> Instruction:
        words = self._json()
        if not words:
            self._fail("`SHELL` takes its words in JSON form", 'write `SHELL ["/bin/sh", "-c"]`')
        return Shell(words=words, **self._common())

    def read_healthcheck(self) -> Instruction:
        kind, _, rest = self._rest.partition(" ")
        if kind.upper() == "NONE" and not rest:
            return Healthcheck(command=None, **self._common())
        if kind.upper() != "CMD" or not rest.strip():
            self._fail("`HEALTHCHECK` takes `CMD command` or `NONE`")
        self._rest = rest.strip()
        return Healthcheck(command=self._command(), **self._common())

    def read_workdir(self) -> Instruction:
        return Workdir(path=self._rest, **self._common())

    def read_user(self) -> Instruction:
        return User(user=self._single(), **self._common())

    def read_stopsignal(self) -> Instruction:
        return StopSignal(signal=self._single(), **self._common())

    def _single(self) -> str:
        if len(split_words(self._rest, self._escape)) != 1:
            self._fail(f"`{self._logical.keyword}` takes one word")
        return self._rest

    def read_expose(self) -> Instruction:
        return Expose(ports=tuple(self._rest.split()), **self._common())

    def read_volume(self) -> Instruction:
        return Volume(paths=self._words(), **self._common())

    def read_maintainer(self) -> Instruction:
        return Maintainer(name=self._rest, **self._common())

    def read_onbuild(self) -> Instruction:
        keyword, rest = _key_and_rest(self._rest)
        if keyword.upper() in ("ONBUILD", "FROM", "MAINTAINER"):
            self._fail(f"`ONBUILD {keyword.upper()}` is not allowed")
        inner = msgspec.structs.replace(self._logical, keyword=keyword.upper(), rest=rest)
        return OnBuild(trigger=_Reader(self._name, inner, self._escape).read(), **self._common())


_READERS: Mapping[str, Callable[[_Reader], Instruction]] = {
    "ADD": _Reader.read_add,
    "ARG": _Reader.read_arg,
    "CMD": _Reader.read_cmd,
    "COPY": _Reader.read_copy,
    "ENTRYPOINT": _Reader.read_entrypoint,
    "ENV": _Reader.read_env,
    "EXPOSE": _Reader.read_expose,
    "FROM": _Reader.read_from,
    "HEALTHCHECK": _Reader.read_healthcheck,
    "LABEL": _Reader.read_label,
    "MAINTAINER": _Reader.read_maintainer,
    "ONBUILD": _Reader.read_onbuild,
    "RUN": _Reader.read_run,
    "SHELL": _Reader.read_shell,
    "STOPSIGNAL": _Reader.read_stopsignal,
    "USER": _Reader.read_user,
    "VOLUME": _Reader.read_volume,
    "WORKDIR": _Reader.read_workdir,
}


def _split_flags(rest: str) -> tuple[tuple[Flag, ...], str]:
    """The `--name=value` words in front, and what follows them."""
    flags: list[Flag] = []
    while rest.startswith("--"):
        word, remainder = _key_and_rest(rest)
        match = _FLAG.fullmatch(word)
        if match is None:
            break
        flags.append(Flag(name=match[1], value=match[2]))
        rest = remainder
    return tuple(flags), rest


def _key_and_rest(text: str) -> tuple[str, str]:
    first = text.split(maxsplit=1)
    return first[0], first[1] if len(first) == 2 else ""
