"""Tests run alike on a laptop and in every CI system: what tells them apart is taken out of their environment."""

from __future__ import annotations

import os

import pytest

from ci.systems import SYSTEMS, detect
from ci.systems.other import SIGNS
from tests.support.programs.outside import leave_ci

MARKERS = [dict(one) for system in SYSTEMS for one in (*system.alternatives, *system.weak)]


@pytest.mark.parametrize("marker", [*MARKERS, *({name: "1"} for name in SIGNS)], ids=repr)
def test_environment_of_a_ci_system_becomes_that_of_no_system(marker: dict[str, str]) -> None:
    env = {**marker, "PATH": "/bin", "GITHUB_REF": "refs/heads/main", "SHIPMARK_REQUIRE_SERVICES": "1"}
    assert detect(env, None).system != "none"
    leave_ci(env)
    assert detect(env, None).system == "none"
    assert env["PATH"] == "/bin"
    assert env["SHIPMARK_REQUIRE_SERVICES"] == "1"


def test_this_very_process_is_in_no_ci_system() -> None:
    assert detect(os.environ, None).system == "none"
