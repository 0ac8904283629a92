"""Plugins and settings of the whole suite; the fixtures live in `tests/support`."""

from __future__ import annotations

import os

from hypothesis import settings

from tests.support.programs.outside import leave_ci

leave_ci(os.environ)

pytest_plugins = [
    "tests.support.services.required",
    "tests.support.programs.processes",
    "tests.support.releases.git",
    "tests.support.programs.command",
    "tests.support.registries.faults",
    "tests.support.registries.hostile",
    "tests.support.registries.registry",
    "tests.support.registries.targets",
    "tests.support.services.docker",
    "tests.support.services.buildkit",
    "tests.support.services.buildah",
    "tests.support.programs.wheel",
    "tests.support.programs.old_program",
    "tests.support.releases.project",
    "tests.support.releases.docker_project",
    "tests.support.registries.gate",
    "tests.support.registries.image_commands",
    "tests.support.services.browser",
    "tests.support.services.postgres",
]

# Time limits per example fail on a busy machine, and say nothing about the code.
settings.register_profile("local", deadline=None)
# The same examples on every run, and no folder of examples left behind.
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("SHIPMARK_REQUIRE_SERVICES") else "local")
