"""What a run hands to the steps after it, as text: GitHub's output file and a KEY=VALUE result file."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

#: Every output, in the order it is written. `action.yml` declares the same names.
NAMES: tuple[str, ...] = (
    "version",
    "channel",
    "tags",
    "tag-names",
    "primary-tag",
    "digest",
    "pushed",
    "log-entry",
    "json",
)

#: Only these stand in the result file: JSON needs quotes, which neither Jenkins nor GitLab would take off again.
RESULT_NAMES: tuple[str, ...] = NAMES[:-1]

#: GitLab refuses a dotenv report that is larger.
RESULT_LIMIT = 5 * 1024

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,}")
_SAFE = re.compile(r"[A-Za-z0-9._:/@+\[\] -]*")


class Outputs(msgspec.Struct, frozen=True, kw_only=True):
    """The outputs of one run.

    `tags`: full references; `tag_names`: the same without repositories, because GitHub drops an output that holds a
    masked value, and registry hosts often are one. `primary_tag`: the fixed tag that names the release. `log_entry`:
    the log's head as `position:hash`, which anchors the log outside itself. `json`: the whole report in one line.
    """

    version: str = ""
    channel: str = ""
    tags: tuple[str, ...] = ()
    tag_names: tuple[str, ...] = ()
    primary_tag: str = ""
    digest: str = ""
    pushed: bool = False
    log_entry: str = ""
    json: str = ""

    def values(self) -> dict[str, str]:
        """Return name -> text in the order of `NAMES`; several values stand on lines of their own."""
        return {
            "version": self.version,
            "channel": self.channel,
            "tags": "\n".join(self.tags),
            "tag-names": "\n".join(self.tag_names),
            "primary-tag": self.primary_tag,
            "digest": self.digest,
            "pushed": "true" if self.pushed else "false",
            "log-entry": self.log_entry,
            "json": self.json,
        }


def outputs_text(values: Mapping[str, str], token: str) -> str:
    """Return what is appended to the file that GITHUB_OUTPUT names.

    `token`: random for every call, at least 16 of `A-Za-z0-9_-`. Raises `ValueError` for a name that is none, a token
    that is too short, and a name or value that holds the delimiter, which could otherwise add outputs of its own.

    Source: actions/runner `FileCommandManager.cs`: `NAME<<DELIMITER`, lines, `DELIMITER` alone on the last one.
    """
    if not _TOKEN.fullmatch(token):
        raise ValueError("the delimiter's token needs at least 16 letters, digits, `_` or `-`")
    delimiter = f"shipmark_{token}"
    parts = []
    for name, value in values.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"`{name!r}` is no name of an output")
        if delimiter in value or delimiter in name:
            raise ValueError(f"output `{name}` holds the delimiter")
        parts.append(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")
    return "".join(parts)


def dotenv(values: Mapping[str, str], *, limit: int | None = None) -> str:
    """Return the result file: `SHIPMARK_VERSION=1.4.2`, one line a value, without quotes.

    `tag-names` becomes `SHIPMARK_TAG_NAMES`; several values are joined by one blank, which stands in no reference. Only
    `RESULT_NAMES` are written. `limit`: bytes (`RESULT_LIMIT` for GitLab); over it the lists `SHIPMARK_TAGS`, then
    `SHIPMARK_TAG_NAMES` are left out and `SHIPMARK_OMITTED` names them. Raises `ValueError` for a value with other
    characters than `A-Za-z0-9._:/@+[]-` and the blank: nothing that a reader would have to unquote is written.
    """
    lines: dict[str, str] = {}
    for name in RESULT_NAMES:
        if name not in values:
            continue
        value = " ".join(values[name].splitlines())
        if not _SAFE.fullmatch(value):
            raise ValueError(f"`{name}` holds characters that a KEY=VALUE file cannot carry")
        lines[name] = value
    omitted: list[str] = []
    for name in ("tags", "tag-names"):
        if limit is not None and name in lines and len(_result_file(lines, omitted)) > limit:
            del lines[name]
            omitted.append(name)
    return _result_file(lines, omitted)


def _result_file(lines: Mapping[str, str], omitted: list[str]) -> str:
    named = {f"SHIPMARK_{name.upper().replace('-', '_')}": value for name, value in lines.items()}
    if omitted:
        named["SHIPMARK_OMITTED"] = " ".join(omitted)
    return "".join(f"{name}={value}\n" for name, value in named.items())
