"""The order of versions written in the format `debian`, by dpkg."""

from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise

import pytest

from release.tagging.formats import format_version
from release.versions.semver import parse

ASCENDING = [
    "0.9.0",
    "1.4.2",
    "1.4.3-dev.5.g3f2a9c1b7d40",
    "1.4.3-dev.12.g0350536aaaaa",
    "1.4.3",
    "1.5.0-alpha.1",
]
ASCENDING += ["1.5.0-beta.2", "1.5.0-rc.1", "1.5.0-rc.1.dev.3.g3f2a9c1b7d40", "1.5.0-rc.2", "1.5.0", "1.10.0"]


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is on Debian and Ubuntu only")
@pytest.mark.parametrize(("lower", "higher"), list(pairwise(ASCENDING)))
def test_dpkg_sorts_debian_versions_in_order(lower: str, higher: str) -> None:
    one, other = (format_version(parse(text), "debian") for text in (lower, higher))
    assert subprocess.run(["dpkg", "--compare-versions", one, "lt", other]).returncode == 0
