"""Git commands run no program from the workspace, and enter no repository that files of the workspace imitate.

Each trap writes a file when it runs; a control test with plain git shows that the trap works.
"""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from release.control import Cancel
from release.errors import BareRepository, GitError
from release.git.command import Git, git_argv
from release.git.repository import discover
from release.git.snapshot import snapshot
from release.git.write import create_tag
from release.log import Head
from release.log.chain import head_of, read_line
from release.log.sealing import seal
from release.programs.processes import Processes
from tests.support.logs.facts import whole_release
from tests.support.programs.command import Shipmark
from tests.support.releases.git import GitRepo
from tests.support.services.required import program

ROOT = Path(__file__).parents[3]


class Trap:
    """A script that creates a marker file when it runs."""

    def __init__(self, folder: Path) -> None:
        self.mark = folder / "PWNED"
        self.script = folder / "trap"
        self.script.write_text(f"#!/bin/sh\necho x >> {self.mark}\n")
        self.script.chmod(0o755)

    def sprung(self) -> bool:
        """Return whether the trap's script ran since the last call of this method."""
        found = self.mark.exists()
        self.mark.unlink(missing_ok=True)
        return found


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path)


def imitate(folder: Path, trap: Trap, home: Path) -> None:
    """Make `folder` a bare repository, of files that a commit may contain, whose `config` would run the trap."""
    inner = GitRepo(folder.parent / "inner", home=home)
    inner.commit("inner", {".gitattributes": "* filter=x\n", "file": "1\n"})
    inner.tag("v9.9.9")
    inner.git("pack-refs", "--all")
    git_dir = inner.path / ".git"
    folder.mkdir(parents=True)
    for name in ("HEAD", "objects", "refs", "index", "packed-refs"):
        (git_dir / name).rename(folder / name)
    for name in ("heads", "tags"):
        (folder / "refs" / name / "keep").write_text("")
    (folder / "config").write_text(
        "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n"
        f'[core]\n\tfsmonitor = {trap.script}\n[filter "x"]\n\tclean = "{trap.script}; cat"\n\trequired = true\n'
    )
    (folder / ".gitattributes").write_text("* filter=x\n")
    (folder / "file").write_text("2\n")


def git_status(folder: Path, env: dict[str, str]) -> int:
    return subprocess.run(
        [program("git"), "status"], cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True
    ).returncode


class TestImitation:
    @pytest.fixture
    def folder(self, git_repo: GitRepo, trap: Trap, tmp_path: Path) -> Path:
        git_repo.commit("outer", {"app/file": "x"})
        git_repo.tag("v1.4.2")
        imitate(git_repo.path / "vendor" / "lib", trap, tmp_path / "home")
        git_repo.commit("imitation")
        clone = git_repo.clone(tmp_path / "clone").path
        inside = clone / "vendor" / "lib"
        (inside / "file").write_text("3\n")  # newer than the index: git compares contents, by the filter
        (inside / "refs" / "heads" / "deep").mkdir()
        return inside

    def test_plain_git_enters_an_imitated_repository_and_runs_its_filter(
        self, folder: Path, trap: Trap, git_repo: GitRepo
    ) -> None:
        git_status(folder, git_repo.env)
        assert trap.sprung()

    @pytest.mark.parametrize("below", ["", "refs", "refs/heads/deep"])
    def test_commands_refuse_a_folder_of_the_work_tree_that_imitates_a_git_repository(
        self, folder: Path, trap: Trap, shipmark: Shipmark, below: str
    ) -> None:
        for command in ("tags", "version", "preview", "run"):
            result = shipmark("-C", str(folder / below), command)
            assert (result.code, result.stdout) == (3, ""), result.stderr
            assert "bare repository" in result.stderr
            assert f"hint: run in `{folder.parents[1]}`" in result.stderr
        assert not trap.sprung()

    def test_require_entry_and_safe_bare_repository_each_refuse_an_imitated_repository(
        self, folder: Path, git_repo: GitRepo
    ) -> None:
        process = Processes(Cancel())
        with pytest.raises(BareRepository, match="lies in the work tree"):
            Git(process, str(folder), git_repo.env).run("status")
        done = process.run(git_argv("status"), cwd=str(folder), env=git_repo.env)
        assert (done.code, b"cannot use bare repository" in done.stderr) == (128, True)

    def test_folder_beside_an_imitated_repository_belongs_to_the_outer_repository(
        self, folder: Path, shipmark: Shipmark, trap: Trap
    ) -> None:
        result = shipmark("-C", str(folder.parents[1] / "app"), "version", "--format", "plain")
        assert "9.9.9" not in result.stdout
        assert not trap.sprung()

    def test_git_tag_is_created_in_the_outer_repository_and_runs_no_hook(
        self, git_repo: GitRepo, trap: Trap, tmp_path: Path
    ) -> None:
        imitate(tmp_path / "x", trap, tmp_path / "home")
        for path in (tmp_path / "x").iterdir():
            path.rename(git_repo.path / path.name)
        (git_repo.path / "hooks").mkdir()
        (git_repo.path / "hooks" / "reference-transaction").symlink_to(trap.script)
        head = git_repo.commit("imitation at the top", {".gitattributes": ""})
        create_tag(str(git_repo.path), "v2.0.0", head, "x", git_repo.env | PERSON)
        assert git_repo.git("rev-parse", "v2.0.0^{commit}") == head
        assert not trap.sprung()


