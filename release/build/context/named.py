"""The named contexts of a build: `build: {contexts: …}`, which stand for names in `FROM` and `COPY --from=`. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.build import BuildTask
from release.build_spec import BuildSpec
from release.errors import BuildError
from release.lazy_pattern import pattern

_NAME = pattern(r"[a-z0-9][a-z0-9._/:@-]{0,254}")
#: Contexts that are not folders of the repository.
_REMOTE = ("docker-image://", "https://", "http://", "git://", "ssh://", "git@")
#: Names that BuildKit's front ends use themselves.
_TAKEN = frozenset({"context", "dockerfile"})


class NamedContexts(msgspec.Struct, frozen=True, kw_only=True):
    """Name -> folder of the repository, and name -> image or address."""

    folders: Mapping[str, str] = {}
    addresses: Mapping[str, str] = {}


def named_contexts(spec: BuildSpec) -> NamedContexts:
    """Check the names of the contexts, and tell folders from addresses. Raises `BuildError`."""
    for name in spec.contexts:
        if not _NAME.fullmatch(name) or name in _TAKEN:
            raise BuildError(
                f"`build: {{contexts: …}}`: `{name}` cannot be the name of a context",
                hint="use lower-case letters, digits, `.`, `_`, `-`, `/`; not `context` or `dockerfile`",
            )
    return NamedContexts(
        folders={name: value for name, value in spec.contexts.items() if not value.startswith(_REMOTE)},
        addresses={name: value for name, value in spec.contexts.items() if value.startswith(_REMOTE)},
    )


def task_of_folder(task: BuildTask, folder: str) -> BuildTask:
    """The task with another folder as its context, so that a named context is read by the rules of the main context."""
    return msgspec.structs.replace(task, spec=msgspec.structs.replace(task.spec, context=folder))
