"""The context that tag rules are evaluated in, and the names of its values in expressions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from release.errors import ConfigError
from release.tagging.expressions.moment import find_zone, format_moment
from release.tagging.expressions.render import Helper, Names, Value
from release.versions.model import Version

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEADS = "refs/heads/"
_TAGS = "refs/tags/"
_REQUESTS = "refs/pull/"


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A commit's position in git's history. `version`: released or off-tag; `base`: the git tag that it counts from."""

    version: Version
    distance: int = 0
    base: str = ""


class RuleContext(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about one run that rules use. Unknown text is empty.

    `ref`: the full ref. `now` and `commit_date`: milliseconds since the epoch. `default_branch`: the repository's.
    `short_length`: hex digits of a short commit. `head`: the pull request's own head commit. `described`: None if
    git's history is missing or was not read.
    """

    now: int
    event_name: str = ""
    ref: str = ""
    sha: str = ""
    base_ref: str = ""
    default_branch: str = ""
    is_default_branch: bool = False
    commit_date: int | None = None
    short_length: int = 7
    request: int | None = None
    head: str = ""
    channel: str = ""
    prefix: str = ""  # of git tags that are versions: `api/`
    release: Version | None = None  # the version that the git tag names
    described: Described | None = None
    commit_count: int | None = None
    env: Mapping[str, str] = {}  # of rules in the config

    @property
    def branch(self) -> str:
        """The name of the branch; empty if `ref` is not a branch."""
        return self.ref.removeprefix(_HEADS) if self.ref.startswith(_HEADS) else ""

    @property
    def git_tag(self) -> str:
        """The name of the git tag; empty if `ref` is not a tag."""
        return self.ref.removeprefix(_TAGS) if self.ref.startswith(_TAGS) else ""

    @property
    def request_ref(self) -> str:
        """`7` for the ref `refs/pull/7/merge`, `7/head` for `refs/pull/7/head`; empty for a ref of no pull request."""
        if not self.ref.startswith(_REQUESTS):
            return ""
        return self.ref.removeprefix(_REQUESTS).removesuffix("/merge")

    def short(self, commit: str) -> str:
        """The first `short_length` hex digits of `commit`."""
        return commit[: max(0, self.short_length)]

    @property
    def version(self) -> Version | None:
        """The version of the git tag, else the version from git's history; None if both are unknown."""
        return self.release or (None if self.described is None else self.described.version)


def date_names(context: RuleContext) -> dict[str, Value | Helper]:
    """The helpers `date` and `commit_date`."""
    committed = context.now if context.commit_date is None else context.commit_date
    return {"date": _date_helper("date", context.now), "commit_date": _date_helper("commit_date", committed)}


def global_names(context: RuleContext) -> Names:
    """The names that global expressions may use."""
    described = context.described
    names: dict[str, Value | Helper] = {
        "branch": context.branch,
        "tag": context.git_tag,
        "sha": context.short(context.sha),
        "base_ref": context.base_ref,
        "is_default_branch": "true" if context.is_default_branch else "false",
        "is_not_default_branch": "false" if context.is_default_branch else "true",
        "version": None if context.version is None else str(context.version),
        "distance": None if described is None else described.distance,
        "commit_count": context.commit_count,
        "channel": context.channel,
        "pr": context.request,
        "pr_head_sha": context.short(context.head),
        "env": context.env,
    }
    return names | date_names(context)


def _date_helper(name: str, milliseconds: int) -> Helper:
    def helper(arguments: tuple[Value, ...], options: Mapping[str, Value]) -> str:
        for option in options:
            if option != "tz":
                raise ConfigError(f"unknown `{option}` of `{name}`", hint="the only option is `tz`")
        pattern = arguments[0] if arguments else False
        if pattern is not None and not isinstance(pattern, str):
            raise ConfigError(f"`{name}` needs a format in quotes", hint=f"write `{{{{{name} 'YYYYMMDD'}}}}`")
        zone = options.get("tz", "UTC")
        if not isinstance(zone, str) or not zone:
            raise ConfigError(
                f"`tz` of `{name}` needs a time zone in quotes",
                hint=f"write `{{{{{name} 'HHmm' tz='Asia/Tokyo'}}}}`",
            )
        return _format(milliseconds, pattern or "", zone)

    return helper


def _format(milliseconds: int, pattern: str, zone: str) -> str:
    try:
        moment = _EPOCH + timedelta(milliseconds=milliseconds)
        # An unknown time zone gives UTC, as it does in docker/metadata-action.
        return format_moment(moment.astimezone(find_zone(zone) or find_zone("UTC")), pattern)
    except OverflowError as error:
        raise ConfigError(
            f"{milliseconds} ms since 1970 is not a date",
            hint="correct the date of the commit, or `SOURCE_DATE_EPOCH`, which is in seconds since 1970",
        ) from error
