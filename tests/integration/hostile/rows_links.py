"""A symlink in each place that shipmark writes, deletes or reads."""

from __future__ import annotations

import gzip
import os

from tests.integration.hostile.rows_faults import write_layout
from tests.integration.hostile.scene import CONFIG, REFUSED, Case, Link, Scene, secret_of

#: Written: each name is a symlink to a file or folder of the neighbour.
_FOLDERS = (
    ".shipmark",
    ".shipmark/cache",
    ".shipmark/runs",
    "dist",
    "dist/image",
    "dist/image/blobs",
    "dist/image/blobs/sha256",
    "dist/image/cache",
)
_FILES = (
    ".shipmark/.gitignore",
    ".shipmark/log.jsonl",
    ".shipmark/log.jsonl.lock",
    ".shipmark/log.jsonl.idx",
    ".shipmark/log.jsonl.torn",
    "dist/image/index.json",
    "dist/image/oci-layout",
    "dist/image/index.json.lock",
    "dist/image/.lock",
)

#: Read: whatever they lead to must not stop us, fill the memory, or come out again.
_READ = {
    "config": ("shipmark.yml", "@VICTIM@/bashrc"),
    "config-of-the-system": ("shipmark.yml", "/proc/self/environ"),
    "dockerfile": ("Dockerfile", "@VICTIM@/bashrc"),
    "endless-dockerfile": ("Dockerfile", "/dev/zero"),
    "ignore-file": (".dockerignore", "/dev/zero"),
    "ignore-file-of-a-dockerfile": ("Dockerfile.dockerignore", "/proc/kmsg"),
    "layout-index": ("layout/index.json", "/dev/zero"),
    "layout": ("layout", "@VICTIM@/image"),
    "attributes": (".gitattributes", "/dev/zero"),
}


def _copied_secret(scene: Scene) -> None:
    blobs = scene.clone / "dist" / "image" / "blobs" / "sha256"
    if blobs.resolve() != blobs or not blobs.is_dir():
        return  # a link of the case itself: nothing was written there, which the snapshot proves
    for path in blobs.iterdir():
        raw = path.read_bytes()
        plain = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        assert secret_of("FILE").encode() not in plain, "a file outside the workspace is in the image"


def _layout_of_links(scene: Scene) -> None:
    folder = scene.repo.path / "layout"
    write_layout(folder, "1.0")
    for blob in (folder / "blobs" / "sha256").iterdir():
        blob.unlink()
        blob.symlink_to("/dev/zero")


def _pipe_for(name: str) -> Case:
    def make(scene: Scene) -> None:
        path = scene.clone / name
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)

    return Case(f"pipe-{name.replace('/', '-')}", after=make)


CASES = (
    *(
        Case(
            f"link-folder-{name.replace('/', '-')}",
            files={name: Link("@VICTIM@")},
            codes={"run": REFUSED} if name.startswith(".shipmark") else {},
            check=_copied_secret,
        )
        for name in _FOLDERS
    ),
    *(
        Case(
            f"link-file-{name.replace('/', '-')}",
            files={name: Link("@VICTIM@/log.jsonl")},
            codes={"run": REFUSED} if name.startswith(".shipmark") else {},
        )
        for name in _FILES
    ),
    *(
        Case(
            f"link-read-{name}",
            files={path: Link(target)},
            check=_copied_secret,
            config=None if path == "shipmark.yml" else CONFIG,
        )
        for name, (path, target) in _READ.items()
    ),
    Case(
        "link-dangling-log", files={".shipmark/log.jsonl": Link("@VICTIM@/not-yet")}, codes={"run": REFUSED}
    ),
    Case("link-log-path", files={"logs": Link("@VICTIM@")}, config=CONFIG + "log: {path: logs/log.jsonl}\n"),
    Case(
        "link-log-database",
        files={"log.db": Link("@VICTIM@/db")},
        config=CONFIG + "log: {store: sql, url: 'sqlite:///log.db'}\n",
        codes=dict.fromkeys(("preview", "run", "log list"), (1, 2, 6)),
    ),
    Case(
        "link-context",
        files={"app": Link("@VICTIM@")},
        config="image: oci:dist/image\nbuild: {builder: layers, context: app}\n",
        check=_copied_secret,
    ),
    Case(
        "context-outside",
        config="image: oci:dist/image\nbuild: {builder: layers, context: ../victim}\n",
        check=_copied_secret,
    ),
    Case(
        "dockerfile-outside",
        config="image: oci:dist/image\nbuild: {builder: layers, dockerfile: ../victim/bashrc}\n",
        check=_copied_secret,
    ),
    Case("layout-outside", config="image: oci:../victim/image\nbuild: {builder: layers}\n"),
    Case("layout-absolute", config="image: 'oci:@VICTIM@/image'\nbuild: {builder: layers}\n"),
    Case("layout-in-git", config="image: oci:.git/image\nbuild: {builder: layers}\n"),
    Case(
        "copy-of-a-link",
        files={
            "Dockerfile": "FROM scratch\nCOPY hello link /\nCOPY linked/bashrc /b\n",
            "link": Link("@VICTIM@/bashrc"),
            "linked": Link("@VICTIM@"),
        },
        check=_copied_secret,
    ),
    Case(
        "copy-from-above",
        files={"Dockerfile": "FROM scratch\nCOPY ../victim/bashrc /b\n"},
        check=_copied_secret,
    ),
    Case("layout-of-endless-blobs", make=_layout_of_links),
    Case(
        "result-through-a-folder",
        files={"out": Link("@VICTIM@")},
        options={"run": ("--result-file", "@WORK@/out/r.env"), "preview": ("-o", "@WORK@/out/p.json")},
    ),
    Case(
        "hello-is-a-device",
        files={"data": Link("/dev/zero"), "Dockerfile": "FROM scratch\nCOPY data hello /\n"},
    ),
    *(
        _pipe_for(name)
        for name in (
            "shipmark.yml",
            "Dockerfile",
            ".dockerignore",
            ".shipmark/log.jsonl",
            "layout/index.json",
            "hello",
        )
    ),
    Case(
        "dockerfile-is-a-secret-of-a-fork",
        files={"Dockerfile": Link("@VICTIM@/bashrc")},
        fork=True,
        check=_copied_secret,
    ),
)
