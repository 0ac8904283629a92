"""Layouts, folders and archives in a workspace that somebody prepared: nothing outside changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from release.errors import ConfigError, RefusedError, RegistryError
from release.image_names.archive_writer import write_combined_archive
from release.image_names.dir import Folder
from release.layout.layout import Layout
from release.oci import Descriptor
from tests.support.obstacles import OBSTACLES, outside, place, temporary_files, unchanged
from tests.support.registries.images import make_image, store

OLD, NEW = make_image({"a": b"old"}), make_image({"a": b"new"})
BLOB = next(iter(NEW.blobs)).removeprefix("sha256:")
CONFIG_OF_OLD = OLD.digest.removeprefix("sha256:")
_FOLDERS = ("dist", "dist/image", "dist/image/blobs", "dist/image/blobs/sha256")
_FILES = ("dist/image/index.json", "dist/image/oci-layout", f"dist/image/blobs/sha256/{BLOB}")
_DIR_FILES = ("dist/image/manifest.json", "dist/image/version", f"dist/image/{BLOB}")
_PATHS = [*_FOLDERS, *_FILES]


def cases(*paths: str) -> list[tuple[str, str]]:
    """Return every kind of obstacle at every path, except a folder where a folder is expected."""
    return [(kind, path) for path in paths for kind in OBSTACLES if kind != "folder" or path not in _FOLDERS]


def told_before(kind: str, path: str) -> bool:
    """Return whether `check_push` refuses the obstacle: not at a blob's path, nor a hard link in a file's place."""
    return BLOB not in path and not (kind == "hard link" and path in _FILES)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    return outside(tmp_path / "victim")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def refused(action: Callable[[], Any], path: str) -> None:
    # A symlink or a pipe is refused (6); a folder or a file in the way is a layout that is broken (5).
    with pytest.raises((RefusedError, ConfigError, RegistryError)) as caught:
        action()
    assert path.rpartition("/")[2] in caught.value.message
    assert caught.value.hint


def layout_in(workspace: Path) -> Layout:
    return Layout("dist/image", root=str(workspace), workspace=str(workspace))


class TestLayout:
    @pytest.mark.parametrize(("kind", "path"), cases(*_PATHS))
    def test_layout_push_writes_nothing_outside_the_workspace(
        self, workspace: Path, victim: Path, path: str, kind: str
    ) -> None:
        store(OLD, layout_in(workspace), "1.0")
        place(kind, workspace / path, victim)
        with unchanged(victim):
            if kind == "hard link" and path in _FILES:
                store_or_refuse(layout_in(workspace))
            else:
                refused(lambda: store(NEW, layout_in(workspace), "1.1"), path)
        assert temporary_files(workspace) == []

    @pytest.mark.parametrize(("kind", "path"), [one for one in cases(*_PATHS) if told_before(*one)])
    def test_check_push_refuses_obstacles_in_a_layout(
        self, workspace: Path, victim: Path, path: str, kind: str
    ) -> None:
        store(OLD, layout_in(workspace), "1.0")
        place(kind, workspace / path, victim)
        with unchanged(victim):
            refused(layout_in(workspace).check_push, path)

    @pytest.mark.parametrize(("kind", "path"), cases(*_PATHS))
    def test_layout_delete_removes_nothing_outside_the_workspace(
        self, workspace: Path, victim: Path, path: str, kind: str
    ) -> None:
        store(OLD, layout_in(workspace), "1.0")
        path = path.replace(BLOB, CONFIG_OF_OLD)
        (victim / "folder" / CONFIG_OF_OLD).write_bytes(OLD.manifest.raw)
        place(kind, workspace / path, victim)
        with unchanged(victim):
            for delete in (
                partial(layout_in(workspace).delete_tag, "1.0"),
                partial(layout_in(workspace).delete_manifest, OLD.digest),
            ):
                try:
                    delete()
                except (RefusedError, ConfigError, RegistryError) as error:
                    assert error.message  # noqa: PT017  # some obstacles leave the image readable, others do not
        assert temporary_files(workspace) == []


def store_or_refuse(layout: Layout) -> None:
    try:
        store(NEW, layout, "1.1")
    except (RefusedError, ConfigError, RegistryError) as error:
        assert error.message  # noqa: PT017  # an index that is no JSON is refused


@pytest.mark.parametrize("name", ["index.json", "blobs", "blobs/sha256", f"blobs/sha256/{CONFIG_OF_OLD}"])
def test_symlink_inside_a_layout_is_not_read(workspace: Path, tmp_path: Path, name: str) -> None:
    layout = layout_in(workspace)
    store(OLD, layout, "1.0")
    inside = workspace / "dist/image" / name
    inside.rename(tmp_path / "elsewhere")
    inside.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match="is a symlink"):
        layout.manifest("1.0")


def test_oci_layout_outside_of_the_workspace_may_lie_behind_symlinks(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    layout = Layout(str(tmp_path / "link" / "image"), root=str(workspace), workspace=str(workspace))
    layout.check_push()
    store(OLD, layout, "1.0")
    assert (tmp_path / "disk/image/index.json").exists()
    assert layout.resolve("1.0") is not None


@pytest.mark.parametrize("alias", ["link", "link/../link"])
def test_symlink_in_a_layout_path_is_refused_below_an_alias_of_the_workspace(
    workspace: Path, victim: Path, alias: str
) -> None:
    (workspace.parent / "link").symlink_to(workspace)
    (workspace / "dist").symlink_to(victim / "folder")
    layout = Layout(f"../{alias}/dist/image", root=str(workspace), workspace=str(workspace))
    with unchanged(victim):
        refused(lambda: store(NEW, layout, "1.1"), "dist")


@pytest.mark.parametrize(
    ("kind", "path"),
    cases(*["dist", "dist/image", "dist/image/manifest.json", "dist/image/version", f"dist/image/{BLOB}"]),
)
def test_folder_export_writes_nothing_outside_the_workspace(
    workspace: Path, victim: Path, path: str, kind: str
) -> None:
    place(kind, workspace / path, victim)
    folder = Folder(str(workspace / "dist/image"), workspace=str(workspace))
    with unchanged(victim):
        # What `version` holds there is not that of an image.
        if kind == "hard link" and path not in {*_FOLDERS, "dist/image/version"}:
            store(NEW, folder, "latest")
        else:
            refused(lambda: store(NEW, folder, "latest"), path)
    assert temporary_files(workspace) == []


@pytest.mark.parametrize(("kind", "path"), cases("dist", "dist/image.tar"))
def test_archive_export_writes_nothing_outside_the_workspace(
    workspace: Path, victim: Path, tmp_path: Path, path: str, kind: str
) -> None:
    layout = Layout(str(tmp_path / "store"))
    store(NEW, layout, "1.0")
    place(kind, workspace / path, victim)
    archive = str(workspace / "dist/image.tar")
    write = partial(write_combined_archive, layout, NEW.digest, "app:1", archive, workspace=str(workspace))
    with unchanged(victim):
        if kind == "hard link" and path == "dist/image.tar":
            write()
        else:
            refused(write, path)
    assert temporary_files(workspace) == []


def test_pipe_in_place_of_a_blob_is_refused(workspace: Path) -> None:
    layout = layout_in(workspace)
    store(OLD, layout, "1.0")
    place("pipe", workspace / f"dist/image/blobs/sha256/{CONFIG_OF_OLD}", workspace)
    descriptor = Descriptor(media_type="x", digest=OLD.digest, size=len(OLD.manifest.raw))
    assert not layout.has_blob(descriptor)
    with pytest.raises(RefusedError, match="not a regular file"):
        layout.open_raw(descriptor)
