"""What a log has of some facts: the entries that hold them, and the version tags and releases that they claim. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from release.log import Entry
from release.log.catalog.catalog import Catalog
from release.log.catalog.terms import id_term, is_of_release, tag_term
from release.log.identity import fact_id
from release.log.records.entry_members import tags_set
from release.log.records.members import Fields, text_of
from release.log.uniqueness import RESTRICTED, UniqueTags, version_tags


def entry_of(catalog: Catalog, fact: Fields, identity: str | None = None) -> Entry | None:
    """The first entry that holds a fact, or None. `identity`: the fact's id, if it is known."""
    wanted = identity or fact_id(fact)
    if not catalog.may_hold(wanted):
        return None
    if is_of_release(fact):
        found: Iterable[Entry] = of_release(catalog, text_of(fact, "release"))
    else:
        found = catalog.with_text(id_term(wanted), lambda fields: fields.get("id") == wanted)
    return next((entry for entry in found if entry.fields.get("id") == wanted), None)


def of_release(catalog: Catalog, key: str) -> list[Entry]:
    """The entries of a release, oldest first."""
    return list(catalog.with_hex(key, lambda fields: fields.get("release") == key))


def sets_tag(target: str, tag: str, fields: Fields) -> bool:
    """Whether an entry sets the tag of the target, or removes it."""
    # The fold skips entries of a release that do not name it.
    is_folded = fields.get("kind") in ("promoted", "pruned", "unpruned") or bool(text_of(fields, "release"))
    return is_folded and any((target, tag) == one[:2] for one in tags_set(fields))


def claims_about(catalog: Catalog, facts: Iterable[Fields]) -> UniqueTags:
    """The claims of the log that `facts` may contradict: on their releases, and on the version tags that they set."""
    keys: dict[str, None] = {}
    for fact in facts:
        if fact["kind"] not in RESTRICTED or not is_of_release(fact):
            continue
        keys[text_of(fact, "release")] = None
        target = text_of(fact, "target")
        for tag, _ in version_tags(fact) if fact["kind"] == "pushed" else ():
            for entry in catalog.with_text(
                tag_term(target, tag), lambda fields: fields.get("kind") == "pushed"
            ):
                keys[str(entry.fields.get("release", ""))] = None
    claims = UniqueTags()
    found = {entry.seq: entry for key in keys for entry in of_release(catalog, key)}
    for seq in sorted(found):
        claims.add(found[seq].fields)
    return claims
