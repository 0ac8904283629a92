"""`layers` on base images, entry by entry against the classic builder: files, folders and settings.

The base is made by the daemon, and pushed to a registry of its own.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from release.build import Builder, BuiltImage
from release.build.assemble import index_of
from release.build.docker.builder import DockerBuilder
from release.build.embedded.builder import LayersBuilder
from release.build.embedded.located_bases import LocatedBases
from release.control import Cancel
from release.errors import BuildError, BuilderUnavailable
from release.events import NullSink, Sink
from release.layout.layout import Layout
from release.oci import Registries
from release.transfer.copy import copy_image
from tests.support.registries.oci_schemas import check_layout, document
from tests.support.registries.registry import RegistryServer
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.builds import build, build_of, problem
from tests.support.services.docker import DockerDaemon

BASE = r"""
FROM busybox:test
RUN mkdir -p /usr/share/app/sub /usr/share/gone /etc /tmp /opt && chmod 1777 /tmp \
 && printf 'root:x:0:0::/:/bin/sh\nweb:x:33:44::/:/bin/sh\n' > /etc/passwd && printf 'www:x:55:\n' > /etc/group \
 && ln -s usr/share /share && ln -s /usr/share/app /app && ln -s /opt /usr/opt \
 && echo old > /usr/share/app/old && ln /usr/share/app/old /usr/share/app/hard && echo x > /usr/share/app/sub/x \
 && mkdir -m 0700 /secret && chown 5:6 /secret && echo file > /usr/share/file && chmod 4755 /usr/share/file
RUN rm -r /usr/share/gone /usr/share/app/sub && mkdir /usr/share/app/sub && echo new > /usr/share/app/sub/y
RUN rm /usr/opt && mkdir /usr/opt && echo z > /usr/opt/z
ENV PATH=/bin:/opt/bin LANG=C
LABEL base=yes
USER web:www
WORKDIR /usr/share/app
EXPOSE 80 53/udp
VOLUME /data
STOPSIGNAL SIGQUIT
SHELL ["/bin/sh", "-e", "-c"]
HEALTHCHECK --interval=5s CMD true
ENTRYPOINT ["/bin/sh"]
CMD ["-c", "id"]
"""
TRIGGERS = """
FROM busybox:test
ONBUILD COPY app /triggered/
ONBUILD ENV TRIGGERED=$PATH
ONBUILD WORKDIR /on
LABEL x=y
"""


class Flat(NamedTuple):
    """The files of an image after all layers, and the settings of its config."""

    files: dict[str, Any]
    settings: dict[str, Any]


class Context:
    """Stand-in for a session, with only the part that `LocatedBases` uses."""

    def __init__(self, folder: Path, env: Mapping[str, str], registries: Registries) -> None:
        self.env = env
        self.directory = self.root = str(folder)
        self.image_store = str(folder.parent / "images")
        self.registries = registries
        self.sink: Sink = NullSink()
        self.cancel = Cancel()

    @property
    def settings(self) -> Context:
        return self


class Ground:
    """A project whose Dockerfile starts from a base image, and the builders `docker` and `layers`."""

    def __init__(
        self, folder: Path, daemon: DockerDaemon, registry: RegistryServer, registries: Registries
    ) -> None:
        self.folder = folder
        self.daemon = daemon
        self.registry = registry
        self.root = make(folder / "project")
        env = {"DOCKER_HOST": daemon.host, "HOME": str(folder)}
        self.context = Context(self.root, env, registries)
        self.docker = DockerBuilder(env, sink=NullSink(), cancel=Cancel())
        self.daemon_images: list[str] = []

    def layers(self, *, daemon: bool = True) -> LayersBuilder:
        bases = LocatedBases(self.context, daemon=daemon)
        return LayersBuilder(sink=NullSink(), cancel=Cancel(), version="1", bases=bases)

    def base(self, dockerfile: str, name: str) -> str:
        """Build a base with the daemon and push it; returns its name in the registry."""
        reference = f"{self.registry.host}/{name}"
        self.daemon.docker("build", "--tag", reference, "-", stdin=dockerfile.encode())
        self.daemon_images.append(reference)
        self.daemon.docker("push", reference)
        return reference

    def write(self, text: str) -> None:
        (self.root / "Dockerfile").write_text(text)

    def build(self, builder: Builder, name: str, **more: Any) -> BuiltImage:
        return build(builder, build_of(self.root, **{"created": 1_700_000_000, **more}), self.folder / name)

    def refusal(self, **more: Any) -> BuildError:
        with pytest.raises(BuildError) as caught:
            self.build(self.layers(), "refused", **more)
        return caught.value

    def flat(self, builder: Builder, name: str) -> Flat:
        return flat(self.folder / name, self.build(builder, name).digest)

    def close(self) -> None:
        if self.daemon_images:
            self.daemon.docker("rmi", *dict.fromkeys(self.daemon_images))


def make(folder: Path) -> Path:
    for name, text in {
        "app": "#!app",
        "conf/a.ini": "a",
        "conf/deep/c.txt": "c",
        "conf/deep/d.md": "d",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    os.chmod(folder / "app", 0o755)
    os.symlink("/usr/share/app/old", folder / "conf/absolute")
    return folder


def flat(store: Path, digest: str) -> Flat:
    """Return the image's files after all layers, whiteouts applied: path -> kind, mode, owner and content."""
    manifest = document(store, digest)
    files: dict[str, Any] = {}
    for layer in manifest["layers"]:
        added: dict[str, Any] = {}
        with tarfile.open(store / "blobs" / layer["digest"].replace(":", "/")) as tar:
            for member in tar:
                path = member.name.strip("/")
                folder, name = posixpath.split(path)
                if name == ".wh..wh..opq":
                    below(files, folder)
                elif name.startswith(".wh."):
                    below(files, posixpath.join(folder, name[4:]))
                    files.pop(posixpath.join(folder, name[4:]), None)
                else:
                    added[path] = entry(tar, member, {**files, **added})
        for path, found in added.items():
            if found[0] != "dir":
                below(files, path)
            files[path] = found
            while path := posixpath.dirname(path):  # layers may leave out the folders on the way
                files.setdefault(path, ("dir", "0o755", 0, 0))
    settings = document(store, manifest["config"]["digest"])["config"]
    ignored = {"Hostname", "Domainname", "Image", "AttachStdin", "AttachStdout", "AttachStderr"}
    return Flat(files, {key: value for key, value in settings.items() if value and key not in ignored})


