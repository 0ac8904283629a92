"""The cache folder: where it is, who may write there, which repositories share it, and how it is trimmed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from release.filesystem.cache_folder import repository_key
from release.filesystem.cache_lease import lease
from tests.support.programs.command import Result
from tests.support.registries.gate import Gate, Passage
from tests.support.releases.git import GitRepo
from tests.support.releases.project import Project

KEY = 64  # hexadecimal digits of a repository's folder
UNSET = {"SHIPMARK_CACHE_DIR": ""}
LAYOUT = {"image": "oci:dist/image", "project": "acme/app"}


@pytest.fixture
def offline(make_project: Callable[..., Project]) -> Project:
    """Give a project that releases v1.4.2 into a layout, without a registry."""
    project = make_project(**LAYOUT)
    project.release_commit("v1.4.2")
    return project


def kept(folder: Path) -> list[str]:
    """Return the names of the repositories' folders in a cache folder."""
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def warned(result: Result, *words: str) -> None:
    assert result.code == 0, result.stderr
    (line,) = [one for one in result.stderr.splitlines() if "the cache folder" in one]
    assert line.startswith("warning: ")
    for word in ("nothing is kept for the next run", *words):
        assert word in line


def leftovers(folder: Path) -> list[Path]:
    return [*folder.glob("shipmark-*")]


class TestPlace:
    def test_cache_folder_in_the_users_home_is_private_and_the_workspace_has_only_the_log(
        self, offline: Project, tmp_path: Path
    ) -> None:
        offline.must("run", env=UNSET)
        folder = tmp_path / "home/.cache/shipmark"
        (key,) = kept(folder)
        assert key == repository_key(str(offline.repo.path / ".git"))
        assert len(key) == KEY
        assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / key)] == [0o700, 0o700]
        assert (folder / key / "images/index.json").exists()
        assert {path.name for path in (offline.repo.path / ".shipmark").iterdir()} == {
            ".gitignore",
            "log.jsonl",
            "log.jsonl.lock",
        }

    @pytest.mark.parametrize(
        ("variables", "where"),
        [
            ({"XDG_CACHE_HOME": "{}/xdg"}, "xdg/shipmark"),
            ({"XDG_CACHE_HOME": "relative"}, "home/.cache/shipmark"),
            ({"SHIPMARK_CACHE_DIR": "{}/a/b", "XDG_CACHE_HOME": "{}/xdg"}, "a/b"),
            ({"HOME": "", "RUNNER_TEMP": "{}"}, "shipmark-cache"),
            ({"HOME": "{}/none", "AGENT_TEMPDIRECTORY": "{}"}, "shipmark-cache"),
            ({"HOME": "{}/repo", "WORKSPACE_TMP": "{}"}, "shipmark-cache"),
            ({"XDG_CACHE_HOME": "{}/repo", "RUNNER_TEMP": "{}"}, "home/.cache/shipmark"),
        ],
        ids=[
            "xdg",
            "relative xdg",
            "own variable",
            "no home",
            "missing home",
            "home is the workspace",
            "xdg there",
        ],
    )
    def test_environment_variables_choose_the_cache_folder(
        self, offline: Project, tmp_path: Path, variables: Mapping[str, str], where: str
    ) -> None:
        env = {name: value.replace("{}", str(tmp_path)) for name, value in variables.items()}
        result = offline.must("preview", env={**UNSET, **env})
        assert "cache" not in result.stderr
        assert len(kept(tmp_path / where)) == 1
        assert not (offline.repo.path / ".cache").exists()
        assert not (offline.repo.path / "shipmark").exists()

    def test_temporary_folder_is_used_and_removed_if_no_cache_folder_is_usable(
        self, offline: Project, tmp_path: Path
    ) -> None:
        (tmp_path / "temporary").mkdir()
        env = {**UNSET, "HOME": "", "TMPDIR": str(tmp_path / "temporary")}
        offline.must("run", env=env)
        assert kept(tmp_path / "temporary") == []

    def test_untrusted_run_uses_a_fresh_cache_folder(self, offline: Project, tmp_path: Path) -> None:
        (tmp_path / "temporary").mkdir()
        event = tmp_path / "event.json"
        fork = {"repo": {"full_name": "mallory/app", "fork": True}, "sha": offline.repo.head, "ref": "x"}
        base = {"repo": {"full_name": "acme/app"}, "sha": offline.repo.head, "ref": "main"}
        event.write_text(json.dumps({"number": 7, "pull_request": {"number": 7, "head": fork, "base": base}}))
        env = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REPOSITORY": "acme/app",
            "GITHUB_REF": "refs/pull/7/merge",
            "GITHUB_SHA": offline.repo.head,
            "TMPDIR": str(tmp_path / "temporary"),
        }
        offline("preview", env=env)
        assert kept(tmp_path / "home/cache") == []
        assert kept(tmp_path / "temporary") == []
        trusted = {"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/tags/v1.4.2", "GITHUB_EVENT_PATH": ""}
        offline.must("preview", env={**env, **trusted})
        assert len(kept(tmp_path / "home/cache")) == 1


