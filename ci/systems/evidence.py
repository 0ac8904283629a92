"""Reads values from the environment and the event file, each with the name of its source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

# A value that is only a placeholder without replacement: Azure's `$(Name)`, Tekton's `$(params.x)`, Pipelines-as-Code's
# `{{ x }}`, GitHub's `${{ x }}`.
_PLACEHOLDER = r"(?s:\$\([^)]*\)|\$?\{\{.*\}\})"
# A ref that contains a placeholder: those above, a shell's and Cloud Build's `${x}`, Concourse's `((x))`, CircleCI's
# `<< x >>`, GoCD's `#{x}`, Azure's `$[x]`; or that is one behind `refs/heads/`: a shell's `$x`, TeamCity's and Windows'
# `%x%`. Git would allow some of them in a branch's name, but no such branch is known.
_OPENING = r"\$\(|\$\{|\$\[|\{\{|\(\(|<<|#\{"
_NAME_ONLY = r"(?:refs/(?:heads|tags)/)?(?:\$[A-Za-z_][A-Za-z0-9_]*|%[A-Za-z_][^%\s]*%)"


class Said(msgspec.Struct, frozen=True):
    """A value and where it comes from: `GITHUB_REF`, or `event.pull_request.number` of the event file."""

    value: str
    source: str


def readable(text: str) -> str:
    """`text` with `\\xe4` for each byte of a variable that is not UTF-8, as in names from git, and U+FFFD for NUL.

    Python gives lone surrogates for such bytes, which no record and no label can hold.
    """
    if text.isascii() and "\0" not in text:
        return text
    text = re.sub("[\udc80-\udcff]", lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)
    return re.sub("[\\x00\ud800-\udfff]", "\ufffd", text)


class Evidence:
    """The environment and the event file of one run. Reading never fails: a missing value is None."""

    def __init__(
        self, env: Mapping[str, str], event: Mapping[str, Any] | None, *, placeholders: bool = False
    ) -> None:
        """`placeholders`: whether the system leaves placeholders that it cannot replace; they count as unset."""
        self._env = env
        self._event = event
        self._placeholders = placeholders

    def variable(self, *names: str) -> Said | None:
        """Return the first of `names` that is set; blank means unset."""
        for name in names:
            value = self._env.get(name)
            if not isinstance(value, str) or not value.strip():
                continue
            if self._placeholders and re.fullmatch(_PLACEHOLDER, value.strip()):
                continue
            # People write these themselves, some in a block of YAML, which ends with a line break.
            return Said(readable(value.strip() if name.startswith("SHIPMARK_") else value), name)
        return None

    def unreplaced_ref(self, name: str) -> Said | None:
        """Return the value of the variable `name`, a ref, if it is or contains a placeholder; None for other values."""
        value = self._env.get(name)
        text = value.strip() if isinstance(value, str) else ""
        is_one = re.search(_OPENING, text) or re.fullmatch(_NAME_ONLY, text)
        return Said(readable(text), name) if is_one else None

    def field(self, *path: str) -> Said | None:
        """Return the text, number or boolean at `path` in the event file, as text; None for other values and blanks."""
        value = self.node(*path)
        if isinstance(value, bool):
            value = "true" if value else "false"
        elif isinstance(value, int) and abs(value) < 2**63:
            value = str(value)
        if not isinstance(value, str) or not value.strip():
            return None
        return Said(readable(value), ".".join(("event", *path)))

    def node(self, *path: str) -> object:
        """Return the JSON value at `path` in the event file; None if there is none."""
        value: object = self._event
        for key in path:
            if not isinstance(value, Mapping):
                return None
            value = value.get(key)
        return value


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """The values that the module of one CI system found, unchecked. `assemble` evaluates them alike for all systems.

    `trigger`: `schedule`, `manual`, `other`, `pull-request` or `pull-request-target` where the system says so; None
    lets tag, request and branch decide. `fork` and `primary`: `true` or `false`. `request`: a sign that this is a
    request, where its number is not given. `head_origin`: `own`, `foreign` or `unknown`, for other events. `ref_name`:
    a branch or a git tag, where the system does not say which; `branch` may be equal to it. `gone`: a value of
    `ci.context.Gone`. `prerelease`: `true` or `false`.
    """

    name: Said | None = None
    event_name: Said | None = None
    trigger: str | None = None
    commit: Said | None = None
    git_tag: Said | None = None
    branch: Said | None = None
    ref_name: Said | None = None
    base_ref: Said | None = None
    gone: Said | None = None
    prerelease: Said | None = None
    number: Said | None = None
    request: Said | None = None
    head_origin: Said | None = None
    head_sha: Said | None = None
    base_sha: Said | None = None
    source_branch: Said | None = None
    target_branch: Said | None = None
    fork: Said | None = None
    merge_queue: Said | None = None
    default_branch: Said | None = None
    primary: Said | None = None
    repository_url: Said | None = None
    repository: Said | None = None
    run_id: Said | None = None
    attempt: Said | None = None
    job: Said | None = None
    run_url: Said | None = None
    actor: Said | None = None
    warnings: tuple[str, ...] = ()
