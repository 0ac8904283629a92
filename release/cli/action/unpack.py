"""Fills a virtual environment from a folder of wheels: `python -I unpack.py ROOT WHEELS VENV [--job]`.

`ci/install.sh` runs this script before anything is installed, so it imports nothing but the standard library.
Installing with pip takes seconds for each job; wheels are ZIP archives, and unpacking them is all that installing them
means here. shipmark itself is copied from ROOT, a checkout. With `--job` the environment serves one CI job, for which
writing fewer files counts: shipmark is imported from ROOT, and packages that a job seldom imports stay archives.

Anybody who can write the cache of a repository can put wheels there. Each wheel is therefore compared with the hashes
of `ci/runtime.lock` before a byte of it is unpacked.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import sysconfig
import urllib.parse
import venv
import zipfile

#: Exit code for wheels that are missing or have an unknown hash; then they have to be downloaded. It is none of
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


def wheels_of(lock: str, folder: str) -> list[str]:
    """The paths of the wheels in `folder`. Exits with `UNUSABLE` if one is unknown to the lock file, or missing."""
    hashes = set(re.findall(_HASH, lock))
    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".whl"))
    found = set()
    for path in paths:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest not in hashes:
            _unusable(f"the lock file has no hash for {os.path.basename(path)}")
        found.add((_package(path), os.path.basename(path).split("-")[1]))
    # A package with a marker belongs to some machines only, so it may be missing here.
    for name, version, marker in re.findall(_PIN, lock):
        if not marker.strip() and (_plain(name), version) not in found:
            _unusable(f"{name} {version} is missing")
    return paths


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
        paths = wheels_of(file.read(), wheels)
    target = os.path.abspath(target)
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


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _unusable(why: str) -> None:
    sys.stderr.write(f"shipmark: the packages at hand are not used: {why}\n")
    sys.exit(UNUSABLE)


if __name__ == "__main__":
    install(*sys.argv[1:4], job="--job" in sys.argv[4:])
