"""Relative URLs of the remote of a git log, and errors for a remote that is missing, declines or was set back."""

from __future__ import annotations

import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from release.app.session import Session
from release.errors import LogCorrupt, LogError, LogUnavailable
from tests.support.logs.facts import planned, whole_release
from tests.support.logs.workspaces import workspace
from tests.support.programs.environment import scrubbed
from tests.support.releases.git_daemon import served

REF = "refs/shipmark/log"


def git(folder: Path, *arguments: str) -> str:
    argv = ["git", "-C", str(folder), *arguments]
    return subprocess.run(
        argv, env=scrubbed(folder), check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    path = tmp_path / "o.git"
    path.mkdir()
    git(path, "init", "--quiet", "--bare")
    return path


def opened(tmp_path: Path, url: str, cache: str = "cache") -> Session:
    """Open a clone in `work` whose remote `origin` has the URL `url`."""
    folder = tmp_path / "work"
    session = workspace(
        folder, {"store": "git", "url": ""}, env={"SHIPMARK_CACHE_DIR": str(tmp_path / cache)}
    )
    (folder / "shipmark.yml").write_text("log: {store: git}\n")
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet")
        git(folder, "remote", "add", "origin", url)
    git(folder, "remote", "set-url", "origin", url)
    return session


@pytest.mark.parametrize("url", ["../o.git", "./../o.git", "../work/../o.git", "../o.git/", "file://"])
def test_a_relative_remote_is_found_from_the_clones_top_folder(bare: Path, tmp_path: Path, url: str) -> None:
    session = opened(tmp_path, f"file://{bare}" if url == "file://" else url)
    session.log.append(whole_release("r", "1.4.2"))
    assert git(bare, "rev-list", "--count", REF) == "5"


@pytest.mark.parametrize("pushed", ["../o.git", "file://{bare}"])
def test_log_is_pushed_to_the_push_url_of_its_remote_and_fetched_from_the_other(
    bare: Path, tmp_path: Path, pushed: str
) -> None:
    with served(tmp_path, scrubbed(tmp_path)) as base:  # `git daemon` refuses pushes
        session = opened(tmp_path, f"{base}/o.git")
        git(tmp_path / "work", "remote", "set-url", "--push", "origin", pushed.format(bare=bare))
        session.log.append(whole_release("r", "1.4.2"))
        assert git(bare, "rev-list", "--count", REF) == "5"
        again = opened(tmp_path, f"{base}/o.git", cache="other")
        assert len(again.log.entries()) == 5


def test_address_that_takes_no_pushes_is_told_at_once_with_the_way_to_name_another(
    bare: Path, tmp_path: Path
) -> None:
    git(bare, "update-server-info")
    folder = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with served(tmp_path, scrubbed(tmp_path)) as daemon, ThreadingHTTPServer(("127.0.0.1", 0), folder) as web:
        thread = threading.Thread(target=web.serve_forever, daemon=True)
        thread.start()
        for base in (daemon, f"http://127.0.0.1:{web.server_port}"):
            session = opened(tmp_path, f"{base}/o.git")
            for attempt in (
                session.log.store.check_writable,
                partial(session.log.append, whole_release("r", "1.4.2")),
            ):
                with pytest.raises(LogError) as caught:
                    attempt()
                assert not isinstance(caught.value, LogUnavailable)
                assert "git remote set-url --push" in str(caught.value.hint)
        web.shutdown()
        thread.join()


def test_log_that_its_remote_hides_from_fetches_is_told_instead_of_a_lost_race(
    bare: Path, tmp_path: Path
) -> None:
    """The second writer took the log for empty, and lost the race for its first entry for two minutes."""
    git(bare, "config", "uploadpack.hideRefs", "refs/shipmark")
    opened(tmp_path, str(bare)).log.append(whole_release("r", "1.4.2"))
    second = opened(tmp_path, str(bare), cache="other")
    with pytest.raises(LogError, match="hides it from fetches") as caught:
        second.log.append([planned("x")])
    assert "ref: refs/heads/shipmark-log" in str(caught.value.hint)
    git(bare, "config", "--unset", "uploadpack.hideRefs")
    assert len(second.log.append([planned("x")])) == 1
    assert git(bare, "rev-list", "--count", REF) == "6"


def test_log_push_that_a_transaction_hook_aborts_names_the_hook_at_once(bare: Path, tmp_path: Path) -> None:
    hook = bare / "hooks" / "reference-transaction"
    hook.write_text("#!/bin/sh\ntest $1 != prepared\n")
    hook.chmod(0o755)
    session = opened(tmp_path, str(bare))
    with pytest.raises(LogError, match="aborted by hook") as caught:
        session.log.append(whole_release("r", "1.4.2"))
    assert not isinstance(caught.value, LogUnavailable)
    assert "a rule or a hook of the remote refuses the ref" in str(caught.value.hint)


@pytest.mark.parametrize("url", ["../nowhere.git", "/nowhere/o.git"])
def test_error_for_a_missing_remote_of_the_log_does_not_mention_rights(tmp_path: Path, url: str) -> None:
    session = opened(tmp_path, url)
    for attempt in (session.log.entries, session.log.store.check_writable):
        with pytest.raises(LogError, match="does not appear to be a git repository") as caught:
            attempt()
        assert "there is no repository at this address" in str(caught.value.hint)
        assert "right" not in str(caught.value.hint)
        assert not isinstance(caught.value, LogUnavailable)


def test_error_for_a_log_push_that_a_hook_declined_names_the_hook(bare: Path, tmp_path: Path) -> None:
    hook = bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(LogError, match="hook declined") as caught:
        opened(tmp_path, "../o.git").log.append([planned()])
    assert "a rule or a hook of the remote refuses the ref" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("update-ref", REF, f"{REF}~1"),
            "was rewritten: it ended with commit [0-9a-f]{12}, which [0-9a-f]{12} does not",
        ),
        (
            ("update-ref", "-d", REF),
            "was deleted: it ended with commit [0-9a-f]{12}, and the remote no longer has",
        ),
    ],
)
def test_command_in_the_hint_after_a_remote_was_set_back_restores_the_log(
    bare: Path, tmp_path: Path, change: tuple[str, ...], message: str
) -> None:
    session = opened(tmp_path, "../o.git")
    session.log.append([planned()])
    session.log.append([planned(attempt="b")])
    tip = git(bare, "rev-parse", REF)
    git(bare, *change)
    git(bare, "reflog", "expire", "--expire=now", "--all")
    git(bare, "gc", "--quiet", "--prune=now")
    with pytest.raises(LogCorrupt, match=message) as caught:
        opened(tmp_path, "../o.git").log.entries()
    hint = str(caught.value.hint)
    assert tip not in hint  # the clone of whoever reads the hint does not have that commit
    command = hint.partition("`")[2].partition("`")[0].replace("URL", str(bare))
    subprocess.run(command.split(), env=scrubbed(tmp_path), check=True, capture_output=True)
    assert git(bare, "rev-parse", REF) == tip
    assert len(opened(tmp_path, "../o.git").log.entries()) == 2


