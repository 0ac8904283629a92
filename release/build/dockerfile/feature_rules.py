"""Finds the features that one instruction needs. Pure.

Operands are expanded, as a builder would, so that a text which no builder can expand is found before the build.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from release.build.dockerfile.expand import expand_body, expand_words
from release.build.dockerfile.feature_names import Feature, Need
from release.build.dockerfile.instructions import (
    Add,
    Arg,
    Copy,
    Dockerfile,
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
    Stage,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from release.build.dockerfile.mounts import MountError, read_mount
from release.build.dockerfile.new_folders import StageFolders
from release.build.dockerfile.scope import Scope
from release.build.dockerfile.stage_graph import is_place, local_sources, source_of
from release.build.dockerfile.values import is_signal, parse_ports
from release.errors import BuildError
from release.lazy_pattern import pattern

PLATFORM_ARGUMENTS = frozenset(
    f"{side}{name}" for side in ("TARGET", "BUILD") for name in ("PLATFORM", "OS", "ARCH", "VARIANT")
)
_PATTERN = pattern(r"(?<!\\)\$\{\w+[#%/]")
_UNSET = pattern(r"(?<!\\)\$\{\w+[-+?]")
_REQUIRED = pattern(r"(?<!\\)\$\{\w+:\?")
_VARIABLE = pattern(r"(?<!\\)\$\{?(\w+)")
# `ParseGitRef` of BuildKit; `github.com/a/b` without a scheme is a local path to it.
_GIT = pattern(r"(git|ssh)://|[\w.-]+@[\w.-]+:|https?://[^#?]*\.git(/?[#?].*)?\Z", re.IGNORECASE)
_ADDRESS = pattern(r"https?://", re.IGNORECASE)
_OCTAL = pattern(r"0*[0-7]{1,4}")
# Sources of `ADD` that may be archives, from which any folder may come.
_ARCHIVE = pattern(r"\.(tar|t[abglx]z\w*|tzst|gz|bz2|xz|zst)\b|[*?\[$]|:", re.IGNORECASE)
_USUAL_FOLDER = 0o755  # the mode of a new folder where nothing says another
_SYMBOLIC = pattern(r"[ugoa]*([-+=]([rwxXst]*|[ugo]))+(,[ugoa]*([-+=]([rwxXst]*|[ugo]))+)*")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The stage of an instruction, and the variables that the instruction sees.

    `is_open`: the stage starts from an image, whose environment is not known, so a variable may have a value there.
    `folders`: those that the stage has so far.
    """

    dockerfile: Dockerfile
    stage: Stage
    scope: Scope
    is_open: bool
    folders: StageFolders

    def expand(self, instruction: Instruction, text: str) -> str:
        """The operand with variables replaced. Raises `BuildError`."""
        try:
            return self.scope.expand(instruction, text)
        except BuildError:
            if self.is_open and "?" in text:  # `${NAME:?…}` requires a variable that the base image may set
                return text
            raise


def needs_in(instruction: Instruction, place: Place) -> Iterator[Need]:
    """The features that one instruction needs. Raises `BuildError` with the line."""
    rule = _RULES.get(type(instruction))
    for feature, what in rule(instruction, place) if rule is not None else ():
        yield Need(feature=feature, line=instruction.line, what=what, text=instruction.text)


Found = Iterator[tuple[Feature, str]]


def _expanded(instruction: Instruction, place: Place, *texts: str) -> Found:
    """Expand operands for the errors in them."""
    for text in texts:
        place.expand(instruction, text)
        yield from _patterns(text)


def _patterns(text: str) -> Found:
    if match := _PATTERN.search(text):
        yield "expansion-pattern", f"`{match[0]}…}}`"
    if match := _UNSET.search(text):
        yield "expansion-unset", f"`{match[0]}…}}`"
    if match := _REQUIRED.search(text):
        yield "expansion-required", f"`{match[0]}…}}`"


