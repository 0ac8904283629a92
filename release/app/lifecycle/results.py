"""The results and reports of `promote`, `rollback` and `restore`.

`--json` prints the report types, so their members must stay compatible.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from release.app.releases.results import ErrorReport, StepReport
from release.errors import ReleaseError
from release.plan.outcome import Report


class PlaceReport(msgspec.Struct, frozen=True, kw_only=True):
    """A repository to which a promotion copies the image, and the tags that the image gets there."""

    target: str
    tags: tuple[str, ...]


class WithheldAt(msgspec.Struct, frozen=True, kw_only=True):
    """A tag that a promotion does not move on one target, since it belongs to a newer release."""

    target: str
    name: str
    reason: str


class PromoteReport(msgspec.Struct, frozen=True, kw_only=True):
    """The report of `promote`, schema `shipmark.promote/1`. `plan`: the plan's hash."""

    schema: Literal["shipmark.promote/1"] = "shipmark.promote/1"
    source: str = msgspec.field(name="from")
    digest: str
    version: str | None
    to: tuple[PlaceReport, ...]
    withheld: tuple[WithheldAt, ...]
    steps: tuple[StepReport, ...]
    plan: str
    exit_code: int
    error: ErrorReport | None


class RollbackReport(msgspec.Struct, frozen=True, kw_only=True):
    """The report of `rollback`. `to`: the version of `--to`. `yanked`: the versions above `to` that were taken back.

    With `--line 1.4`, `yanked` has versions of that line only.
    """

    schema: Literal["shipmark.rollback/1"] = "shipmark.rollback/1"
    component: str
    to: str
    reason: str
    yanked: tuple[str, ...]
    steps: tuple[StepReport, ...]
    plan: str
    exit_code: int
    error: ErrorReport | None


class RestoreReport(msgspec.Struct, frozen=True, kw_only=True):
    """The report of `restore`. `restored`: the version, or () if it counted already."""

    schema: Literal["shipmark.restore/1"] = "shipmark.restore/1"
    component: str
    version: str
    reason: str
    restored: tuple[str, ...]
    steps: tuple[StepReport, ...]
    plan: str
    exit_code: int
    error: ErrorReport | None


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """The image that a promotion, rollback or restore is about. `primary_tag`: the fixed tag of the version, or `""`.

    `channel`: of the release; `""` for a promoted image that no log has. `notes`: further lines for the job's summary.
    """

    title: str
    digest: str
    version: str = ""
    channel: str = ""
    primary_tag: str = ""
    notes: tuple[str, ...] = ()


class ChangeResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of `promote`, `rollback` or `restore`. `details`: the runner's report."""

    report: PromoteReport | RollbackReport | RestoreReport
    details: Report
    changed: Changed

    @property
    def error(self) -> ReleaseError | None:
        """The error with which the command ends, or None."""
        return self.details.error  # type: ignore[no-any-return]  # a field that msgspec must not look into
