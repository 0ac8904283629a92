"""Which line of git's stderr is told: the one that names the cause."""

from __future__ import annotations

import pytest

from release.git.failures import reason_in

_LAST = (
    "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\n"
    "and the repository exists.\n"
)
_CHANGED = "Host key for [h]:22 has changed and you have requested strict checking."
_BANNER = "remote: \nremote: ========\nremote: \nremote: ERROR: there is no such project\nremote: \nremote: ========\n"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", ""),
        (" \n\n", ""),
        ("one\ntwo\n", "one two"),
        ("warning: redirecting to x\nfatal: bad object\nmore\n", "fatal: bad object"),
        ("error: RPC failed; HTTP 413\nfatal: early EOF\n", "error: RPC failed; HTTP 413"),
        ("fatal: unknown extensions found:\n\n\tfrotz\n", "fatal: unknown extensions found: frotz"),
        ("ssh: connect to host x: Connection refused\r\n" + _LAST, "ssh: connect to host x: Connection refused"),
        (
            "Warning: Permanently added 'x' to the list.\r\ngit@x: Permission denied (publickey).\r\n" + _LAST,
            "git@x: Permission denied (publickey).",
        ),
        ("@@@\r\n@ WARNING: CHANGED! @\r\nHost key verification failed.\r\n" + _LAST, "Host key verification failed."),
        (
            "@@@\r\n@ WARNING: CHANGED! @\r\nOffending ED25519 key in /h/.ssh/known_hosts:1\r\n" + _CHANGED + "\r\n"
            "Host key verification failed.\r\n" + _LAST,
            _CHANGED,
        ),
        (_BANNER + _LAST, "remote: ERROR: there is no such project"),
        (_LAST, "fatal: Could not read from remote repository."),
    ],
)  # fmt: skip
def test_the_line_that_names_the_cause_is_told(said: str, told: str) -> None:
    assert reason_in(said) == told
