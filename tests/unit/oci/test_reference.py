"""Image references: accepted forms and their parts, and the reasons of refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import ConfigError
from release.oci.grammar import is_digest, is_tag, require_digest, require_tag
from release.oci.reference import Reference, parse_repository

D = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("ubuntu", "docker.io", "library/ubuntu", None, None),
        ("ubuntu:22.04", "docker.io", "library/ubuntu", "22.04", None),
        ("acme/app", "docker.io", "acme/app", None, None),
        ("docker.io/ubuntu", "docker.io", "library/ubuntu", None, None),
        ("index.docker.io/acme/app", "docker.io", "acme/app", None, None),
        ("registry-1.docker.io/library/ubuntu", "docker.io", "library/ubuntu", None, None),
        ("localhost/app", "localhost", "app", None, None),
        ("localhost:5000/app:1", "localhost:5000", "app", "1", None),
        ("127.0.0.1:5000/a/b/c", "127.0.0.1:5000", "a/b/c", None, None),
        ("[::1]:5000/app:1", "[::1]:5000", "app", "1", None),
        ("[2001:db8::1]/app", "[2001:db8::1]", "app", None, None),
        ("GHCR.io/acme/app", "ghcr.io", "acme/app", None, None),
        ("ghcr.io/acme/app:1.4.2@" + D, "ghcr.io", "acme/app", "1.4.2", D),
        ("ghcr.io/acme/app@" + D, "ghcr.io", "acme/app", None, D),
        ("ghcr.io/a__b/c--d/e.f_g", "ghcr.io", "a__b/c--d/e.f_g", None, None),
        ("app@sha512:" + "0" * 128, "docker.io", "library/app", None, "sha512:" + "0" * 128),
    ],
)
def test_image_reference_is_parsed_into_its_parts(
    text: str, registry: str, repository: str, tag: str | None, digest: str | None
) -> None:
    reference = Reference.parse(text)
    assert (reference.registry, reference.repository, reference.tag, reference.digest) == (
        registry,
        repository,
        tag,
        digest,
    )
    assert Reference.parse(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("https://ghcr.io/acme/app", "scheme"),
        ("ada@ghcr.io/acme/app", "user name or a password"),
        ("ghcr.io/acme/app:1@md5:ab", "algorithm"),
        ("app@latest", "digest"),
        ("ghcr.io/acme/app:", "tag is invalid: it is empty"),
        ("ghcr.io/acme/app:" + "x" * 129, "at most 128"),
        ("ghcr.io/acme/app:-x", "starts with `-`"),
        ("ghcr.io/acme/app:1+2", "`+`"),
        ("ghcr.io/acme/app:a@b", "digest is invalid"),
        ("ghcr.io/Acme/app", "capitals"),
        ("Acme/app", "capitals"),
        ("ghcr.io//app", "empty component"),
        ("/app", "empty component"),
        ("app/", "empty component"),
        ("ghcr.io/", "empty component"),
        ("ghcr.io/a/../b", "not a repository component"),
        ("ghcr.io/a___b", "not a repository component"),
        ("ghcr.io/-a", "not a repository component"),
        ("ghcr.io/a b", "space"),
        ("ghcr.io/a\nb", "control"),
        ("ghcr.io/ä", "not ASCII"),
        ("localhost:0/app", "port"),
        ("localhost:99999/app", "port"),
        ("localhost:5x/app", "port"),
        ("localhost:/app", "port"),
        ("a:1:2/app", "more than one port"),
        ("::1/app", "more than one port"),
        ("[::1/app", "IPv6"),
        ("[zz]/app", "IPv6"),
        ("[::1]5000/app", "is not a port"),
        ("-host.io/app", "host name"),
        ("a..b/app", "host name"),
        ("user:pass@host/app", "user name or a password"),
        ("app@sha256:abc", "64 hex digits"),
        ("app@sha256:" + "A" * 64, "lower-case hex"),
        ("app@md5:" + "a" * 32, "neither"),
        ("app@" + D + "@" + D, "hex digits"),
        ("ghcr.io/" + "a" * 260, "longer than 255"),
    ],
)
def test_invalid_image_references_are_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Reference.parse(text)
    assert why in caught.value.message
    assert "\n" not in caught.value.message


def test_api_host_of_docker_hub_differs_from_its_name() -> None:
    assert Reference.parse("ubuntu").api_host == "registry-1.docker.io"
    assert Reference.parse("ghcr.io/a/b").api_host == "ghcr.io"


def test_target_of_an_image_reference_is_its_digest_or_else_its_tag() -> None:
    assert Reference.parse("ghcr.io/a/b:1@" + D).target == D
    assert Reference.parse("ghcr.io/a/b:1").target == "1"
    assert Reference.parse("ghcr.io/a/b").target is None


def test_repository_with_a_tag_or_digest_is_refused() -> None:
    assert parse_repository("ghcr.io/a/b").name == "ghcr.io/a/b"
    with pytest.raises(ConfigError) as caught:
        parse_repository("ghcr.io/a/b:1")
    assert caught.value.hint == "write `ghcr.io/a/b`"


def test_paths_and_other_invalid_texts_are_neither_tags_nor_digests() -> None:
    for text in ("..", "../x", "a/b", "a\n", ".x", "", "a" * 129, "a b", "é"):
        assert not is_tag(text)
        with pytest.raises(ConfigError):
            require_tag(text)
    for text in ("sha256:../x", "sha256:" + "a" * 63, D + "\n", "sha256:" + "a" * 63 + "/", ":", ""):
        assert not is_digest(text)
        with pytest.raises(ConfigError):
            require_digest(text)
    assert require_tag("1.4.2") == "1.4.2"
    assert require_digest(D) == D


@given(st.text(max_size=80) | st.text(alphabet="aA0.:/@[]-_+%\\ \n", max_size=40))
def test_any_text_is_an_image_reference_or_a_config_error(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except ConfigError:
        return
    assert Reference.parse(str(reference)) == reference


@pytest.mark.parametrize("scheme", ["", "https://", "docker://"])
@pytest.mark.parametrize(
    "name", ["r.example/a", "localhost:5000/a", "localhost:5000", "r.example", "host/a:1"]
)
@pytest.mark.parametrize("secret", ["s3cret", "s3:cret", "s3/cret", "s3@cret", "s3.cret"])
def test_a_password_in_a_reference_is_never_told(scheme: str, name: str, secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Reference.parse(f"{scheme}ada:{secret}@{name}")
    told = f"{caught.value.message} {caught.value.hint}"
    assert "s3" not in told
    assert "cret" not in told
    assert f"`{name}`" in told
