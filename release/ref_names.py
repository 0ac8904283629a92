"""Which names may become a git ref, and which texts may name a git remote. Pure.

Names come from `shipmark.yml`, options, CI systems and logs. This module checks names before they reach git's argument
list: git would read a name with a leading `-` as an option, and `ext::…` as a command to run.
"""

from __future__ import annotations

import re
from typing import Literal

from release.errors import ConfigError
from release.lazy_pattern import pattern

# git-check-ref-format(1): control characters, space, and the characters that revisions and refspecs use.
_FORBIDDEN = pattern(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
# Characters of a ref. Git stores a ref as a file, and Linux limits a path to 4096 bytes (PATH_MAX): 1024 characters of
# at most 4 bytes in UTF-8.
_LONGEST = 1024
_COMMIT = pattern(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
# Patterns as text: most runs need none of them, and compiling all takes longer than the rest of the module.
_SCHEME = r"([A-Za-z][A-Za-z0-9+.-]*)://([^/]*)"
# `host:path` or `user@host:path`; no slash stands before the first colon, and no second colon follows it (`ext::`).
_SCP = r"(?:[A-Za-z0-9_][^@:/\s]*@)?(?:[A-Za-z0-9_][^@:/\s]*|\[[0-9A-Fa-f:]+\]):(?!:)[^\s]+"
_SCHEMES = frozenset({"https", "ssh", "git", "git+ssh", "ssh+git", "file"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

RemoteKind = Literal["name", "url", "path"]


def is_ref(name: str) -> bool:
    """Whether git accepts `name` as a ref of two parts or more, such as `refs/tags/v1.4.2`.

    A name with a leading `-` or of more than 1024 characters gives False too, though git would accept the name.
    """
    if not name or len(name) > _LONGEST or "/" not in name or name[0] in "/-" or name[-1] in "/.":
        return False
    parts = name.split("/")
    return not _FORBIDDEN.search(name) and not any(
        part.startswith(".") or part.endswith(".lock") for part in parts
    )


def is_git_tag(name: str) -> bool:
    """Whether `name` can be a git tag: a valid ref below `refs/tags/`, and no leading `-`, which `git tag` refuses."""
    return not name.startswith("-") and is_ref(f"refs/tags/{name}")


def is_commit(text: str) -> bool:
    """Whether `text` is a whole commit id: 40 or 64 lower-case hex digits."""
    return _COMMIT.fullmatch(text) is not None


def require_git_tag(key: str, name: str) -> str:
    """`name`, if it can be a git tag. Raises `ConfigError` that names `key`."""
    if not is_git_tag(name):
        raise ConfigError(
            f"{_of(key)}: `{name}` cannot be a git tag",
            hint="a git tag has no blank, none of `~ ^ : ? * [ \\`, no `..` or `//`, and no slash at an end",
        )
    return name


def _of(key: str) -> str:
    """The key for a message; a place in a file may stand before it."""
    place, separator, name = key.rpartition(": ")
    return f"{place}{separator}`{name}`"


def require_ref(key: str, name: str) -> str:
    """`name`, if it is a full ref name below `refs/`. Raises `ConfigError` that names `key`."""
    if not name.startswith("refs/") or not is_ref(name):
        raise ConfigError(
            f"{_of(key)}: `{name}` is not a git ref",
            hint="write the full name, for example `refs/shipmark/log`",
        )
    return name


def remote_kind(key: str, text: str) -> RemoteKind:
    """What `text` is: the name of a remote (configured or not), a URL, or an absolute path.

    Raises `ConfigError` that names `key` for any other text: options, `ext::` and other remote helpers, schemes other
    than https, ssh, git, file and git+ssh (http only to this machine), and URLs with credentials or without a host.
    """
    scheme = re.match(_SCHEME, text)
    if scheme is not None:
        _require_url(key, text, scheme[1].lower(), scheme[2])
        return "url"
    if text.startswith("/") and not _has_control(text):
        return "path"
    if is_ref(f"refs/remotes/{text}/HEAD") and not text.startswith("-"):
        return "name"
    if re.fullmatch(_SCP, text) and not _has_control(text):
        return "url"
    raise ConfigError(
        f"{_of(key)}: `{text}` is not a remote's name, an absolute path, or a URL with https, ssh, git or file",
        hint="`git remote -v` lists the remotes by name",
    )


def _require_url(key: str, text: str, scheme: str, authority: str) -> None:
    user, _, host = authority.rpartition("@")
    name = re.sub(r":[0-9]*$", "", host)
    if scheme not in _SCHEMES and not (scheme == "http" and name in _LOOPBACK):
        raise ConfigError(
            f"{_of(key)}: the URL scheme `{scheme}` is not allowed", hint="use https, ssh, git or file"
        )
    if user and (scheme not in {"ssh", "git+ssh", "ssh+git"} or ":" in user):
        raise ConfigError(
            f"{_of(key)}: the URL holds credentials",
            hint="put the token into the variable `SHIPMARK_LOG_TOKEN`, and leave the URL without it",
        )
    if host.startswith("-") or user.startswith("-") or _has_control(text) or not (host or scheme == "file"):
        raise ConfigError(
            f"{_of(key)}: the URL has no valid host, or holds a blank or control character",
            hint="write `https://HOST/PATH`",
        )


def _has_control(text: str) -> bool:
    return any(character <= " " or character == "\x7f" for character in text)