def below(files: dict[str, Any], folder: str) -> None:
    for path in [path for path in files if path.startswith(f"{folder}/")]:
        del files[path]


def entry(tar: tarfile.TarFile, member: tarfile.TarInfo, known: Mapping[str, Any]) -> tuple[Any, ...]:
    if member.islnk():
        return known[member.linkname.strip("/")]  # type: ignore[no-any-return]  # an entry
    about = (oct(member.mode & 0o7777), member.uid, member.gid)
    if member.isreg():
        content = tar.extractfile(member)
        assert content is not None
        return ("file", *about, hashlib.sha256(content.read()).hexdigest())
    return ("dir", *about) if member.isdir() else ("link", member.uid, member.gid, member.linkname)


@pytest.fixture(scope="session")
def pushed(tmp_path_factory: pytest.TempPathFactory, docker_daemon: DockerDaemon) -> Iterator[RegistryServer]:
    """Give a registry for the base images of the tests in this file."""
    server = RegistryServer(tmp_path_factory.mktemp("bases"))
    yield server
    server.close()


@pytest.fixture
def ground(
    tmp_path: Path,
    docker_daemon: DockerDaemon,
    busybox_image: str,
    pushed: RegistryServer,
    make_targets: TargetsFactory,
) -> Iterator[Ground]:
    made = Ground(tmp_path, docker_daemon, pushed, make_targets())
    yield made
    made.close()


