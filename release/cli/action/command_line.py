"""Turns the inputs of `action.yml` into a command line, which `shipmark ci github-action` runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from release.cli.action.inputs import lines, truth, unknown_inputs
from release.cli.action.settings import SECRETS, SETTINGS
from release.errors import ConfigError

#: Command -> whether it takes `--image`, which decides where the image goes.
COMMANDS: Mapping[str, bool] = {
    "preview": True,
    "run": True,
    "build": True,
    "tags": True,
    "version": False,
    "metadata": False,
    "promote": False,
    "rollback": True,
    "restore": True,
    "log verify": False,
    "ci": False,
    "doctor": False,
}
#: Commands that take `--component`.
_OF_COMPONENTS = frozenset(
    "preview run build tags version metadata promote rollback restore".split()  # noqa: SIM905  # quoted names would hide the list
)


class Choice(NamedTuple):
    """An input that is an option of some commands. `kind`: how its text becomes arguments."""

    commands: tuple[str, ...]
    option: str
    kind: str = "text"  # text, lines, flag, place (a positional argument), rebuild


#: Input -> the option that it is. An input that its command does not have is an error.
CHOICES: Mapping[str, tuple[Choice, ...]] = {
    "from": (Choice(("preview", "run"), "--from", "lines"),),
    "version": (Choice(("preview", "run"), "--version"), Choice(("restore",), "", "place")),
    "release": (Choice(("preview", "run"), "--release"),),
    "rebuild": (Choice(("preview", "run"), "--rebuild", "rebuild"),),
    "as-commit": (Choice(("preview", "run"), "--as-commit", "flag"),),
    "allow-backward": (Choice(("preview", "run", "promote"), "--allow-backward", "flag"),),
    "reason": (Choice(("preview", "run", "promote", "rollback", "restore"), "--reason"),),
    "plan": (Choice(("run",), "--plan"),),
    "wait": (Choice(("run",), "--wait", "flag"),),
    "output": (Choice(("build", "preview"), "--output"),),
    "source": (Choice(("promote",), "", "place"),),
    "to": (Choice(("promote",), "--to", "lines"), Choice(("rollback",), "--to")),
    "line": (Choice(("rollback",), "--line"),),
}
#: Command -> the inputs without which it is a usage error. `args` may have their options instead.
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "promote": ("source", "to"),
    "rollback": ("to", "reason"),
    "restore": ("version", "reason"),
}
#: Inputs that the action itself reads, or that every command takes.
_OWN = (
    "command",
    "image",
    "images",
    "component",
    "config",
    "working-directory",
    "args",
    "summary",
    "cache",
)
#: Every input of `action.yml`.
KNOWN = (*_OWN, *SETTINGS, *SECRETS, *CHOICES)

_METADATA = ("images", "tags", "flavor", "labels", "annotations")


def arguments(inputs: Mapping[str, str]) -> list[str]:
    """The command line for the inputs. An input with several values has one a line, and each becomes one argument.

    Raises `ConfigError` for an unknown input or command, for an input that the command does not have, and for one that
    it lacks.
    """
    for name, hint in unknown_inputs(inputs, KNOWN):
        raise ConfigError(f"the action has no input `{name}`", hint=hint)
    command = " ".join(inputs.get("command", "preview").split())
    if command not in COMMANDS:
        raise ConfigError(
            f"the action has no command `{command}`",
            hint=f"`with: {{command: …}}` takes one of {', '.join(f'`{name}`' for name in COMMANDS)}",
        )
    lacking = [name for name in _NEEDED.get(command, ()) if name not in inputs]
    if lacking and "args" not in inputs:
        raise ConfigError(
            f"`command: {command}` needs the input `{lacking[0]}`",
            hint=f"add `{lacking[0]}: …` below `with:`",
        )
    argv = ["-C", inputs.get("working-directory", ".").strip()]
    if "config" in inputs:
        argv += ["--config", inputs["config"].strip()]
    argv += command.split()
    images = [*lines(inputs.get("image", "")), *lines(inputs.get("images", ""))]
    if command == "metadata":
        argv += _of_metadata({**inputs, "images": "\n".join(images)})
    elif COMMANDS[command]:
        # `--image=…` as one argument, so that a name with a leading dash is not read as an option.
        argv += [f"--image={image}" for image in images]
    if command in _OF_COMPONENTS:
        argv += [f"--component={name}" for name in lines(inputs.get("component", ""))]
    chosen, places = _chosen(command, inputs)
    argv += [*chosen, *lines(inputs.get("args", ""))]
    return [*argv, "--", *places] if places else argv


def _chosen(command: str, inputs: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The options of the inputs, and the positional arguments."""
    options: list[str] = []
    places: list[str] = []
    for name, choices in CHOICES.items():
        if name not in inputs:
            continue
        choice = next((one for one in choices if command in one.commands), None)
        if choice is None:
            known = ", ".join(f"`{one}`" for choice in choices for one in choice.commands)
            raise ConfigError(
                f"`command: {command}` has no input `{name}`", hint=f"`{name}` belongs to {known}"
            )
        text = inputs[name].strip()
        if choice.kind == "place":
            places.append(text)
        elif choice.kind == "lines":
            options += [f"{choice.option}={line}" for line in lines(text)]
        elif choice.kind == "flag":
            options += [choice.option] if truth(name, text) else []
        elif choice.kind == "rebuild" and text in ("true", "false"):
            # Without a version, what is checked out is built again.
            options += [f"{choice.option}="] if text == "true" else []
        else:
            options.append(f"{choice.option}={text}")
    return options, places


def _of_metadata(inputs: Mapping[str, str]) -> list[str]:
    given = [f"--{name}={inputs[name]}" for name in _METADATA if inputs.get(name, "").strip()]
    return [*given, "--github-output"]
