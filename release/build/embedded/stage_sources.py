"""Where `FROM` and `COPY --from` find images and files: earlier stages, base images and the contexts."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.build.context.tree import Tree, by_bytes
from release.build.dockerfile.instructions import Stage
from release.build.embedded.named_sources import NamedSources
from release.build.embedded.stage_image import Images, StageImage
from release.errors import BuildError
from release.oci.image_json import Platform


class StageSources(msgspec.Struct, frozen=True, kw_only=True):
    """The images and files that a stage can name."""

    context: Tree
    stages: Mapping[int, StageImage]
    images: Images
    platform: Platform
    named: NamedSources

    def base(self, name: str, platform: Platform) -> StageImage:
        """The image that a `FROM` of `name` starts with."""
        found = self.named.behind(name)
        return _image_of_files(found) if isinstance(found, Tree) else _image(self.images, found, platform)

    def of(self, source: Stage | str | None) -> tuple[Tree, str]:
        """The files of a source, and its name in messages."""
        if source is None:
            return self.context, "the context"
        if isinstance(source, Stage):
            return self.stages[source.index].tree, f"stage `{source.name or source.index}`"
        found = self.named.behind(source)
        if isinstance(found, Tree):
            return found, f"the context `{source}`"
        return _image(self.images, found, self.platform).tree, f"the image `{found}`"


def _image_of_files(files: Tree) -> StageImage:
    """The image with one layer that has the files of a named context."""
    nodes = files.nodes()
    return StageImage(layers=(tuple(by_bytes(nodes)),), tree=Tree(nodes))


def _image(images: Images, name: str, platform: Platform) -> StageImage:
    found = images.get((name, str(platform)))
    if found is None:
        raise BuildError(
            f"the image `{name}` was not read for `{platform}`", hint="check how its name is written"
        )
    return found
