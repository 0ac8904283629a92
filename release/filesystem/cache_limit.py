"""Measures the cache folder, empties it, and deletes least recently used blobs above its limit.

Only folders that no process uses are touched. Files are deleted through descriptors, without following symlinks.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from release.errors import ConfigError, RefusedError
from release.filesystem.cache_lease import LEASE, alone
from release.filesystem.folders import OpenFolder, open_folder
from release.filesystem.new_files import NewFile
from release.lazy_pattern import pattern

#: Bytes of blobs that the cache keeps if SHIPMARK_CACHE_SIZE is not set: layers of several images, on disks of CI
#: runners that often have 14 GB free (GitHub). A larger cache would save more work, but could fill such a disk.
DEFAULT_LIMIT = 10 << 30
#: Seconds without use after which a repository's folder is deleted: 90 days. Runners check out into ever new folders,
#: whose state nobody uses again; a project that rests for a quarter of a year loses only its cache.
FORGOTTEN = 90 * 24 * 3600.0
#: The name of the content store in a repository's folder.
IMAGES = "images"

_KEY = pattern(r"[0-9a-f]{64}")
_DELETED = pattern(r"\.deleted-[0-9a-f]{16}")
_SIZE = pattern(r"([0-9]{1,15})\s*(?:([KMGT])i?)?B?", re.IGNORECASE)
_SHIFTS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


class Cleaned(msgspec.Struct, frozen=True, kw_only=True):
    """The result of `clean`. `freed`: bytes. `busy`: repositories that were skipped, mostly because they are in use."""

    repositories: int = 0
    freed: int = 0
    busy: int = 0


class _Blob(msgspec.Struct, frozen=True):
    """A blob in a content store, and the time of its last use."""

    used: float
    size: int
    key: str
    algorithm: str
    name: str


def limit_of(text: str | None) -> int:
    """SHIPMARK_CACHE_SIZE in bytes: `500MiB`, `20G`, `1073741824`; units are powers of 1024.

    The default if the variable is not set or empty. Raises `ConfigError` for other text.
    """
    if not text:
        return DEFAULT_LIMIT
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            f"SHIPMARK_CACHE_SIZE: `{text}` is not a size", hint="write it as `10GiB` or `500MiB`"
        )
    return int(match[1]) << _SHIFTS[(match[2] or "").upper()]


def sizes(root: str) -> dict[str, int]:
    """The size of each repository's folder in bytes, by its name."""
    with open_folder(root, None) as above:
        return {key: _size_below(os.path.join(root, key)) for key in _keys(above)}


def clean(root: str) -> Cleaned:
    """Delete the folders of all repositories that no process uses."""
    done = Cleaned()
    with open_folder(root, None) as above:
        _sweep(above)
        for key in _keys(above):
            freed = _size_below(os.path.join(root, key))
            with alone(above, key) as folder:
                if folder is None:
                    done = msgspec.structs.replace(done, busy=done.busy + 1)
                    continue
                _forget(above, key)
            done = Cleaned(repositories=done.repositories + 1, freed=done.freed + freed, busy=done.busy)
    return done


def trim(root: str, limit: int) -> int:
    """Delete least recently used blobs until at most `limit` bytes of blobs are left; returns the bytes freed by that.

    Blobs of repositories in use count towards the limit, and are kept. Folders of repositories unused for 90 days are
    deleted as a whole; their bytes are not in the result.
    """
    blobs: list[_Blob] = []
    total = 0
    with open_folder(root, None) as above:
        _sweep(above)
        for key in _keys(above):
            with alone(above, key) as folder:
                if folder is not None and time.time() - _used(folder.status(LEASE)) > FORGOTTEN:
                    _forget(above, key)
                    continue
                found = list(_blobs(above, key))
                total += sum(blob.size for blob in found)
                if folder is not None:
                    blobs += found
        victims = _oldest(blobs, total - limit)
        return sum(_evict(above, key, chosen) for key, chosen in victims.items())


