"""The features that a Dockerfile needs for one target stage and platform. Pure.

Each builder declares the features that it has. A builder that lacks a feature reports the feature's first use before
the build, not in the middle of the build. A value in a Dockerfile that no builder can read is a `BuildError` here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from release.build.dockerfile.build_checks import require_check_options
from release.build.dockerfile.features.names import Feature, Need
from release.build.dockerfile.features.new_folders import StageFolders
from release.build.dockerfile.features.place import Place
from release.build.dockerfile.features.rules import needs_in
from release.build.dockerfile.instructions import Dockerfile, Stage
from release.build.dockerfile.scope import DEFAULT_PATH, Scope, global_scope
from release.build.dockerfile.stage_graph import (
    base_of,
    effective_instructions,
    is_place,
    needed_stages,
    stage_platform,
    stages_up_to,
    target_stage,
)
from release.errors import BuildError
from release.lazy_pattern import pattern
from release.oci.image_json import ImageConfig, Platform

# The frontends that are BuildKit's own Dockerfile frontend. Any other image may read the file in another way.
_OWN_FRONTEND = pattern(r"(docker\.io/)?docker/dockerfile(-upstream)?([:@].*)?")

_ANOTHER = "choose a builder that supports it with `build: {builder: …}`"
_BUILDKIT = "BuildKit supports it: choose a builder that uses BuildKit with `build: {builder: …}`"
#: The hint for a feature that the builder lacks: a replacement, or another builder.
_INSTEAD: Mapping[Feature, str] = {
    "add-archive-chown": f"unpack the archive before the build and `COPY` the files; {_BUILDKIT}",
    "add-checksum": f"check the file before the build and `COPY` it; {_BUILDKIT}",
    "add-git": f"check the repository out before the build and `COPY` it; {_BUILDKIT}",
    "add-keep-git-dir": _BUILDKIT,
    "add-unpack": _BUILDKIT,
    "add-url": "use `builder: docker`, or fetch and check the file before the build and `COPY` it",
    "command-empty": "remove the line, or write the command",
    "copy-chmod": f"set the mode with `git update-index --chmod=+x`, or in a `RUN chmod`; {_BUILDKIT}",
    "copy-chmod-empty": "give the variable a value, or remove the flag",
    "copy-chmod-new-folder": f"make the folder before, with `WORKDIR` or in a `RUN`; {_BUILDKIT}",
    "copy-chmod-symbolic": f"set the mode in a `RUN chmod`; {_BUILDKIT}",
    "copy-chown-empty": "write user and group, like `--chown=1000:1000`",
    "copy-chown-name": "write numbers, like `--chown=65532:65532`",
    "copy-chown-new-folder": f"make the folder before, with `WORKDIR` or in a `RUN`; {_BUILDKIT}",
    "copy-chown-odd": "write user and group, like `--chown=1000:1000` or `--chown=web:web`",
    "copy-chown-part-empty": "write user and group, like `--chown=1000:1000`",
    "copy-chown-root": "write `0` in place of `root`",
    "copy-exclude": f"name the files in `.dockerignore`; {_BUILDKIT}",
    "copy-from-empty": "remove the flag, which says nothing",
    "copy-link": f"remove `--link`, which changes no file of the image; {_BUILDKIT}",
    "copy-parents": _BUILDKIT,
    "copy-parents-excluded": "remove the source, or the pattern of `--exclude`",
    "copy-several-to-name": "write the destination with `/` at its end",
    "copy-several-without-slash": "write the destination with `/` at its end",
    "copy-source-empty": "give the variable a value, or write `.` for the whole context",
    "copy-source-outside": "leave out the `../`: the path begins at the top of the context",
    "env-name-empty": "give the variable a value",
    "expansion-pattern": f"give the shortened text as a build argument of its own; {_BUILDKIT}",
    "expansion-required": f"leave out the message, and check the value in a `RUN`; {_BUILDKIT}",
    "expansion-unset": "write `${NAME:-…}` or `${NAME:+…}`, which also count an empty value as unset",
    "expose-empty": "give the variable a value, or remove the line",
    "from-image": "start `FROM scratch` or from an earlier stage",
    "from-place": "use `builder: layers`, or push the image to a registry",
    "from-stage-argument": "set the argument in `build: {args: …}`",
    "frontend": _BUILDKIT,
    "healthcheck-zero": "remove the flag: 0 means the default",
    "heredoc": "put the text into a file and `COPY` it, or join the commands with `&&`",
    "maintainer": "write `LABEL org.opencontainers.image.authors=…`",
    "mount-bind": f"`COPY` the files; {_BUILDKIT}",
    "mount-cache": f"remove the mount, which only makes the build faster; {_BUILDKIT}",
    "mount-secret": _BUILDKIT,  # no other instruction keeps a secret out of the image's history
    "mount-secret-env": f"read the secret from its file, `/run/secrets/ID`; {_BUILDKIT}",
    "mount-ssh": _BUILDKIT,
    "mount-tmpfs": _BUILDKIT,
    "run": "use `builder: docker`, or make the files before the build and `COPY` them",
    "run-device": _BUILDKIT,
    "run-network": _BUILDKIT,
    "run-security": _BUILDKIT,
    "stage-index": "name the stage with `FROM … AS name`",
    "stage-name-twice": "give each stage a name of its own",
    "workdir-empty": "give the variable a value, or remove the line",
    "workdir-user": "write the `WORKDIR` before the `USER` if root shall own the folder; else `COPY --chown` it",
    "workdir-user-name": "write the user's number in `USER`, or the `WORKDIR` before it",
}

#: Gives the settings of a base image by its name and platform; None if the image was not read.
BaseSettings = Callable[[str, Platform], ImageConfig | None]


def unread(_: str, __: Platform) -> None:
    """No base image was read."""
    return


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """The features that a Dockerfile needs, each with its first use, in the order of the file.

    `name`: the file's name in messages.
    """

    name: str
    needs: tuple[Need, ...]

    @property
    def features(self) -> frozenset[Feature]:
        """The names alone."""
        return frozenset(need.feature for need in self.needs)

    def missing(self, known: frozenset[Feature]) -> tuple[Need, ...]:
        """The needs that a builder with the features `known` lacks."""
        return tuple(need for need in self.needs if need.feature not in known)

    def require(self, known: frozenset[Feature], builder: str) -> None:
        """Raise `BuildError` for the first use of a feature that is not in `known`. `builder`: for the message."""
        for need in self.missing(known):
            raise BuildError(
                f"{self.name}:{need.line}: {builder} does not support {need.what}",
                hint=_INSTEAD.get(need.feature, _ANOTHER),
            )


def needs_of(
    dockerfile: Dockerfile,
    *,
    target: str | None,
    given: Mapping[str, str],
    platform: Platform,
    build: Platform | None = None,
    builds_all: bool = False,
    bases: BaseSettings = unread,
) -> Needs:
    """The features that the stages of `target` (None: the last one) need.

    `given`: build arguments. `build`: the platform of the machine that builds, by default `platform`. `builds_all`: the
    builder also builds stages before the target that the target does not need. `bases`: the settings of each base image
    that was read. Raises `BuildError` with the line.
    """
    scope = global_scope(dockerfile, given, platform, build)
    needed = needed_stages(dockerfile, target, scope)
    stages = stages_up_to(dockerfile, target) if builds_all else needed
    found: dict[Feature, Need] = {}
    places: dict[int, Place] = {}
    uses = [*_of_file(dockerfile, target)]
    for stage in stages:
        own = stage_platform(dockerfile, stage, scope, platform)
        base = base_of(dockerfile, stage, scope)
        settings = bases(base, own) if isinstance(base, str) else None
        uses += _of_stage(dockerfile, stage, scope, given, places, settings)
    for use in sorted(uses, key=lambda each: each.line):
        found.setdefault(use.feature, use)
    return Needs(name=dockerfile.name, needs=tuple(found.values()))


def _of_file(dockerfile: Dockerfile, target: str | None) -> Iterator[Need]:
    if dockerfile.syntax is not None:
        feature: Feature = "syntax" if _OWN_FRONTEND.fullmatch(dockerfile.syntax) else "frontend"
        text = f"# syntax={dockerfile.syntax}"
        yield Need(feature=feature, line=1, what=f"`{text}`", text=text)
    if dockerfile.check is not None:
        require_check_options(dockerfile)
        text = f"# check={dockerfile.check}"
        yield Need(feature="check", line=dockerfile.check_line, what="`# check=`", text=text)
    stage = target_stage(dockerfile, target)
    if target is not None and stage.name != target.lower():
        what = f"the stage `{target}` without a name"
        yield Need(feature="stage-index", line=stage.base.line, what=what, text=stage.base.text)


def _first_folders(base: Stage | str | None, settings: ImageConfig | None) -> StageFolders:
    """The folders that a stage begins with: those of a base image are not known, whether or not it was read."""
    known = None if isinstance(base, str) else frozenset[str]()
    working_dir = settings.working_dir if settings is not None else ""
    return StageFolders(known, working_dir=working_dir or "/", is_placed=settings is not None)


def _of_stage(
    dockerfile: Dockerfile,
    stage: Stage,
    scope: Scope,
    given: Mapping[str, str],
    places: dict[int, Place],
    settings: ImageConfig | None,
) -> Iterator[Need]:
    """`places`: of the stages before this stage; the place of this stage is added. `settings`: of its base image."""
    base = base_of(dockerfile, stage, scope)
    below = places.get(base.index) if isinstance(base, Stage) else None
    inner = Scope(
        dockerfile,
        given=given,
        outer=scope.args,
        args=below.scope.args if below else None,
        env=below.scope.env if below else {"PATH": DEFAULT_PATH, **(settings.env if settings else {})},
        within=scope,
    )
    # A trigger of the base may set variables, too.
    is_read = settings is not None and not settings.on_build
    is_open = below.is_open if below else isinstance(base, str) and not is_read
    folders = below.folders.copy() if below else _first_folders(base, settings)
    place = Place(dockerfile=dockerfile, stage=stage, scope=inner, is_open=is_open, folders=folders)
    places[stage.index] = place
    outside = Place(dockerfile=dockerfile, stage=stage, scope=scope, is_open=False, folders=folders)
    yield from needs_in(stage.base, outside)
    if isinstance(base, str):
        feature: Feature = "from-place" if is_place(base) else "from-image"
        yield Need(feature=feature, line=stage.base.line, what=f"`FROM {base}`", text=stage.base.text)
    for instruction in effective_instructions(dockerfile, stage, scope):
        yield from needs_in(instruction, place)
