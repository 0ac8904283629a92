"""Removes from this process's environment what would make tests depend on where they run."""

from __future__ import annotations

from collections.abc import MutableMapping

from ci.systems import SYSTEMS
from ci.systems.other import SIGNS

#: Variables that a person sets to steer the tests themselves.
_OF_THE_TESTS = (
    "SHIPMARK_EXAMPLES",
    "SHIPMARK_FUZZ",
    "SHIPMARK_HOSTILE",
    "SHIPMARK_REQUIRE_SERVICES",
    "SHIPMARK_TEST_",
)


def leave_ci(env: MutableMapping[str, str]) -> None:
    """Remove from `env` what tells a program which CI system runs it, and every setting of shipmark.

    Otherwise a command that a test calls in its own process is an untrusted run where CI runs the tests, and a trusted
    one on a laptop. Variables of a system without its markers are read by nothing.
    """
    markers = {name for system in SYSTEMS for one in (*system.alternatives, *system.weak) for name in one}
    signs = markers.union(SIGNS)
    for name in [*env]:
        if name in signs or (name.startswith("SHIPMARK_") and not name.startswith(_OF_THE_TESTS)):
            del env[name]