@pytest.mark.parametrize("other", ["refs/shipmark", "refs/shipmark/log/older"])
def test_ref_in_the_way_of_a_git_log_is_named_at_once(bare: Path, tmp_path: Path, other: str) -> None:
    """Git can have no ref below another one. Such a push was taken for a lost race, and repeated for two minutes."""
    tree = git(bare, "hash-object", "-t", "tree", "-w", "/dev/null")
    commit = git(bare, "-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", tree, "-m", "x")
    git(bare, "update-ref", other, commit)
    session = opened(tmp_path, "../o.git")
    with pytest.raises(LogError, match=f"'{other}' exists; cannot create '{REF}'") as caught:
        session.log.append([planned()])
    assert "another ref of the remote stands in the way" in str(caught.value.hint)
    assert not isinstance(caught.value, LogUnavailable)


def test_remote_of_a_git_log_with_sha256_objects_is_told(tmp_path: Path) -> None:
    path = tmp_path / "o.git"
    path.mkdir()
    git(path, "init", "--quiet", "--bare", "--object-format=sha256")
    with pytest.raises(LogError, match=r"hash algorithm|mismatched algorithms") as caught:
        opened(tmp_path, "../o.git").log.append([planned()])
    assert "the log's commits have SHA-1" in str(caught.value.hint)
    assert not isinstance(caught.value, LogUnavailable)


def test_file_in_place_of_the_remote_of_a_git_log_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / "o.git").write_text("moved to the new host\n")
    with pytest.raises(LogError, match="invalid gitfile format") as caught:
        opened(tmp_path, "../o.git").log.append([planned()])
    assert "there is no repository at this address" in str(caught.value.hint)
    assert not isinstance(caught.value, LogUnavailable)
