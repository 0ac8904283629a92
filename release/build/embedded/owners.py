"""Resolves `--chown`: numbers, or names in the image's `/etc/passwd` and `/etc/group`."""

from __future__ import annotations

from collections.abc import Callable

from release.build.embedded.copying import Owner
from release.build.embedded.tree import Tree
from release.compression.entries import Content
from release.digits import number_in
from release.errors import BuildError

# Largest user or group id: ids have 32 bits, and chown(2) reads the highest (-1) as "do not change". A larger number in
# `--chown` is looked up as a name.
LARGEST_ID = (1 << 32) - 2


def find_owner(text: str, image: Tree, read: Callable[[Content], bytes], *, where: str) -> Owner:
    """`user[:group]` as numbers; without `:group` the group id is the user id. Raises `BuildError`.

    Source: the Dockerfile reference, "COPY --chown".
    """
    user, colon, group = text.partition(":")
    uid = _identifier(user, "etc/passwd", image, read, where)
    gid = _identifier(group, "etc/group", image, read, where) if colon else uid
    return Owner(uid=uid, gid=gid)


def _identifier(name: str, accounts: str, image: Tree, read: Callable[[Content], bytes], where: str) -> int:
    number = number_in(name, most=LARGEST_ID)
    if number is not None:
        return number
    if name == "root":
        return 0
    node = image.get(image.resolve(accounts))
    if name and node is not None and node.content is not None:
        for line in read(node.content).decode("utf-8", "replace").splitlines():
            fields = line.split(":")
            number = number_in(fields[2], most=LARGEST_ID) if len(fields) > 2 and fields[0] == name else None
            if number is not None:
                return number
    raise BuildError(
        f"{where}: `--chown` names `{name}`, which the image's `/{accounts}` does not contain",
        hint="write numbers, like `--chown=65532:65532`",
    )
