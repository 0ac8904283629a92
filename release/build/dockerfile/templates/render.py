"""Fills a template with a name and base images. Pure: equal arguments give equal bytes."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.build.dockerfile.templates.texts import TEMPLATES, StageName, Template
from release.errors import ConfigError
from release.lazy_pattern import pattern

# The name stands in paths, in exec form and in shell commands, so it holds no character that is special in any of them.
_NAME = pattern(r"[a-z][a-z0-9_-]{0,62}")
_PINNED = pattern(r"[a-z0-9][A-Za-z0-9._:/-]{0,255}@sha256:[0-9a-f]{64}")


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """A base image of the new Dockerfile. `pinned`: whether the image is named by a digest, or is `scratch`."""

    stage: StageName
    image: str
    pinned: bool


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """A source that the new Dockerfile copies. `path`: relative to the context. `hint`: what makes it."""

    path: str
    hint: str


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """The texts of the new Dockerfile and of its ignore file, and what a build with them needs."""

    dockerfile: str
    ignore: str
    bases: tuple[Base, ...]
    needs: tuple[Need, ...]


def render(template: str, *, name: str = "app", bases: Mapping[str, str] | None = None) -> Rendered:
    """The files of the template `template`. `name`: the program's. `bases`: stage -> image with a digest.

    Raises `ConfigError` for an unknown template or stage, a name with special characters, or an image without a digest.
    """
    found = TEMPLATES.get(template)
    if found is None:
        raise ConfigError(
            f"there is no template `{template}`", hint=f"the templates are {', '.join(TEMPLATES)}"
        )
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"`{name[:80]}` cannot name the program",
            hint="use small letters, digits, `-` and `_`, a letter first, at most 63 characters",
        )
    chosen = _bases(template, found, bases or {})
    dockerfile = _header(template, found.dockerfile, chosen)
    for base in chosen:
        dockerfile = dockerfile.replace(f"@{base.stage.upper()}@", base.image)
    module = name.replace("-", "_")
    dockerfile = dockerfile.replace("@MODULE@", module).replace("@NAME@", name)
    return Rendered(
        dockerfile=dockerfile,
        ignore=f"# What the image needs is listed; everything else stays out of the build.\n{found.ignore}",
        bases=chosen,
        needs=tuple(
            Need(path=path, hint=hint.replace("@MODULE@", module)) for path, hint in found.needs.items()
        ),
    )


def _bases(template: str, found: Template, given: Mapping[str, str]) -> tuple[Base, ...]:
    for stage, image in given.items():
        if stage not in found.bases:
            stages = " and ".join(f"`{one}`" for one in found.bases)
            raise ConfigError(
                f"the template `{template}` has no stage `{stage}`",
                hint=f"its base images are those of {stages}",
            )
        if not _PINNED.fullmatch(image):
            raise ConfigError(
                f"`{image[:200]}` is not an image with a digest",
                hint="write `IMAGE@sha256:…`; `shipmark image digest IMAGE` prints the digest",
            )
    return tuple(
        Base(stage=stage, image=given.get(stage, image), pinned=stage in given or image == "scratch")
        for stage, image in found.bases.items()
    )


def _header(template: str, text: str, bases: tuple[Base, ...]) -> str:
    """`text` with comments at its top, below `# syntax=`, which BuildKit reads only from the first lines."""
    lines = [f"# Made by `shipmark dockerfile new --template {template}`."]
    if not all(base.pinned for base in bases):
        lines.append(
            "# Pin the base images: `shipmark image digest IMAGE` prints the digest for IMAGE@sha256:…"
        )
    first, rest = text.split("\n", 1)
    if not first.startswith("# syntax="):
        return "\n".join([*lines, text])
    return "\n".join([first, *lines, rest])
