"""Values inside records of the version log, such as an image, a target or a tag.

Durations are milliseconds, sizes bytes, times RFC 3339 UTC with milliseconds.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Hex64 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
Commit = Annotated[str, Meta(pattern="^([0-9a-f]{40}|[0-9a-f]{64})$")]
Digest = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")]
Timestamp = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
Natural = Annotated[int, Meta(ge=0, lt=1 << 53)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value inside a record."""


class Source(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """Where the commit comes from. `remote` without credentials; `request_head`: the pull request's own head."""

    remote: str = ""
    commit: Commit = ""
    ref: str = ""
    describe: str = ""
    committed_at: Timestamp = ""
    request_head: str = ""


class CiRunOf(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """The CI run that wrote the record; absent on a laptop. `run_url` without credentials."""

    system: str = ""
    run_id: str = ""
    run_url: str = ""
    run_attempt: str = ""
    job: str = ""
    event: str = ""


class PlannedTag(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """A tag that the release sets on a target. `policy` of a fixed tag: `version` or `first-wins`."""

    name: str
    kind: str = ""  # fixed | moving
    policy: str = ""


class PlannedTarget(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """A target of the release: `ghcr.io/acme/app`, `oci:dist/image`."""

    target: str
    required: bool = True
    tags: tuple[PlannedTag, ...] = ()


class RecordedPlatform(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """One platform's manifest. `size`: bytes of the manifest."""

    platform: str
    digest: Digest
    size: Natural = 0


class RecordedImage(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """The manifest or index of the image. A record `built` has all members, later records only the digest."""

    digest: Digest
    media_type: str = ""
    size: Natural = 0
    platforms: tuple[RecordedPlatform, ...] = ()


class RecordedContext(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """The files that an image was built from. `untracked`: how many of them git does not track; absent without git."""

    digest: Digest
    untracked: Natural | None = None


class RecordedTag(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """A tag after an attempt. `before`: the digest that the tag held before, absent if the tag did not exist.

    `result`: `created`, `already-there`, `moved`, `withheld` (then `reason` says why and `digest` is absent).
    `policy` of a fixed tag: `version` (the default, except for `sha-…` and `pr-…`) or `first-wins`.
    """

    name: str
    digest: str = ""
    before: str = ""
    result: str = ""
    reason: str = ""
    policy: str = ""


class RecordedCheck(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """A check of the image. `result`: `passed`; a check that failed stands in the error of `failed`."""

    name: str
    result: str = ""


class RecordedError(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """Why an attempt failed. `exit`: the exit code; `message`: redacted, at most 2 KiB."""

    code: str
    exit: Natural = 1
    step: str = ""
    message: str = ""
