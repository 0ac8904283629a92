"""The types of `retention:` in `shipmark.yml`: which tags and images `shipmark prune` deletes, and which it keeps."""

# No `from __future__ import annotations`: msgspec would evaluate the annotations from their texts, which takes 10 ms
# of every command.

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of all sections: an unknown key is an error."""


_Match = Annotated[
    str | tuple[str, ...] | None,
    Meta(description="a glob of tags, or several, of which one has to match: `sha-*`"),
]
_Pattern = Annotated[
    str | None, Meta(description="a regular expression that matches the whole tag: `[0-9]+-[a-f0-9]{8}`")
]
_Semver = Annotated[
    bool | str | None,
    Meta(description="true: tags that are versions; or a range of versions: `>=1.0 <2.0`, `^1.4`, `1.x`"),
]
_Count = Annotated[int, Meta(ge=1)]


class DeleteSection(_Section, frozen=True, kw_only=True):
    """Tags, or untagged images, that may be deleted. What a rule of `keep` matches stays."""

    match: _Match = None
    pattern: _Pattern = None
    semver: _Semver = None
    untagged: Annotated[bool, Meta(description="images that no tag, index or subject names")] = False
    older_than: Annotated[
        str | None, Meta(description="only what was pushed, tagged, promoted or pulled longer ago: `30d`")
    ] = None


class LogWindowSection(_Section, frozen=True, kw_only=True):
    """The newest releases in the version log."""

    newest: _Count
    per: Annotated[
        Literal["channel"] | None, Meta(description="count release, prerelease and branch builds apart")
    ] = None


class KeepSection(_Section, frozen=True, kw_only=True):
    """Tags and images that stay, whatever a rule of `delete` says."""

    match: _Match = None
    pattern: _Pattern = None
    semver: _Semver = None
    newest: Annotated[_Count | None, Meta(description="only the newest of them")] = None
    per: Annotated[
        Literal["minor", "major", "channel"] | None,
        Meta(description="`newest` counts for each minor or major version, or each prerelease channel"),
    ] = None
    by: Annotated[
        Literal["version", "pushed"] | None,
        Meta(description="what `newest` means; the version, for tags that are versions, if not given"),
    ] = None
    younger_than: Annotated[str | None, Meta(description="only what is younger: `90d`")] = None
    pulled_within: Annotated[
        str | None, Meta(description="only what was pulled since, where the registry tells: `30d`")
    ] = None
    deployed: Annotated[bool, Meta(description="what runs somewhere, as the version log says")] = False
    log: Annotated[LogWindowSection | None, Meta(description="the newest releases in the version log")] = None


class LimitsSection(_Section, frozen=True, kw_only=True):
    """Limits of one prune in one repository; a plan beyond one of them is refused."""

    max_delete: Annotated[int, Meta(description="images", ge=0)] = 500
    max_fraction: Annotated[float, Meta(description="of the repository's images", ge=0, le=1)] = 0.5
    min_keep: Annotated[int, Meta(description="images that have to remain", ge=0)] = 3


class InUseSection(_Section, frozen=True, kw_only=True):
    """One source that tells which images are in use. A source that fails lets the prune refuse."""

    file: Annotated[str | None, Meta(description="a file with one reference on a line")] = None
    command: Annotated[
        tuple[str, ...] | None,
        Meta(description="a program and its arguments, which prints one reference on a line"),
    ] = None
    kubectl: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="options for `kubectl get`, such as `[--context, prod]`; `[]` for the current context"
        ),
    ] = None
    compose: Annotated[str | None, Meta(description="a compose file")] = None
    manifests: Annotated[
        str | None,
        Meta(
            description="a file with objects of Kubernetes, Argo CD or Flux, as `kubectl get -o json` prints them"
        ),
    ] = None
    ecs: Annotated[
        str | None,
        Meta(description="a file with ECS task definitions, as `describe-task-definition` prints them"),
    ] = None
    timeout: Annotated[int, Meta(description="seconds for a command", ge=1, le=3600)] = 120


class TrashSection(_Section, frozen=True, kw_only=True):
    """A repository in the same registry that takes images before they are deleted."""

    repository: Annotated[str, Meta(description="its name, or its path in the registry: `acme/trash`")]
    keep: Annotated[str, Meta(description="how long images are kept there: `14d`")] = "14d"


class RetentionSection(_Section, frozen=True, kw_only=True):
    """What `shipmark prune` deletes and keeps. Nothing is deleted that no rule of `delete` matches."""

    delete: Annotated[tuple[DeleteSection, ...], Meta(description="what may go")] = ()
    keep: Annotated[tuple[KeepSection, ...], Meta(description="what stays; wins over `delete`")] = ()
    immutable: Annotated[
        tuple[str, ...], Meta(description="globs of tags that are never deleted: `[0-9]*.*`")
    ] = ()
    grace: Annotated[str, Meta(description="what is younger stays: `24h`")] = "24h"
    age: Annotated[
        Literal["known", "created"],
        Meta(
            description="created: where neither log nor registry knows when an image was pushed, "
            "the creation time in the image counts"
        ),
    ] = "known"
    limits: LimitsSection = LimitsSection()
    trash: Annotated[
        str | TrashSection | None,
        Meta(
            description="a repository to which images are copied before they are deleted, or that and how long"
        ),
    ] = None
    in_use: Annotated[
        tuple[InUseSection, ...], Meta(description="asked before every prune what is in use")
    ] = ()


class PolicyFile(_Section, frozen=True, kw_only=True):
    """The file of `prune --policy`."""

    retention: RetentionSection
