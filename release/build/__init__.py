"""Builders behind one Protocol. A build leaves its image in a local OCI layout, unless it pushes it by digest itself.

`prepare` of a builder is called once, before the plan is made. `prepare` reads the Dockerfile and the build context,
and returns a `Prepared` build, or a `Problem` with the reason why the builder cannot build them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, runtime_checkable

import msgspec

from release.build_spec import BuildSpec
from release.errors import BuildError, BuilderUnavailable


class BuildTask(msgspec.Struct, frozen=True, kw_only=True):
    """What to build, without secrets: plans and records may show every field.

    `root`: absolute path of the repository, in which context and Dockerfile must lie. `outputs`: paths in the
    repository that shipmark writes, such as OCI layouts; no context contains them. `created`: the commit's time in
    seconds since the epoch (SOURCE_DATE_EPOCH). `own_dockerfile`: whether the Dockerfile is looked up in the context
    first. `repository`: the repository of a target, in a registry, to which the builder may push the image by digest
    instead of leaving the image in the layout; None: the builder must not push.
    """

    spec: BuildSpec
    root: str
    repository: str | None = None
    outputs: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    created: int = 0
    own_dockerfile: bool = False


class BuildValues(msgspec.Struct, frozen=True, kw_only=True):
    """Values that no plan or record contains. `args`: build arguments with variables replaced; any may be a secret."""

    args: Mapping[str, str] = {}

    def with_epoch(self, created: int) -> Mapping[str, str]:
        """`args`, and SOURCE_DATE_EPOCH, which every builder gives: the commit's time `created`, unless it is given."""
        return {"SOURCE_DATE_EPOCH": str(created), **self.args}

    def __repr__(self) -> str:
        """The names of the build arguments only, so that no traceback or log line shows a value."""
        return f"BuildValues(args={sorted(self.args)})"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The reason why a builder cannot build a task.

    `kind`: `unavailable`: the builder does not answer; `lacks`: the builder does not support an instruction or option
    of the task; `input`: the Dockerfile, the context or an option is wrong, whichever builder is used. `cause`: the
    error that the builder met; its traceback tells which section of docs/errors.md explains it.
    """

    kind: Literal["unavailable", "lacks", "input"]
    reason: str
    hint: str | None = None
    cause: BuildError | None = None

    @classmethod
    def of(cls, kind: Literal["unavailable", "lacks", "input"], error: BuildError) -> Problem:
        """The problem that `error` describes."""
        return cls(kind=kind, reason=error.message, hint=error.hint, cause=error)

    def error(self, hint: str | None = None) -> BuildError:
        """The exception for this problem. `hint`: replaces the problem's own hint, except for the kind `input`."""
        hint = self.hint if self.kind == "input" else hint or self.hint
        unavailable = (
            self.kind != "input" if self.cause is None else isinstance(self.cause, BuilderUnavailable)
        )
        error = (BuilderUnavailable if unavailable else BuildError)(self.reason, hint=hint)
        return error if self.cause is None else error.with_traceback(self.cause.__traceback__)


class PlatformImage(msgspec.Struct, frozen=True, kw_only=True):
    """One platform's manifest. `size`: bytes of the manifest."""

    platform: str
    digest: str
    size: int


class BuiltFrom(msgspec.Struct, frozen=True, kw_only=True):
    """The context that an image was built from.

    `digest`: the digest of the context's files, see `release.build.context.digest`. `untracked`: the number of files in
    the context that git does not track; None without a git repository.
    """

    digest: str
    untracked: int | None = None


class BuiltImage(msgspec.Struct, frozen=True, kw_only=True):
    """The image that a build made: its index or only manifest, and the manifest of each platform.

    `pushed_to`: the repository to which the builder pushed the image by digest; None: the image is in the layout.
    """

    digest: str
    media_type: str
    size: int
    platforms: tuple[PlatformImage, ...] = ()
    tools: Mapping[str, str] = {}  # {"docker": "28.2.2"}
    context: BuiltFrom | None = None  # None where it is not known
    pushed_to: str | None = None


class Prepared(Protocol):
    """A build whose input is checked: `build` uses the Dockerfile and the ignore rules as `prepare` read them."""

    @property
    def builder(self) -> str:
        """The name of the builder that prepared the build."""

    @property
    def makes_index(self) -> bool:
        """Whether one call of `build` makes the index of all platforms; if not, `build` is called for each platform.

        The answer does not depend on the number of platforms.
        """

    def build(self, store: str, platform: str | None = None) -> BuiltImage:
        """Build into the OCI layout folder `store` (made if missing). Raises from the `BuildError` branch.

        `platform`: the one of several platforms to build for, where the builder does not make the index; else None.
        """

    def close(self) -> None:
        """Release what `prepare` opened: connections, temporary files. Called once, whether or not `build` ran."""


@runtime_checkable
class PushesByDigest(Protocol):
    """Optional capability of a `Prepared` build: the builder itself pushes the image to a registry, by digest."""

    @property
    def pushes_to(self) -> str | None:
        """The task's `repository` if `build` pushes the image there, else None.

        `build` may still leave the image in the layout if the push fails; `BuiltImage.pushed_to` says where it is.
        """


class Builder(Protocol):
    """One way to make an image."""

    @property
    def name(self) -> str:
        """`docker`, `layers`, ..."""

    def prepare(self, task: BuildTask, values: BuildValues) -> Prepared | Problem:
        """Check within seconds whether this builder can build the task. Writes nothing.

        Raises `ConfigError` for an option that this installation does not support; `BuildError` for a Dockerfile or
        ignore file that is too large, not a regular file, or (ignore file) a symlink out of the repository; and the
        exception that cancelled the run.
        """