class TestHostile:
    def test_cache_folder_that_is_a_symlink_is_not_used(self, offline: Project, tmp_path: Path) -> None:
        victim = tmp_path / "victim"
        victim.mkdir()
        (tmp_path / "link").symlink_to(victim)
        warned(offline("run", env={"SHIPMARK_CACHE_DIR": str(tmp_path / "link")}), "symlink")
        assert kept(victim) == []

    @pytest.mark.parametrize("mode", [0o770, 0o775, 0o777, 0o1777, 0o702])
    def test_cache_folder_that_others_may_write_is_not_used(
        self, offline: Project, tmp_path: Path, mode: int
    ) -> None:
        folder = tmp_path / "shared"
        folder.mkdir()
        folder.chmod(mode)
        warned(offline("preview", env={"SHIPMARK_CACHE_DIR": str(folder)}), "chmod go-w")
        assert kept(folder) == []

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_cache_folder_of_another_user_is_not_used(self, offline: Project, tmp_path: Path) -> None:
        folder = tmp_path / "theirs"
        folder.mkdir(mode=0o700)
        os.chown(folder, 12345, 12345)
        warned(offline("preview", env={"SHIPMARK_CACHE_DIR": str(folder)}), "user id 12345")
        assert kept(folder) == []

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_home_of_another_user_is_not_used_for_the_cache(self, offline: Project, tmp_path: Path) -> None:
        theirs = tmp_path / "theirs"
        theirs.mkdir()
        os.chown(theirs, 12345, 12345)
        offline.must("preview", env={**UNSET, "HOME": str(theirs), "RUNNER_TEMP": str(tmp_path)})
        assert kept(theirs) == []
        assert len(kept(tmp_path / "shipmark-cache")) == 1

    @pytest.mark.parametrize("kind", ["symlink", "file", "writable"])
    def test_symlink_file_or_group_writable_folder_in_place_of_a_repository_cache_is_not_used(
        self, offline: Project, tmp_path: Path, kind: str
    ) -> None:
        victim = tmp_path / "victim"
        victim.mkdir()
        folder = tmp_path / "cache"
        folder.mkdir(mode=0o700)
        mine = folder / repository_key(str(offline.repo.path / ".git"))
        if kind == "symlink":
            mine.symlink_to(victim)
        elif kind == "file":
            mine.write_text("in the way")
        else:
            mine.mkdir()
            mine.chmod(0o777)
        warned(offline("run", env={"SHIPMARK_CACHE_DIR": str(folder)}))
        assert kept(victim) == []

    def test_lease_file_of_the_cache_that_is_a_symlink_is_not_opened(
        self, offline: Project, tmp_path: Path
    ) -> None:
        victim = tmp_path / "victim"
        victim.write_text("precious")
        before = victim.stat().st_mtime_ns
        mine = tmp_path / "cache" / repository_key(str(offline.repo.path / ".git"))
        mine.mkdir(parents=True, mode=0o700)
        (tmp_path / "cache").chmod(0o700)
        (mine / "lease").symlink_to(victim)
        warned(offline("run", env={"SHIPMARK_CACHE_DIR": str(tmp_path / "cache")}), "symlink")
        assert (victim.read_text(), victim.stat().st_mtime_ns) == ("precious", before)

    @pytest.mark.parametrize("place", ["cache", ".", "dist", ".shipmark", ".shipmark-not"])
    def test_cache_in_the_workspace_must_lie_below_dot_shipmark(self, offline: Project, place: str) -> None:
        """In another folder of the workspace the cache would get into build contexts, and a commit could contain it."""
        folder = offline.repo.path / place
        warned(offline("preview", env={"SHIPMARK_CACHE_DIR": str(folder)}), "below `.shipmark/`")
        assert [path for path in folder.glob("*") if len(path.name) == KEY] == []

    def test_cache_below_dot_shipmark_is_hidden_from_git(self, offline: Project) -> None:
        folder = offline.repo.path / ".shipmark/cache"
        for args in (("preview",), ("run",), ("run",)):
            result = offline.must(*args, env={"SHIPMARK_CACHE_DIR": str(folder)})
            assert "the cache folder" not in result.stderr
        assert len(kept(folder)) == 1
        assert offline.repo.git("status", "--porcelain") == ""

    @pytest.mark.parametrize("how", ["tracked", "symlink"])
    def test_cache_below_a_committed_or_symlinked_dot_shipmark_is_not_used(
        self, offline: Project, tmp_path: Path, how: str
    ) -> None:
        victim = tmp_path / "victim"
        victim.mkdir()
        cache = offline.repo.path / ".shipmark/cache"
        if how == "tracked":
            offline.repo.write({f".shipmark/cache/{repository_key(str(offline.repo.path / '.git'))}/x": "x"})
            offline.repo.git("add", "--force", ".shipmark")
            offline.release_commit("v1.4.3")
        else:
            cache.parent.mkdir()
            cache.symlink_to(victim)
        result = offline("run", env={"SHIPMARK_CACHE_DIR": str(cache)})
        if how == "tracked":
            assert result.code == 6, result.stderr
        else:
            warned(result, "symlink")
        assert kept(victim) == []


