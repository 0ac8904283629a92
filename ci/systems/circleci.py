"""CircleCI. Source: circleci.com/docs, "Project values and variables".

CircleCI builds a branch with an open pull request as a branch, and names the request in CIRCLE_PULL_REQUEST. In a
project of its GitHub App it sets no variable for a request, and its documentation says that such a project builds no
requests from forks ("Build open source projects"): the run is one for its branch.
"""

from __future__ import annotations

import re

from ci.systems.evidence import Evidence, Findings, Said

_NUMBER_AT_END = r"/([0-9]{1,18})/?$"
_FORK_BRANCH = r"pull/([0-9]{1,18})(?:/(?:head|merge))?"


def read(evidence: Evidence) -> Findings:
    """Read the variables. CIRCLE_BRANCH is `pull/12` for a request from a fork."""
    branch = evidence.variable("CIRCLE_BRANCH")
    fork_branch = re.fullmatch(_FORK_BRANCH, branch.value) if branch else None
    if branch is not None and fork_branch is not None:
        number: Said | None = Said(fork_branch[1], branch.source)
        branch = None
    else:
        number = None
    owner, name = evidence.variable("CIRCLE_PROJECT_USERNAME"), evidence.variable("CIRCLE_PROJECT_REPONAME")
    # CircleCI sets these three variables, and calls the branch `pull/12`, for requests from forks only.
    fork = evidence.variable("CIRCLE_PR_USERNAME", "CIRCLE_PR_REPONAME", "CIRCLE_PR_NUMBER") or number
    return Findings(
        commit=evidence.variable("CIRCLE_SHA1"),
        git_tag=evidence.variable("CIRCLE_TAG"),
        branch=branch,
        number=_number(evidence) or number,
        request=evidence.variable("CIRCLE_PULL_REQUEST", "CIRCLE_PULL_REQUESTS"),
        source_branch=branch,
        fork=Said("true", fork.source) if fork else None,
        repository_url=evidence.variable("CIRCLE_REPOSITORY_URL"),
        repository=Said(f"{owner.value}/{name.value}", name.source) if owner and name else None,
        run_id=evidence.variable("CIRCLE_BUILD_NUM"),
        job=evidence.variable("CIRCLE_JOB"),
        run_url=evidence.variable("CIRCLE_BUILD_URL"),
        actor=evidence.variable("CIRCLE_USERNAME"),
    )


def _number(evidence: Evidence) -> Said | None:
    url = evidence.variable("CIRCLE_PULL_REQUEST")
    found = re.search(_NUMBER_AT_END, url.value) if url else None
    if url is not None and found is not None:
        return Said(found[1], url.source)
    return evidence.variable("CIRCLE_PR_NUMBER")  # set only for requests from forks
