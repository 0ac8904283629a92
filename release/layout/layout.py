"""An OCI image layout folder as a `Repository` that behaves like a registry.

- `index.json` is replaced atomically under a lock on `oci-layout`, which is written once and never replaced.
- A manifest that is put by digest gets an entry without a name in `index.json`, so that it stays reachable. This entry
  is removed when an index that lists the manifest is put, and gets a name when the manifest is tagged.
- A manifest with a subject is also listed in the index of the subject's fallback tag, where regctl looks for referrers.
- Blobs are synced before the `index.json` that references them is written: a power cut leaves no incomplete image.

Source: OCI image-spec v1.1, image-layout.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator

from release.errors import NotFound, RegistryError
from release.filesystem.files import read_limited
from release.hints import AGAIN
from release.layout.blobs import BROKEN, LayoutBlobs, broken
from release.layout.files import EMPTY_INDEX, split_digest
from release.layout.index import Entries, read_entries
from release.limits import LAYOUT_INDEX_BYTES
from release.oci import Manifest
from release.oci.attached import lists, referrers_tag, with_referrer, without_referrer
from release.oci.grammar import require_digest, require_tag
from release.oci.manifest import children, describe, subject


class Layout(LayoutBlobs):
    """A layout folder. If `path` does not exist, it reads as empty, and the first write creates it.

    `root`: the base of a relative path; None: the current folder. `workspace`: below it no symlink on the way to the
    layout is followed for writing; None: symlinks on the way are allowed.
    """

    @classmethod
    def create(cls, path: str) -> Layout:
        """The layout at `path`, created if it is missing. Raises `RegistryError` if that fails."""
        layout = cls(path)
        with layout._making():
            pass
        return layout

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        """Store the manifest's bytes, and add it to `index.json` under `tag`, or without a name.

        Raises `NotFound` if a blob or manifest that it references does not exist; descriptors with `urls` need not.
        """
        if tag is not None:
            require_tag(tag)
        # An index may list a manifest often, once for each platform: each file is looked at and synced once.
        below = {(child.digest, child.size): child for child in children(manifest)}
        lacking = {name for name, child in below.items() if not self.has_blob(child)}
        for name in lacking:
            if not below[name].urls:
                raise NotFound(
                    f"`{self.name}` has no `{name[0]}`, which `{manifest.digest}` needs", hint=AGAIN
                )
        self._write(manifest)
        self._keep({digest for digest, _ in below.keys() - lacking})
        about = subject(manifest)
        with self._changing() as entries:
            entries.add(describe(manifest), tag)
            if manifest.is_index:
                entries.absorb(digest for digest, _ in below)
            if about is not None:
                self._list_referrer(entries, about.digest, manifest)

    def _write(self, manifest: Manifest) -> None:
        with self.writer(manifest.digest.partition(":")[0]) as partial:
            partial.write(manifest.raw)
            partial.commit(describe(manifest), durable=True)

    def _list_referrer(self, entries: Entries, digest: str, manifest: Manifest) -> None:
        """Add `manifest` to the index of the fallback tag of `digest`. Needs no retries: `index.json` is locked."""
        index = self.fallback(entries, digest)
        if not lists(index, manifest.digest):
            self._replace_fallback(entries, digest, index, with_referrer(index, manifest))

    def _replace_fallback(
        self, entries: Entries, digest: str, old: Manifest | None, new: Manifest | None
    ) -> None:
        if old is not None:
            entries.remove(old.digest)
        if new is not None:
            self._write(new)
            self._keep(())
            entries.add(describe(new), referrers_tag(digest))

    def _keep(self, digests: Iterable[str]) -> None:
        """fsync the blobs, before `index.json` references them: builders and caches write blobs without fsync."""
        by_algorithm: dict[str, list[str]] = defaultdict(list)
        for algorithm, name in map(split_digest, digests):
            by_algorithm[algorithm].append(name)
        try:
            with self._files.opened("blobs", writing=True) as blobs:
                # The folders' names of new files are synced even where `digests` names none of the files.
                for algorithm in blobs.names():
                    with blobs.folder(algorithm) as folder:
                        for name in by_algorithm[algorithm]:
                            with folder.read(name) as blob:
                                os.fsync(blob.fileno())
                        folder.sync()
        except BROKEN as error:
            raise broken(f"`{self.name}`", error) from error

    def check_push(self) -> None:
        """Raise `RegistryError` unless the folder can be written, and as `require_clear`."""
        refused = self._unwritable()
        if refused is not None:
            raise RegistryError(f"`{self.name}` cannot be written", hint=f"check the rights of `{refused}`")

    def require_clear(self) -> None:
        """Raise `RefusedError` for a symlink, `RegistryError` for a file where the layout or a folder of it belongs."""
        self._unwritable()

    def _unwritable(self) -> str | None:
        try:
            return self._files.unwritable()
        except BROKEN as error:
            raise broken(f"`{self.name}` cannot be written", error) from error

    def delete_tag(self, tag: str) -> None:
        """Remove the tag. The manifest stays reachable by its digest. Raises `NotFound` if there is no such tag."""
        require_tag(tag)
        if self.resolve(tag) is None:
            raise NotFound(f"`{self.name}` has no tag `{tag}`", hint=self._tag_hint())
        with self._changing() as entries:
            entries.untag(tag)

    def delete_manifest(self, digest: str) -> None:
        """Remove the manifest and all its tags; its blobs stay. Raises `NotFound` if there is no such manifest."""
        if self.resolve(require_digest(digest)) is None:
            raise NotFound(
                f"`{self.name}` has no `{digest}`",
                hint=f"`shipmark image inspect {self.name}` shows what it holds",
            )
        try:
            self._files.require_blob_file(digest)
            about = self._subject_of(digest)
            with self._changing() as entries:
                entries.remove(digest)
                listed = self.fallback(entries, about) if about is not None else None
                if about is not None and listed is not None and lists(listed, digest):
                    self._replace_fallback(entries, about, listed, without_referrer(listed, digest))
            self._files.remove_blob(digest)
        except BROKEN as error:
            raise broken(f"`{digest}` of `{self.name}` cannot be removed", error) from error

    def _subject_of(self, digest: str) -> str | None:
        found = self.resolve(digest)
        manifest = self._readable(found) if found is not None else None
        about = subject(manifest) if manifest is not None else None
        return about.digest if about is not None else None

    def entries(self) -> Entries:
        """The current entries of `index.json`; none if the layout does not exist."""
        try:
            with self._files.opened() as folder, folder.read("index.json") as stream:
                raw = read_limited(stream, os.path.join(self.path, "index.json"), LAYOUT_INDEX_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            return Entries({**EMPTY_INDEX, "manifests": []})
        except BROKEN as error:
            raise broken(f"`{self.name}` cannot be read", error) from error
        return read_entries(raw, self.name)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Entries]:
        """Lock the layout and yield the entries of `index.json`; write them when the body ends without an error."""
        with self._making() as folder:
            try:
                with folder.read("oci-layout") as lock:
                    # Two processes that read, change and replace `index.json` at once would lose one of the changes.
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    entries = self.entries()
                    yield entries
                    self._files.replace_index(folder, entries.encode())
            except BROKEN as error:
                raise broken(f"`{self.name}` cannot be written", error) from error
