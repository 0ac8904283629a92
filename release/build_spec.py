"""The `build:` section of `shipmark.yml` as data, shared by config, plan, app and the builders. Pure.

A build option is one field of `BuildSpec`. The field's `Option` says how the rest of shipmark treats the option, so
that a new field needs no change in the configuration's reader, in plans, in records or in the image's label.
"""

# No `from __future__ import annotations`: reading the options of text annotations takes 1 ms of every start.
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

BuilderName = Literal["auto", "buildkit", "docker", "buildah", "podman", "layers"]
BUILDERS: tuple[BuilderName, ...] = get_args(BuilderName)
_BUILDKIT: tuple[BuilderName, ...] = ("buildkit",)
_PROGRAMS: tuple[BuilderName, ...] = ("buildkit", "buildah", "podman")


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """How shipmark treats one build option.

    `is_input`: the image depends on the option's value, which is recorded and compared. `untrusted`: a run that is not
    trusted reads the option from the configuration. `name`: the option's name in plans and records, `""` for the name
    of the field. `path`: the value is a path, so `src` and `./src/` are equal. `builders`: those that support the
    option, `()` for all; the others refuse a build with it, which would make another image than the configuration says.
    """

    is_input: bool
    untrusted: bool
    name: str = ""
    path: bool = False
    builders: tuple[BuilderName, ...] = ()


def _says(description: str, option: Option) -> Meta:
    return Meta(description=description, extra={"option": option})


class BuildSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the image is built. Paths are relative to the repository's root."""

    builder: Annotated[
        BuilderName,
        _says(
            "auto: buildkit where buildx or buildctl answers, docker where a daemon does, buildah or podman where "
            "one is installed, else layers without RUN",
            Option(is_input=False, untrusted=False),
        ),
    ] = "auto"
    context: Annotated[
        str,
        _says("the folder that COPY copies from", Option(is_input=True, untrusted=True, path=True)),
    ] = "."
    dockerfile: Annotated[
        str,
        _says(
            "the Dockerfile, from the repository's root or in the context",
            Option(is_input=True, untrusted=True, path=True),
        ),
    ] = "Dockerfile"
    files: Annotated[
        Literal["all", "tracked"],
        _says(
            "all: every file of the context; tracked: only files that git tracks",
            Option(is_input=True, untrusted=True),
        ),
    ] = "all"
    keep_git: Annotated[
        bool,
        _says(
            "whether `.git` is part of the context",
            # `.git/config` may hold the CI's token, so an outsider's configuration does not decide.
            Option(is_input=True, untrusted=False),
        ),
    ] = False
    allow_missing: Annotated[
        tuple[str, ...],
        _says(
            "submodules, Git LFS files and files outside of a sparse checkout that the build can do without",
            # `allow_missing` changes no image: a clone that has the listed files builds with them all the same.
            Option(is_input=False, untrusted=True),
        ),
    ] = ()
    target: Annotated[
        str | None, _says("the stage to build", Option(is_input=True, untrusted=True, name="stage"))
    ] = None
    args: Annotated[
        dict[str, str],
        _says(
            "build arguments; `{{version}}` and the like, and `${NAME}`, are replaced",
            Option(is_input=True, untrusted=True),
        ),
    ] = {}
    platforms: Annotated[
        tuple[str, ...],
        _says("`linux/amd64`, `linux/arm64`, ...", Option(is_input=True, untrusted=True)),
    ] = ()
    compression: Annotated[
        Literal["gzip", "gzip-reproducible", "zstd"],
        _says(
            "of layers: gzip by the fastest library, gzip by zlib everywhere, or zstd",
            Option(is_input=False, untrusted=False),
        ),
    ] = "gzip"
    secrets: Annotated[
        tuple[str, ...],
        _says(
            "buildkit, buildah, podman: `id=NAME,env=VARIABLE` or `id=NAME,src=FILE`, for `RUN --mount=type=secret`",
            Option(is_input=False, untrusted=False, builders=_PROGRAMS),
        ),
    ] = ()
    ssh: Annotated[
        tuple[str, ...],
        _says(
            "buildkit: `default` or `ID=SOCKET`, for `RUN --mount=type=ssh`",
            Option(is_input=False, untrusted=False, builders=_BUILDKIT),
        ),
    ] = ()
    cache_from: Annotated[
        tuple[str, ...],
        _says(
            "buildkit: caches to read: `type=registry,ref=…`, `type=local,src=…`, `type=gha`",
            Option(is_input=False, untrusted=False, builders=_BUILDKIT),
        ),
    ] = ()
    cache_to: Annotated[
        tuple[str, ...],
        _says(
            "buildkit: caches to write: `type=registry,ref=…,mode=max`, `type=local,dest=…`, `type=gha`",
            Option(is_input=False, untrusted=False, builders=_BUILDKIT),
        ),
    ] = ()
    contexts: Annotated[
        dict[str, str],
        _says(
            "named contexts: a folder, `docker-image://…`; with buildkit, buildah, podman a URL, too",
            Option(is_input=True, untrusted=False, builders=(*_PROGRAMS, "layers")),
        ),
    ] = {}
    network: Annotated[
        Literal["default", "none", "host"],
        _says("buildkit: the network of RUN", Option(is_input=False, untrusted=False, builders=_BUILDKIT)),
    ] = "default"
    builder_name: Annotated[
        str | None,
        _says(
            "buildkit: the builder of `docker buildx ls` to use",
            Option(is_input=False, untrusted=False, builders=_BUILDKIT),
        ),
    ] = None
    provenance: Annotated[
        Literal["none", "min", "max"],
        _says(
            "buildkit: attach a provenance attestation",
            Option(is_input=False, untrusted=False, builders=_BUILDKIT),
        ),
    ] = "none"
    sbom: Annotated[
        bool,
        _says(
            "buildkit: attach a list of packages", Option(is_input=False, untrusted=False, builders=_BUILDKIT)
        ),
    ] = False
    push: Annotated[
        Literal["auto", "by-digest", "by-client"],
        _says(
            "buildkit: by-digest: BuildKit pushes the image to the first target; by-client: shipmark does; "
            "auto: BuildKit does where the image need not come to this machine",
            Option(is_input=False, untrusted=False, builders=_BUILDKIT),
        ),
    ] = "auto"
    foreign_binaries: Annotated[
        tuple[str, ...],
        _says(
            "paths in the image that may hold programs of other machines than its platform, as in `.dockerignore`",
            Option(is_input=False, untrusted=False),
        ),
    ] = ()

    def recorded(self) -> dict[str, Any]:
        """JSON values for plans, without options at their default; of a mapping only the names are kept.

        The value of a build argument is left out because it may be a secret, or name the variable that holds a secret.
        """
        return self._changed(options())

    def inputs(self) -> dict[str, Any]:
        """The part of `recorded` that holds inputs of the release; lists are sorted: their order has no meaning."""
        found = self._changed({field: option for field, option in options().items() if option.is_input})
        return {name: sorted(value) if isinstance(value, list) else value for name, value in found.items()}

    @property
    def given(self) -> tuple[str, ...]:
        """The names, as users write them, of the options that are not at their default."""
        return tuple(field for field in options() if getattr(self, field) != getattr(_DEFAULT, field))

    def _changed(self, wanted: Mapping[str, Option]) -> dict[str, Any]:
        return {
            wanted[field].name or field: _plain(getattr(self, field))
            for field in self.given
            if field in wanted
        }


_DEFAULT = BuildSpec()


@cache
def options() -> Mapping[str, Option]:
    """Maps each field name of `BuildSpec` to the field's `Option`."""
    return {field.name: _option_of(field) for field in msgspec.structs.fields(BuildSpec)}


@cache
def input_defaults() -> Mapping[str, Any]:
    """Maps the name of each build input in records to its default, which applies if a record lacks it; None is `""`."""
    found = {
        option.name or field: _plain(getattr(_DEFAULT, field))
        for field, option in options().items()
        if option.is_input
    }
    return {name: "" if value is None else value for name, value in found.items()}


@cache
def input_paths() -> frozenset[str]:
    """The recorded names of the build inputs whose values are paths."""
    return frozenset(
        option.name or field for field, option in options().items() if option.is_input and option.path
    )


def _option_of(field: msgspec.structs.FieldInfo) -> Option:
    notes = [one.extra["option"] for one in field.type.__metadata__ if isinstance(one, Meta) and one.extra]
    option: Option = notes[0]
    return option


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value
