"""Which sources of `ADD` lie elsewhere: addresses and git repositories. Anything else is a path in the context. Pure.

Follows BuildKit 0.34: `isHTTPSource` in `dockerfile2llb/convert_copy.go`, `ParseGitRef` in `dfgitutil`.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote, unquote_plus

from release.build.dockerfile.truths import FALSE, TRUE
from release.build.paths import rooted
from release.lazy_pattern import pattern

_SCHEME = pattern(r"([a-zA-Z0-9]+)://")
# `user@host:path`, which only ssh reads; no dot in the user's name.
_SCP = pattern(r"([a-zA-Z0-9_-]+)@([a-zA-Z0-9.-]+):(?P<path>.*?)(?:\?(?P<query>.*?))?(?:#(?P<fragment>.*))?")
_HOSTED = "github.com/"  # in front of a path of the context, whose query is read nevertheless
_TRUTHS = frozenset({"keep-git-dir", "submodules", "fetch-by-commit"})  # may stand without a value
_NAMES = frozenset({"ref", "tag", "branch", "subdir", "checksum", "commit", "mtime", *_TRUTHS})
_TIMES = frozenset({"checkout", "commit"})
_PREFIXES = {"ref": "", "tag": "refs/tags/", "branch": "refs/heads/"}


class GitAddressError(ValueError):
    """The address cannot be read; the message says why, without its place."""


def is_git(source: str) -> bool:
    """Whether BuildKit clones the source."""
    return not source.startswith(_HOSTED) and _parts(source) is not None


def is_remote(source: str) -> bool:
    """Whether the source is cloned or downloaded. As in BuildKit, `HTTPS://` in upper case begins a path."""
    return source.startswith(("http://", "https://")) or is_git(source)


def read_git(source: str) -> Mapping[str, str]:
    """The options in the query of a git repository; none for another source. Raises `GitAddressError`."""
    parts = _parts(source)
    if parts is None:
        return {}
    query, fragment = parts
    found: dict[str, str] = {}
    for name, value in query:
        if name not in _NAMES:
            raise GitAddressError(f"`{name}` is not an option of a git address")
        if name in found:
            raise GitAddressError(f"`{name}` stands twice")
        if not value and name not in _TRUTHS:
            raise GitAddressError(f"`{name}` has no value")
        if name in _TRUTHS and value not in TRUE | FALSE | {""}:
            raise GitAddressError(f"`{name}={value}` is neither `true` nor `false`")
        if name == "mtime" and value not in _TIMES:
            raise GitAddressError(f"`mtime={value}` is not known; there are `checkout` and `commit`")
        found[name] = value
    _require_one_meaning(found, fragment)
    return found


def is_true(value: str) -> bool:
    """Whether an option such as `keep-git-dir` is set by its value; it is without one."""
    return value in TRUE | {""}


def _require_one_meaning(options: Mapping[str, str], fragment: str) -> None:
    """Raise `GitAddressError` for options that contradict each other, or what follows the `#`."""
    ref, _, subdir = fragment.partition(":")
    # BuildKit compares only with a fragment that names something.
    refs = {ref} - {""} | {
        prefix + options[name].removeprefix(prefix) for name, prefix in _PREFIXES.items() if name in options
    }
    if len(refs) > 1:
        raise GitAddressError(f"it names several versions: {', '.join(f'`{each}`' for each in sorted(refs))}")
    subdir = rooted(subdir)
    if subdir and options.get("subdir", subdir) != subdir:
        raise GitAddressError(f"it names two folders: `{subdir}` and `{options['subdir']}`")


def _parts(source: str) -> tuple[list[tuple[str, str]], str] | None:
    """The query and the fragment of a git repository; None for another source."""
    if source.startswith(("./", "../")):
        return None
    scheme = _SCHEME.match(source)
    if scheme is None and not source.startswith(_HOSTED):
        match = _SCP.fullmatch(source)
        if match is None or ";" in (match["query"] or ""):
            return None
        return _query(match["query"] or ""), match["fragment"] or ""
    rest, _, fragment = source.partition("#")
    address, _, query = rest.partition("?")
    path = address.partition("://")[2].partition("/")[2]  # the name of a host may end with `.git`, too
    kind = scheme[1].lower() if scheme is not None else "ssh"
    is_cloned = kind in ("git", "ssh") or (kind in ("http", "https") and unquote(path).endswith(".git"))
    return (_query(query), unquote(fragment)) if is_cloned else None


def _query(text: str) -> list[tuple[str, str]]:
    """The names and values of a query; Go drops what holds a semicolon."""
    pairs = (part.partition("=") for part in text.split("&") if part and ";" not in part)
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]
