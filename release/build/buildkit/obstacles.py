"""Finds sources of a COPY that BuildKit refuses in the midst of a build, though the context has them. Pure.

The differences were observed with BuildKit 0.34.
"""

from __future__ import annotations

from release.build.context.reach import Reach
from release.build.context.tree import LinkLoop, Tree
from release.build.dockerfile.features.names import FEATURES, Feature
from release.errors import BuildError

#: Features of BuildKit.
BUILDKIT_FEATURES: frozenset[Feature] = FEATURES - {
    "copy-parents-excluded",
    "stage-index",
    "workdir-user-name",
}


def require_transferable(reach: Reach, files: Tree) -> None:
    """Raise `BuildError` for a source for which BuildKit fails. `files`: of the context; `reach`: through its links.

    BuildKit gets only what instructions name. A wildcard without a match below a folder of which nothing is named is an
    error there, not an empty answer; and `--parents` does not find the context's top folder.
    """
    found = [source for source in reach.sources if not source.is_wild or source.matches(files)]
    for source in reach.sources:
        if source.keeps_parents:
            if source.is_exact and not source.pattern:
                raise BuildError(
                    f"{source.where}: BuildKit does not copy the whole context with `--parents`",
                    hint="do without `--parents`, which changes nothing here",
                )
            continue
        if source.is_wild and source.literal and source not in found:
            folder = _followed("/".join(source.literal), files)
            if not any(one.reaches(folder) for one in found):
                raise BuildError(
                    f"{source.where}: nothing matches `{source.text}`, and BuildKit fails for it, since nothing else "
                    f"of `{folder}` is copied",
                    hint="remove the source, or copy the folder",
                )


def _followed(path: str, files: Tree) -> str:
    try:
        return files.resolve(path)
    except LinkLoop:
        return path  # reported for every builder
