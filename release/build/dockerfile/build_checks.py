"""The options of a `# check=` line, for the build checks that only BuildKit runs. Pure."""

from __future__ import annotations

from release.build.dockerfile.instructions import Dockerfile
from release.build.dockerfile.truths import FALSE, TRUE
from release.build.dockerfile.white_space import SPACE
from release.errors import BuildError
from release.events import Note


def require_check_options(dockerfile: Dockerfile) -> None:
    """Raise `BuildError` for options of `# check=` that BuildKit cannot read (`ParseLintOptions`)."""
    for option, name, value in _options(dockerfile):
        is_known = "=" in option and name in ("skip", "experimental", "error")
        if not is_known or (name == "error" and value not in TRUE | FALSE):
            where = f"{dockerfile.name}:{dockerfile.check_line}"
            raise BuildError(
                f"{where}: `{option}` is not an option of `# check={dockerfile.check}`",
                hint="write it without blanks, like `# check=skip=JSONArgsRecommended;error=true`",
            )


def check_notes(dockerfile: Dockerfile) -> list[Note]:
    """A note if BuildKit's build checks fail the build: no preview runs them, and no other builder has them."""
    last = [value for _, name, value in _options(dockerfile) if name == "error"][-1:]
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


def _options(dockerfile: Dockerfile) -> list[tuple[str, str, str]]:
    """Each option as it is written, its name and its value. BuildKit reads three; the last one may hold `;`."""
    if dockerfile.check is None:
        return []
    options = dockerfile.check.split(";", 2)
    return [(one, (parts := one.partition("="))[0].strip(SPACE), parts[2].strip(SPACE)) for one in options]
