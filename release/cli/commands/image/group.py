"""`shipmark image`: the group of commands for registries and OCI layouts, which need no daemon."""

from __future__ import annotations

import click

from release.cli.group import LazyGroup, Row

_COMMANDS: dict[str, Row] = {
    "list": Row("image.list_tags", "List the tags of a repository, versions first."),
    "inspect": Row("image.inspect", "Show platforms, sizes, labels, layers and base of an image."),
    "digest": Row("image.digest", "Print the digest of an image."),
    "copy": Row("image.copy", "Copy an image from one place to another; its digest stays."),
    "tag": Row("image.tag", "Give an image further tags in its repository; its digest stays."),
    "delete": Row("image.delete", "Delete one tag and only that tag, or a digest with all its tags."),
    "login-check": Row(
        "image.login_check", "Say which credential is used, from where, and whether it may push."
    ),
}


@click.group(cls=LazyGroup, table=_COMMANDS)
def command() -> None:
    """Read and change registries and OCI layouts, without a daemon.

    An image is `[docker://]REPOSITORY[:TAG][@DIGEST]` or `oci:FOLDER[:TAG]`. `inspect`, `digest` and `copy` take
    `oci-archive:FILE`, `docker-archive:FILE`, `docker-daemon:NAME:TAG` and `dir:FOLDER` too.
    """
