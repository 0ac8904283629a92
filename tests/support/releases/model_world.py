"""In-memory ports for the runs of the model: a registry, machines with their logs and stores, git.

They are in memory so that tests can try thousands of interleavings and crashes.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any, NoReturn

from release.app.log.open_log import LogContext
from release.app.session import Session
from release.build import BuildTask, BuildValues, BuiltImage, PlatformImage
from release.config.model import LogSection
from release.control import Cancel
from release.errors import NotFound
from release.git.model import RemoteRefs, Snapshot
from release.log import Entry, Head
from release.log.fold import fold
from release.log.state import LogState
from release.log.writer import Writer
from release.oci import Descriptor, Manifest
from release.oci.reference import Reference
from release.plan.evidence import STORE
from release.ports import Completed
from release.tagging.model import TagPolicy
from tests.support.logs.facts import MemoryStore, TickingClock

IMAGE = "registry.example/acme/app"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class Stored:
    """The content of a registry or a local store. `history`: every digest that a tag ever had, in order."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, Manifest] = {}
        self.tags: dict[str, str] = {}
        self.history: dict[str, list[str]] = {}


class Repository:
    """A registry repository or store as one run sees it: `turn` is called before operations on manifests and tags."""

    def __init__(
        self,
        name: str,
        content: Stored,
        turn: Callable[[str], None],
        on_tag: Callable[[str, str], None] = lambda tag, digest: None,
    ) -> None:
        self.name = name
        self._content = content
        self._turn = turn
        self._on_tag = on_tag

    def resolve(self, reference: str) -> Descriptor | None:
        self._turn("ask")
        digest = reference if reference.startswith("sha256:") else self._content.tags.get(reference)
        manifest = self._content.manifests.get(digest or "")
        if manifest is None:
            return None
        return Descriptor(media_type=manifest.media_type, digest=manifest.digest, size=len(manifest.raw))

    def manifest(self, reference: str) -> Manifest:
        found = self.resolve(reference)
        if found is None:
            raise NotFound(f"`{self.name}` has no `{reference}`")
        return self._content.manifests[found.digest]

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        return io.BytesIO(self._content.blobs[descriptor.digest])

    def has_blob(self, descriptor: Descriptor) -> bool:
        return descriptor.digest in self._content.blobs

    def put_blob(
        self, descriptor: Descriptor, reopen: Callable[[], IO[bytes]], *, mount_from: tuple[str, ...] = ()
    ) -> bool:
        if self.has_blob(descriptor):
            return False
        with reopen() as stream:
            self._content.blobs[descriptor.digest] = stream.read()
        return True

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        self._turn(f"put {tag}" if tag else "put")
        self._content.manifests[manifest.digest] = manifest
        if tag is not None:
            self._on_tag(tag, manifest.digest)
            self._content.tags[tag] = manifest.digest
            self._content.history.setdefault(tag, []).append(manifest.digest)

    def tags(self) -> tuple[str, ...]:
        self._turn("ask")
        return tuple(self._content.tags)

    def check_push(self) -> None:
        self._turn("ask")

    def delete_tag(self, tag: str) -> None:
        raise NotImplementedError

    def delete_manifest(self, digest: str) -> None:
        raise NotImplementedError


class Machine:
    """A machine's disk: the version log and the local store."""

    def __init__(self) -> None:
        self.log = MemoryStore()
        self.store = Stored()

    def wipe(self) -> None:
        """Delete the version log and the local store, as a lost disk does."""
        self.log.lines.clear()
        self.__dict__["store"] = Stored()

    @property
    def state(self) -> LogState:
        """Return the state of the machine's version log."""
        return fold(self.log.read())


class _Log:
    """The machine's log as one run sees it: `turn` is called before each append and before `check_writable`."""

    local = True
    name = "the machine's log"

    def __init__(self, store: MemoryStore, turn: Callable[[str], None]) -> None:
        self._store = store
        self._turn = turn

    def head(self) -> Head:
        return self._store.head()

    def read(self, after: int = -1) -> Iterator[Entry]:
        return self._store.read(after)

    def append(self, lines: Sequence[bytes], expected: Head) -> None:
        self._turn("append")
        self._store.append(lines, expected)

    def check_writable(self) -> None:
        self._turn("ask")


