"""The builders `layers`, `docker` and `buildkit` make equal files and configs of a Dockerfile.

The daemon is the oracle for files and config; `.dockerignore` is applied by docker's own command line.
"""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from release.build import Builder
from release.build.buildkit.builder import BuildKitBuilder
from release.build.context import open_context, walk
from release.build.docker.builder import DockerBuilder
from release.build.embedded.builder import LayersBuilder
from release.control import Cancel
from release.events import NullSink
from release.programs.processes import Processes
from tests.support.programs.environment import scrubbed
from tests.support.registries.oci_schemas import document
from tests.support.releases.builds import build, build_of
from tests.support.services.buildkit import BuildKitDaemon
from tests.support.services.docker import DockerDaemon

FILES = {
    "app": "#!app",
    "README.md": "read me",
    "conf/a.ini": "a",
    "conf/b.ini": "b",
    "conf/deep/c.txt": "c",
    "conf/empty.d/.keep": "",
    "a b/c d": "spaces",
    "ümlaut/ß": "utf-8",
    "root/bin/tool": "tool",
    "root/etc/passwd": "web:x:33:33::/:/bin/sh\nroot:x:0:0::/:/bin/sh\n",
    "root/etc/group": "www:x:55:\nroot:x:0:\n",
    "root/run/here": "",
}
LINKS = {
    "root/bin/sh": "tool",
    "root/var/run": "/run",
    "root/bin/abs": "/bin/tool",
    "alias": "conf/a.ini",
    "dir": "conf",
    # Out of the context, and to nothing in the image: below a copied folder a link stays a link.
    "conf/deep/abroad": "../../../nowhere",
    "conf/nowhere": "/nowhere",
}

DOCKERFILES = {
    "file-to-root": "COPY app /",
    "file-renamed": "COPY app /bin/tool",
    "file-into-folder": "COPY app README.md /opt/x/",
    "folder-content": "COPY conf /etc",
    "folder-and-file": "COPY conf/deep app /x/",
    "several": "COPY conf a* README.md /all/",
    "wildcards": "COPY conf/*.ini /w/\nCOPY conf/[a]?ini /v/\nCOPY co*/deep /u/",
    "spaces": 'COPY ["a b/c d", "/s s/"]\nCOPY "README.md" /q/',
    "non-ascii": "COPY ümlaut /ü/",
    "overwrite": "COPY conf /x\nCOPY app /x/a.ini\nCOPY README.md /x/deep/c.txt",
    "into-existing": "WORKDIR /there\nCOPY app /there",
    "relative": "WORKDIR /a\nWORKDIR b/../c\nCOPY app .\nCOPY app d/\nCOPY app ./e",
    "source-is-a-link": "COPY alias /\nCOPY dir /d/\nCOPY dir/deep /e/",
    "links-stay": "COPY root /\nCOPY app /var/run/x/app",
    "chown": "COPY root /\nCOPY --chown=7 app /1\nCOPY --chown=7:8 conf /2/\nCOPY --chown=web:www app /3",
    "stages": "COPY --chown=5 app /bin/app\nFROM scratch\nCOPY --from=0 /bin /b\nCOPY --from=0 bin/app /c/",
    "stage-on-stage": "COPY app /\nENV A=1\nCMD x\nFROM base\nCOPY README.md /\nENTRYPOINT y",
    "add": "ADD app conf/a.ini /add/\nADD conf /add2",
    "env": 'ENV A=1 B="two words" C=$A\nENV A=2 D=$A-${E:-none}-${A:+set}\nENV old style value\nCOPY app /$D/',
    "env-quotes": 'ENV A=\'$x\' B="\\$y" C=a\\ b D="q\\"q"\nCOPY app /',
    "names": 'ENV A=k\nENV "B"=1 $A=2\nLABEL "$A"=3 l$A=4\nCOPY app /',
    "arg": "ARG A=1\nARG B=$A-2\nENV C=$B\nENV A=env\nENV D=$A\nCOPY app /",
    "epoch": "ARG SOURCE_DATE_EPOCH\nENV E=${SOURCE_DATE_EPOCH:?unset}\nCOPY app /$E",
    "labels": 'LABEL a=b "c d"="e f" g=\'h $x\'\nLABEL a=z\nCOPY app /',
    "ports": "ENV P=90\nEXPOSE 80 53/udp $P 8000-8002/tcp\nCOPY app /",
    "volumes": 'ENV V=v\nVOLUME /a /$V\nVOLUME ["/c d"]\nCOPY app /',
    "user-and-workdir": "ENV U=web\nWORKDIR /w/$U\nUSER $U:www\nWORKDIR .\nCOPY app .",
    "commands": 'ENTRYPOINT ["/app", "$X"]\nCMD a "b" $X\nSTOPSIGNAL SIGQUIT\nCOPY app /',
    "command-then-entrypoint": 'CMD ["a"]\nENTRYPOINT ["b"]\nCOPY app /',
    "shell": 'SHELL ["/bin/ash", "-c"]\nCMD x\nHEALTHCHECK --interval=5s --retries=3 CMD ["/app"]\nCOPY app /',
    "healthcheck-shell": "HEALTHCHECK CMD test -f /x\nCOPY app /",
    "comments": "# one\nCOPY app \\\n# two\n\n   README.md \\\n  /x/",
}


def make(folder: Path) -> Path:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, target in LINKS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.symlink(target, folder / name)
    os.chmod(folder / "app", 0o755)
    os.chmod(folder / "root/bin/tool", 0o755)
    return folder


