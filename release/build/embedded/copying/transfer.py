"""What one `COPY` copies, from where and to where: a value, with every variable expanded."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from release.build.context.tree import Tree
from release.build.embedded.copying.modes import ModeChange
from release.build.embedded.copying.owners import Owner
from release.build.ignore import Ignore
from release.compression.entries import Content


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """One `COPY`, operands expanded.

    `where`: `Dockerfile:7`. `origin`: where the sources are searched, for messages: `the context`. `inline`:
    here-documents by the word that opened them, which stands in `sources` too. `owner`, `mode`: None keeps the owner or
    mode of the source. `excluded`: paths below each source that are left out. `keeps_parents`: folders on the way to a
    source are made in the destination. `is_linked`: the layer must not depend on what is below it. `unpack`: returns
    the content of an archive for `ADD`, None for any other file.
    """

    where: str
    origin: str
    sources: tuple[str, ...]
    destination: str
    working_dir: str = "/"
    inline: Mapping[str, tuple[str, Content]] = {}  # word -> file name, content
    owner: Owner | None = None
    mode: ModeChange | None = None
    excluded: Ignore = Ignore()
    keeps_parents: bool = False
    is_linked: bool = False
    unpack: Callable[[Content, str], Tree | None] = lambda content, shown: None  # noqa: ARG005 - nothing is an archive

    def leaves_out(self, path: str) -> bool:
        """Whether `--exclude` leaves out a path below a source."""
        return bool(self.excluded.patterns) and self.excluded.excludes(path)
