"""The requests and reports of the questions to the version log."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from release.log.answers.deployments import Deployment
from release.log.answers.mentions import Mention
from release.log.questions import Change, TagHistory, TagThen


class ListRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Filters for releases; a member that is None filters nothing.

    `since`, `until`: a day, or a moment such as 2026-11-20T17:55Z. `image`: a target, or its end after a `/`;
    `images`: likewise several, of which a release has one.
    `state`: how far the release came, or `yanked`. `limit`: only this many, the newest. `project`, `all_projects`: see
    `scope_of`.
    """

    image: str | None = None
    images: tuple[str, ...] = ()
    tag: str | None = None
    version: str | None = None
    channel: str | None = None
    branch: str | None = None
    since: str | None = None
    until: str | None = None
    state: Literal["planned", "built", "pushed", "released", "yanked"] | None = None
    actor: str | None = None
    limit: int | None = None
    project: str | None = None
    all_projects: bool = False


class ListedRelease(msgspec.Struct, frozen=True, kw_only=True):
    """One release.

    `release`: the version, with its rebuild as in `1.4.2_r1`; else the channel. `state`: `yanked` if it was taken back.
    `yanked_at`, `yank_reason`: empty unless the release was yanked. `status`: the valid one, if recorded: `yanked`,
    `restored`, `prerelease` or `stable`.
    """

    release: str
    key: str
    version: str
    commit: str
    channel: str
    state: str
    planned_at: str
    released_at: str
    digest: str
    targets: tuple[str, ...]
    tags: tuple[str, ...]
    yanked_at: str
    yank_reason: str
    project: str = ""
    component: str = ""
    rebuild: int = 0
    status: str = ""


class ListReport(msgspec.Struct, frozen=True, kw_only=True):
    """The releases, newest first. `total`: how many match without `limit`."""

    schema: Literal["shipmark.log-list/1"] = "shipmark.log-list/1"
    releases: tuple[ListedRelease, ...]
    total: int = 0


class ShowRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`name`: a version, git tag, image tag, digest, commit or release key. The others: see `scope_of`.

    An image tag means the release that holds it now.
    """

    name: str
    project: str | None = None
    all_projects: bool = False


class ShownRelease(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of a release now. `destinations`: `repository:tag` of each promotion. `running`: where it runs."""

    release: ListedRelease
    destinations: tuple[str, ...]
    running: tuple[Deployment, ...]


class ShowReport(msgspec.Struct, frozen=True, kw_only=True):
    """The log entries of the releases that a name means, oldest first, and what is true of each release now.

    `tags`: if the name is a tag, the newest digests that it held on each target, the present one last; `releases` are
    then those that hold it now.
    """

    schema: Literal["shipmark.log-show/1"] = "shipmark.log-show/1"
    entries: tuple[dict[str, Any], ...]
    releases: tuple[ShownRelease, ...] = ()
    tags: tuple[TagHistory, ...] = ()


class FindRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`digest`: of an index or manifest, also one that a tag holds; `sha256:` and at least the first 7 hex digits."""

    digest: str
    project: str | None = None
    all_projects: bool = False


class FindReport(msgspec.Struct, frozen=True, kw_only=True):
    """Every mention of the digest in the log."""

    schema: Literal["shipmark.log-find/1"] = "shipmark.log-find/1"
    mentions: tuple[Mention, ...]


class AtRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`tag`: `latest`, or `ghcr.io/acme/app:latest`. `time`: a moment, or a day, which means the end of that day."""

    tag: str
    time: str
    project: str | None = None
    all_projects: bool = False


class AtReport(msgspec.Struct, frozen=True, kw_only=True):
    """The digest that the tag held at the given time, for each target where it held an image."""

    schema: Literal["shipmark.log-at/1"] = "shipmark.log-at/1"
    tags: tuple[TagThen, ...]


class HistoryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`tag`: `latest`, or `ghcr.io/acme/app:latest`. `limit`: only this many digests of each target, the newest."""

    tag: str
    limit: int | None = None
    project: str | None = None
    all_projects: bool = False


class HistoryReport(msgspec.Struct, frozen=True, kw_only=True):
    """The digests that the tag held over time, for each target that ever had the tag.

    `whole`: whether these are all of them, and not only the newest.
    """

    schema: Literal["shipmark.log-history/1"] = "shipmark.log-history/1"
    tags: tuple[TagHistory, ...]
    whole: bool = True


class DeploymentsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`environment`: None for all. `time`: a moment, or a day, which means the end of that day; None for now.

    `history`: every deployment, and not only what runs.
    """

    environment: str | None = None
    time: str | None = None
    history: bool = False
    project: str | None = None
    all_projects: bool = False


class RunningImage(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment. `yanked_at`, `yank_reason`: of its version; empty unless it was taken back."""

    deployment: Deployment
    yanked_at: str
    yank_reason: str


class DeploymentsReport(msgspec.Struct, frozen=True, kw_only=True):
    """What runs, or ran, in which environment: by environment and project, oldest first."""

    schema: Literal["shipmark.log-deployed/1"] = "shipmark.log-deployed/1"
    deployments: tuple[RunningImage, ...]


class DiffRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The names of two releases; of several that a name means, the newest counts.

    A tag means the release that holds it now.
    """

    before: str
    after: str
    project: str | None = None
    all_projects: bool = False


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """A commit between two releases."""

    commit: str
    subject: str


class DiffReport(msgspec.Struct, frozen=True, kw_only=True):
    """The difference of two releases. `before`, `after`: the commits of the releases.

    `commits`, `commits_removed`: the commits that only the second one has, and those that only the first one has,
    newest first. `names`: the versions of both, with their rebuilds, or empty.
    """

    schema: Literal["shipmark.log-diff/1"] = "shipmark.log-diff/1"
    before: str
    after: str
    same_image: bool
    inputs: tuple[Change, ...]
    platforms_added: tuple[str, ...]
    platforms_removed: tuple[str, ...]
    commits: tuple[Commit, ...]
    names: tuple[str, str] = ("", "")
    commits_removed: tuple[Commit, ...] = ()
