"""The git store on real repositories: races, lost replies, refusals, rewritten history, an unchanged clone."""

from __future__ import annotations

import os
import resource
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from release.control import Cancel
from release.errors import LogCorrupt, LogError, LogUnavailable, Terminated
from release.git.credentials import Credentials, credentials_of, credentials_of_token
from release.log import Head, HeadMoved
from release.log.sealing import seal
from release.log.stores.git.remote import GitRemote
from release.log.stores.git.store import GitStore
from release.ports import Completed
from release.programs.processes import Processes
from tests.support.disks.confined import filled, mounted_disk
from tests.support.logs.bare_remote import REF, BareRemote
from tests.support.logs.facts import independently_verified, planned, whole_release, writer
from tests.support.programs.environment import scrubbed
from tests.support.releases.git import GitRepo

AT = "2026-11-20T10:00:00.000Z"


@pytest.fixture
def remote(tmp_path: Path) -> BareRemote:
    return BareRemote(tmp_path)


@pytest.fixture
def store(remote: BareRemote, tmp_path: Path) -> Callable[..., GitStore]:
    def make(
        cache: str = "cache", cancel: Cancel | None = None, url: str = "", **options: object
    ) -> GitStore:
        cancel = cancel or Cancel()
        opened = GitRemote(
            process=Processes(cancel),
            env=options.pop("env", remote.env),  # type: ignore[arg-type]  # a mapping
            cache=str(tmp_path / cache / "log.git"),
            url=url or remote.url,
            name="log at origin",
            cancel=cancel,
            monotonic=time.monotonic,
            **options,  # type: ignore[arg-type]  # as the test says
        )
        return GitStore(opened, name="log at origin", ref=REF)

    return make


Make = Callable[..., GitStore]


def test_each_entry_of_a_git_log_is_one_commit_on_the_log_ref(remote: BareRemote, store: Make) -> None:
    log = writer(store())
    log.append(whole_release("r", "1.4.2"))
    log.append([planned(attempt="b")])
    entries = independently_verified(remote.lines())
    assert len(entries) == 6
    assert remote.git("log", "-1", "--format=%s%n%b", REF).split("\n")[:3] == [
        "planned 1.4.2",
        "Shipmark-Seq: 5",
        f"Shipmark-Hash: {log.head.hash}",
    ]
    assert remote.git("ls-tree", "--name-only", REF) == "entry.json"
    assert remote.git("fsck", "--strict", "--no-dangling") == ""
    assert remote.refs() == [REF]


def test_missing_log_ref_is_an_empty_log(store: Make) -> None:
    log = store()
    assert log.head() == Head()
    assert list(log.read()) == []


def test_two_git_stores_with_separate_caches_read_each_others_entries(store: Make) -> None:
    one, other = writer(store("a")), writer(store("b"))
    one.append(whole_release("r", "1.4.2"))
    assert tuple(other.entries()) == tuple(one.entries())
    one.append([planned(attempt="b")])
    assert [entry.seq for entry in other.store.read(3)] == [4, 5]
    assert tuple(other.entries()) == tuple(one.entries())


def test_append_to_a_git_log_succeeds_after_the_cache_was_removed(store: Make, tmp_path: Path) -> None:
    log = writer(store())
    log.append([planned()])
    shutil.rmtree(tmp_path / "cache")
    assert len(writer(store()).append([planned(attempt="b")])) == 1
    assert store().head().seq == 1


@pytest.mark.parametrize("damage", ["HEAD", "config", "refs/seen/log", "refs/fetched/log", "objects/??/*"])
def test_cache_of_a_git_log_that_a_power_cut_emptied_is_named_and_not_the_network(
    store: Make, tmp_path: Path, damage: str
) -> None:
    writer(store()).append(whole_release("r", "1.4.2"))
    assert len(list(store().read())) == 5
    for path in (tmp_path / "cache" / "log.git").glob(damage):
        path.chmod(0o600)
        path.write_bytes(b"")
    with pytest.raises(LogError, match="cannot be") as caught:
        writer(store()).append([planned("after")])
    assert type(caught.value) is LogError, "trying again does not help"
    assert f"(`{tmp_path}/cache/log.git`): `shipmark cache clean`" in str(caught.value.hint)
    shutil.rmtree(tmp_path / "cache")  # as that command does
    writer(store()).append([planned("after")])


