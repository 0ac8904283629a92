"""Amazon ECR's authorization token, through boto3 where it is installed (`shipmark[ecr]`).

boto3 finds AWS credentials by its own rules: environment, shared files, web identity of a CI system, instance role.
"""

from __future__ import annotations

import base64
import binascii
import importlib.util
import re
from typing import Any, NamedTuple

from release.errors import Denied
from release.lazy_pattern import pattern

#: Amazon's public registry. Everybody may read there; pushing takes a token of its own API, which is in one region.
PUBLIC = "public.ecr.aws"
_PUBLIC_REGION = "us-east-1"
# Private registries: the usual names, those with IPv6 (`dkr-ecr.….on.aws`), and those in China.
_HOSTS = (
    pattern(
        r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?", re.ASCII
    ),
    pattern(
        r"(?P<account>\d{12})\.dkr-ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.on\.(?:aws|amazonwebservices\.com\.cn)",
        re.ASCII,
    ),
)
# Error code or exception class -> hint. The first one that occurs in the error's text counts.
_HINTS = (
    ("AccessDenied", "allow `{permission}` to the role that runs this"),
    ("ExpiredToken", "the AWS session is over: get a new one, in CI by a new job"),
    ("SSOTokenLoadError", "log in again: `aws sso login`"),
    ("UnauthorizedSSOToken", "log in again: `aws sso login`"),
    ("TokenRetrievalError", "log in again: `aws sso login`"),
    ("InvalidIdentityToken", "the role does not trust the job's identity: check its trust policy"),
    ("UnrecognizedClient", "AWS does not know the access key: check AWS_ACCESS_KEY_ID and the region"),
    ("InvalidClientTokenId", "AWS does not know the access key: check AWS_ACCESS_KEY_ID"),
    ("SignatureDoesNotMatch", "check AWS_SECRET_ACCESS_KEY, and this machine's clock"),
    ("ProfileNotFound", "check AWS_PROFILE and AWS_CONFIG_FILE"),
    ("PartialCredentials", "set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ("FileNotFoundError", "check AWS_WEB_IDENTITY_TOKEN_FILE: the CI system has to write that file"),
    ("EndpointConnectionError", "check the network, and that ECR exists in the region"),
    ("ConnectTimeout", "check the network, and that ECR exists in the region"),
    ("ProxyConnectionError", "check HTTPS_PROXY"),
)
_OTHER_HINT = "`aws sts get-caller-identity` shows who AWS takes this job for"
# Characters of the cause that are shown; botocore's messages have one line.
_SHOWN = 300


def is_ecr(registry: str) -> bool:
    """Whether this is a private registry of Amazon ECR."""
    return _found(registry) is not None


def is_amazon(registry: str) -> bool:
    """Whether AWS issues tokens for this registry: for Amazon's private registries, and for the public one."""
    return registry == PUBLIC or is_ecr(registry)


def has_boto3() -> bool:
    """Whether `shipmark[ecr]` is installed."""
    try:
        return importlib.util.find_spec("boto3") is not None
    except (ImportError, ValueError):
        return False


def permission(registry: str) -> str:
    """The permission that a role needs to get a token, as AWS names it."""
    name = "ecr-public" if registry == PUBLIC else "ecr"
    return f"`{name}:GetAuthorizationToken`"


def authorization(registry: str) -> tuple[str, str] | None:
    """User name and password for the registry, valid for hours; None without boto3 or without AWS credentials.

    None for other registries. Raises `Denied` if AWS refuses or cannot be asked, with the cause, or answers without a
    token.
    """
    found = _found(registry)
    if found is None and registry != PUBLIC:
        return None
    try:
        import boto3
        from botocore.exceptions import NoCredentialsError
    except ImportError:
        return None
    try:
        session = boto3.session.Session(region_name=_PUBLIC_REGION if found is None else found["region"])
        if found is None:
            answer = session.client("ecr-public").get_authorization_token()
        else:
            answer = session.client("ecr").get_authorization_token(registryIds=[found["account"]])
    except NoCredentialsError:
        return None
    except Exception as error:
        cause, hint = explained(error, permission(registry).strip("`"))
        raise Denied(f"AWS gives no token for `{registry}`: {cause}", hint=hint) from error
    return _decode(answer, registry)


class Account(NamedTuple):
    """A client of the ECR API in a registry's region, and the account that the registry belongs to."""

    client: Any
    id: str


def account(registry: str) -> Account | None:
    """The API of a private registry; None without boto3, and for other registries. No request is sent."""
    found = _found(registry)
    if found is None or not has_boto3():
        return None
    import boto3

    return Account(boto3.session.Session(region_name=found["region"]).client("ecr"), found["account"])


def explained(error: Exception, needed: str) -> tuple[str, str]:
    """The cause of an error of boto3 in one line, and a hint. `needed`: the permission that the request takes."""
    cause = _cause(error)
    hint = next((hint for name, hint in _HINTS if name in cause), _OTHER_HINT)
    return cause, hint.format(permission=needed)


def _found(registry: str) -> re.Match[str] | None:
    return next((found for host in _HOSTS if (found := host.fullmatch(registry)) is not None), None)


def _decode(answer: Any, registry: str) -> tuple[str, str]:
    try:
        data = answer["authorizationData"]
        token = (data[0] if isinstance(data, list) else data)["authorizationToken"]
        user, separator, password = base64.b64decode(token).decode().partition(":")
    except (LookupError, TypeError, ValueError, binascii.Error):
        user = separator = password = ""
    if not separator:
        # `from None`: the cause's text may contain the token.
        raise Denied(
            f"AWS answered something that is not a token for `{registry}`",
            hint=f"check that `AWS_ENDPOINT_URL` names no other service; {_OTHER_HINT}",
        ) from None
    return user, password


def _cause(error: Exception) -> str:
    """The kind of an error and its text, in one line."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        said = response.get("Error", {})
        kind, text = str(said.get("Code", "unknown error")), str(said.get("Message", ""))
    else:
        kind, text = type(error).__name__, str(error)
    clean = "".join(character if character.isprintable() else " " for character in text)
    return f"{kind}: {clean[:_SHOWN]}" if clean else kind
