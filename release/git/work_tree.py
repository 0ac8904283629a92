"""Asks git which files of a folder it tracks, with their modes, and what of the commit is not in the work tree.

Submodules that are checked out are asked too, one process each. Paths are relative to the folder that was asked about.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from release.git.command import Git, understood
from release.git.model import CheckoutSettings, GitFiles
from release.git.repository import discover
from release.ports import Process

#: Tags of files that a sparse checkout left out. git-ls-files(1), `-v`: `S` is skip-worktree, a small letter
#: assume-unchanged.
SKIPPED = (b"S", b"s")
_SETTINGS = r"^core\.(symlinks|filemode|autocrlf|eol)$"
_DRIVERS = r"^filter\..*\.(smudge|process|clean)$"
# gitattributes(5): values that name no filter.
_NO_FILTER = frozenset({b"unspecified", b"unset", b"set"})
# git-config(1), "boolean": the empty value is false, and a name without a value true.
_FALSE = frozenset({"false", "no", "off", "0", ""})
# Files that one `git hash-object` gets as arguments, which have a limit of length.
_AT_ONCE = 100
_SUBMODULE = 0o160000  # the mode of a submodule's entry in git's index ("gitlink", gitformat-index(5))


class WorkTree:
    """Asks about folders of one work tree, and once about the settings of its repository. `env`: of the processes."""

    def __init__(self, process: Process, env: Mapping[str, str]) -> None:
        self._process = process
        self._env = env
        self._known: dict[str, CheckoutSettings] = {}  # by git folder

    def files(self, folder: str) -> GitFiles | None:
        """The files that git tracks below `folder` (absolute, without symlinks); None without a git repository.

        Raises from the `GitError` branch.
        """
        found = discover(folder, self._env)
        if found is None or not found.git_dir:
            return None
        modes: dict[str, int] = {}
        skipped: list[str] = []
        unwatched: dict[str, str] = {}
        missing: list[str] = []
        loose: list[str] = []
        repositories = [""]
        # The loop body appends the submodules that it finds, so submodules of submodules are visited, too.
        for prefix in repositories:
            for path, mode, tag, object_id in self._entries(folder, prefix):
                if mode != _SUBMODULE:
                    modes[path] = mode
                    skipped += [path] if tag in SKIPPED else []
                    if tag != b"H":
                        unwatched[path] = object_id
                elif os.path.lexists(os.path.join(folder, path, ".git")):
                    # A symlink in place of the submodule could lead to any repository of this machine.
                    is_own = os.path.realpath(os.path.join(folder, path)) == os.path.join(folder, path)
                    repositories += [path] if is_own else []
                elif _holds_files(os.path.join(folder, path)):
                    loose.append(path)
                else:
                    missing.append(path)
        return GitFiles(
            modes=modes,
            skipped=tuple(skipped),
            unwatched=unwatched,
            missing=tuple(missing),
            loose=tuple(loose),
            repositories=tuple(repositories),
            settings=self._settings(folder, found.git_dir),
        )

    def unignored(self, folder: str, files: GitFiles) -> tuple[str, ...]:
        """Files below `folder` that git neither tracks nor ignores; `path/` stands for all of another repository."""
        found = []
        for prefix in files.repositories:
            listed = self._git(folder, prefix).read("ls-files", "-z", "--others", "--exclude-standard")
            found += [_join(prefix, os.fsdecode(path)) for path in listed.split(b"\0") if path]
        return tuple(found)

    def filters(self, folder: str, files: GitFiles, paths: Sequence[str]) -> dict[str, str]:
        """The files among the tracked `paths` that have a filter, each with its name. No filter is run."""
        found: dict[str, str] = {}
        for prefix, own in _by_repository(files, paths):
            given = b"".join(os.fsencode(path) + b"\0" for path in own)
            answer = self._git(folder, prefix).read("check-attr", "-z", "--stdin", "filter", stdin=given)
            # git-check-attr(1), "OUTPUT": <path> NUL <attribute> NUL <info> NUL
            fields = answer.split(b"\0")
            for path, name in zip(fields[::3], fields[2::3], strict=False):
                if name not in _NO_FILTER:
                    found[_join(prefix, os.fsdecode(path))] = name.decode("utf-8", "replace")
        return found

    def without_filter(self, folder: str, files: GitFiles, filters: Mapping[str, str]) -> dict[str, str]:
        """Those of `filters` (path -> filter) whose filter the configuration of their repository does not have."""
        found: dict[str, str] = {}
        for prefix, own in _by_repository(files, list(filters)):
            git = self._git(folder, prefix)
            output = git.read("config", "-z", "--name-only", "--get-regexp", _DRIVERS, accept=(0, 1))
            # git-config(1), "CONFIGURATION FILE": <section>.<subsection>.<name>, the subsection as it was written
            keys = output.decode("utf-8", "replace").split("\0")
            drivers = {key.partition(".")[2].rpartition(".")[0] for key in keys}
            paths = [_join(prefix, path) for path in own]
            found |= {path: filters[path] for path in paths if filters[path] not in drivers}
        return found

    def changed(self, folder: str, files: GitFiles, paths: Sequence[str]) -> tuple[str, ...]:
        """The regular files among the unwatched `paths` whose content is not that of the index."""
        found: list[str] = []
        for prefix, own in _by_repository(files, paths):
            for start in range(0, len(own), _AT_ONCE):
                some = own[start : start + _AT_ONCE]
                # Converts line ends and runs clean filters, as `git status` does.
                answer = self._git(folder, prefix).read("hash-object", "--", *some)
                for path, object_id in zip(some, answer.split(), strict=True):
                    whole = _join(prefix, path)
                    found += [whole] if files.unwatched[whole] != object_id.decode("ascii", "replace") else []
        return tuple(found)

    def converted(self, folder: str, files: GitFiles) -> tuple[str, ...]:
        """The tracked text files with CRLF in the work tree and LF in the index, by no attribute of theirs."""
        found = []
        for prefix in files.repositories:
            listed = self._git(folder, prefix).read("ls-files", "-z", "--eol")
            with understood("its line ends"):
                for record in listed.split(b"\0"):
                    # git-ls-files(1), "--eol": i/<ends> SPACE w/<ends> SPACE attr/<attributes> TAB <path>
                    facts, _, path = record.partition(b"\t")
                    if path and facts.split()[:2] == [b"i/lf", b"w/crlf"] and b"eol=crlf" not in facts:
                        found.append(_join(prefix, os.fsdecode(path)))
        return tuple(found)

    def _settings(self, folder: str, git_dir: str) -> CheckoutSettings:
        if git_dir not in self._known:
            self._known[git_dir] = self._read_settings(folder)
        return self._known[git_dir]

    def _read_settings(self, folder: str) -> CheckoutSettings:
        output = self._git(folder, "").read("config", "-z", "--get-regexp", _SETTINGS, accept=(0, 1))
        records = (record.partition("\n") for record in output.decode("utf-8", "replace").split("\0"))
        said = {name: value.lower() if is_set else "true" for name, is_set, value in records}
        ends = said.get("core.autocrlf", "false")
        return CheckoutSettings(
            symlinks=said.get("core.symlinks") not in _FALSE,
            file_mode=said.get("core.filemode") not in _FALSE,
            crlf=ends not in _FALSE | {"input"} or said.get("core.eol") == "crlf",
        )

    def _entries(self, folder: str, prefix: str) -> Iterator[tuple[str, int, bytes, str]]:
        """Path, mode, tag and object of each entry of the index below the folder."""
        listed = self._git(folder, prefix).read("ls-files", "-z", "-s", "-v")
        with understood("its index"):
            for record in listed.split(b"\0"):
                if record:
                    # git-ls-files(1): <tag> <mode> <object> <stage> TAB <path>
                    facts, _, path = record.partition(b"\t")
                    tag, mode, object_id = facts.split(b" ", 3)[:3]
                    name = _join(prefix, os.fsdecode(path))
                    yield name, int(mode, 8), tag, object_id.decode("ascii", "replace")

    def _git(self, folder: str, prefix: str) -> Git:
        return Git(self._process, os.path.join(folder, prefix) if prefix else folder, self._env)


def _by_repository(files: GitFiles, paths: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Repositories with those of `paths` that are theirs, relative to them."""
    left = list(paths)
    # Longest prefix first: a path in a submodule also starts with the prefix of the repository that has the submodule.
    for prefix in sorted(files.repositories, key=len, reverse=True):
        start = f"{prefix}/" if prefix else ""
        own = [path[len(start) :] for path in left if path.startswith(start)]
        left = [path for path in left if not path.startswith(start)]
        if own:
            yield prefix, own


def _holds_files(folder: str) -> bool:
    # Git makes an empty folder for a submodule that it does not check out.
    try:
        return not os.path.islink(folder) and bool(os.listdir(folder))
    except OSError:
        return False


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