CASES = {
    "nothing": "LABEL x=y",
    "file": "COPY app /bin/app",
    "over a file": "COPY app /usr/share/app/old",
    "through relative link": "COPY app /share/app/new",
    "through absolute link": "COPY conf /app/",
    "into sticky folder": "COPY app /tmp/x",
    "into closed folder": "COPY app /secret/a",
    "new folders": "COPY app /a/b/c/",
    "working dir": "COPY app .",
    "new working dir": "USER root\nWORKDIR new/dir\nCOPY app .",
    "existing working dir": "USER root\nWORKDIR /secret\nCOPY app .",
    "chown by name": "COPY --chown=web:www conf /c/",
    "chown by number": "COPY --chown=7 app /c/",
    "absolute symlink": "COPY conf /y/",
    "environment": "ENV LANG=de X=$LANG-$PATH",
    "labels": "LABEL base=no more=1",
    "entrypoint resets the base's command": 'ENTRYPOINT ["/x"]',
    "command stays behind an entrypoint": 'CMD ["a"]\nENTRYPOINT ["/x"]',
    "command in the base's shell": "CMD x $Y",
    "ports and volumes": "EXPOSE 443\nVOLUME /more",
    "user": "USER root",
    "healthcheck": "HEALTHCHECK --interval=7s CMD false",
    "own shell": 'SHELL ["/bin/ash"]\nCMD x',
    "stop signal": "STOPSIGNAL SIGTERM",
    "archive": "ADD archive.tar.gz /opt/",
}


@pytest.mark.parametrize("name", CASES)
def test_docker_and_layers_make_equal_images_on_a_base(name: str, ground: Ground) -> None:
    base = ground.base(BASE, "base:1")
    shutil.make_archive(str(ground.root / "archive"), "gztar", ground.root / "conf")
    ground.write(f"FROM {base}\n{CASES[name]}\n")
    theirs = ground.flat(ground.docker, "docker")
    ours = ground.flat(ground.layers(), "layers")
    assert ours.files == theirs.files
    assert ours.settings == theirs.settings


COPIES = {
    "folder": "COPY --from=BASE /usr/share /copied/",
    "file": "COPY --from=BASE /usr/share/file /copied",
    "link is followed": "COPY --from=BASE /share/app/old /app /copied/",
    "wildcard": "COPY --from=BASE /usr/share/app/* /copied/",
    "chown": "COPY --from=BASE --chown=7:8 /usr/share/app /copied/",
    "stage": "COPY --from=one /usr/share /copied/",
}


@pytest.mark.parametrize("name", COPIES)
def test_docker_and_layers_copy_equal_files_from_an_image(name: str, ground: Ground) -> None:
    base = ground.base(BASE, "base:1")
    copies = COPIES[name].replace("BASE", base)
    ground.write(f"FROM {base} AS one\nCOPY app /usr/share/app/own\nFROM scratch\nCOPY app /\n{copies}\n")
    assert ground.flat(ground.layers(), "layers").files == ground.flat(ground.docker, "docker").files


def test_onbuild_triggers_of_the_base_are_executed(ground: Ground) -> None:
    base = ground.base(TRIGGERS, "triggers:1")
    ground.write(f"FROM {base}\nCOPY app .\n")
    theirs, ours = ground.flat(ground.docker, "docker"), ground.flat(ground.layers(), "layers")
    assert ours == theirs
    assert "triggered/app" in ours.files


def test_onbuild_triggers_of_the_last_stage_are_kept_in_the_config(ground: Ground) -> None:
    ground.write(
        "FROM scratch AS one\nONBUILD COPY  app \\\n  /on\nONBUILD USER 7\nCOPY app /\nFROM one\nONBUILD ENV X=1\n"
    )
    theirs, ours = ground.flat(ground.docker, "docker"), ground.flat(ground.layers(), "layers")
    assert ours == theirs
    assert ours.settings["OnBuild"] == ["ENV X=1"]


def test_unsupported_onbuild_trigger_of_the_base_is_a_problem(ground: Ground) -> None:
    base = ground.base("FROM busybox:test\nONBUILD RUN true\n", "run:1")
    ground.write(f"ARG X\nFROM {base}\nCOPY app .\n")
    lacking = problem(ground.layers(), build_of(ground.root))
    assert lacking is not None
    assert lacking.kind == "lacks"
    assert lacking.reason == (
        "Dockerfile:2: `ONBUILD RUN true` of the base: the builder `layers` does not support `RUN`"
    )


