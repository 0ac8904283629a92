"""Lays out the files of shipmark's own image: `.ci/image.py FOLDER [BASE [PYTHON]]`.

Fills FOLDER/amd64 and FOLDER/arm64. BASE is another base image, PYTHON the version of the Python in it (3.13 if not
given). Each is a root folder with `/opt/shipmark`, which adapters start like a virtual environment. The packages are
the wheels of `ci/runtime.lock` for the Python of the image, whatever machine this is; shipmark itself is copied from
this checkout.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from release.cli.action.unpack import copy, unpack, wheels_of  # noqa: E402  # from this checkout

#: The Python of the base image in `ci/image/Dockerfile`.
OF_BASE = "3.13"
#: Architecture of images -> that of wheels.
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
#: glibc versions that wheels name; the base has a newer one.
_PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")
#: Not a symlink to the base's Python, which would leave the build's context.
_PYTHON = """\
#!/bin/sh
for python in /usr/local/bin/python{0} /usr/bin/python{0}; do
  [ ! -x "$python" ] || exec "$python" "$@"
done
echo "this image has no Python {0}" >&2
exit 127
"""
_SCRIPT = """\
#!/opt/shipmark/bin/python
import sys

sys.path.insert(0, "/opt/shipmark/lib/python{0}/site-packages")

from release.cli.entry import main

sys.exit(main())
"""


def pip(*arguments: str) -> None:
    """Run pip, quietly."""
    subprocess.run(
        [
            sys.executable,
            "-I",
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--quiet",
            "--no-input",
            *arguments,
        ],
        check=True,
    )


def lay_out(folder: Path, architecture: str, version: str, wheels: Path) -> None:
    """Fill `folder` with the root folder for one architecture. `wheels`: where packages are downloaded to."""
    lock = ROOT / "ci" / "runtime.lock"
    platforms = [f"--platform={name}_{MACHINES[architecture]}" for name in _PLATFORMS]
    python = [f"--python-version={version}", "--implementation=cp", *platforms]
    fixed = [
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
        f"--requirement={lock}",
        f"--dest={wheels}",
    ]
    pip("download", *fixed, *python)
    environment = folder / "opt" / "shipmark"
    site = environment / "lib" / f"python{version}" / "site-packages"
    site.mkdir(parents=True)
    unpack(wheels_of(lock.read_text(encoding="utf-8"), str(wheels)), str(site))
    copy(str(ROOT), str(site))
    for path in site.rglob("*"):
        path.chmod(
            0o755 if path.is_dir() else 0o644
        )  # not those of this checkout: the same commit, the same image
    bin_folder = environment / "bin"
    bin_folder.mkdir()
    for name, text in (("python", _PYTHON), ("shipmark", _SCRIPT)):
        (bin_folder / name).write_text(text.format(version), encoding="utf-8")
        (bin_folder / name).chmod(0o755)
    # For HOME and the workspace: the image runs as a user without an entry in /etc/passwd.
    for name in ("home/shipmark", "workspace"):
        (folder / name).mkdir(parents=True)
        (folder / name / ".keep").touch()


def compile_all(target: Path) -> None:
    """Write bytecode without times: the same commit gives the same image, which starts in a quarter of the time."""
    for architecture in MACHINES:
        root = target / architecture
        options = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/"]
        subprocess.run([sys.executable, "-I", "-m", "compileall", *options, str(root / "opt")], check=True)


def with_base(target: Path, base: str) -> None:
    """Write `FOLDER.Dockerfile` and `FOLDER.yml`, which are those of `ci/image` with another base image."""
    dockerfile = (ROOT / "ci" / "image" / "Dockerfile").read_text(encoding="utf-8")
    changed = re.sub(r"^FROM .*$", lambda _: f"FROM {base}", dockerfile, flags=re.MULTILINE)
    target.with_suffix(".Dockerfile").write_text(changed, encoding="utf-8")
    config = (ROOT / "ci" / "image" / "shipmark.yml").read_text(encoding="utf-8")
    name = os.path.relpath(target.with_suffix(".Dockerfile"), ROOT)
    target.with_suffix(".yml").write_text(config.replace("ci/image/Dockerfile", name), encoding="utf-8")


def main(target: Path, base: str = "", version: str = "") -> None:
    """Fill `target` anew."""
    version = version or OF_BASE
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        for architecture in MACHINES:
            lay_out(target / architecture, architecture, version, Path(scratch, architecture))
    if sys.version_info[:2] == tuple(int(part) for part in version.split(".")):
        compile_all(target)
    if base:
        with_base(target, base)


if __name__ == "__main__":
    os.umask(0o022)
    main(Path(sys.argv[1]), *sys.argv[2:])
