"""Every CI system has instructions for clones that lack history, tags or files or have another owner."""

from __future__ import annotations

import re

import pytest

from ci.remedies import files_remedies, remedy
from ci.systems import NAMES


@pytest.mark.parametrize("system", NAMES)
@pytest.mark.parametrize("what", ["shallow", "no-tags", "dubious-ownership", "no-credential"])
def test_every_remedy_for_a_clone_is_one_line_with_a_setting_to_copy(system: str, what: str) -> None:
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
        ("github", "no-credential", "`persist-credentials: false`"),
        ("jenkins", "no-credential", "withCredentials([gitUsernamePassword(credentialsId: 'ID')])"),
        ("azure", "no-credential", "persistCredentials: true"),
        ("hudson", "no-credential", "`git ls-remote`"),
    ],
)
def test_remedy_for_a_clone_contains_the_setting_of_the_ci_system(system: str, what: str, line: str) -> None:
    assert line in remedy(system, what)  # type: ignore[arg-type]


@pytest.mark.parametrize("system", NAMES)
def test_every_ci_system_has_remedies_for_missing_submodule_sparse_and_lfs_files(system: str) -> None:
    found = files_remedies(system)
    assert set(found) == {"submodules", "sparse", "lfs"}
    for said in found.values():
        assert re.search(r"`[^`]+`", said)
        assert "\n" not in said


@pytest.mark.parametrize(
    ("system", "lack", "line"),
    [
        ("github", "submodules", "with: {submodules: recursive}"),
        ("forgejo", "lfs", "with: {lfs: true}"),
        ("github", "sparse", "take `sparse-checkout` out"),
        ("gitlab", "submodules", "GIT_SUBMODULE_STRATEGY: recursive"),
        ("gitlab", "sparse", "add a step before shipmark that runs `git sparse-checkout disable`"),
        ("jenkins", "submodules", "submodule(recursiveSubmodules: true, parentCredentials: true)"),
        ("jenkins", "lfs", "scm.extensions + [lfs()]"),
        ("azure", "submodules", "submodules: recursive"),
        ("tekton", "lfs", "git lfs pull"),
        ("bitbucket", "lfs", "clone: {lfs: true}"),
        ("none", "submodules", "run `git submodule update --init --recursive`"),
        ("hudson", "lfs", "git lfs pull"),
    ],
)
def test_remedy_for_missing_files_contains_the_setting_of_the_ci_system(
    system: str, lack: str, line: str
) -> None:
    assert line in files_remedies(system)[lack]  # type: ignore[index]  # `lack` is one of its keys
