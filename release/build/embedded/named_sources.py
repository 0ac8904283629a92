"""What named contexts stand for in a build by the builder `layers`: the files of folders, and other images. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.build.context.tree import Tree

#: Parts of an image's name that may be left out, and that BuildKit takes off before it looks for a named context.
_IMPLIED = ("docker.io/", "index.docker.io/", "library/")


class NamedSources(msgspec.Struct, frozen=True, kw_only=True):
    """Name of a context -> its files, or the image that stands for it."""

    folders: Mapping[str, Tree] = {}
    images: Mapping[str, str] = {}

    def behind(self, name: str) -> Tree | str:
        """The files or the image that `name` in `FROM` or `COPY --from=` means: itself, if no context has the name."""
        short = familiar(name)
        return self.folders.get(short) or self.images.get(short) or name


NO_NAMED_SOURCES = NamedSources()


def familiar(name: str) -> str:
    """The name without the registry, folder and tag that it has by default, as in BuildKit's `namedcontext.go`."""
    for part in _IMPLIED:
        name = name.removeprefix(part)
    return name.removesuffix(":latest")
