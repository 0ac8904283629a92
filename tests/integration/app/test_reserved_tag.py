"""No command puts an image under `shipmark-status`, which would hide what was taken back."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from pathlib import Path

import pytest

from release.app.images.copy import CopyRequest, copy
from release.app.images.tag import TagRequest, tag
from release.app.lifecycle.promote import PromoteRequest, promote
from release.app.session import Session
from release.app.settings import Settings
from release.errors import ConfigError, RefusedError
from release.layout.layout import Layout
from release.statements.version_status import StatusDocument, artifact_of
from release.versions.status import KnownStatus
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


def test_copy_of_the_statuses_loses_no_decision_of_the_destination(session: Session) -> None:
    def told(layout: str, *statuses: KnownStatus) -> None:
        target = session.registries.open(f"oci:{layout}")
        artifact = artifact_of(StatusDocument().with_statuses(statuses))
        for descriptor, content in artifact.blobs:
            target.put_blob(descriptor, partial(BytesIO, content))
        target.put_manifest(artifact.manifest, tag=STATUS)

    def mirror(move: bool = True) -> None:
        copy(session, CopyRequest(source=f"oci:a:{STATUS}", destination="oci:b", move=move))

    yanked = KnownStatus(version="1.5.0", number=1, status="yanked")
    restored = KnownStatus(version="1.5.0", number=2, status="restored")
    more = KnownStatus(version="2.1.0", number=1, status="yanked")
    told("a", restored)
    told("b", yanked)
    mirror()  # the source goes on from what the destination says
    assert Layout(f"{session.root}/b").resolve(STATUS) == Layout(f"{session.root}/a").resolve(STATUS)
    told("b", restored, more)
    before = Layout(f"{session.root}/b").resolve(STATUS)
    with pytest.raises(RefusedError, match=r"lacks: 2\.1\.0 is `yanked`"):
        mirror()
    told("a", yanked)
    with pytest.raises(RefusedError, match=r"lacks: 1\.5\.0 is `restored`, 2\.1\.0 is"):
        mirror()
    assert Layout(f"{session.root}/b").resolve(STATUS) == before
    told("a", restored, more)
    mirror(move=False)
