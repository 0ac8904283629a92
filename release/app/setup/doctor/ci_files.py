"""Reads the CI files of a repository as data: workflows of GitHub Actions, resources of Tekton."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from release.app.setup.doctor.scene import TaskFile, Unread
from release.app.setup.workflows.model import FOLDERS, Workflow, parse_workflow
from release.config.document import parse
from release.errors import ConfigError
from release.filesystem.files import read_file
from release.limits import CI_FILES, CONFIG_BYTES

T = TypeVar("T")
_TEKTON = ".tekton"
_ENDINGS = (".yml", ".yaml")


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """The CI files of a repository, and those that could not be read."""

    workflows: tuple[Workflow, ...] = ()
    tasks: tuple[TaskFile, ...] = ()
    unread: tuple[Unread, ...] = ()


def read_ci_files(root: str, folders: Sequence[str] = FOLDERS) -> Files:
    """Read the files below `root`. A file that cannot be read, or has YAML that shipmark does not read, is `unread`.

    folders: of workflows.
    """
    read = [_parsed(root, folder, parse_workflow) for folder in folders]
    tasks, other = _parsed(root, _TEKTON, lambda path, text: TaskFile(path=path, document=parse(text, path)))
    return Files(
        workflows=tuple(one for workflows, _ in read for one in workflows),
        tasks=tasks,
        unread=(*(one for _, odd in read for one in odd), *other),
    )


def _parsed(
    root: str, folder: str, parsed: Callable[[str, str], T]
) -> tuple[tuple[T, ...], tuple[Unread, ...]]:
    found: list[T] = []
    unread: list[Unread] = []
    names = _names(root, folder)
    for path in names[:CI_FILES]:
        try:
            found.append(parsed(path, text_of(root, path)))
        except ConfigError as error:
            unread.append(Unread(path=path, reason=error.message))
        except (OSError, UnicodeDecodeError) as error:
            unread.append(
                Unread(path=path, reason=str(getattr(error, "strerror", None) or "not UTF-8").lower())
            )
    if len(names) > CI_FILES:
        more = len(names) - CI_FILES
        unread.append(Unread(path=folder, reason=f"{more} of its files are above the limit of {CI_FILES}"))
    return tuple(found), tuple(unread)


def text_of(root: str, path: str) -> str:
    """The text of a file below `root`; empty if it is gone. Raises `ConfigError`, `OSError`, `UnicodeDecodeError`."""
    raw = read_file(os.path.join(root, path), limit=CONFIG_BYTES, within=root) or b""
    return raw.decode().replace("\r\n", "\n").replace("\r", "\n")


def _names(root: str, folder: str) -> list[str]:
    try:
        names = os.listdir(os.path.join(root, folder))
    except OSError:
        return []
    return [f"{folder}/{name}" for name in sorted(names) if name.endswith(_ENDINGS)]