def test_stale_git_lock_files_in_the_cache_are_removed(store: Make, tmp_path: Path) -> None:
    writer(store()).append([planned()])
    for name in ("packed-refs.lock", "refs/fetched/log.lock", "config.lock", "shallow.lock"):
        path = tmp_path / "cache" / "log.git" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert len(writer(store()).append([planned(attempt="b")])) == 1


def test_lost_push_race_raises_head_moved(store: Make) -> None:
    one, other = store("a"), store("b")
    assert one.head() == other.head() == Head()
    one.append([seal(planned(), Head(), AT)], Head())
    with pytest.raises(HeadMoved):
        other.append([seal(planned(attempt="b"), Head(), AT)], Head())
    with pytest.raises(HeadMoved):
        one.append([seal(planned(attempt="c"), Head(), AT)], Head())


def test_writer_that_lost_a_race_leaves_no_inbox_ref(remote: BareRemote, store: Make) -> None:
    one, other = writer(store("a")), writer(store("b"))
    one.append([planned()])
    assert other.entries()
    one.append([planned(attempt="b")])
    (entry,) = other.append([planned(attempt="c")])
    assert entry.seq == 2
    assert remote.refs() == [REF]


def test_parked_facts_of_a_dead_writer_are_appended_by_the_next(remote: BareRemote, store: Make) -> None:
    dead = store("a")
    list(dead.read())
    dead.park([planned(attempt="dead")])
    assert len(remote.refs()) == 1
    writer(store("b")).append([planned(attempt="alive")])
    attempts = [entry["attempt"] for entry in independently_verified(remote.lines())]
    assert attempts == ["alive", "dead"]
    assert remote.refs() == [REF]


def test_malformed_inbox_refs_do_not_prevent_an_append(remote: BareRemote, store: Make) -> None:
    dead = store("a")
    list(dead.read())
    dead.park([planned(attempt="dead")])
    # A commit without facts, and one whose facts are none.
    empty = remote.git("hash-object", "-t", "tree", "/dev/null", "-w")
    (remote.folder / "facts").write_text("[1, 2]")
    blob = remote.git("hash-object", "-w", str(remote.folder / "facts"))
    tree = remote.git("mktree", text=f"100644 blob {blob}\tfacts.json\n")
    for name, content in (("empty", empty), ("odd", tree)):
        remote.git("update-ref", f"refs/shipmark/inbox/{name}", remote.git("commit-tree", content, "-m", "x"))
    writer(store("b")).append([planned(attempt="alive")])
    attempts = [entry["attempt"] for entry in independently_verified(remote.lines())]
    assert attempts == ["alive", "dead"]
    assert remote.refs() == [REF]


def test_push_of_the_log_with_a_lost_reply_is_read_back(remote: BareRemote, store: Make) -> None:
    writer(store()).append([planned()])
    # The ref is updated, then the connection breaks.
    remote.hook("post-update", "kill -9 $PPID")
    remote.git("config", "receive.autogc", "false")
    log = writer(store())
    (entry,) = log.append([planned(attempt="b")])
    assert entry.seq == 1
    assert len(independently_verified(remote.lines())) == 2


@pytest.mark.parametrize("hook", ["pre-receive", "update"])
def test_push_of_the_log_that_a_hook_refused_is_a_log_error_without_retries(
    remote: BareRemote, store: Make, hook: str
) -> None:
    remote.hook(hook, "echo 'GH006: not here' >&2; exit 1")
    started = time.monotonic()
    with pytest.raises(LogError, match=r"cannot be written: .*hook declined") as caught:
        writer(store()).append([planned()])
    assert not isinstance(caught.value, LogUnavailable)
    assert "contents: write" in str(caught.value.hint)
    assert time.monotonic() - started < 10


