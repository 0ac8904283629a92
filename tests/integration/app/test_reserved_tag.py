"""No command puts an image under `shipmark-status`, which would hide what was taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.app.images.copy import CopyRequest, copy
from release.app.images.tag import TagRequest, tag
from release.app.lifecycle.promote import PromoteRequest, promote
from release.app.session import Session
from release.app.settings import Settings
from release.errors import ConfigError
from release.layout.layout import Layout
from tests.support.registries.images import make_image, store
from tests.support.releases.git import GitRepo

STATUS = "shipmark-status"


@pytest.fixture
def session(git_repo: GitRepo) -> Session:
    """A session in a repository with the layouts `one`, which holds an image, and `other`, whose status it is."""
    git_repo.commit()
    store(make_image(), Layout(str(git_repo.path / "one")), "1.0.0")
    store(make_image(), Layout(str(git_repo.path / "other")), STATUS)
    return Session(Settings(directory=str(git_repo.path), ci="none", env=git_repo.env))


def test_tag_copy_and_promote_refuse_the_reserved_tag(session: Session) -> None:
    into = f"oci:two:{STATUS}"
    with pytest.raises(ConfigError, match="the tag `shipmark-status` is reserved"):
        tag(session, TagRequest(image="oci:one:1.0.0", tags=("1.0", STATUS), move=True))
    with pytest.raises(ConfigError, match="reserved"):
        copy(session, CopyRequest(source="oci:one:1.0.0", destination=into))
    with pytest.raises(ConfigError, match="reserved"):
        promote(session, PromoteRequest(source="oci:one:1.0.0", to=(f"{into},1.0",)))
    with pytest.raises(ConfigError, match="reserved"):
        promote(session, PromoteRequest(source=f"oci:other:{STATUS}", to=("oci:two",)))
    assert not Path(session.root, "two").exists()
    assert Layout(f"{session.root}/one").tags() == ("1.0.0",)


def test_copy_mirrors_the_statuses_of_a_repository(session: Session) -> None:
    copied = copy(session, CopyRequest(source=f"oci:other:{STATUS}", destination="oci:two"))
    assert [one.name for one in copied.tags] == [STATUS]
