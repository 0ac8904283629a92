"""Asks the sources of `in_use:` which images are in use. A source that fails raises; it never means "nothing"."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from release.config.document import parse
from release.config.retention import InUseSection
from release.control import Cancel
from release.errors import ConfigError, RefusedError, ReleaseError
from release.filesystem.files import read_file
from release.inventory.in_use.references import (
    COMPOSE_COMMAND,
    Used,
    lines_in,
    references_in,
)
from release.json_text import parse_json
from release.limits import IN_USE_BYTES
from release.ports import Completed, Process
from release.task_group import run_all

# What can run an image, or would run it again: pods with their init and ephemeral containers and the ids of images in
# their status; every kind of template; the revisions to which `kubectl rollout undo` goes back.
_KINDS = (
    "pods,deployments.apps,replicasets.apps,statefulsets.apps,daemonsets.apps,controllerrevisions.apps,"
    "replicationcontrollers,jobs.batch,cronjobs.batch,podtemplates"
)
# Characters of what a failed command wrote to stderr that the error quotes.
_QUOTED = 300


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """How sources are asked. `root`: the folder of relative paths and of commands; `env`: for commands."""

    process: Process
    root: str
    env: Mapping[str, str]
    cancel: Cancel


def ask(sections: Sequence[InUseSection], asked: Asked, *, warn: Callable[[str], None]) -> tuple[Used, ...]:
    """Every reference that the sources name. Raises `RefusedError` if one fails, and `Interrupted`."""
    require_sources(sections)
    tasks = [partial(_ask, section, number, asked) for number, section in enumerate(sections)]
    answers = run_all(tasks, jobs=4, cancel=asked.cancel) if tasks else []
    for section, found in zip(sections, answers, strict=True):
        if not found:
            warn(f"{_name(section)} names no image: check that it asks the right place")
    return tuple(one for found in answers for one in found)


def _ask(section: InUseSection, number: int, asked: Asked) -> tuple[Used, ...]:
    name = _name(section)
    try:
        texts = tuple(_texts(section, name, asked))
    except (ConfigError, OSError, TimeoutError) as error:
        cause = error.message if isinstance(error, ReleaseError) else str(error)
        raise RefusedError(
            f"what is in use is not known, so nothing is deleted: {name}: {cause}",
            hint=f"mend `retention.in_use[{number}]`, or remove it if nothing runs there any more",
        ) from error
    return tuple(Used(text, name) for text in dict.fromkeys(texts))


def _texts(section: InUseSection, name: str, asked: Asked) -> Iterable[str]:
    if section.file is not None:
        return lines_in(_text(_read(section.file, asked), name))
    if section.compose is not None:
        return compose_references(
            parse(_text(_read(section.compose, asked), name), section.compose).value, name
        )
    if section.manifests is not None:
        return object_references(parse_json(_read(section.manifests, asked), section.manifests))
    if section.ecs is not None:
        return references_in(parse_json(_read(section.ecs, asked), section.ecs))
    if section.kubectl is not None:
        argv = ("kubectl", *section.kubectl, "get", _KINDS, "--all-namespaces", "--output=json")
        return references_in(_listed(parse_json(_run(argv, section, asked).stdout, name)))
    return lines_in(_text(_run(section.command or (), section, asked).stdout, name))


def compose_references(value: Any, name: str) -> Iterator[str]:
    """Every image that a compose file names. `name`: the source, for messages.

    Raises `RefusedError` if services stand in other files, whose images would count as not in use, and `ConfigError`
    for a document that is not a compose file, such as an empty one.
    """
    if not isinstance(value, dict) or not value:
        raise ConfigError("it is not a compose file: it has no services")
    services = value.get("services")
    prefix, named = ("services.", services) if isinstance(services, dict) else ("", value)
    elsewhere = ["include"] if value.get("include") else []
    for service, content in named.items():
        extends = content.get("extends") if isinstance(content, dict) else None
        if isinstance(extends, dict) and extends.get("file"):
            elsewhere.append(f"{prefix}{service}.extends")
    if elsewhere:
        listed = ", ".join(f"`{key}`" for key in elsewhere)
        raise RefusedError(
            f"{name} takes services from other files ({listed}), which are not read, so it is not known what is in use",
            hint=f"let a program print the names: {COMPOSE_COMMAND}",
        )
    yield from references_in(value)


def object_references(value: Any) -> Iterator[str]:
    """Every image that objects of Kubernetes name. Raises `ConfigError` for an error that a cluster answered."""
    if isinstance(value, dict) and value.get("kind") == "Status" and value.get("status") == "Failure":
        raise ConfigError(
            f"it holds an error and not a list of objects: {value.get('message') or 'a `Status`'}"
        )
    yield from references_in(value)


def _listed(answer: object) -> object:
    if not isinstance(answer, dict) or not isinstance(answer.get("items"), list):
        raise ConfigError("the answer is not a list of objects")
    return answer


def _run(argv: Sequence[str], section: InUseSection, asked: Asked) -> Completed:
    try:
        done = asked.process.run(argv, cwd=asked.root, env=asked.env, timeout=section.timeout)
    except FileNotFoundError as error:
        raise ConfigError(f"`{argv[0]}` is not installed") from error
    if done.code != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        said = f": {lines[-1][:_QUOTED]}" if lines else ""
        raise ConfigError(f"`{argv[0]}` ended with {done.code}{said}")
    if len(done.stdout) > IN_USE_BYTES:
        raise ConfigError(f"`{argv[0]}` printed more than {IN_USE_BYTES >> 20} MiB")
    return done


def _read(path: str, asked: Asked) -> bytes:
    # A relative path lies in the repository: a symlink in it must not lead out.
    within = None if os.path.isabs(path) else asked.root
    content = read_file(os.path.join(asked.root, path), limit=IN_USE_BYTES, within=within)
    if content is None:
        raise ConfigError(f"`{path}` does not exist")
    return content


def _text(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8-sig")  # PowerShell and editors of Windows begin files with a byte order mark
    except UnicodeDecodeError:
        raise ConfigError(f"{name} is not UTF-8") from None


def _given(section: InUseSection) -> list[str]:
    names = ("file", "command", "kubectl", "compose", "manifests", "ecs")
    return [name for name in names if getattr(section, name) is not None]


def require_sources(sections: Sequence[InUseSection]) -> None:
    """Raise `ConfigError` for a section that does not name exactly one source."""
    for number, section in enumerate(sections):
        _require_one(section, number)


def _require_one(section: InUseSection, number: int) -> None:
    given = _given(section)
    if section.command == ():
        raise ConfigError(
            f"`retention.in_use[{number}].command` names no program",
            hint="write `command: [my-program, --flag]`",
        )
    if len(given) != 1:
        raise ConfigError(
            f"`retention.in_use[{number}]` names {' and '.join(given) or 'no source'}",
            hint="write one source in each entry: `file`, `command`, `kubectl`, `compose`, `manifests` or `ecs`",
        )


def _name(section: InUseSection) -> str:
    """The source for messages. Of a command only the program: an argument might be secret."""
    given = _given(section)[0]
    value = getattr(section, given)
    if given == "kubectl":
        return "`kubectl`"
    return f"command `{os.path.basename(value[0])}`" if given == "command" else f"{given} `{value}`"
