"""The image that a stage begins or ends with: a config, layers and the files after them, as values."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.build.context.tree import Tree, by_bytes
from release.build.embedded.base_config import BaseLayer
from release.compression.entries import HostFile, Node
from release.oci.image_json import History, ImageConfig

# The PATH that both of Docker's builders assume for an image without one; `ENV PATH=/app:$PATH` relies on it.
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Layer = tuple[tuple[str, Node], ...]  # (path, node), sorted by the bytes of the path


class StageImage(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a stage. `below`: layers of the base image; `layers`: those on top of it, lowest first.

    `tree`: the files after all layers. `args`: build arguments that stages `FROM` this one inherit.
    """

    config: ImageConfig = ImageConfig(env={"PATH": _DEFAULT_PATH})
    below: tuple[BaseLayer, ...] = ()
    layers: tuple[Layer, ...] = ()
    history: tuple[History, ...] = ()
    tree: Tree = Tree()
    args: Mapping[str, str] = {}

    def with_layer(self, changes: Mapping[str, Node]) -> StageImage:
        """This image with one more layer, which has the changed files."""
        layers = (*self.layers, _linked(by_bytes(changes)))
        return msgspec.structs.replace(self, layers=layers, tree=self.tree.with_changes(changes))


#: Base images by name and platform.
Images = Mapping[tuple[str, str], StageImage]


def image_on(
    config: ImageConfig, below: tuple[BaseLayer, ...], history: tuple[History, ...], tree: Tree
) -> StageImage:
    """A base image as the start of a stage."""
    env = config.env if "PATH" in config.env else {**config.env, "PATH": _DEFAULT_PATH}
    config = msgspec.structs.replace(config, env=env)
    return StageImage(config=config, below=below, history=history, tree=tree)


def _linked(layer: list[tuple[str, Node]]) -> Layer:
    """The layer with hard links of archives and bases kept: later names of one content are links to the first name."""
    first: dict[Node, str] = {}
    entries = []
    for path, node in layer:
        # Only members of archives can be hard links to one file; each file of the context is a file of its own.
        if isinstance(node.content, HostFile) and node.content.offset is not None:
            earlier = first.setdefault(node, path)
            if earlier != path:
                link = msgspec.structs.replace(node, kind="link", content=None, target=earlier)
                entries.append((path, link))
                continue
        entries.append((path, node))
    return tuple(entries)
