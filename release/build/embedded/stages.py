"""Executes a Dockerfile's stages without running programs: instructions in, a config and layers as values out.

Pure except for `Files`, which reads account files and archives.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from release.build.dockerfile.expand import expand_body, expand_words
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
    Shell,
    Stage,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from release.build.dockerfile.lines import heredoc_openings
from release.build.dockerfile.scope import Scope, global_scope
from release.build.embedded.copying import Owner, Transfer, changes_of, missing_folders
from release.build.embedded.obstacles import base_stage, needed_stages, refuse_address, source_stage
from release.build.embedded.owners import LARGEST_ID, find_owner
from release.build.embedded.tree import LinkLoop, Tree
from release.compression.entries import Content, Inline, Node
from release.digits import number_in
from release.errors import BuildError
from release.oci.image_json import History, ImageConfig, Platform

# The PATH that both of Docker's builders assume for an image without one; `ENV PATH=/app:$PATH` relies on it.
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DEFAULT_SHELL = ("/bin/sh", "-c")
_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)
_SIGNAL = re.compile(r"(SIG)?[A-Z][A-Z0-9]*([+-]\d+)?|\d{1,3}")

Layer = tuple[tuple[str, Node], ...]  # (path, node), sorted by the bytes of the path


class Files(Protocol):
    """Reads files whose content an instruction depends on."""

    def read(self, content: Content) -> bytes:
        """The content of a small file: `/etc/passwd` or `/etc/group`, for names in `--chown`."""

    def unpack(self, content: Content, shown: str) -> Tree | None:
        """The content of an archive for `ADD`; None for any other file. `shown`: its name in messages."""


class StageImage(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a stage. `layers`: base first. `tree`: the files after all layers.

    `args`: build arguments that stages `FROM` this one inherit.
    """

    config: ImageConfig = ImageConfig(env={"PATH": _DEFAULT_PATH})
    layers: tuple[Layer, ...] = ()
    history: tuple[History, ...] = ()
    tree: Tree = Tree()
    args: Mapping[str, str] = {}


def build_stages(
    dockerfile: Dockerfile,
    context: Tree,
    *,
    target: str | None,
    platform: Platform,
    given: Mapping[str, str],
    files: Files,
) -> StageImage:
    """The image of `target` (None: the last stage) for `platform`. `given`: build arguments. Raises `BuildError`."""
    scope = global_scope(dockerfile, given, platform)
    done: dict[int, StageImage] = {}
    last = -1
    for stage in needed_stages(dockerfile, target, given, platform):
        base = base_stage(dockerfile, stage, scope)
        start = done[base.index] if base is not None else StageImage()
        inner = Scope(
            dockerfile, given=given, outer=scope.args, args=start.args, env=start.config.env, within=scope
        )
        worker = _Worker(dockerfile, stage, start, inner, context=context, done=done, files=files)
        done[stage.index] = worker.run()
        last = stage.index
    return done[last]


