"""What the inputs of `action.yml` are as a command line. `shipmark ci github-action` runs it."""

from __future__ import annotations

from collections.abc import Mapping

from release.errors import ConfigError

#: Input -> the variable that `action.yml` puts it into. INPUT_SUMMARY is used up in `action.yml` itself.
INPUTS: dict[str, str] = {
    "command": "INPUT_COMMAND",
    "images": "INPUT_IMAGES",
    "config": "INPUT_CONFIG",
    "working-directory": "INPUT_WORKING_DIRECTORY",
    "args": "INPUT_ARGS",
}

COMMANDS = ("preview", "run", "tags", "version")


def arguments(env: Mapping[str, str]) -> list[str]:
    """Return the arguments of `shipmark` that the inputs ask for.

    Lists have one value a line, and a line is one argument whatever it holds. Raises `ConfigError` for a command that
    the action does not offer.
    """
    inputs = {name: env.get(variable, "") for name, variable in INPUTS.items()}
    command = inputs["command"].strip() or "preview"
    if command not in COMMANDS:
        raise ConfigError(
            f"the action has no command `{command}`",
            hint=f"`with: {{command: …}}` takes one of {', '.join(f'`{name}`' for name in COMMANDS)}",
        )
    argv = ["-C", inputs["working-directory"].strip() or "."]
    if inputs["config"].strip():
        argv += ["--config", inputs["config"].strip()]
    argv.append(command)
    # `--image=…` in one word: a value that starts with a dash stays a value.
    if command != "version":
        argv += [f"--image={image}" for image in _lines(inputs["images"])]
    return argv + _lines(inputs["args"])


def _lines(text: str) -> list[str]:
    """Return the lines that hold something, without the blanks around them."""
    return [line.strip() for line in text.split("\n") if line.strip()]