def built(builder: Builder, root: Path, store: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Build an image, and return the files of its layers and its config."""
    image = build(builder, build_of(root, created=1_700_000_000), store)
    manifest = document(store, image.digest)
    files: dict[str, Any] = {}
    for layer in manifest["layers"]:
        with tarfile.open(store / "blobs" / layer["digest"].replace(":", "/")) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                # Who owns the folders on the way to a file, and their modes, both builders choose freely.
                owner = () if member.isdir() else (member.uid, member.gid, oct(member.mode & 0o7777))
                text = content.read().decode() if content else member.linkname
                files[member.name.rstrip("/")] = (member.type, owner, text)
    return files, _plain(document(store, manifest["config"]["digest"])["config"])


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an image config that a container starts with, without empty ones."""
    kept = {
        "User",
        "WorkingDir",
        "Env",
        "Labels",
        "ExposedPorts",
        "Volumes",
        "StopSignal",
        "Entrypoint",
        "Cmd",
        "Shell",
    }
    return {key: value for key, value in config.items() if value and key in {*kept, "Healthcheck"}}


@pytest.mark.parametrize("name", DOCKERFILES)
def test_builders_layers_and_docker_give_equal_files_and_config(
    name: str, tmp_path: Path, docker_daemon: DockerDaemon
) -> None:
    root = make(tmp_path / "project")
    (root / "Dockerfile").write_text(f"FROM scratch AS base\n{DOCKERFILES[name]}\n")
    docker = DockerBuilder({"DOCKER_HOST": docker_daemon.host}, sink=NullSink(), cancel=Cancel())
    layers = LayersBuilder(sink=NullSink(), cancel=Cancel(), version="1")
    theirs = built(docker, root, tmp_path / "docker")
    ours = built(layers, root, tmp_path / "layers")
    assert ours == theirs


#: BuildKit makes the folder of WORKDIR for its user, who has to stand in /etc/passwd.
NOT_BY_BUILDKIT = {"user-and-workdir"}


@pytest.mark.parametrize("name", sorted(DOCKERFILES.keys() - NOT_BY_BUILDKIT))
def test_builders_buildkit_and_layers_give_equal_files_and_config(
    name: str, tmp_path: Path, buildkit: BuildKitDaemon
) -> None:
    root = make(tmp_path / "project")
    (root / "Dockerfile").write_text(f"FROM scratch AS base\n{DOCKERFILES[name]}\n")
    cancel = Cancel()
    env = {**scrubbed(tmp_path), **buildkit.env}
    builder = BuildKitBuilder(env, process=Processes(cancel), sink=NullSink(), cancel=cancel)
    files, config = built(builder, root, tmp_path / "buildkit")
    if config.get("WorkingDir") == "/":  # the runtime's default, which BuildKit states
        del config["WorkingDir"]
    layers = LayersBuilder(sink=NullSink(), cancel=Cancel(), version="1")
    assert (files, config) == built(layers, root, tmp_path / "layers")


IGNORES = {
    "plain": "README.md\nconf/deep\n",
    "folder-slash": "conf/\n/app\n./alias\n",
    "wildcards": "*.md\n*/*.ini\n**/c.txt\n",
    "double-star": "**\n!conf/**\n",
    "double-star-inside": "conf/**/c.txt\n**/bin\n",
    "exceptions": "*\n!conf\nconf/*.ini\n!conf/b.ini\n",
    "exception-below": "conf\n!conf/deep/c.txt\n",
    "order": "!README.md\n*.md\n",
    "odd": "# comment\n\n   app   \n#app\n!   conf/a.ini\nco?f/a.ini\n[a-c]pp\n",
    "classes": "[^a]*\n!Dockerfile\n",
    "dots": "a.p\nconf/../README.md\n.\n",
    "question": "???\n",
    "escapes": "a\\ b\nREADME\\.md\n",
    "stars": "c**\n***\n!root\n",
    "star-star-name": "**a.ini\n",
    "ends-so": "**.ini\n",
    "exception-without-effect": "conf/*.ini\nconf/deep/c.txt\n!conf\n",
    "deep-exception": "root\n!root/etc\nroot/etc/group\n",
}


@pytest.mark.parametrize("name", IGNORES)
def test_dockerignore_excludes_the_files_that_the_docker_command_excludes(
    name: str, tmp_path: Path, docker_daemon: DockerDaemon
) -> None:
    root = make(tmp_path / "project")
    (root / "Dockerfile").write_text("FROM scratch\nCOPY . /x/\n")
    (root / ".dockerignore").write_text(IGNORES[name])
    tag = f"ignore-test:{name}"
    docker_daemon.docker("build", "--quiet", "--tag", tag, str(root))
    saved = tmp_path / "saved.tar"
    saved.write_bytes(docker_daemon.docker("save", tag).stdout)
    docker_daemon.docker("rmi", tag)
    theirs: set[str] = set()
    with tarfile.open(saved) as archive:
        (entry,) = json.loads(archive.extractfile("manifest.json").read())  # type: ignore[union-attr]  # it is there
        with tarfile.open(fileobj=archive.extractfile(entry["Layers"][0])) as layer:
            theirs = {member.name.removeprefix("x/") for member in layer if not member.isdir()}
    tree = walk(open_context(build_of(root).task))
    ours = {path for path in tree.paths() if (node := tree.get(path)) and node.kind != "dir"}
    assert ours == theirs