class TestSharing:
    def test_worktrees_share_a_cache_folder_and_clones_and_submodules_do_not(
        self, offline: Project, tmp_path: Path
    ) -> None:
        offline.repo.commit("config")
        offline.repo.tag("v1.4.3")
        tree = tmp_path / "tree"
        offline.repo.git("worktree", "add", "--quiet", "--detach", str(tree))
        offline.must("preview")
        offline.must("preview", cwd=tree)
        folder = tmp_path / "home/cache"
        assert len(kept(folder)) == 1
        clone = offline.repo.clone(tmp_path / "clone")
        offline.must("preview", cwd=clone.path)
        assert len(kept(folder)) == 2
        add = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add")
        clone.git(*add, str(offline.repo.path), "inner")
        offline.must("preview", cwd=clone.path / "inner")
        assert len(kept(folder)) == 3

    def test_repository_reached_through_a_symlink_has_the_same_cache_folder(
        self, offline: Project, tmp_path: Path
    ) -> None:
        (tmp_path / "link").symlink_to(offline.repo.path)
        offline.must("preview")
        offline.must("preview", cwd=tmp_path / "link")
        assert len(kept(tmp_path / "home/cache")) == 1

    def test_concurrent_runs_share_one_cache_folder(self, offline: Project, tmp_path: Path) -> None:
        """Two worktrees release different commits twice each, while other commands empty and show the cache."""
        trees = []
        for number in (3, 4):
            offline.repo.commit("config", files={"hello.txt": f"{number}\n"})
            offline.repo.tag(f"v1.4.{number}")
            trees.append(tmp_path / f"tree{number}")
            offline.repo.git("worktree", "add", "--quiet", "--detach", str(trees[-1]))
        running = [offline._shipmark.start("run", "--json", cwd=tree) for tree in (*trees, *trees)]
        running += [offline.start("cache", "clean"), offline.start("cache")]
        results = [(process.communicate(timeout=120), process.returncode) for process in running]
        assert [code for _, code in results] == [0] * 6, [talk for (_, talk), _ in results]
        for tree, number in zip(trees, (3, 4), strict=True):
            listed = offline.must("image", "list", f"oci:{tree}/dist/image").stdout
            assert f"1.4.{number}" in listed
            offline.must("log", "verify", cwd=tree)
        left = [
            path
            for path in (tmp_path / "home/cache").rglob("*")
            if path.name.startswith((".partial", ".del"))
        ]
        assert left == []


def held_run(project: Project, gate: Gate) -> tuple[subprocess.Popen[bytes], Callable[[], None]]:
    """Return a run that is held before its first upload, and a function that lets it go on."""
    import threading

    reached, go = threading.Event(), threading.Event()

    def hold(passage: Passage) -> bool:
        if "/blobs/uploads/" in passage.path and not go.is_set():
            reached.set()
            assert go.wait(120)
        return True

    gate.before = hold
    process = project.start("run")
    assert reached.wait(120)
    return process, go.set