def test_layers_history_and_labels_of_the_base_image_are_kept(ground: Ground) -> None:
    base = ground.base(BASE, "base:1")
    ground.write(f"FROM {base}\nCOPY app /bin/app\n")
    image = ground.build(ground.layers(), "layers", labels={"own": "1"})
    check_layout(ground.folder / "layers")
    ours = document(ground.folder / "layers", image.digest)
    _, raw = ground.registry.manifest("base", "1")
    theirs = msgspec_json(raw)
    assert [each["digest"] for each in ours["layers"][:-1]] == [each["digest"] for each in theirs["layers"]]
    config = document(ground.folder / "layers", ours["config"]["digest"])
    _, _, base_config = ground.registry.request("GET", f"/v2/base/blobs/{theirs['config']['digest']}")
    history = msgspec_json(base_config)["history"]
    assert config["history"][: len(history)] == history
    assert config["config"]["Labels"] == {"base": "yes", "own": "1"}
    loaded = Layout(str(ground.folder / "layers")).manifest(image.digest)
    assert len(loaded.raw) == image.size


def msgspec_json(raw: bytes) -> Any:
    import json

    return json.loads(raw)


def test_the_same_base_image_from_a_registry_or_a_layout_gives_one_digest(ground: Ground) -> None:
    base = ground.base(BASE, "base:1")
    digest, _ = ground.registry.manifest("base", "1")
    repository = ground.context.registries.open(base.rpartition(":")[0])
    vendored = Layout(str(ground.root / "vendor"))
    copy_image(repository, vendored, digest, sink=NullSink(), cancel=Cancel())
    vendored.put_manifest(vendored.manifest(digest), tag="1")
    digests = set()
    for number, name in enumerate(
        (base, f"{base}@{digest}", "oci:vendor:1", "oci:vendor", f"oci:vendor@{digest}")
    ):
        (ground.root / ".dockerignore").write_text("vendor\n")
        ground.write("ARG BASE\nFROM $BASE\nCOPY app /bin/app\n")
        image = ground.build(ground.layers(), f"store{number}", args={"BASE": name})
        digests.add(image.digest)
    assert len(digests) == 1


def test_base_image_of_the_daemon_is_used_in_trusted_runs_only(ground: Ground) -> None:
    base = ground.base(BASE, "base:1")
    ground.write(f"FROM docker-daemon:{base}\nCOPY app /bin/app\n")
    ours = ground.flat(ground.layers(), "layers")
    ground.write(f"FROM {base}\nCOPY app /bin/app\n")
    assert ours == ground.flat(ground.docker, "docker")
    ground.write(f"FROM docker-daemon:{base}\n")
    untrusted = problem(ground.layers(daemon=False), build_of(ground.root))
    assert untrusted is not None
    assert "is not read in a run that is not trusted" in untrusted.reason
    ground.write("FROM docker-daemon:nobody/knows:1\n")
    assert "Dockerfile:1: " in str(ground.refusal())


def test_base_tag_moved_after_prepare_does_not_change_the_build(ground: Ground) -> None:
    base = ground.base(BASE, "moving:1")
    ground.write(f"FROM {base}\nCOPY app /bin/app\n")
    request = build_of(ground.root)
    prepared = ground.layers().prepare(*request)
    assert not hasattr(prepared, "reason")
    ground.base("FROM busybox:test\nLABEL moved=1\n", "moving:1")
    image = prepared.build(str(ground.folder / "store"))
    config = document(
        ground.folder / "store", document(ground.folder / "store", image.digest)["config"]["digest"]
    )
    assert config["config"]["Labels"] == {"base": "yes"}


