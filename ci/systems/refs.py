"""Parses git refs, and removes credentials from URLs."""

from __future__ import annotations

import re

import msgspec

from ci.systems.evidence import Said

# Patterns as text: most runs need none of them, and compiling all takes longer than the rest of the module.
# The last alternative is Gerrit's: two digits, the change's number, the number of its patch set.
_REQUEST = r"refs/(?:(?:pull|pull-requests|merge-requests)/([0-9]{1,18})(?:/.*)?|changes/[0-9]{2}/([0-9]{1,18})/[0-9]+)"
# Names below `refs/remotes/origin/` under which git hosts' documentation fetches requests: `pr/12/merge`.
_FETCHED_REQUEST = r"(?:pull|pr|pull-requests|merge-requests)/([0-9]{1,18})(?:/(?:head|merge|from|train))?"
# What git tags of releases hold: `v1.4.2`, `release-1.2`.
_TWO_NUMBERS = r"[0-9]\.[0-9]"
_URL = r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\s]*)([^?#\s]*)"
_PLAIN_HOST = r"(?:[A-Za-z0-9_-]+\.)+[A-Za-z0-9_-]+(?::[0-9]+)?"
_BUILD_QUERY = r"\?buildId=[0-9]+$"
_PATH = r"[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*"
_SCP = r"(?:([^/@:\s]+)@)?([^/@:\s]+):(?!//)([^@\s]+)"


class Ref(msgspec.Struct, frozen=True, kw_only=True):
    """The name in a ref: at most one of a git tag, a branch and a request's number.

    `ref_name`: a name that only the clone shows to be a git tag or a branch; beside an equal `branch` it is a branch
    unless the clone shows otherwise.
    """

    git_tag: Said | None = None
    branch: Said | None = None
    number: Said | None = None
    ref_name: Said | None = None


def read_ref(said: Said | None) -> Ref:
    """Take a ref apart: `refs/tags/api/v1` is the tag `api/v1`; a name outside `refs/` is a branch.

    Refs of requests give the number, also as `pull/12/head` or `pr/12/merge`; other refs below `refs/` give nothing.
    """
    if said is None:
        return Ref()
    if request := re.fullmatch(_REQUEST, said.value, re.DOTALL):
        return Ref(number=Said(request[1] or request[2], said.source))
    if tag := below(said, "refs/tags/"):
        return Ref(git_tag=tag)
    if branch := below(said, "refs/heads/"):
        return Ref(branch=branch)
    if said.value.startswith("refs/"):
        return Ref()
    if request := re.fullmatch(_FETCHED_REQUEST, said.value):
        return Ref(number=Said(request[1], said.source))
    return Ref(branch=said)


def read_branch(said: Said | None) -> Ref:
    """Take apart a variable that holds a branch's short name, or a ref that a person or an API call gave.

    `refs/tags/v1.4.2` gives only a `ref_name`, because a branch may have this text as its name.
    """
    ref = read_ref(said)
    return Ref(ref_name=ref.git_tag) if ref.git_tag is not None else ref


def read_typed(said: Said | None) -> Ref:
    """Take apart a ref that a person or a job's settings may have given: `v1.4.2` gives a branch and a `ref_name`.

    Without `refs/` in front nothing but the clone shows that `v1.4.2` is a git tag. Other names stay branches: a tag
    beside a branch of the same name, such as `main`, must not change what a run is for.
    """
    ref = read_ref(said)
    if said is None or ref.branch != said or not re.search(_TWO_NUMBERS, said.value):
        return ref
    return Ref(branch=said, ref_name=said)


def below(said: Said | None, prefix: str) -> Said | None:
    """Return the text after `prefix`; None if `said` does not start with `prefix`, or nothing follows."""
    if said is None or not said.value.startswith(prefix) or len(said.value) == len(prefix):
        return None
    return Said(said.value[len(prefix) :], said.source)


def short(said: Said | None, *prefixes: str) -> Said | None:
    """Return a branch's short name: the first of `prefixes` (`refs/heads/`) that matches is removed, once."""
    for prefix in prefixes or ("refs/heads/",):
        if inner := below(said, prefix):
            return inner
    return said


def public_url(text: str) -> str | None:
    """Return `text` without user, password, query and fragment; None if it is neither a URL nor an scp-like address.

    Two exceptions: the user `git` of ssh stays, because `ssh://host/path` would mean another account; and the query
    `buildId` of Azure stays, which identifies the run.
    """
    text = text.strip()
    if url := re.fullmatch(_URL, text.partition("#")[0].partition("?")[0]):
        scheme, authority, path = url.groups()
        user, _, host = authority.rpartition("@")
        if "@" in text[len(scheme) + 3 + len(authority) :] and (user or not re.fullmatch(_PLAIN_HOST, host)):
            return None  # a raw `/`, `#` or `?` in a password: what looks like the host is the password's beginning
        kept = "git@" if scheme.lower().endswith("ssh") and user.split(":")[0] == "git" else ""
        query = re.search(_BUILD_QUERY, text)
        return f"{scheme}://{kept}{host}{path}{query[0] if query else ''}" if host else None
    if address := re.fullmatch(_SCP, text):
        user, host, path = address.groups()
        return f"git@{host}:{path}" if user == "git" else f"{host}:{path}"
    return None


def is_path(text: str) -> bool:
    """Whether `text` may become a part of a URL's path: `acme/app`, and nothing that could be another URL."""
    return re.fullmatch(_PATH, text) is not None


def host_of(url: str) -> str | None:
    """Return the host of a repository's URL without its port and the `ssh.` that some hosts have for ssh.

    None for text that is neither a URL nor an scp-like address.
    """
    found = re.fullmatch(_URL, url) or re.fullmatch(_SCP, url)
    if found is None:
        return None
    host = found[2].rpartition("@")[2].partition(":")[0].lower()
    return host.removeprefix("ssh.")


def repository_name(url: str) -> str | None:
    """Return the path in a repository's URL, such as `acme/app`, without `.git`; None for other text."""
    if found := re.fullmatch(_URL, url):
        path = found[3]
    elif address := re.fullmatch(_SCP, url):
        path = address[3]
    else:
        return None
    return path.strip("/").removesuffix(".git") or None
