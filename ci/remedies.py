"""Instructions for each CI system against frequent problems of a first run: what the clone lacks, and its owner."""

from __future__ import annotations

from typing import Literal

What = Literal["shallow", "no-tags", "dubious-ownership", "no-credential"]
Lack = Literal["submodules", "loose", "sparse", "lfs", "locked", "unwatched"]

_GITHUB_CHECKOUT = "set `with: {fetch-depth: 0}` on `actions/checkout`"
_JENKINS_CHECKOUT = (
    "check out with `checkout scmGit(branches: scm.branches, userRemoteConfigs: scm.userRemoteConfigs, extensions: "
    "scm.extensions + [cloneOption(noTags: false, shallow: false, depth: 0, reference: '')])`"
)
_BITBUCKET_CLONE = "set `clone: {depth: full}` in `bitbucket-pipelines.yml`"
_WOODPECKER_CLONE = (
    "set `clone: [{name: git, image: woodpeckerci/plugin-git, "
    "settings: {partial: false, depth: 0, tags: true}}]`"
)
_TEKTON_DEPTH = '{name: depth, value: "0"}'
_TEKTON_REFSPEC = "{name: refspec, value: '+refs/heads/*:refs/remotes/origin/* +refs/tags/*:refs/tags/*'}"
_BUILDKITE_FETCH = '`env: {BUILDKITE_GIT_FETCH_FLAGS: "-v --prune --tags"}`'
_AZURE_CHECKOUT = 'set `- {checkout: self, fetchDepth: "0", fetchTags: true}` as the first step'

#: System -> (shallow clone, complete clone without tags).
_CLONES: dict[str, tuple[str, str]] = {
    "github": (_GITHUB_CHECKOUT, _GITHUB_CHECKOUT),
    "gitea": (_GITHUB_CHECKOUT, _GITHUB_CHECKOUT),
    "forgejo": (_GITHUB_CHECKOUT, _GITHUB_CHECKOUT),
    "gitlab": (
        'set `variables: {GIT_DEPTH: "0"}` on the job',
        'set `variables: {GIT_DEPTH: "0", GIT_FETCH_EXTRA_FLAGS: "--tags --force --prune --prune-tags"}` on the job',
    ),
    "jenkins": (_JENKINS_CHECKOUT, _JENKINS_CHECKOUT),
    "tekton": (
        f"set the param `{_TEKTON_DEPTH}` of the `git-clone` task",
        f"set the params `{_TEKTON_DEPTH}` and `{_TEKTON_REFSPEC}` of the `git-clone` task",
    ),
    "circleci": (
        "add `- run: git fetch --unshallow --tags --force` after `- checkout`",
        "add `- run: git fetch --tags --force` after `- checkout`",
    ),
    "azure": (_AZURE_CHECKOUT, _AZURE_CHECKOUT),
    "buildkite": (
        f"take `--depth` out of `BUILDKITE_GIT_CLONE_FLAGS` and set {_BUILDKITE_FETCH}",
        f"set {_BUILDKITE_FETCH}",
    ),
    "bitbucket": (_BITBUCKET_CLONE, _BITBUCKET_CLONE),
    "drone": (
        "take `depth` out of `clone:` and add a step with `commands: [git fetch --unshallow --tags --force]`",
        "add a step with `commands: [git fetch --tags --force]`",
    ),
    "woodpecker": (_WOODPECKER_CLONE, _WOODPECKER_CLONE),
    "none": ("run `git fetch --unshallow --tags --force`", "run `git fetch --tags --force`"),
}

_NO_CREDENTIAL = "give the job a credential that may read the repository: `git ls-remote` has to work in it"
_GITHUB_CREDENTIAL = (
    "take `persist-credentials: false` out of `with:` of `actions/checkout`, and give the job "
    "`permissions: {contents: read}`"
)
#: System -> what lets later steps of a job ask the remote with the credential of its checkout.
_CREDENTIALS: dict[str, str] = {
    "github": _GITHUB_CREDENTIAL,
    "gitea": _GITHUB_CREDENTIAL,
    "forgejo": _GITHUB_CREDENTIAL,
    "gitlab": "set `variables: {GIT_STRATEGY: fetch}` on the job, so that the clone has the token of this job",
    "jenkins": "run shipmark in `withCredentials([gitUsernamePassword(credentialsId: 'ID')]) { … }`, "
    "or in `sshagent(['ID']) { … }`",
    "tekton": "annotate a secret of the task's service account: `tekton.dev/git-0: https://HOST`",
    "azure": "set `- {checkout: self, persistCredentials: true}` as the first step",
    "circleci": "add `- add_ssh_keys` before the step",
    "none": "`git ls-remote` has to work here: sign in with git's credential helper, or use an SSH key",
}

