"""Searches a listing of git tags: the output of `git show-ref -d`, or lines of the file `packed-refs`.

The lines of a listing are `<object> refs/tags/<name>`. The line after an annotated tag's has the commit that the tag
peels to: `<commit> refs/tags/<name>^{}` in the output, `^<commit>` in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache

import msgspec

from release.decoding import decode
from release.lazy_pattern import pattern
from release.versions.semver import LONGEST

# Object and name of a tag; for an annotated tag in `packed-refs` also the commit.
_TAG_LINE = pattern(rb"^([0-9a-f]+) refs/tags/([^^\n]+)(?:\^\{\})?\n(?:\^([0-9a-f]+)\n)?", re.MULTILINE)
_VERSION_TAG = pattern(rb" refs/tags/(?:[^\n^]*[/@_-])?v?[0-9]+[.-][0-9]+")
# Matches part of what `_VERSION_TAG` matches, and passes over other tags in a tenth of the time.
_PLAIN_VERSION_TAG = pattern(rb" refs/tags/v?[0-9]+\.[0-9]+")
# Stands for a component's prefix in a listing, in which git allows no such character. With the prefix itself each of 40
# components would need a regular expression of its own, and compiling one takes longer than a search in 20,000 tags.
_PREFIX = b"\0"

#: The three numbers of a version that has nothing else: `1.4.2`.
Numbers = tuple[int, int, int]


def commits_of(listing: bytes) -> dict[bytes, bytes]:
    """The name of each tag with the object that it peels to."""
    # In the output of `show-ref -d` an annotated tag's second line has its commit, and replaces the first.
    return {name: peeled or commit for commit, name, peeled in _TAG_LINE.findall(listing)}


def _names_of(listing: bytes, commit: str) -> list[str]:
    """The names after `refs/tags/` in the lines of `listing` that begin with `commit`, or are followed by `^commit`."""
    start = commit.encode() + b" refs/tags/"
    names, place = [], listing.find(start)
    while place >= 0:
        end = listing.find(b"\n", place)
        if place == 0 or listing[place - 1 : place] == b"\n":
            names.append(listing[place + len(start) : end].decode("utf-8", "backslashreplace"))
        place = listing.find(start, end)
    peeled = b"\n^" + commit.encode() + b"\n"
    place = listing.find(peeled)
    while place >= 0:
        start_of_line = listing.rfind(b"\n", 0, place) + 1
        name = listing[start_of_line:place].partition(b" refs/tags/")[2]
        names.append(name.decode("utf-8", "backslashreplace"))
        place = listing.find(peeled, place + 1)
    return names


def names_of(listing: bytes) -> tuple[str, ...]:
    """The names of all tags in a listing, versions or not."""
    found = re.findall(rb"^[0-9a-f]+ refs/tags/([^^\n]+)$", listing, re.MULTILINE)
    return tuple(name.decode("utf-8", "backslashreplace") for name in found)


# A command asks several times for HEAD's tags, and each search goes through a megabyte where there are 20,000.
@lru_cache(maxsize=8)
def tags_at(listing: bytes, commit: str) -> tuple[str, ...]:
    """The names of the tags at `commit`, versions or not, in alphabetical order."""
    return tuple(sorted({name.removesuffix("^{}") for name in _names_of(listing, commit)}))


def commit_named(listing: bytes, git_tag: str) -> str | None:
    """The object that `git_tag` peels to (a commit, as a rule), or None when the listing has no such tag."""
    name = b" refs/tags/" + git_tag.encode("utf-8", "backslashreplace")
    end = listing.find(name + b"\n")
    if end < 0:
        return None
    start = listing.rfind(b"\n", 0, end) + 1
    # The next line has the commit of an annotated tag.
    following = end + len(name) + 1
    if listing.startswith(b"^", following):
        start, end = following + 1, listing.find(b"\n", following)
    elif listing.startswith(name + b"^{}\n", peeled := listing.find(b" ", following)):
        start, end = following, peeled
    return listing[start:end].decode("ascii", "backslashreplace")


def has_version_tag(listing: bytes) -> bool:
    """Whether any tag of `listing` looks like a version, whatever its prefix: `v1.4.2`, `api/v1.0.0`, `2024.10`."""
    return _PLAIN_VERSION_TAG.search(listing) is not None or _VERSION_TAG.search(listing) is not None


class TagDifference(msgspec.Struct, frozen=True, kw_only=True):
    """How the tags of a clone differ from its remote's. `listing`: of the clone, with the remote's tags.

    `missing`: tags that only the remote has. `moved`: tags that name another object on the remote; `listing` has the
    remote's object.
    """

    listing: bytes
    missing: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()


def with_tags_of_remote(listing: bytes, remote_tags: Mapping[str, str]) -> TagDifference:
    """The clone's `listing` with the tags of its remote. `remote_tags`: each with the object that it peels to."""
    here = commits_of(listing)
    there = {name.encode("utf-8", "backslashreplace"): text.encode() for name, text in remote_tags.items()}
    missing = tuple(name for name in there if name not in here)
    moved = tuple(name for name, commit in there.items() if here.get(name, commit) != commit)
    if moved:
        listing = without_tags(listing, moved)
    added = b"".join(b"%s refs/tags/%s\n" % (there[name], name) for name in (*missing, *moved))
    return TagDifference(listing=listing + added, missing=_names(missing), moved=_names(moved))


