"""Finds out which commit of which repository this program came from, for the definitions that `init` writes."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from release.app.session import Session
from release.app.setup.init.definitions import Source
from release.errors import ConfigError, GitError
from release.git.command import Git
from release.git.remote import fetch_url
from release.json_text import parse_json
from release.lazy_pattern import pattern
from release.tagging.labels import source_url

_GIVEN = pattern(
    r"(?:https://)?([a-z0-9.-]+\.[a-z]+(?:/[\w.-]+){2,})@([0-9a-f]{40})", re.ASCII | re.IGNORECASE
)
_HINT = "name a commit that you trust, by its whole id: `shipmark init --shipmark github.com/OWNER/shipmark@COMMIT`"


def source_of(session: Session, given: str | None) -> Source:
    """The source that `given` names (`HOST/PATH@COMMIT`), else the one of this installation. Raises `ConfigError`.

    Without a commit nothing is written: another person could register a repository of that name.
    """
    if given is not None:
        match = _GIVEN.fullmatch(given)
        if match is None:
            raise ConfigError(f"`--shipmark {given}` is not `HOST/OWNER/REPOSITORY@COMMIT`", hint=_HINT)
        return Source(url=f"https://{match[1].removesuffix('.git')}", commit=match[2].lower())
    found = _installed(session)
    if found is None:
        raise ConfigError("which repository and commit this shipmark came from is not known", hint=_HINT)
    return found


def _installed(session: Session) -> Source | None:
    """From what pip recorded: a git URL with its commit, or the folder of a clone. Source: PEP 610."""
    # Imported late: costs 15 ms of every start.
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        text = distribution("shipmark").read_text("direct_url.json")
        value: Any = parse_json((text or "null").encode(), "direct_url.json")
    except (PackageNotFoundError, ConfigError, OSError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("url"), str):
        return None
    parts, vcs = urlsplit(value["url"]), value.get("vcs_info")
    if isinstance(vcs, dict):
        return _source(source_url(value["url"]), str(vcs.get("commit_id")))
    return _of_clone(session, unquote(parts.path)) if parts.scheme == "file" else None


def _of_clone(session: Session, folder: str) -> Source | None:
    git = Git(session.process, folder, session.settings.env)
    try:
        url = fetch_url(git, "origin")
        commit = git.read("rev-parse", "HEAD").decode("ascii", "replace").strip()
    except GitError:
        return None
    return _source(source_url(url), commit)


def _source(url: str | None, commit: str) -> Source | None:
    # The URL becomes text of CI files, so it has to be as plain as one that is given.
    return Source(url=url, commit=commit) if url and _GIVEN.fullmatch(f"{url}@{commit}") else None
