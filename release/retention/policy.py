"""The retention policy: the rules of `retention:` in a form that can be applied, each with its name. Pure."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from release.config.retention import (
    DeleteSection,
    KeepSection,
    LimitsSection,
    LogWindowSection,
    RetentionSection,
)
from release.errors import ConfigError
from release.retention.ages import parse_span
from release.retention.selection import Compile, Selector, glob_of, selector

Per = Literal["minor", "major", "channel"]


class DeleteRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of `delete`. `text`: its place and content. `older_than`: milliseconds; 0 for any age."""

    text: str
    selector: Selector
    older_than: int = 0
    untagged: bool = False


class KeepRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of `keep`. Times are milliseconds. `tags`: whether the rule looks at tags, and not only at the log."""

    text: str
    selector: Selector
    tags: bool
    newest: int | None = None
    per: Per | None = None
    by: Literal["version", "pushed"] | None = None
    younger_than: int | None = None
    pulled_within: int | None = None
    deployed: bool = False
    log: LogWindowSection | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """All rules. `grace`: milliseconds. `created_counts`: an image's creation time counts if no other time is known."""

    delete: tuple[DeleteRule, ...]
    keep: tuple[KeepRule, ...] = ()
    immutable: tuple[Any, ...] = ()  # re.Pattern
    grace: int = 86_400_000
    created_counts: bool = False
    limits: LimitsSection = LimitsSection()


def policy_of(section: RetentionSection, *, compile_pattern: Compile, where: str) -> Policy:
    """The policy of the section. `where`: the file, for messages. Raises `ConfigError` for a rule without sense."""
    if not section.delete:
        raise ConfigError(
            f"{where}: `retention.delete` has no rule, so nothing would ever be deleted",
            hint='write `delete: [{match: "sha-*", older_than: 30d}]`',
        )
    return Policy(
        delete=tuple(
            _delete(one, compile_pattern, f"{where}: retention.delete[{number}]")
            for number, one in enumerate(section.delete)
        ),
        keep=tuple(
            _keep(one, compile_pattern, f"{where}: retention.keep[{number}]")
            for number, one in enumerate(section.keep)
        ),
        immutable=tuple(glob_of(glob, f"{where}: retention.immutable") for glob in section.immutable),
        grace=_span(section.grace, f"{where}: retention.grace"),
        created_counts=section.age == "created",
        limits=section.limits,
    )


def _delete(section: DeleteSection, compile_pattern: Compile, where: str) -> DeleteRule:
    chosen = selector(
        section.match, section.pattern, section.semver, compile_pattern=compile_pattern, where=where
    )
    if chosen.is_empty and not section.untagged:
        raise ConfigError(
            f"{where} names no tags, and would match every tag",
            hint='name them: `match: "sha-*"`, or `match: "*"` for every tag',
        )
    if section.untagged and not chosen.is_empty:
        raise ConfigError(
            f"{where}: `untagged` images have no tag that `match`, `pattern` or `semver` could select",
            hint="write two rules",
        )
    return DeleteRule(
        text=rule_text("delete", where, section),
        selector=chosen,
        older_than=0 if section.older_than is None else _span(section.older_than, f"{where}.older_than"),
        untagged=section.untagged,
    )


def _keep(section: KeepSection, compile_pattern: Compile, where: str) -> KeepRule:
    chosen = selector(
        section.match, section.pattern, section.semver, compile_pattern=compile_pattern, where=where
    )
    times = (section.younger_than, section.pulled_within)
    tags = not chosen.is_empty or section.newest is not None or any(one is not None for one in times)
    if not (tags or section.deployed or section.log is not None):
        raise ConfigError(
            f"{where} names nothing to keep", hint='write `{match: "release-*"}` or `{deployed: true}`'
        )
    if tags and (section.deployed or section.log is not None):
        raise ConfigError(
            f"{where}: `deployed` and `log` ask the version log, the other keys ask the tags",
            hint="write two rules: a tag stays if one of them names it",
        )
    if (section.per or section.by) and section.newest is None:
        raise ConfigError(f"{where}: `per` and `by` say how `newest` counts", hint="add `newest: 5`")
    return KeepRule(
        text=rule_text("keep", where, section),
        selector=chosen,
        tags=tags,
        newest=section.newest,
        per=section.per,
        by=section.by,
        younger_than=_optional_span(section.younger_than, f"{where}.younger_than"),
        pulled_within=_optional_span(section.pulled_within, f"{where}.pulled_within"),
        deployed=section.deployed,
        log=section.log,
    )


def rule_text(kind: str, where: str, section: msgspec.Struct) -> str:
    """The rule as messages and plans name it: `delete[0] {match: sha-*, older_than: 30d}`."""
    number = where.rpartition("[")[2].rstrip("]")
    members = []
    for name, default in zip(section.__struct_fields__, section.__struct_defaults__, strict=True):
        value = getattr(section, name)
        if value != default:
            members.append(f"{name}: {_value_text(value)}")
    return f"{kind}[{number}] {{{', '.join(members)}}}"


def _value_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    if isinstance(value, LogWindowSection):
        return f"{{newest: {value.newest}{f', per: {value.per}' if value.per else ''}}}"
    return str(value)


def _span(text: str, where: str) -> int:
    found = parse_span(text)
    if found is None:
        raise ConfigError(
            f"{where}: `{text}` is not a span of time", hint="write it as `90m`, `24h`, `30d` or `2w`"
        )
    return found


def _optional_span(text: str | None, where: str) -> int | None:
    return None if text is None else _span(text, where)
