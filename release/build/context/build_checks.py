"""Says that `# check=error=true` counts when BuildKit builds, and not before. Pure."""

from __future__ import annotations

from release.build.dockerfile.instructions import Dockerfile
from release.build.dockerfile.truths import TRUE
from release.build.dockerfile.white_space import SPACE
from release.events import Note


def check_notes(dockerfile: Dockerfile) -> list[Note]:
    """A note if BuildKit's build checks fail the build: no preview runs them, and no other builder has them."""
    options = [option.partition("=") for option in (dockerfile.check or "").split(";")]
    last = [value.strip(SPACE) for name, _, value in options if name.strip(SPACE) == "error"][-1:]
    if not any(value in TRUE for value in last):
        return []
    where = f"{dockerfile.name}:{dockerfile.check_line}"
    return [
        Note(
            level="info",
            text=f"{where}: with BuildKit, each warning of its build checks fails the build; other builders have none",
            hint=f"`shipmark dockerfile lint {dockerfile.name}` shows the warnings before the build, where buildx is "
            "installed",
        )
    ]
