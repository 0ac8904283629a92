"""Writes a new Dockerfile and its ignore file from a template; existing files are never replaced."""

from __future__ import annotations

import os
from typing import Literal

import msgspec

from release.app.session import Session
from release.build.dockerfile.templates.render import Base, Need, render
from release.errors import ConfigError
from release.filesystem.folders import OpenFolder, open_parent
from release.filesystem.new_files import NewFile

_IGNORE = ".dockerignore"


class NewDockerfileRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The Dockerfile to write. `file`: relative to the workspace's folder. `name`: the program's name.

    `bases`: stage (`build`, `run`) -> image with a digest, in place of the template's.
    """

    template: str
    file: str = "Dockerfile"
    name: str = "app"
    bases: dict[str, str] = {}


class NewDockerfileReport(msgspec.Struct, frozen=True, kw_only=True):
    """`shipmark.dockerfile/1`. `dockerfile`, `ignore_file`: the files, relative to the workspace's folder.

    `missing`: what the Dockerfile copies and the folder does not have.
    """

    schema: Literal["shipmark.dockerfile/1"] = "shipmark.dockerfile/1"
    template: str
    dockerfile: str
    ignore_file: str
    bases: tuple[Base, ...]
    missing: tuple[Need, ...] = ()


def new_dockerfile(session: Session, request: NewDockerfileRequest) -> NewDockerfileReport:
    """Write Dockerfile and ignore file, or neither. Raises `ConfigError` if one exists or cannot be written.

    Raises `RefusedError` for a symlink on the way to the files, and the errors of `render`.
    """
    rendered = render(request.template, name=request.name, bases=request.bases)
    _require_dockerfile_name(request.file)
    ignore_file = ignore_file_of(request.file)
    path = os.path.join(session.directory, request.file)
    try:
        with open_parent(path, session.root, make=True) as (folder, name):
            ignore_name = os.path.basename(ignore_file)
            for one, shown in ((name, request.file), (ignore_name, ignore_file)):
                _require_free(folder, one, shown)
            _write(folder, ignore_name, rendered.ignore)
            try:
                _write(folder, name, rendered.dockerfile)
            except BaseException:
                folder.remove(ignore_name)
                raise
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise ConfigError(
            f"`{request.file}` cannot be written: {cause}", hint="check the folder's rights"
        ) from error
    return NewDockerfileReport(
        template=request.template,
        dockerfile=request.file,
        ignore_file=ignore_file,
        bases=rendered.bases,
        missing=tuple(
            need for need in rendered.needs if not os.path.exists(os.path.join(session.directory, need.path))
        ),
    )


def ignore_file_of(dockerfile: str) -> str:
    """The ignore file that is written for `dockerfile`: `.dockerignore` for `Dockerfile`, else `NAME.dockerignore`.

    In another folder it is `Dockerfile.dockerignore`, which counts for any context: `.dockerignore` has to be in the
    context's own folder.
    """
    folder, name = os.path.split(dockerfile)
    is_own = name == "Dockerfile" and os.path.normpath(folder or ".") == "."
    return os.path.join(folder, _IGNORE if is_own else f"{name}{_IGNORE}")


def _require_dockerfile_name(file: str) -> None:
    # `sub/` would be written as `sub`, with an ignore file that counts for no Dockerfile. A Dockerfile under the name
    # of an ignore file would be read as one by the builds of the folder.
    if not os.path.basename(file):
        raise ConfigError(f"`{file}` is a folder", hint=f"name the file in it: `--file {file}Dockerfile`")
    if file.endswith(_IGNORE):
        raise ConfigError(
            f"`{file}` is the name of an ignore file",
            hint="name the Dockerfile; its ignore file is written beside it",
        )


def _require_free(folder: OpenFolder, name: str, shown: str) -> None:
    # `status` does not follow symlinks: a dangling one is in the way as well.
    if folder.status(name) is None:
        return
    raise ConfigError(
        f"`{shown}` exists, and is not replaced",
        hint=f"move it away, or choose another name: `--file NAME` writes `NAME` and `NAME{_IGNORE}`",
    )


def _write(folder: OpenFolder, name: str, text: str) -> None:
    with NewFile(folder, mode=0o666) as new:
        new.stream.write(text.encode())
        new.place(name, replace=False)
