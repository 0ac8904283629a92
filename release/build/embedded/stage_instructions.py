"""Executes the instructions of one stage without running programs, from the base's image to the stage's.

Pure except for `Files`, which reads account files and archives.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from release.build.context.tree import LinkLoop, Tree
from release.build.dockerfile.expand import expand_words
from release.build.dockerfile.healthcheck import read_healthcheck
from release.build.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Command,
    Copy,
    Dockerfile,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Label,
    OnBuild,
    Shell,
    Stage,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from release.build.dockerfile.scope import Scope
from release.build.dockerfile.stage_graph import source_of
from release.build.dockerfile.values import is_signal, parse_ports
from release.build.embedded.base_config import read_triggers, trigger_text
from release.build.embedded.copying.changes import changes_of
from release.build.embedded.copying.instruction import Surroundings, transfer_of
from release.build.embedded.copying.new_folders import missing_folders
from release.build.embedded.copying.owners import Owner, find_user
from release.build.embedded.stage_image import StageImage
from release.build.embedded.stage_sources import StageSources
from release.compression.entries import Content
from release.errors import BuildError
from release.oci.image_json import History

_DEFAULT_SHELL = ("/bin/sh", "-c")


class Files(Protocol):
    """Reads files whose content an instruction depends on."""

    def read(self, content: Content) -> bytes:
        """The content of a small file: `/etc/passwd` or `/etc/group`, for names in `--chown`."""

    def unpack(self, content: Content, shown: str) -> Tree | None:
        """The content of an archive for `ADD`; None for any other file. `shown`: the archive's name in messages."""


def run_stage(
    dockerfile: Dockerfile,
    stage: Stage,
    start: StageImage,
    scope: Scope,
    *,
    sources: StageSources,
    files: Files,
) -> StageImage:
    """The image after the instructions of `stage` on top of `start`, its base. Raises `BuildError`."""
    return _Worker(dockerfile, stage, start, scope, sources=sources, files=files).run()


