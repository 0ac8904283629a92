"""Builds cases of the corpus of Dockerfiles with every builder, and compares the images.

A registry stands in for Docker Hub; the builder `layers` reads a layout with the same busybox image. This image has
what common base images have: the folders on which containers mount, a user, and every command of busybox.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from release.build import Builder, Problem
from release.build.buildah.builder import BuildahBuilder, Ground
from release.build.buildah.images import full_name
from release.build.buildkit.builder import BuildKitBuilder
from release.build.docker.builder import DockerBuilder
from release.build.embedded.bases import StoredBase, find_stored
from release.build.embedded.builder import LayersBuilder
from release.control import Cancel
from release.errors import BuildError
from release.events import NullSink
from release.layout.layout import Layout
from release.oci.image_json import Platform
from release.programs.processes import Processes
from tests.support.conformance import FOLDER
from tests.support.corpus import CONTEXT, Case
from tests.support.programs.environment import scrubbed
from tests.support.registries.images import Image, digest, make_image, make_tar
from tests.support.registries.images import store as store_image
from tests.support.releases.builds import Build, build, build_of
from tests.support.releases.flattened import Flat, differences, flattened
from tests.support.services.buildah import env_of, push
from tests.support.services.buildkit import BuildKitDaemon
from tests.support.services.docker import DockerDaemon
from tests.support.services.required import program
from tests.support.services.web import WebServer

CREATED = 1_700_000_000
ORDER = ("buildkit", "docker", "buildah", "layers")
_SECRET = "TOKEN_OF_THE_CORPUS"


class Outcome(NamedTuple):
    """Result of one builder for a case. `problem`: why the builder cannot build it; `error`: why the build failed."""

    problem: str | None = None
    error: str | None = None
    image: Flat | None = None
    digest: str = ""
    context: str = ""


def exceptions() -> Mapping[tuple[str, str], str]:
    """Return (name of a case, builder) -> the reason for which the image may differ from BuildKit's."""
    rows: list[dict[str, Any]] = json.loads((FOLDER / "corpus" / "exceptions.json").read_bytes())["cases"]
    return {(row["name"], row["builder"]): row["reason"] for row in rows}


class CorpusGround:
    """The services that cases of the corpus need, and the builders.

    `folder`: for projects and stores. `context`: the files that are copied.
    """

    def __init__(self, folder: Path, buildkit: BuildKitDaemon, context: Path = CONTEXT) -> None:
        self.folder = folder
        self._files = context
        self._stack = contextlib.ExitStack()
        registry = buildkit.registry
        image = _busybox()
        push(registry, "library/busybox", "latest", image)
        registry.add_tags("docker/dockerfile", registry.manifest("docker/dockerfile", "1")[0], ["1.7"])
        self._layout = Layout.create(str(folder / "hub"))
        store_image(image, self._layout, "latest")
        served = folder / "served"
        shutil.copytree(CONTEXT, served)
        _make_repository(served)
        self._web = WebServer(served)
        self._stack.callback(self._web.close)
        self.docker_daemon = DockerDaemon(mirror=f"http://{registry.host}")
        self._stack.callback(self.docker_daemon.stop)
        self.values = {
            "{busybox}": image.digest,
            "{url}": self._web.url,
            "{git}": f"{self._web.url}/repository.git",
            "{index_checksum}": digest((CONTEXT / "static/index.html").read_bytes()),
        }
        self._cancel = Cancel()
        self._buildkit = buildkit
        self.hub = registry

    def close(self) -> None:
        """Stop the services that the corpus needs."""
        self._stack.close()

    def builders(self) -> dict[str, Builder]:
        """Return every builder by its name, in the order in which `builder: auto` tries them."""
        process, sink = Processes(self._cancel), NullSink()
        secret = {_SECRET: "hidden"}
        env = {**scrubbed(self.folder), **self._buildkit.env, **secret}
        tools = {**env_of("buildah", self.hub.host, self.folder / "home"), **secret}
        ground = Ground(env=tools, process=process, last=process, sink=sink, cancel=self._cancel)
        return {
            "buildkit": BuildKitBuilder(env, process=process, sink=sink, cancel=self._cancel),
            "docker": DockerBuilder({"DOCKER_HOST": self.docker_daemon.host}, sink=sink, cancel=self._cancel),
            "buildah": BuildahBuilder("buildah", ground),
            "layers": LayersBuilder(sink=sink, cancel=self._cancel, version="1", bases=_Hub(self._layout)),
        }

    def wanted(self, case: Case, builder: str) -> Build:
        """Make a project for a case of the corpus, and return the build to request."""
        root = self.folder / "projects" / case.name
        if not root.exists():
            shutil.copytree(self._files, root, symlinks=True)
        (root / "Dockerfile").write_bytes(case.text(self.values).encode())
        options: dict[str, Any] = {"target": case.target} if case.target else {}
        if "mount-secret" in case.features and builder in ("buildkit", "buildah"):
            options["secrets"] = (f"id=token,env={_SECRET}",)
        return build_of(root, args=case.args, created=CREATED, **options)

    def outcome(self, case: Case, name: str) -> Outcome:
        """Build a case of the corpus with one builder, and return the result."""
        return self.outcome_of(self.wanted(case, name), name)

    def outcome_of(self, wanted: Build, name: str) -> Outcome:
        """Build with one builder, and return the result."""
        builder = self.builders()[name]
        answer = builder.prepare(wanted.task, wanted.values)
        if isinstance(answer, Problem):
            return Outcome(problem=answer.reason)
        answer.close()
        with tempfile.TemporaryDirectory(dir=self.folder) as store:
            try:
                image = build(builder, wanted, Path(store, "store"))
            except BuildError as error:
                return Outcome(error=str(error))
            assert image.context is not None
            found = flattened(Path(store, "store"), image.digest)
            return Outcome(image=found, digest=image.digest, context=image.context.digest)

    def compare(self, case: Case, names: tuple[str, ...] = ORDER) -> dict[str, list[str]]:
        """Return how each builder's image differs from BuildKit's; other builders that cannot build it are left out."""
        return self.compared(lambda name: self.outcome(case, name), names)

    def compare_builds(self, wanted: Build, names: tuple[str, ...] = ORDER) -> dict[str, list[str]]:
        """Compare as `compare`, for any build."""
        return self.compared(lambda name: self.outcome_of(wanted, name), names)

    @staticmethod
    def compared(outcome: Callable[[str], Outcome], names: tuple[str, ...]) -> dict[str, list[str]]:
        """Return how the outcome of each builder differs from BuildKit's."""
        reference = outcome("buildkit")
        found: dict[str, list[str]] = {"buildkit": [reference.error or reference.problem or ""]}
        if reference.image is not None:
            found["buildkit"] = []
        for name in names:
            if name == "buildkit":
                continue
            made = outcome(name)
            if made.problem is not None:
                continue
            if made.image is None or reference.image is None:
                found[name] = (
                    [made.error or "built"] if (made.image is None) != (reference.image is None) else []
                )
                continue
            found[name] = differences(made.image, reference.image)
            if made.context != reference.context:
                found[name].append("another context digest")
        return found

    def add_base(self, name: str, image: Image) -> None:
        """Give all builders a base image of Docker Hub under the tag `latest`."""
        push(self.hub, f"library/{name}", "latest", image)
        store_image(image, self._layout, f"{name}.latest")


