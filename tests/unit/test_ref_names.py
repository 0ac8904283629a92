"""Names of git refs, compared with what git itself accepts, and the kinds of remotes."""

from __future__ import annotations

import subprocess

import pytest

from release.errors import ConfigError
from release.ref_names import is_commit, is_git_tag, is_ref, remote_kind, require_git_tag, require_ref
from tests.support.services.required import program, require

NAMES = [
    *"""
    refs/shipmark/log refs/heads/main refs/tags/v1.4.2 refs/tags/v1.0+b refs/heads/a/b/c refs/heads/ä refs/heads/a@b
    refs/x refs main refs/ /refs/x refs//x refs/x/ refs/x. refs/x.lock refs/x.lock/y refs/.x refs/x..y refs/x@{1} refs/@
    refs/x~1 refs/x^2 refs/x:y refs/x? refs/x* refs/[x refs/a\\b refs/heads/-x refs/heads/x-y @/x refs/heads/@ -refs/x
    --x/y
    """.split(),  # noqa: SIM905  # forty quoted names would hide the list
    *("refs/a b", "refs/a\tb", "refs/a\nb", "refs/a\x7fb", ""),
]


@pytest.mark.parametrize("name", NAMES)
def test_ref_names_are_valid_if_git_accepts_them(name: str) -> None:
    require("git")
    done = subprocess.run([program("git"), "check-ref-format", name], capture_output=True)
    # Git reads a leading `-` as an option of its own, which is why no name may begin so.
    assert is_ref(name) == (done.returncode == 0 and not name.startswith("-"))


@pytest.mark.parametrize("name", ["-v1.0.0", "--upload-pack=x", "v1..0", "a b", "v1:2", ""])
def test_option_or_malformed_name_is_not_a_git_tag(name: str) -> None:
    assert not is_git_tag(name)
    with pytest.raises(ConfigError, match="`prefix`"):
        require_git_tag("prefix", name)


def test_ref_in_the_configuration_must_be_written_in_full() -> None:
    assert require_ref("log.ref", "refs/shipmark/log") == "refs/shipmark/log"
    for name in ("main", "HEAD", "refs/../config", "--exec=x", "refs/x:refs/heads/main"):
        with pytest.raises(ConfigError, match=r"`log\.ref`"):
            require_ref("log.ref", name)


REMOTES = {
    "origin": "name",
    "acme/fork": "name",
    "https://github.com/acme/app.git": "url",
    "ssh://git@host:22/acme/app": "url",
    "git://host/x": "url",
    "file:///srv/log.git": "url",
    "http://127.0.0.1:8080/x": "url",
    "git@github.com:acme/app.git": "url",
    "host:path/x": "url",
    "/srv/log.git": "path",
}


@pytest.mark.parametrize(("text", "kind"), REMOTES.items())
def test_git_remote_is_classified_as_name_url_or_path(text: str, kind: str) -> None:
    assert remote_kind("log.remote", text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "ext::sh -c touch% x",
        "ext::x",
        "fd::7",
        "foo::bar",
        "ext::ssh://host/x",
        "ext://x/y",
        "-origin",
        "--upload-pack=touch x",
        "-oProxyCommand=x:y",
        "ssh://-oProxyCommand=x/y",
        "ssh://git@-oProxyCommand=x/y",
        "http://example.org/x",
        "ftp://example.org/x",
        "https://user:secret@example.org/x",
        "https://token@example.org/x",
        "https:///x",
        "../bare.git",
        "./bare.git",
        "a\nb",
        "",
    ],
)
def test_remote_helpers_options_and_urls_with_credentials_are_refused_as_git_remotes(text: str) -> None:
    with pytest.raises(ConfigError, match=r"`log\.remote`"):
        remote_kind("log.remote", text)


def test_only_a_full_lower_case_commit_id_is_accepted() -> None:
    assert is_commit("a" * 40)
    assert is_commit("0" * 64)
    assert not any(map(is_commit, ("a" * 39, "A" * 40, "--output=x", "a" * 40 + "\n", "HEAD")))