class _Worker:
    """Executes the instructions of one stage, in order."""

    def __init__(
        self,
        dockerfile: Dockerfile,
        stage: Stage,
        start: StageImage,
        scope: Scope,
        *,
        sources: StageSources,
        files: Files,
    ) -> None:
        self._dockerfile = dockerfile
        self._stage = stage
        self._scope = scope
        self._sources = sources
        self._files = files
        self._image = start
        self._command_said = False

    def run(self) -> StageImage:
        triggers = self._image.config.on_build
        self._config(on_build=())
        for instruction in (*self._triggered(triggers), *self._stage.instructions):
            before = len(self._image.layers)
            self._do(instruction)
            step = History(created_by=instruction.text, empty=len(self._image.layers) == before)
            self._image = msgspec.structs.replace(self._image, history=(*self._image.history, step))
        return msgspec.structs.replace(self._image, args=self._scope.args)

    def _triggered(self, triggers: tuple[str, ...]) -> tuple[Instruction, ...]:
        """The `ONBUILD` instructions of the base, which are executed right after the `FROM`."""
        return read_triggers(triggers, self._dockerfile, self._stage.base.line)

    def _do(self, instruction: Instruction) -> None:
        try:
            _DOERS[type(instruction)](self, instruction)
        except LinkLoop as error:
            raise BuildError(
                f"{self._at(instruction)}: the symlink `/{error.args[0]}` in the image leads in a circle",
                hint="repair the link before it is copied",
            ) from error

    def _config(self, **changed: Any) -> None:
        config = msgspec.structs.replace(self._image.config, **changed)
        self._image = msgspec.structs.replace(self._image, config=config)

    def _at(self, instruction: Instruction) -> str:
        return f"{self._dockerfile.name}:{instruction.line}"

    def do_arg(self, instruction: Arg) -> None:
        self._scope.declare(instruction)

    def do_env(self, instruction: Env) -> None:
        # Expand all values of one `ENV` before any is set: in `ENV a=1 b=$a` the value of `b` is `a` from before the
        # line.
        self._scope.set_env(self._expanded(instruction))
        self._config(env=dict(self._scope.env))

    def do_label(self, instruction: Label) -> None:
        self._config(labels={**self._image.config.labels, **self._expanded(instruction)})

    def _expanded(self, instruction: Env | Label) -> dict[str, str]:
        expand = self._scope.expand
        return {expand(instruction, pair.key): expand(instruction, pair.value) for pair in instruction.pairs}

    def do_user(self, instruction: User) -> None:
        self._config(user=self._scope.expand(instruction, instruction.user))

    def do_workdir(self, instruction: Workdir) -> None:
        path = self._scope.expand(instruction, instruction.path)
        folder = posixpath.normpath(posixpath.join("/", self._image.config.working_dir, path))
        # As in BuildKit, `/a/../b` stays as it is written.
        self._config(working_dir=path if path.startswith("/") else "/" + folder.lstrip("/"))
        tree = self._image.tree
        owner = self._numeric_user() if self._image.config.user else None
        missing = missing_folders(tree.resolve(folder), tree, owner, where=self._at(instruction))
        if missing:
            self._image = self._image.with_layer(missing)

    def _numeric_user(self) -> Owner:
        """The owner of a new working directory: USER, as in BuildKit; root where the image does not know that name."""
        return find_user(self._image.config.user, self._image.tree, self._files.read)

    def do_expose(self, instruction: Expose) -> None:
        ports = list(self._image.config.ports)
        for text in instruction.ports:
            for word in self._scope.apply(instruction, text, expand_words):
                ports += [port for port in self._ports(instruction, word) if port not in ports]
        self._config(ports=tuple(ports))

    def _ports(self, instruction: Instruction, word: str) -> tuple[str, ...]:
        ports = parse_ports(word)
        if ports is None:
            raise BuildError(
                f"{self._at(instruction)}: `{word}` is not a port",
                hint="write `8080`, `53/udp` or `8000-8010`",
            )
        return ports

    def do_volume(self, instruction: Volume) -> None:
        paths = [self._scope.expand(instruction, path) for path in instruction.paths]
        if not all(paths):
            raise BuildError(
                f"{self._at(instruction)}: a `VOLUME` is empty", hint="give its variable a value"
            )
        self._config(volumes=tuple(dict.fromkeys((*self._image.config.volumes, *paths))))

    def do_stopsignal(self, instruction: StopSignal) -> None:
        signal = self._scope.expand(instruction, instruction.signal)
        if not is_signal(signal):
            raise BuildError(
                f"{self._at(instruction)}: `{signal}` is not a signal", hint="write `SIGTERM` or a number"
            )
        self._config(stop_signal=signal)

    def do_entrypoint(self, instruction: Entrypoint) -> None:
        self._config(entrypoint=self._argv(instruction.command))
        if not self._command_said:
            self._config(
                command=None
            )  # ENTRYPOINT resets a CMD of the base, which was meant for the base's ENTRYPOINT

    def do_cmd(self, instruction: Cmd) -> None:
        self._command_said = True
        self._config(command=self._argv(instruction.command))

    def _argv(self, command: Command) -> tuple[str, ...]:
        shell = self._image.config.shell or _DEFAULT_SHELL
        # An empty command in shell form starts the shell with an empty text, as in BuildKit.
        return (*shell, *(command.words or ("",))) if command.form == "shell" else command.words

    def do_shell(self, instruction: Shell) -> None:
        self._config(shell=instruction.words)

    def do_healthcheck(self, instruction: Healthcheck) -> None:
        self._config(healthcheck=read_healthcheck(instruction, self._at(instruction)))

    def do_onbuild(self, instruction: OnBuild) -> None:
        self._config(on_build=(*self._image.config.on_build, trigger_text(instruction)))

    def do_copy(self, instruction: Copy | Add) -> None:
        tree, origin = self._sources.of(source_of(self._dockerfile, self._stage, instruction))
        around = Surroundings(
            where=self._at(instruction),
            origin=origin,
            scope=self._scope,
            image=self._image.tree,
            working_dir=self._image.config.working_dir or "/",
            read=self._files.read,
            unpack=self._files.unpack,
        )
        self._image = self._image.with_layer(
            changes_of(transfer_of(instruction, around), tree, self._image.tree)
        )


_DOERS: Mapping[type[Instruction], Callable[[_Worker, Any], None]] = {
    Add: _Worker.do_copy,
    Arg: _Worker.do_arg,
    Cmd: _Worker.do_cmd,
    Copy: _Worker.do_copy,
    Entrypoint: _Worker.do_entrypoint,
    Env: _Worker.do_env,
    Expose: _Worker.do_expose,
    Healthcheck: _Worker.do_healthcheck,
    Label: _Worker.do_label,
    OnBuild: _Worker.do_onbuild,
    Shell: _Worker.do_shell,
    StopSignal: _Worker.do_stopsignal,
    User: _Worker.do_user,
    Volume: _Worker.do_volume,
    Workdir: _Worker.do_workdir,
}
