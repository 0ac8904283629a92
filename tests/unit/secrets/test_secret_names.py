"""Which names look as if their values were secret."""

from __future__ import annotations

import pytest

from release.secrets.names import looks_secret


@pytest.mark.parametrize(
    "name",
    [
        "NPM_TOKEN",
        "SUPERSECRET",
        "token",
        "dbPassword",
        "DB_PASSWORD",
        "PGPASSWORD",
        "awsSecretAccessKey",
        "AWS_SECRET_ACCESS_KEY",
        "GITHUB_PAT",
        "API_KEY",
        "APIKEY",
        "SSH_PRIVATE_KEY",
        "ARTIFACTORY_CREDENTIALS",
        "slackWebhook",
        "REGISTRY_AUTH",
        "mytoken2",
        "PW",
        "DB_PASS",
        "dockerPass",
    ],
)
def test_a_variable_name_with_a_word_such_as_token_or_password_looks_secret(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "VERSION",
        "GITHUB_REPOSITORY",
        "REGISTRY",
        "CI_PROJECT_PATH",
        "PATH",
        "MONKEY",
        "AUTHOR",
        "TOKENIZER_VERSION",
        "PUBLIC_KEY",
        "CACHE_KEY",
        "SECRETARY",
        "PATCH",
        "KEYBOARD",
        "COMPASS",
        "PASS_THROUGH",
        "",
    ],
)
def test_an_ordinary_variable_name_does_not_look_secret(name: str) -> None:
    assert not looks_secret(name)