PERSON = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


class TestPointer:
    """Pointers in `.git` files: those that git makes are followed, those that lead to tracked files are refused."""

    def test_clone_submodule_and_linked_worktree_in_a_workspace_are_entered(
        self, git_repo: GitRepo, make_repo: Callable[[str], GitRepo], shipmark: Shipmark, tmp_path: Path
    ) -> None:
        library = make_repo("library")
        library.commit("one")
        library.tag("v3.0.0")
        git_repo.commit("outer")
        file_protocol = ("-c", "protocol.file.allow=always")
        git_repo.git(*file_protocol, "submodule", "--quiet", "add", str(library.path), "module")
        git_repo.git("worktree", "add", "--quiet", "--detach", "linked")
        second = library.clone(git_repo.path / "second")
        separate = library.clone(tmp_path / "separate", f"--separate-git-dir={tmp_path / 'elsewhere'}")
        beside = tmp_path / "beside"
        library.clone(beside / ".bare", "--bare")
        library.git("-C", str(beside / ".bare"), "worktree", "add", "--quiet", str(beside / "main"))
        (beside / ".git").write_text("gitdir: ./.bare\n")
        for path in (git_repo.path / "module", second.path, separate.path, beside / "main"):
            result = shipmark("version", cwd=path)
            assert (result.code, result.stdout) == (0, "3.0.0\n"), (path, result.stderr)
        assert shipmark("version", cwd=git_repo.path / "linked").code == 0

    def test_git_file_that_names_no_repository_and_other_damage_have_hints_that_help(
        self, git_repo: GitRepo, tmp_path: Path
    ) -> None:
        git_repo.commit("one")
        git_repo.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))

        def hint(folder: Path) -> str:
            with pytest.raises(GitError) as caught:
                snapshot(Processes(Cancel()), str(folder), env=git_repo.env)
            return str(caught.value.hint)

        (git_repo.path / ".git/worktrees").rename(tmp_path / "aside")
        assert "`git worktree repair`" in hint(tmp_path / "linked")
        (tmp_path / "plain").mkdir()
        assert "`git init` makes one" in hint(tmp_path / "plain")
        git_repo.git("config", "core.worktree", "../../nowhere")
        assert "`git config core.worktree`" in hint(git_repo.path)

    @pytest.mark.parametrize("symlink", [False, True])
    @pytest.mark.parametrize("place", ["lib/bare.git", "module/bare.git"])
    def test_git_file_that_points_to_tracked_files_is_refused(
        self, git_repo: GitRepo, trap: Trap, tmp_path: Path, place: str, symlink: bool
    ) -> None:
        target = git_repo.path / place
        imitate(target, trap, tmp_path / "home")
        (target / "config").write_text(
            (target / "config").read_text().replace("worktree = .", "worktree = ../../module")
        )
        module = git_repo.path / "module"
        module.mkdir(exist_ok=True)
        (module / ".gitattributes").write_text("* filter=x\n")
        (module / "file").write_text("2\n")
        if symlink:
            (module / ".git").symlink_to(target)
        else:
            (module / ".git").write_text(f"gitdir: {os.path.relpath(target, module)}\n")
        git_status(module, git_repo.env)
        assert trap.sprung()
        with pytest.raises(GitError, match="lies among the files of the repository"):
            snapshot(Processes(Cancel()), str(module), env=git_repo.env)
        assert not trap.sprung()


