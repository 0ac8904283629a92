"""Programs of a Go module with pinned versions, built once for this user and kept outside of the checkout.

The folder's name contains a hash of `go.sum`, the Go version, the linker's flags, the packages and the module's own
sources, so checkouts and workers that need the same programs share them. Where no Go 1.21 or later is installed, the
toolchain is downloaded.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.services.required import program

#: The toolchain that the modules name in `go.mod`, and the SHA-256 of its archives.
GO = "1.26.8"
_TOOLCHAINS = {
    "amd64": "30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7",
    "arm64": "02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99",
}
#: The first version that fetches another toolchain by itself.
_FETCHES = (1, 21)
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


class NotBuilt(Exception):
    """Raised when the programs cannot be built, for example without a network or a toolchain for this machine."""


def tools(module: Path, packages: Mapping[str, str], *, link: str = "") -> Path:
    """Build the programs of `packages` (program to package) if missing; return their folder. `link`: linker flags.

    Raises `NotBuilt`.
    """
    key = _key(module, packages, link)
    built = cache_folder() / key
    with _alone(key):
        if not are_built(module, packages, link=link):
            with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=f"{key}.") as folder:
                _build(module, list(packages.values()), Path(folder), link)
                shutil.rmtree(built, ignore_errors=True)
                os.chmod(folder, 0o755)
                os.rename(folder, built)
                os.mkdir(folder, 0o700)  # for the context manager to remove
    return built


def are_built(module: Path, packages: Mapping[str, str], *, link: str = "") -> bool:
    """Return whether all programs of `packages` are built."""
    return all((cache_folder() / _key(module, packages, link) / name).exists() for name in packages)


def _key(module: Path, packages: Mapping[str, str], link: str) -> str:
    sources = [path.read_text() for path in sorted(module.glob("*.go"))]
    text = "\0".join([(module / "go.sum").read_text(), GO, link, *sorted(packages.values()), *sources])
    return f"{module.name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _build(module: Path, packages: list[str], into: Path, link: str) -> None:
    argv = [
        _go(),
        "build",
        "-trimpath",
        "-mod=readonly",
        f"-ldflags=-s -w {link}",
        "-o",
        f"{into}/",
        *packages,
    ]
    env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": f"go{GO}+auto"}
    done = subprocess.run(argv, cwd=module, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotBuilt(done.stderr.strip()[-2000:])


def _go() -> str:
    """Return a `go` that can download toolchains: the machine's if it is 1.21 or later, or one of the module proxy."""
    for name in ("go", "/usr/local/go/bin/go"):
        try:
            found = program(name)
        except FileNotFoundError:
            continue
        said = subprocess.run(
            [found, "env", "GOVERSION"],
            env={**os.environ, "GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        if (
            tuple(int(part) for part in said.strip().removeprefix("go").split(".")[:2] if part.isdigit())
            >= _FETCHES
        ):
            return found
    return _fetched()


def _fetched() -> str:
    architecture = _MACHINES.get(platform.machine(), "")
    if architecture not in _TOOLCHAINS:
        raise NotBuilt(f"no Go {GO} for {platform.machine()}")
    name = f"v0.0.1-go{GO}.linux-{architecture}"
    folder = cache_folder() / name
    top = folder / f"golang.org/toolchain@{name}"
    with _alone(name):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=f"{name}.") as made:
                _fetch(
                    f"https://proxy.golang.org/golang.org/toolchain/@v/{name}.zip",
                    _TOOLCHAINS[architecture],
                    Path(made),
                )
                _restore_modes(Path(made))
                os.rename(made, folder)
                os.mkdir(made, 0o700)
    return str(top / "bin" / "go")


def module_files(module: str, version: str, sha256: str) -> Path:
    """Return the folder with the files of a Go module, from the module proxy. `sha256`: of its archive.

    Raises `NotBuilt`.
    """
    name = f"{module.replace('/', '-')}-{sha256[:16]}"
    folder = cache_folder() / name
    with _alone(name):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=f"{name}.") as made:
                _fetch(f"https://proxy.golang.org/{module}/@v/{version}.zip", sha256, Path(made))
                os.rename(made, folder)
                os.mkdir(made, 0o700)  # for the context manager to remove
    return folder / f"{module}@{version}"


def _fetch(url: str, sha256: str, into: Path) -> None:
    archive = into / "toolchain.zip"
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, archive.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except OSError as error:
        raise NotBuilt(f"{url}: {error}") from error
    with archive.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise NotBuilt(f"{url}: another digest than expected")
    with zipfile.ZipFile(archive) as members:
        members.extractall(into)
    archive.unlink()


def _restore_modes(into: Path) -> None:
    """Make the programs of the toolchain executable: archives of the module proxy contain no file modes."""
    for path in into.rglob("*"):
        if path.parent.name == "bin" or "/pkg/tool/" in str(path):
            path.chmod(0o755)


def cache_folder() -> Path:
    """Return this user's folder for programs that tests build or install."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(base) / "shipmark-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _alone(name: str) -> Iterator[None]:
    with (cache_folder() / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