class TestRoom:
    def test_cache_clean_deletes_all_repositories_but_those_in_use(
        self, make_project: Callable[..., Project], gate: Gate, tmp_path: Path
    ) -> None:
        idle = make_project("idle", **LAYOUT)
        idle.release_commit("v1.4.2")
        idle.must("run")
        project = make_project(image=f"{gate.host}/acme/app", project="acme/app")
        project.release_commit("v1.4.2")
        process, go_on = held_run(project, gate)
        try:
            foreign = tmp_path / "home/cache" / ("0" * KEY)
            foreign.mkdir()
            (foreign / "precious").write_text("no lease: not ours")
            result = project.must("cache", "clean", "--json")
            assert (result.json["repositories"], result.json["in_use"]) == (1, 1)
            assert result.json["freed"] > 0
            assert len(kept(tmp_path / "home/cache")) == 2
        finally:
            go_on()
        assert process.wait(120) == 0
        assert "1.4.2" in project.tags
        assert "removed" in project.must("cache", "clean").stdout
        assert kept(tmp_path / "home/cache") == ["0" * KEY]
        project.must("run")

    def test_cache_command_shows_folder_and_sizes(self, offline: Project, tmp_path: Path) -> None:
        offline.must("run")
        shown = offline.must("cache", "--json", env={"SHIPMARK_CACHE_SIZE": "2M"}).json
        assert shown["schema"] == "shipmark.cache/1"
        assert shown["folder"] == str(tmp_path / "home/cache")
        assert shown["limit"] == 2 << 20
        assert shown["repositories"] == 1
        assert shown["size"] == shown["repository"]["size"] > 0
        assert shown["repository"]["folder"] == str(offline.cache)
        text = offline.must("cache", cwd=tmp_path).stdout
        assert str(tmp_path / "home/cache") in text

    def test_cache_limit_deletes_the_least_recently_used_images(
        self, make_project: Callable[..., Project], tmp_path: Path
    ) -> None:
        projects = []
        for name in ("old", "new"):
            project = make_project(name, **LAYOUT)
            project.release_commit("v1.4.2", files={"hello.txt": os.urandom(300_000)})
            project.must("run")
            projects.append(tmp_path / "home/cache" / repository_key(str(project.repo.path / ".git")))
        for blob in projects[0].rglob("blobs/*/*"):
            os.utime(blob, (1, 1))
        last = make_project("last", **LAYOUT)
        last.release_commit("v1.4.2")
        last.must("run", env={"SHIPMARK_CACHE_SIZE": "400K"})
        sizes = [sum(path.stat().st_size for path in one.rglob("blobs/*/*")) for one in projects]
        assert sizes[0] < 10_000
        assert sizes[1] > 300_000
        assert json.loads((projects[1] / "images/index.json").read_text())["manifests"]

    def test_cache_limit_of_zero_keeps_no_image_and_the_next_run_succeeds(self, offline: Project) -> None:
        for number in (2, 3):
            offline.must("run", env={"SHIPMARK_CACHE_SIZE": "0"})
            assert [*offline.cache.rglob("blobs/*/*")] == []
            assert json.loads((offline.cache / "images/index.json").read_text())["manifests"] == []
            offline.release_commit(f"v1.4.{number + 1}")

    def test_malformed_cache_limit_is_refused_before_anything_is_done(self, offline: Project) -> None:
        result = offline("run", env={"SHIPMARK_CACHE_SIZE": "a lot"})
        assert result.code == 2
        assert "SHIPMARK_CACHE_SIZE" in result.stderr
        assert not (offline.repo.path / ".shipmark").exists()

    def test_deleted_cache_folder_is_made_again_by_the_next_run(
        self, offline: Project, tmp_path: Path
    ) -> None:
        offline.must("run")
        shutil.rmtree(offline.cache / "images")
        offline.release_commit("v1.4.3")
        offline.must("run")
        shutil.rmtree(tmp_path / "home/cache")
        offline.release_commit("v1.4.4")
        offline.must("run")


def test_image_copy_outside_of_a_git_repository_leaves_the_cache_empty(
    offline: Project, tmp_path: Path
) -> None:
    offline.must("run")
    shutil.rmtree(tmp_path / "home/cache")
    place = tmp_path / "elsewhere"
    place.mkdir()
    archive = f"docker-archive:{place}/image.tar:acme/app:1.4.2"
    offline.must("image", "copy", f"oci:{offline.repo.path}/dist/image:1.4.2", archive, cwd=place)
    offline.must("image", "copy", archive, f"oci:{place}/back", cwd=place)
    assert kept(tmp_path / "home/cache") == []


def test_cache_clean_keeps_a_leased_folder(tmp_path: Path) -> None:
    from release.filesystem.cache_limit import clean

    key = repository_key(str(tmp_path))
    held = lease(str(tmp_path), key)
    assert clean(str(tmp_path)).busy == 1
    os.close(held)
    assert clean(str(tmp_path)).repositories == 1
    assert kept(tmp_path) == []


def test_two_version_logs_in_git_refs_have_separate_private_repositories(
    make_project: Callable[..., Project], tmp_path: Path
) -> None:
    """`log copy` between two git logs uses one private repository for each, which stores the last tip of its log."""
    project = make_project(**LAYOUT, log={"store": "git"})
    project.release_commit("v1.4.2")
    for name in ("origin", "backup"):
        bare = GitRepo.clone(project.repo, tmp_path / f"{name}.git", "--bare").path
        project.repo.git("remote", "add", name, f"file://{bare}")
    project.must("run")
    project.must("log", "copy", "--from", "git:origin", "--to", "git:backup")
    project.must("log", "verify")
    assert len([*project.cache.glob("log-*.git")]) == 2
    assert not [*(project.repo.path / ".shipmark").glob("cache")]
