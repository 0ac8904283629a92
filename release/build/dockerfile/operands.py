"""Reads the operands of one instruction. Pure.

Follows BuildKit 0.34, `frontend/dockerfile/parser/line_parsers.go` and `frontend/dockerfile/instructions/parse.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import msgspec

from release.build.dockerfile.flags import read_flags, split_flags
from release.build.dockerfile.healthcheck import times_of
from release.build.dockerfile.heredocs import opening_of
from release.build.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Command,
    Copy,
    Entrypoint,
    Env,
    Expose,
    Flag,
    From,
    Healthcheck,
    Heredoc,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    Pair,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from release.build.dockerfile.json_words import NotStrings, json_words
from release.build.dockerfile.lines import LogicalLine
from release.build.dockerfile.mounts import MountError, mount_form, read_device
from release.build.dockerfile.white_space import SPACE, first_word, split_blanks
from release.build.dockerfile.words import split_words
from release.errors import BuildError
from release.hints import did_you_mean
from release.lazy_pattern import pattern

_STAGE_NAME = pattern(r"[a-z][a-z0-9_.-]*")
_NETWORKS = ("default", "none", "host")
_SECURITIES = ("sandbox", "insecure")
# What helps with an option of `RUN` that cannot be read.
_OPTIONS = {
    "mount": "write it like `--mount=type=cache,target=/var/cache/apt`",
    "device": "write it like `--device=vendor.com/kind=name,required`",
}
# A missing command is empty: an empty `RUN` runs the shell, an empty `CMD` clears the base image's.
_MAY_BE_EMPTY = frozenset({"CMD", "ENTRYPOINT", "RUN"})


def read_instruction(name: str, logical: LogicalLine, escape: str) -> Instruction:
    """The instruction on a logical line of the file `name`. Raises `BuildError`."""
    return _Reader(name, logical, escape).read()


class _Reader:
    """Reads the operands of one logical line."""

    def __init__(self, name: str, logical: LogicalLine, escape: str) -> None:
        self._name = name
        self._logical = logical
        self._escape = escape
        self._flag_words, rest = split_flags(logical.rest, escape)
        self._rest = rest.strip(SPACE)
        self._flags: tuple[Flag, ...] = ()

    def read(self) -> Instruction:
        keyword = self._logical.keyword
        reader = _READERS.get(keyword)
        if reader is None:
            otherwise = "end the line before with `\\` if this line continues it"
            self._fail(f"unknown instruction `{keyword}`", did_you_mean(keyword, _READERS, otherwise))
        if not self._rest and keyword not in _MAY_BE_EMPTY:
            self._fail(f"`{keyword}` needs an operand", f"write it behind `{keyword}`, or remove the line")
        try:
            self._flags = read_flags(self._read_words(), keyword, f"{self._name}:{self._logical.line}")
        except BuildError as error:
            raise BuildError(f"{error.message}: `{self._logical.shown}`", hint=error.hint) from error
        return reader(self)

    def _read_words(self) -> tuple[str, ...]:
        """The words of the flags that BuildKit reads; none for `HEALTHCHECK NONE`."""
        is_none = self._logical.keyword == "HEALTHCHECK" and first_word(self._rest)[0].upper() == "NONE"
        return () if is_none else self._flag_words

    def _common(self) -> dict[str, Any]:
        text = f"{self._logical.keyword} {self._logical.rest}".rstrip()
        return {
            "line": self._logical.line,
            "end_line": self._logical.end_line,
            "text": text,
            "flags": self._flags,
        }

    def _fail(self, what: str, hint: str) -> NoReturn:
        shown = self._logical.shown
        quoted = "" if f"`{shown}`" in what else f": `{shown}`"
        raise BuildError(f"{self._name}:{self._logical.line}: {what}{quoted}", hint=hint)

    def _words(self) -> tuple[str, ...]:
        """JSON words, or words split at blanks."""
        words = self._json(self._rest)
        return words if words is not None else split_blanks(self._rest)

    def _json(self, text: str) -> tuple[str, ...] | None:
        """The strings of `["a", "b"]`; None when the operand is not a JSON array, which makes it shell form."""
        try:
            return json_words(text)
        except NotStrings:
            self._fail(
                f"only strings may stand in the brackets of `{self._logical.keyword}`", "quote every word"
            )

    def _pairs(self) -> tuple[Pair, ...]:
        keyword = self._logical.keyword
        words = split_words(self._rest, self._escape)
        if not words or "=" not in words[0]:
            key, value = first_word(self._rest)
            if not value:
                self._fail(f"`{keyword} {key}` has no value", f"write `{keyword} {key}=…`")
            return (Pair(key=key, value=value),)
        for word in words:
            if "=" not in word or word.startswith("="):
                self._fail(f"`{word}` is not `name=value`", "quote values that hold spaces")
        return tuple(Pair(key=key, value=value) for key, _, value in (word.partition("=") for word in words))

    def _command(self, text: str) -> Command:
        words = self._json(text)
        if words is not None:
            return Command(words=words, form="exec")
        return Command(words=(text,) if text else (), form="shell")

    def read_from(self) -> Instruction:
        words = split_blanks(self._rest)
        if len(words) == 1:
            return From(image=words[0], **self._common())
        if len(words) != 3 or words[1].lower() != "as":
            self._fail("`FROM` takes an image, or `image AS name`", "write `FROM alpine:3 AS build`")
        if not _STAGE_NAME.fullmatch(words[2].lower()):
            self._fail(
                f"`{words[2]}` cannot name a stage", "use letters, digits, `-`, `_` and `.`, a letter first"
            )
        return From(image=words[0], name=words[2].lower(), **self._common())

    def read_arg(self) -> Instruction:
        pairs: list[tuple[str, str | None]] = []
        for word in split_words(self._rest, self._escape):
            key, equals, value = word.partition("=")
            if not key:
                self._fail(f"`{word}` has no name in front of `=`", "write `ARG name=default`")
            pairs.append((key, value if equals else None))
        return Arg(pairs=tuple(pairs), **self._common())

    def _transfer(self) -> dict[str, Any]:
        words = self._words()
        if len(words) < 2:
            self._fail(
                f"`{self._logical.keyword}` needs a source and a destination",
                f"write `{self._logical.keyword} app /app`",
            )
        if opening_of(words[-1]) is not None:
            self._fail(
                f"`{self._logical.keyword}` needs a destination behind the here-document",
                f"write `{self._logical.keyword} <<EOF /etc/file`",
            )
        # Of several here-documents with one name, the last body counts for all. In JSON form no body was read: all are
        # empty.
        bodies = {each.name: each.body for each in self._logical.heredocs}
        heredocs: list[Heredoc] = []
        for word in words[:-1]:
            opening = opening_of(word)
            if opening is not None:
                heredocs.append(opening.heredoc(bodies.get(opening.name, "")))
        return {"sources": words[:-1], "destination": words[-1], "heredocs": tuple(heredocs)}

    def read_run(self) -> Instruction:
        instruction = Run(
            command=self._command(self._rest), heredocs=self._logical.heredocs, **self._common()
        )
        for name, known in (("network", _NETWORKS), ("security", _SECURITIES)):
            value = instruction.flag(name)
            if value is not None and value not in known:
                self._fail(f"`--{name}={value}` is not known", f"`--{name}` takes {_listed(known)}")
        for name, check in (("mount", mount_form), ("device", read_device)):
            for text in instruction.flag_values(name):
                try:
                    check(text)
                except MountError as error:
                    self._fail(f"`--{name}={text}` cannot be read: {error}", _OPTIONS[name])
        return instruction

    def read_shell(self) -> Instruction:
        words = self._json(self._rest)
        if not words:
            self._fail("`SHELL` takes its words in JSON form", 'write `SHELL ["/bin/sh", "-c"]`')
        return Shell(words=words, **self._common())

    def read_healthcheck(self) -> Instruction:
        kind, rest = first_word(self._rest)
        command = self._command(rest)
        if kind.upper() == "NONE" and not command.words:
            return Healthcheck(command=None, **self._common())
        if kind.upper() != "CMD" or not command.words:
            self._fail(
                "`HEALTHCHECK` takes `CMD command` or `NONE`",
                "write `HEALTHCHECK CMD curl -f http://localhost/`",
            )
        times_of(self._flags, f"{self._name}:{self._logical.line}", self._logical.shown)
        return Healthcheck(command=command, **self._common())

    def read_volume(self) -> Instruction:
        paths = tuple(path.strip(SPACE) for path in self._words())
        if not paths or not all(paths):
            self._fail("a `VOLUME` is empty", "name a folder: `VOLUME /data`")
        return Volume(paths=paths, **self._common())

    def read_onbuild(self) -> Instruction:
        keyword, rest = first_word(self._rest)
        if keyword.upper() in ("ONBUILD", "FROM", "MAINTAINER"):
            self._fail(
                f"`ONBUILD {keyword.upper()}` is not allowed",
                "write it in the Dockerfiles that use this image",
            )
        inner = msgspec.structs.replace(self._logical, keyword=keyword.upper(), rest=rest)
        return OnBuild(trigger=_Reader(self._name, inner, self._escape).read(), **self._common())


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


_READERS: Mapping[str, Callable[[_Reader], Instruction]] = {
    "ADD": lambda reader: Add(**reader._transfer(), **reader._common()),
    "ARG": _Reader.read_arg,
    "CMD": lambda reader: Cmd(command=reader._command(reader._rest), **reader._common()),
    "COPY": lambda reader: Copy(**reader._transfer(), **reader._common()),
    "ENTRYPOINT": lambda reader: Entrypoint(command=reader._command(reader._rest), **reader._common()),
    "ENV": lambda reader: Env(pairs=reader._pairs(), **reader._common()),
    "EXPOSE": lambda reader: Expose(ports=split_blanks(reader._rest), **reader._common()),
    "FROM": _Reader.read_from,
    "HEALTHCHECK": _Reader.read_healthcheck,
    "LABEL": lambda reader: Label(pairs=reader._pairs(), **reader._common()),
    "MAINTAINER": lambda reader: Maintainer(name=reader._rest, **reader._common()),
    "ONBUILD": _Reader.read_onbuild,
    "RUN": _Reader.read_run,
    "SHELL": _Reader.read_shell,
    "STOPSIGNAL": lambda reader: StopSignal(signal=reader._rest, **reader._common()),
    "USER": lambda reader: User(user=reader._rest, **reader._common()),
    "VOLUME": _Reader.read_volume,
    "WORKDIR": lambda reader: Workdir(path=reader._rest, **reader._common()),
}