def _from(base: From, place: Place) -> Found:
    platform = base.flag("platform")
    yield from _expanded(base, place, base.image, platform or "")
    if platform:
        yield "from-platform", f"`FROM --platform={platform}`"
    declared = {name for each in place.dockerfile.arguments for name in each.names}
    for name in _VARIABLE.findall(f"{base.image} {platform or ''}"):
        if name in PLATFORM_ARGUMENTS - declared:
            yield "from-platform-argument", f"`${name}` in `FROM`"
    before = {stage.name for stage in place.dockerfile.stages[: place.stage.index]}
    if "$" in base.image and place.expand(base, base.image).lower() in before:
        for name in _VARIABLE.findall(base.image):
            if name in declared and not place.scope.is_given(name):
                yield "from-stage-argument", f"a stage that the default of `ARG {name}` names in `FROM`"


def _arg(arg: Arg, place: Place) -> Found:
    for name, default in arg.pairs:
        if name in PLATFORM_ARGUMENTS and default is None:
            yield "platform-argument", f"`ARG {name}`"
        yield from _patterns(default or "")
    place.scope.declare(arg)


def _env(env: Env, place: Place) -> Found:
    values: dict[str, str] = {}
    for pair in env.pairs:
        yield from _patterns(f"{pair.key} {pair.value}")
        values[place.expand(env, pair.key)] = place.expand(env, pair.value)
    place.scope.set_env(values)  # set after all values are expanded: `ENV a=1 b=$a` uses the earlier `a`


def _label(label: Label, place: Place) -> Found:
    for pair in label.pairs:
        yield from _expanded(label, place, pair.key, pair.value)


def _transfer(transfer: Copy | Add, place: Place) -> Found:
    sources = local_sources(transfer)
    flags = [transfer.flag(name) or "" for name in ("chown", "chmod", "checksum")]
    yield from _expanded(transfer, place, *sources, transfer.destination, *flags)
    for heredoc in transfer.heredocs:
        yield "heredoc", "here-documents"
        if heredoc.expand:
            place.scope.apply(transfer, heredoc.body, expand_body)
    for name, feature in _COPY_FLAGS.items():
        if transfer.is_set(name):
            yield feature, f"`{transfer.keyword} --{name}`"
    yield from _mode(transfer, place)
    yield from _new_folders(transfer, place, sources)
    source = source_of(place.dockerfile, place.stage, transfer)
    if source is not None:
        feature = "copy-from-stage" if isinstance(source, Stage) else "copy-from-image"
        if isinstance(source, str) and is_place(source):
            yield "from-place", f"`COPY --from={source}`"
        yield feature, f"`COPY --from={transfer.flag('from')}`"
    if isinstance(transfer, Add):
        yield from _add(transfer, place, sources)


def _mode(transfer: Copy | Add, place: Place) -> Found:
    text = place.expand(transfer, transfer.flag("chmod") or "")
    if not text or "$" in text:
        return
    if not _OCTAL.fullmatch(text) and not _SYMBOLIC.fullmatch(text):
        raise _error(
            transfer,
            place,
            f"`--chmod={text}` is not a mode",
            "write it like `--chmod=0755` or `--chmod=u+x`",
        )
    yield (
        ("copy-chmod" if _OCTAL.fullmatch(text) else "copy-chmod-symbolic"),
        f"`{transfer.keyword} --chmod={text}`",
    )


def _new_folders(transfer: Copy | Add, place: Place, sources: tuple[str, ...]) -> Found:
    """Folders on the way to the destination, whose owner and mode depend on the builder."""
    destination = place.expand(transfer, transfer.destination)
    is_within = destination.endswith("/")
    owner, mode = (place.expand(transfer, transfer.flag(name) or "") for name in ("chown", "chmod"))
    has_folder = any(source.endswith(("/", "/.")) or source == "." for source in sources)
    lacking = place.folders.lacks(destination, itself=False)
    if lacking and has_folder and owner.partition(":")[0] not in ("", "0", "root"):
        yield (
            "copy-chown-new-folder",
            f"`{transfer.keyword} --chown` of a folder below `{lacking}`, which does not exist",
        )
    lacking = place.folders.lacks(destination, itself=is_within)
    if lacking and _OCTAL.fullmatch(mode) and int(mode, 8) & 0o777 != _USUAL_FOLDER:
        yield "copy-chmod-new-folder", f"`{transfer.keyword} --chmod` below `{lacking}`, which does not exist"
    if isinstance(transfer, Add) and any(map(_ARCHIVE.search, sources)):
        place.folders.forget()
    place.folders.fill(destination)


