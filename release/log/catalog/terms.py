"""The terms under which the index lists an entry. Pure.

Hexadecimal terms are beginnings of digests, commits and release keys, which people shorten. All other terms are texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from release.lazy_pattern import pattern
from release.log import Entry
from release.log.records.entry_members import SETS_TAGS, without_rebuild
from release.log.records.members import Fields, text_of

#: Hexadecimal digits of a digest that are indexed: the most that fit into signed 64-bit integers (60 bits).
DIGITS = 15
#: Kinds that belong to a release: their entries are found by its key. Entries of other kinds are found by their id.
OF_RELEASE = frozenset(
    {
        *("planned", "built-platform", "built", "pushed", "released", "moved"),
        *("failed", "cancelled", "abandoned"),
    }
)
#: Kinds of records about the status of a version.
STATUS_KINDS = frozenset({"yanked", "restored", "status"})
_HEX = pattern(rf"[0-9a-f]{{1,{DIGITS}}}")


class Terms(NamedTuple):
    """The terms of some entries."""

    hexes: set[str]
    texts: set[str]


def terms_of(entries: Sequence[Entry]) -> Terms:
    """The terms of entries. Written for speed: it is called for every entry of a long log."""
    found: set[str] = set()
    texts: set[str] = set()
    # Neighbours are mostly entries of one release: what equals the entry before was added with that one.
    last: tuple[Any, Any, Any] = (None, None, None)
    is_known = False  # whether the entry before belongs to a release whose key is hexadecimal
    for fields in [entry.fields for entry in entries]:
        try:
            here = fields["release"], fields["commit"], fields["project"]
        except KeyError:
            here = fields.get("release"), fields.get("commit"), fields.get("project")
        if here != last:
            texts.add(project_term(here[2] if type(here[2]) is str else ""))
            found.update([one[:DIGITS] for one in here[:2] if type(one) is str])
            is_known = len(hex_of(here[0])) == DIGITS
            last = here
        if "source" in fields and type(source := fields["source"]) is dict:
            found.add(text_of(source, "commit")[:DIGITS])
        if type(kind := fields.get("kind")) is not str:
            kind = ""
        if kind in SETS_TAGS:
            _add_tags(texts, fields)
        elif kind == "planned" or kind == "released":
            _add_versions(texts, fields)
        if not is_known or kind not in OF_RELEASE:
            texts |= _beside(fields)
    # A digest may stand anywhere in an entry; canonical JSON writes it without escapes.
    parts = b"\n".join([entry.raw for entry in entries]).split(b"sha256:")
    found |= {one.decode("latin-1") for one in {part[:DIGITS] for part in parts[1:]}}
    found.discard("")
    # All are checked at once first: nearly always each of them is as long as it may be, and hexadecimal.
    text = "".join(found)
    if len(text) != DIGITS * len(found) or text.strip("0123456789abcdef"):
        found = {one for text in found if (one := hex_of(text))}
    return Terms(found, texts)


def is_of_release(fields: Fields) -> bool:
    """Whether an entry, or a fact, is found by its release key, and not by its id."""
    return text_of(fields, "kind") in OF_RELEASE and len(hex_of(fields.get("release"))) == DIGITS


def project_term(project: str) -> str:
    """The term of every entry of a project."""
    return f"p:{project}"


def tag_term(target: str, tag: str) -> str:
    """The term of entries that set a tag of a target, or remove it."""
    return f"t:{target}\0{tag}"


def version_term(name: str) -> str:
    """The term of entries that name a version, a rebuild or a git tag."""
    return f"v:{name}"


def id_term(identity: str) -> str:
    """The term of the entry with an id, for entries that do not belong to a release."""
    return f"i:{identity}"


def status_term(project: str) -> str:
    """The term of entries about the status of a project's versions."""
    return f"s:{project}"


def deployed_term(project: str) -> str:
    """The term of a project's deployments."""
    return f"d:{project}"


def hex_of(text: Any) -> str:
    """The indexed beginning of a digest, commit or key; `""` for what does not begin with a hexadecimal digit."""
    if type(text) is not str:
        return ""
    match = _HEX.match(text)
    return match[0] if match is not None else ""


def _beside(fields: Fields) -> set[str]:
    """The terms of an entry that does not belong to a release."""
    kind, project = text_of(fields, "kind"), text_of(fields, "project")
    found = {id_term(str(fields.get("id", "")))}
    if kind in STATUS_KINDS:
        found.add(status_term(project))
    elif kind == "deployed":
        found.add(deployed_term(project))
    return found


def _add_tags(texts: set[str], fields: Fields) -> None:
    """Add the terms of the tags that an entry names, also of those that it did not set; and of a move's version."""
    if fields["kind"] == "moved":  # names a version if the log has no other entry about its release
        _add_versions(texts, fields)
    start = tag_term(text_of(fields, "to" if fields["kind"] == "promoted" else "target"), "")
    tags = fields.get("tags")
    for tag in tags if type(tags) is list else ():
        if type(tag) is dict and type(name := tag.get("name")) is str:
            texts.add(start + name)


def _add_versions(texts: set[str], fields: Fields) -> None:
    get = fields.get
    version, git_tag, rebuild = get("version"), get("git_tag"), get("rebuild")
    if git_tag and type(git_tag) is str:
        texts.add(version_term(git_tag))
    if version and type(version) is str:
        texts.add(version_term(version))
        plain = without_rebuild(version)
        if plain != version:
            texts.add(version_term(plain))
        if rebuild and type(rebuild) is int:
            texts.add(version_term(f"{plain}_r{rebuild}"))
