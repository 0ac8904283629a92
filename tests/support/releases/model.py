"""A registry, machines with their logs and stores, and runs that move one port call at a time.

In memory, so that thousands of interleavings and crashes can be tried. The planner, the runner, the handlers, the
guard and the log's writer are the real ones; what is modelled is what they touch.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

from ci.context import CiContext
from release.app.handlers import StepPorts, handlers
from release.app.releases import known
from release.app.releases.attempt_end import ending_facts
from release.app.releases.gather import recorded_in
from release.build import BuiltImage, PlatformImage
from release.build.auto import Choice
from release.build_spec import BuildSpec
from release.control import Cancel
from release.effects.tag_reader import TagReader
from release.effects.watch import GitBranches
from release.errors import Interrupted, NotFound, ReleaseError
from release.events import NullSink
from release.facts import reconcile
from release.git.model import Snapshot
from release.handler import Handlers
from release.log import Entry, Head
from release.log.fold import fold
from release.log.state import LogState
from release.log.writer import Writer
from release.oci import Descriptor, Manifest
from release.plan.evidence import STORE, ContentSource
from release.plan.inputs import inputs_label
from release.plan.model import Bindings
from release.plan.release import plan_release, release_key
from release.plan.release_input import ReleaseInput, Target
from release.runner import Report, Runner
from release.tagging.decide import decide
from release.tagging.labels import INPUTS, REVISION, VERSION
from release.tagging.model import (
    Decision,
    HeldTags,
    KnownFrom,
    KnownReleases,
    TagPolicy,
)
from tests.support.logs.facts import MemoryStore, TickingClock

IMAGE = "registry.example/acme/app"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_INPUTS = inputs_label(BuildSpec(), {})
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class Dead(Interrupted):
    """The process was killed: it does and learns nothing any more."""


class Stored:
    """What a registry or a local store holds. `history`: every digest that a tag ever had, in order."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, Manifest] = {}
        self.tags: dict[str, str] = {}
        self.history: dict[str, list[str]] = {}


class Repository:
    """A view of `content` by one run: `turn` is called before each question and each change."""

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
    """A disk: its version log, and its local store."""

    def __init__(self) -> None:
        self.log = MemoryStore()
        self.store = Stored()

    def wipe(self) -> None:
        """The disk is gone."""
        self.log.lines.clear()
        self.__dict__["store"] = Stored()

    @property
    def state(self) -> LogState:
        """The log, verified and folded."""
        return fold(self.log.read())


class _Log:
    """The machine's log as one run reaches it: each append is a turn."""

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


