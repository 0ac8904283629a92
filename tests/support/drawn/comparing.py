"""Compares what `layers` and BuildKit make of a drawn project, and knows on purpose where they differ."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.corpus_ground import CorpusGround
from tests.support.drawn.bases import base_images
from tests.support.drawn.projects import draw_project

#: What only BuildKit refuses: as `preview` says, or because of names of files that its session cannot send.
ITS_OWN = re.compile(
    r"BuildKit (fails for it|does not copy the whole context|does not support (the source|`WORKDIR))|"
    r'followpaths|failed to calculate checksum of ref \S+ "/|no such file or directory$'
)
#: What `layers` refuses and BuildKit does without a word: it loses a folder, copies nothing, or gives files to root.
REFUSED = re.compile(
    r"is (not )?a folder( in the image)?, but|leads through a symlink|nothing in .* matches|`\S+` is empty$|"
    r"names `[^`]*`, which the image's"
)


def add_bases(ground: CorpusGround) -> None:
    """Give the builders the base images that drawn Dockerfiles name."""
    for name, image in base_images().items():
        ground.add_base(name, image)


def difference(ground: CorpusGround, seed: int, folder: Path) -> tuple[bool, str]:
    """Return whether BuildKit builds the project of `seed`, and the difference that has no reason; "" for none."""
    project = draw_project(seed, folder)
    found = ground.compare_builds(project.wanted, ("layers",))
    said = "".join(found["buildkit"])
    wrong = [line for line in found.get("layers", ()) if not REFUSED.search(line)]
    if ITS_OWN.search(said) or not wrong:
        return not said, ""
    return not said, f"seed {seed}: BuildKit: {said}\n{project.text}\n{wrong[:5]}"
