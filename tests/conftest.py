"""Plugins and settings of the whole suite; the fixtures live in `tests/support`."""

from __future__ import annotations

import os

from hypothesis import settings

pytest_plugins = [
    "tests.support.services",
    "tests.support.processes",
    "tests.support.git",
    "tests.support.command",
    "tests.support.faults",
    "tests.support.hostile",
    "tests.support.registry",
    "tests.support.targets",
    "tests.support.docker",
    "tests.support.wheel",
    "tests.support.project",
    "tests.support.gate",
    "tests.support.browser",
    "tests.support.postgres",
]

# Time limits per example fail on a busy machine, and say nothing about the code.
settings.register_profile("local", deadline=None)
# The same examples on every run, and no folder of examples left behind.
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")
