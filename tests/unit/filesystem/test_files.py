"""Reading and writing files in a folder that somebody else prepared."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from release.cli.output.files import _unwritable
from release.errors import ConfigError, RefusedError
from release.filesystem.files import append_file, read_file, remove_file, write_file, write_hint
from release.layout.blobs import broken
from release.log.stores.file.errors import hint_for


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "file").write_text("precious")
    return folder


class TestRead:
    def test_reading_a_missing_file_returns_none(self, workspace: Path) -> None:
        assert read_file(str(workspace / "none"), limit=10) is None
        assert read_file(str(workspace / "none" / "deeper"), limit=10) is None

    def test_a_file_of_exactly_the_limit_is_read_and_one_byte_more_is_refused(self, workspace: Path) -> None:
        file = workspace / "file"
        file.write_bytes(b"x" * 10)
        assert read_file(str(file), limit=10) == b"x" * 10
        with pytest.raises(ConfigError, match="larger than"):
            read_file(str(file), limit=9)

    @pytest.mark.parametrize("kind", ["device", "pipe", "folder"])
    def test_anything_but_a_regular_file_is_refused_without_waiting(self, workspace: Path, kind: str) -> None:
        path = workspace / "odd"
        if kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            path.mkdir()
        with pytest.raises(ConfigError, match="not a regular file"):
            read_file(str(path), limit=10)

    def test_a_symlink_inside_the_folder_is_read_and_one_out_of_it_is_refused(
        self, workspace: Path, victim: Path
    ) -> None:
        (workspace / "real").write_text("ours")
        (workspace / "inside").symlink_to("real")
        (workspace / "outside").symlink_to(victim / "file")
        assert read_file(str(workspace / "inside"), limit=10, within=str(workspace)) == b"ours"
        with pytest.raises(ConfigError, match="leads out of"):
            read_file(str(workspace / "outside"), limit=10, within=str(workspace))


class TestWrite:
    def test_a_new_file_has_the_given_mode(self, workspace: Path) -> None:
        write_file(str(workspace / "a" / "b"), b"x", workspace=str(workspace), mode=0o600)
        assert (workspace / "a" / "b").read_bytes() == b"x"
        assert (workspace / "a" / "b").stat().st_mode & 0o777 == 0o600

    def test_a_replaced_file_keeps_its_mode(self, workspace: Path) -> None:
        file = workspace / "file"
        file.write_text("before")
        file.chmod(0o640)
        write_file(str(file), b"after", workspace=str(workspace))
        assert file.read_text() == "after"
        assert file.stat().st_mode & 0o777 == 0o640

    @pytest.mark.parametrize("write", [write_file, append_file])
    def test_a_symlink_at_the_path_is_refused_and_its_target_is_untouched(
        self, workspace: Path, victim: Path, write: object
    ) -> None:
        assert callable(write)
        (workspace / "out").symlink_to(victim / "file")
        with pytest.raises(RefusedError, match="is a symlink"):
            write(str(workspace / "out"), b"x", workspace=str(workspace))
        assert (victim / "file").read_text() == "precious"
        assert (workspace / "out").is_symlink()

    @pytest.mark.parametrize("write", [write_file, append_file])
    def test_a_symlinked_folder_on_the_way_is_refused(
        self, workspace: Path, victim: Path, write: object
    ) -> None:
        assert callable(write)
        (workspace / "dist").symlink_to(victim)
        with pytest.raises(RefusedError, match="does not go through it"):
            write(str(workspace / "dist" / "file"), b"x", workspace=str(workspace))
        assert (victim / "file").read_text() == "precious"
        assert os.listdir(victim) == ["file"]

    def test_write_over_a_folder_is_refused_and_leaves_no_temporary_file(self, workspace: Path) -> None:
        (workspace / "folder").mkdir()
        with pytest.raises(RefusedError, match="is a folder"):
            write_file(str(workspace / "folder"), b"x", workspace=str(workspace))
        assert os.listdir(workspace) == ["folder"]

    def test_append_file_adds_at_the_end_of_the_file(self, workspace: Path) -> None:
        append_file(str(workspace / "log"), b"a", workspace=str(workspace))
        append_file(str(workspace / "log"), b"b", workspace=str(workspace))
        assert (workspace / "log").read_bytes() == b"ab"

    def test_append_to_a_pipe_is_refused_without_waiting(self, workspace: Path) -> None:
        os.mkfifo(workspace / "pipe")
        with pytest.raises(RefusedError, match="not a regular file"):
            append_file(str(workspace / "pipe"), b"a", workspace=str(workspace))


class TestRemove:
    def test_remove_file_deletes_the_symlink_and_not_its_target(self, workspace: Path, victim: Path) -> None:
        (workspace / "link").symlink_to(victim / "file")
        remove_file(str(workspace / "link"), workspace=str(workspace))
        assert not (workspace / "link").is_symlink()
        assert (victim / "file").exists()

    def test_nothing_behind_a_symlinked_folder_is_removed(self, workspace: Path, victim: Path) -> None:
        (workspace / "runs").symlink_to(victim)
        with pytest.raises(RefusedError):
            remove_file(str(workspace / "runs" / "file"), workspace=str(workspace))
        assert (victim / "file").exists()

    def test_removing_a_missing_file_creates_no_folder(self, workspace: Path) -> None:
        remove_file(str(workspace / "a" / "b"), workspace=str(workspace))
        assert os.listdir(workspace) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_hint_for_a_full_disk_speaks_of_room_and_not_of_rights(number: int) -> None:
    full = OSError(number, os.strerror(number))
    assert "make room" in str(write_hint(full, "check the rights"))
    assert "make room" in str(broken("`oci:x` cannot be created", full, hint="check the rights").hint)
    assert "make room" in str(_unwritable("plan.json", full).hint)
    assert "make room" in hint_for(full)


def test_hint_for_other_errors_of_writing_is_that_of_the_caller() -> None:
    denied = OSError(errno.EACCES, os.strerror(errno.EACCES))
    assert write_hint(denied, "check the rights") == "check the rights"
    assert "right to write" in hint_for(denied)