def _add(add: Add, place: Place, sources: tuple[str, ...]) -> Found:
    for source in sources:
        expanded = place.expand(add, source)
        if _GIT.match(expanded):
            yield "add-git", "`ADD` of a git repository"
        elif _ADDRESS.match(expanded):
            yield "add-url", "`ADD` of an address"
    for name, feature in _ADD_FLAGS.items():
        if add.flag(name) is not None:
            yield feature, f"`ADD --{name}`"


def _run(run: Run, place: Place) -> Found:
    yield "run", "`RUN`"
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
        if place.is_open and "$" in text:
            return  # the base image's variables decide the value
        raise BuildError(
            f"{place.dockerfile.name}:{run.line}: `--mount={text}` cannot be read: {error}",
            hint="see the Dockerfile reference, `RUN --mount`",
        ) from error
    yield _MOUNTS[mount.type], f"`RUN --mount=type={mount.type}`"
    if mount.env:
        yield "mount-secret-env", f"`RUN --mount=type={mount.type},env=…`"


def _healthcheck(healthcheck: Healthcheck, _: Place) -> Found:
    yield "healthcheck", "`HEALTHCHECK`"
    if healthcheck.flag("start-interval") is not None:
        yield "healthcheck-start-interval", "`HEALTHCHECK --start-interval`"


def _expose(expose: Expose, place: Place) -> Found:
    yield from _expanded(expose, place, *expose.ports)
    for text in expose.ports:
        for word in () if "?" in text and place.is_open else place.scope.apply(expose, text, expand_words):
            if parse_ports(word) is None and "$" not in text * place.is_open:
                raise _error(
                    expose, place, f"`{word}` is not a port", "write `8080`, `53/udp` or `8000-8010`"
                )


def _stopsignal(stopsignal: StopSignal, place: Place) -> Found:
    yield from _expanded(stopsignal, place, stopsignal.signal)
    signal = place.expand(stopsignal, stopsignal.signal)
    if not is_signal(signal) and "$" not in stopsignal.signal * place.is_open:
        raise _error(stopsignal, place, f"`{signal}` is not a signal", "write `SIGTERM` or a number")


def _volume(volume: Volume, place: Place) -> Found:
    yield from _expanded(volume, place, *volume.paths)
    for path in volume.paths:
        if not place.expand(volume, path) and not place.is_open:
            raise _error(volume, place, "a `VOLUME` is empty", "give its variable a value")


def _workdir(workdir: Workdir, place: Place) -> Found:
    yield from _expanded(workdir, place, workdir.path)
    place.folders.enter(place.expand(workdir, workdir.path))


def _error(instruction: Instruction, place: Place, what: str, hint: str) -> BuildError:
    return BuildError(f"{place.dockerfile.name}:{instruction.line}: {what}: `{instruction.text}`", hint=hint)


_ADD_FLAGS: Mapping[str, Feature] = {
    "checksum": "add-checksum",
    "keep-git-dir": "add-keep-git-dir",
    "unpack": "add-unpack",
}
_COPY_FLAGS: Mapping[str, Feature] = {
    "chown": "copy-chown",
    "exclude": "copy-exclude",
    "link": "copy-link",
    "parents": "copy-parents",
}
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
    Add: _transfer,
    Arg: _arg,
    Copy: _transfer,
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
    User: lambda each, place: _expanded(each, place, each.user),
    Volume: _volume,
    Workdir: _workdir,
}
