"""Checks the base image of shipmark's own image: `.ci/base.py [--current] [DOCKERFILE]`, with skopeo.

The digest that `ci/image/Dockerfile` pins must be the one of an index with every platform of `ci/image/shipmark.yml`.
With `--current` the tag beside the digest must still name it. The release workflow checks the first before it builds;
CI checks both every week, since a tag moves whenever somebody rebuilds the base.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_FROM = re.compile(r"^FROM (\S+):([\w.-]+)@(sha256:[0-9a-f]{64})$", re.MULTILINE)
_PLATFORMS = re.compile(r"^  platforms: \[(.+)\]$", re.MULTILINE)


def raw(reference: str) -> bytes:
    """The bytes of a manifest or an index in a registry."""
    done = subprocess.run(
        ["skopeo", "inspect", "--raw", f"docker://{reference}"],  # noqa: S607  # of the runner's PATH
        capture_output=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{reference} cannot be read: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def digest(content: bytes) -> str:
    """The digest of the bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def problems(dockerfile: str, wanted: list[str], *, current: bool) -> list[str]:
    """What is wrong with the base image of the Dockerfile's text; nothing if it is as it should be."""
    found = _FROM.findall(dockerfile)
    if len(found) != 1:
        return ["one line `FROM REPOSITORY:TAG@DIGEST` is wanted"]
    repository, tag, pinned = found[0]
    content = raw(f"{repository}@{pinned}")
    if digest(content) != pinned:
        return [f"{repository}@{pinned} has another content"]
    document: dict[str, Any] = json.loads(content)
    held = {
        f"{one['platform']['os']}/{one['platform']['architecture']}" for one in document.get("manifests", [])
    }
    said = [f"{repository}@{pinned} has no image for {one}" for one in wanted if one not in held]
    if current and (now := digest(raw(f"{repository}:{tag}"))) != pinned:
        said.append(f"{repository}:{tag} is {now} now: write that into the Dockerfile, and release")
    return said


def main(arguments: list[str]) -> int:
    """Print what is wrong; the exit code is 1 if something is."""
    files = [one for one in arguments if one != "--current"]
    path = Path(files[0]) if files else ROOT / "ci" / "image" / "Dockerfile"
    config = (ROOT / "ci" / "image" / "shipmark.yml").read_text(encoding="utf-8")
    wanted = [one.strip() for one in _PLATFORMS.findall(config)[0].split(",")]
    said = problems(path.read_text(encoding="utf-8"), wanted, current="--current" in arguments)
    for one in said:
        sys.stderr.write(f"{path}: {one}\n")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
