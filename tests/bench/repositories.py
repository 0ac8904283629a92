"""Makes git repositories for benchmarks, once below `.bench/`, with the same commits on every machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.support.programs.environment import EPOCH
from tests.support.releases import monorepo
from tests.support.releases.git import GitRepo

#: Part of the folders' names: raise it when the content changes.
EDITION = 1

_WHO = "Ada Tester <ada@example.org>"

#: What the peers want to find in a project.
_PYPROJECT = """\
[build-system]
requires = ["setuptools", "versioningit"]
build-backend = "setuptools.build_meta"

[project]
name = "app"
dynamic = ["version"]

[tool.setuptools_scm]

[tool.versioningit.vcs]
match = ["v*"]

[tool.semantic_release]
commit_parser = "conventional"
"""


def small(folder: Path) -> Path:
    """Return a repository with 30 commits and 10 releases, 3 commits after the last."""
    return _made(folder / f"small-{EDITION}", _fill_small)


def large(folder: Path) -> Path:
    """Return a repository with 200,000 commits, 19,998 tags and 5,000 files, 20 commits after the last tag.

    One commit in twenty is a merge, half of the tags are annotated, one in five is no version (`nightly-…`). The
    tags are packed and there is no commit-graph, as in a fresh clone.
    """
    return _made(folder / f"large-{EDITION}", _fill_large)


def components(folder: Path) -> Path:
    """Return the monorepo of 40 components and 5,000 commits; each component was built at the first of them."""
    return _made(folder / f"components-{EDITION}", _fill_components)


def _fill_components(repo: GitRepo) -> None:
    monorepo.make(repo, monorepo.planned())
    tip = repo.head
    # One commit after the first, at which the git tags are: a run there would release the versions.
    repo.git("reset", "--quiet", "--hard", f"HEAD~{monorepo.COMMITS - 1}")
    own = Path(sys.executable).parent / "shipmark"
    subprocess.run(
        [sys.executable, "-I", own, "run"], cwd=repo.path, env=repo.env, check=True, capture_output=True
    )
    repo.git("reset", "--quiet", "--hard", tip)


def at_tag(folder: Path, *, packed: bool) -> Path:
    """Return a copy of the large repository, at its last version tag. Its tags are packed, or a file each."""
    return _made(
        folder / f"at-tag-{'packed' if packed else 'loose'}-{EDITION}",
        partial(_fill_at_tag, large(folder), packed),
    )


def _fill_at_tag(origin: Path, packed: bool, repo: GitRepo) -> None:
    (repo.path / ".git" / "objects" / "info" / "alternates").write_text(f"{origin / '.git' / 'objects'}\n")
    source = GitRepo(origin, home=origin.parent / "home", init=False)
    # Written one by one a ref is a file of its own, as fast-import and years of tagging leave them.
    updates = source.git("for-each-ref", "--format=create %(refname) %(objectname)", "refs/tags")
    repo.git("update-ref", "--stdin", stdin=f"{updates}\n")
    if packed:
        repo.git("pack-refs", "--all")
    last = source.git("describe", "--tags", "--abbrev=0", "--match=v*")
    repo.git("checkout", "--quiet", "--detach", f"refs/tags/{last}")


def _made(path: Path, fill: object) -> Path:
    done = path / ".git" / "bench-complete"
    if not done.exists():
        assert callable(fill)
        home = path.parent / "home"
        home.mkdir(parents=True, exist_ok=True)
        fill(GitRepo(path, home=home))
        done.touch()
    return path


def _fill_small(repo: GitRepo) -> None:
    repo.git("remote", "add", "origin", "https://git.example.org/acme/app.git")
    for number in range(30):
        repo.commit(f"fix: change {number}", {"pyproject.toml": _PYPROJECT, "file.txt": f"{number}\n"})
        if number % 3 == 2 and number < 29:
            repo.tag(f"v1.{number // 9}.{number // 3 % 3}")


def _fill_large(repo: GitRepo) -> None:
    repo.git("remote", "add", "origin", "https://git.example.org/acme/app.git")
    with subprocess.Popen(
        ["git", "fast-import", "--quiet"], cwd=repo.path, env=repo.env, stdin=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        for piece in _stream(commits=200_000, files=5_000):
            process.stdin.write(piece)
    if process.returncode != 0:
        raise RuntimeError(f"git fast-import exited {process.returncode}")
    repo.git("pack-refs", "--all")
    repo.git("reset", "--quiet", "--hard", "main")


def _stream(*, commits: int, files: int) -> Iterator[bytes]:
    """Yield fast-import commands. Each merge joins main with a side commit that follows main's commit before."""
    for number in range(1, commits + 1):
        side, merge = number % 20 == 19, number % 20 == 0
        branch = "side" if side else "main"
        parents = [number - 2, number - 1] if merge else [number - 2 if side else number - 1]
        yield _header(f"commit refs/heads/{branch}", number, mark=True, message=f"fix: change {number}")
        if number > 1:
            yield b"".join(
                b"%s :%d\n" % (b"merge" if index else b"from", parent) for index, parent in enumerate(parents)
            )
        if number == 1:
            yield _file("pyproject.toml", _PYPROJECT)
            yield from (_file(_name(index), f"{index}\n") for index in range(files))
        yield _file(_name(number % files), f"change {number}\n")
        if number % 10 == 0 and number <= commits - 20:
            yield _tag(number)


def _tag(number: int) -> bytes:
    index = number // 10
    releases = index - index // 5
    version = f"v{releases // 1000}.{releases // 50 % 20}.{releases % 50}"
    name = f"nightly-{index}" if index % 5 == 0 else version
    if index % 2:
        return b"reset refs/tags/%s\nfrom :%d\n\n" % (name.encode(), number)
    head, _, rest = _header(f"tag {name}", number, mark=False, message=name).partition(b"\n")
    rest = rest.replace(b"committer", b"tagger", 1)
    return head + b"\nfrom :%d\n" % number + rest


def _header(first: str, number: int, *, mark: bool, message: str) -> bytes:
    lines = [first, *([f"mark :{number}"] if mark else []), f"committer {_WHO} {EPOCH + number * 60} +0000"]
    return "\n".join([*lines, f"data {len(message)}", message, ""]).encode()


def _file(name: str, content: str) -> bytes:
    return f"M 100644 inline {name}\ndata {len(content)}\n{content}\n".encode()


def _name(index: int) -> str:
    return f"dir{index // 100}/file{index}.txt"
