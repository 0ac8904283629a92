"""Nested, bare, linked and odd repositories, and names that look like options or commands."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.integration.hostile.rows_faults import imitate
from tests.integration.hostile.scene import CONFIG, REFUSED, Case, Link, Scene
from tests.support.releases.git import GitRepo

_NOT_ENTERED = {"tags": 3, "version": 3, "preview": 3, "run": 3}


def _at(place: str, worktree: str = ".", *, hide: tuple[str, ...] = ()) -> Callable[[Scene], None]:
    """Imitate a repository at `place`, in which the entries `hide` are symlinks to files beside `place`."""

    def make(scene: Scene) -> None:
        imitate(scene, scene.repo.path / place, worktree=worktree)
        for name in hide:
            shutil.move(scene.repo.path / place / name, scene.repo.path / f"{place}-{name}")
            os.symlink(f"../{Path(place).name}-{name}", scene.repo.path / place / name)

    return make


def _at_the_top(scene: Scene) -> None:
    imitate(scene, scene.folder / "bare")
    for path in (scene.folder / "bare").iterdir():
        if not (scene.repo.path / path.name).exists():
            path.rename(scene.repo.path / path.name)
    shutil.rmtree(scene.folder / "bare")


def _pointer(scene: Scene) -> None:
    """Write a `.git` file, as an artifact may bring it, that points to a tracked repository."""
    module = scene.clone / "module"
    module.mkdir(exist_ok=True)
    scene.write(module, {".gitattributes": "* filter=x\n", "file": "2\n", ".git": "gitdir: ../vendor/lib\n"})


def _linked_pointer(scene: Scene) -> None:
    module = scene.clone / "module"
    module.mkdir(exist_ok=True)
    scene.write(module, {".gitattributes": "* filter=x\n", "file": "2\n", ".git": Link("../vendor/lib")})


def _second_checkout(scene: Scene) -> None:
    """Make a whole second repository, as an artifact may bring it, with hooks that spring the trap."""
    second = GitRepo(scene.clone / "second", home=scene.home)
    second.commit("one", {"file": "1\n"})
    second.tag("v3.0.0")
    hooks = second.path / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-index-change", "pre-push"):
        (hooks / name).symlink_to(scene.trap)
    for key in (
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "diff.external",
        "gpg.program",
        "alias.status",
    ):
        second.git("config", key, str(scene.trap))
    second.git("config", "log.showSignature", "true")


def _husky(scene: Scene) -> None:
    scene.repo.git("-C", str(scene.clone), "config", "core.hooksPath", ".husky")


def _submodule(scene: Scene) -> None:
    """Add a submodule without a checkout, whose URL and `update` setting run commands."""
    scene.repo.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    scene.write(
        scene.repo.path,
        {
            ".gitmodules": '[submodule "sub"]\n\tpath = sub\n\turl = ext::@TRAP@ %S\n'
            "\tupdate = !@TRAP@\n\tignore = none\n"
        },
    )
    (scene.repo.path / "sub").mkdir()


def _odd_names(scene: Scene) -> None:
    for name in ("v1.4.3;touch-x", "v$(@TRAP@)", "v1.4.2`id`", "v1.4.2-$IFS", "%s%n", "v2.0.0-::pwn::x"):
        scene.repo.git("tag", scene.filled(name), check=False)
    for name in ("$(touch-x)", "a;b", "::pwn::x", "latest", "1.4"):
        scene.repo.git("branch", name, check=False)


def _imports(scene: Scene) -> None:
    code = f"import os\nos.system({str(scene.trap)!r})\n"
    names = (
        "release/__init__",
        "ci/__init__",
        "sitecustomize",
        "usercustomize",
        "click/__init__",
        "yaml",
        "msgspec",
        "git",
        "alembic/env",
    )
    scene.write(scene.repo.path, {f"{name}.py": code for name in names})


def _programs(scene: Scene) -> None:
    files = dict.fromkeys(
        ("git", "docker", "shipmark", "docker-credential-x", "ssh", "python"), f"#!/bin/sh\n{scene.trap}\n"
    )
    scene.write(scene.repo.path, files)
    for name in files:
        (scene.repo.path / name).chmod(0o755)


def _broken_git(scene: Scene) -> None:
    (scene.clone / "sub" / ".git").mkdir(parents=True)
    scene.write(scene.clone, {"sub/shipmark.yml": "image: '@LISTENER@/wrong'\n"})


CASES = (
    Case("bare-below-refs", make=_at("vendor/lib"), inside="vendor/lib/refs/heads", codes=_NOT_ENTERED),
    Case(
        "bare-of-two-parts",
        make=_at("vendor/lib", hide=("objects",)),
        inside="vendor/lib",
        codes=_NOT_ENTERED,
    ),
    Case("bare-as-the-neighbour", make=_at("vendor/lib"), codes={"tags": 0, "version": 0, "preview": 0}),
    Case("bare-called-dot-git-alike", make=_at("app.git"), inside="app.git", codes=_NOT_ENTERED),
    Case("bare-at-the-top", make=_at_the_top, codes={"tags": 0, "version": 0}),
    Case("bare-for-a-fork", make=_at("lib"), inside="lib", fork=True, codes=_NOT_ENTERED),
    Case(
        "pointer-to-tracked-files",
        make=_at("vendor/lib", "../../module"),
        after=_pointer,
        inside="module",
        codes=_NOT_ENTERED,
    ),
    Case(
        "linked-pointer-to-tracked-files",
        make=_at("vendor/lib", "../../module"),
        after=_linked_pointer,
        inside="module",
        codes=_NOT_ENTERED,
    ),
    Case(
        "second-checkout",
        after=_second_checkout,
        inside="second",
        env={"GITHUB_ACTIONS": "", "CI": ""},
        options={"run": ("--image", "oci:@WORK@/dist/image")},
        codes={"version": 0},
    ),
    Case(
        "tracked-hooks",
        files={f".husky/{name}": "#!/bin/sh\n@TRAP@\n" for name in ("reference-transaction", "pre-push")},
        after=_husky,
        codes={"run": 0},
    ),
    Case("submodule-that-is-a-command", make=_submodule),
    Case("names-that-are-commands", make=_odd_names, codes={"tags": 0, "run": 0}),
    Case("modules-to-import", make=_imports, codes={"tags": 0, "run": 0}),
    Case("programs-by-name", make=_programs, codes={"tags": 0, "run": 0}),
    Case("broken-git-below", after=_broken_git, inside="sub", codes={"tags": 0}),
    Case(
        "log-remote-ext",
        config=CONFIG + "log: {store: git, remote: 'ext::@TRAP@ %S'}\n",
        codes={"log list": 2, "run": 2},
    ),
    Case(
        "log-remote-option",
        config=CONFIG + "log: {store: git, remote: '--upload-pack=@TRAP@'}\n",
        codes={"log list": 2, "run": 2},
    ),
    Case(
        "log-remote-in-the-workspace",
        make=_at("bare"),
        config=CONFIG + "log: {store: git, remote: '@WORK@/bare'}\n",
        codes={"log list": 2, "run": 2},
    ),
    Case(
        "log-ref-option",
        config=CONFIG + "log: {store: git, ref: '--upload-pack=@TRAP@'}\n",
        codes={"log list": 2, "run": 2},
    ),
    Case(
        "log-ref-refspec",
        config=CONFIG + "log: {store: git, ref: 'refs/a:refs/heads/main'}\n",
        codes={"log list": 2, "run": 2},
    ),
    Case(
        "log-remote-listener",
        config=CONFIG + "log: {store: git, remote: 'http://@LISTENER@/x.git'}\n",
        env={"SHIPMARK_LOG_TOKEN": ""},
        codes={"preview": 1, "run": 1, "log list": 1},
    ),
    Case("prefix-option", config=CONFIG + "prefix: '--upload-pack=@TRAP@'\n", codes={"tags": 2, "run": 2}),
    Case(
        "attributes-with-filters",
        files={".gitattributes": "* filter=x diff=x\nother working-tree-encoding=UTF-16\n"},
    ),
    Case(
        "docker-config-in-the-workspace",
        files={".docker/config.json": '{"credsStore": "x"}', "config.json": '{"credsStore": "x"}'},
    ),
    Case(
        "environment-file",
        files={
            ".env": "DOCKER_CONFIG=.\nSHIPMARK_CONFIG=evil.yml\n",
            "alembic.ini": "[alembic]\nscript_location = .\n",
        },
    ),
    Case(
        "unmarked-tracked-log", files={".shipmark/log.jsonl": '{"kind":"planned"}\n'}, codes={"run": REFUSED}
    ),
)
