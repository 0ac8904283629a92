"""New CI definitions for repositories that have none of shipmark yet. Pure.

Until a release is published, each installs shipmark from one commit of the repository that this program came from, with
the hashes of that commit's lock file.
"""

from __future__ import annotations

import msgspec

from release.app.setup.init.convert.spans import CHECKOUT_PIN
from release.registry.credential_variables import prefix_of


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where definitions get shipmark: the repository's https URL, and a commit's whole id."""

    url: str
    commit: str

    @property
    def action(self) -> str:
        """`OWNER/REPOSITORY@COMMIT`, as `uses:` names an action."""
        return f"{'/'.join(self.url.split('/')[-2:])}@{self.commit}"


#: The registry for which GitHub's own token is meant.
_GITHUBS = "ghcr.io"


def github(source: Source, *, branch: str, registry: str) -> str:
    """A workflow that previews pull requests, and releases the default branch and git tags.

    Another registry than GitHub's gets a secret of the user's: GitHub's token would give it the repository.
    """
    name = f"{prefix_of(registry)}_TOKEN"
    token = "github.token" if registry == _GITHUBS else f"secrets.{name}"  # names, no secrets
    return f"""\
name: shipmark
on:
  pull_request:
  push:
    branches: ["{branch}"]
    tags: ["**"]
permissions: {{}}
jobs:
  preview:
    if: github.event_name == 'pull_request'
    runs-on: ubuntu-latest
    permissions:
      contents: read
    steps:
      - uses: {CHECKOUT_PIN}
        with: {{fetch-depth: 0, persist-credentials: false}}
      - uses: {source.action}
        with: {{command: preview}}
  release:
    if: github.event_name == 'push'
    runs-on: ubuntu-latest
    permissions:
      contents: write # the version log is a ref of this repository
      packages: write
    # A release that has begun is not cancelled, and the next one waits.
    concurrency: {{group: shipmark, cancel-in-progress: false, queue: max}}
    steps:
      - uses: {CHECKOUT_PIN}
        with: {{fetch-depth: 0, persist-credentials: false}}
      - uses: {source.action}
        with: {{command: run}}
        env:
          {name}: ${{{{ {token} }}}}
          SHIPMARK_LOG_TOKEN: ${{{{ github.token }}}}
"""


def gitlab(source: Source, *, registry: str, host: str) -> str:
    """A job that previews merge requests, and releases the default branch and git tags. `host`: of the GitLab.

    A registry outside of that host gets its credential from variables of the project, not the job's own credential.
    """
    variable = prefix_of(registry)
    name = registry.partition(":")[0]
    # A variable of the project needs no line here: the job has it in its environment.
    own = (
        f"""
    {variable}_USERNAME: $CI_REGISTRY_USER
    {variable}_PASSWORD: $CI_REGISTRY_PASSWORD"""
        if name == host or name.endswith(f".{host}")
        else ""
    )
    return f"""\
shipmark:
  image: python:3.13
  # One release at a time, and one that has begun is not cancelled by the next push.
  resource_group: shipmark
  interruptible: false
  variables:
    GIT_DEPTH: "0"
    GIT_STRATEGY: clone
    SHIPMARK_CACHE_DIR: "$CI_PROJECT_DIR/.shipmark/cache"{own}
  cache: {{key: shipmark, paths: [.shipmark]}}
  before_script:
{_indented(install_script(source, "/opt/shipmark"), "    - ")}
  script:
    - if [ "$CI_PIPELINE_SOURCE" = merge_request_event ]; then set -- preview; else set -- run; fi
    - /opt/shipmark/venv/bin/python -I /opt/shipmark/venv/bin/shipmark "$@" --result-file .shipmark/result.env
  artifacts:
    reports: {{dotenv: .shipmark/result.env}}
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_TAG
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
"""


def jenkins(source: Source, *, branch: str) -> str:
    """A Jenkinsfile that previews requests, and releases the default branch and git tags."""
    install = _indented(install_script(source, '"$WORKSPACE_TMP/shipmark"'), "                    ")
    return f"""\
// Multibranch: tags are built where the job discovers tags and a build strategy starts them.
pipeline {{
    agent any
    options {{
        disableConcurrentBuilds()
        skipDefaultCheckout(true)
    }}
    stages {{
        stage('Checkout') {{
            steps {{
                checkout scmGit(branches: scm.branches, userRemoteConfigs: scm.userRemoteConfigs,
                    extensions: scm.extensions + [
                        cloneOption(noTags: false, shallow: false, depth: 0, reference: ''),
                        // A kept workspace keeps git tags that were deleted.
                        [$class: 'PruneStaleTag', pruneTags: true]])
                sh '''
{install}
                '''
            }}
        }}
        stage('Preview') {{
            when {{ changeRequest() }}
            steps {{
                sh '"$WORKSPACE_TMP/shipmark/venv/bin/python" -I "$WORKSPACE_TMP/shipmark/venv/bin/shipmark" preview'
            }}
        }}
        stage('Release') {{
            when {{ anyOf {{ buildingTag(); branch '{branch}' }} }}
            steps {{
                // A secret file credential that holds Docker's config.json.
                withCredentials([file(credentialsId: 'docker-config', variable: 'DOCKER_CONFIG_FILE')]) {{
                    sh '''
                        install -D -m 600 "$DOCKER_CONFIG_FILE" "$WORKSPACE_TMP/docker/config.json"
                        export DOCKER_CONFIG="$WORKSPACE_TMP/docker"
                        "$WORKSPACE_TMP/shipmark/venv/bin/python" -I "$WORKSPACE_TMP/shipmark/venv/bin/shipmark" run
                    '''
                }}
            }}
            post {{
                always {{
                    sh 'rm -rf -- "$WORKSPACE_TMP/docker"'
                }}
            }}
        }}
    }}
}}
"""


def install_script(source: Source, folder: str) -> tuple[str, ...]:
    """Shell commands that install shipmark of one commit below `folder`; packages by hash, nothing by name alone."""
    return (
        f"rm -rf {folder}",
        f"git clone --quiet {source.url} {folder}",
        f"git -C {folder} checkout --quiet {source.commit}",
        f"sh {folder}/ci/install.sh {folder}/venv",
    )


def _indented(lines: tuple[str, ...], start: str) -> str:
    return "\n".join(f"{start}{line}" for line in lines)
