"""The global settings of one command, such as folder, config file, CI system and targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from release.config.overlay import Overlay


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The values of the global options, which may stand before or after the command. `env`: environment variables.

    `overlay`: settings that replace those of the config file, such as the inputs of a CI action.
    """

    directory: str = "."
    config: str | None = None
    verbosity: int = 0  # -1 quiet, 0, 1 verbose
    color: str = "auto"
    ci: str | None = None
    images: tuple[str, ...] = ()
    component: str | None = None
    components: tuple[str, ...] = ()  # several components; then `component` is None
    deepen: bool = False
    progress: str = "auto"
    env: Mapping[str, str] = {}
    overlay: Overlay | None = None

    @property
    def colored(self) -> bool:
        """Whether a terminal may get colours. Source: no-color.org."""
        return self.color == "always" or (self.color == "auto" and not self.env.get("NO_COLOR"))
