"""Translates the inputs of `action.yml` into a command line, which `shipmark ci github-action` runs."""

from __future__ import annotations

from collections.abc import Mapping

from release.errors import ConfigError

#: Maps each input to the variable in which `action.yml` passes it. `action.yml` itself reads INPUT_SUMMARY.
INPUTS: dict[str, str] = {
    "command": "INPUT_COMMAND",
    "images": "INPUT_IMAGES",
    "config": "INPUT_CONFIG",
    "working-directory": "INPUT_WORKING_DIRECTORY",
    "args": "INPUT_ARGS",
}

COMMANDS = ("preview", "run", "tags", "version")


def arguments(env: Mapping[str, str]) -> list[str]:
    """Return the command-line arguments for the inputs.

    Inputs that are lists have one value per line; each line becomes one argument, also if it contains blanks. Raises
    `ConfigError` for a command that the action does not offer.
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
    # `--image=…` as one argument, so that an image name with a leading dash is not read as an option.
    if command != "version":
        argv += [f"--image={image}" for image in _lines(inputs["images"])]
    return argv + _lines(inputs["args"])


def _lines(text: str) -> list[str]:
    """Return the lines that are not blank, without blanks at both ends."""
    return [line.strip() for line in text.split("\n") if line.strip()]
