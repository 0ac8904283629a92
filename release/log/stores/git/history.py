"""The commits of a git log in its private repository: reads their entries, and describes those that are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from release.errors import LogCorrupt, LogError
from release.log import Entry, Head
from release.log.chain import Malformed, read_line, verify_all
from release.log.stores.git.private_repository import PrivateRepository

#: The only file in the tree of a commit.
FILE = "entry.json"
#: Commits whose entries are read at once. Bounds memory; fewer would need more git processes for a long log.
PORTION = 4000

#: A commit of the log, and the name of its entry for git.
Place = tuple[str, str]


class History:
    """The log's commits in the private `repository`, which the caller has locked. `name`: for messages."""

    def __init__(self, repository: PrivateRepository, name: str) -> None:
        self._repository = repository
        self._name = name
        # Position of an entry that this process read or appended: its commit.
        self.commits: dict[int, str] = {}

    def behind(self, base: str | None, tip: str | None, *, newest: int | None = None) -> list[Place]:
        """The commits after `base`, up to `tip`, oldest first; at most the `newest` ones.

        A repository without the older commits gives those that it has. Raises `LogCorrupt` unless each continues the
        last.
        """
        if tip is None or tip == base:
            return []
        span = f"{base}..{tip}" if base else tip
        # Lines `commit ID`, `parents ID`, and behind the first commit that has an object, `ID PATH`.
        options = ["--reverse", "--topo-order", "--objects", "--in-commit-order", "--format=parents %P"]
        if newest is not None:
            options.append(f"--max-count={newest}")
        lines = iter(self._repository.read("rev-list", *options, span).decode(errors="replace").split("\n"))
        commits: list[Place] = []
        parent = base or ""
        for line in lines:
            word, _, rest = line.partition(" ")
            if word == "commit":
                parents = next(lines)
                if parents != f"parents {parent}" and (commits or newest is None):
                    raise LogCorrupt(
                        f"version log `{self._name}` is not a single line of commits at {rest[:12]}"
                    )
                parent = rest
                # An object that an earlier commit has, too, is not listed again.
                commits.append((rest, f"{rest}:{FILE}"))
            elif rest == FILE:
                commits[-1] = (parent, word)
        return commits

    def entries(self, commits: Sequence[Place], head: Head) -> list[Entry]:
        """The verified entries of `commits`, which follow entry `head`. Raises `LogCorrupt`."""
        found, cause = self.lines(commits), "git does not give its commit"
        if None in found:
            found, cause = found[: found.index(None)], f"a commit of the log has no `{FILE}`"
        entries = list(verify_all([line for line in found if line is not None], head))
        self.commits |= {entry.seq: commit for entry, (commit, _) in zip(entries, commits, strict=False)}
        if len(entries) < len(commits):
            raise LogCorrupt(f"entry {head.seq + 1 + len(entries)} is missing: {cause}")
        return entries

    def entry(self, commit: Place) -> Entry | None:
        """The entry in a commit, checked against its own hash only; None for what is none."""
        (line,) = self.lines([commit])
        return read_entry(line)

    def lines(self, commits: Sequence[Place]) -> list[bytes | None]:
        """The line in each of `commits`, not verified; None for a commit without one."""
        # Newest first: git stores an older entry as what differs from a newer one, and has that at hand then.
        found = list(blobs(self._repository.contents([name for _, name in reversed(commits)])))[::-1]
        return [content if content is None else content.removesuffix(b"\n") for content in found]


def read_entry(line: bytes | None) -> Entry | None:
    """The entry in a line, checked against its own hash only; None for what is none."""
    try:
        return read_line(line or b"")
    except (Malformed, LogError):
        return None


def blobs(output: bytes) -> Iterator[bytes | None]:
    """The contents in the output of `git cat-file --batch`; None for a missing object."""
    position = 0
    while position < len(output):
        end = output.index(b"\n", position)
        words = output[position:end].split(b" ")
        position = end + 1
        if len(words) != 3 or words[1] != b"blob":
            yield None
            continue
        size = int(words[2])
        yield output[position : position + size]
        position += size + 1


def described(entry: Entry) -> tuple[str, int]:
    """The message and the time of an entry's commit."""
    fields = entry.fields
    subject = " ".join(str(fields[name]) for name in ("kind", "version") if fields.get(name))
    subject = " ".join(subject.split())[:100] or "entry"
    return f"{subject}\n\nShipmark-Seq: {entry.seq}\nShipmark-Hash: {fields['hash']}\n", _seconds(fields)


def _seconds(fields: Mapping[str, Any]) -> int:
    try:
        return int(datetime.fromisoformat(str(fields.get("at"))).timestamp())
    except (ValueError, OverflowError):
        return 0
