"""Warns of a large context, and names its largest folders and files. Pure."""

from __future__ import annotations

from collections import Counter

from release.build.context.selection import Selection
from release.events import Note

#: Bytes of a build context from which a warning is printed. Reading and sending 1 GiB takes seconds, and that much is
#: usually a forgotten folder of data or dependencies.
LARGE = 1 << 30
_NAMED = 5  # paths that the warning names: usually one or two make up the whole


def size_warning(chosen: Selection, large: int = LARGE) -> Note | None:
    """A warning with the largest folders and files of a context of `large` bytes or more; None for a smaller one."""
    sizes: Counter[str] = Counter()
    total = 0
    for path, node in chosen.files.nodes().items():
        if node.content is not None:
            total += node.content.size
            parts = path.split("/")
            for count in range(1, len(parts) + 1):
                sizes["/".join(parts[:count])] += node.content.size
    if total < large:
        return None
    named = ", ".join(f"`{path}` {_shown(sizes[path])}" for path in _largest(sizes, total))
    return Note(
        level="warning",
        text=f"the build context has {_shown(total)}: {named}",
        hint="name in `.dockerignore` what the image does not need",
    )


def _largest(sizes: Counter[str], total: int) -> list[str]:
    """Up to five paths with 5 % of all bytes or more. A child with 90 % of its folder's bytes stands for the folder."""
    large = {path for path, size in sizes.items() if size * 20 >= total}
    filled = {
        parent
        for path in large
        if (parent := path.rpartition("/")[0]) in large and sizes[path] * 10 >= sizes[parent] * 9
    }
    named: list[str] = []
    for path in sorted(large - filled, key=lambda path: (-sizes[path], path)):
        is_inside = any(path.startswith(f"{one}/") or one.startswith(f"{path}/") for one in named)
        named += [] if is_inside else [path]
    return named[:_NAMED]


def _shown(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB" if size >= 1 << 30 else f"{size / (1 << 20):.0f} MiB"
