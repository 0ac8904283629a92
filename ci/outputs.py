"""Formats the outputs of a run for later steps: GitHub's output file, and a result file with KEY=VALUE lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

#: Names of all outputs, in the order in which they are written. `components` and `json` stay last, because
#: `RESULT_NAMES` are all names before them. `action.yml` declares the same names.
NAMES: tuple[str, ...] = (
    "version",
    "channel",
    "tags",
    "tag-names",
    "primary-tag",
    "digest",
    "pushed",
    "log-entry",
    "components",
    "json",
)

#: The outputs in the KEY=VALUE result file. `components` and `json` are missing: JSON needs quotes, which Jenkins and
#: GitLab do not remove.
RESULT_NAMES: tuple[str, ...] = NAMES[:-2]

#: Bytes of the result file. GitLab refuses a larger dotenv report (docs.gitlab.com, "artifacts:reports:dotenv": 5 KB).
RESULT_LIMIT = 5 * 1024

_NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
_OUTSIDE_TOKENS = r"[^A-Za-z0-9_-]+"
_SAFE = r"[A-Za-z0-9._:/@+\[\] -]*"


class Outputs(msgspec.Struct, frozen=True, kw_only=True):
    """The outputs of one run.

    `tags`: full references, of a run only those that hold its image now; `tag_names`: tags without repositories,
    because GitHub drops an output that holds a masked value, and registry hosts often are masked. `primary_tag`: the
    fixed tag that names the release. `log_entry`: position and hash of the version log's newest entry
    (`position:hash`); kept elsewhere, it shows whether the log was rewritten. `components`: one JSON object, component
    -> its own version, channel, tags, tag-names, primary-tag and digest. A run for several components has no single
    version, so the other outputs about a release are empty then. `json`: the whole report in one line.
    """

    version: str = ""
    channel: str = ""
    tags: tuple[str, ...] = ()
    tag_names: tuple[str, ...] = ()
    primary_tag: str = ""
    digest: str = ""
    pushed: bool = False
    log_entry: str = ""
    components: str = ""
    json: str = ""

    def values(self) -> dict[str, str]:
        """Return name -> text in the order of `NAMES`; an output with several values has a line for each value."""
        return {
            "version": self.version,
            "channel": self.channel,
            "tags": "\n".join(self.tags),
            "tag-names": "\n".join(self.tag_names),
            "primary-tag": self.primary_tag,
            "digest": self.digest,
            "pushed": "true" if self.pushed else "false",
            "log-entry": self.log_entry,
            "components": self.components,
            "json": self.json,
        }


def outputs_text(values: Mapping[str, str], token: str) -> str:
    """Return what is appended to the file that GITHUB_OUTPUT names.

    `token`: random for every call, so that nobody can foresee the delimiter; it is lengthened until no value holds it,
    so that no value can end early and add outputs of its own. A name that GitHub does not accept is left out.

    Source: actions/runner `FileCommandManager.cs`: `NAME<<DELIMITER`, lines, `DELIMITER` alone on the last one.
    """
    delimiter = f"shipmark_{re.sub(_OUTSIDE_TOKENS, '', token)}"
    while any(delimiter in text for pair in values.items() for text in pair):
        delimiter += "_"
    return "".join(
        f"{name}<<{delimiter}\n{value}\n{delimiter}\n"
        for name, value in values.items()
        if re.fullmatch(_NAME, name)
    )


def dotenv(values: Mapping[str, str], *, limit: int | None = None) -> str:
    """Return the result file: `SHIPMARK_VERSION=1.4.2`, one line a value, without quotes.

    `tag-names` becomes `SHIPMARK_TAG_NAMES`; several values are joined by one blank, which no reference contains. Only
    `RESULT_NAMES` are written. What cannot be written is left out and named in `SHIPMARK_OMITTED`: a value with other
    characters than `A-Za-z0-9._:/@+[]-` and the blank, which a reader would have to unquote, and over `limit` bytes
    (`RESULT_LIMIT` for GitLab) the lists `tags`, then `tag-names`.
    """
    given = {name: " ".join(values[name].splitlines()) for name in RESULT_NAMES if name in values}
    lines = {name: value for name, value in given.items() if re.fullmatch(_SAFE, value)}
    for name in ("tags", "tag-names"):
        if limit is not None and name in lines and len(_result_file(lines, given)) > limit:
            del lines[name]
    return _result_file(lines, given)


def _result_file(lines: Mapping[str, str], given: Iterable[str]) -> str:
    named = {f"SHIPMARK_{name.upper().replace('-', '_')}": value for name, value in lines.items()}
    omitted = [name for name in given if name not in lines]
    if omitted:
        named["SHIPMARK_OMITTED"] = " ".join(omitted)
    return "".join(f"{name}={value}\n" for name, value in named.items())