def test_push_of_the_log_to_a_hidden_ref_is_a_log_error(remote: BareRemote, store: Make) -> None:
    remote.git("config", "receive.hideRefs", "refs/shipmark")
    with pytest.raises(LogError, match="hidden ref"):
        writer(store()).append([planned()])


def test_missing_remote_of_a_git_log_is_a_log_error(store: Make, tmp_path: Path) -> None:
    for attempt in (store(url=f"{tmp_path}/nowhere").head, store(url=f"{tmp_path}/nowhere").check_writable):
        with pytest.raises(LogError, match="does not appear to be a git repository"):
            attempt()


def test_check_writable_of_a_git_log_writes_nothing(remote: BareRemote, store: Make) -> None:
    store().check_writable()
    assert remote.refs() == []


def test_rewritten_history_of_a_git_log_is_refused_with_both_tips(remote: BareRemote, store: Make) -> None:
    log = writer(store("a"))
    log.append([planned()])
    old = remote.git("rev-parse", REF)
    log.append([planned(attempt="b")])
    new = remote.git("rev-parse", REF)
    remote.git("update-ref", REF, old)
    with pytest.raises(LogCorrupt, match=f"was rewritten: it ended with commit {new[:12]}.*{old[:12]}"):
        log.entries()
    # Also by a later run: the cache remembers.
    with pytest.raises(LogCorrupt, match="was rewritten"):
        writer(store("a")).append([planned(attempt="c")])
    remote.git("update-ref", "-d", REF)
    with pytest.raises(LogCorrupt, match="was deleted: it ended with commit"):
        store("a").head()


def test_replaced_entry_of_a_git_log_is_reported_with_its_position(remote: BareRemote, store: Make) -> None:
    writer(store("a")).append([planned(), planned(attempt="b")])
    blob = remote.git("cat-file", "blob", f"{REF}:entry.json").replace('"attempt":"b"', '"attempt":"x"')
    folder = remote.folder / "w"
    folder.mkdir()
    (folder / "entry.json").write_text(blob + "\n")
    sha = remote.git("hash-object", "-w", str(folder / "entry.json"))
    tree = remote.git("mktree", text=f"100644 blob {sha}\tentry.json\n")
    commit = remote.git("commit-tree", tree, "-p", f"{REF}~1", "-m", "x")
    remote.git("update-ref", REF, commit)
    with pytest.raises(LogCorrupt, match=r"^entry 1 was changed after it was written"):
        store("b").head()


@pytest.mark.parametrize("other", ["a", "b/entry.json", "{commit}", "\x0bcommit {commit}", "\u2028parents "])
def test_other_files_in_the_commits_of_a_git_log_are_skipped(
    remote: BareRemote, store: Make, other: str
) -> None:
    """Also a file whose name looks like a line of git's list of commits, and an entry that git lists once only."""
    writer(store("a")).append([planned(), planned(attempt="b")])
    commits = remote.git("rev-list", "--reverse", REF).split()
    blobs = [remote.git("rev-parse", f"{commit}:entry.json") for commit in commits]
    name, _, rest = other.format(commit=commits[0]).partition("/")
    tip = ""
    for blob in blobs:
        entry = f"100644 blob {blob}\tentry.json\0"
        if rest:
            inner = remote.git("mktree", "-z", text=entry)
            files = f"040000 tree {inner}\t{name}\0{entry}"
        else:
            files = f"100644 blob {blobs[-1]}\t{name}\0{entry}"
        tree = remote.git("mktree", "-z", text=files)
        tip = remote.git("commit-tree", tree, *(["-p", tip] if tip else []), "-m", "x")
    remote.git("update-ref", REF, tip)
    assert [entry.seq for entry in store("b").read()] == [0, 1]


def test_merge_in_a_git_log_is_refused(remote: BareRemote, store: Make) -> None:
    writer(store("a")).append([planned(), planned(attempt="b")])
    tree = remote.git("rev-parse", f"{REF}^{{tree}}")
    merge = remote.git("commit-tree", tree, "-p", REF, "-p", f"{REF}~1", "-m", "x")
    remote.git("update-ref", REF, merge)
    with pytest.raises(LogCorrupt, match=f"not a single line of commits at {merge[:12]}"):
        store("b").head()


