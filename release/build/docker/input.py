"""Prepares what a daemon's classic builder gets: the context's entries, the Dockerfile, arguments, registries.

The classic builder does not set `TARGETPLATFORM` and the other platform arguments, as BuildKit does. So platform
arguments are passed as build arguments where the Dockerfile declares them, and are declared for `FROM` lines, where
BuildKit needs no declaration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from release.build.context import Context
from release.build.context.tree import Tree
from release.build.dockerfile.instructions import Copy, Dockerfile
from release.build.dockerfile.scope import global_scope, platform_arguments
from release.build.dockerfile.stage_graph import expanded_bases
from release.build.task_input import TaskInput
from release.compression.entries import Inline, Node
from release.lazy_pattern import pattern
from release.oci.image_json import Platform, parse_platform

# Name, in the sent context, of a Dockerfile that lies outside of the context folder, or that shipmark has changed.
_FOREIGN_DOCKERFILE = ".shipmark.Dockerfile"
_IGNORE = ".dockerignore"
# Characters with a meaning in patterns of `.dockerignore`, and their replacement: a backslash in front.
_SPECIAL, _ESCAPED = pattern(r"([*?\[\]\\])"), r"\\\1"
# The registry of an image name without one.
_HUB = "docker.io"
_PLATFORM_NAME = pattern(r"\$\{?((?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT))\b")
# UTF-8's byte order mark. It is cut off: `ARG` lines may be put before the first line, and would leave it inside.
_BOM = b"\xef\xbb\xbf"


class SentDockerfile(msgspec.Struct, frozen=True, kw_only=True):
    """The Dockerfile as the daemon gets it. `path`: in the context. `added`: names of the `ARG` lines put before it."""

    path: str
    text: bytes
    added: tuple[str, ...] = ()


def sent_dockerfile(context: Context, files: Tree) -> SentDockerfile:
    """The Dockerfile with a declaration of each platform argument that its `FROM` lines use without one.

    `files`: of the context. A changed file gets another name, so that `COPY Dockerfile` still copies the file of the
    repository; so does one that is not among `files`, since the daemon would leave its folder in the context.
    """
    dockerfile = context.dockerfile
    declared = {name for each in dockerfile.arguments for name in each.names}
    operands = [
        text
        for stage in dockerfile.stages
        for text in (stage.base.image, stage.base.flag("platform"))
        if text is not None
    ]
    used = dict.fromkeys(name for text in operands for name in _PLATFORM_NAME.findall(text))
    added = tuple(name for name in used if name not in declared)
    if not added:
        own = context.dockerfile_path
        path = own if own is not None and files.get(own) is not None else _FOREIGN_DOCKERFILE
        return SentDockerfile(path=path, text=context.text)
    # Parser directives have to stay at the top, so the lines go right before the first instruction.
    lines = context.text.removeprefix(_BOM).split(b"\n")
    first = dockerfile.instructions[0].line - 1
    text = b"\n".join([*lines[:first], *(f"ARG {name}".encode() for name in added), *lines[first:]])
    return SentDockerfile(path=_FOREIGN_DOCKERFILE, text=text, added=added)


def sent_entries(context: Context, files: Tree, dockerfile: SentDockerfile) -> Iterator[tuple[str, Node]]:
    """The files to send: the context, and the Dockerfile, which the daemon needs even if it is excluded."""
    sent = {path: node for path in files.paths() if (node := files.get(path)) is not None}
    if dockerfile.path != context.dockerfile_path or files.get(dockerfile.path) is None:
        # Send a `.dockerignore` that excludes the Dockerfile and itself. The daemon reads the Dockerfile before it
        # removes excluded files, so the build can use it, but no instruction can copy it.
        hidden = f"./{_SPECIAL.sub(_ESCAPED, dockerfile.path)}\n{_IGNORE}\n"
        sent[_IGNORE] = Node(
            kind="file", mode=0o644, content=Inline(data=hidden.encode("utf-8", "surrogateescape"))
        )
    sent[dockerfile.path] = Node(kind="file", mode=0o644, content=Inline(data=dockerfile.text))
    for name in sorted(sent, key=lambda each: each.encode("utf-8", "surrogateescape")):
        if (
            sent[name].kind != "special"
        ):  # the docker command also leaves sockets and pipes of the context out
            yield name, sent[name]


def build_arguments(
    read: TaskInput, dockerfile: SentDockerfile, *, target: Platform, build: Platform
) -> dict[str, str]:
    """The build arguments, with the commit's time and the platforms' names where the Dockerfile declares them.

    `target`: the platform of the image; `build`: the platform of the daemon. The daemon warns of each argument that no
    line declares, so only declared ones are passed.
    """
    declared = {
        *(name for each in read.context.dockerfile.instructions for name in getattr(each, "names", ())),
        *dockerfile.added,
    }
    known = {
        "SOURCE_DATE_EPOCH": str(read.task.created),
        **{name: value for name, value in platform_arguments(target).items() if name.startswith("TARGET")},
        **{name: value for name, value in platform_arguments(build).items() if name.startswith("BUILD")},
    }
    return {**{name: value for name, value in known.items() if name in declared}, **read.values.args}


def registries_of(dockerfile: Dockerfile, given: Mapping[str, str]) -> tuple[str, ...]:
    """The registries of the images that `FROM` and `COPY --from` name."""
    stages = {stage.name for stage in dockerfile.stages}
    images = list(expanded_bases(dockerfile, global_scope(dockerfile, given, parse_platform("linux/amd64"))))
    images += [
        source
        for each in dockerfile.instructions
        if isinstance(each, Copy) and (source := each.flag("from")) and not source.isdecimal()
    ]
    return tuple(
        dict.fromkeys(_registry(image) for image in images if image not in stages and image != "scratch")
    )


def _registry(image: str) -> str:
    first, slash, _ = image.partition("/")
    return first if slash and (re.search(r"[.:]", first) or first == "localhost") else _HUB
