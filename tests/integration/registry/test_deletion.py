"""Deletions in registries that delete nothing, that delete digests only, and that accept a deletion and ignore it."""

from __future__ import annotations

import pytest

from release.control import Cancel
from release.errors import DeletionDisabled, Invalid, RegistryError
from release.events import NullSink
from release.transfer.delete import delete_manifest, delete_tag
from release.transfer.referrers import attach, find_referrers
from tests.support.programs.command import Shipmark
from tests.support.registries.gate import Gate, Passage
from tests.support.registries.images import make_image, store
from tests.support.registries.registry import RegistryFactory, RegistryServer
from tests.support.registries.targets import TargetsFactory

IMAGE = make_image({"a": b"one"})


class Hurried(Cancel):
    """A `Cancel` whose waits return at once, so that the last of several attempts comes quickly."""

    def wait(self, seconds: float) -> None:
        """Return at once."""
        del seconds


def test_deletion_in_a_registry_that_deletes_nothing_is_an_error_without_advice_to_use_digest(
    registry_factory: RegistryFactory, make_targets: TargetsFactory, shipmark: Shipmark
) -> None:
    server = registry_factory(delete=False)
    name = f"{server.host}/app"
    repository = make_targets().open(name)
    store(IMAGE, repository, "1.0", "latest")
    with pytest.raises(DeletionDisabled, match="deletes nothing"):
        delete_tag(repository, "latest", sink=NullSink(), cancel=Cancel())
    with pytest.raises(DeletionDisabled, match="deletes nothing"):
        delete_manifest(repository, IMAGE.digest, cancel=Cancel())
    for options in ((f"{name}:latest",), ("--digest", f"{name}@{IMAGE.digest}")):
        told = shipmark("image", "delete", *options)
        assert told.code == 5
        assert "deletes nothing (405 UNSUPPORTED)" in told.stderr
        assert "hint: deletion is switched off there" in told.stderr
        assert "--digest" not in told.stderr
    assert set(server.tags("app")) == {"1.0", "latest"}


def test_deleting_a_tag_where_only_digests_can_be_deleted_is_not_reported_as_deletion_disabled(
    gate: Gate, make_targets: TargetsFactory
) -> None:
    def refuse(passage: Passage) -> tuple[int, list[tuple[str, str]], bytes] | None:
        tagged = passage.method == "DELETE" and "sha256:" not in passage.path
        return (405, [], b'{"errors":[{"code":"UNSUPPORTED"}]}') if tagged else None

    gate.instead = refuse
    repository = make_targets().open(f"{gate.host}/app")
    store(IMAGE, repository, "1.0")
    with pytest.raises(Invalid, match="cannot delete a tag alone") as raised:
        delete_tag(repository, "1.0", sink=NullSink(), cancel=Cancel())
    assert not isinstance(raised.value, DeletionDisabled)
    delete_manifest(repository, IMAGE.digest, cancel=Cancel())
    assert gate.registry.tags("app") == {}


def test_manifest_that_the_registry_keeps_is_not_reported_as_deletion_disabled(
    gate: Gate, make_targets: TargetsFactory
) -> None:
    # As zot answers for an image that an index lists, and Azure for a locked one.
    body = b'{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}'
    gate.instead = lambda passage: (
        (405, [], body) if passage.method == "DELETE" and IMAGE.digest in passage.path else None
    )
    repository = make_targets().open(f"{gate.host}/app")
    other = make_image({"b": b"two"})
    store(IMAGE, repository, "1.0")
    store(other, repository, "2.0")
    with pytest.raises(Invalid, match="DENIED") as raised:
        delete_manifest(repository, IMAGE.digest, cancel=Cancel())
    assert not isinstance(raised.value, DeletionDisabled)
    assert "an index may list it" in str(raised.value.hint)
    delete_manifest(repository, other.digest, cancel=Cancel())
    assert gate.registry.tags("app") == {"1.0": IMAGE.digest}


def test_a_deletion_that_was_accepted_and_ignored_is_an_error(
    gate: Gate, make_targets: TargetsFactory
) -> None:
    gate.instead = lambda passage: (202, [], b"") if passage.method == "DELETE" else None
    repository = make_targets().open(f"{gate.host}/app")
    store(IMAGE, repository, "1.0")
    with pytest.raises(RegistryError, match=r"accepted the deletion of `1.0`, but still has it"):
        delete_tag(repository, "1.0", sink=NullSink(), cancel=Hurried())
    with pytest.raises(RegistryError, match=r"accepted the deletion of `sha256:.*`, but still has it"):
        delete_manifest(repository, IMAGE.digest, cancel=Hurried())
    assert gate.registry.tags("app") == {"1.0": IMAGE.digest}


def test_a_deleted_referrer_leaves_the_list_under_the_fallback_tag(
    registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    about = {"mediaType": IMAGE.manifest.media_type, "digest": IMAGE.digest, "size": len(IMAGE.manifest.raw)}
    repository = make_targets().open(f"{registry_server.host}/app")
    store(IMAGE, repository, "1.0")
    made = [make_image({name: b""}, extra={"subject": about}) for name in ("one", "two")]
    for one in made:
        store(one, repository)
        attach(repository, one.manifest)
    delete_manifest(repository, made[0].digest, cancel=Cancel())
    assert [one.digest for one in find_referrers(repository, IMAGE.digest)] == [made[1].digest]
    delete_manifest(repository, made[1].digest, cancel=Cancel())
    assert set(registry_server.tags("app")) == {"1.0"}
