"""CI systems that are recognised and not read, and the settings with which they release."""

from __future__ import annotations

import os
import subprocess

import pytest

from ci.systems import detect
from ci.systems.other import VENDORS, Vendor
from release.run_scope import scope_of
from tests.support.pages import blocks


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
def test_ci_system_that_is_not_read_is_named_and_releases_by_shipmark_ref_except_requests(
    vendor: Vendor,
) -> None:
    for marker in vendor.markers:
        env = {name: "7" if value == "*" else value for name, value in marker.items()}
        found = detect(env, None)
        assert (found.system, found.name, found.head_origin) == ("other", vendor.name, "unknown")
        told = {**env, "SHIPMARK_REF": "refs/heads/main"}
        if marker.keys() & vendor.requests.keys():  # a file that only a resource for requests leaves
            assert detect(told, None).head_origin == "unknown"
            continue
        assert (detect(told, None).branch, detect(told, None).head_origin) == ("main", None)
        for name, values in vendor.requests.items():
            said = {"PULL_REQUEST.*": "PULL_REQUEST_CREATED", "pr/.*": "pr/12"}.get(values, "12")
            request = detect({**told, name: said}, None)
            assert (request.head_origin, name in request.warnings[-1]) == ("unknown", True)
            assert detect({**told, name: "false"}, None).head_origin is None
            assert detect({**told, name: said, "SHIPMARK_PR_FORK": "false"}, None).head_origin is None


#: Variables of Travis CI, and what a run with the settings of the documentation may do.
TRAVIS = [
    ({"TRAVIS_EVENT_TYPE": "push"}, "branch"),
    ({"TRAVIS_EVENT_TYPE": "cron"}, "branch"),
    ({"TRAVIS_EVENT_TYPE": "push", "TRAVIS_BRANCH": "v1.4.2", "TRAVIS_TAG": "v1.4.2"}, "release"),
    (
        {
            "TRAVIS_EVENT_TYPE": "pull_request",
            "TRAVIS_PULL_REQUEST": "12",
            "TRAVIS_PULL_REQUEST_SLUG": "acme/app",
        },
        "request",
    ),
    (
        {
            "TRAVIS_EVENT_TYPE": "pull_request",
            "TRAVIS_PULL_REQUEST": "12",
            "TRAVIS_PULL_REQUEST_SLUG": "eve/app",
        },
        "nothing",
    ),
]


@pytest.mark.parametrize(("said", "may"), TRAVIS)
def test_settings_for_travis_ci_in_the_documentation_let_its_runs_do_what_others_may(
    said: dict[str, str], may: str
) -> None:
    (block,) = (one for one in blocks("docs/pipelines.md", "sh") if "TRAVIS" in one)
    env = {
        "CI": "true",
        "TRAVIS": "true",
        "TRAVIS_BRANCH": "main",
        "TRAVIS_COMMIT": "0123456789abcdef0123456789abcdef01234567",
        "TRAVIS_PULL_REQUEST": "false",
        "TRAVIS_REPO_SLUG": "acme/app",
        **said,
    }
    done = subprocess.run(
        ["sh", "-euc", block + "\nenv -0"],
        env={"PATH": os.environ["PATH"], "TRAVIS_TAG": "", "TRAVIS_PULL_REQUEST_SLUG": "", **env},
        capture_output=True,
        text=True,
        check=True,
    )
    set_ = dict(line.partition("=")[::2] for line in done.stdout.split("\0") if line)
    assert scope_of(detect(set_, None)).may == may
    assert scope_of(detect(env, None)).may == "nothing"
