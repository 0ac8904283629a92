"""A config file that the commit has and the clone lacks, or that has another name, never counts as none in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.app.session import Session
from release.app.settings import Settings
from release.app.setup.init.init import InitRequest, init
from release.errors import ConfigError, IncompleteTree
from release.events import Event, Note
from tests.support.releases.git import GitRepo

CONFIG = "image: registry.example.com/acme/app\n"


class Heard:
    """Event sink that keeps the texts of notes."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Note):
            self.texts.append(event.text)


def session(
    repo: GitRepo, config: str | None = None, *, ci: str = "none", heard: Heard | None = None
) -> Session:
    settings = Settings(directory=str(repo.path), config=config, ci=ci, env=repo.env)
    return Session(settings, sink=heard)


@pytest.fixture
def sparse(git_repo: GitRepo) -> GitRepo:
    """A clone that has only the files in `app/`."""
    git_repo.commit(files={"shipmark.yml": CONFIG, "ci/other.yml": CONFIG, "app/a": "1"})
    git_repo.git("sparse-checkout", "set", "--no-cone", "app/")
    assert not (git_repo.path / "shipmark.yml").exists()
    return git_repo


@pytest.mark.parametrize("config", [None, "ci/other.yml"])
def test_config_outside_of_a_sparse_checkout_is_refused(sparse: GitRepo, config: str | None) -> None:
    with pytest.raises(IncompleteTree) as caught:
        _ = session(sparse, config, ci="github").config
    assert f"`{config or 'shipmark.yml'}` is not in this sparse checkout" in caught.value.message
    assert caught.value.exit_code == 3
    assert "`sparse-checkout`" in (caught.value.hint or "")


def test_init_writes_no_second_config_into_a_sparse_checkout(sparse: GitRepo) -> None:
    with pytest.raises(IncompleteTree):
        init(session(sparse), InitRequest(write=True))
    assert not (sparse.path / "shipmark.yml").exists()


def test_hint_of_a_config_outside_of_a_sparse_checkout_helps(sparse: GitRepo) -> None:
    sparse.git("sparse-checkout", "disable")
    assert session(sparse).config.source == "shipmark.yml"


def test_sparse_checkout_of_a_commit_without_config_has_none(git_repo: GitRepo) -> None:
    git_repo.commit(files={"app/a": "1"})
    git_repo.git("sparse-checkout", "set", "--no-cone", "app/")
    heard = Heard()
    assert session(git_repo, heard=heard).config.source is None
    assert heard.texts == []


def test_config_that_is_a_symlink_to_nothing_is_refused(git_repo: GitRepo) -> None:
    Path(git_repo.path, "shipmark.yml").symlink_to("ci/none.yml")
    with pytest.raises(ConfigError, match=r"is a symlink to `ci/none\.yml`, which does not exist"):
        _ = session(git_repo).config


def test_symlink_into_what_a_sparse_checkout_left_out_is_refused_as_such(git_repo: GitRepo) -> None:
    Path(git_repo.path, "shipmark.yml").symlink_to("ci/other.yml")
    git_repo.commit(files={"ci/other.yml": CONFIG})
    git_repo.git("sparse-checkout", "set")
    with pytest.raises(IncompleteTree, match=r"`ci/other\.yml` is not in this sparse checkout"):
        _ = session(git_repo).config


def test_config_with_the_ending_yaml_is_named_in_a_warning(git_repo: GitRepo) -> None:
    git_repo.write({"shipmark.yaml": CONFIG})
    heard = Heard()
    assert session(git_repo, heard=heard).config.source is None
    assert heard.texts == ["`shipmark.yaml` is not read: the config file is called `shipmark.yml`"]