class _Hub:
    """Finds base images of Docker Hub in a layout, which has the same busybox image as the registry."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def find(self, name: str, platform: Platform) -> StoredBase:
        image = (full_name(name) or name).removeprefix("docker.io/library/")
        named, at, by_digest = image.partition("@")
        named, _, tag = named.partition(":")
        reference = by_digest if at else tag or "latest"
        if named != "busybox" and not at:
            reference = f"{named}.{reference}"
        return find_stored(name, self._layout, lambda: self._layout.manifest(reference), platform)


def _busybox() -> Image:
    root = _base_root()
    config = {
        "created": "2023-11-14T22:13:20Z",
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(make_tar({})), digest(root)]},
        "history": [{"created_by": "one"}, {"created_by": "two"}],
    }
    return make_image(files={}, layers=(root,), config=json.dumps(config).encode())


def _base_root() -> bytes:
    busybox = Path(program("busybox")).read_bytes()
    listed = subprocess.run([program("busybox"), "--list"], capture_output=True, text=True, check=True).stdout
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, mode in (
            *(
                (name, 0o755)
                for name in ("bin", "dev", "etc", "home", "proc", "run", "sys", "usr", "var", "var/lib")
            ),
            *(
                ("root", 0o700),
                ("tmp", 0o1777),
                ("usr/bin", 0o755),
                ("usr/local", 0o755),
                ("usr/local/bin", 0o755),
            ),
        ):
            archive.addfile(_member(name, tarfile.DIRTYPE, mode))
        for name, text in {
            "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
            "etc/group": "root:x:0:\nnobody:x:65534:\n",
            "etc/hosts": "",
            "etc/hostname": "",
            "etc/resolv.conf": "",
        }.items():
            member = _member(name, tarfile.REGTYPE, 0o644)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
        member = _member("bin/busybox", tarfile.REGTYPE, 0o755)
        member.size = len(busybox)
        archive.addfile(member, io.BytesIO(busybox))
        for name in sorted(set(listed.split()) - {"busybox"}):
            link = _member(f"bin/{name}", tarfile.SYMTYPE, 0o777)
            link.linkname = "busybox"
            archive.addfile(link)
    return buffer.getvalue()


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.mtime = kind, mode, CREATED
    return member


def _make_repository(folder: Path) -> None:
    """Make a bare git repository `repository.git` with the files of the corpus's build context."""
    env = {
        **scrubbed(folder),
        **{
            f"GIT_{who}_{what}": "a@b.example"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    with tempfile.TemporaryDirectory() as work:
        shutil.copytree(CONTEXT, work, dirs_exist_ok=True)
        for command in (
            ["git", "init", "--quiet", "--initial-branch=main"],
            ["git", "add", "--all", "--force"],
            ["git", "commit", "--quiet", "--message=one"],
            ["git", "clone", "--quiet", "--bare", ".", str(folder / "repository.git")],
        ):
            subprocess.run(command, cwd=work, env=env, check=True, capture_output=True)


@contextlib.contextmanager
def corpus_ground(folder: Path, buildkit: BuildKitDaemon, context: Path = CONTEXT) -> Iterator[CorpusGround]:
    """Start the services of the corpus for the body of the `with` statement."""
    ground = CorpusGround(folder, buildkit, context)
    try:
        yield ground
    finally:
        ground.close()
