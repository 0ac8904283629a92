"""What to write where so that a CI system's clone has the history and the tags."""

from __future__ import annotations

_DEEPEN = {
    "github": "`fetch-depth: 0` under `with:` of `actions/checkout`",
    "gitea": "`fetch-depth: 0` under `with:` of `actions/checkout`",
    "forgejo": "`fetch-depth: 0` under `with:` of `actions/checkout`",
    "gitlab": '`GIT_DEPTH: "0"` under `variables:`',
    "jenkins": "`cloneOption(shallow: false, noTags: false)` in the checkout's `extensions`",
    "tekton": '`depth: "0"` among the parameters of the `git-clone` task',
    "circleci": "`method: full` under `checkout:`",
    "azure": "`fetchDepth: 0` and `fetchTags: true` under `checkout: self`",
    "buildkite": '`BUILDKITE_GIT_CLONE_FLAGS: ""` under `env:`, and `git fetch --tags` before the step',
    "bitbucket": "`depth: full` under `clone:`",
    "drone": "`depth: 0` under `clone:`, and `git fetch --tags` as the first command",
    "woodpecker": "`depth: 0, tags: true` under the clone step's `settings:`",
}


def deepen_hint(system: str) -> str:
    """The line that makes `system` (`CiContext.system`) clone history and tags, or the command to run by hand."""
    return _DEEPEN.get(system, "`git fetch --unshallow --tags`")
