"""The checks behind the rules, each a function from a parsed Dockerfile to hits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from release.build.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Copy,
    Dockerfile,
    Entrypoint,
    Env,
    Instruction,
    Run,
    Stage,
    User,
)
from release.build.dockerfile.remote_sources import is_git, is_remote
from release.build.dockerfile.scope import Scope, global_scope
from release.errors import BuildError
from release.lazy_pattern import pattern
from release.oci.image_json import parse_platform
from release.secrets.names import looks_secret

_DIGEST = pattern(r"@sha256:[0-9a-f]{64}$")
_NUMERIC = pattern(r"[0-9]+(:[0-9]+)?")
_ROOT = frozenset({"root", "0"})
# Names of build arguments that differ between releases, in shipmark's documentation and in common examples. Versions
# of tools (`NODE_VERSION`) are not among them.
_RELEASE_ARGUMENTS = frozenset(
    """
    VERSION APP_VERSION BUILD_VERSION RELEASE_VERSION REVISION COMMIT COMMIT_SHA GIT_COMMIT GIT_SHA BUILD_DATE
    BUILD_TIME CREATED
    """.split()  # noqa: SIM905  # twelve quoted names would hide the list
)
# `SSL_CERT_FILE` names a file, not its content.
_NAMES_A_PLACE = pattern(r"_(FILE|PATH|DIR|URL|URI|NAME|ID)$", re.IGNORECASE)


class Hit(NamedTuple):
    """A rule that an instruction breaks.

    `token`: the text in the file at which the finding points; `detail`: an addition to the message.
    """

    rule: str
    instruction: Instruction
    token: str
    detail: str


def check_all(dockerfile: Dockerfile, *, has_ignore: bool) -> Iterator[Hit]:
    """All hits, in no special order. `has_ignore`: whether an ignore file applies to the context."""
    yield from _bases(dockerfile)
    yield from _user(dockerfile)
    for stage in dockerfile.stages:
        yield from _early_version(stage)
    for instruction in dockerfile.instructions:
        yield from _secrets(instruction)
        if isinstance(instruction, Copy | Add):
            yield from _transfers(instruction, has_ignore=has_ignore)
    for instruction in dockerfile.stages[-1].instructions:
        if isinstance(instruction, Entrypoint | Cmd) and instruction.command.form == "shell":
            words = instruction.command.words
            if words and not words[0].startswith("exec "):  # `exec` replaces the shell by the program
                yield Hit("shell-form", instruction, instruction.keyword, instruction.keyword)


def _bases(dockerfile: Dockerfile) -> Iterator[Hit]:
    scope = _scope(dockerfile)
    for stage in dockerfile.stages:
        before = dockerfile.stages[: stage.index]
        yield from _base(scope, stage.base, stage.base.image, before)
        for instruction in stage.instructions:
            source = instruction.flag("from") if isinstance(instruction, Copy) else None
            if source and not source.isdigit():
                yield from _base(None, instruction, source, before)


def _scope(dockerfile: Dockerfile) -> Scope | None:
    try:
        return global_scope(dockerfile, {}, parse_platform("linux/amd64"))
    except BuildError:
        return None


def _base(
    scope: Scope | None, instruction: Instruction, written: str, before: tuple[Stage, ...]
) -> Iterator[Hit]:
    image = written
    if "$" in written:
        try:
            image = scope.expand(instruction, written) if scope is not None else ""
        except BuildError:
            return
    # An image named by an `ARG` without a default is known during a build only.
    if not image or image.endswith(":") or image == "scratch" or _DIGEST.search(image):
        return
    if any(stage.name == image.lower() for stage in before):
        return
    _, colon, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
    rule = "base-latest" if "@" not in image and (not colon or tag == "latest") else "base-without-digest"
    yield Hit(rule, instruction, written, f"`{image}`")


def _user(dockerfile: Dockerfile) -> Iterator[Hit]:
    last = dockerfile.stages[-1]
    found = _last_user(dockerfile, last)
    if found is None:
        yield Hit("user-missing", last.base, last.base.keyword, "")
        return
    user = found.user.strip("\"'")
    if user.partition(":")[0] in _ROOT:
        yield Hit("user-root", found, found.user, f"`USER {user}`")
    elif "$" not in user and not _NUMERIC.fullmatch(user):
        yield Hit("user-not-numeric", found, found.user, f"`USER {user}`")


def _last_user(dockerfile: Dockerfile, stage: Stage | None) -> User | None:
    """The last `USER` of a stage; without one, that of the stage that it starts from."""
    while stage is not None:
        users = [one for one in stage.instructions if isinstance(one, User)]
        if users:
            return users[-1]
        name = stage.base.image.lower()
        below = [one for one in dockerfile.stages[: stage.index] if one.name == name]
        stage = below[-1] if below else None
    return None


def _early_version(stage: Stage) -> Iterator[Hit]:
    """A release argument with a `RUN` after it that does not use it.

    BuildKit's cache key of a `RUN` holds all arguments declared above. The first `RUN` that uses the argument ends the
    search: the steps after it change with it anyway.
    """
    for at, arg in enumerate(stage.instructions):
        if not isinstance(arg, Arg):
            continue
        for name in arg.names:
            runs = (one for one in stage.instructions[at + 1 :] if isinstance(one, Run))
            first = next(runs, None)
            if name in _RELEASE_ARGUMENTS and first is not None and not _uses(first, name):
                yield Hit("version-too-early", arg, name, f"`ARG {name}`")


def _uses(run: Run, name: str) -> bool:
    text = "\n".join((run.text, *(heredoc.body for heredoc in run.heredocs)))
    return re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", text) is not None


def _secrets(instruction: Instruction) -> Iterator[Hit]:
    if isinstance(instruction, Arg):
        names = instruction.names
        values = {pair.key: pair.value for pair in instruction.defaults}
    elif isinstance(instruction, Env):
        values = {pair.key: pair.value for pair in instruction.pairs}
        names = tuple(values)
    else:
        return
    for name in names:
        if looks_secret(name) and not _NAMES_A_PLACE.search(name):
            value = values.get(name, "").strip("\"'")
            rule = "secret-value" if value and "$" not in value else "secret-variable"
            # The value itself is never shown.
            yield Hit(rule, instruction, name, f"`{instruction.keyword} {name}`")


def _transfers(instruction: Copy | Add, *, has_ignore: bool) -> Iterator[Hit]:
    for source in instruction.sources:
        if isinstance(instruction, Add) and is_remote(source) and not is_git(source):
            if instruction.flag("checksum") is None:
                yield Hit("add-without-checksum", instruction, source, "")
        elif source in (".", "./", "/") and not has_ignore and instruction.flag("from") is None:
            yield Hit(
                "copy-all-without-ignore",
                instruction,
                instruction.keyword,
                f"`{instruction.keyword} {source}`",
            )
