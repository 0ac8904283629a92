"""One workspace for each row W1 to W15 of the faults that were found in 0.1.0, with its smallest input."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from release.log import Head
from release.log.chain import head_of, read_line
from release.log.sealing import seal
from tests.integration.hostile.scene import CONFIG, FILES, REFUSED, Case, Link, Scene, secret_of
from tests.support.programs.command import Shipmark
from tests.support.releases.git import GitRepo

#: The log's own server does not answer: 1 by the table of errors, without a trace.
NO_LOG = {"preview": 1, "run": 1, "log list": 1}
FORK_IS_GREEN = {"tags": 0, "version": 0, "preview": 0, "run": 0}


def imitate(scene: Scene, folder: Path, *, worktree: str = ".") -> None:
    """Lay out `folder` like a bare repository, whose config and hooks name the trap wherever git would run a program.

    The scene tracks its files afterwards.
    """
    inner = GitRepo(scene.folder / "inner", home=scene.home)
    inner.commit("inner", {".gitattributes": "* filter=x diff=x\n", "file": "1\n"})
    inner.tag("v9.9.9")
    inner.git("pack-refs", "--all")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("HEAD", "objects", "refs", "index", "packed-refs"):
        (inner.path / ".git" / name).rename(folder / name)
    shutil.rmtree(inner.path)
    for name in ("heads", "tags"):
        (folder / "refs" / name / "keep").write_text("")
    hooks = folder / "hooks"
    hooks.mkdir()
    for name in ("reference-transaction", "post-checkout", "pre-push", "pre-receive", "post-index-change"):
        (hooks / name).symlink_to(scene.trap)
    (folder / "config").write_text(trapped_config(scene, worktree))
    (folder / ".gitattributes").write_text("* filter=x diff=x\n")
    (folder / "file").write_text("2\n")


def trapped_config(scene: Scene, worktree: str) -> str:
    """Return a git config in which every setting that names a program names the trap."""
    trap = scene.trap
    return (
        f"[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = {worktree}\n"
        f"\tfsmonitor = {trap}\n\tsshCommand = {trap}\n\tpager = {trap}\n\teditor = {trap}\n\tgitProxy = {trap}\n"
        f'[filter "x"]\n\tclean = "{trap}; cat"\n\tsmudge = "{trap}; cat"\n'
        f'[diff "x"]\n\ttextconv = {trap}\n\tcommand = {trap}\n[diff]\n\texternal = {trap}\n'
        f"[credential]\n\thelper = {trap}\n[gpg]\n\tprogram = {trap}\n[log]\n\tshowSignature = true\n"
        f'[alias]\n\tstatus = !{trap}\n[protocol]\n\tallow = always\n[protocol "ext"]\n\tallow = always\n'
        f'[remote "origin"]\n\turl = ext::{trap} %S\n\tuploadpack = {trap}\n\treceivepack = {trap}\n'
        f'[remote "log"]\n\turl = {scene.folder}/author\n\tuploadpack = {trap}\n\treceivepack = {trap}\n'
    )


def _log_git(scene: Scene) -> None:
    imitate(scene, scene.repo.path / ".shipmark" / "cache" / "log.git")


def _log_git_elsewhere(scene: Scene) -> None:
    folder = scene.repo.path / ".shipmark" / "cache" / "log.git"
    imitate(scene, folder)
    with (folder / "config").open("a") as file:
        file.write(f'[url "ext::{scene.trap} "]\n\tinsteadOf = file://\n')


def _embedded(scene: Scene) -> None:
    imitate(scene, scene.repo.path / "vendor" / "lib")


def _touched(scene: Scene) -> None:
    (scene.clone / "vendor" / "lib" / "file").write_text("3\n")  # git compares its content, by the filter


def _forged_log(scene: Scene) -> None:
    """Write another image into the layout, and a log that gives its digest to the release of HEAD."""
    shipmark = Shipmark(scene.clone, scene.home)
    shipmark("preview", "-o", "plan.json", cwd=scene.clone, env=scene.environment())
    plan = json.loads((scene.clone / "plan.json").read_text())["plan"]["releases"][0]
    (scene.clone / "plan.json").unlink()
    evil = write_layout(scene.clone / "dist" / "image", "9.9.9")
    of = {"release": plan["key"], "project": "oci:dist/image", "commit": scene.repo.head, "attempt": "forged"}
    facts: tuple[dict[str, Any], ...] = (
        {"kind": "planned", **of, "version": "1.4.2", "channel": "release", "inputs": plan["inputs"]},
        {"kind": "built", **of, "via": "build", "image": {"digest": evil}},
    )
    head, lines = Head(), []
    for fact in facts:
        lines.append(seal(fact, head, "2026-01-02T03:04:05.678Z"))
        head = head_of(read_line(lines[-1]))
    scene.write(scene.clone, {".shipmark/log.jsonl": b"".join(one + b"\n" for one in lines)})


def write_layout(folder: Path, version: str) -> str:
    """Write an OCI layout with one image, labelled with another version; return the image's digest."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(value: object) -> dict[str, object]:
        raw = json.dumps(value).encode()
        name = hashlib.sha256(raw).hexdigest()
        (blobs / name).write_bytes(raw)
        return {"digest": f"sha256:{name}", "size": len(raw)}

    labels = {"org.opencontainers.image.version": version, "evil": "yes"}
    image = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    config = put(image) | {"mediaType": "application/vnd.oci.image.config.v1+json"}
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = put({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []}) | {
        "mediaType": kind
    }
    named = manifest | {"annotations": {"org.opencontainers.image.ref.name": version}}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return str(manifest["digest"])


