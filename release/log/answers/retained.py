"""What the version log knows of one target: times, releases, deployments and earlier prunes. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from release.log import Entry
from release.log.answers.deployments import deployments, running
from release.log.answers.scope import EVERYTHING
from release.log.records.entry_members import tags_set
from release.log.records.members import Fields, dicts_of, number_of, object_of, text_of
from release.log.state import LogState
from release.retention.snapshot import History, LoggedRelease

_PLACES = ("pushed", "moved", "promoted", "unpruned")
_PRUNES = ("pruned", "unpruned")
# Targets up to which entries of others are found by their bytes; for more, reading every entry once is cheaper.
_FEW = 8


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the log knows of a target. `digests`: every image that was pushed there, whether it still exists or not.

    `unfinished`: digest -> tags of manifests that a prune was about to delete, without a record of what happened.
    `deletes_tags`: False if the registry refused to delete a tag alone; None: the log does not know.
    """

    history: History
    digests: tuple[str, ...] = ()
    unfinished: dict[str, tuple[str, ...]] = {}
    deletes_tags: bool | None = None


def known_of(target: str, entries: Iterable[Entry], state: LogState) -> Known:
    """What the log's entries say of `target`. `state`: the same entries, folded."""
    return known_of_each((target,), entries, state)[target]


def known_of_each(targets: Iterable[str], entries: Iterable[Entry], state: LogState) -> dict[str, Known]:
    """What the log's entries say of each target: the entries are read once for all of them."""
    readers = {target: _Reader() for target in targets}
    # Searching the raw bytes is cheap and excludes the entries of other targets, as long as they are few.
    sought = [target.encode() for target in readers] if len(readers) <= _FEW else []
    whole = list(entries)
    for entry in whole:
        if sought and not any(one in entry.raw for one in sought):
            continue
        kind = text_of(entry.fields, "kind")
        reader = readers.get(text_of(entry.fields, "to" if kind == "promoted" else "target"))
        if reader is not None:
            reader.add(kind, entry.fields)
    deployed = {
        one.digest: f"`{one.environment}`" for one in running(deployments(whole, EVERYTHING)) if one.digest
    }
    releases = _releases(readers, state)
    return {target: reader.known(deployed, releases[target]) for target, reader in readers.items()}


class _Reader:
    def __init__(self) -> None:
        self.set_at: dict[str, tuple[str, int]] = {}
        self.pushed: dict[str, int] = {}
        self.pruned: set[str] = set()
        self.unfinished: dict[str, tuple[str, ...]] = {}
        self.follows: int | None = None
        self.deletes_tags: bool | None = None

    def known(self, deployed: Mapping[str, str], releases: tuple[LoggedRelease, ...]) -> Known:
        """What the entries said, with what the whole log says of deployments and releases."""
        return Known(
            history=History(
                set_at=self.set_at,
                pushed=self.pushed,
                deployed=deployed,
                releases=releases,
                pruned=frozenset({*self.pruned, *self.unfinished}),
                follows=self.follows,
            ),
            digests=tuple(self.pushed),
            unfinished=self.unfinished,
            deletes_tags=self.deletes_tags,
        )

    def add(self, kind: str, fields: Fields) -> None:
        """Read one entry about the target."""
        time = milliseconds_of(text_of(fields, "at"))
        for _, tag, digest in tags_set(fields):
            if digest:
                self.set_at[tag] = (digest, time)
                self._push(digest, time)
            else:
                self.set_at.pop(tag, None)
        if kind in _PLACES:
            image = text_of(object_of(fields, "image"), "digest") or text_of(fields, "digest")
            for digest in (image, *_texts(fields, "digests")):
                self._push(digest, time)
            for recorded in dicts_of(fields, "tags"):
                if before := text_of(recorded, "before"):
                    # Without a tag from now on, but not pushed now.
                    self.pushed.setdefault(before, time)
        self._pruning(kind, fields)

    def _push(self, digest: str, time: int) -> None:
        if digest:
            self.pushed[digest] = max(time, self.pushed.get(digest, 0))
            self.pruned.discard(digest)
            self.unfinished.pop(digest, None)

    def _pruning(self, kind: str, fields: Fields) -> None:
        if kind == "saved-manifest":
            self.unfinished[text_of(fields, "digest")] = tuple(_texts(fields, "tags"))
        elif kind in _PRUNES:
            self.follows = number_of(fields, "seq")
        if kind == "pruned":
            gone = _texts(fields, "digests")
            self.pruned.update(gone)
            for digest in gone:
                self.unfinished.pop(digest, None)
                self.pushed.pop(digest, None)
            if text_of(fields, "tag_deletion") == "refused":
                self.deletes_tags = False


