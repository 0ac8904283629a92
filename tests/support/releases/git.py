"""Real git repositories with fixed dates, authors and branch names."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support.programs.environment import EPOCH, scrubbed
from tests.support.services.required import program, require


class GitRepo:
    """A repository with a work tree in `path`; its branch is `main`.

    Each commit and each annotated tag is one minute younger than the last unless `when` (seconds since the
    epoch) says otherwise, so the same calls give the same ids on every machine.
    """

    def __init__(self, path: Path, *, home: Path, init: bool = True) -> None:
        self.path = path
        self.env = scrubbed(home)
        self._clock = EPOCH
        if init:
            path.mkdir(parents=True, exist_ok=True)
            self.git("init", "--quiet", "--initial-branch=main")
            self._settle()

    def git(self, *args: str, when: int | None = None, stdin: str = "", check: bool = True) -> str:
        """Run git in the repository and return its stdout without the last line break."""
        moment = f"{self._clock if when is None else when} +0000"
        done = subprocess.run(
            [program("git"), *args],
            cwd=self.path,
            env={
                **self.env,
                "GIT_AUTHOR_NAME": "Ada Tester",
                "GIT_AUTHOR_EMAIL": "ada@example.org",
                "GIT_AUTHOR_DATE": moment,
                "GIT_COMMITTER_NAME": "Ada Tester",
                "GIT_COMMITTER_EMAIL": "ada@example.org",
                "GIT_COMMITTER_DATE": moment,
            },
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"git {' '.join(args)} exited {done.returncode}: {done.stderr}")
        return done.stdout.removesuffix("\n")

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write `files` (path in the repository -> content) without committing."""
        for name, content in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(
        self,
        message: str = "change",
        files: Mapping[str, str | bytes] | None = None,
        when: int | None = None,
    ) -> str:
        """Commit everything in the work tree, with `files` written before, and return the commit's id."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}", when=self._tick(when))
        return self.head

    def tag(self, name: str, target: str = "HEAD", *, annotated: bool = True, when: int | None = None) -> str:
        """Tag `target`; return the id of the object that the tag names (the tag object if annotated)."""
        if annotated:
            self.git("tag", "--annotate", f"--message={name}", name, target, when=self._tick(when))
        else:
            self.git("tag", name, target)
        return self.git("rev-parse", f"refs/tags/{name}")

    def branch(self, name: str, start: str = "HEAD") -> None:
        """Create the branch `name` at `start` and check it out."""
        self.git("checkout", "--quiet", "-b", name, start)

    def checkout(self, ref: str) -> None:
        """Check out a branch, or detach at a tag or commit."""
        self.git("checkout", "--quiet", ref)

    def merge(self, ref: str, message: str = "merge", when: int | None = None) -> str:
        """Merge `ref` with a merge commit and return its id."""
        self.git("merge", "--quiet", "--no-ff", f"--message={message}", ref, when=self._tick(when))
        return self.head

    def clone(self, path: Path, *args: str) -> GitRepo:
        """Clone into `path` (`args` such as `--depth=1`) over the file protocol, which makes shallow clones."""
        self.git("clone", "--quiet", *args, f"file://{self.path}", str(path))
        other = GitRepo(path, home=Path(self.env["HOME"]), init=False)
        other._clock = self._clock
        if "--bare" not in args:
            other._settle()
        return other

    @property
    def head(self) -> str:
        """Return the full id of HEAD's commit."""
        return self.git("rev-parse", "HEAD")

    def _settle(self) -> None:
        # A detached `git gc` would outlive the test and change files under it.
        self.git("config", "gc.auto", "0")
        self.git("config", "maintenance.auto", "false")

    def _tick(self, when: int | None) -> int:
        self._clock = self._clock + 60 if when is None else when
        return self._clock


@pytest.fixture
def make_repo(tmp_path: Path) -> Callable[[str], GitRepo]:
    """Give a function that makes an empty repository of that name in the test's folder."""
    require("git")
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    return lambda name: GitRepo(tmp_path / name, home=home)


@pytest.fixture
def git_repo(make_repo: Callable[[str], GitRepo]) -> GitRepo:
    """Give an empty repository on the unborn branch `main`."""
    return make_repo("repo")
