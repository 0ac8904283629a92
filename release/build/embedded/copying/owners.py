"""Resolves `--chown`: numbers, or names in the image's `/etc/passwd` and `/etc/group`."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from release.build.context.tree import Tree
from release.build.dockerfile.values import LARGEST_ID
from release.compression.entries import Content
from release.digits import number_in
from release.errors import BuildError


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Numeric owner and group."""

    uid: int = 0
    gid: int = 0


def find_owner(text: str, image: Tree, read: Callable[[Content], bytes], *, where: str) -> Owner:
    """`user[:group]` as numbers. Raises `BuildError` for a name that the image does not know.

    Without a group, the name of a user gets the group of its account, and a number gets the group with that number;
    without a user, `:group` means root, as in BuildKit.
    """
    user, _, group = text.partition(":")
    account = _account(user, image, read) if user else Owner()
    if account is None:
        raise _unknown(user, "etc/passwd", where)
    gid = _number(group, "etc/group", 2, image, read) if group else account.gid
    if gid is None:
        raise _unknown(group, "etc/group", where)
    return Owner(uid=account.uid, gid=gid)


def find_user(text: str, image: Tree, read: Callable[[Content], bytes]) -> Owner:
    """The numbers of `USER`, found as by `find_owner`; root for an empty `USER` and for a name the image lacks."""
    user, _, group = text.partition(":")
    account = _account(user, image, read) or Owner()
    gid = _number(group, "etc/group", 2, image, read) if group else None
    return Owner(uid=account.uid, gid=account.gid if gid is None else gid)


def _account(name: str, image: Tree, read: Callable[[Content], bytes]) -> Owner | None:
    """A user and its own group."""
    uid = _number(name, "etc/passwd", 2, image, read)
    if uid is None:
        return None
    is_name = number_in(name, most=LARGEST_ID) is None
    gid = _number(name, "etc/passwd", 3, image, read) if is_name else uid
    return Owner(uid=uid, gid=gid or 0)


def _number(
    name: str, accounts: str, field: int, image: Tree, read: Callable[[Content], bytes]
) -> int | None:
    """The number in `field` of the line for `name`; a `name` that is a number gives that, and `root` gives 0."""
    number = number_in(name, most=LARGEST_ID)
    if number is not None:
        return number
    if name == "root":
        return 0
    node = image.get(image.resolve(accounts))
    if name and node is not None and node.content is not None:
        for line in read(node.content).decode("utf-8", "replace").splitlines():
            fields = line.split(":")
            if len(fields) > field and fields[0] == name:
                return number_in(fields[field], most=LARGEST_ID)
    return None


def _unknown(name: str, accounts: str, where: str) -> BuildError:
    return BuildError(
        f"{where}: `--chown` names `{name}`, which the image's `/{accounts}` does not contain",
        hint="write numbers, like `--chown=65532:65532`",
    )