def _releases(targets: Iterable[str], state: LogState) -> dict[str, tuple[LoggedRelease, ...]]:
    found: dict[str, list[LoggedRelease]] = {target: [] for target in targets}
    for release in state.releases.values():
        for content in release.pushed:
            if content.target not in found or not content.digest:
                continue
            found[content.target].append(
                LoggedRelease(
                    digest=content.digest,
                    channel=release.channel,
                    component=release.component or release.project,
                    name=release.name or next(iter(content.tags), content.digest),
                    seq=release.last_seq,
                )
            )
    return {target: tuple(releases) for target, releases in found.items()}


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest that was recorded before a prune."""

    media_type: str
    raw: bytes


def saved_manifests(target: str, entries: Iterable[Entry]) -> dict[str, Saved]:
    """Digest -> the manifest of `target` that was recorded before a prune; damaged ones are left out."""
    parts: dict[str, dict[int, str]] = {}
    about: dict[str, Fields] = {}
    for entry in entries:
        if entry.kind == "saved-manifest" and text_of(entry.fields, "target") == target:
            digest = text_of(entry.fields, "digest")
            about[digest] = entry.fields
            parts.setdefault(digest, {})[number_of(entry.fields, "part", 1)] = text_of(
                entry.fields, "content"
            )
    found = {}
    for digest, fields in about.items():
        texts = [parts[digest].get(at, "") for at in range(1, number_of(fields, "parts", 1) + 1)]
        try:
            raw = base64.b64decode("".join(texts), validate=True)
        except (binascii.Error, ValueError):
            continue
        found[digest] = Saved(media_type=text_of(fields, "media_type"), raw=raw)
    return found


def saved_digests(target: str, follows: int | None, entries: Iterable[Entry]) -> frozenset[str]:
    """The digests of `target` that were recorded before a prune that follows the entry `follows`.

    The first part of a manifest is recorded last, so its entry says that all parts are there.
    """
    return frozenset(
        text_of(entry.fields, "digest")
        for entry in entries
        if entry.kind == "saved-manifest"
        and text_of(entry.fields, "target") == target
        and entry.fields.get("part") == 1
        and entry.fields.get("follows") == follows
    )


class PrunedThere(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of `prune` deleted from a target: digests in the order of deletion, and tag -> digest.

    `trash`: the repository to which it copied them before.
    """

    target: str
    project: str
    trash: str = ""
    digests: tuple[str, ...]
    tags: dict[str, str]


def pruned_by(run: str, entries: Iterable[Entry]) -> tuple[PrunedThere, ...]:
    """What the run with the id `run` deleted, one for each target, in the log's order."""
    found: dict[str, PrunedThere] = {}
    for entry in entries:
        fields = entry.fields
        if entry.kind != "pruned" or text_of(fields, "attempt") != run:
            continue
        target = text_of(fields, "target")
        before = found.get(target) or PrunedThere(
            target=target,
            project=text_of(fields, "project"),
            trash=text_of(fields, "trash"),
            digests=(),
            tags={},
        )
        tags = {text_of(tag, "name"): text_of(tag, "before") for tag in dicts_of(fields, "tags")}
        found[target] = msgspec.structs.replace(
            before, digests=(*before.digests, *_texts(fields, "digests")), tags={**before.tags, **tags}
        )
    return tuple(found.values())


def prunes(entries: Iterable[Entry]) -> tuple[str, ...]:
    """The ids of the runs of `prune` that deleted something, oldest first."""
    return tuple(
        dict.fromkeys(text_of(entry.fields, "attempt") for entry in entries if entry.kind == "pruned")
    )


def milliseconds_of(timestamp: str) -> int:
    """Milliseconds since the epoch of a time of the log; 0 for text that is not a time."""
    try:
        return round(datetime.fromisoformat(timestamp).timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0


def _texts(fields: Fields, name: str) -> list[str]:
    value = fields.get(name)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
