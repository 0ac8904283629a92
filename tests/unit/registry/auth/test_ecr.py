"""Amazon ECR's token, against moto's implementation of the API."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ProfileNotFound
from moto import mock_aws

from release.errors import Denied
from release.ports import Completed
from release.registry.auth import ecr
from release.registry.auth.credential import ANONYMOUS
from release.registry.auth.keychain import Credentials

REGISTRY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


class NoPrograms:
    def run(self, *_: object, **__: object) -> Completed:
        raise FileNotFoundError


def _credentials() -> Credentials:
    return Credentials(env={}, read=lambda path: None, process=NoPrograms())


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield


@pytest.mark.parametrize(
    ("registry", "known"),
    [
        (REGISTRY, True),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", True),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", True),
        ("public.ecr.aws", False),
        ("123456789012.dkr-ecr.us-west-2.on.aws", True),
        ("123456789012.dkr-ecr-fips.us-west-2.on.aws", True),
        ("123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", True),
        ("123456789012.dkr-ecr.us-west-2.on.aws.evil.example", False),
        ("evil.example/123456789012.dkr.ecr.eu-central-1.amazonaws.com", False),
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example", False),
        ("12345.dkr.ecr.eu-central-1.amazonaws.com", False),
    ],
)
def test_is_ecr_recognises_private_registries_of_amazon(registry: str, known: bool) -> None:
    assert ecr.is_ecr(registry) is known


@pytest.mark.usefixtures("aws")
def test_ecr_token_is_requested_once_for_a_registry() -> None:
    credentials = _credentials()
    found = credentials.find(REGISTRY, "app")
    assert (found.kind, found.username) == ("basic", "AWS")
    assert found.secret
    assert "ecr:GetAuthorizationToken" in found.source
    assert credentials.find(REGISTRY, "other") is found


@pytest.mark.usefixtures("aws")
def test_credential_variable_precedes_the_ecr_token() -> None:
    name = "SHIPMARK_REGISTRY_123456789012_DKR_ECR_EU_CENTRAL_1_AMAZONAWS_COM_TOKEN"
    credentials = Credentials(env={name: "mine"}, read=lambda path: None, process=NoPrograms())
    assert credentials.find(REGISTRY, "app").secret == "mine"


def test_ecr_without_aws_credentials_is_anonymous(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = tmp_path_factory.mktemp("aws")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(empty / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(empty / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert _credentials().find(REGISTRY, "app") == ANONYMOUS


def test_ecr_without_boto3_is_anonymous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert _credentials().find(REGISTRY, "app") == ANONYMOUS


@pytest.mark.usefixtures("aws")
def test_refusal_of_the_ecr_token_by_aws_raises_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError

    class Refusing:
        def get_authorization_token(self, **_: object) -> object:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetAuthorizationToken")

    monkeypatch.setattr(boto3.session.Session, "client", lambda self, name: Refusing())
    with pytest.raises(Denied, match="AccessDeniedException") as caught:
        _credentials().find(REGISTRY, "app")
    assert "ecr:GetAuthorizationToken" in str(caught.value.hint)


def test_hint_without_boto3_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for registry in (REGISTRY, "public.ecr.aws"):
        assert "`shipmark[ecr]`" in _credentials().advice(registry)
    assert "shipmark[ecr]" not in _credentials().advice("ghcr.io")


class _Failing:
    """A client of AWS that fails. `error`: what it raises."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get_authorization_token(self, **_: object) -> object:
        raise self.error


def _refused(code: str) -> Exception:
    error: Exception = ClientError(
        {"Error": {"Code": code, "Message": "AWS says why"}}, "GetAuthorizationToken"
    )
    return error


@pytest.mark.parametrize(
    ("error", "says", "hint"),
    [
        (_refused("AccessDeniedException"), "AWS says why", "ecr:GetAuthorizationToken"),
        (_refused("ExpiredTokenException"), "ExpiredToken", "new one"),
        (_refused("UnrecognizedClientException"), "UnrecognizedClient", "AWS_ACCESS_KEY_ID"),
        (_refused("InvalidIdentityToken"), "InvalidIdentityToken", "trust policy"),
        (FileNotFoundError(2, "No such file", "/t/token"), "/t/token", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        (ProfileNotFound(profile="gone"), "gone", "AWS_PROFILE"),
        (EndpointConnectionError(endpoint_url="https://x"), "https://x", "network"),
        (RuntimeError("anything"), "anything", "get-caller-identity"),
    ],
    ids=["denied", "expired", "unknown key", "trust", "token file", "profile", "endpoint", "other"],
)
def test_failure_of_aws_names_its_cause_and_has_a_hint(
    error: Exception, says: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boto3.session.Session, "client", lambda self, name: _Failing(error))
    with pytest.raises(Denied, match=re.escape(says)) as caught:
        _credentials().find(REGISTRY, "app")
    assert hint in str(caught.value.hint)


@pytest.mark.usefixtures("aws")
def test_credential_of_the_public_registry_of_amazon_comes_from_its_own_api(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Public:
        def get_authorization_token(self) -> object:
            return {"authorizationData": {"authorizationToken": "QVdTOnNlY3JldA=="}}

    asked: list[tuple[str, str]] = []

    def client(self: boto3.session.Session, name: str) -> object:
        asked.append((name, self.region_name))
        return Public()

    monkeypatch.setattr(boto3.session.Session, "client", client)
    found = _credentials().find("public.ecr.aws", "acme/app")
    assert (found.username, found.secret) == ("AWS", "secret")
    assert asked == [("ecr-public", "us-east-1")]


def test_public_registry_of_amazon_is_read_anonymously_where_aws_gives_no_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing = _Failing(_refused("AccessDeniedException"))
    monkeypatch.setattr(boto3.session.Session, "client", lambda self, name: failing)
    notes: list[str] = []
    credentials = Credentials(env={}, read=lambda path: None, process=NoPrograms(), notice=notes.append)
    assert credentials.find("public.ecr.aws", "acme/app") == ANONYMOUS
    assert "asked without a credential" in notes[0]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("token", ["", "bm8gY29sb24=", "%%%"])
def test_malformed_ecr_token_is_denied_and_not_shown(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd:
        def get_authorization_token(self, **_: object) -> object:
            return {"authorizationData": [{"authorizationToken": token}]}

    monkeypatch.setattr(boto3.session.Session, "client", lambda self, name: Odd())
    with pytest.raises(Denied) as caught:
        _credentials().find(REGISTRY, "app")
    assert not token or token not in str(caught.value)
