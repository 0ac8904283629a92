"""Each cause of an error of git's remote has a hint of its own."""

from __future__ import annotations

import pytest

from release.errors import LogError, LogUnavailable
from release.log.stores.git.causes import cause_of, hint_for_copy

TEXTS = {
    "fatal: '/srv/o.git' does not appear to be a git repository": "no repository at this address",
    "remote: Repository not found.": "no repository at this address",
    "fatal: repository 'https://h.example/o.git/' not found": "no repository at this address",
    "fatal: Authentication failed for 'https://h.example/o.git/'": "SHIPMARK_LOG_TOKEN",
    "fatal: could not read Username for 'https://h.example': terminal prompts disabled": "SHIPMARK_LOG_TOKEN",
    "remote: HTTP Basic: Access denied": "SHIPMARK_LOG_TOKEN",
    "git@h.example: Permission denied (publickey).": "SSH key",
    "Host key verification failed.": "is not known here",
    "Host key for h.example has changed and you have requested strict checking.": "ask who runs the host",
    "deny updating a hidden ref": "ref: refs/heads/shipmark-log",
    "pre-receive hook declined": "a rule or a hook",
    "remote: error: GH013: Repository rule violations found": "a rule or a hook",
    "fatal: detected dubious ownership in repository at '/srv/o.git'": "safe.directory",
    "fatal: unable to access 'https://h/': SSL certificate problem: self-signed certificate": "http.sslCAInfo",
    "fatal: unable to access 'https://h/': The requested URL returned error: 302": "git remote set-url",
    "unable to write loose object file: No space left on device": "make room on the disk of the remote",
    "fatal: remote error: access denied or repository not exported: /o.git": "takes no pushes",
    "fatal: remote error: service not enabled: /o.git": "takes no pushes",
    "error: Cannot access URL http://h.example/o.git/, return code 22": "takes no pushes",
    "fatal: ref updates aborted by hook": "a rule or a hook",
    "pack exceeds maximum allowed size": "receive.maxInputSize",
    "remote: fatal: unable to create thread: Disk quota exceeded": "make room on the disk of the remote",
}
PASSING = {
    "Unable to create '/srv/o.git/./refs/shipmark/log.lock': File exists": "delete it in the remote",
    "fatal: unable to access 'https://h.example/': Could not resolve host: h.example": "check the host's name",
    "ssh: Could not resolve hostname h.example: Name or service not known": "check the host's name",
    "ssh: connect to host h.example port 22: Connection refused": "check host and port",
    "remote: fatal: unable to create temporary object directory": "check its disk",
    "unpacker error": "check its disk",
}


@pytest.mark.parametrize("text", [*TEXTS, *PASSING])
def test_each_cause_of_an_error_of_a_git_remote_has_its_own_hint(text: str) -> None:
    cause = cause_of(text)
    assert cause is not None
    assert {**TEXTS, **PASSING}[text] in cause.hint
    assert cause.error is (LogUnavailable if text in PASSING else LogError)


def test_an_unknown_error_of_a_git_remote_has_no_cause() -> None:
    assert cause_of("fatal: something new") is None


@pytest.mark.parametrize(
    ("text", "room", "is_full"),
    [
        ("fatal: unable to write loose object file: No space left on device", 1 << 30, True),
        ("fatal: write error: Disk quota exceeded", 1 << 30, True),
        ("fatal: cannot update ref 'refs/seen/log': couldn't write '/c/refs/seen/log.lock'", 4096, True),
        ("error: failed to write new configuration file /c/config.lock", 0, True),
        ("fatal: cannot update ref 'refs/seen/log': couldn't write '/c/refs/seen/log.lock'", 1 << 30, False),
        ("fatal: bad object refs/fetched/log", 0, False),
    ],
)
def test_full_disk_of_the_private_copy_is_told_by_gits_words_or_by_the_room_left(
    text: str, room: int, is_full: bool
) -> None:
    hint = hint_for_copy(text, room, "something else")
    assert ("make room on the disk with the cache folder" in hint) is is_full
