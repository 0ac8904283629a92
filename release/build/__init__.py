"""Builders behind one Protocol. A build leaves its image in a local OCI layout, by digest, before a push.

A builder is asked once, before the plan is made: `prepare` reads the Dockerfile and the context, and answers with what
it will build, or with the reason why it cannot. Nobody else looks at that input.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from release.build_spec import BuildSpec
from release.errors import BuildError, BuilderUnavailable


class BuildTask(msgspec.Struct, frozen=True, kw_only=True):
    """What to build: everything of it that plans and records may show.

    `root`: absolute path of the repository, in which context and Dockerfile must lie. `created`: seconds since the
    epoch, the commit's time (SOURCE_DATE_EPOCH).
    """

    spec: BuildSpec
    root: str
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    created: int = 0


class BuildValues(msgspec.Struct, frozen=True, kw_only=True):
    """What only the builder gets to see. `args`: build arguments with variables replaced; any may be a secret."""

    args: Mapping[str, str] = {}

    def __repr__(self) -> str:
        """The names, so that no traceback or log line shows a value."""
        return f"BuildValues(args={sorted(self.args)})"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a builder cannot build this.

    `kind`: `unavailable`: it does not answer; `lacks`: it does not know something that the build needs; `input`: the
    Dockerfile, the context or an option is wrong for every builder.
    """

    kind: Literal["unavailable", "lacks", "input"]
    reason: str
    hint: str | None = None

    @classmethod
    def of(cls, kind: Literal["unavailable", "lacks", "input"], error: BuildError) -> Problem:
        """The problem that `error` describes."""
        return cls(kind=kind, reason=error.message, hint=error.hint)

    def error(self, hint: str | None = None) -> BuildError:
        """The error to end with. `hint`: in place of the problem's own, unless it is the input that is wrong."""
        if self.kind == "input":
            return BuildError(self.reason, hint=self.hint)
        return BuilderUnavailable(self.reason, hint=hint or self.hint)


class PlatformImage(msgspec.Struct, frozen=True, kw_only=True):
    """One platform's manifest. `size`: bytes of the manifest."""

    platform: str
    digest: str
    size: int


class BuiltImage(msgspec.Struct, frozen=True, kw_only=True):
    """The image that a build left in the layout: its top manifest or index, and what it holds per platform."""

    digest: str
    media_type: str
    size: int
    platforms: tuple[PlatformImage, ...] = ()
    tools: Mapping[str, str] = {}  # {"docker": "28.2.2"}


class Prepared(Protocol):
    """One image, ready to be built: the Dockerfile and the rules of `.dockerignore` are those that `prepare` read."""

    @property
    def builder(self) -> str:
        """The name of the builder that prepared it."""

    def build(self, store: str) -> BuiltImage:
        """Build into the OCI layout folder `store` (made if missing). Raises from the `BuildError` branch."""

    def close(self) -> None:
        """Give up what `prepare` took: connections, temporary files. Called once, whether or not `build` was."""


class Builder(Protocol):
    """One way to make an image."""

    @property
    def name(self) -> str:
        """`docker`, `layers`, ..."""

    def prepare(self, task: BuildTask, values: BuildValues) -> Prepared | Problem:
        """Look at the input and at the builder's own means, within seconds. Only reads.

        Raises `ConfigError` for an option that this installation cannot serve, `RefusedError` for a file of the input
        that is a symlink out of the repository, and what cancelled the run.
        """