#: System -> the variable with the folder of the checkout. Systems without such a variable are not listed.
_WORKSPACE: dict[str, str] = {
    "github": "$GITHUB_WORKSPACE",
    "gitea": "$GITHUB_WORKSPACE",
    "forgejo": "$GITHUB_WORKSPACE",
    "gitlab": "$CI_PROJECT_DIR",
    "jenkins": "$WORKSPACE",
    "azure": "$BUILD_SOURCESDIRECTORY",
    "buildkite": "$BUILDKITE_BUILD_CHECKOUT_PATH",
    "bitbucket": "$BITBUCKET_CLONE_DIR",
    "drone": "$DRONE_WORKSPACE",
    "woodpecker": "$CI_WORKSPACE",
}


def remedy(system: str, what: What) -> str:
    """Return the instruction against the problem `what` on `system`: a sentence fragment with the line in backticks.

    `shallow`: history is missing. `no-tags`: the history is complete, git tags are missing. `dubious-ownership`: git
    refuses the folder of another user. `no-credential`: the remote asks for a credential, and the clone has none, as
    with `persist-credentials: false`. A system that is not known gets the plain git command.
    """
    if what == "dubious-ownership":
        return f'run `git config --global --add safe.directory "{_WORKSPACE.get(system, "$PWD")}"` before'
    if what == "no-credential":
        return _CREDENTIALS.get(system, _NO_CREDENTIAL)
    shallow, no_tags = _CLONES.get(system, _CLONES["none"])
    return shallow if what == "shallow" else no_tags


_GITHUB_FILES: dict[Lack, str] = {
    "submodules": "set `with: {submodules: recursive}` on `actions/checkout`",
    "sparse": "take `sparse-checkout` out of `with:` of `actions/checkout`",
    "lfs": "set `with: {lfs: true}` on `actions/checkout`",
}
_COMMANDS: dict[Lack, str] = {
    "submodules": "git submodule update --init --recursive",
    "sparse": "git sparse-checkout disable",
    "lfs": "git lfs pull",
}
_JENKINS_EXTENSION = (
    "check out with `checkout scmGit(branches: scm.branches, userRemoteConfigs: scm.userRemoteConfigs, extensions: "
    "scm.extensions + [{}])`"
)

#: System -> instructions for files that a checkout left out. For kinds of files that are not listed, a step with a
#: command of `_COMMANDS` is the instruction.
_FILES: dict[str, dict[Lack, str]] = {
    "github": _GITHUB_FILES,
    "gitea": _GITHUB_FILES,
    "forgejo": _GITHUB_FILES,
    "gitlab": {
        "submodules": "set `variables: {GIT_SUBMODULE_STRATEGY: recursive}` on the job",
        "lfs": 'set `variables: {GIT_LFS_SKIP_SMUDGE: "0"}` on the job, and install git-lfs in its image',
    },
    "jenkins": {
        "submodules": _JENKINS_EXTENSION.format(
            "submodule(recursiveSubmodules: true, parentCredentials: true)"
        ),
        "sparse": "take `sparseCheckout` out of the `extensions` of `checkout`",
        "lfs": _JENKINS_EXTENSION.format("lfs()"),
    },
    "tekton": {
        "submodules": 'set the param `{name: submodules, value: "true"}` of the `git-clone` task',
        "sparse": "take the param `sparseCheckoutDirectories` out of the `git-clone` task",
    },
    "azure": {
        "submodules": "set `- {checkout: self, submodules: recursive}` as the first step",
        "sparse": "take `sparseCheckoutDirectories` and `sparseCheckoutPatterns` out of the `checkout` step",
        "lfs": "set `- {checkout: self, lfs: true}` as the first step",
    },
    "buildkite": {
        "submodules": 'take `BUILDKITE_GIT_SUBMODULES: "false"` out of `env:`',
    },
    "bitbucket": {
        "lfs": "set `clone: {lfs: true}` in `bitbucket-pipelines.yml`",
    },
    "woodpecker": {
        "submodules": "set `clone: [{name: git, image: woodpeckerci/plugin-git, settings: {recursive: true}}]`",
        "lfs": "set `clone: [{name: git, image: woodpeckerci/plugin-git, settings: {lfs: true}}]`",
    },
}


def files_remedies(system: str) -> dict[Lack, str]:
    """Return the instructions for getting the files that a clone on `system` lacks, by kind, with lines in backticks.

    `submodules`: those that are not checked out. `sparse`: a sparse checkout leaves files out. `lfs`: pointers of Git
    LFS are there in place of files.
    """
    verb = "run" if system == "none" else "add a step before shipmark that runs"
    commands: dict[Lack, str] = {lack: f"{verb} `{command}`" for lack, command in _COMMANDS.items()}
    return {**commands, **_FILES.get(system, {})}
