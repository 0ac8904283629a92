"""The outcome of a git push, read from its `--porcelain` output."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.log.stores.git.outcome import outcome_of

REF = "refs/shipmark/log"
FROM = "6732604934c7441827e61c5c2dff94fd58496951"


def status(flag: str, summary: str, ref: str = REF) -> str:
    return f"To log\n{flag}\t{FROM}:{ref}\t{summary}\nDone\n"


@pytest.mark.parametrize(
    ("flag", "summary", "expected"),
    [
        (" ", "6732604..5c2dff9", "done"),
        ("*", "[new reference]", "done"),
        ("=", "[up to date]", "done"),
        ("-", "[deleted]", "done"),
        ("!", "[rejected] (fetch first)", "race"),
        ("!", "[rejected] (non-fast-forward)", "race"),
        ("!", "[rejected] (stale info)", "race"),
        ("!", "[rejected] (already exists)", "race"),
        ("!", "[remote rejected] (cannot lock ref 'refs/shipmark/log': is at 4c3 but expected 4b0)", "race"),
        ("!", "[remote rejected] (failed to update ref)", "race"),
        ("!", "[remote rejected] (incorrect old value provided)", "race"),
        ("!", "[remote rejected] (protected branch hook declined)", "refused"),
        ("!", "[remote rejected] (pre-receive hook declined)", "refused"),
        ("!", "[remote rejected] (deny updating a hidden ref)", "refused"),
        ("!", "[remote rejected] (push declined due to repository rule violations)", "refused"),
        ("!", "[remote rejected] (permission denied)", "refused"),
        ("!", "[remote failure] (remote failed to report status)", "unknown"),
    ],
)
def test_push_outcome_follows_the_porcelain_status_line(flag: str, summary: str, expected: str) -> None:
    code = 0 if expected == "done" else 1
    assert outcome_of(code, status(flag, summary), "", REF).outcome == expected


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        ("fatal: Authentication failed for 'https://h/p/'", "refused"),
        ("fatal: could not read Username for 'https://h': terminal prompts disabled", "refused"),
        (
            "remote: Permission to acme/app.git denied to github-actions[bot].\nfatal: unable to access",
            "refused",
        ),
        ("fatal: unable to access 'https://h/p/': The requested URL returned error: 403", "refused"),
        ("fatal: unable to access 'https://h/p/': The requested URL returned error: 503", "unknown"),
        ("fatal: unable to access 'https://h/p/': Could not resolve host: h", "unknown"),
        ("ERROR: Repository not found.\nfatal: Could not read from remote repository.", "refused"),
        ("fatal: '/nowhere' does not appear to be a git repository", "refused"),
        ("remote: error: GH006: Protected branch update failed for refs/heads/log.", "refused"),
        ("fatal: the remote end hung up unexpectedly", "unknown"),
        ("error: object 403403403403403403403403403403403403 is a commit 403 away", "unknown"),
        ("fetch-pack: unexpected disconnect while reading sideband packet", "unknown"),
        ("", "unknown"),
    ],
)
def test_push_outcome_follows_the_error_text_without_a_status_line(stderr: str, expected: str) -> None:
    push = outcome_of(128, "", stderr, REF)
    assert push.outcome == expected
    assert push.reason


def test_lock_file_of_the_remote_is_an_outage_and_no_lost_race() -> None:
    locked = "Unable to create '/srv/o.git/./refs/shipmark/log.lock': File exists"
    stderr = f"remote: error: cannot lock ref 'refs/shipmark/log': {locked}.        \nremote: \n"
    push = outcome_of(1, status("!", "[remote rejected] (failed to update ref)"), stderr, REF)
    assert (push.outcome, push.reason) == ("unknown", locked)


def test_remote_without_room_is_a_refusal_with_the_reason_of_its_unpacking_program() -> None:
    stderr = (
        "remote: fatal: unable to write loose object file: No space left on device        \n"
        "error: remote unpack failed: unpack-objects abnormal exit\n"
    )
    push = outcome_of(1, status("!", "[remote rejected] (unpacker error)"), stderr, REF)
    assert push.outcome == "refused"
    assert push.reason == "unable to write loose object file: No space left on device"


def test_status_line_overrides_error_messages() -> None:
    stderr = "remote: Permission to nobody denied\nfatal: Authentication failed for 'x'"
    assert outcome_of(0, status(" ", "a..b"), stderr, REF).outcome == "done"
    assert outcome_of(1, status("!", "[rejected] (fetch first)"), stderr, REF).outcome == "race"


def test_outcome_of_one_ref_ignores_lines_of_other_refs() -> None:
    both = status("!", "[rejected] (fetch first)") + status(" ", "a..b", "refs/shipmark/inbox/x")
    assert outcome_of(1, both, "", REF).outcome == "race"
    assert outcome_of(1, both, "", "refs/shipmark/inbox/x").outcome == "done"


@given(st.text("0123456789abcdef", min_size=40, max_size=40), st.sampled_from(["fetch first", "stale info"]))
def test_digits_in_commit_ids_do_not_hide_a_race(commit: str, reason: str) -> None:
    out = f"To log\n!\t{commit}:{REF}\t[rejected] ({reason})\nDone\n"
    err = f"error: failed to push some refs to 'log'\nhint: {commit[:7]}..{commit[7:14]} 403 401"
    assert outcome_of(1, out, err, REF).outcome == "race"


@given(st.integers(-15, 255), st.text(), st.text())
def test_push_is_done_only_if_the_output_says_so(code: int, out: str, err: str) -> None:
    push = outcome_of(code, out, err, REF)
    if push.outcome == "done":
        says_so = any(line[:1] in " +-*=" and REF in line for line in out.splitlines())
        assert says_so or (code == 0 and "Done" in out.splitlines())


def test_damaged_status_line_of_a_rejection_is_never_done() -> None:
    line = f"!\t{FROM}:{REF}\t[rejected] (fetch first)"
    for left, right in pairwise(range(0, len(line), 7)):
        broken = line[:left] + line[right:]
        assert outcome_of(1, broken, "", REF).outcome in ("race", "refused", "unknown")