class TestSettings:
    """Programs and remotes in a repository's own configuration, which shipmark's git commands do not run."""

    @pytest.mark.parametrize(
        "setting",
        ["core.fsmonitor", "core.hooksPath", "core.pager", "core.editor", "alias.status", "gpg.program"],
    )
    def test_programs_named_in_git_configuration_do_not_run(
        self, git_repo: GitRepo, trap: Trap, setting: str, tmp_path: Path
    ) -> None:
        hooks = tmp_path / "hooks"
        hooks.mkdir()
        for name in ("reference-transaction", "post-index-change", "pre-push"):
            (hooks / name).symlink_to(trap.script)
        head = git_repo.commit("one", {"a": "1"})
        git_repo.git("config", "log.showSignature", "true")
        git_repo.git("config", setting, str(hooks if setting == "core.hooksPath" else trap.script))
        if setting == "core.fsmonitor":
            git_status(git_repo.path, git_repo.env)
            assert trap.sprung()
        if setting == "core.hooksPath":
            git_repo.git("tag", "control")
            assert trap.sprung()
        snapshot(Processes(Cancel()), str(git_repo.path), env=git_repo.env)
        create_tag(str(git_repo.path), "v2.0.0", head, "x", git_repo.env | PERSON)
        assert not trap.sprung()

    def test_command_in_a_remote_url_does_not_run(
        self, git_repo: GitRepo, trap: Trap, shipmark: Shipmark
    ) -> None:
        git_repo.commit("one", {"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
        git_repo.git("config", "protocol.ext.allow", "always")
        git_repo.git("remote", "add", "origin", f"ext::{trap.script} %S")
        git_repo.git("ls-remote", "origin", check=False)
        assert trap.sprung()
        shipmark("preview", "--image", "oci:dist/x", cwd=git_repo.path)
        shipmark("version", "--deepen", cwd=git_repo.path)
        assert not trap.sprung()

    @pytest.mark.parametrize(
        "log",
        [
            "{store: git, remote: 'ext::sh -c x'}",
            "{store: git, remote: '--upload-pack=x'}",
            "{store: git, remote: bare.git/../bare.git}",
            "{store: git, remote: nobody}",
            "{store: git, ref: '--exec=x'}",
            "{store: git, ref: 'refs/heads/a:refs/heads/main'}",
            "[file, {store: git, ref: HEAD}]",
        ],
    )
    def test_invalid_remote_or_ref_of_the_log_is_a_config_error(
        self, git_repo: GitRepo, shipmark: Shipmark, log: str
    ) -> None:
        git_repo.commit("one", {"shipmark.yml": f"image: oci:dist/x\nlog: {log}\n"})
        result = shipmark("log", "list", cwd=git_repo.path)
        assert (result.code, result.stdout) == (2, ""), result.stderr
        assert "log" in result.stderr
        assert "hint: " in result.stderr

    def test_log_repository_inside_the_workspace_is_refused_and_runs_no_hook(
        self, git_repo: GitRepo, shipmark: Shipmark, trap: Trap
    ) -> None:
        bare = git_repo.path / "bare.git"
        git_repo.git("init", "--quiet", "--bare", str(bare))
        for name in ("pre-receive", "post-receive", "update"):
            (bare / "hooks" / name).symlink_to(trap.script)
        for url in (str(bare), f"file://{bare}"):
            git_repo.commit(
                "one", {"shipmark.yml": f"image: oci:dist/x\nlog: {{store: git, remote: '{url}'}}\n"}
            )
            result = shipmark("run", cwd=git_repo.path)
            assert (result.code, "lies in the workspace" in result.stderr) == (2, True), result.stderr
        assert not trap.sprung()

    def test_tag_prefix_that_git_refuses_is_a_config_error(
        self, git_repo: GitRepo, shipmark: Shipmark
    ) -> None:
        git_repo.commit("one", {"shipmark.yml": "image: oci:dist/x\nprefix: '--upload-pack=x'\n"})
        result = shipmark("tags", cwd=git_repo.path)
        assert (result.code, "shipmark.yml:2:9: `prefix`" in result.stderr) == (2, True), result.stderr


class TestDiscovery:
    """`discover` finds the same repository as `git rev-parse`, also with broken `.git` folders around."""

    def agrees(self, folder: Path, env: dict[str, str]) -> bool:
        done = subprocess.run(
            [program("git"), "rev-parse", "--is-bare-repository", "--show-toplevel"],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
        )
        found = discover(str(folder), env)
        if done.returncode == 0:
            return found is not None and found.root == done.stdout.splitlines()[-1]
        return found is None or not found.git_dir

    def test_discovery_of_empty_and_broken_git_folders_agrees_with_git(self, git_repo: GitRepo) -> None:
        git_repo.commit("one", {"a/b/file": "x"})
        folder = git_repo.path / "a" / "b"
        assert self.agrees(folder, git_repo.env)
        (folder / ".git").mkdir()
        assert self.agrees(folder, git_repo.env)
        found = discover(str(folder), {})
        assert found is not None
        assert found.root == str(git_repo.path)
        (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
        for name in ("objects", "refs"):
            assert self.agrees(folder, git_repo.env)
            (folder / ".git" / name).mkdir()
        assert self.agrees(folder, git_repo.env)
        for text in ("", "nonsense", "gitdir: ../none\n", "gitdir: ../../.git\n"):
            file = git_repo.path / "a" / ".git"
            file.write_text(text)
            assert self.agrees(git_repo.path / "a", git_repo.env), text

    def test_discovery_of_invalid_head_files_agrees_with_git(self, git_repo: GitRepo) -> None:
        git_repo.commit("one")
        folder = git_repo.path / "x"
        for name in ("objects", "refs"):
            (folder / name).mkdir(parents=True)
        for head in ("", "ref: heads/x", "ref:refs/heads/x", "hello", "a" * 40, "a" * 39):
            (folder / "HEAD").write_text(head)
            assert self.agrees(folder, git_repo.env), head
        (folder / "HEAD").unlink()
        for target in ("refs/heads/x", "/dev/zero", "../README"):
            (folder / "HEAD").symlink_to(target)
            assert self.agrees(folder, git_repo.env), target
            (folder / "HEAD").unlink()

    def test_config_file_is_read_from_the_repository_that_git_enters(
        self, git_repo: GitRepo, shipmark: Shipmark
    ) -> None:
        git_repo.commit("one", {"shipmark.yml": "image: oci:dist/right\n"})
        (git_repo.path / "a" / ".git").mkdir(parents=True)
        git_repo.write({"a/shipmark.yml": "image: oci:dist/wrong\n"})
        result = shipmark("tags", cwd=git_repo.path / "a")
        assert (result.code, "oci:dist/right" in result.stdout) == (0, True), result.stderr


def test_git_option_in_place_of_a_logged_commit_writes_no_file(
    git_repo: GitRepo, shipmark: Shipmark, tmp_path: Path
) -> None:
    """`git log --output=FILE..` would write FILE; whoever can write the log can write any commit into it."""
    git_repo.commit("one", {"shipmark.yml": "image: oci:dist/x\nproject: registry.example/acme/app\n"})
    head, lines = Head(), []
    for version, commit in (("1.0.0", f"--output={tmp_path}/PWNED"), ("1.0.1", git_repo.head)):
        for one in whole_release(f"r{version}", version):
            lines.append(seal({**one, "commit": commit}, head, "2026-01-02T03:04:05.678Z"))
            head = head_of(read_line(lines[-1]))
    git_repo.write({".shipmark/log.jsonl": b"".join(line + b"\n" for line in lines)})
    before = sorted(tmp_path.iterdir())
    result = shipmark("log", "diff", "1.0.0", "1.0.1", cwd=git_repo.path)
    assert (result.code, "where a commit id belongs" in result.stderr) == (6, True), result.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_git_command_lines_are_built_in_one_module_only() -> None:
    places = []
    for path in (ROOT / "release").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            first = node.elts[0] if isinstance(node, ast.List) and node.elts else None
            if isinstance(first, ast.Constant) and first.value == "git":
                places.append(str(path.relative_to(ROOT)))
    assert places == ["release/git/command.py"]
