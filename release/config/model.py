"""The types of `shipmark.yml`, from which the JSON Schema for editors is made."""

# No `from __future__ import annotations`: msgspec would evaluate the annotations from their texts, which takes 10 ms
# of every command.

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from release.build_spec import BuildSpec
from release.config.retention import RetentionSection


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of all sections: an unknown key is an error."""


class TargetSection(_Section, frozen=True, kw_only=True):
    """One repository with options. `${NAME}` in `image` is replaced from the environment."""

    image: Annotated[str, Meta(description="`ghcr.io/acme/app`, or an OCI layout folder: `oci:dist/image`")]
    required: Annotated[bool, Meta(description="false: a failure here only warns")] = True
    moving: Annotated[bool, Meta(description="false: the repository has immutable tags")] = True
    insecure: Annotated[bool, Meta(description="plain http, or TLS that is not verified, for this host")] = (
        False
    )


class LogSection(_Section, frozen=True, kw_only=True):
    """Where the version log is."""

    store: Annotated[
        Literal["file", "git", "sql"], Meta(description="a JSON Lines file, a git ref, or a database")
    ] = "file"
    path: Annotated[str, Meta(description="file: relative to the repository's root")] = ".shipmark/log.jsonl"
    ref: Annotated[str, Meta(description="git: the ref that holds the log")] = "refs/shipmark/log"
    remote: Annotated[str, Meta(description="git: the remote that holds the ref, by its name or URL")] = (
        "origin"
    )
    url: Annotated[str | None, Meta(description="sql: a database URL; take the password from `${NAME}`")] = (
        None
    )
    allow_network_fs: Annotated[bool, Meta(description="file: trust the locks of a network file system")] = (
        False
    )


class CheckSection(_Section, frozen=True, kw_only=True):
    """A command that has to succeed on the image before anybody can see it."""

    name: Annotated[
        str,
        Meta(
            description="names it in messages and in the version log", pattern="^[a-z0-9][a-z0-9._-]{0,62}$"
        ),
    ]
    run: Annotated[
        tuple[str, ...],
        Meta(
            description="the program and its arguments; no shell. `{{layout}}`: the path of an OCI layout with the "
            "image; `{{image}}`: its name in the local Docker daemon; also `{{digest}}`, `{{version}}`",
            min_length=1,
        ),
    ]
    # Half an hour: scanners first download their database; a command that hangs must not block the job for ever. At
    # most a day, since few CI systems let a job run longer.
    timeout: Annotated[int, Meta(description="seconds", ge=1, le=86400)] = 1800


#: The part of the version that commits of a type raise.
BumpPart = Literal["major", "minor", "patch", "none"]


class BumpSection(_Section, frozen=True, kw_only=True):
    """How `version --next` reads commits and dates."""

    types: Annotated[
        dict[str, BumpPart],
        Meta(
            description="type of a commit -> the part of the version that it raises: `{docs: patch, fix: none}`"
        ),
    ] = {}
    major_on_zero: Annotated[
        bool, Meta(description="whether a breaking change leads from 0.4.2 to 1.0.0, and not to 0.5.0")
    ] = False
    paths: Annotated[
        tuple[str, ...],
        Meta(
            description="globs: only commits that change one of these files count; the component's `paths` if not given"
        ),
    ] = ()
    calver: Annotated[
        str,
        Meta(
            description="versions: calver: tokens of calver.org: `YYYY.MM.MICRO`, `YY.0M`; else taken from the tags"
        ),
    ] = ""


class ComponentSection(_Section, frozen=True, kw_only=True):
    """One thing to release. At the top level: the only one, or what all components have in common."""

    image: Annotated[str | None, Meta(description="where it goes: one repository")] = None
    images: Annotated[
        tuple[str | TargetSection, ...], Meta(description="where it goes: several repositories")
    ] = ()
    tags: Annotated[
        str | tuple[str | dict[str, str], ...],
        Meta(description="`default`, or rules, one a line, as docker/metadata-action writes them"),
    ] = "default"
    events: Annotated[
        Literal["guarded", "as-action"],
        Meta(description="as-action: rules see each event as docker/metadata-action does, unguarded"),
    ] = "guarded"
    flavor: Annotated[str | tuple[str, ...], Meta(description="as docker/metadata-action writes it")] = ()
    labels: Annotated[
        str | dict[str, str] | tuple[str, ...], Meta(description="further labels of the image")
    ] = ()
    annotations: Annotated[
        str | dict[str, str] | tuple[str, ...], Meta(description="further annotations of the manifest")
    ] = ()
    build: BuildSpec | None = None
    checks: Annotated[
        tuple[CheckSection, ...],
        Meta(description="commands that have to succeed on the image before it is pushed"),
    ] = ()
    prefix: Annotated[str, Meta(description="what git tags begin with before the version: `api/`")] = ""
    paths: Annotated[tuple[str, ...], Meta(description="globs of the files that belong to it")] = ()
    depends: Annotated[tuple[str, ...], Meta(description="components whose change makes this one stale")] = ()
    versions: Annotated[
        Literal["semver", "semver-loose", "calver", "none"],
        Meta(description="what a git tag is read as; semver-loose: `v1.4` too, as 1.4.0"),
    ] = "semver"
    ignore_tags: Annotated[
        tuple[str, ...], Meta(description="globs of git tags that are no releases, and no mistakes either")
    ] = ("v[0-9]", "v[0-9][0-9]")
    release_on: Annotated[
        tuple[str, ...],
        Meta(
            description="events for which a branch's run releases a version tag at HEAD: `schedule`, `push`"
        ),
    ] = ()
    latest: Annotated[
        Literal["auto", "default-branch", "never"],
        Meta(description="auto: the highest stable release; default-branch: each of its builds"),
    ] = "auto"
    reuse: Annotated[
        Literal["never", "commit"], Meta(description="commit: release the image that the branch build left")
    ] = "never"
    attest: Annotated[
        Literal["never", "release"],
        Meta(description="release: attach an in-toto release statement to the image on every target"),
    ] = "never"
    pull_requests: Annotated[bool, Meta(description="push images of pull requests, never of forks")] = False
    base: Annotated[
        Literal["highest", "nearest"], Meta(description="which reachable version off-tag versions count from")
    ] = "highest"
    channels: Annotated[
        tuple[str, ...], Meta(description="prerelease identifiers with a moving tag of their own: `rc`")
    ] = ()
    bump: Annotated[BumpSection, Meta(description="how `version --next` reads commits and dates")] = (
        BumpSection()
    )
    retention: Annotated[
        RetentionSection | None, Meta(description="what `shipmark prune` deletes, and what it keeps")
    ] = None


class ConfigFile(ComponentSection, frozen=True, kw_only=True):
    """The whole file."""

    requires: Annotated[
        str | None, Meta(description='versions of shipmark that may read this file: `">=0.2"`, `">=0.2 <1"`')
    ] = None
    project: Annotated[
        str | None, Meta(description="names the releases; the first image's repository if not given")
    ] = None
    components: dict[str, ComponentSection] = {}
    log: Annotated[
        LogSection | tuple[str | LogSection, ...] | None,
        Meta(description="where the version log is; of several the first is the truth, the others follow"),
    ] = None


#: Class name -> its name in the published JSON Schema. Editors and generated code use the published names, so they stay
#: when a class is renamed.
_SECTIONS = {"BuildSpec": "BuildSection", "#/$defs/BuildSpec": "#/$defs/BuildSection"}


def config_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `shipmark.yml`."""
    from release.schema import (
        cleaned,
        identifier,
    )  # imported late: only the command that prints the schema needs it

    schema = cleaned(msgspec.json.schema(ConfigFile))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": identifier("config"),
        "title": "shipmark.yml",
        **_published(schema),
    }


def _published(schema: Any) -> Any:
    """`schema` as editors get it: with the published name of each section (`_SECTIONS`), and texts without quotes.

    The file's `GO_VERSION: 1.20` stays the text `1.20`, see `Document`; an editor reads a number.
    """
    if isinstance(schema, dict):
        if schema.get("type") == "string":
            schema = {**schema, "type": ["string", "number", "boolean"]}
        return {_SECTIONS.get(name, name): _published(value) for name, value in schema.items()}
    if isinstance(schema, list):
        return [_published(value) for value in schema]
    return _SECTIONS.get(schema, schema) if isinstance(schema, str) else schema
