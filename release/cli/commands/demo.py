"""`shipmark demo`: makes a release in a scratch folder, and prints the commands that a user would type."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import click

from release.cli.options import Command, global_options
from release.cli.output.stdout import data
from release.cli.session import open_session
from release.errors import ReleaseError
from release.git.command import git_argv, git_not_found
from release.ports import Process

_DOCKERFILE = "FROM scratch\nARG VERSION\nLABEL hello=$VERSION\nCOPY hello.txt /hello.txt\n"
_ROOM = "make room in the folder for temporary files, or set TMPDIR to another folder, then run again"
_CONFIG = 'image: oci:dist/hello\nproject: hello\nbuild: {builder: layers, args: {VERSION: "{{version}}"}}\n'
_HISTORY = (
    ("first release", "v1.3.8"),
    ("a feature", "v1.4.0"),
    ("a fix", "v1.4.1"),
    ("another fix", "v1.4.2"),
)


class _Stage:
    """A scratch repository, in which commands run without the configuration of this machine."""

    def __init__(self, folder: str, process: Process, env: Mapping[str, str]) -> None:
        self._folder = folder
        self._process = process
        kept = {name: env[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in env}
        self._env = {
            **kept,
            # The cache lies in the scratch folder, so that it is deleted together with that folder.
            "SHIPMARK_CACHE_DIR": os.path.join(os.path.abspath(folder), ".shipmark", "cache"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Demo",
            "GIT_AUTHOR_EMAIL": "demo@example.org",
            "GIT_COMMITTER_NAME": "Demo",
            "GIT_COMMITTER_EMAIL": "demo@example.org",
        }
        self._clock = 1_750_000_000

    def write(self, name: str, text: str) -> None:
        """Write a file of the scratch repository."""
        with open(os.path.join(self._folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def git(self, *arguments: str) -> None:
        """Run git in the scratch repository without printing the command."""
        self._run(git_argv(*arguments), f"git {arguments[0]}")

    def commit(self, message: str, git_tag: str) -> None:
        """Make a commit with a version tag; its date is fixed, so that every demo has the same commit ids."""
        self.write("hello.txt", f"{message}\n")
        self._clock += 86_400
        self._env |= {"GIT_AUTHOR_DATE": f"{self._clock} +0000", "GIT_COMMITTER_DATE": f"{self._clock} +0000"}
        self.git("add", ".")
        self.git("commit", "-q", "-m", message)
        self.git("tag", git_tag)

    def show(self, *argv: str) -> None:
        """Print a command as a user types it, run it, and print its output."""
        data(f"$ {' '.join(argv)}")
        real = git_argv(*argv[1:]) if argv[0] == "git" else list(argv)
        data(*self._run(real, " ".join(argv)).rstrip("\n").split("\n"))

    def _run(self, argv: list[str], name: str) -> str:
        real = argv
        if argv[0] == "shipmark":
            real = [sys.executable, "-I", "-c", "from release.cli.entry import main; main()", *argv[1:]]
        try:
            done = self._process.run(real, cwd=self._folder, env=self._env)
        except FileNotFoundError as error:
            raise git_not_found() from error
        talk = done.stderr.decode("utf-8", "replace")
        if done.code != 0:
            raise ReleaseError(f"`{name}` ended with {done.code}: {talk.strip()}", hint=_ROOM)
        return talk + done.stdout.decode("utf-8", "replace")


@click.command(cls=Command)
@global_options
@click.option("--keep", is_flag=True, help="Leave the scratch folder, and say where it is.")
@click.pass_context
def command(ctx: click.Context, keep: bool) -> None:
    """Show a whole release in a scratch folder: no daemon, no registry, no network."""
    session = open_session(ctx)
    with _scratch_folder(keep) as folder:
        _tour(_Stage(folder, session.process, session.settings.env))


@contextmanager
def _scratch_folder(keep: bool) -> Iterator[str]:
    """A new folder; removed after the body unless `keep` is set. Raises `ReleaseError` if it cannot be written."""
    folder = None
    try:
        folder = tempfile.mkdtemp(prefix="shipmark-demo-")
        yield folder
    except BrokenPipeError:
        raise  # the reader of stdout is gone
    except OSError as error:
        raise ReleaseError(
            f"the scratch folder cannot be written: {(error.strerror or str(error)).lower()}", hint=_ROOM
        ) from error
    finally:
        if keep and folder is not None:
            data("", f"left in {folder}")
        elif folder is not None:
            shutil.rmtree(folder)


def _tour(stage: _Stage) -> None:
    stage.git("init", "-q", "-b", "main", ".")
    stage.write("Dockerfile", _DOCKERFILE)
    stage.write("shipmark.yml", _CONFIG)
    stage.write(".gitignore", "dist/\n")
    for message, git_tag in _HISTORY:
        stage.commit(message, git_tag)
    data("A repository with three releases, and v1.4.2 tagged just now:")
    stage.show("git", "log", "--oneline", "--decorate")
    data("", "What would a release do?")
    stage.show("shipmark", "preview")
    data("", "Release it, into an OCI layout folder:")
    stage.show("shipmark", "run")
    data("", "Again: everything is as it should be, so nothing happens.")
    stage.show("shipmark", "run")
    data("", "A fix for the old line: its own tags move, `1` and `latest` stay.")
    stage.git("checkout", "-q", "-b", "release/1.3", "v1.3.8")
    stage.commit("a fix for 1.3", "v1.3.9")
    stage.show("shipmark", "run")
    data("", "What happened, and that nobody changed the record of it:")
    stage.show("shipmark", "log", "list")
    stage.show("shipmark", "log", "verify")
