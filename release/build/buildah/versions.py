"""What each version of buildah can build. Pure.

Sources: the change log of buildah 1.39.3, and builds with buildah 1.28.2, buildah 1.39.3, podman 4.3.1. For a later
version, the features of 1.39 are assumed.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.build.dockerfile.features.names import Feature
from release.lazy_pattern import pattern

Version = tuple[int, int]

#: The oldest version that was tried. 1.26 was the first with `--build-context` and `--identity-label`.
OLDEST: Version = (1, 28)
#: podman -> the buildah that is built into it. A podman between two of these has that of the older one.
_OF_PODMAN: tuple[tuple[Version, Version], ...] = (
    ((5, 4), (1, 39)),
    ((5, 3), (1, 38)),
    ((5, 2), (1, 37)),
    ((5, 1), (1, 36)),
    ((5, 0), (1, 35)),
    ((4, 8), (1, 33)),
    ((4, 7), (1, 32)),
    ((4, 6), (1, 31)),
    ((4, 5), (1, 30)),
    ((4, 4), (1, 29)),
    ((4, 3), (1, 28)),
)
#: Features of the oldest version. `# syntax=` and `# check=` are comments to it. `RUN --mount=type=ssh` is missing: its
#: socket is made below TMPDIR, and a socket's path has at most 107 bytes, which the cache folder exceeds.
_ALWAYS: frozenset[Feature] = frozenset(
    {
        "add-url",
        "check",
        "copy-chmod",
        "copy-chown",
        "copy-chown-new-folder",
        "copy-chown-part-empty",
        "copy-from-image",
        "copy-from-stage",
        "copy-several-without-slash",
        "copy-source-empty",
        "copy-source-outside",
        "env-name-empty",
        "from-image",
        "from-platform",
        "healthcheck",
        "maintainer",
        "mount-bind",
        "mount-cache",
        "mount-secret",
        "mount-tmpfs",
        "onbuild",
        "platform-argument",
        "run",
        "shell",
        "stage-name-twice",
        "syntax",
        "workdir-empty",
    }
)
#: Feature -> the first version that has it. `COPY --exclude` (1.38) is missing: a pattern without a slash does not
#: match inside of a copied folder, as it does in BuildKit.
_SINCE: Mapping[Feature, Version] = {
    "run-network": (1, 30),
    "add-checksum": (1, 33),
    "heredoc": (1, 33),
    "from-stage-argument": (1, 32),  # buildah's pull requests 4366 and 4839
    "healthcheck-start-interval": (1, 37),
    "add-git": (1, 38),
    # Found in 1.39 and not in 1.28; the change log does not name the version that added these two.
    "expansion-pattern": (1, 39),
    "from-platform-argument": (1, 39),
}
#: The first version that reads build arguments from a file.
_ARGUMENT_FILES: Version = (1, 30)
# 1.28 writes `linux/arm/v7` into the image for `linux/arm/v6`. No newer version was tried: what it built is checked.
_ARM_VARIANTS: Version = (1, 29)
_NUMBERS = pattern(r"\bversion v?([0-9]{1,6})\.([0-9]{1,6})(\.[0-9]{1,6})?")


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """The features of one version of buildah. `has_argument_files`: build arguments may come from a file.

    `has_arm_variants`: images can be for `linux/arm/v6` and `v5`.
    """

    features: frozenset[Feature] = _ALWAYS
    has_argument_files: bool = False
    has_arm_variants: bool = False


def shown_version(said: str) -> str | None:
    """The version in the answer to `--version`: `1.28.2`; None for another answer."""
    match = _NUMBERS.search(said)
    return f"{match[1]}.{match[2]}{match[3] or ''}" if match is not None else None


def buildah_version(program: str, version: str) -> Version | None:
    """The version of buildah behind `buildah` or `podman` with this version; None: older than `OLDEST`."""
    major, minor = (int(part) for part in version.split(".")[:2])
    own = (major, minor)
    inside = next((buildah for podman, buildah in _OF_PODMAN if podman <= own), None)
    found = inside if program == "podman" else own
    return found if found is not None and found >= OLDEST else None


def abilities_of(version: Version) -> Abilities:
    """The features of buildah in `version`."""
    since = {feature for feature, first in _SINCE.items() if first <= version}
    return Abilities(
        features=_ALWAYS | since,
        has_argument_files=version >= _ARGUMENT_FILES,
        has_arm_variants=version >= _ARM_VARIANTS,
    )
