"""A page links only to web addresses that cannot be anything else."""

from __future__ import annotations

import pytest

from release.log.page.links import commit_folder, image_page, web_address


@pytest.mark.parametrize(
    "text",
    [
        "https://ci.example/run/1",
        "http://jenkins:8080/job/a/1/",
        "https://ci.example/a?b=c&d=%20#e",
        "https://[::1]:80/",
    ],
)
def test_web_addresses_are_linked(text: str) -> None:
    assert web_address(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "javascript:alert(1)",
            "JAVASCRIPT:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "//ci.example/a",
        ),
        *(
            "https:ci.example",
            "https:///a",
            "https://",
            "https://user:word@ci.example/",
            "https://user@ci.example/",
        ),
        *(
            'https://ci.example/"onclick=',
            "https://ci.example/<b>",
            "https://ci.example/a b",
            "https://ci.example\\@x/",
        ),
        *(
            "https://ci.example/\n",
            " https://ci.example/",
            "https://\u0435xample.com/",
            "https://[::1",
            "ftp://a.b/",
        ),
        "https://ci.example/" + "a" * 500,
    ],
)
def test_what_is_no_plain_web_address_is_not_linked(text: str) -> None:
    assert web_address(text) == ""


@pytest.mark.parametrize(
    ("remote", "folder"),
    [
        ("https://github.com/acme/app", "https://github.com/acme/app/commit/"),
        ("git@github.com:acme/app.git", "https://github.com/acme/app/commit/"),
        ("ssh://git@gitlab.example/acme/app.git", "https://gitlab.example/acme/app/-/commit/"),
        ("https://bitbucket.org/acme/app.git", "https://bitbucket.org/acme/app/commits/"),
        ("git@ssh.dev.azure.com:v3/acme/app/app", ""),
        *(("/srv/git/app.git", ""), ("file:///srv/app", ""), ("javascript:alert(1)//a.b/c", ""), ("", "")),
        ('https://github.com/acme/"onclick=', ""),
    ],
)
def test_commits_are_linked_by_the_kind_of_host(remote: str, folder: str) -> None:
    assert commit_folder(remote) == folder


@pytest.mark.parametrize(
    ("target", "page"),
    [
        ("ghcr.io/acme/app", "https://ghcr.io/acme/app"),
        ("docker.io/acme/app", "https://hub.docker.com/r/acme/app"),
        ("quay.io/acme/app", "https://quay.io/repository/acme/app"),
        ("registry.gitlab.com/acme/app/api", "https://gitlab.com/acme/app/container_registry"),
        *(
            ("registry.example/acme/app", ""),
            ("oci:dist/image", ""),
            ("ghcr.io/../x", ""),
            ('ghcr.io/"x', ""),
            ("", ""),
        ),
    ],
)
def test_images_are_linked_where_the_registry_has_pages(target: str, page: str) -> None:
    assert image_page(target) == page
