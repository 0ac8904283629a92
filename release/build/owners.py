"""`--chown`: numbers, or names looked up in the image's own account files."""

from __future__ import annotations

from collections.abc import Callable

from release.build.copying import Owner
from release.build.tree import Content, Tree
from release.errors import BuildError

_LARGEST_ID = (1 << 32) - 2


def find_owner(text: str, image: Tree, read: Callable[[Content], bytes], *, where: str) -> Owner:
    """`user[:group]` as numbers; a missing group is the user's number. Raises `BuildError`.

    Source: the Dockerfile reference, "COPY --chown".
    """
    user, colon, group = text.partition(":")
    uid = _identifier(user, "etc/passwd", image, read, where)
    gid = _identifier(group, "etc/group", image, read, where) if colon else uid
    return Owner(uid=uid, gid=gid)


def _identifier(name: str, accounts: str, image: Tree, read: Callable[[Content], bytes], where: str) -> int:
    if name.isascii() and name.isdecimal() and int(name) <= _LARGEST_ID:
        return int(name)
    if name == "root":
        return 0
    node = image.get(image.resolve(accounts))
    if name and node is not None and node.content is not None:
        for line in read(node.content).decode("utf-8", "replace").splitlines():
            fields = line.split(":")
            if len(fields) > 2 and fields[0] == name and fields[2].isdecimal():
                return int(fields[2])
    raise BuildError(
        f"{where}: `--chown` names `{name}`, which the image's `/{accounts}` does not know",
        hint="write numbers, like `--chown=65532:65532`",
    )