class _Worker:
    """Executes the instructions of one stage, in order."""

    def __init__(
        self,
        dockerfile: Dockerfile,
        stage: Stage,
        start: StageImage,
        scope: Scope,
        *,
        context: Tree,
        done: Mapping[int, StageImage],
        files: Files,
    ) -> None:
        self._dockerfile = dockerfile
        self._stage = stage
        self._scope = scope
        self._context = context
        self._done = done
        self._files = files
        self._image = start
        self._command_said = False

    def run(self) -> StageImage:
        for instruction in self._stage.instructions:
            before = len(self._image.layers)
            self._do(instruction)
            step = History(created_by=instruction.text, empty=len(self._image.layers) == before)
            self._image = msgspec.structs.replace(self._image, history=(*self._image.history, step))
        return msgspec.structs.replace(self._image, args=self._scope.args)

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

    def _layer(self, changes: Mapping[str, Node]) -> None:
        layer = tuple(sorted(changes.items(), key=lambda item: item[0].encode("utf-8", "surrogateescape")))
        self._image = msgspec.structs.replace(
            self._image, layers=(*self._image.layers, layer), tree=self._image.tree.with_changes(changes)
        )

    def _at(self, instruction: Instruction) -> str:
        return f"{self._dockerfile.name}:{instruction.line}"

    def do_arg(self, instruction: Arg) -> None:
        self._scope.declare(instruction)

    def do_env(self, instruction: Env) -> None:
        # Expand all values of one `ENV` before any is set: in `ENV a=1 b=$a` the value of `b` is `a` from before the
        # line.
        self._scope.env.update(self._expanded(instruction))
        self._config(env=dict(self._scope.env))

    def do_label(self, instruction: Label) -> None:
        self._config(labels={**self._image.config.labels, **self._expanded(instruction)})

    def _expanded(self, instruction: Env | Label) -> dict[str, str]:
        expand = self._scope.expand
        pairs = {expand(instruction, pair.key): expand(instruction, pair.value) for pair in instruction.pairs}
        if "" in pairs:
            raise BuildError(f"{self._at(instruction)}: a name is empty", hint="give its variable a value")
        return pairs

    def do_user(self, instruction: User) -> None:
        self._config(user=self._scope.expand(instruction, instruction.user))

    def do_workdir(self, instruction: Workdir) -> None:
        path = self._scope.expand(instruction, instruction.path)
        if not path:
            raise BuildError(f"{self._at(instruction)}: `WORKDIR` is empty", hint="give its variable a value")
        folder = posixpath.normpath(posixpath.join("/", self._image.config.working_dir, path))
        self._config(working_dir="/" + folder.lstrip("/"))
        tree = self._image.tree
        missing = missing_folders(
            tree.resolve(folder), tree, self._numeric_user(), where=self._at(instruction)
        )
        if missing:
            self._layer(missing)

    def _numeric_user(self) -> Owner:
        """The owner of a new working directory: USER if it is a number, as in BuildKit, else root."""
        user, _, group = self._image.config.user.partition(":")
        uid = number_in(user, most=LARGEST_ID)
        if uid is None:
            return Owner()
        return Owner(uid=uid, gid=number_in(group, most=LARGEST_ID) or 0)

    def do_expose(self, instruction: Expose) -> None:
        ports = list(self._image.config.ports)
        for text in instruction.ports:
            for word in self._scope.apply(instruction, text, expand_words):
                ports += [port for port in self._ports(instruction, word) if port not in ports]
        self._config(ports=tuple(ports))

    def _ports(self, instruction: Instruction, word: str) -> tuple[str, ...]:
        match = _PORT.fullmatch(word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if match is None or not 0 < first <= last <= 65535:
            raise BuildError(
                f"{self._at(instruction)}: `{word}` is not a port",
                hint="write `8080`, `53/udp` or `8000-8010`",
            )
        return tuple(f"{port}/{(match[3] or 'tcp').lower()}" for port in range(first, last + 1))

    def do_volume(self, instruction: Volume) -> None:
        paths = [self._scope.expand(instruction, path) for path in instruction.paths]
        if not all(paths):
            raise BuildError(
                f"{self._at(instruction)}: a `VOLUME` is empty", hint="give its variable a value"
            )
        self._config(volumes=tuple(dict.fromkeys((*self._image.config.volumes, *paths))))

    def do_stopsignal(self, instruction: StopSignal) -> None:
        signal = self._scope.expand(instruction, instruction.signal)
        if not _SIGNAL.fullmatch(signal):
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
        return (*shell, *command.words) if command.form == "shell" and command.words else command.words

    def do_shell(self, instruction: Shell) -> None:
        self._config(shell=instruction.words)

    def do_healthcheck(self, instruction: Healthcheck) -> None:
        shell = self._image.config.shell or _DEFAULT_SHELL
        self._config(healthcheck=read_healthcheck(instruction, shell, self._at(instruction)))

    def do_copy(self, instruction: Copy | Add) -> None:
        source = source_stage(self._dockerfile, self._stage, instruction)
        transfer = Transfer(
            where=self._at(instruction),
            origin="the context" if source is None else f"stage `{source.name or source.index}`",
            sources=tuple(self._operand(instruction, each) for each in instruction.sources),
            destination=self._operand(instruction, instruction.destination),
            working_dir=self._image.config.working_dir or "/",
            inline=self._inline(instruction),
            owner=self._owner(instruction),
            mode=self._mode(instruction),
            unpack=self._files.unpack if isinstance(instruction, Add) else lambda content, shown: None,  # noqa: ARG005 - COPY takes nothing apart
        )
        tree = self._context if source is None else self._done[source.index].tree
        self._layer(changes_of(transfer, tree, self._image.tree))

    def _operand(self, instruction: Copy | Add, text: str) -> str:
        if text in self._heredocs(instruction):
            return text
        operand = self._scope.expand(instruction, text)
        if not operand:  # an empty source would mean the whole context
            raise BuildError(f"{self._at(instruction)}: `{text}` is empty", hint="give its variable a value")
        if isinstance(instruction, Add):
            refuse_address(self._at(instruction), operand)
        return operand

    def _heredocs(self, instruction: Copy | Add) -> tuple[str, ...]:
        if not instruction.heredocs:
            return ()
        return heredoc_openings(" ".join(instruction.sources), self._dockerfile.escape)

    def _inline(self, instruction: Copy | Add) -> dict[str, tuple[str, Content]]:
        words = self._heredocs(instruction)
        if len(words) != len(instruction.heredocs):
            raise BuildError(
                f"{self._at(instruction)}: the here-documents cannot be told apart",
                hint="quote nothing but a whole delimiter: `<<'EOF'`",
            )
        inline: dict[str, tuple[str, Content]] = {}
        for word, heredoc in zip(words, instruction.heredocs, strict=True):
            body = (
                self._scope.apply(instruction, heredoc.body, expand_body) if heredoc.expand else heredoc.body
            )
            inline[word] = (heredoc.name, Inline(data=body.encode()))
        return inline

    def _owner(self, instruction: Copy | Add) -> Owner | None:
        text = instruction.flag("chown")
        if text is None:
            return None
        owner = self._scope.expand(instruction, text)
        return find_owner(owner, self._image.tree, self._files.read, where=self._at(instruction))

    def _mode(self, instruction: Copy | Add) -> int | None:
        text = instruction.flag("chmod")
        if text is None:
            return None
        mode = self._scope.expand(instruction, text)
        if not re.fullmatch(r"[0-7]{1,5}", mode) or int(mode, 8) > 0o7777:
            raise BuildError(
                f"{self._at(instruction)}: `{mode}` is not an octal mode", hint="write it like `--chmod=0755`"
            )
        return int(mode, 8)


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
    Shell: _Worker.do_shell,
    StopSignal: _Worker.do_stopsignal,
    User: _Worker.do_user,
    Volume: _Worker.do_volume,
    Workdir: _Worker.do_workdir,
}
