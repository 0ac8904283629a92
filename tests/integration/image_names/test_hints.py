"""Hints of the commands `shipmark image` where an image is not there, or a name is no repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from release.app.images.delete import DeleteRequest, delete
from release.app.session import Session
from release.app.settings import Settings
from release.errors import ConfigError, NotFound
from release.image_names.locate import locate_repository
from release.layout.layout import Layout
from tests.support.registries.hostile import HostileServer, Reply
from tests.support.registries.images import make_image, store


@pytest.fixture
def session(tmp_path: Path) -> Session:
    store(make_image(), Layout(str(tmp_path / "image")), "1.0")
    return Session(Settings(directory=str(tmp_path), ci="none", env={"HOME": str(tmp_path)}))


@pytest.mark.parametrize("by_digest", [False, True])
def test_deleting_what_is_not_there_names_the_command_that_lists_what_is(
    session: Session, by_digest: bool
) -> None:
    image = f"oci:image@sha256:{'0' * 64}" if by_digest else "oci:image:2.0"
    with pytest.raises(NotFound) as caught:
        delete(session, DeleteRequest(image=image, by_digest=by_digest))
    assert "`shipmark image list --digests oci:image`" in (caught.value.hint or "")


def test_deleting_a_tag_whose_manifest_is_lost_says_so(
    session: Session, hostile: Callable[..., HostileServer]
) -> None:
    answers = {"/v2/": Reply(), "/v2/app/tags/list": Reply(200, {}, b'{"name":"app","tags":["1.0"]}')}
    server = hostile(lambda request: answers.get(request.path.partition("?")[0], Reply(404)))
    with pytest.raises(NotFound, match=r"/app` has no manifest under the tag `1\.0`"):
        delete(session, DeleteRequest(image=f"{server.host}/app:1.0"))
    with pytest.raises(NotFound, match=r"/app` has no tag `2\.0`"):
        delete(session, DeleteRequest(image=f"{server.host}/app:2.0"))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("127.0.0.1:5000", "for a repository of that registry, `127.0.0.1:5000/NAME`"),
        ("localhost:5000", "for a repository of that registry, `localhost:5000/NAME`"),
        ("acme/app:1", "write `docker.io/acme/app`"),
    ],
)
def test_a_registry_in_place_of_a_repository_has_a_hint(session: Session, text: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        locate_repository(session, text)
    assert (caught.value.hint or "").endswith(hint)
