"""Every CI system has instructions for shallow clones, missing tags and foreign owners."""

from __future__ import annotations

import re

import pytest

from ci.remedies import remedy
from ci.systems import NAMES


@pytest.mark.parametrize("system", NAMES)
@pytest.mark.parametrize("what", ["shallow", "no-tags", "dubious-ownership"])
def test_every_remedy_contains_a_line_to_copy(system: str, what: str) -> None:
    said = remedy(system, what)  # type: ignore[arg-type]
    assert re.search(r"`[^`]+`", said)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("system", "what", "line"),
    [
        ("github", "shallow", "fetch-depth: 0"),
        ("gitlab", "shallow", 'GIT_DEPTH: "0"'),
        ("gitlab", "no-tags", "GIT_FETCH_EXTRA_FLAGS"),
        ("jenkins", "no-tags", "cloneOption(noTags: false, shallow: false, depth: 0, reference: '')"),
        ("tekton", "shallow", 'value: "0"'),
        ("azure", "no-tags", "fetchTags: true"),
        ("bitbucket", "shallow", "depth: full"),
        ("none", "shallow", "git fetch --unshallow --tags"),
        ("none", "dubious-ownership", "safe.directory"),
        ("hudson", "no-tags", "git fetch --tags --force"),
    ],
)
def test_remedy_contains_the_setting_of_the_system(system: str, what: str, line: str) -> None:
    assert line in remedy(system, what)  # type: ignore[arg-type]
