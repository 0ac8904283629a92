"""Reads the inputs of a GitHub action from the variable SHIPMARK_INPUTS, which holds all of them as one JSON object.

GitHub hands a composite action every key of `with:`, also those that `action.yml` does not declare (actions/runner,
`CompositeActionHandler.cs`), so that a misspelled input is found here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from release.errors import ConfigError
from release.hints import did_you_mean
from release.json_text import parse_json

#: The variable with `${{ toJSON(inputs) }}`. It may hold secrets, so no other program gets it.
VARIABLE = "SHIPMARK_INPUTS"

#: Inputs of other actions that people write here, and what does the same.
_ELSEWHERE: Mapping[str, str] = {
    "push": "`command: run` pushes, `command: build` does not",
    "load": "`command: build` with `output: docker-daemon:NAME` loads the image into the daemon",
    "outputs": "`command: build` takes `output: oci:DIR`; `command: run` pushes to `images`",
    "no-cache": "leave `cache-from` out: then no cache is read",
    "registry": "log in with docker/login-action in a step before",
    "username": "log in with docker/login-action in a step before",
    "password": "log in with docker/login-action in a step before",
    "github-token": "no token is needed: credentials of registries come from docker/login-action",
    "token": "no token is needed: credentials of registries come from docker/login-action",
    "dockerfile": "the Dockerfile is the input `file`, as in docker/build-push-action",
    "sep-tags": "the outputs `tags` and `labels` have one value a line",
    "bake-target": "the action `ci/github/metadata` has this input",
}


def read_inputs(env: Mapping[str, str]) -> dict[str, str]:
    """The inputs by name in lower case, without those that are `""`. Raises `ConfigError` for other JSON."""
    text = env.get(VARIABLE, "")
    value = parse_json(text.encode("utf-8", "replace"), VARIABLE) if text.strip() else {}
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ConfigError(
            f"`{VARIABLE}` is not a JSON object with texts", hint="set it to `${{ toJSON(inputs) }}`"
        )
    return {str(name).lower(): text for name, text in value.items() if text}


def unknown_inputs(inputs: Iterable[str], known: Collection[str]) -> list[tuple[str, str]]:
    """Each input that the action does not have, with a hint that names the nearest one."""

    found = []
    for name in inputs:
        if name in known:
            continue
        hint = did_you_mean(name.replace("_", "-"), sorted(known), f"there are: {', '.join(sorted(known))}")
        found.append((name, _ELSEWHERE.get(name, hint)))
    return found


def lines(text: str) -> list[str]:
    """The lines that are not blank, without blanks at both ends."""
    return [line.strip() for line in text.split("\n") if line.strip()]


def numbered(text: str) -> list[tuple[int, str]]:
    """As `lines`, each with its number in the input, from 1."""
    return [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]


def truth(name: str, text: str) -> bool:
    """The boolean of the input `name`. Raises `ConfigError` for other texts than `true` and `false`."""
    if text.strip() not in ("true", "false"):
        raise ConfigError(f"the input `{name}` is `{text.strip()}`", hint="write `true` or `false`")
    return text.strip() == "true"
