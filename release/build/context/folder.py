"""Opens a build context: where it is, its Dockerfile and its ignore file. Follows no link out of the repository."""

from __future__ import annotations

import os

import msgspec

from release.build import BuildTask
from release.build.context.named import task_of_folder
from release.build.dockerfile.instructions import Dockerfile
from release.build.dockerfile.parser import parse
from release.build.ignore import Ignore, parse_ignore
from release.build_spec import BuildSpec
from release.errors import BuildError, ConfigError
from release.events import Note
from release.filesystem.files import read_file
from release.limits import DOCKERFILE_BYTES, IGNORE_BYTES

OWN_FOLDER = ".shipmark"
IGNORE_FILE = ".dockerignore"


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """A build context.

    `folder`: the context's absolute path, symlinks resolved. `root`: the repository that contains `folder`.
    `ignore_file`: path of the ignore file that applies, relative to `folder`; None if there is none. `dockerfile_path`:
    the Dockerfile's path relative to `folder`, None if it lies outside. `text`: its bytes.
    """

    root: str
    folder: str
    dockerfile: Dockerfile
    dockerfile_path: str | None
    text: bytes
    ignore: Ignore
    ignore_file: str | None
    hidden: frozenset[str] = (
        frozenset()
    )  # paths below the context's folder that are never part of the context
    keep_git: bool = False

    @property
    def place(self) -> str:
        """The context's path below the repository's root; "" for the root itself."""
        return "" if self.folder == self.root else os.path.relpath(self.folder, self.root)

    def shown(self, path: str) -> str:
        """A path of the context as messages name it: relative to the repository's root."""
        return f"{self.place}/{path}" if self.place else path


def open_named(task: BuildTask, name: str, folder: str) -> Context:
    """The named context `name`, a folder of the repository. Raises as `open_context`."""
    return open_context(task_of_folder(task, folder), name=name)


def open_context(task: BuildTask, *, name: str | None = None) -> Context:
    """Check the paths of a task, and read its Dockerfile and ignore file. `name`: of a named context, for messages.

    Raises `BuildError` for a path that is missing or outside of the repository, and for a file that cannot be read or
    parsed.
    """
    root = os.path.realpath(task.root)
    named = os.path.normpath(os.path.join(task.root, task.spec.context))
    folder = os.path.realpath(named)
    what, key = f"the build context `{named}`", "context: …"
    if name is not None:
        what, key = f"the context `{name}` (`{named}`)", f"contexts: {{{name}: …}}"
    if not os.path.isdir(folder):
        raise BuildError(
            f"{what} is not a folder",
            hint=f"set `build: {{{key}}}` to a folder of the repository",
        )
    if not _is_inside(folder, root):
        raise BuildError(
            f"{what} is outside of the repository `{task.root}`",
            hint=f"set `build: {{{key}}}` to a folder of the repository",
        )
    raw, real = _read_dockerfile(task, root)
    shown = os.path.relpath(real, root)
    ignore, ignore_file = _read_ignore(real, folder, root)
    # With many components this is done for each of them with the outputs of all, so it must stay cheap.
    below = os.path.join(folder, "")
    written = (os.path.normpath(os.path.join(root, path)) for path in (OWN_FOLDER, *task.outputs))
    return Context(
        root=root,
        folder=folder,
        dockerfile=parse(_decode(raw, shown), shown),
        dockerfile_path=os.path.relpath(real, folder) if _is_inside(real, folder) else None,
        text=raw,
        ignore=ignore,
        ignore_file=ignore_file,
        hidden=frozenset({OWN_FOLDER, *(path[len(below) :] for path in written if path.startswith(below))}),
        keep_git=task.spec.keep_git,
    )


def _read_dockerfile(task: BuildTask, root: str) -> tuple[bytes, str]:
    """The Dockerfile's bytes and real path. It is searched in the top folder, then in the context.

    With `own_dockerfile`, as for components, the context is searched first, since the top folder may have another
    Dockerfile.
    """
    places = [task.root, os.path.join(task.root, task.spec.context)]
    if task.own_dockerfile:
        places.reverse()
    tried = list(dict.fromkeys(os.path.normpath(os.path.join(one, task.spec.dockerfile)) for one in places))
    for named in tried:
        real = os.path.realpath(named)
        if not _is_inside(real, root):
            raise BuildError(
                f"the Dockerfile `{named}` is outside of the repository `{task.root}`",
                hint="choose a `dockerfile` inside the repository",
            )
        raw = _read(real, named, DOCKERFILE_BYTES, root)
        if raw is not None:
            return raw, real
    # podman's name, and a name that is the same on a disk which ignores case
    others = [
        name for name in ("Containerfile", "dockerfile") if os.path.isfile(os.path.join(task.root, name))
    ]
    raise BuildError(
        f"there is no Dockerfile at {' or '.join(f'`{named}`' for named in tried)}",
        hint=f"write one there, or set `build: {{dockerfile: {others[0] if others else '…'}}}`"
        + ("" if others else " to where it is"),
    )


def other_dockerfile(task: BuildTask, context: Context) -> Note | None:
    """The warning about a Dockerfile in the context that other tools build, where that of the top folder is built.

    `docker build api` and docker/build-push-action with `context: api` build `api/Dockerfile` if no file is named.
    """
    name = BuildSpec().dockerfile
    if task.own_dockerfile or task.spec.dockerfile != name or context.dockerfile_path is not None:
        return None
    other = context.shown(name)
    if not os.path.isfile(os.path.join(context.folder, name)):
        return None
    return Note(
        level="warning",
        text=f"`{name}` of the top folder is built, not `{other}`, which other tools take for this context",
        hint=f"set `build: {{dockerfile: {other}}}`, or `./{name}` for the first",
    )


def _read_ignore(dockerfile: str, folder: str, root: str) -> tuple[Ignore, str | None]:
    """Rules and name of `<Dockerfile>.dockerignore` if that exists, else of the context's `.dockerignore`."""
    for path in (f"{dockerfile}{IGNORE_FILE}", os.path.join(folder, IGNORE_FILE)):
        raw = _read(path, path, IGNORE_BYTES, root)
        if raw is not None:
            name = os.path.relpath(path, folder)
            return parse_ignore(_decode(raw, name), name), name
        if os.path.islink(path):
            # docker and BuildKit take this for no ignore file, and the image gets what the file hides.
            raise BuildError(
                f"`{path}` is a symlink to `{os.readlink(path)}`, which does not exist",
                hint="repair the symlink, or remove it",
            )
    return Ignore(), None


def _read(path: str, shown: str, limit: int, root: str) -> bytes | None:
    """The content of a regular file in the repository; None if it does not exist."""
    try:
        return read_file(path, limit=limit, within=root)
    except ConfigError as error:
        raise BuildError(error.message, hint=error.hint) from error
    except OSError as error:
        raise BuildError(
            f"`{shown}` cannot be read: {error.strerror}", hint="check the file's permissions"
        ) from error


def _decode(raw: bytes, name: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BuildError(f"{name}:{line}: not UTF-8", hint="save the file as UTF-8") from error


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
