"""A checkout that changes while a release is made from it: the image is its commit, or nothing is released."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.registries.faults import Do, FaultProxy, Rule
from tests.support.releases.project import Project


def _check_out_another(project: Project) -> None:
    project.repo.git("checkout", "--quiet", "v1.4.1")


def _commit_more(project: Project) -> None:
    project.repo.git("commit", "--quiet", "--allow-empty", "--message=more")


def _edit(project: Project) -> None:
    path = project.repo.path / "hello.txt"
    path.write_text(path.read_text().upper())  # of the same size, which no builder notices


#: What changes, with the exit code: 4 where the builder itself notices it.
CHANGES: dict[str, tuple[Callable[[Project], object], int]] = {
    "a file is edited": (_edit, 6),
    "the Dockerfile is edited": (lambda project: project.repo.write({"Dockerfile": "FROM scratch\n"}), 6),
    "a file is deleted": (lambda project: (project.repo.path / "hello.txt").unlink(), 4),
    "another commit is checked out": (_check_out_another, 4),
}


@pytest.fixture
def released(
    project: Project, fault_proxy: Callable[..., FaultProxy]
) -> Callable[[Callable[[], object]], FaultProxy]:
    """Give a function that lets the next release meet a change between its plan and its build."""

    def meet(change: Callable[[], object]) -> FaultProxy:
        # The first upload is a check of the right to push: everything is planned by then, and nothing built.
        proxy = fault_proxy(project.registry.host, Rule("POST", "/blobs/uploads/", Do(change)))
        project.configure(image=f"{proxy.host}/acme/app", project="acme/app")
        project.release_commit("v1.4.3")
        return proxy

    return meet


@pytest.mark.parametrize("change", CHANGES)
def test_release_of_a_checkout_that_changes_before_the_build_is_refused(
    project: Project, released: Callable[[Callable[[], object]], FaultProxy], change: str
) -> None:
    act, code = CHANGES[change]
    released(lambda: act(project))
    result = project("run")
    assert result.code == code, result.stderr
    assert ("files changed during the build, and differ from commit" in result.stderr) is (code == 6)
    assert project.tags == {}
    project.repo.git("checkout", "--quiet", "--force", "v1.4.3")
    project.must("run")
    after = project.tags
    assert after["1.4.3"] == after["latest"]
    # The same release from an undisturbed machine finds its own image.
    project.lose_disk()
    project.must("run")
    assert project.tags == after


def test_release_goes_on_when_head_moves_and_the_files_stay(
    project: Project, released: Callable[[Callable[[], object]], FaultProxy]
) -> None:
    released(lambda: _commit_more(project))
    project.must("run")
    assert "1.4.3" in project.tags
