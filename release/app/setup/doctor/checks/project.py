"""Checks of the configuration: whether it is readable, shares an image, and can be built here. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from release.app.setup.doctor.checks.answer import Answer, broken, ok, problem, unchecked, warning
from release.app.setup.doctor.scene import Scene, Unasked


def config(scene: Scene) -> Iterator[Answer]:
    """The configuration that commands would use."""
    yield ok(scene.config_path or "no file") if scene.config is None else broken(scene.config)


def images(scene: Scene) -> Iterator[Answer]:
    """Config files of the repository that release to one image, where each would move the tags of the other."""
    seen: dict[str, tuple[str, int, str]] = {}
    shared = False
    for one in scene.configs:
        for image, (line, apart) in one.images.items():
            if image not in seen:
                seen[image] = (one.path, line, apart)
                continue
            shared = True
            path, first, other = seen[image]
            text = f"`{image}` is also released by {path}:{first}"
            place = f"{one.path}:{line}"
            if apart != other:
                yield warning(text, "keep their tags apart: `flavor: suffix=-NAME` in each", place)
            else:
                fix = "give one of them another image, or `flavor: suffix=-NAME`"
                yield problem(text, fix, 6, place)
    if not shared:
        yield ok("no image is released by two config files")


def build(scene: Scene) -> Iterator[Answer]:
    """Whether a builder at hand has what the Dockerfile needs, for every platform."""
    if isinstance(scene.builds, Unasked):
        yield unchecked(scene.builds)
        return
    for one in scene.builds:
        if one.problem is not None:
            yield broken(one.problem, f"{one.component}: ")
        else:
            on = f" for {', '.join(one.platforms)}" if one.platforms else ""
            yield ok(f"{one.component}: `{one.builder}` builds {one.shown}{on}")
