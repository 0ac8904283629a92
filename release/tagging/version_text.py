"""How `shipmark version` writes a version: for people, for CI files, for linkers and for builds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from release.errors import ConfigError
from release.lazy_pattern import pattern
from release.tagging.formats import FORMATS, format_version
from release.versions.calver import last_numbers
from release.versions.model import Version

_PLAIN_FLAG = "give the Go variable a value without it: `--go-var 'main.commit={{commit}}'`"

if TYPE_CHECKING:
    from release.tagging.expressions.render import Value

# An import path, a dot and an identifier, in ASCII only. Source: the Go specification, "Identifiers".
_GO_VARIABLE = pattern(r"[A-Za-z0-9_.~/-]+\.[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

_CONTROL = pattern(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class VersionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A version and its origin. `base`, `distance`: the git tag that the version counts from, and commits since then.

    `committed_at`: seconds since the epoch. `reason`: why it is the next version, if it was read from commits.
    """

    version: Version
    commit: str
    channel: str
    component: str
    committed_at: int
    git_tag: str | None = None
    base: str | None = None
    distance: int = 0
    branch: str | None = None
    dirty: bool = False
    labels: Mapping[str, str] = {}
    reason: str | None = None


def names_of(facts: VersionFacts) -> dict[str, Value]:
    """The names that templates may use, each with text or a number."""
    version = facts.version
    return {
        "version": str(version),
        "major": version.major,
        "minor": version.minor,
        "patch": last_numbers(version)[0],
        "prerelease": version.prerelease,
        "build": version.build_metadata,
        "commit": facts.commit,
        "sha": facts.commit[:12],
        "git_tag": facts.git_tag or "",
        "base": facts.base or "",
        "distance": facts.distance,
        "branch": facts.branch or "",
        "channel": facts.channel,
        "component": facts.component,
        "date": _moment(facts),
        "timestamp": facts.committed_at,
    }


def fill(template: str, facts: VersionFacts) -> str:
    """The text of a template such as `{{major}}.{{minor}}`.

    Raises `ConfigError` with line and column for an invalid template, and for an unknown name: a version with a
    part missing would be worse than an error.
    """
    return fill_names(template, names_of(facts), source="template")


def fill_names(template: str, names: Mapping[str, Value], *, source: str) -> str:
    """The text of a template with `names`. Callers that have a version use `fill`."""
    # Imported late: most calls have no template, and the parser's regular expressions take time.
    from release.tagging.expressions.render import parse_template, render
    from release.tagging.expressions.tree import Call

    tree = parse_template(template, source=source)
    for node in tree.nodes:
        if not isinstance(node, Call):
            continue
        if not node.path.parts or node.path.parts[0] not in names:
            raise tree.source.error(
                node.path.offset,
                f"there is no `{'.'.join(node.path.parts)}` here",
                hint=f"names: {', '.join(names)}",
            )
        value = names[node.path.parts[0]]
        if isinstance(value, str) and _CONTROL.search(value):
            # A line break would add a line to the input of the program that reads the text.
            raise tree.source.error(
                node.path.offset,
                f"`{node.path.parts[0]}` holds a control character here: {value!a}",
                hint="take it from `--format json`, or leave it out of the template",
            )
    return render(tree, names)


def fields_of(facts: VersionFacts) -> dict[str, Any]:
    """The document `shipmark.version/1` without its first key."""
    version = facts.version
    return {
        "component": facts.component,
        "version": str(version),
        "major": version.major,
        "minor": version.minor,
        "patch": last_numbers(version)[0],
        "prerelease": version.prerelease,
        "build": version.build_metadata,
        "commit": facts.commit,
        "channel": facts.channel,
        "git_tag": facts.git_tag,
        "base": facts.base,
        "distance": facts.distance,
        "branch": facts.branch,
        "dirty": facts.dirty,
        "date": _moment(facts),
        **({} if facts.reason is None else {"reason": facts.reason}),
    }


def write(facts: VersionFacts, form: str, go_variables: Sequence[str] = ()) -> str:
    """The version in `form`, a name of `FORMS`, without a last line break. `go_variables`: for `ldflags`.

    Raises `ConfigError` for a version that the form cannot say, and for `go_variables` with another form.
    """
    if form == "ldflags":
        return _ldflags(facts, go_variables)
    if go_variables:
        raise ConfigError(
            "`--go-var` goes with `--format ldflags` only",
            hint="write `--format ldflags`, or leave `--go-var` out",
        )
    if form in _WRITERS:
        return _WRITERS[form](facts)
    return format_version(facts.version, form)


def _plain(facts: VersionFacts) -> str:
    return str(facts.version)


def _env(facts: VersionFacts) -> str:
    """`KEY=VALUE` lines that need no quotes: only values without spaces, so no branch and no label."""
    version = facts.version
    values = {
        "VERSION": str(version),
        "VERSION_MAJOR": version.major,
        "VERSION_MINOR": version.minor,
        "VERSION_PATCH": last_numbers(version)[0],
        "VERSION_PRERELEASE": version.prerelease,
        "VERSION_BUILD": version.build_metadata,
        "COMMIT": facts.commit,
        "DISTANCE": facts.distance,
        "CHANNEL": facts.channel,
    }
    return "\n".join(f"SHIPMARK_{name}={value}" for name, value in values.items())


def _build_args(facts: VersionFacts) -> str:
    """Lines for `build-args:` of docker/build-push-action and `--build-arg-file` of buildah."""
    return f"VERSION={facts.version}\nREVISION={facts.commit}\nCREATED={_moment(facts)}"


def _labels(facts: VersionFacts) -> str:
    """Lines `key=value` for `labels:` of docker/build-push-action."""
    lines = [f"{name}={value}" for name, value in facts.labels.items()]
    if any("\n" in line or "\r" in line for line in lines):
        raise ConfigError(
            "a label with a line break cannot be written on one line", hint="take `--format json`"
        )
    return "\n".join(lines)


def _ldflags(facts: VersionFacts, go_variables: Sequence[str]) -> str:
    """`-X path.Name=value …` for the Go linker, quoted as its driver splits it."""
    flags = []
    for variable in go_variables or ("main.version",):
        path, separator, template = variable.partition("=")
        if _GO_VARIABLE.fullmatch(path) is None:
            raise ConfigError(
                f"`{path}` is not a Go variable",
                hint="`--go-var main.version`, or `--go-var 'main.commit={{commit}}'`",
            )
        value = fill(template, facts) if separator else str(facts.version)
        flags.append(f"-X {_quoted(f'{path}={value}')}")
    return " ".join(flags)


def _quoted(text: str) -> str:
    """Quote `text` as one word of linker flags. Source: Go's cmd/internal/quoted, which has no escape character."""
    if not re.search(r"[\s'\"]", text):
        return text
    if "\n" in text or "\r" in text:
        raise ConfigError(f"a linker flag cannot hold a line break: `{text!r}`", hint=_PLAIN_FLAG)
    quote = "'" if "'" not in text else '"'
    if quote in text:
        raise ConfigError(f"a linker flag cannot hold both kinds of quotes: `{text}`", hint=_PLAIN_FLAG)
    return f"{quote}{text}{quote}"


def _moment(facts: VersionFacts) -> str:
    return datetime.fromtimestamp(facts.committed_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_WRITERS: Mapping[str, Callable[[VersionFacts], str]] = MappingProxyType(
    {"plain": _plain, "env": _env, "build-args": _build_args, "labels": _labels}
)
#: The values of `--format` except `json`, whose document `fields_of` makes.
FORMS: tuple[str, ...] = (*_WRITERS, "ldflags", *FORMATS)
