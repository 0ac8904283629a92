"""Turns a `COPY` or local `ADD` with its flags into a `Transfer`: operands expanded, owner and mode resolved. Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from release.build.context.tree import Tree
from release.build.dockerfile.expand import expand_body
from release.build.dockerfile.instructions import Add, Copy
from release.build.dockerfile.remote_sources import is_remote
from release.build.dockerfile.scope import Scope
from release.build.dockerfile.values import LARGEST_ID
from release.build.embedded.copying.modes import ModeChange, read_mode
from release.build.embedded.copying.owners import Owner, find_owner
from release.build.embedded.copying.transfer import Transfer
from release.build.ignore import Ignore, parse_excludes
from release.compression.entries import Content, Inline
from release.digits import number_in
from release.errors import BuildError


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """The values and files on which an instruction's operands depend.

    `where`: `Dockerfile:7`. `origin`: as in `Transfer`. `image`: the files so far. `read`, `unpack`: as in `Files`.
    """

    where: str
    origin: str
    scope: Scope
    image: Tree
    working_dir: str
    read: Callable[[Content], bytes]
    unpack: Callable[[Content, str], Tree | None]


def transfer_of(instruction: Copy | Add, around: Surroundings) -> Transfer:
    """The `Transfer` that the instruction describes. Raises `BuildError`."""
    return Transfer(
        where=around.where,
        origin=around.origin,
        sources=tuple(_source(instruction, each, around) for each in instruction.sources),
        # An empty destination is the working folder, as for every builder.
        destination=around.scope.expand(instruction, instruction.destination) or "./",
        working_dir=around.working_dir,
        inline=_inline(instruction, around),
        owner=_owner(instruction, around),
        mode=_mode(instruction, around),
        excluded=_excluded(instruction, around),
        keeps_parents=instruction.is_set("parents"),
        # BuildKit copies with `--chmod` onto what is below, whatever `--link` says (`dispatchCopy` in 0.34).
        is_linked=instruction.is_set("link") and not instruction.flag("chmod"),
        unpack=around.unpack if isinstance(instruction, Add) else lambda content, shown: None,  # noqa: ARG005 - COPY takes nothing apart
    )


def _source(instruction: Copy | Add, text: str, around: Surroundings) -> str:
    if any(text == heredoc.word for heredoc in instruction.heredocs):
        return text
    operand = around.scope.expand(instruction, text)
    if not operand:  # an empty source would mean the whole context
        raise BuildError(f"{around.where}: `{text}` is empty", hint="give its variable a value")
    if isinstance(instruction, Add) and is_remote(operand):
        # Found by the features of the Dockerfile, unless a variable of the base image has the address.
        raise BuildError(
            f"{around.where}: the builder `layers` does not support `ADD` of an address (`{operand}`)",
            hint="fetch and check the file before the build and `COPY` it",
        )
    return operand


def _inline(instruction: Copy | Add, around: Surroundings) -> dict[str, tuple[str, Content]]:
    inline: dict[str, tuple[str, Content]] = {}
    for heredoc in instruction.heredocs:
        body = around.scope.apply(instruction, heredoc.body, expand_body) if heredoc.expand else heredoc.body
        inline[heredoc.word] = (heredoc.name, Inline(data=body.encode("utf-8", "surrogateescape")))
    return inline


def _owner(instruction: Copy | Add, around: Surroundings) -> Owner | None:
    text = instruction.flag("chown")
    if text is None:
        return None
    owner = around.scope.expand(instruction, text)
    names = [part for part in owner.split(":") if part not in ("", "root")]
    if instruction.is_set("link") and any(number_in(name, most=LARGEST_ID) is None for name in names):
        # The layer of `--link` must not depend on what is below it.
        raise BuildError(
            f"{around.where}: `--chown={owner}` names an account, which `--link` does not allow",
            hint="write numbers, like `--chown=65532:65532`, or do without `--link`",
        )
    return find_owner(owner, around.image, around.read, where=around.where)


def _mode(instruction: Copy | Add, around: Surroundings) -> ModeChange | None:
    text = instruction.flag("chmod")
    if text is None:
        return None
    mode = around.scope.expand(instruction, text)
    if not mode:
        return None  # as for BuildKit
    change = read_mode(mode)
    if change is None:
        raise BuildError(
            f"{around.where}: `{mode}` is not an octal mode, nor a symbolic one",
            hint="write it like `--chmod=0755` or `--chmod=u=rwX,go=rX`",
        )
    return change


def _excluded(instruction: Copy | Add, around: Surroundings) -> Ignore:
    patterns = [around.scope.expand(instruction, each) for each in instruction.flag_values("exclude")]
    return parse_excludes(patterns, around.where)
