"""Stages that the builder `layers` makes of a context in memory."""

from __future__ import annotations

import pytest

from release.build.context.tree import Tree
from release.build.dockerfile.parser import parse
from release.build.embedded.stage_image import StageImage
from release.build.embedded.stages import build_stages
from release.compression.entries import Content, Inline, Node
from release.errors import BuildError
from release.oci.image_json import parse_platform


def file(data: str = "x", mode: int = 0o644) -> Node:
    return Node(kind="file", mode=mode, content=Inline(data=data.encode()))


def folder(mode: int = 0o755) -> Node:
    return Node(kind="dir", mode=mode)


def link(target: str) -> Node:
    return Node(kind="symlink", mode=0o777, target=target)


CONTEXT = {
    "app": file("app", 0o755),
    "README.md": file(),
    "conf": folder(),
    "conf/a.ini": file("a"),
    "conf/b.ini": file("b"),
    "conf/deep": folder(),
    "conf/deep/c": file("c"),
    "shortcut": link("conf/a.ini"),
    "abroad": link("../secret"),
    "absolute": link("/etc/shadow"),
    "loop": link("loop"),
    "pipe": Node(kind="special"),
    "etc": folder(),
    "etc/passwd": file("web:x:33:44::/:/bin/sh\n"),
    "etc/group": file("www:x:55:\n"),
}


class Files:
    def read(self, content: Content) -> bytes:
        assert isinstance(content, Inline)
        return content.data

    def unpack(self, content: Content, shown: str) -> Tree | None:
        if content != Inline(data=b"archive"):
            return None
        return Tree(
            {
                "lib": link("usr/lib"),
                "lib/x": Node(kind="file", mode=0o4755, uid=3, gid=4, content=Inline(data=b"x")),
                "tmp": Node(kind="dir", mode=0o1777),
                "usr": folder(),
                "usr/lib": folder(),
                "usr/dangling": link("/not/there"),
            }
        )


def build(
    text: str,
    *,
    context: dict[str, Node] | None = None,
    target: str | None = None,
    platform: str = "linux/amd64",
    given: dict[str, str] | None = None,
) -> StageImage:
    tree = Tree(CONTEXT if context is None else context)
    return build_stages(
        parse(text), tree, target=target, platform=parse_platform(platform), given=given or {}, files=Files()
    )


def paths(image: StageImage, layer: int = -1) -> list[str]:
    return [path for path, _ in image.layers[layer]]


def refusal(text: str, **options: object) -> BuildError:
    with pytest.raises(BuildError) as caught:
        build(text, **options)  # type: ignore[arg-type]  # the test gives what build takes
    return caught.value
