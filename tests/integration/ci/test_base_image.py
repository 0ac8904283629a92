"""`.ci/base.py` compares the base image that a Dockerfile pins with what the registry has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.programs.environment import scrubbed
from tests.support.programs.wheel import ROOT
from tests.support.registries.images import make_image, make_index, store
from tests.support.registries.registry import RegistryServer
from tests.support.registries.targets import TargetsFactory
from tests.support.services.buildah import mirrored
from tests.support.services.required import program, require

_AMD, _ARM = make_image(), make_image(platform="linux/arm64")
GOOD, OLD, HALF = make_index(_AMD, _ARM), make_index(_ARM, _AMD), make_index(_AMD)
REPOSITORY = "docker.io/library/python"


#: What `FROM` pins, options of the script, and a part of what it says; empty if nothing is wrong.
CASES = [
    (f"3.13@{GOOD.digest}", ["--current"], ""),
    (f"3.13@{OLD.digest}", [], ""),
    (f"3.13@{OLD.digest}", ["--current"], f"{REPOSITORY}:3.13 is {GOOD.digest} now"),
    (f"half@{HALF.digest}", ["--current"], f"{REPOSITORY}@{HALF.digest} has no image for linux/arm64"),
    (f"3.13@{_AMD.digest}", [], f"{REPOSITORY}@{_AMD.digest} has no image for linux/amd64"),
    (f"3.13@sha256:{'0' * 64}", [], "cannot be read: "),
    ("3.13", [], "one line `FROM REPOSITORY:TAG@DIGEST` is wanted"),
]


def test_base_image_is_compared_with_the_registry(
    registry_server: RegistryServer, make_targets: TargetsFactory, tmp_path: Path
) -> None:
    require("skopeo")
    with make_targets() as targets:
        repository = targets.open(f"{registry_server.host}/library/python")
        for image, tag in ((OLD, "3.13"), (HALF, "half"), (GOOD, "3.13")):
            store(image, repository, tag)
    conf = mirrored(registry_server.host, tmp_path)["CONTAINERS_REGISTRIES_CONF"]
    # A stand-in for Docker Hub, which skopeo takes from no variable.
    wrapper = tmp_path / "skopeo"
    wrapper.write_text(f'#!/bin/sh\nexec {program("skopeo")} --registries-conf={conf} "$@"\n')
    wrapper.chmod(0o755)
    env = scrubbed(tmp_path)
    path = tmp_path / "Dockerfile"
    for pinned, options, said in CASES:
        path.write_text(f"# a base\nFROM {REPOSITORY}:{pinned}\n")
        done = subprocess.run(
            [sys.executable, ROOT / ".ci" / "base.py", *options, path],
            env={**env, "PATH": f"{tmp_path}{os.pathsep}{env['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, said in done.stderr) == (1 if said else 0, True), (pinned, done.stderr)
        assert said or not done.stderr