class World:
    """`Ports` of one run at the git tag of `version`. `turn` is called before port calls at which a test can stop it.

    `attempt`: the run's name in the log. `before_tag`: called with tag and digest before a tag is put on the registry.
    """

    def __init__(
        self,
        version: str,
        attempt: str,
        machine: Machine,
        registry: Stored,
        turn: Callable[[str], None],
        before_tag: Callable[[str, str], None],
    ) -> None:
        self.clock = TickingClock()
        self.entropy = _Named(attempt)
        self.commit = commit_of(version)
        self._git_tag = f"v{version}"
        self._machine = machine
        self._registry = registry
        self._turn = turn
        self._before_tag = before_tag

    def process(self, cancel: Cancel) -> Any:
        """Return the port to start programs, which answers that the files are those of the commit."""
        del cancel
        return _UnchangedFiles()

    def snapshot(self, session: Session, policy: TagPolicy) -> Snapshot:
        """Return a clone whose HEAD is at the version's git tag, the only tag that it has."""
        del session, policy
        listing = f"{self.commit} refs/tags/{self._git_tag}\n".encode()
        return Snapshot(
            root="", common_dir="", head=self.commit, branch=None, committed_at=0, tag_listing=listing
        )

    def remote_refs(self, session: Session, remote: str) -> RemoteRefs:
        """Return the remote's refs: the version's git tag and no branch, since runs of the model are for git tags."""
        del session
        return RemoteRefs(state="answered", name=remote, tags={self._git_tag: self.commit})

    def registries(self, session: Session) -> World:
        """Return the registries of the model, which have one repository (see `open`)."""
        del session
        return self

    def open(self, target: str) -> Repository:
        """Return the only repository of the model's registry."""
        assert target == IMAGE
        return Repository(target, self._registry, self._turn, self._before_tag)

    def credentials(self) -> NoReturn:
        """Raise an error, since the model has no credentials."""
        raise NotImplementedError

    def rights(self, target: str) -> NoReturn:
        """Raise an error, since the model has no credentials."""
        raise NotImplementedError

    def repositories(self, within: Reference, wanted: Callable[[str], bool]) -> NoReturn:
        """Raise an error, since the model has one repository."""
        raise NotImplementedError

    def layer(self, layer: Descriptor, registry: str | None) -> NoReturn:
        """Raise an error, since no image of the model has layers with `urls`."""
        raise NotImplementedError

    def open_log(
        self, sections: Sequence[LogSection], ground: LogContext, *, budget: float = 120.0
    ) -> Writer:
        """Return a writer of the machine's version log."""
        del sections
        store = _Log(self._machine.log, self._turn)
        return Writer(
            store, clock=ground.clock, cancel=ground.cancel, budget=budget, mask=ground.secrets.mask
        )

    def has_log(self, path: str) -> bool:
        """Return True, since the model always has a version log, possibly an empty one."""
        del path
        return True

    def content_store(self, session: Session) -> MemoryContent:
        """Return the machine's local store as this run reaches it."""
        del session
        return MemoryContent(lambda: Repository(STORE, self._machine.store, self._turn))

    def builders(self, session: Session) -> Mapping[str, Builder]:
        """Return the model's only builder, which is always available."""
        del session
        return {Builder.name: Builder(self.commit, self._machine, self._turn)}

    def presence(self, session: Session) -> World:
        """Return the port that announces living attempts; it does nothing in the model (see `announced`)."""
        del session
        return self

    def announced(self, attempt: str) -> AbstractContextManager[None]:
        """Announce nothing, since the model has no presence files."""
        del attempt
        return nullcontext()

    def is_alive(self, attempt: str) -> None:
        """Return None, since it is not known whether an attempt is alive."""
        del attempt

    def at_exit(self, last: Callable[[], None]) -> None:
        """Ignore the callback: a run of the model is not a process that ends."""


class Builder:
    """Builds into the machine's store; equal commit, labels and platform always give the same image."""

    name = "layers"

    def __init__(self, commit: str, machine: Machine, turn: Callable[[str], None]) -> None:
        self._commit = commit
        self._machine = machine
        self._turn = turn

    def prepare(self, task: BuildTask, values: BuildValues) -> _Build:
        del values
        self._turn("ask")
        return _Build(task.labels, self._commit, self._machine, self._turn)


class _Build:
    builder = Builder.name
    makes_index = False

    def __init__(
        self, labels: Mapping[str, str], commit: str, machine: Machine, turn: Callable[[str], None]
    ) -> None:
        self._labels = dict(labels)
        self._commit = commit
        self._machine = machine
        self._turn = turn

    def close(self) -> None:
        """Do nothing, since the model's builds hold no resources."""

    def build(self, store: str, platform: str | None = None) -> BuiltImage:
        del store
        self._turn("build")
        platform = platform or "linux/amd64"
        content = self._machine.store
        config = json.dumps(
            {
                "os": "linux",
                "architecture": platform.removeprefix("linux/"),
                "config": {"Labels": self._labels},
            }
        ).encode()
        parts = [(_CONFIG, config), (_LAYER, self._commit.encode())]
        described = [{"mediaType": kind, "digest": _digest(raw), "size": len(raw)} for kind, raw in parts]
        raw = json.dumps(
            {"schemaVersion": 2, "mediaType": _MANIFEST, "config": described[0], "layers": described[1:]}
        ).encode()
        content.blobs.update({_digest(part): part for _, part in parts})
        manifest = Manifest(media_type=_MANIFEST, digest=_digest(raw), raw=raw)
        content.manifests[manifest.digest] = manifest
        self._turn("ask")
        only = PlatformImage(platform=platform, digest=manifest.digest, size=len(raw))
        return BuiltImage(digest=manifest.digest, media_type=_MANIFEST, size=len(raw), platforms=(only,))


class MemoryContent:
    """A content store in memory, whose blobs have no modification times."""

    path = ""

    def __init__(self, opened: Callable[[], Repository]) -> None:
        self.open = opened

    def mark_used(self, digest: str) -> None:
        pass


class _Named:
    """Source of random texts that always returns the name of the attempt."""

    def __init__(self, attempt: str) -> None:
        self._attempt = attempt

    def token(self, size: int = 16) -> str:
        del size
        return self._attempt


class _UnchangedFiles:
    def run(self, argv: Sequence[str], **options: Any) -> Completed:
        del options
        assert argv[0] == "git", f"a program is started: {argv}"
        assert "diff" in argv, f"git is asked: {argv}"
        return Completed(code=0, stdout=b"", stderr=b"")


def commit_of(version: str) -> str:
    """Return the commit to which the version's git tag points in the model."""
    return hashlib.sha1(version.encode(), usedforsecurity=False).hexdigest()


def _digest(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"
