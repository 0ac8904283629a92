"""Detecting the context of a CI run, by golden files for each CI system and event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.context import CiContext
from ci.systems import NAMES, SYSTEMS, detect, event_path
from ci.systems.refs import public_url, repository_name

GOLDEN = sorted(Path(__file__).with_name("golden").glob("*.json"))
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_context_is_detected_from_its_variables_and_event(path: Path) -> None:
    case = load(path)
    found = detect(case["env"], case["event"])
    expected = msgspec.convert(case["context"], CiContext)
    assert msgspec.structs.replace(found, concluded=()) == expected
    assert {line.field: line.variable for line in found.concluded} == case["concluded_from"]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_each_conclusion_has_a_value_of_the_context(path: Path) -> None:
    case = load(path)
    found = detect(case["env"], case["event"])
    for line in found.concluded:
        value: Any = found
        for name in line.field.split("."):
            value = getattr(value, name)
        assert line.value == (str(value).lower() if isinstance(value, bool) else str(value))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_no_secret_of_the_environment_reaches_the_context(path: Path) -> None:
    case = load(path)
    text = repr(detect(case["env"], case["event"]))
    for secret in ("hunter2", "glcbt-64_secret", "gitlab-ci-token", "bot:"):
        assert secret not in text


def test_every_ci_system_that_is_read_itself_has_golden_files_for_branch_tag_and_request() -> None:
    seen: dict[str, set[str]] = {}
    for path in GOLDEN:
        context = load(path)["context"]
        kind = "tag" if "git_tag" in context else "request" if "pull_request" in context else "branch"
        seen.setdefault(context["system"], set()).add(kind)
    complete = set(NAMES) - {"none", "other", "gitea", "forgejo"}
    assert {name for name, kinds in seen.items() if kinds >= {"branch", "tag", "request"}} == complete
    assert set(seen) == set(NAMES)


@pytest.mark.parametrize(
    ("ref", "is_told"),
    [
        ("$(tt.params.ref)", True),
        ("{{ source_branch }}", True),
        ("${{ github.ref }}", True),
        ("main", False),
        ("", False),
    ],
)
def test_ref_that_is_still_a_placeholder_is_told(ref: str, is_told: bool) -> None:
    found = detect({"SHIPMARK_CI": "tekton", "SHIPMARK_REF": ref, "SHIPMARK_EVENT": "push"}, None)
    assert (
        any(f"`SHIPMARK_REF` is `{ref}`, which nothing replaced" in one for one in found.warnings) == is_told
    )


def test_bytes_of_variables_that_are_not_utf_8_are_escaped_as_in_names_from_git() -> None:
    env = {"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "f\udcfcr", "CI_PROJECT_URL": "https://h/\udcff"}
    found = detect({**env, "CI_PIPELINE_SOURCE": "push", "GITLAB_USER_LOGIN": "j\udcf6rg"}, None)
    assert found.branch == r"f\xfcr"
    assert str(found).isascii()
    event = {"workflow_run": {"head_branch": "a\0b", "event": "push"}}
    env = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "workflow_run"}
    assert "\0" not in str(detect(env, event))


class TestChoice:
    def test_empty_variable_of_a_ci_system_counts_as_unset(self) -> None:
        assert detect({"GITHUB_ACTIONS": "", "GITLAB_CI": " ", "JENKINS_URL": ""}, None).system == "none"

    def test_false_value_of_a_ci_systems_variable_does_not_select_the_system(self) -> None:
        assert detect({"GITHUB_ACTIONS": "false", "BUILDKITE": "0"}, None).system == "none"

    @pytest.mark.parametrize("name", NAMES)
    def test_ci_system_given_by_option_or_variable_overrides_the_detected_ones(self, name: str) -> None:
        env = {"GITHUB_ACTIONS": "true", "JENKINS_URL": "http://j/", "SHIPMARK_CI": "drone"}
        assert detect(env, None, system=name).system == name
        assert detect({**env, "SHIPMARK_CI": name}, None).system == name

    def test_ci_system_none_reads_no_branch_and_no_commit(self) -> None:
        env = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main", "GITHUB_SHA": COMMIT}
        found = detect(env, None, system="none")
        assert (found.branch, found.commit, found.concluded[0].variable) == (None, None, "--ci")

    def test_unknown_name_in_shipmark_ci_is_a_warning_and_the_system_is_detected(self) -> None:
        found = detect({"SHIPMARK_CI": "hudson", "GITLAB_CI": "true"}, None)
        assert found.system == "gitlab"
        assert "`SHIPMARK_CI=hudson` names no CI system" in found.warnings[0]

    def test_shipmark_ref_overrides_the_variables_of_the_ci_system(self) -> None:
        env = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main"}
        env |= {"SHIPMARK_REF": " refs/tags/v1.4.2\n"}  # as a block of YAML may give it
        found = detect(env, None)
        assert (found.system, found.git_tag, found.branch) == ("tekton", "v1.4.2", None)

    def test_variables_that_forgejo_takes_over_from_gitea_and_github_cause_no_warning(self) -> None:
        env = {"FORGEJO_ACTIONS": "true", "GITEA_ACTIONS": "true", "GITHUB_ACTIONS": "true"}
        assert (detect(env, None).system, detect(env, None).warnings) == ("forgejo", ())

    def test_event_file_is_read_for_github_gitea_and_forgejo_only(self) -> None:
        env = {"GITHUB_EVENT_PATH": "/tmp/event.json"}
        assert event_path({**env, "GITEA_ACTIONS": "true"}) == "/tmp/event.json"
        assert event_path({**env, "GITLAB_CI": "true"}) is None
        assert event_path(env) is None
        assert event_path({"GITHUB_ACTIONS": "true"}) is None


#: A tag and a branch at once, as each system could be made to say.
BOTH = {
    "github": {"GITHUB_REF": "refs/tags/v1", "GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "branch"},
    "gitlab": {"CI_COMMIT_TAG": "v1", "CI_COMMIT_BRANCH": "main"},
    "jenkins": {"TAG_NAME": "v1", "BRANCH_NAME": "v1", "GIT_BRANCH": "origin/main", "CHANGE_ID": "12"},
    "tekton": {"SHIPMARK_REF": "refs/tags/v1", "SHIPMARK_PR": "12"},
    "circleci": {"CIRCLE_TAG": "v1", "CIRCLE_BRANCH": "main", "CIRCLE_PULL_REQUEST": "https://g/pull/12"},
    "azure": {"BUILD_SOURCEBRANCH": "refs/tags/v1", "BUILD_SOURCEBRANCHNAME": "v1"},
    "buildkite": {"BUILDKITE_TAG": "v1", "BUILDKITE_BRANCH": "v1"},
    "bitbucket": {"BITBUCKET_TAG": "v1", "BITBUCKET_BRANCH": "main"},
    "drone": {"DRONE_TAG": "v1", "DRONE_BRANCH": "main"},
    "woodpecker": {"CI_COMMIT_TAG": "v1", "CI_COMMIT_BRANCH": "main"},
}


@pytest.mark.parametrize("system", BOTH)
def test_git_tag_overrides_branch_and_request(system: str) -> None:
    found = detect(BOTH[system], None, system=system)
    assert (found.git_tag, found.branch, found.pull_request, found.event) == ("v1", None, None, "tag")


class TestRequests:
    def test_invalid_request_number_gives_no_branch_and_a_warning(self) -> None:
        found = detect({"CHANGE_ID": "abc", "BRANCH_NAME": "main"}, None, system="jenkins")
        assert (found.branch, found.pull_request) == (None, None)
        assert "`CHANGE_ID` holds no request number" in found.warnings[0]

    @pytest.mark.parametrize("word", ["0", "false", ""])
    def test_request_number_false_or_zero_means_a_branch_build(self, word: str) -> None:
        found = detect({"BUILDKITE_PULL_REQUEST": word, "BUILDKITE_BRANCH": "main"}, None, system="buildkite")
        assert (found.branch, found.warnings) == ("main", ())

    @pytest.mark.parametrize("digits", [20, 5000])  # Python refuses to write out more than 4300
    def test_request_number_with_too_many_digits_is_ignored(self, digits: int) -> None:
        assert detect({"CHANGE_ID": "9" * digits}, None, system="jenkins").pull_request is None
        event = {"number": 10**digits, "pull_request": {"number": -(10**digits)}}
        assert detect({"GITHUB_EVENT_NAME": "pull_request"}, event, system="github").pull_request is None

    @pytest.mark.parametrize("commit", ["HEAD", "0123456", "zz" * 20, COMMIT + "0"])
    def test_abbreviated_or_malformed_commit_id_is_ignored(self, commit: str) -> None:
        assert detect({"GITHUB_SHA": commit}, None, system="github").commit is None

    def test_commit_id_of_a_sha256_repository_is_accepted(self) -> None:
        assert detect({"GITHUB_SHA": "AB" * 32}, None, system="github").commit == "ab" * 32


@pytest.mark.parametrize(
    ("given_url", "url", "name"),
    [
        ("https://github.com/acme/app.git", "https://github.com/acme/app.git", "acme/app"),
        ("https://x-access-token:ghs_1@github.com/acme/app", "https://github.com/acme/app", "acme/app"),
        ("https://a:b@c:d@host/acme/app", "https://host/acme/app", "acme/app"),
        ("https://host/acme/app?private_token=x#y", "https://host/acme/app", "acme/app"),
        ("https://host/b?buildId=5", "https://host/b?buildId=5", None),
        ("https://host/b?buildId=5&token=x", "https://host/b", "b"),
        ("ssh://git:pw@host:22/acme/app.git", "ssh://git@host:22/acme/app.git", "acme/app"),
        ("ssh://deploy@host/acme/app.git", "ssh://host/acme/app.git", "acme/app"),
        ("git@github.com:acme/app.git", "git@github.com:acme/app.git", "acme/app"),
        ("APKA123@host:v1/app", "host:v1/app", "v1/app"),
        ("/srv/git/app.git", None, None),
        ("user:pw@host:acme/app", None, None),
        ("not a url", None, None),
    ],
)
def test_public_url_of_a_repository_has_no_credentials(
    given_url: str, url: str | None, name: str | None
) -> None:
    assert public_url(given_url) == url
    assert repository_name(url or "") == name


@pytest.mark.parametrize(
    "env",
    [
        {"BITBUCKET_BUILD_NUMBER": "7", "BITBUCKET_REPO_FULL_NAME": "https://u:SECRET@h/p"},
        {
            "TF_BUILD": "True",
            "SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/",
            "SYSTEM_TEAMPROJECT": "https://u:SECRET@h/p",
            "BUILD_BUILDID": "7",
        },
    ],
    ids=["bitbucket", "azure"],
)
def test_url_of_the_ci_run_is_not_made_of_invalid_names(env: dict[str, str]) -> None:
    assert detect(env, None).run.url is None


VARIABLES = sorted({name for path in GOLDEN for name in load(path)["env"]} | {"SHIPMARK_CI", "CI"})
VALUES = (
    st.sampled_from(
        ["true", "True", "false", "tekton", "refs/tags/", "refs/heads/main", "refs/pull/0/x", "$(x)", "٣"]
    )
    # Hypothesis also tries the words that stand in this file; only as a URL's credential is this one secret.
    | st.text(max_size=20).filter(lambda text: "SECRET" not in text)
    | st.sampled_from(["https://u:SECRET@h/p", "git@h:a/b", "http://u:SECRET@", "SECRET@h:x", "//:SECRET@/"])
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["pull_request", "number", "head", "base", "repo", "full_name", "sha", "ref", "repository"]
            )
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


class TestNeverRaises:
    @given(
        env=st.dictionaries(st.sampled_from(VARIABLES), VALUES, max_size=12),
        event=JSON,
        system=st.sampled_from([None, *NAMES, "hudson", ""]),
    )
    def test_detecting_the_ci_system_never_raises_and_leaks_no_secret_in_urls(
        self, env: dict[str, str], event: Any, system: str | None
    ) -> None:
        found = detect(env, event, system=system)
        assert found.system in NAMES
        assert sum(x is not None for x in (found.branch, found.git_tag, found.pull_request)) <= 1
        assert found == detect(env, event, system=system)
        assert event_path(env, system=system) in (None, env.get("GITHUB_EVENT_PATH"))
        urls = [found.repository_url or "", found.run.url or ""]
        assert not any("SECRET" in url for url in urls)

    @given(event=JSON)
    def test_github_pull_request_target_gives_no_branch_whatever_the_event_file_has(self, event: Any) -> None:
        env = {"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main"}
        assert detect(env, event, system="github").branch is None


def test_each_ci_system_is_listed_once_and_has_its_module() -> None:
    assert len({marker.system for marker in SYSTEMS}) == len(SYSTEMS)
    folder = Path(__file__).parents[3] / "ci" / "systems"
    assert all((folder / f"{marker.module}.py").is_file() for marker in SYSTEMS)


@pytest.mark.parametrize("password", ["pa/ss", "pa#ss", "pa?ss", "p@ss", "p@s/s", "1/2", "%"])
def test_no_part_of_a_password_is_left_in_a_public_url(password: str) -> None:
    shown = public_url(f"https://user:{password}@host.example/acme/app")
    assert shown in (None, "https://host.example/acme/app")


@pytest.mark.parametrize(
    ("env", "system"),
    [
        ({"CI": "true"}, "other"),
        ({"CI": "1"}, "other"),
        ({"CI": "semaphore"}, "other"),
        ({"CI": "drone"}, "other"),  # without `DRONE`
        ({"CI": "true", "GITHUB_ACTIONS": "1"}, "other"),
        ({"CONTINUOUS_INTEGRATION": "True"}, "other"),
        ({"BUILD_ID": "41"}, "other"),
        ({"CI": "no", "BUILD_NUMBER": "41"}, "other"),
        ({"CI": "true", "SHIPMARK_CI": "hudson"}, "other"),
        ({"TEAMCITY_VERSION": "2024.12", "JENKINS_URL": "https://j/"}, "other"),
        ({"RENDER": "true", "JENKINS_URL": "https://j/", "BUILD_ID": "1", "JOB_NAME": "a"}, "jenkins"),
        ({"CI": ""}, "none"),
        ({"CI": "no"}, "none"),
        ({"CI": "0"}, "none"),
        ({"CI": "False", "TRAVIS": "true"}, "none"),
        ({"TRAVIS": "false"}, "none"),
        ({"TASKCLUSTER_ROOT_URL": "https://t/"}, "none"),
        ({"CI": "true", "SHIPMARK_CI": "none"}, "none"),
        ({"CI": "true", "GITLAB_CI": "true"}, "gitlab"),
        ({"CI": "true", "SHIPMARK_REF": "refs/heads/main"}, "tekton"),
    ],
)
def test_ci_system_that_is_not_known_is_never_taken_for_a_laptop(env: dict[str, str], system: str) -> None:
    found = detect(env, None)
    assert (found.system, found.head_origin) == (system, "unknown" if system == "other" else None)
    assert [text for text in found.warnings if "say what the run is for in `SHIPMARK_REF`" in text] == (
        [found.warnings[-1]] if system == "other" else []
    )
    assert detect(env, None, system="none").warnings == ()
