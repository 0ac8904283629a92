"""Obstacles that a workspace's author can put at paths which shipmark writes: symlinks, folders, pipes, hard links."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PRECIOUS = b"precious\n"


def outside(folder: Path) -> Path:
    """Fill a folder that no command may change with a file and a folder, and return its path."""
    (folder / "folder").mkdir(parents=True)
    (folder / "file").write_bytes(PRECIOUS)
    (folder / "folder" / "file").write_bytes(PRECIOUS)
    return folder


def _symlink_to(name: str) -> Callable[[Path, Path], None]:
    return lambda path, victim: path.symlink_to(victim / name)


def _hard_link(path: Path, victim: Path) -> None:
    os.link(victim / "file", path)


#: By name: puts an obstacle at the path; the second is a folder from `outside`.
OBSTACLES: dict[str, Callable[[Path, Path], None]] = {
    "symlink to a file": _symlink_to("file"),
    "symlink to a folder": _symlink_to("folder"),
    "dangling symlink": _symlink_to("missing"),
    "symlink to itself": lambda path, _: path.symlink_to(path),
    "folder": lambda path, _: path.mkdir(),
    "pipe": lambda path, _: os.mkfifo(path),
    "hard link": _hard_link,
}


def place(kind: str, path: Path, victim: Path) -> None:
    """Replace whatever is at `path` by an obstacle; missing parent folders are created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        path.rename(path.with_name(f"{path.name}.aside"))
    OBSTACLES[kind](path, victim)


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Require that the files in `folder` have the same names, kinds, modes and contents after the body as before."""
    before = snapshot(folder)
    yield
    assert snapshot(folder) == before


def snapshot(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """Return every path below `folder` with its mode and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content: bytes | str = b""
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = path.read_bytes()
        found[str(path.relative_to(folder))] = (path.lstat().st_mode, content)
    return found


def temporary_files(folder: Path) -> list[str]:
    """Return the temporary files that an interrupted writer left below `folder`."""
    return [str(path) for path in folder.rglob("*") if path.name.startswith((".partial", ".part", "tmp"))]
