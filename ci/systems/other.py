"""CI systems that shipmark recognises without reading their variables, so that none of them counts as a laptop.

What they say of a run is not known: its commit may come from a fork. So such a run is not trusted, unless the user
states its ref in `SHIPMARK_REF` (see `ci.systems.tekton`).

Sources: the documentation of each system; watson/ci-info and semantic-release/env-ci, which list them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from ci.systems.evidence import Evidence, Findings, Said

# Values of a variable that do not name a request: Travis CI and Bitrise set `false`.
_REQUEST = r"(?!(?i:false|0|null)$).+"


#: Files that a CI system leaves in the clone, and neither git nor a commit can. `detect` takes them for variables.
#: Concourse sets variables for resources only, and none for a task. Its git resource writes the first one. The others
#: are written by resources that check out pull and merge requests: telia-oss/github-pr-resource,
#: jtarchie/github-pullrequest-resource, swisscom/gitlab-merge-request-resource.
_REQUEST_FILES = (".git/resource/version.json", ".git/base_sha", ".git/merge-request.json")
FILES = (".git/short_ref", ".git/resource/metadata.json", *_REQUEST_FILES)


class Vendor(msgspec.Struct, frozen=True):
    """A CI system. `markers`: variables of which each identifies it, or sets of variables that do so together.

    The value `*` matches any value. `requests`: variables that it sets for a pull request, with a pattern of their
    values.
    """

    name: str
    markers: tuple[Mapping[str, str], ...]
    requests: Mapping[str, str] = {}


def _vendor(name: str, marker: str, *requests: str) -> Vendor:
    return Vendor(name, ({marker: "*"},), dict.fromkeys(requests, _REQUEST))


VENDORS: tuple[Vendor, ...] = (
    Vendor("Travis CI", ({"TRAVIS": "true"},), {"TRAVIS_PULL_REQUEST": _REQUEST}),
    Vendor("AppVeyor", ({"APPVEYOR": "true"},), {"APPVEYOR_PULL_REQUEST_NUMBER": _REQUEST}),
    Vendor(
        "AWS CodeBuild",
        ({"CODEBUILD_BUILD_ARN": "*"}, {"CODEBUILD_BUILD_ID": "*"}),
        {"CODEBUILD_WEBHOOK_EVENT": "PULL_REQUEST.*", "CODEBUILD_SOURCE_VERSION": "pr/.*"},
    ),
    _vendor("TeamCity", "TEAMCITY_VERSION"),
    Vendor(
        "Semaphore",
        ({"SEMAPHORE": "true"},),
        {"SEMAPHORE_GIT_PR_NUMBER": _REQUEST, "PULL_REQUEST_NUMBER": _REQUEST},
    ),
    Vendor("Cirrus CI", ({"CIRRUS_CI": "true"},), {"CIRRUS_PR": _REQUEST}),
    _vendor("Google Cloud Build", "BUILDER_OUTPUT", "_PR_NUMBER"),
    Vendor(
        "Bamboo",
        ({"bamboo_planKey": "*"}, {"bamboo_buildKey": "*"}),
        {"bamboo_repository_pr_key": _REQUEST},
    ),
    Vendor(
        "Bitrise", ({"BITRISE_IO": "*"}, {"BITRISE_BUILD_NUMBER": "*"}), {"BITRISE_PULL_REQUEST": _REQUEST}
    ),
    Vendor(
        "Buddy",
        ({"BUDDY": "true"}, {"BUDDY_WORKSPACE_ID": "*"}),
        {"BUDDY_EXECUTION_PULL_REQUEST_ID": _REQUEST, "BUDDY_RUN_PR_ID": _REQUEST},
    ),
    _vendor("Codefresh", "CF_BUILD_ID", "CF_PULL_REQUEST_NUMBER", "CF_PULL_REQUEST_ID"),
    _vendor("Codemagic", "CM_BUILD_ID", "CM_PULL_REQUEST", "CM_PULL_REQUEST_NUMBER"),
    Vendor("CodeShip", ({"CI_NAME": "codeship"},), {"CI_PR_NUMBER": _REQUEST, "CI_PULL_REQUEST": _REQUEST}),
    Vendor("SourceHut", ({"CI_NAME": "sourcehut"},)),
    _vendor("Harness", "HARNESS_BUILD_ID"),
    _vendor("GoCD", "GO_PIPELINE_LABEL"),
    Vendor("Vela", ({"VELA": "true"},), {"VELA_PULL_REQUEST": _REQUEST}),
    Vendor("Screwdriver", ({"SCREWDRIVER": "true"},), {"SD_PULL_REQUEST": _REQUEST}),
    _vendor("Prow", "PROW_JOB_ID", "PULL_NUMBER"),
    _vendor("Agola", "AGOLA_GIT_REF", "AGOLA_PULL_REQUEST_ID"),
    _vendor("JetBrains Space", "JB_SPACE_EXECUTION_NUMBER"),
    _vendor("Argo Workflows", "ARGO_NODE_ID"),
    Vendor(
        "Concourse",
        ({"ATC_EXTERNAL_URL": "*"}, *({name: "*"} for name in FILES)),
        dict.fromkeys(_REQUEST_FILES, _REQUEST),
    ),
    Vendor("Taskcluster", ({"TASKCLUSTER_ROOT_URL": "*", "TASK_ID": "*"},)),
    _vendor("Appcircle", "AC_APPCIRCLE", "AC_GIT_PR"),
    _vendor("Visual Studio App Center", "APPCENTER_BUILD_ID"),
    _vendor("Expo", "EAS_BUILD"),
    _vendor("Xcode Cloud", "CI_XCODE_PROJECT", "CI_PULL_REQUEST_NUMBER"),
    Vendor("Netlify", ({"NETLIFY": "true"},), {"PULL_REQUEST": _REQUEST}),
    Vendor("Render", ({"RENDER": "true"},), {"IS_PULL_REQUEST": _REQUEST}),
    Vendor("Cloudflare", ({"CF_PAGES": "1"}, {"WORKERS_CI": "1"})),
    _vendor("Heroku CI", "HEROKU_TEST_RUN_ID"),
    Vendor("Earthly", ({"EARTHLY_CI": "true"},)),
    Vendor("Sail CI", ({"SAILCI": "true"},), {"SAIL_PULL_REQUEST_NUMBER": _REQUEST}),
    Vendor("Scrutinizer", ({"SCRUTINIZER": "true"},), {"SCRUTINIZER_PR_NUMBER": _REQUEST}),
    _vendor("Wercker", "WERCKER_MAIN_PIPELINE_STARTED"),
    Vendor("Shippable", ({"SHIPPABLE": "true"},), {"IS_PULL_REQUEST": _REQUEST}),
)

#: Variables that systems without a row above set, and no laptop does. Jenkins, TeamCity and others set `BUILD_NUMBER`
#: and `BUILD_ID`; with neither `JENKINS_URL` nor `TEAMCITY_VERSION` it is not known which system it is.
SIGNS = (
    "CI",
    "CONTINUOUS_INTEGRATION",
    "CI_NAME",
    "CI_BUILD_ID",
    "CI_BUILD_NUMBER",
    "BUILD_ID",
    "BUILD_NUMBER",
    "HUDSON_URL",
)
# Values of a sign that deny a CI system.
_NO = frozenset({"0", "false", "no", "off"})


#: What lets a run of such a system be trusted.
REMEDY = (
    "say what the run is for in `SHIPMARK_REF` (`refs/heads/…` or `refs/tags/…`), `SHIPMARK_SHA` and `SHIPMARK_EVENT`, "
    "for pull requests also in `SHIPMARK_PR` and `SHIPMARK_PR_FORK`; where no CI system runs shipmark, set "
    "`SHIPMARK_CI=none`"
)


def sign_of_ci(evidence: Evidence) -> Said | None:
    """Return the first variable that shows that some CI system runs the process; None on a laptop."""
    said = (evidence.variable(name) for name in SIGNS)
    return next((one for one in said if one is not None and one.value.strip().lower() not in _NO), None)


def vendor_of(evidence: Evidence) -> Vendor | None:
    """Return the CI system of `VENDORS` that the variables identify."""
    return next((one for one in VENDORS if any(_fits(evidence, marker) for marker in one.markers)), None)


def _fits(evidence: Evidence, marker: Mapping[str, str]) -> bool:
    said = [(evidence.variable(name), wanted) for name, wanted in marker.items()]
    return all(one is not None and wanted in ("*", one.value.strip().lower()) for one, wanted in said)


def read(evidence: Evidence) -> Findings:
    """Read the `SHIPMARK_*` variables; without a ref, or in a pull request, the commit's origin is unknown."""
    from ci.systems import tekton  # imported late: every command imports this module, and few need that one

    vendor = vendor_of(evidence)
    markers = () if vendor is None else tuple(name for one in vendor.markers for name in one)
    marker = evidence.variable(*markers) or sign_of_ci(evidence) or Said("", "SHIPMARK_CI")
    is_told = (tekton.stated_ref(evidence) or evidence.variable("SHIPMARK_PR")) is not None
    origin = _request(evidence, vendor) or (None if is_told else marker)
    found = msgspec.structs.replace(
        tekton.read(evidence), name=None if vendor is None else Said(vendor.name, marker.source)
    )
    if origin is None:
        return found
    return msgspec.structs.replace(
        found,
        head_origin=Said("unknown", origin.source),
        warnings=(
            *found.warnings,
            f"{unread(None if vendor is None else vendor.name, origin.source)}, so nothing is released; {REMEDY}",
        ),
    )


def unread(name: str | None, variable: str) -> str:
    """Return the sentence that says why nothing is known of a run."""
    if variable in FILES:
        return f"`{variable}` shows {name}, which tells shipmark nothing of the run"
    if name is None:
        return f"`{variable}` shows a CI system that shipmark does not know"
    return f"`{variable}` shows {name}, whose variables shipmark does not read"


def _request(evidence: Evidence, vendor: Vendor | None) -> Said | None:
    """Return the variable with which the CI system says that it builds a pull request."""
    for name, values in ({} if vendor is None else vendor.requests).items():
        said = evidence.variable(name)
        if said is not None and re.fullmatch(values, said.value.strip()):
            return said
    return None