class TestPlatforms:
    """The base image for the build's platform is used; without one, the error lists its platforms."""

    def several(self, ground: Ground, *platforms: str) -> str:
        """Push an index with a base for two platforms, or for `platforms`; returns its name."""
        store = Layout(str(ground.folder / "several"))
        children: list[str] = []
        for text in platforms or ("linux/amd64", "linux/arm/v7"):
            ground.write(f"FROM scratch\nCOPY app /bin/app\nLABEL for={text}\n")
            one = build(ground.layers(), build_of(ground.root, platforms=(text,)), store.path)
            children.append(one.digest)
        index = index_of(store, children, {})
        store.put_manifest(index)
        name = f"{ground.registry.host}/several"
        repository = ground.context.registries.open(name)
        copy_image(store, repository, index.digest, sink=NullSink(), cancel=Cancel())
        repository.put_manifest(index, tag="1")
        return f"{name}:1"

    def test_each_platform_is_built_on_the_base_of_its_platform(self, ground: Ground) -> None:
        ground.write(f"FROM {self.several(ground)}\nCOPY app /own\n")
        found = self.bases(ground, "linux/amd64", "linux/arm/v7")
        assert found == {"linux/amd64": "linux/amd64", "linux/arm/v7": "linux/arm/v7"}

    def test_the_best_variant_of_a_base_is_taken_and_no_newer_one(self, ground: Ground) -> None:
        name = self.several(ground, "linux/arm/v5", "linux/arm/v6", "linux/amd64/v3")
        ground.write(f"FROM {name}\nCOPY app /own\n")
        assert self.bases(ground, "linux/arm", "linux/arm/v5") == {
            "linux/arm/v7": "linux/arm/v6",
            "linux/arm/v5": "linux/arm/v5",
        }
        assert "does not exist for `linux/amd64`" in str(ground.refusal(platforms=("linux/amd64",)))

    def bases(self, ground: Ground, *platforms: str) -> dict[str, str]:
        """Build for `platforms`; return the platform of each image's base."""
        image = ground.build(ground.layers(), "layers", platforms=platforms)
        found = {}
        for child in image.platforms:
            config = document(ground.folder / "layers", child.digest)["config"]["digest"]
            found[child.platform] = document(ground.folder / "layers", config)["config"]["Labels"]["for"]
        return found

    def test_error_for_a_base_without_the_platform_lists_its_platforms(self, ground: Ground) -> None:
        name = self.several(ground)
        ground.write(f"FROM {name}\nCOPY app /own\n")
        error = ground.refusal(platforms=("linux/arm64",))
        assert str(error) == f"Dockerfile:1: the base `{name}` does not exist for `linux/arm64`"
        assert str(error.hint).startswith("it exists for `linux/amd64`, `linux/arm/v7`:")

    def test_a_base_image_that_exists_for_one_other_platform_only_is_refused(self, ground: Ground) -> None:
        base = ground.base(BASE, "base:1")
        ground.write(f"FROM {base}\nCOPY app /own\n")
        error = ground.refusal(platforms=("linux/s390x",))
        assert "does not exist for `linux/s390x`" in str(error)
        assert "it exists for `linux/" in str(error.hint)

    def test_an_earlier_stage_may_be_for_another_platform(self, ground: Ground) -> None:
        name = self.several(ground)
        ground.write(
            f"FROM --platform=linux/arm/v7 {name} AS other\nFROM {name}\nCOPY --from=other /bin/app /other\n"
        )
        assert ground.build(ground.layers(), "layers").platforms[0].platform == "linux/amd64"


class TestTrouble:
    """Errors about base images, with the Dockerfile's line and the cause."""

    def test_missing_base_image_is_an_error_with_the_line(self, ground: Ground) -> None:
        name = f"{ground.registry.host}/none:1"
        ground.write(f"FROM scratch AS a\nCOPY app /\nFROM {name}\n")
        error = ground.refusal()
        assert str(error).startswith(f"Dockerfile:3: the base `{name}` cannot be read: ")
        assert not isinstance(error.__cause__, BuilderUnavailable)

    def test_unreachable_registry_of_a_base_is_an_error_with_the_line(self, ground: Ground) -> None:
        ground.write("FROM 127.0.0.1:1/none:1\n")
        lacking = problem(ground.layers(), build_of(ground.root))
        assert lacking is not None
        assert lacking.kind == "unavailable"
        assert lacking.reason.startswith("Dockerfile:1: the base `127.0.0.1:1/none:1` cannot be read: ")

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("STOPSIGNAL $OTHER", "`` is not a signal"),
            ("VOLUME /data $OTHER", "a `VOLUME` is empty"),
            ("ENV A=${OTHER:?needed}", "`OTHER` has no value: needed"),
            ("COPY $OTHER /x", "the builder `layers` does not support the empty source `$OTHER`"),
        ],
    )
    def test_a_variable_that_the_base_does_not_set_is_empty_before_the_build(
        self, ground: Ground, line: str, reason: str
    ) -> None:
        base = ground.base("FROM busybox:test\nENV SIGNAL=SIGINT\n", "variables:1")
        ground.write(
            f"FROM {base}\nSTOPSIGNAL $SIGNAL\nVOLUME $SIGNAL\nENV B=${{SIGNAL:?}}\nCOPY app $SIGNAL\n"
        )
        assert problem(ground.layers(), build_of(ground.root)) is None
        ground.write(f"FROM {base} AS first\nFROM first\n{line}\n")
        lacking = problem(ground.layers(), build_of(ground.root))
        assert lacking is not None
        assert lacking.reason.startswith(f"Dockerfile:3: {reason}")

    @pytest.mark.parametrize("name", ["oci:../outside:1", "oci:/tmp:1", "oci-archive:x.tar", "Upper:1"])
    def test_missing_or_outside_layout_as_a_base_is_an_error(self, ground: Ground, name: str) -> None:
        ground.write(f"FROM {name}\n")
        assert str(ground.refusal()).startswith(f"Dockerfile:1: the base `{name}` ")

    def test_copy_link_through_a_symlink_of_the_base_is_an_error(self, ground: Ground) -> None:
        base = ground.base(BASE, "base:1")
        ground.write(f"FROM {base}\nCOPY --link app /share/app/new\n")
        error = ground.refusal()
        assert str(error).startswith("Dockerfile:2: `--link` to `/share/app/new` leads through a symlink")
        assert "`/usr/share/app/new`" in str(error.hint)

    def test_layers_builder_without_access_to_bases_refuses_a_base_image(self, ground: Ground) -> None:
        ground.write("FROM a/b:1\n")
        lacking = problem(LayersBuilder(sink=NullSink(), cancel=Cancel(), version="1"), build_of(ground.root))
        assert lacking is not None
        assert (lacking.kind, lacking.reason) == (
            "lacks",
            "Dockerfile:1: the builder `layers` reads no base image here (`a/b:1`)",
        )


