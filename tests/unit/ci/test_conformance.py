"""Checks `detect` against the table of CI environments, `tests/conformance/ci-environments.json`."""

from __future__ import annotations

from typing import Any

import pytest

from ci.context import CiContext
from ci.systems import detect
from tests.support.conformance import table

#: (provider, case) -> why we decide it differently. Nothing so far.
DIFFERENT: dict[tuple[str, str], str] = {}


def cases() -> list[Any]:
    return [
        pytest.param(provider["provider"], case, id=f"{provider['provider']}: {case['name']}")
        for provider in table("ci-environments")["providers"]
        for case in provider["cases"]
    ]


def in_the_tables_words(found: CiContext) -> dict[str, Any]:
    """Return the context in the fields of the table, in which a merge train has the `kind` of a merge request."""
    request = found.pull_request
    if found.git_tag is not None:
        kind = "tag"
    elif request is not None:
        kind = "pr"
    elif found.merge_queue:
        kind = "queue"
    else:
        kind = "branch" if found.branch is not None else "local"
    return {
        "kind": kind,
        "branch": found.branch,
        "tag": found.git_tag,
        "pr": str(request.number) if request else None,
        "base_branch": request.target_branch if request else None,
        "pr_branch": request.source_branch if request else None,
        "sha": found.commit,
        "pr_head_sha": request.head_sha if request else None,
        "default_branch": found.default_branch,
        "fork": request.fork if request else None,
    }


@pytest.mark.parametrize(("provider", "case"), cases())
def test_context_of_an_environment_is_that_of_the_conformance_table(
    provider: str, case: dict[str, Any]
) -> None:
    if (provider, case["name"]) in DIFFERENT:
        pytest.skip(DIFFERENT[provider, case["name"]])
    found = detect(case["env"], case.get("event_json"))
    assert found.system == provider
    said = in_the_tables_words(found)
    assert {name: said[name] for name in case["expected"]} == case["expected"]
