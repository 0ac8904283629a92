"""Splits `PATH[:NAME][@DIGEST]`, what stands after `oci:`, `oci-archive:` and `docker-archive:`.

Paths and whole references both may have colons, so the file system decides: the longest path that exists is the path.
"""

from __future__ import annotations

import os

import msgspec

from release.errors import ConfigError
from release.oci.grammar import is_ref_name, is_tag, require_digest
from release.oci.reference import Reference


class PathAndName(msgspec.Struct, frozen=True, kw_only=True):
    """A folder or file, and an image in it. `name`: a tag or a whole reference, as the user wrote it."""

    path: str
    name: str | None = None
    digest: str | None = None

    @property
    def tag(self) -> str | None:
        """The tag in the name; None for a name without one."""
        if self.name is None or is_tag(self.name):
            return self.name
        try:
            return Reference.parse(self.name).tag
        except ConfigError:
            return None


def split_path(text: str, root: str, *, is_file: bool = False) -> PathAndName:
    """Split `text`. `root`: the base of relative paths. `is_file`: what stands behind the first colon is a name.

    Raises `ConfigError` for an invalid digest and, with `is_file`, for an invalid name.
    """
    rest, digest = _without_digest(text)
    path, name = _existing(rest, root) or (_of_file(rest) if is_file else _of_folder(rest))
    return PathAndName(path=path, name=name, digest=digest)


def _without_digest(text: str) -> tuple[str, str | None]:
    head, separator, tail = text.rpartition("@")
    # Folder names may have an `@` (`node_modules/@acme`); a digest has a colon behind its algorithm.
    if not separator or not tail.startswith(("sha256:", "sha512:")):
        return text, None
    return head, require_digest(tail)


def _existing(rest: str, root: str) -> tuple[str, str | None] | None:
    """The longest path that exists, and the name behind it."""
    for path, name in [(rest, None), *_splits(rest)]:
        if (
            path
            and (name is None or _is_name(name) or is_ref_name(name))
            and os.path.exists(os.path.join(root, path))
        ):
            return path, name
    return None


def _of_file(rest: str) -> tuple[str, str | None]:
    path, colon, name = rest.partition(":")
    if colon and not _is_name(name):
        raise ConfigError(
            f"`{name}` is neither a tag nor an image reference", hint=f"write `{path}:ghcr.io/acme/app:1.0`"
        )
    return path, name if colon else None


def _of_folder(rest: str) -> tuple[str, str | None]:
    """Split the path of a folder that does not exist yet.

    `dist/image:ghcr.io/acme/app:1.0` is a path and a reference, `a:b/image:1.0` a path `a:b/image` and a tag: only a
    reference with a host can be distinguished from a path.
    """
    named = _named(rest)
    whole = next(((path, name) for path, name in reversed(named) if _has_host(name)), None)
    if whole is not None:
        return whole
    return next(((path, name) for path, name in named if is_tag(name)), (rest, None))


def _named(rest: str) -> list[tuple[str, str]]:
    """Every split into a path and a valid name, the longest path first."""
    return [(path, name) for path, name in _splits(rest) if path and _is_name(name)]


def _splits(rest: str) -> list[tuple[str, str]]:
    """Every split at a colon, the longest path first."""
    places = [place for place, character in enumerate(rest) if character == ":"]
    return [(rest[:place], rest[place + 1 :]) for place in reversed(places)]


def _is_name(text: str) -> bool:
    if is_tag(text):
        return True
    try:
        return Reference.parse(text).digest is None
    except ConfigError:
        return False


def _has_host(name: str) -> bool:
    first = name.partition("/")[0]
    return "/" in name and ("." in first or ":" in first or first == "localhost")
