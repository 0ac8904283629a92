"""Passwords are removed from every URL, whatever characters they contain, in linear time."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import ConfigError, RegistryError
from release.log.identity import safe_message
from release.secrets.known import Secrets, passwords_of, secrets_in
from release.secrets.redaction import holds_credentials, redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:hunter2@host/a", "https://***@host/a"),
        ("https://user:hun@ter2@host/a", "https://***@host/a"),
        ("https://user:hun/ter2@host/a", "https://***@host/a"),
        ("https://user:hun/t@er2@host/a", "https://***@host/a"),
        ("https://user:hun#ter2%@host/a?b", "https://***@host/a?b"),
        ("https://user:hun?ter2@host/a", "https://***@host/a"),
        ("https://user:1234/5@host/a", "https://***@host/a"),
        ("https://user:hun\"ter'2@host/a", "https://***@host/a"),
        ("postgresql://rel:hunter2@db/log", "postgresql://***@db/log"),
        ("HTTPS://t0ken@github.com/a", "HTTPS://***@github.com/a"),
        ("https://proxy.example/https://u:p@h/x", "https://proxy.example/https://***@h/x"),
        ("two http://a:b@c and http://d:e@f.", "two http://***@c and http://***@f."),
        (
            "fatal: unable to access 'https://u:p@h/x/': 403",
            "fatal: unable to access 'https://***@h/x/': 403",
        ),
        ("postgresql://h/d?user=u&password=hunter2&x=1", "postgresql://h/d?user=u&password=***&x=1"),
        ("https://s3.example/b?X-Amz-Signature=abc&n=1", "https://s3.example/b?X-Amz-Signature=***&n=1"),
        ("https://ghp0123456789abcdef:${X}@host/a", "https://***@host/a"),
        ("postgresql://user:a${PASSWORD}@host/d", "postgresql://***@host/d"),
        ("https://h.example/?sig=abc", "https://h.example/?sig=***"),
    ],
)
def test_secrets_of_urls_are_replaced(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown
    assert ConfigError(text, hint=text).message == shown == ConfigError("x", hint=text).hint
    assert str(RegistryError(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "ssh://git@github.com/acme/app",
        "git@github.com:acme/app",
        "https://host.example/a@b",
        "https://host.example:5000/a@b",
        "http://localhost:5000/a@b",
        "docker://ghcr.io/acme/app@sha256:abc",
        "https://registry:5000/acme/app@sha256:abc",
        "https://[::1]:5000/a@b",
        "postgresql://rel@db/log",
        "write `postgresql://user:${PASSWORD}@host/database`",
        "mail me@example.org",
        "https://h.example/?n=1&last=x",
    ],
)
def test_urls_without_secrets_are_not_changed(text: str) -> None:
    assert redact(text) == text


@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=("Z", "C"))))
def test_password_of_a_url_is_replaced_whatever_visible_characters_it_begins_with(password: str) -> None:
    shown = redact(f"see https://user:{password}{'x' * 20}@host/path, please")
    assert shown == "see https://***@host/path, please"


@given(st.text())
def test_redacted_text_holds_no_credentials(text: str) -> None:
    assert not holds_credentials(redact(f"https://{text}@host https://a:b@{text}"))


def _steps(function: Callable[[str], object], text: str) -> int:
    """Count the lines of Python that a call executes: they grow as its time does, but do not vary with the load."""
    count = 0

    def trace(frame: object, event: str, argument: object) -> object:
        nonlocal count
        del frame, argument
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        function(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "piece", ["a", "a.", "a://", "a:@", "x://@", "://", "https://u:p@h ", "http://a/@", "?k=", "&token="]
)
@pytest.mark.parametrize("function", [redact, holds_credentials, safe_message])
def test_redaction_of_urls_takes_linear_time(function: Callable[[str], object], piece: str) -> None:
    small, large = (_steps(function, piece * count) for count in (200, 2000))
    assert large <= 12 * max(small, 20)


@pytest.mark.parametrize("piece", ["a", "a.", "a://", "x://@", "?k=", "remote: x "])
def test_a_megabyte_of_stderr_is_shortened_to_two_kilobytes(piece: str) -> None:
    # 80 kB of the first took 47 s when a scheme was looked for from every letter on.
    assert len(safe_message(piece * (1_000_000 // len(piece))).encode()) <= 2048


class TestKnownSecrets:
    """Known secrets of a run are masked in every text."""

    def test_a_secret_is_masked_in_every_encoding(self) -> None:
        secrets = Secrets()
        secrets.add("hunter2 & more")
        for text in (
            "hunter2 & more",
            "aHVudGVyMiAmIG1vcmU=",
            "aHVudGVyMiAmIG1vcmU",
            "hunter2%20%26%20more",
            "hunter2+%26+more",
        ):
            assert secrets.mask(f"got <{text}>") == "got <***>"
            assert secrets.scrub(f"got <{text}>") == "got <***>"

    def test_a_short_secret_is_masked_only_as_a_whole_word(self) -> None:
        secrets = Secrets()
        secrets.add("test", "postgres", "abc")
        assert secrets.mask("latest test; postgresql://postgres abc") == "latest ***; postgresql://*** abc"

    def test_a_secret_that_is_part_of_an_image_name_is_not_masked(self) -> None:
        secrets = Secrets()
        secrets.add("acme-corp-1", "hunter2-secret")
        secrets.add_public("ghcr.io/acme-corp-1/app")
        assert secrets.mask("ghcr.io/acme-corp-1/app hunter2-secret") == "ghcr.io/acme-corp-1/app ***"

    def test_secrets_in_environment_variables_are_found_by_their_names_and_url_passwords(self) -> None:
        env = {
            "SHIPMARK_REGISTRY_GHCR_IO_TOKEN": "one1",
            "SHIPMARK_REGISTRY_GHCR_IO_USERNAME": "nobody-special",
            "SHIPMARK_LOG_TOKEN": "two2",
            "SHIPMARK_LOG_URL": "postgresql://rel:p@ss/w%6Frd@db/log",
            "HTTPS_PROXY": "u:proxypass@proxy:3128",
            "GITHUB_TOKEN": "ghs_0123456789",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
            "PWD": "/home/runner/work",
            "SSH_AUTH_SOCK": "/tmp/ssh-agent",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "MY_TOKEN": "short",
        }
        assert set(secrets_in(env)) == {
            "one1",
            "two2",
            "p@ss/w%6Frd",
            "p@ss/word",
            "proxypass",
            "ghs_0123456789",
            "wJalrXUtnFEMI",
        }

    def test_passwords_are_found_in_a_url(self) -> None:
        assert set(passwords_of("https://t%40ken@h/?password=x%20y")) == {"t%40ken", "t@ken", "x%20y", "x y"}
        assert set(passwords_of("ssh://git@h/x")) == set()
