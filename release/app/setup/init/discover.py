"""Finds out what a repository has: its remote, CI systems, Dockerfiles, workflows, an existing config."""

from __future__ import annotations

import os
import posixpath
import re

import msgspec

from release.app.config_file import CONFIG_NAME
from release.app.session import Session
from release.app.setup.doctor.ci_files import read_ci_files, text_of
from release.app.setup.doctor.scene import Unread
from release.app.setup.init.convert.bake_options import DEFAULT_FILES
from release.app.setup.workflows.model import FOLDER, Workflow
from release.errors import ConfigError, GitError
from release.git.command import Git
from release.git.tracked_refs import clone_default_branch
from release.lazy_pattern import pattern
from release.limits import CI_FILES
from release.tagging.labels import source_url

#: CI system -> the files by which it is found. `docs` of a system that `init` writes no file for: its example.
_FILES = {
    "gitlab": (".gitlab-ci.yml",),
    "jenkins": ("Jenkinsfile",),
    "tekton": (".tekton",),
    "circleci": (".circleci/config.yml",),
    "azure": ("azure-pipelines.yml", ".azure-pipelines"),
    "bitbucket": ("bitbucket-pipelines.yml",),
    "buildkite": (".buildkite",),
    "drone": (".drone.yml",),
    "woodpecker": (".woodpecker.yml", ".woodpecker"),
}
# A branch whose name is text in every CI file: no quotes, and none of the signs of GitHub's patterns for branches.
_PLAIN_BRANCH = pattern(r"[\w./-]+", re.ASCII)
# Test data and vendored trees hold Dockerfiles that nobody releases.
_ELSEWHERE = pattern(r"(^|/)(tests?|testdata|fixtures|examples?|vendor|node_modules|third_party)/")


_NAMES = ("Dockerfile", "Containerfile")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a repository has. `url`: the remote's https address, None without one. `systems`: CI systems, in order.

    `dockerfiles`: paths from the root. `others`: files such as `Dockerfile.prod`, which are not taken by themselves.
    `bake`: text of bake files by path. `has_config`: whether shipmark.yml exists.
    """

    url: str | None
    branch: str
    systems: tuple[str, ...]
    dockerfiles: tuple[str, ...]
    others: tuple[str, ...]
    workflows: tuple[Workflow, ...]
    unread: tuple[Unread, ...]
    bake: dict[str, str]
    has_config: bool

    @property
    def host(self) -> str:
        """The remote's host; empty without a remote."""
        return self.url.split("/")[2] if self.url else ""

    @property
    def path(self) -> str:
        """The remote's path: `acme/app`; empty without a remote."""
        return "/".join(self.url.split("/")[3:]) if self.url else ""


def discover(session: Session) -> Found:
    """Read the repository; outside of one, the working folder."""
    root = session.root
    files = read_ci_files(root, [FOLDER])
    remote = _remote(session)
    # Of several URLs, git fetches from the first.
    url = source_url(
        _asked(session, "config", "--get-all", f"remote.{remote}.url").partition("\n")[0] or None
    )
    dockerfiles, others = _dockerfiles(session)
    systems = [
        name
        for name, paths in _FILES.items()
        if any(os.path.lexists(os.path.join(root, one)) for one in paths)
    ]
    if files.workflows or files.unread or (url or "").startswith("https://github.com/"):
        systems.insert(0, "github")
    elif not systems and "gitlab" in (url or "").split("/")[2:3]:
        systems.append("gitlab")
    return Found(
        url=url,
        branch=_branch(session, remote),
        systems=tuple(systems),
        dockerfiles=dockerfiles,
        others=others,
        workflows=files.workflows,
        unread=tuple(one for one in files.unread if one.path.startswith(".github/")),
        bake={name: text for name in DEFAULT_FILES if (text := _text(root, name))},
        has_config=os.path.lexists(os.path.join(root, CONFIG_NAME)),
    )


def _asked(session: Session, *arguments: str) -> str:
    """The answer of a git command; empty if it has none, or outside of a repository."""
    try:
        done = Git(session.process, session.root, session.settings.env).run(*arguments)
    except GitError:
        return ""
    return done.stdout.decode("utf-8", "replace").strip() if done.code == 0 else ""


def _remote(session: Session) -> str:
    """The name of the only remote, else `origin`."""
    names = _asked(session, "remote").split()
    return names[0] if len(names) == 1 else "origin"


def _branch(session: Session, remote: str) -> str:
    """The default branch: the remote's, else the one that is checked out."""
    try:
        named = clone_default_branch(session.process, session.root, session.settings.env, remote)
    except GitError:
        named = None
    found = named or _asked(session, "symbolic-ref", "--quiet", "--short", "HEAD")
    return found if _PLAIN_BRANCH.fullmatch(found) else "main"


def _dockerfiles(session: Session) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The paths of Dockerfiles, and of files that only begin with this name; those next to the root first."""
    listed = _asked(
        session, "ls-files", "-co", "--exclude-standard", "-z", "--", "*Dockerfile*", "*Containerfile*"
    )
    names = [name for name in listed.split("\0") if not _ELSEWHERE.search(name) and name.isprintable()]
    if not listed and os.path.isfile(os.path.join(session.root, "Dockerfile")):
        names = ["Dockerfile"]
    names = sorted(filter(None, names), key=lambda name: (name.count("/"), name))
    bases = {name: posixpath.basename(name) for name in names}
    return (
        tuple(one for one in names if bases[one] in _NAMES)[:CI_FILES],
        tuple(one for one in names if bases[one].startswith(tuple(f"{name}." for name in _NAMES)))[:CI_FILES],
    )


def is_shipmarks(root: str, name: str) -> bool:
    """Whether the CI file runs shipmark already, such as one that `init` wrote."""
    return "/ci/install.sh" in _text(root, name) and "shipmark" in _text(root, name)


def _text(root: str, name: str) -> str:
    try:
        return text_of(root, name)
    except (ConfigError, OSError, UnicodeDecodeError):
        return ""
