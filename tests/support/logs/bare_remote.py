"""A bare git repository that holds a version log, driven past shipmark."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.programs.environment import scrubbed

#: The ref of the log.
REF = "refs/shipmark/log"


class BareRemote:
    """The remote of a git log, `remote.git` in `folder`; made unless it exists. Copies of the log lie beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "remote.git"
        self.url = str(self.path)
        self.env = scrubbed(folder)
        if not self.path.exists():
            subprocess.run(["git", "init", "--quiet", "--bare", self.url], env=self.env, check=True)

    def raw(self, *arguments: str, stdin: bytes = b"", copy: str | None = None) -> bytes:
        """What git prints, for the remote or for the copy in the folder `copy`."""
        path = self.folder / copy / "log.git" if copy else self.path
        argv = ["git", "--git-dir", str(path), "-c", "user.name=x", "-c", "user.email=x", *arguments]
        return subprocess.run(argv, env=self.env, input=stdin, check=True, capture_output=True).stdout

    def git(self, *arguments: str, text: str = "", copy: str | None = None) -> str:
        """What git prints, as text without white space around it. `text`: standard input."""
        return self.raw(*arguments, stdin=text.encode(), copy=copy).decode().strip()

    def hook(self, name: str, script: str) -> None:
        """Install a hook of the remote."""
        path = self.path / "hooks" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def lines(self) -> list[bytes]:
        """The entry of each commit on the log's ref, oldest first, without the line break."""
        commits = self.git("rev-list", "--reverse", REF).split()
        rest = self.raw(
            "cat-file", "--batch", stdin="".join(f"{one}:entry.json\n" for one in commits).encode()
        )
        found = []
        for _ in commits:
            head, _, rest = rest.partition(b"\n")
            size = int(head.split()[2])
            found.append(rest[:size].rstrip())
            rest = rest[size + 1 :]
        return found

    def refs(self) -> list[str]:
        """The names of all refs."""
        return self.git("for-each-ref", "--format=%(refname)").split()
