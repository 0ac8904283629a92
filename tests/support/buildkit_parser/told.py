"""The result of shipmark's parser for a Dockerfile, in the JSON form that the program around BuildKit's parser prints.

The program around BuildKit's parser is the Go module in `tests/support/buildkit_parser/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from release.build.dockerfile.healthcheck import times_of
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
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from release.build.dockerfile.mounts import MountError, read_device, read_mount
from release.build.dockerfile.parser import parse
from release.errors import BuildError


def told(text: str) -> dict[str, Any]:
    """Return the Dockerfile `text` as JSON values, or `{"error": …}` if the parser refuses it."""
    try:
        return _file(parse(text))
    except (BuildError, MountError) as error:
        return {"error": str(error)}


def _file(dockerfile: Dockerfile) -> dict[str, Any]:
    return {
        "escape": dockerfile.escape,
        "syntax": dockerfile.syntax or "",
        "arguments": [_instruction(each) for each in dockerfile.arguments],
        "stages": [
            {
                "lines": [stage.base.line, stage.base.end_line],
                "image": stage.base.image,
                "name": stage.name or "",
                "platform": stage.base.flag("platform") or "",
                "instructions": [_instruction(each) for each in stage.instructions],
            }
            for stage in dockerfile.stages
        ],
    }


def _instruction(each: Instruction) -> dict[str, Any]:
    return {"is": each.keyword, "lines": [each.line, each.end_line], **_operands(each)}


def _operands(each: Instruction) -> Mapping[str, Any]:
    reader = _OPERANDS.get(type(each))
    return reader(each) if reader else {}


def _command(command: Command) -> dict[str, Any]:
    return {"words": list(command.words), "shell": command.form == "shell"}


def _transfer(each: Copy | Add) -> dict[str, Any]:
    openings = [heredoc.word for heredoc in each.heredocs]
    found: dict[str, Any] = {
        "sources": [source for source in each.sources if source not in openings],
        "contents": [
            {"name": heredoc.name, "body": heredoc.body, "expand": heredoc.expand}
            for heredoc in each.heredocs
        ],
        "destination": each.destination,
        "chown": each.flag("chown") or "",
        "chmod": each.flag("chmod") or "",
        "link": each.is_set("link"),
        "exclude": list(each.flag_values("exclude")),
    }
    if isinstance(each, Copy):
        return {**found, "from": each.flag("from") or "", "parents": each.is_set("parents")}
    return {
        **found,
        "checksum": each.flag("checksum") or "",
        "keep-git-dir": each.is_set("keep-git-dir") if each.flag("keep-git-dir") is not None else None,
        "unpack": each.is_set("unpack") if each.flag("unpack") is not None else None,
    }


def _run(each: Run) -> dict[str, Any]:
    mounts = [read_mount(text, lambda word: word) for text in each.flag_values("mount")]
    return {
        **_command(each.command),
        "files": [{"name": heredoc.name, "body": heredoc.body} for heredoc in each.heredocs],
        "mounts": [
            {
                "type": mount.type,
                "from": mount.source_image,
                "source": mount.source,
                "target": mount.target,
                "id": mount.id,
                "read_only": mount.read_only,
            }
            for mount in mounts
        ],
        "devices": [read_device(text) for text in each.flag_values("device")],
        "network": each.flag("network") or "default",
        "security": each.flag("security") or "sandbox",
    }


def _healthcheck(each: Healthcheck) -> dict[str, Any]:
    if each.command is None:
        return {"test": ["NONE"], "retries": 0, "times": [0, 0, 0, 0]}
    times = times_of(each.flags, "", "")
    kind = "CMD" if each.command.form == "exec" else "CMD-SHELL"
    return {
        "test": [kind, *each.command.words],
        "retries": times.get("Retries", 0),
        "times": [times.get(name, 0) for name in ("Interval", "Timeout", "StartPeriod", "StartInterval")],
    }


_OPERANDS: Mapping[type[Instruction], Callable[[Any], Mapping[str, Any]]] = {
    Add: _transfer,
    Arg: lambda each: {"pairs": [list(pair) for pair in each.pairs]},
    Cmd: lambda each: _command(each.command),
    Copy: _transfer,
    Entrypoint: lambda each: _command(each.command),
    Env: lambda each: {"pairs": [[pair.key, pair.value] for pair in each.pairs]},
    Expose: lambda each: {"words": sorted(each.ports)},
    Healthcheck: _healthcheck,
    Label: lambda each: {"pairs": [[pair.key, pair.value] for pair in each.pairs]},
    Maintainer: lambda each: {"text": each.name},
    Run: _run,
    Shell: lambda each: {"words": list(each.words)},
    StopSignal: lambda each: {"text": each.signal},
    User: lambda each: {"text": each.user},
    Volume: lambda each: {"words": list(each.paths)},
    Workdir: lambda each: {"text": each.path},
}