def _released_is_not_the_other(scene: Scene) -> None:
    index = json.loads((scene.clone / "dist" / "image" / "index.json").read_text())
    for manifest in index["manifests"]:
        name = manifest.get("annotations", {}).get("org.opencontainers.image.ref.name")
        body = (
            scene.clone / "dist/image/blobs/sha256" / manifest["digest"].removeprefix("sha256:")
        ).read_bytes()
        config = json.loads(body)["config"]["digest"].removeprefix("sha256:")
        said = (scene.clone / "dist/image/blobs/sha256" / config).read_bytes()
        assert name == "9.9.9" or b'"evil"' not in said, f"`{name}` names the other image"


def _chatty_ssh(scene: Scene) -> None:
    """Make a git remote whose ssh writes 80 kB without a line break, as a hostile server may."""
    script = scene.folder / "ssh"
    script.write_text('#!/bin/sh\nhead -c 80000 /dev/zero | tr "\\0" a >&2\nexit 255\n')
    script.chmod(0o755)
    scene.repo.git("-C", str(scene.clone), "remote", "set-url", "origin", "ssh://git@git.example/acme/app")


ESCAPES = "::pwn::x\r::pwn::\r\n##[pwn]x\n##vso[pwn.x]y\x1b]0;x\x07\x1b[2J\x9b\x00".replace("\x00", "")
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)

#: A host that is reached over plain http through the listener; its old variable is that of `registry.example.com`.
TWIN = "images: [{image: registry-example.com/x, insecure: true}]\nbuild: {builder: layers}\n"