def test_commit_of_a_git_log_without_an_entry_is_reported(remote: BareRemote, store: Make) -> None:
    empty = remote.git("hash-object", "-t", "tree", "/dev/null", "-w")
    commit = remote.git("commit-tree", empty, "-m", "x")
    remote.git("update-ref", REF, commit)
    with pytest.raises(LogCorrupt, match=r"entry 0 is missing: a commit of the log has no `entry.json`"):
        store().head()


def test_cancellation_ends_a_hanging_push_of_the_log(remote: BareRemote, store: Make) -> None:
    import threading

    remote.hook("pre-receive", "sleep 60")
    cancel = Cancel()
    log = writer(store(cancel=cancel))
    log.entries()
    threading.Timer(0.5, cancel.trip, [Terminated("terminated")]).start()
    started = time.monotonic()
    with pytest.raises(Terminated):
        log.append([planned()])
    assert time.monotonic() - started < 5


def test_hanging_push_of_the_log_ends_at_its_timeout(remote: BareRemote, store: Make) -> None:
    remote.hook("pre-receive", "sleep 60")
    log = writer(store(timeout=1.0), patience=0.0)
    with pytest.raises(LogUnavailable, match="did not answer within 1 s"):
        log.append([planned()])


def test_append_to_a_git_log_leaves_the_users_clone_unchanged(
    remote: BareRemote, store: Make, git_repo: GitRepo, tmp_path: Path
) -> None:
    git_repo.commit(message="one", files={"a": "1"})
    git_repo.git("remote", "add", "origin", remote.url)
    (git_repo.path / "a").write_text("dirty")
    before = _everything(git_repo.path)
    process = Processes(Cancel())
    handed = credentials_of(process, str(git_repo.path), remote.env)
    writer(store(credentials=handed)).append(whole_release("r", "1.4.2"))
    assert _everything(git_repo.path) == before


