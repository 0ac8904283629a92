"""Turns inputs that describe the image into settings, which replace those of `shipmark.yml`.

Values of build arguments and secrets stay inside of this process: they stand in no argument of a program. A secret
given as `NAME=value` becomes a variable of the environment, where the builders find it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from release.cli.action.inputs import lines, numbered, truth
from release.config.document import Position
from release.config.overlay import Overlay
from release.errors import ConfigError
from release.lazy_pattern import pattern

_NAME = pattern(r"[A-Za-z_][A-Za-z0-9_.-]*")
#: A secret as `shipmark.yml` writes it.
_OWN_SECRET = pattern(r"id=[^,=]+,(?:type=[a-z]+,)?(?:env|src|source)=|type=[a-z]+,")
_PROVENANCE = {"true": "min", "false": "none", "mode=min": "min", "mode=max": "max"}


class Setting(NamedTuple):
    """Where an input goes: the key below `build`, or at the top level; and how its text is read."""

    key: str
    read: Callable[[str, str], Any]
    build: bool = True


class Settings(NamedTuple):
    """The overlay of the configuration, and variables for secrets that were given as text."""

    overlay: Overlay
    env: Mapping[str, str]


def _text(_name: str, text: str) -> str:
    return text.strip()


def _block(_name: str, text: str) -> str:
    return text


def _lines(_name: str, text: str) -> list[str]:
    return lines(text)


def _values(_name: str, text: str) -> list[str]:
    """Values with commas or line breaks between them."""
    return [value.strip() for line in lines(text) for value in line.split(",") if value.strip()]


def _arguments(name: str, text: str) -> dict[str, str]:
    """`NAME=value` lines; `NAME` alone takes the variable NAME, as in docker/build-push-action."""
    found = {}
    for number, line in numbered(text):
        key, equals, value = line.partition("=")
        _require_name(name, number, key)
        found[key] = value if equals else f"${{{key}}}"
    return found


def _pairs(name: str, text: str) -> dict[str, str]:
    found = {}
    for number, line in numbered(text):
        key, equals, found[key] = line.partition("=")
        if not equals or not key:
            raise _wrong(name, number, "write `NAME=VALUE`, one a line")
    return found


def _provenance(_name: str, text: str) -> str:
    return _PROVENANCE.get(text.strip(), text.strip())


def _store(_name: str, text: str) -> dict[str, str]:
    return {"store": text.strip()}


#: Input -> where it goes. Secrets are read by `_secrets`, since they also set variables.
SETTINGS: Mapping[str, Setting] = {
    "tags": Setting("tags", _block, build=False),
    "flavor": Setting("flavor", _block, build=False),
    "labels": Setting("labels", _block, build=False),
    "annotations": Setting("annotations", _block, build=False),
    "prefix": Setting("prefix", _text, build=False),
    "attest": Setting("attest", _text, build=False),
    "log": Setting("log", _store, build=False),
    "context": Setting("context", _text),
    "file": Setting("dockerfile", _text),
    "target": Setting("target", _text),
    "platforms": Setting("platforms", _values),
    "build-args": Setting("args", _arguments),
    "build-contexts": Setting("contexts", _pairs),
    "ssh": Setting("ssh", _lines),
    "cache-from": Setting("cache_from", _lines),
    "cache-to": Setting("cache_to", _lines),
    "network": Setting("network", _text),
    "provenance": Setting("provenance", _provenance),
    "sbom": Setting("sbom", truth),
    "builder": Setting("builder", _text),
    "builder-name": Setting("builder_name", _text),
}
#: Inputs that become secrets of the build.
SECRETS = ("secrets", "secret-envs", "secret-files")


def settings_of(inputs: Mapping[str, str]) -> Settings:
    """The settings that the inputs give. Raises `ConfigError` for text that cannot be read as its input."""
    value: dict[str, Any] = {}
    build: dict[str, Any] = {}
    positions: dict[str, Position] = {}
    for name, setting in SETTINGS.items():
        if name in inputs:
            read = setting.read(name, inputs[name])
            (build if setting.build else value)[setting.key] = read
            path = f"$.{'build.' if setting.build else ''}{setting.key}"
            positions |= _positions(path, name, read, inputs[name])
    secrets, env = _secrets(inputs)
    if secrets:
        build["secrets"] = secrets
        positions["$.build.secrets"] = Position(source="input `secrets`", line=1, column=1)
    if build:
        value["build"] = build
    return Settings(Overlay(value=value, positions=positions), env)


def _positions(path: str, name: str, value: Any, text: str) -> dict[str, Position]:
    """Positions for messages: the input, and the line of each value in it."""
    source = f"input `{name}`"
    found = {path: Position(source=source, line=1, column=1)}
    if isinstance(value, list):
        # Several values of a line have commas between them.
        at = [number for number, line in numbered(text) for _ in _values(name, line)]
        places = at if len(at) == len(value) else [number for number, _ in numbered(text)]
        found |= {
            f"{path}[{number}]": Position(source=source, line=line, column=1)
            for number, line in enumerate(places)
        }
    return found


def _secrets(inputs: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The secrets in the form of `shipmark.yml`, and the variables for those that are given as text."""
    found: list[str] = []
    env: dict[str, str] = {}
    for number, line in numbered(inputs.get("secrets", "")):
        if _OWN_SECRET.match(line):
            found.append(line)
            continue
        name, equals, value = line.partition("=")
        if not equals or '"' in name:
            hint = (
                "write `NAME=value`, or `id=NAME,env=VARIABLE`; the input `secret-files` takes longer texts"
            )
            raise _wrong("secrets", number, hint)
        _require_name("secrets", number, name)
        # `_SECRET` at the end: the value is replaced wherever it would be printed.
        variable = f"SHIPMARK_BUILD_{number}_SECRET"
        env[variable] = value
        found.append(f"id={name},env={variable}")
    for given, key in (("secret-envs", "env"), ("secret-files", "src")):
        found += [f"id={name},{key}={value}" for name, value in _pairs(given, inputs.get(given, "")).items()]
    return found, env


def _require_name(name: str, number: int, key: str) -> None:
    if not _NAME.fullmatch(key):
        raise _wrong(
            name, number, "a name has letters, digits, `_`, `-` and `.`: write `NAME=value`, one a line"
        )


def _wrong(name: str, number: int, hint: str) -> ConfigError:
    # The line itself is not quoted: it may be a secret.
    return ConfigError(f"line {number} of the input `{name}` cannot be read", hint=hint)