def test_build_on_a_base_leaves_only_the_image_in_the_store(ground: Ground) -> None:
    base = ground.base(BASE, "base:1")
    ground.write(f"FROM scratch\nCOPY --from={base} /usr/share/app /x/\n")
    ground.build(ground.layers(), "layers")
    names = {path.name for path in (ground.folder / "layers").iterdir()}
    assert names <= {"blobs", "cache", "index.json", "oci-layout"}


NAMED = """\
FROM docker.io/library/base:latest AS one
FROM files
COPY --from=one /usr/share/app /x/
COPY --from=base /usr/share/app /y/
COPY --from=files deep /z/
"""


class TestNamedContexts:
    """Named contexts of the builder `layers`: `build: {contexts: …}`."""

    def test_a_named_context_of_layers_is_a_folder_or_an_image(self, ground: Ground) -> None:
        base = ground.base(BASE, "base:1")
        (ground.root / "conf/absolute").unlink()
        (ground.root / "conf/.dockerignore").write_text("**/d.md\n**/.dockerignore\n")
        ground.write(NAMED)
        named = {"base": f"docker-image://{base}", "files": "conf"}
        found = flat(ground.folder / "layers", ground.build(ground.layers(), "layers", contexts=named).digest)
        ground.write(
            f"FROM scratch\nCOPY conf /\nCOPY --from={base} /usr/share/app /x/\n"
            f"COPY --from={base} /usr/share/app /y/\nCOPY conf/deep /z/\n"
        )
        (ground.root / "conf/.dockerignore").unlink()
        (ground.root / ".dockerignore").write_text("**/d.md\n**/.dockerignore\n")
        assert found.files == ground.flat(ground.layers(), "plain").files
        assert "deep/c.txt" in found.files

    @pytest.mark.parametrize(
        ("named", "reason"),
        [
            ({"more": "../outside"}, "the context `more` (`"),
            (
                {"more": "https://example.org/a.git"},
                "`build: {contexts: …}`: `more` is the address `https://",
            ),
            ({"one": "conf"}, "`build: {contexts: …}`: `one` is a stage of `Dockerfile`"),
            ({"context": "conf"}, "`build: {contexts: …}`: `context` cannot be the name of a context"),
        ],
    )
    def test_a_named_context_that_layers_cannot_use_is_a_problem(
        self, named: dict[str, str], reason: str, ground: Ground
    ) -> None:
        ground.write("FROM scratch AS one\nCOPY app /\nFROM one\nCOPY app /b\n")
        found = problem(ground.layers(), build_of(ground.root, contexts=named))
        assert found is not None
        assert found.reason.startswith(reason)
