"""Amazon ECR's authorization token, through boto3 where it is installed (`shipmark[ecr]`).

boto3 finds AWS credentials by its own rules: environment, shared files, web identity of a CI system, instance role.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from release.errors import Denied

_HOST = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?"
)


def is_ecr(registry: str) -> bool:
    """Whether this is a private registry of Amazon ECR."""
    return _HOST.fullmatch(registry) is not None


def authorization(registry: str) -> tuple[str, str] | None:
    """User name and password for the registry, valid for hours; None without boto3 or without AWS credentials.

    None for other registries. Raises `Denied` if AWS refuses, cannot be reached or answers without a token.
    """
    found = _HOST.fullmatch(registry)
    if found is None:
        return None
    try:
        import boto3
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            NoCredentialsError,
        )
    except ImportError:
        return None
    try:
        client = boto3.session.Session(region_name=found["region"]).client("ecr")
        answer = client.get_authorization_token(registryIds=[found["account"]])
    except NoCredentialsError:
        return None
    except (BotoCoreError, ClientError) as error:
        raise Denied(
            f"AWS gives no token for `{registry}`: {_said(error)}",
            hint="allow `ecr:GetAuthorizationToken` to the role that runs this",
        ) from error
    return _decode(answer, registry)


def _decode(answer: Any, registry: str) -> tuple[str, str]:
    try:
        token = answer["authorizationData"][0]["authorizationToken"]
        user, separator, password = base64.b64decode(token).decode().partition(":")
    except (LookupError, TypeError, ValueError, binascii.Error):
        user = separator = password = ""
    if not separator:
        # `from None`: the cause's text may contain the token.
        raise Denied(f"AWS answered something that is not a token for `{registry}`") from None
    return user, password


def _said(error: Any) -> str:
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", "unknown error"))
    return type(error).__name__
