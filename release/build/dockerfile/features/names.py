"""The names of the features that a Dockerfile may need. Pure."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

#: The names of all features that a Dockerfile may need. A builder without `mount-cache` cannot build a `RUN
#: --mount=type=cache`.
Feature = Literal[
    "add-archive-chown",
    "add-checksum",
    "add-git",
    "add-keep-git-dir",
    "add-unpack",
    "add-url",
    "check",
    "command-empty",
    "copy-chmod",
    "copy-chmod-empty",
    "copy-chmod-new-folder",
    "copy-chmod-symbolic",
    "copy-chown",
    "copy-chown-empty",
    "copy-chown-name",
    "copy-chown-new-folder",
    "copy-chown-odd",
    "copy-chown-part-empty",
    "copy-chown-root",
    "copy-exclude",
    "copy-from-empty",
    "copy-from-image",
    "copy-from-stage",
    "copy-link",
    "copy-parents",
    "copy-parents-excluded",
    "copy-several-to-name",
    "copy-several-without-slash",
    "copy-source-empty",
    "copy-source-outside",
    "env-name-empty",
    "expansion-pattern",
    "expansion-required",
    "expansion-unset",
    "expose-empty",
    "from-image",
    "from-place",
    "from-platform",
    "from-platform-argument",
    "from-stage-argument",
    "frontend",
    "healthcheck",
    "healthcheck-start-interval",
    "healthcheck-zero",
    "heredoc",
    "maintainer",
    "mount-bind",
    "mount-cache",
    "mount-secret",
    "mount-secret-env",
    "mount-ssh",
    "mount-tmpfs",
    "onbuild",
    "platform-argument",
    "run",
    "run-device",
    "run-network",
    "run-security",
    "shell",
    "stage-index",
    "stage-name-twice",
    "syntax",
    "workdir-empty",
    "workdir-user",
    "workdir-user-name",
]
FEATURES: frozenset[Feature] = frozenset(get_args(Feature))


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """The use of a feature by an instruction. `what`: the feature's name in messages; `text`: the whole instruction."""

    feature: Feature
    line: int
    what: str
    text: str
