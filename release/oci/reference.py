"""References: text such as `ghcr.io/acme/app:1.4.2@sha256:…` parsed into a value.

Source: OCI distribution-spec v1.1 (names, tags), image-spec v1.1 (digests), and the short forms of Docker Hub.
"""

from __future__ import annotations

import re

import msgspec

from release.errors import ConfigError
from release.lazy_pattern import pattern
from release.oci.grammar import COMPONENT, LONGEST_NAME, digest_fault, is_ref_name, is_tag, shown, tag_fault

DOCKER_HUB = "docker.io"
# What a target that is an OCI layout folder begins with.
_LAYOUT = "oci:"
# Host names of Docker Hub in references. All become `docker.io`, so that a repository has one name in plans and logs.
_HUB_ALIASES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
_HUB_API = "registry-1.docker.io"

# Names of hashes begin so. In a reference, text behind `@` that does not is no digest, but a host.
_DIGEST_STARTS = ("sha", "md5", "blake")
_LABEL = pattern(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?", re.ASCII)


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A repository in a registry, with a tag, a digest, both or neither.

    `registry`: host with port as users write it (`docker.io`, `localhost:5000`, `[::1]:5000`).
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Parse a reference. Raises `ConfigError` with the part that is wrong, and why."""
        _require_plain(text)
        name, digest = _split_digest(text)
        name, tag = _split_tag(name, text)
        registry, repository = _split_registry(name, text)
        _require_repository(repository, text)
        if len(registry) + 1 + len(repository) > LONGEST_NAME:
            raise _bad(text, f"the name is longer than {LONGEST_NAME} characters")
        return cls(registry=registry, repository=repository, tag=tag, digest=digest)

    @property
    def name(self) -> str:
        """Registry and repository: `ghcr.io/acme/app`."""
        return f"{self.registry}/{self.repository}"

    @property
    def api_host(self) -> str:
        """The host of the registry's API; it differs from `registry` for Docker Hub only."""
        return _HUB_API if self.registry == DOCKER_HUB else self.registry

    @property
    def target(self) -> str | None:
        """The digest, or else the tag; None if the reference has neither."""
        return self.digest or self.tag

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"


def parse_repository(text: str) -> Reference:
    """Parse a reference without tag and digest. Raises `ConfigError` if `text` has a tag or digest."""
    reference = Reference.parse(text)
    if reference.target is not None:
        raise tag_where_a_repository_is_expected(text, reference.name)
    return reference


def tag_where_a_repository_is_expected(text: str, repository: str) -> ConfigError:
    """The error for a name with a tag or digest. `repository`: the name without it."""
    # `localhost:5000` reads like a repository of Docker Hub with a tag of digits.
    host = text.removeprefix("docker://")
    is_host = re.fullmatch(r"(localhost|[\w-]+(\.[\w-]+)+):[0-9]{1,5}", host, re.ASCII) is not None
    return ConfigError(
        f"`{text}` names a tag or digest where a repository is expected",
        hint=f"write `{repository}`"
        + (f"; for a repository of that registry, `{host}/NAME`" if is_host else ""),
    )


def layout_path(target: str) -> str | None:
    """The path of the folder that `target` names, as `oci:PATH` does; None for a repository in a registry.

    Raises `ConfigError` without a path, and for a tag.
    """
    if not target.startswith(_LAYOUT):
        return None
    path = target.removeprefix(_LAYOUT)
    if not path:
        raise ConfigError("`oci:` names no folder", hint="write `oci:PATH`, for example `oci:dist/image`")
    if ":" in path:
        raise ConfigError(
            f"`oci:{path}` names a tag where a folder is expected",
            hint=f"write `oci:{path.partition(':')[0]}`",
        )
    return path


def repository_name(target: str) -> str:
    """The `name` of the repository that `target` names, without opening the repository. Raises `ConfigError`."""
    path = layout_path(target)
    return parse_repository(target).name if path is None else f"{_LAYOUT}{path}"


def require_name(text: str) -> str:
    """Return `text` if it is a valid name of an image in a layout: a tag, a whole reference, or another `ref.name`.

    Raises `ConfigError`.
    """
    if not is_tag(text) and not is_ref_name(text):
        Reference.parse(text)
    return text


def _bad(text: str, why: str, *, hint: str | None = None) -> ConfigError:
    usual = "write it as `ghcr.io/acme/app`, or `oci:dist/image` for a folder"
    # `why` and `hint` may quote a part of `text`, which may contain control characters.
    user = user_part(text)
    text = f"***{text[len(user) :]}" if user else text
    message = f"`{shown(text)}` is not an image reference: {shown(why)}"
    return ConfigError(message, hint=shown(hint) if hint else usual)


def user_part(text: str) -> str:
    """What stands before the `@` of a text like `user:password@host/name`; "" if a digest or a tag may follow."""
    before, _, behind = text.rpartition("@")
    is_credential = any(mark in behind for mark in "/.:") or (":" in before and "/" not in before)
    return before if is_credential and not behind.startswith(_DIGEST_STARTS) else ""


def _require_plain(text: str) -> None:
    if not text:
        raise _bad(text, "it is empty")
    scheme, separator, rest = text.partition("://")
    if separator:
        rest = rest[len(user) + 1 :] if (user := user_part(rest)) else rest
        raise _bad(
            text,
            f"it starts with a scheme (`{scheme}://`)",
            hint=f"write `{rest}`" if rest and "://" not in rest and rest.isprintable() else None,
        )
    if user := user_part(text):
        rest = text[len(user) + 1 :]
        raise _bad(
            text,
            "it holds a user name or a password",
            hint=f"write `{rest}`; `docker login {rest.partition('/')[0]}` keeps the credential",
        )
    for character in text:
        if character.isspace() or not character.isprintable():
            raise _bad(text, "it holds a space or a control character")
        if not character.isascii():
            raise _bad(text, f"`{character}` is not ASCII")


def _split_digest(text: str) -> tuple[str, str | None]:
    name, separator, digest = text.partition("@")
    if not separator:
        return name, None
    fault = digest_fault(digest)
    if fault is not None:
        raise _bad(text, f"the digest is invalid: {fault}")
    return name, digest


def _split_tag(name: str, text: str) -> tuple[str, str | None]:
    head, separator, tag = name.rpartition(":")
    # A colon left of the last slash belongs to a port; a colon inside brackets belongs to an IPv6 address.
    if not separator or "/" in tag or "]" in tag:
        return name, None
    if not is_tag(tag):
        raise _bad(text, f"the tag is invalid: {tag_fault(tag)}")
    return head, tag


def _split_registry(name: str, text: str) -> tuple[str, str]:
    first, separator, rest = name.partition("/")
    names_a_host = "." in first or ":" in first or "[" in first or first == "localhost"
    if not separator or not names_a_host:
        return DOCKER_HUB, name if separator else f"library/{name}"
    _require_registry(first, text)
    if first.lower() in _HUB_ALIASES:
        return DOCKER_HUB, rest if "/" in rest else f"library/{rest}"
    return first.lower(), rest


def _require_registry(registry: str, text: str) -> None:
    if registry.startswith("["):
        address, bracket, port = registry[1:].partition("]")
        if not bracket or not _is_ipv6(address):
            raise _bad(text, f"`{registry}` is not an IPv6 address in brackets")
        if port and not port.startswith(":"):
            raise _bad(text, f"`{port}` after the IPv6 address is not a port")
        _require_port(port[1:] if port else None, text)
        return
    host, separator, port = registry.partition(":")
    if ":" in port:
        raise _bad(text, f"`{registry}` holds more than one port; an IPv6 address needs brackets")
    for label in host.split("."):
        if not _LABEL.fullmatch(label):
            raise _bad(text, f"`{registry}` is not a host name (`{label}`)")
    _require_port(port if separator else None, text)


def _is_ipv6(address: str) -> bool:
    import ipaddress  # imported late: few references have an IPv6 address, and every command parses references

    try:
        return "%" not in address and ipaddress.IPv6Address(address) is not None
    except ValueError:
        return False


def _require_port(port: str | None, text: str) -> None:
    if port is None:
        return
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise _bad(text, f"the port `{port}` is not a number from 1 to 65535")


def _require_repository(repository: str, text: str) -> None:
    for component in repository.split("/"):
        if COMPONENT.fullmatch(component):
            continue
        if not component:
            raise _bad(text, "the repository has an empty component (`//`, or a slash at an end)")
        if component != component.lower():
            raise _bad(text, f"the repository holds capitals (`{component}`)", hint=f"write `{text.lower()}`")
        raise _bad(
            text,
            f"`{component}` is not a repository component: lower-case letters and digits, "
            "with single `.`, `_`, `__` or dashes between them",
        )
