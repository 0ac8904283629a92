"""Draws whole projects: a context, its ignore file, a Dockerfile, build arguments, a target, named contexts."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.support.corpus_ground import CREATED
from tests.support.drawn.contexts import draw_context, draw_ignore
from tests.support.drawn.dockerfiles import Drawn
from tests.support.releases.builds import Build, build_of


class Project(NamedTuple):
    """A drawn project. `text`: its Dockerfile; `wanted`: the build of it."""

    text: str
    wanted: Build


def draw_project(seed: int, folder: Path) -> Project:
    """Make the project of `seed` in `folder`, which must not exist."""
    random = Random(seed)
    context = draw_context(random, folder)
    options: dict[str, Any] = {}
    contexts = {}
    if random.random() < 0.25:
        place = random.choice([*context.folders, "."])
        contexts = {"named": random.choice((place, "docker-image://links", "docker-image://busybox:latest"))}
        if random.random() < 0.3:
            contexts = {"links": contexts["named"]}
        options["contexts"] = contexts
    drawn = Drawn(random, context, list(contexts))
    if drawn.target is not None:
        options["target"] = drawn.target
    name = random.choice(("Dockerfile", "Dockerfile", "Dockerfile", "build.Dockerfile"))
    (folder / name).write_bytes(drawn.text.encode("utf-8", "surrogateescape"))
    if name != "Dockerfile":
        options["dockerfile"] = name
    if random.random() < 0.3:
        for ignore in random.choice(
            ((".dockerignore",), (f"{name}.dockerignore",), (".dockerignore", f"{name}.dockerignore"))
        ):
            (folder / ignore).write_bytes(draw_ignore(random, context).encode())
    return Project(drawn.text, build_of(folder, args=drawn.arguments, created=CREATED, **options))
