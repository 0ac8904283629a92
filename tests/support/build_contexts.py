"""What a builder gets of a repository: the context's paths and digest, and why it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ci.remedies import files_remedies
from release.build.context.contexts import Contexts, Read
from release.build.context.digest import context_digest
from release.control import Cancel
from release.errors import BuildError, IncompleteTree
from release.events import Event, Note
from release.git.work_tree import WorkTree
from release.programs.processes import Processes
from tests.support.releases.builds import build_of
from tests.support.releases.git import GitRepo

COPY_ALL = "FROM scratch\nCOPY . /app/\n"


class Notes:
    """Event sink that keeps the texts of notes."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Note):
            self.notes.append(event)

    @property
    def texts(self) -> list[str]:
        return [note.text for note in self.notes]


def read(
    repo: GitRepo,
    notes: Notes | None = None,
    *,
    system: str = "none",
    outputs: tuple[str, ...] = (),
    judges_git: bool = True,
    **options: Any,
) -> Read:
    work_tree = WorkTree(Processes(Cancel()), repo.env)
    remedies = files_remedies(system)
    contexts = Contexts(sink=notes, work_tree=work_tree, remedies=remedies, judges_git=judges_git)
    wanted = build_of(repo.path, outputs=outputs, **options)
    return contexts.read(wanted.task, wanted.values)


def paths(repo: GitRepo, **options: Any) -> list[str]:
    return list(read(repo, **options).chosen.files.paths())


def digest(repo: GitRepo, **options: Any) -> str:
    return context_digest(read(repo, **options).chosen)


def refusal(repo: GitRepo, **options: Any) -> IncompleteTree:
    with pytest.raises(IncompleteTree) as caught:
        read(repo, **options)
    assert caught.value.exit_code == 3
    return caught.value


def problem(repo: GitRepo, **options: Any) -> BuildError:
    with pytest.raises(BuildError) as caught:
        read(repo, **options)
    assert caught.value.hint
    assert caught.value.exit_code == 4
    return caught.value


def dockerfile(repo: GitRepo, text: str, **files: str) -> GitRepo:
    repo.commit(files={"Dockerfile": text, **files})
    return repo
