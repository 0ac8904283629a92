"""Fills a virtual environment from a folder of wheels: `python -I unpack.py ROOT WHEELS VENV [--job]`.

`ci/install.sh` runs this script before anything is installed, so it imports nothing but the standard library.
Installing with pip takes seconds for each job; wheels are ZIP archives, and unpacking them is all that installing them
means here. shipmark itself is copied from ROOT, a checkout. With `--job` the environment serves one CI job, for which
writing fewer files counts: shipmark is imported from ROOT, and packages that a job seldom imports stay archives.

Anybody who can write the cache of a repository can put wheels there. Each wheel is therefore compared with the hashes
of `ci/runtime.lock` before a byte of it is unpacked. Wheels that the lock file does not know are left where they are:
the folder may be one that other programs use, too.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import sys
import sysconfig
import urllib.parse
import venv
import zipfile
from collections.abc import Callable

#: Exit code for wheels that are missing; then they have to be downloaded. It is none of
#: Python's own, which are 1 for an exception and 2 for bad arguments, so that a job's log tells them apart.
UNUSABLE = 3
#: Packages that only a terminal needs, or a machine without time zones: half of all files. Python imports them from
#: their archives, though without keeping bytecode.
_SELDOM = frozenset({"markdown-it-py", "mdurl", "pygments", "rich", "tzdata"})
#: What shipmark consists of.
_OWN = ("release", "ci", "shipmark")

_PIN = r"(?m)^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)(?:\s*;\s*([^\\\n]*))?"
_HASH = r"--hash=sha256:([0-9a-f]{64})"
_VERSION = r'(?m)^__version__ = "(.+)"$'
_SCRIPT = "#!{python}\nimport sys\n\nfrom release.cli.entry import main\n\nsys.exit(main())\n"


def wheels_of(lock: str, folder: str, *, fits: Callable[[str], bool] = bool) -> list[str]:
    """The wheels in `folder` that the lock file knows. Exits with `UNUSABLE` if one is missing.

    `fits`: whether the environment can read a wheel, by its path; others count as missing.
    """
    hashes = set(re.findall(_HASH, lock))
    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".whl"))
    known: dict[tuple[str, str], str] = {}
    others: dict[tuple[str, str], str] = {}
    for path in filter(fits, paths):
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        name = (_package(path), os.path.basename(path).split("-")[1])
        (known if digest in hashes else others)[name] = path
    # A package with a marker belongs to some machines only, so it may be missing here.
    for name, version, marker in re.findall(_PIN, lock):
        pinned = (_plain(name), version)
        if not marker.strip() and pinned not in known:
            if pinned in others:
                _unusable(f"the lock file has no hash for {os.path.basename(others[pinned])}")
            _unusable(f"{name} {version} is missing")
    return sorted(known.values())


def unpack(paths: list[str], site: str) -> None:
    """Unpack the wheels into the folder `site`. Source: packaging.python.org, "Binary distribution format"."""
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(site)  # of a known hash, so its names are those of a published package
    for name in os.listdir(site):
        if name.endswith(".data"):
            for kind in ("purelib", "platlib"):
                extra = os.path.join(site, name, kind)
                if os.path.isdir(extra):
                    shutil.copytree(extra, site, dirs_exist_ok=True)
            shutil.rmtree(os.path.join(site, name))


def copy(root: str, site: str) -> str:
    """Copy shipmark from the checkout `root` into the folder `site`; return the folder with its metadata."""
    for name in _OWN:
        shutil.copytree(
            os.path.join(root, name), os.path.join(site, name), ignore=shutil.ignore_patterns("__pycache__")
        )
    with open(os.path.join(root, "release", "__init__.py"), encoding="utf-8") as file:
        version = re.findall(_VERSION, file.read())[0]
    record = os.path.join(site, f"shipmark-{version}.dist-info")
    os.mkdir(record)
    _write(os.path.join(record, "METADATA"), f"Metadata-Version: 2.1\nName: shipmark\nVersion: {version}\n")
    return record


def install(root: str, wheels: str, target: str, *, job: bool = False) -> None:
    """Make the virtual environment `target`. Its stamp is written last, so that half an environment is not used."""
    with open(os.path.join(root, "ci", "runtime.lock"), encoding="utf-8") as file:
        paths = wheels_of(file.read(), wheels, fits=fits_here)
    target = os.path.abspath(target)
    if (
        os.path.isdir(target)
        and os.listdir(target)
        and not os.path.exists(os.path.join(target, "pyvenv.cfg"))
    ):
        sys.exit(f"shipmark: {target} is not a virtual environment, so it is not replaced: name a new folder")
    shutil.rmtree(target, ignore_errors=True)
    venv.create(target, symlinks=True)
    scheme = {"base": target, "platbase": target, "installed_base": target, "installed_platbase": target}
    site = sysconfig.get_path("purelib", "venv", vars=scheme)
    kept = [path for path in paths if job and _package(path) in _SELDOM]
    unpack([path for path in paths if path not in kept], site)
    if job:
        archives = [shutil.copy(path, site) for path in kept]
        _write(os.path.join(site, "shipmark.pth"), "".join(f"{path}\n" for path in [root, *archives]))
    else:
        # As pip does: `shipmark init` reads here which repository and commit it came from.
        origin = {"url": f"file://{urllib.parse.quote(root)}", "dir_info": {}}
        _write(os.path.join(copy(root, site), "direct_url.json"), json.dumps(origin))
    script = os.path.join(target, "bin", "shipmark")
    _write(script, _SCRIPT.format(python=os.path.join(target, "bin", "python")))
    os.chmod(script, 0o755)  # noqa: S103  # a program, which holds no secret
    _write(os.path.join(target, "shipmark.stamp"), root)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _package(path: str) -> str:
    return _plain(os.path.basename(path).split("-")[0])


def fits_here(path: str) -> bool:
    """Whether this Python can read the wheel: a folder that is kept may have those of an older Python, too.

    Source: packaging.python.org, "Platform compatibility tags".
    """
    parts = os.path.basename(path).removesuffix(".whl").split("-")
    if len(parts) < 5:
        return False
    pythons, abis, platforms = (part.split(".") for part in parts[-3:])
    own = f"cp{sys.version_info.major}{sys.version_info.minor}"
    readable = own in pythons or "py3" in pythons or "abi3" in abis
    machines = ("any", f"_{platform.machine()}", "_universal2")
    return readable and any(one.endswith(machines) for one in platforms)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _unusable(why: str) -> None:
    sys.stderr.write(f"shipmark: the packages at hand are not used: {why}\n")
    sys.exit(UNUSABLE)


if __name__ == "__main__":
    install(*sys.argv[1:4], job="--job" in sys.argv[4:])