CASES = (
    Case("W1-tracked-log-repository", config=CONFIG + "log: {store: git}\n", make=_log_git),
    Case("W1-ext-instead-of", config=CONFIG + "log: {store: git}\n", make=_log_git_elsewhere),
    Case(
        "W2-bare-repository-in-the-work-tree",
        make=_embedded,
        after=_touched,
        inside="vendor/lib",
        codes={"tags": 3, "version": 3, "preview": 3, "run": 3},
        says={"tags": "never enters one"},
    ),
    Case(
        "W3-twin-of-a-host",
        # The real host is asked directly, and does not exist here; the twin answers by the proxy.
        config="images: [{image: registry.example.com/x}, {image: registry-example.com/x, insecure: true}]\n",
        env={
            "SHIPMARK_REGISTRY_REGISTRY_EXAMPLE_COM_TOKEN": secret_of("EXTRA"),
            "HTTP_PROXY": "http://@LISTENER@",
            "HTTPS_PROXY": "http://@LISTENER@",
            "NO_PROXY": "registry.example.com",
        },
        codes={"tags": 0, "preview": 5, "run": 5},
        says={"run": "is not used for `registry-example.com`"},
    ),
    Case(
        "W4-secret-in-an-image-name",
        config="image: '@LISTENER@/x/${SUPERSECRET}'\nbuild: {builder: layers}\n",
        codes={"preview": 2, "run": 2, "tags": 2},
        says={"preview": "SUPERSECRET"},
    ),
    Case("W4-secret-in-a-forks-image-name", config="image: '@LISTENER@/x/${SUPERSECRET}'\n", fork=True),
    Case(
        "W4-secret-in-a-log-url",
        config=CONFIG + "log: {store: sql, url: 'postgresql://u@@LISTENER@/${SUPERSECRET}'}\n",
        codes={"preview": 2, "run": 2, "log list": 2},
    ),
    Case(
        "W4-secret-in-a-forks-log-url",
        config=CONFIG + "log: {store: sql, url: 'postgresql://u:${PGPASSWORD}@@LISTENER@/${SUPERSECRET}'}\n",
        fork=True,
        codes=FORK_IS_GREEN,
    ),
    Case(
        "W4-insecure",
        config="images: [{image: ghcr.io/acme/app, insecure: true}]\n",
        fork=True,
        env={"HTTP_PROXY": "http://@LISTENER@", "HTTPS_PROXY": "http://@LISTENER@"},
    ),
    Case(
        "W5-forged-log", after=_forged_log, says={"run": "is another image"}, check=_released_is_not_the_other
    ),
    Case("W6-symlinked-runs", files={".shipmark/runs": Link("../../victim")}, codes={"run": REFUSED}),
    Case(
        "W7-poisoned-codec-memory",
        files={
            f".shipmark/cache/images/cache/{codec}/sha256-{'a' * 64}": "sha256:" + "b" * 64
            for codec in ("gzip", "zstd", "gzip-reproducible")
        },
        codes={"run": REFUSED},
    ),
    Case(
        "W8-text-that-starts-commands",
        options={"tags": ("--json",), "version": ("--format", "labels")},
        config=CONFIG + f"labels: {json.dumps({'a': ESCAPES})}\nannotations: {json.dumps({'b': ESCAPES})}\n",
        env={"GITHUB_ACTOR": ESCAPES, "GITHUB_JOB": ESCAPES},
        make=lambda scene: scene.repo.git("commit", "--quiet", "--allow-empty", f"--message={ESCAPES}"),
    ),
    Case(
        "W9-outputs-are-symlinks",
        files={"plan.json": Link("@VICTIM@/bashrc"), "result.env": Link("@VICTIM@/sub/file")},
        options={"preview": ("-o", "@WORK@/plan.json"), "run": ("--result-file", "@WORK@/result.env")},
        codes={"preview": REFUSED},
    ),
    Case("W10-log-is-another-file", config=CONFIG + "log: {path: ../victim/bashrc}\n"),
    Case(
        "W11-patterns-that-backtrack",
        files={".dockerignore": "*a*a*a*a*a*a*a*a*a*a*b\n", "a" * 120: "x"},
        config=CONFIG + "tags:\n  - type=match,pattern=(a+)+b\n",
    ),
    Case(
        "W11-match-rule-on-a-long-tag",
        config=CONFIG + "tags:\n  - 'type=match,pattern=(a|a)*b'\n",
        make=lambda scene: scene.repo.git("tag", "--force", "a" * 120, check=False),
    ),
    Case("W12-alias-bomb", config=BOMB + "image: oci:dist/image\n", codes={"preview": 2, "run": 2}),
    Case("W12-deep-list", config="tags: " + "[" * 100_000, codes={"preview": 2, "run": 2}),
    Case(
        "W12-deep-map",
        config="".join(" " * n + "a:\n" for n in range(900)),
        codes={"preview": 2, "run": 2},
    ),
    Case("W12-endless-file", config=Link("/dev/zero"), codes={"preview": 2, "run": 2}),
    Case("W12-rule-that-is-a-map", config=CONFIG + "tags: [{x: [1]}]\n", codes={"preview": 2, "run": 2}),
    Case(
        "W13-password-with-an-at-sign",
        config=CONFIG + "log: {store: sql}\n",
        env={"SHIPMARK_LOG_URL": f"postgresql://rel:a@{secret_of('EXTRA')}@127.0.0.1:1/x"},
        codes=NO_LOG,
    ),
    Case(
        "W14-secret-build-argument",
        config="image: oci:dist/image\nbuild: {builder: layers, args: {NPM_TOKEN: x}}\n",
        files={"Dockerfile": FILES["Dockerfile"] + "ARG NPM_TOKEN\n"},
        says={"run": "NPM_TOKEN"},
    ),
    Case(
        "W15-long-message-of-a-remote",
        config=CONFIG + "log: {store: git}\n",
        env={"GIT_SSH_COMMAND": "@SSH@"},
        after=_chatty_ssh,
        codes=NO_LOG,
    ),
)