def without_tags(listing: bytes, names: Iterable[bytes]) -> bytes:
    """`listing` without the lines of the tags called `names`, and those of their commits."""
    left_out = set(names)
    rows = re.split(
        rb"^(?=[0-9a-f]+ )", listing, flags=re.MULTILINE
    )  # each line with the `^<commit>` below it
    return b"".join(row for row in rows if _name_in(row) not in left_out)


def _name_in(row: bytes) -> bytes:
    """The name of the tag in a line of a listing; empty for a branch."""
    return row.partition(b"\n")[0].partition(b" refs/tags/")[2].removesuffix(b"^{}")


def _names(names: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(name.decode("utf-8", "backslashreplace") for name in names)


def numbers_and_names(listing: bytes, prefix: str, *, numbers: bool) -> tuple[list[Numbers], list[str]]:
    """The three numbers of each tag that is nothing else, and the names of the other tags, after `prefix`.

    `numbers`: False: all tags are given by their names. Tags with a slash after the prefix are left out.
    """
    text = listing
    if prefix:
        own = b" refs/tags/" + prefix.encode("utf-8", "backslashreplace")
        text = listing.replace(own, b" refs/tags/" + _PREFIX)
    start = _PREFIX if prefix else b""
    rows = _pattern(start, numbers=numbers).findall(text)
    texts = [found for found, _ in rows if found]
    if texts and max(map(len, texts)) > LONGEST:
        # Too long for a version, and perhaps for `int`, which takes at most 4300 digits.
        rows, texts = _pattern(start, numbers=False).findall(text), []
    return _numbers_in(texts), [name.decode("utf-8", "backslashreplace") for _, name in rows if name]


def _numbers_in(texts: Sequence[bytes]) -> list[Numbers]:
    """The numbers of texts such as `1.4.2`."""
    # Decoding one JSON list of lists, in C, takes a fifth of the time of `int` for each number of 20,000 tags.
    rows = b"],[".join(texts).replace(b".", b",")
    return decode(b"[[%s]]" % rows, list[Numbers]) if texts else []


@cache
def _pattern(start: bytes, *, numbers: bool) -> re.Pattern[bytes]:
    """Matches one tag per line: its three numbers, joined by dots, or else its name. Peeled lines do not match.

    `start`: the characters before the version, `_PREFIX` or none.
    """
    # `semver.NUMBER`, and names, without going back to fewer characters (`*+`): half of the time.
    number = rb"(?:0|[1-9][0-9]*+)"
    plain = rb"v?(%s\.%s\.%s)" % (number, number, number) if numbers else rb"()(?!)"
    return re.compile(rb" refs/tags/%s(?:%s|([^/\n^]++))\n" % (start, plain))