class Run:
    """One `shipmark run` for `version` on `machine`, in a thread that moves only when it is told to."""

    name = "layers"  # the builder that it is

    def __init__(self, number: int, version: str, machine: Machine, registry: Stored) -> None:
        self.version = version
        self.machine = machine
        self.commit = hashlib.sha1(version.encode(), usedforsecurity=False).hexdigest()
        self.report: Report | None = None
        self.failure: BaseException | None = None
        self._registry = registry
        self._attempt = f"attempt-{number}"
        self._turns = threading.Condition()
        self._granted = self._parked = self._ended = self._dead = False
        self._next = ""  # what it does when it may move
        self._clock = TickingClock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def key(self) -> str:
        """The release key."""
        return release_key("acme/app", self.commit, self.version)

    @property
    def ended(self) -> bool:
        """Whether it came to its end, or was killed."""
        with self._turns:
            return self._ended

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs, and for a killed one."""
        if self.report is None:
            return None
        return 0 if self.report.error is None else int(self.report.error.exit_code)

    def advance(self, calls: int) -> None:
        """Let it make that many port calls."""
        for _ in range(calls):
            with self._turns:
                self._await(lambda: self._parked or self._ended)
                if self._ended:
                    return
                self._granted = True
                self._parked = False
                self._turns.notify_all()
                self._await(lambda: self._parked or self._ended)

    def advance_to(self, what: str) -> None:
        """Let it run until it is about to do something that starts with `what`, or to its end."""
        while True:
            self.advance(1)
            with self._turns:
                if self._ended or self._next.startswith(what):
                    return

    def finish(self) -> None:
        """Let it run to its end."""
        while not self.ended:
            self.advance(50)
        self._thread.join(20)
        if self.failure is not None:
            raise self.failure

    def kill(self) -> None:
        """SIGKILL, before the port call at which it waits."""
        with self._turns:
            self._await(lambda: self._parked or self._ended)
            self._dead = True
            self._turns.notify_all()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def _await(self, holds: Callable[[], bool]) -> None:
        assert self._turns.wait_for(holds, 20), "a run neither moves nor ends"

    def _turn(self, what: str) -> None:
        with self._turns:
            if not self._dead:
                self._next = what
                self._parked = True
                self._turns.notify_all()
                self._turns.wait_for(lambda: self._granted or self._dead)
                self._granted = False
            if self._dead:
                raise Dead("killed")

    def _run(self) -> None:
        try:
            self._release()
        except Dead:
            pass
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            self.failure = error
        finally:
            with self._turns:
                self._ended = True
                self._turns.notify_all()

    def _release(self) -> None:
        self._turn("ask")
        log = Writer(_Log(self.machine.log, self._turn), clock=self._clock, cancel=Cancel())
        context = {"attempt": self._attempt, "tools": {"shipmark": "0"}}
        try:
            plan = plan_release([self._subject(log)])
        except Dead:
            raise
        except ReleaseError as error:
            self.report = Report(plan=plan_release([]), outcomes=(), bindings=Bindings(), error=error)
            return
        runner = Runner(self._handlers(context, log), clock=self._clock, sink=NullSink(), cancel=Cancel())
        report = runner.execute(plan)
        if report.error is not None:
            facts = ending_facts(report.plan, report.outcomes, report.error, context)
            if facts:
                log.append(facts)
        self._turn("ask")
        self.report = report

    # The ports that this run is itself: the registries, the builder.

    def open(self, target: str) -> Repository:
        """The only repository there is."""
        return Repository(target, self._registry, self._turn, self._planned_before)

    def place(self, name: str) -> Repository:
        """A place of a plan: the machine's store, or the registry."""
        return self.store.open() if name == STORE else self.open(name)

    @property
    def store(self) -> MemoryContent:
        """The machine's store as this run reaches it."""
        return MemoryContent(lambda: Repository(STORE, self.machine.store, self._turn))

    builder = "layers"

    def close(self) -> None:
        """Nothing is held."""

    def build(self, store: str) -> BuiltImage:
        """One image for each commit and version, always the same."""
        self._turn("ask")
        content = self.machine.store
        config = json.dumps(
            {"os": "linux", "architecture": "amd64", "config": {"Labels": self._labels}}
        ).encode()
        parts = [(_CONFIG, config), (_LAYER, self.commit.encode())]
        described = [{"mediaType": kind, "digest": _digest(raw), "size": len(raw)} for kind, raw in parts]
        raw = json.dumps(
            {"schemaVersion": 2, "mediaType": _MANIFEST, "config": described[0], "layers": described[1:]}
        ).encode()
        content.blobs.update({_digest(part): part for _, part in parts})
        manifest = Manifest(media_type=_MANIFEST, digest=_digest(raw), raw=raw)
        content.manifests[manifest.digest] = manifest
        self._turn("ask")
        platform = PlatformImage(platform="linux/amd64", digest=manifest.digest, size=len(raw))
        return BuiltImage(digest=manifest.digest, media_type=_MANIFEST, size=len(raw), platforms=(platform,))

    def _planned_before(self, tag: str, digest: str) -> None:
        """Nothing becomes visible whose plan is not in the log of the run that does it."""
        kinds = [(entry.kind, entry.fields.get("release")) for entry in self.machine.log.read()]
        if ("planned", self.key) not in kinds:
            raise AssertionError(f"{tag} on {digest} without a plan in the log")

    # What gathering does.

    def _subject(self, log: Writer) -> ReleaseInput:
        decision = self._decide(self._known(log))
        names = [tag.name for tag in (*decision.tags, *decision.withheld)]
        repository = self.open(IMAGE)
        held = HeldTags(held=tuple(TagReader().read(repository, IMAGE, name) for name in names))
        recorded = recorded_in(fold(log.entries()), self.key, self.version)
        places = tuple(
            ContentSource(name=name, digest=recorded.digest, image=image)
            for name in (STORE, IMAGE)
            if recorded.digest is not None
            and (image := TagReader().read(self.place(name), name, recorded.digest, every=True)).state
            == "held"
        )
        return ReleaseInput(
            component="app",
            project="acme/app",
            targets=(Target(name=IMAGE),),
            decision=decision,
            build=BuildSpec(builder="layers"),
            committed_at=0,
            held=held,
            recorded=recorded,
            places=places,
        )

    def _decide(self, released: KnownReleases) -> Decision:
        """The decision at the version's git tag, in a clone that has no other."""
        listing = f"{self.commit} refs/tags/v{self.version}\n".encode()
        snapshot = Snapshot(
            root="", common_dir="", head=self.commit, branch=None, committed_at=0, tag_listing=listing
        )
        facts = reconcile(snapshot, CiContext(), 0)
        return decide(facts, TagPolicy(), released, repositories=(IMAGE,), labels=self._labels)

    @property
    def _labels(self) -> dict[str, str]:
        return {REVISION: self.commit, VERSION: self.version, INPUTS: _INPUTS}

    def _known(self, log: Writer) -> KnownReleases:
        released = [(version, commit) for version, commit, _ in fold(log.entries()).released_versions()]
        return known.unite(
            KnownReleases(known_from=KnownFrom(git="complete")),
            known.from_registry_tags(self.open(IMAGE).tags()),
            known.from_log_versions(released),
        )

    def _handlers(self, context: dict[str, Any], log: Writer) -> Handlers:
        ports = StepPorts(
            registries=self,
            log=log,
            store=self.store,
            tags=TagReader(),
            branches=GitBranches(_NO_PROCESS, "", {}),
            sink=NullSink(),
            cancel=Cancel(),
        )
        builds = {"app": Choice(prepared=self)}
        return handlers(ports, lambda *where: self._known(log), context=context, builds=builds)


_NO_PROCESS: Any = None  # the model has lines of releases only, and asks git nothing


class MemoryContent:
    """A content store in memory. Its blobs have no times."""

    path = ""

    def __init__(self, opened: Callable[[], Repository]) -> None:
        self.open = opened

    def mark_used(self, digest: str) -> None:
        pass


def _digest(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _rank(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def highest(versions: set[str]) -> dict[str, str]:
    """Which version each moving tag must end on."""
    wanted: dict[str, str] = {}
    for version in sorted(versions, key=_rank):
        major, minor, _ = version.split(".")
        wanted |= {f"{major}.{minor}": version, major: version, "latest": version}
    return wanted
