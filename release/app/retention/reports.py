"""The requests and reports of `prune`, `prune explain` and `prune undo`. `--json` prints the reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from release.app.releases.results import ErrorReport, StepReport
from release.plan.outcome import Report
from release.retention.decision import Untag
from release.retention.explain import Explanation


class PruneRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for a prune. Without `apply` and `plan` nothing is changed.

    `policy`: the text of a policy file instead of the config's `retention:`; `policy_name`: its name in messages.
    `apply`: the hash of the plan that may be executed, or its first 8 digits or more. `plan`: the bytes of a plan file;
    `plan_name`: its name in messages. `repositories`: names, or patterns such as `ghcr.io/acme/*`, instead of the
    config's images.
    """

    policy: str | None = None
    policy_name: str = ""
    apply: str | None = None
    plan: bytes | None = None
    plan_name: str = ""
    repositories: tuple[str, ...] = ()


class DeletedImage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A manifest that goes with its tags. `because`: the digest that it goes with, if it is a part of another.

    `age`: milliseconds, left out if not known. `size`: bytes of the manifest and of the blobs that it names. `frees`:
    bytes that nothing needs after the image and its parts are gone; left out for a part.
    """

    digest: str
    tags: tuple[str, ...]
    rule: str
    size: int
    frees: int | None = None
    age: int | None = None
    because: str = ""


class RepositoryReport(msgspec.Struct, frozen=True, kw_only=True):
    """What happens in one repository. `images`: how many there are; `kept`: how many remain.

    `untagged`: tags that go while their digest stays; `shared`: tags that stay since the registry cannot delete one
    without its digest. `frees`: bytes that the registry's garbage collection can free afterwards. `refused`: why the
    plan may not be executed, with the numbers. `finishes`: manifests that an earlier, killed prune deleted without a
    record. `unknown_age`: images that stay because nobody knows how old they are. `stays`: number of tags that stay, by
    the rule or the reason that keeps them. `unread`: the repository could not be read; then all numbers are 0. `trash`:
    the repository to which what goes is copied before. `is_trash`: whether this is such a repository, which is emptied.
    """

    repository: str
    images: int
    kept: int
    tags: int
    deleted: tuple[DeletedImage, ...]
    untagged: tuple[Untag, ...]
    shared: tuple[Untag, ...]
    frees: int
    refused: tuple[str, ...]
    finishes: int = 0
    unknown_age: int = 0
    stays: Mapping[str, int] = {}
    unread: bool = False
    trash: str = ""
    is_trash: bool = False


class PruneTotals(msgspec.Struct, frozen=True, kw_only=True):
    """The sums over all repositories but trashes. `deleted`: images that go; `unread`: repositories not read.

    `emptied`: images that leave a trash for good.
    """

    repositories: int
    unread: int
    images: int
    deleted: int
    kept: int
    emptied: int = 0


def totals_of(reports: Sequence[RepositoryReport]) -> PruneTotals:
    """The sums over the reports of repositories."""
    pruned = [one for one in reports if not one.is_trash]
    images, kept = sum(one.images for one in pruned), sum(one.kept for one in pruned)
    return PruneTotals(
        repositories=len(pruned),
        unread=sum(one.unread for one in pruned),
        images=images,
        deleted=images - kept,
        kept=kept,
        emptied=sum(one.images - one.kept for one in reports if one.is_trash),
    )


class PruneReport(msgspec.Struct, frozen=True, kw_only=True):
    """The report of `prune`. `applied`: whether deletions were executed. `run`: the id for `prune undo`, or `""`."""

    schema: Literal["shipmark.prune/1"] = "shipmark.prune/1"
    plan: str
    applied: bool
    run: str
    repositories: tuple[RepositoryReport, ...]
    totals: PruneTotals
    frees: int
    steps: tuple[StepReport, ...]
    exit_code: int
    error: ErrorReport | None


class PruneResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of `prune` or `prune undo`. `details`: the runner's report."""

    report: Any  # PruneReport | UndoReport
    details: Report
    error: Any = None  # ReleaseError | None


class ExplainReport(msgspec.Struct, frozen=True, kw_only=True):
    """The report of `prune explain`: one explanation for each repository that has the tag."""

    schema: Literal["shipmark.prune-explain/1"] = "shipmark.prune-explain/1"
    tag: str
    found: tuple[Explanation, ...]


class UndoneRepository(msgspec.Struct, frozen=True, kw_only=True):
    """What went back to one repository."""

    repository: str
    digests: tuple[str, ...]
    tags: tuple[str, ...]


class UndoReport(msgspec.Struct, frozen=True, kw_only=True):
    """The report of `prune undo`."""

    schema: Literal["shipmark.prune-undo/1"] = "shipmark.prune-undo/1"
    run: str
    repositories: tuple[UndoneRepository, ...]
    steps: tuple[StepReport, ...]
    exit_code: int
    error: ErrorReport | None