def _everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_credentials_of_a_clone_include_conditional_includes(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.commit(message="one")
    secret = tmp_path / "credentials.config"
    secret.write_text('[http "https://github.com/"]\n\textraheader = AUTHORIZATION: basic c2VjcmV0\n')
    git_repo.git("config", f"includeIf.gitdir:{git_repo.path}/.git.path", str(secret))
    git_repo.git("config", "core.sshCommand", "ssh -i /key")
    git_repo.git("config", "user.name", "somebody")
    found = credentials_of(Processes(Cancel()), str(git_repo.path), scrubbed(tmp_path))
    assert dict(found.settings) == {
        "http.https://github.com/.extraheader": "AUTHORIZATION: basic c2VjcmV0",
        "core.sshcommand": "ssh -i /key",
    }
    assert credentials_of(Processes(Cancel()), str(tmp_path), scrubbed(tmp_path)) == Credentials()


def test_authorization_header_with_the_log_token_is_limited_to_its_host() -> None:
    (setting,) = credentials_of_token("https://github.com:8443/acme/app", "t0ken").settings
    assert setting == (
        "http.https://github.com:8443/.extraheader",
        "Authorization: Basic eC1hY2Nlc3MtdG9rZW46dDBrZW4=",
    )


def test_secrets_of_a_git_log_are_in_no_argument_list_and_no_error(
    store: Make, tmp_path: Path, remote: BareRemote
) -> None:
    seen: list[str] = []

    class Watching(Processes):
        def run(self, argv: Sequence[str], **options: Any) -> Completed:
            seen.extend(argv)
            return super().run(argv, **options)

    cancel = Cancel()
    opened = GitRemote(
        process=Watching(cancel),
        env=remote.env,
        cache=str(tmp_path / "c" / "log.git"),
        url="http://bob:s3cret@127.0.0.1:9/acme/app",
        name="log at origin",
        cancel=cancel,
        monotonic=time.monotonic,
        credentials=credentials_of_token("http://127.0.0.1:9/", "t0ken"),
    )
    with pytest.raises(LogUnavailable) as caught:
        GitStore(opened, name="log at origin").head()
    assert "s3cret" not in str(caught.value) + str(caught.value.hint)
    assert not any("s3cret" in word or "t0ken" in word for word in seen)


def test_append_to_a_git_log_ignores_hooks_and_settings_of_the_user(
    remote: BareRemote, store: Make, tmp_path: Path
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-push", "post-checkout", "pre-auto-gc"):
        (hooks / name).write_text("#!/bin/sh\nexit 1\n")
        (hooks / name).chmod(0o755)
    config = tmp_path / "config"
    config.write_text(
        f"[core]\n\thooksPath = {hooks}\n[push]\n\tgpgSign = true\n\tfollowTags = true\n"
        "[fetch]\n\tprune = true\n\twriteCommitGraph = true\n[log]\n\tshowSignature = true\n"
        '[diff "default"]\n\ttextconv = false\n[diff "json"]\n\ttextconv = false\n'
    )
    with config.open("a") as file:
        file.write(f"[core]\n\tattributesFile = {tmp_path}/attributes\n")
    (tmp_path / "attributes").write_text("*.json diff=json\n")
    env = {**remote.env, "GIT_CONFIG_GLOBAL": str(config)}
    assert writer(store(env=env)).append([planned()])
    assert [entry.seq for entry in store("other", env=env).read()] == [0]


def test_append_to_a_git_log_succeeds_with_git_settings_in_the_environment(
    remote: BareRemote, store: Make
) -> None:
    env = {
        **remote.env,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    assert writer(store(env=env)).append([planned()])


def test_file_in_place_of_the_git_logs_cache_folder_is_a_log_error(store: Make, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    with pytest.raises(LogError, match=r"cache .* cannot be used"):
        store().head()
    assert os.path.isfile(tmp_path / "cache")


def test_full_disk_below_the_copy_of_a_git_log_loses_nothing_and_says_to_make_room(
    remote: BareRemote, store: Make, tmp_path: Path
) -> None:
    with mounted_disk(tmp_path / "cache", 1 << 20) as disk:
        with filled(disk), pytest.raises(LogError) as no_copy:
            store("cache/disk").head()
        assert str(no_copy.value.hint).startswith("make room on the disk")
        writer(store("cache/disk")).append([planned()])
        hints: list[str | None] = []
        while len(remote.lines()) == 1:  # each file that an append writes meets the full disk once
            with filled(disk, 4096 * len(hints)):
                hints.append(_hint_of_append(store("cache/disk"), planned(attempt="b")))
        assert len(hints) > 3
        assert all(hint is None or hint.startswith("make room on the disk") for hint in hints)
        writer(store("cache/disk")).append([planned(attempt="b")])
        assert len(remote.lines()) == 2
        independently_verified(remote.lines())


def test_remote_of_a_git_log_on_a_full_disk_is_not_a_missing_right(store: Make, tmp_path: Path) -> None:
    with mounted_disk(tmp_path / "far", 1 << 20) as disk:
        far = BareRemote(disk.path)
        writer(store(url=str(far.path))).append([planned()])
        with filled(disk), pytest.raises(LogError, match="No space left on device") as full:
            writer(store(url=str(far.path))).append([planned(attempt="b")])
        assert full.value.hint == "make room on the disk of the remote repository, then run again"
        writer(store(url=str(far.path))).append([planned(attempt="b")])
        independently_verified(far.lines())


def test_limit_of_file_sizes_that_stops_git_is_named(store: Make) -> None:
    opened = store()
    opened.head()  # makes the copy, whose files are larger than the limit
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        hint = _hint_of_append(opened, planned())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert hint == "raise the limit: `ulimit -f unlimited`"
    assert _hint_of_append(store(), planned()) is None


def _hint_of_append(store: GitStore, fact: dict[str, Any]) -> str | None:
    """Append `fact`; returns the hint of the error, or None if there was no error."""
    try:
        writer(store).append([fact])
    except LogError as error:
        return str(error.hint)
    return None
