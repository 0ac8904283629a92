"""Finds the features that one instruction needs. Pure.

Operands are expanded, as a builder would, so that a text which no builder can expand is found before the build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from release.build.dockerfile.expand import expand_words
from release.build.dockerfile.features.copy_rules import features_of_copy
from release.build.dockerfile.features.names import Feature, Need
from release.build.dockerfile.features.place import Found, Place, expanded, patterns
from release.build.dockerfile.healthcheck import parse_duration
from release.build.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from release.build.dockerfile.mounts import Mount, MountError, MountNameError, read_mount
from release.build.dockerfile.values import LARGEST_ID, is_signal, parse_ports
from release.digits import number_in
from release.errors import BuildError
from release.lazy_pattern import pattern

PLATFORM_ARGUMENTS = frozenset(
    f"{side}{name}" for side in ("TARGET", "BUILD") for name in ("PLATFORM", "OS", "ARCH", "VARIANT")
)
_VARIABLE = pattern(r"(?<!\\)\$\{?(\w+)")


def needs_in(instruction: Instruction, place: Place) -> Iterator[Need]:
    """The features that one instruction needs. Raises `BuildError` with the line."""
    rule = _RULES.get(type(instruction))
    for feature, what in rule(instruction, place) if rule is not None else ():
        yield Need(feature=feature, line=instruction.line, what=what, text=instruction.text)


def _from(base: From, place: Place) -> Found:
    platform = base.flag("platform")
    yield from expanded(base, place, base.image, platform or "")
    if platform:
        yield "from-platform", f"`FROM --platform={platform}`"
    earlier = place.dockerfile.stages[: place.stage.index]
    if base.name and any(stage.name == place.stage.name for stage in earlier):
        yield "stage-name-twice", f"a second stage `{base.name}`"
    declared = {name for each in place.dockerfile.arguments for name in each.names}
    for name in _VARIABLE.findall(f"{base.image} {platform or ''}"):
        if name in PLATFORM_ARGUMENTS - declared:
            yield "from-platform-argument", f"`${name}` in `FROM`"
    before = {stage.name for stage in earlier}
    if "$" in base.image and place.expand(base, base.image).lower() in before:
        for name in _VARIABLE.findall(base.image):
            if name in declared and not place.scope.is_given(name):
                yield "from-stage-argument", f"a stage that the default of `ARG {name}` names in `FROM`"


def _arg(arg: Arg, place: Place) -> Found:
    for name, default in arg.pairs:
        if name in PLATFORM_ARGUMENTS and default is None:
            yield "platform-argument", f"`ARG {name}`"
        yield from patterns(default or "")
    place.scope.declare(arg)


def _env(env: Env, place: Place) -> Found:
    values: dict[str, str] = {}
    for pair in env.pairs:
        yield from patterns(f"{pair.key} {pair.value}")
        name = place.expand(env, pair.key)
        values[name] = place.expand(env, pair.value)
        if not name and not place.may_depend_on_base(pair.key):
            yield "env-name-empty", f"an empty name in `{env.text}`"
    place.scope.set_env(values)  # set after all values are expanded: `ENV a=1 b=$a` uses the earlier `a`


def _label(label: Label, place: Place) -> Found:
    for pair in label.pairs:
        yield from expanded(label, place, pair.key, pair.value)


def _command(instruction: Cmd | Entrypoint, _: Place) -> Found:
    if instruction.command.form == "shell" and not any(instruction.command.words):
        yield "command-empty", f"`{instruction.text.strip()}` without a command"


def _run(run: Run, place: Place) -> Found:
    yield "run", "`RUN`"
    if run.command.form == "exec" and not run.command.words:
        raise place.error(run, "`RUN []` has no command", "write the command, or remove the line")
    if run.command.form == "shell" and not any(run.command.words) and not run.heredocs:
        yield "command-empty", "`RUN` without a command"
    place.folders.forget()
    if run.heredocs:
        yield "heredoc", "here-documents"
    for name, feature in _RUN_FLAGS.items():
        if run.flag(name) is not None:
            yield feature, f"`RUN --{name}`"
    for text in run.flag_values("mount"):
        yield from _mount(run, place, text)


def _mount(run: Run, place: Place, text: str) -> Found:
    try:
        mount = read_mount(text, lambda value: place.expand(run, value))
    except MountError as error:
        if place.may_depend_on_base(text) and not isinstance(error, MountNameError):
            return  # the base image's variables decide the value
        raise BuildError(
            f"{place.dockerfile.name}:{run.line}: `--mount={text}` cannot be read: {error}",
            hint="see the Dockerfile reference, `RUN --mount`",
        ) from error
    _require_mount(run, place, text, mount)
    yield _MOUNTS[mount.type], f"`RUN --mount=type={mount.type}`"
    if mount.env:
        yield "mount-secret-env", f"`RUN --mount=type={mount.type},env=…`"


def _require_mount(run: Run, place: Place, text: str, mount: Mount) -> None:
    """Raise `BuildError` for a mount that BuildKit refuses only where the command runs."""
    if place.may_depend_on_base(text):
        return  # the base image's variables decide the value
    if mount.type == "ssh" and mount.source:
        raise place.error(run, f"`--mount={text}`: `source` does not go with the type `ssh`", "write `id=…`")
    if mount.type in ("bind", "cache", "tmpfs") and place.folders.is_root(mount.target):
        raise place.error(
            run, f"`--mount={text}` would hide the whole image", "name a folder, like `target=/var/cache/apt`"
        )


def _healthcheck(healthcheck: Healthcheck, _: Place) -> Found:
    yield "healthcheck", "`HEALTHCHECK`"
    for flag in healthcheck.flags:
        if flag.value and not (
            flag.value.strip("+-0") if flag.name == "retries" else parse_duration(flag.value) != 0
        ):
            yield "healthcheck-zero", f"`HEALTHCHECK --{flag.name}={flag.value}`"
    if healthcheck.flag("start-interval") is not None:
        yield "healthcheck-start-interval", "`HEALTHCHECK --start-interval`"


def _expose(expose: Expose, place: Place) -> Found:
    yield from expanded(expose, place, *expose.ports)
    is_certain = not place.may_depend_on_base(*expose.ports)
    if is_certain and not any(place.expand(expose, text) for text in expose.ports):
        yield "expose-empty", f"`{expose.text}` without a port"
    for text in expose.ports:
        for word in () if "?" in text and place.is_open else place.scope.apply(expose, text, expand_words):
            if parse_ports(word) is None and not place.may_depend_on_base(text):
                raise place.error(expose, f"`{word}` is not a port", "write `8080`, `53/udp` or `8000-8010`")


def _stopsignal(stopsignal: StopSignal, place: Place) -> Found:
    yield from expanded(stopsignal, place, stopsignal.signal)
    signal = place.expand(stopsignal, stopsignal.signal)
    if not is_signal(signal) and not place.may_depend_on_base(stopsignal.signal):
        raise place.error(stopsignal, f"`{signal}` is not a signal", "write `SIGTERM` or a number")


def _volume(volume: Volume, place: Place) -> Found:
    yield from expanded(volume, place, *volume.paths)
    for path in volume.paths:
        if not place.expand(volume, path) and not place.may_depend_on_base(path):
            raise place.error(volume, "a `VOLUME` is empty", "give its variable a value")


def _workdir(workdir: Workdir, place: Place) -> Found:
    yield from expanded(workdir, place, workdir.path)
    path = place.expand(workdir, workdir.path)
    if not path and not place.may_depend_on_base(workdir.path):
        yield "workdir-empty", f"the empty `{workdir.text}`"
    user = place.folders.user.partition(":")[0]
    if path and user not in ("", "0", "root") and place.folders.lacks(path, itself=True):
        what = f"`{workdir.text}` for the user `{user}`"
        if place.folders.is_nothing and number_in(user, most=LARGEST_ID) is None:
            yield "workdir-user-name", f"{what}, without `/etc/passwd` in the image"
        yield "workdir-user", f"{what}, who owns the new folder"
    place.folders.enter(path)


def _user(user: User, place: Place) -> Found:
    yield from expanded(user, place, user.user)
    place.folders.user = place.expand(user, user.user)


_RUN_FLAGS: Mapping[str, Feature] = {
    "device": "run-device",
    "network": "run-network",
    "security": "run-security",
}
_MOUNTS: Mapping[str, Feature] = {
    "bind": "mount-bind",
    "cache": "mount-cache",
    "secret": "mount-secret",
    "ssh": "mount-ssh",
    "tmpfs": "mount-tmpfs",
}
_RULES: Mapping[type[Instruction], Callable[[Any, Place], Found]] = {
    Add: features_of_copy,
    Arg: _arg,
    Cmd: _command,
    Copy: features_of_copy,
    Entrypoint: _command,
    Env: _env,
    Expose: _expose,
    From: _from,
    Healthcheck: _healthcheck,
    Label: _label,
    Maintainer: lambda _, __: iter((("maintainer", "`MAINTAINER`"),)),
    OnBuild: lambda _, __: iter((("onbuild", "`ONBUILD`"),)),
    Run: _run,
    Shell: lambda _, __: iter((("shell", "`SHELL`"),)),
    StopSignal: _stopsignal,
    User: _user,
    Volume: _volume,
    Workdir: _workdir,
}