def _oldest(blobs: list[_Blob], excess: int) -> dict[str, list[_Blob]]:
    """The least recently used blobs that together have at least `excess` bytes, by repository."""
    victims: dict[str, list[_Blob]] = {}
    for blob in sorted(blobs, key=lambda one: (one.used, one.name)):
        if excess <= 0:
            break
        excess -= blob.size
        victims.setdefault(blob.key, []).append(blob)
    return victims


def _evict(above: OpenFolder, key: str, blobs: list[_Blob]) -> int:
    """Delete blobs of one repository; returns their bytes. Keeps blobs that were used since they were listed.

    Deletes nothing if a process uses the repository now.
    """
    freed = 0
    with alone(above, key) as repository:
        if repository is None:
            return 0
        with suppress(OSError, RefusedError, ValueError), repository.folder(IMAGES) as store:
            for blob in blobs:
                with suppress(OSError), _inner(store, "blobs", blob.algorithm) as folder:
                    if _used(folder.status(blob.name)) <= blob.used:
                        folder.remove(blob.name)
                        freed += blob.size
            _drop_missing(store)
    return freed


def _drop_missing(store: OpenFolder) -> None:
    """Remove manifests with deleted blobs from the layout's index, which would otherwise grow for ever."""
    with store.read("index.json") as file:
        index = json.loads(file.readall())
    kept = [one for one in index["manifests"] if _exists(store, str(one["digest"]))]
    if len(kept) < len(index["manifests"]):
        with NewFile(store) as new:
            new.stream.write(json.dumps({**index, "manifests": kept}, ensure_ascii=False).encode())
            new.place("index.json", durable=True)


def _exists(store: OpenFolder, digest: str) -> bool:
    algorithm, _, name = digest.partition(":")
    try:
        with _inner(store, "blobs", algorithm) as folder:
            return folder.status(name) is not None
    except OSError:
        return False


def _forget(above: OpenFolder, key: str) -> None:
    """Delete a repository's folder, whose lease the caller holds exclusively.

    The folder is renamed first, so that a killed process leaves no half-deleted folder under the repository's name.
    """
    aside = f".deleted-{os.urandom(8).hex()}"
    with suppress(OSError):
        above.rename(key, above, aside)
        above.remove_tree(aside)


def _sweep(above: OpenFolder) -> None:
    """Finish deletions of killed processes."""
    for name in above.names():
        if _DELETED.fullmatch(name):
            above.remove_tree(name)


def _blobs(above: OpenFolder, key: str) -> Iterator[_Blob]:
    with suppress(OSError, RefusedError), _inner(above, key, IMAGES, "blobs") as blobs:
        for algorithm in blobs.names():
            with suppress(OSError, RefusedError), blobs.folder(algorithm) as folder:
                for name in folder.names():
                    found = folder.status(name)
                    if found is not None and stat.S_ISREG(found.st_mode):
                        yield _Blob(_used(found), found.st_size, key, algorithm, name)


def _used(status: os.stat_result | None) -> float:
    """The time of the last use; the current time for a missing file, so that nothing is deleted because of it."""
    # With `noatime` there is no access time, and `relatime` is a day late: code that uses a blob sets its times too.
    return time.time() if status is None else max(status.st_atime, status.st_mtime)


def _keys(above: OpenFolder) -> list[str]:
    """Names of repositories' folders. Anything else in the cache folder is ignored."""
    return sorted(name for name in above.names() if _KEY.fullmatch(name) and _has_lease(above, name))


def _has_lease(above: OpenFolder, name: str) -> bool:
    try:
        with above.folder(name) as folder:
            return folder.status(LEASE) is not None
    except (OSError, RefusedError):
        return False


def _size_below(path: str) -> int:
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def _inner(folder: OpenFolder, *names: str) -> OpenFolder:
    """The folder `names` below `folder`, opened without following symlinks."""
    inner = folder.twin()
    try:
        for name in names:
            inner.enter(name)
    except BaseException:
        inner.close()
        raise
    return inner
