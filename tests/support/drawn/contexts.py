"""Draws the files of a build context: odd names, modes, symlinks, hard links, empty folders, archives, ignore files."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import tarfile
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.support.services.required import program

#: Few names, so that sources, destinations and patterns often meet.
_NAMES = ("a", "b", "c", "d", "x.txt", "y.txt", "z.c", "bin", "etc", "tmp")
_ODD = (
    "with space.txt",
    "ünï.txt",
    "e\u0301.txt",
    'qu"ote',
    "apos'trophe",
    "back\\slash",
    "we[i]rd",
    "-dash",
    "--from=x",
    "#hash",
    "$dollar",
    "${brace}",
    "tab\tname",
    "new\nline",
    "star*",
    "q?",
    "a,b",
    "co:lon",
    "dot.",
    "...",
    "..dots",
    "!bang",
    "~tilde",
    "100%",
    "<<EOF",
    "emoji\U0001f600",
    ".hidden",
    " lead",
    "trail ",
    "`tick`",
    "a&b;c|d",
    "^caret",
    "[",
    "]",
    "{a,b}",
    "\x01control",
    "Dockerfile.x",
    "-",
    "@at",
    "name=value",
)
_FILE_MODES = (0o644, 0o644, 0o644, 0o755, 0o600, 0o400, 0o444, 0o777, 0o664, 0o4755, 0o2755, 0o700, 0o111)
_FOLDER_MODES = (0o755, 0o755, 0o755, 0o700, 0o777, 0o1777, 0o2755, 0o775)
_ABSOLUTE = ("/a", "/b/c", "/etc/passwd", "/", "/x.txt", "/../a", "/nothing")
_KINDS = ("tar", "tar.gz", "tar.xz", "tar.bz2", "tar.zst", "gz")


class Context(NamedTuple):
    """The paths of a context by kind, relative to its root, sorted."""

    files: tuple[str, ...]
    folders: tuple[str, ...]
    links: tuple[str, ...]
    archives: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Return every path."""
        return (*self.files, *self.folders, *self.links, *self.archives)


def draw_context(random: Random, root: Path) -> Context:
    """Make a drawn context in `root`, which must not exist, and return what is in it."""
    root.mkdir(parents=True)
    folders: list[str] = [""]
    files: list[str] = []
    links: list[str] = []
    archives: list[str] = []
    for _ in range(random.randint(1, 5)):
        path = _free(random, root, random.choice(folders))
        (root / path).mkdir()
        folders.append(path)
    for number in range(random.randint(2, 9)):
        path = _free(random, root, random.choice(folders))
        (root / path).write_bytes(f"content {number} of {path}".encode())
        files.append(path)
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        path = _free(random, root, random.choice(folders))
        os.symlink(_target(random, path, [*files, *folders[1:], *links]), root / path)
        links.append(path)
    if random.random() < 0.2:
        path = _free(random, root, random.choice(folders))
        os.link(root / random.choice(files), root / path)
        files.append(path)
    for number in range(random.choice((0, 0, 0, 1, 2))):
        kind = random.choice(_KINDS)
        path = f"pack{number}.{kind}" if random.random() < 0.8 else f"pack{number}"
        (root / path).write_bytes(_packed(random, kind))
        archives.append(path)
    for path in files:
        (root / path).chmod(random.choice(_FILE_MODES) | 0o400)
    for path in folders[1:]:
        (root / path).chmod(random.choice(_FOLDER_MODES))
    return Context(*(tuple(sorted(each)) for each in (files, folders[1:], links, archives)))


def draw_ignore(random: Random, context: Context) -> str:
    """Draw the text of an ignore file, of patterns that match some of the context's paths."""
    lines = []
    for _ in range(random.randint(1, 5)):
        path = random.choice([*context.all, "a", "b"])
        names = path.split("/")
        lines.append(
            random.choice(("", "", "!", "! "))
            + random.choice(
                (
                    path,
                    f"/{path}",
                    f"{path}/",
                    f"./{path}",
                    names[0],
                    f"**/{names[-1]}",
                    f"{names[0]}/*",
                    f"{names[0]}/**",
                    "*",
                    "**",
                    "*.txt",
                    "**/*.txt",
                    "*/*",
                    f"{names[-1][:1]}*",
                    "?",
                    "[a-c]",
                    "[^a]",
                    f"  {path}  ",
                    "# comment",
                    "",
                    f"x/../{path}",
                )
            ).replace("\n", "?")
        )
    return random.choice(("\n", "\n", "\r\n")).join(lines) + random.choice(("", "\n"))


def _free(random: Random, root: Path, folder: str) -> str:
    """Draw a path in `folder` that does not exist."""
    while True:
        name = random.choice(_ODD if random.random() < 0.25 else _NAMES)
        path = f"{folder}/{name}" if folder else name
        if not os.path.lexists(root / path):
            return path


def _target(random: Random, path: str, known: list[str]) -> str:
    share = random.random()
    if share < 0.15:
        return random.choice(_ABSOLUTE)
    if share < 0.25:
        return random.choice(
            ("nothing", ".", "..", "../..", "../../../etc", os.path.basename(path), "./a/../b")
        )
    target = random.choice(known)
    if share < 0.35:
        return f"/{target}"
    return os.path.relpath(f"/{target}", os.path.dirname(f"/{path}"))


def _packed(random: Random, kind: str) -> bytes:
    """Draw an archive of the kind, or with `gz` a compressed file that is no archive."""
    if kind == "gz":
        return gzip.compress(b"no archive", mtime=0)
    plain = _tar(random)
    if kind == "tar.gz":
        return gzip.compress(plain, mtime=0)
    if kind == "tar.xz":
        return lzma.compress(plain)
    if kind == "tar.bz2":
        return bz2.compress(plain)
    if kind == "tar.zst":
        return subprocess.run([program("zstd"), "-c"], input=plain, capture_output=True, check=True).stdout
    return plain


def _tar(random: Random) -> bytes:
    buffer = io.BytesIO()
    form = random.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT))
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        files: list[str] = []
        for number in range(random.randint(0, 6)):
            folder = random.choice(("", "", "a/", "b/c/", "./", "etc/", "/", "ln/"))
            name = folder + random.choice(_NAMES if random.random() < 0.8 else _ODD)
            member = tarfile.TarInfo(name)
            member.uid, member.gid = random.choice(((0, 0), (1000, 1000), (7, 8)))
            member.uname = random.choice(("", "nobody", "joe"))
            member.mode, member.mtime = random.choice(_FILE_MODES), 1_600_000_000 + number
            share = random.random()
            if share < 0.55:
                text = f"member {number}".encode()
                member.size = len(text)
                files.append(name)
                archive.addfile(member, io.BytesIO(text))
                continue
            if share < 0.75:
                member.type, member.mode = tarfile.DIRTYPE, random.choice(_FOLDER_MODES)
            elif share < 0.92 or not files:
                member.type = tarfile.SYMTYPE
                member.linkname = random.choice(("a", "b", "../x", "/etc", "nothing", "/b/c"))
            else:
                member.type, member.linkname = tarfile.LNKTYPE, random.choice(files)
                kept = archive.getmember(member.linkname)  # as tar writes it
                member.mode, member.uid, member.gid = kept.mode, kept.uid, kept.gid
            archive.addfile(member)
    return buffer.getvalue()
