"""An image with this machine's Python and git, which stands in for a base image that no test can download."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.support.registries.images import Image, make_image, make_index
from tests.support.services.required import program

#: Folders that are links on Debian, and what they lead to.
_LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}


#: Parts of the C library that wheels from PyPI may be linked against, and that this Python need not use.
_GLIBC = ("libpthread.so.0", "libdl.so.2", "libm.so.6", "librt.so.1", "libutil.so.1")


def version() -> str:
    """Return the version of the Python in the image: `3.11`."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def make_python_base() -> Image:
    """Make an index for amd64 and arm64, whose second image has the content of the first."""
    layer = _layer()
    return make_index(
        *(make_image({}, layers=(layer,), platform=platform) for platform in ("linux/amd64", "linux/arm64"))
    )


def _layer() -> bytes:
    interpreter = Path(sys.executable).resolve()
    standard = Path(subprocess.__file__).parent
    programs = [interpreter, *(Path(program(name)).resolve() for name in ("git", "dash", "env"))]
    modules = sorted((standard / "lib-dynload").glob("*.so"))
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", dereference=True) as archive:
        for name, target in _LINKS.items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
        for path in programs:
            archive.add(path, f"usr/bin/{path.name}")
        archive.add(Path(program("dash")).resolve(), "usr/bin/sh")
        for path in _libraries([*programs, *modules]):
            archive.add(path, _place(path))
        archive.add(standard, str(standard).lstrip("/"), filter=_without_caches)
        temporary = tarfile.TarInfo("tmp")
        temporary.type, temporary.mode = tarfile.DIRTYPE, 0o1777
        archive.addfile(temporary)
    return stream.getvalue()


def _libraries(paths: list[Path]) -> list[Path]:
    said = subprocess.run(["ldd", *paths], capture_output=True, text=True, check=False).stdout
    found = {Path(name) for name in re.findall(r"(/\S+\.so\S*) \(0x", said)}
    folders = {path.parent for path in found if path.name == "libc.so.6"}
    return sorted(found | {path for folder in folders for name in _GLIBC if (path := folder / name).exists()})


def _place(path: Path) -> str:
    top, _, rest = str(path).lstrip("/").partition("/")
    return f"{_LINKS.get(top, top)}/{rest}"


def _without_caches(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in entry.name or "/test/" in entry.name else entry
