"""Which part of a shared log a question is about. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from release.log.state import TagHold


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """The projects and components that a question is about; None: all.

    `projects`: the name of a project includes its components: `acme` includes `acme/api`. `images`: a project with the
    name of an image, or whose name ends with `/` and the image's name, is included too. `targets`: all tags of these
    targets are included, whichever project set them.
    """

    projects: frozenset[str] | None = None
    components: frozenset[str] | None = None
    images: tuple[str, ...] = ()
    targets: frozenset[str] = frozenset()

    def covers(self, project: str, component: str = "") -> bool:
        """Whether the question is about this component of this project. `component`: `""` if it is not recorded."""
        if self.components is not None and component and component not in self.components:
            return False
        if self.projects is None:
            return True
        return (
            project in self.projects
            or any(project.startswith(f"{one}/") for one in self.projects)
            or any(project == image or project.endswith(f"/{image}") for image in self.images)
        )

    def covers_tag(self, target: str, holds: Iterable[TagHold]) -> bool:
        """Whether the question is about a tag of `target` that held `holds`."""
        return target in self.targets or any(self.covers(hold.project) for hold in holds)


#: A question about all projects, components and tags.
EVERYTHING = Scope()
