"""Reads the messages of a classic Docker build: lines of output, the image's id, and the instruction that failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from release.build.dockerfile.instructions import Dockerfile
from release.docker.daemon_errors import FULL_DISK
from release.errors import BuildError
from release.events import Output, Sink
from release.hints import CHECK_SOURCE
from release.lazy_pattern import pattern
from release.programs.messages import shortened, tells_full_disk

_STEP = pattern(r"Step ([0-9]{1,9})/[0-9]+ : (\S+)")
_OWN_WORDS = ("Step ", " ---> ", "Removing intermediate container ")
_ADDRESS = pattern(r"https?://")
_COLOUR = pattern("\x1b\\[(?:91|0)m")  # the daemon colours a command's stderr red
# Characters of the daemon's error in our message: enough for its cause. A failed RUN repeats the whole command, which
# would fill the terminal.
_TELL_AT_MOST = 400


class BuildMessages:
    """Reads the messages of one build. `image`: the built image's id; None until a message contains it.

    `hide`: replaces values of build arguments in a text. `added`: the number of instructions that shipmark put before
    those of the repository's Dockerfile.
    """

    def __init__(
        self, dockerfile: Dockerfile, sink: Sink, hide: Callable[[str], str], *, added: int = 0
    ) -> None:
        self.image: str | None = None
        self._dockerfile = dockerfile
        self._sink = sink
        self._hide = hide
        self._added = added
        self._step = 0
        self._keyword = ""
        self._partial = ""
        self._met_full_disk = False  # a line of the step that runs says so

    def take(self, message: dict[str, Any]) -> None:
        """Process one message. Raises `BuildError` if the message reports a failed build."""
        if message.get("error"):
            self.end()
            raise self._failure(str(message["error"]))
        stream = message.get("stream")
        if isinstance(stream, str):
            self._say(stream)
        elif isinstance(message.get("status"), str) and not message.get("progressDetail"):
            identifier = message.get("id")
            self._say(f"{identifier}: {message['status']}\n" if identifier else f"{message['status']}\n")
        aux = message.get("aux")
        if isinstance(aux, dict) and isinstance(aux.get("ID"), str):
            self.image = aux["ID"]

    def end(self) -> None:
        """Show the last line of output if it came without a newline."""
        if self._partial:
            self._emit(self._partial)
            self._partial = ""

    def _say(self, text: str) -> None:
        step = _STEP.match(text)
        if step is not None:
            self._step, self._keyword = int(step[1]), step[2]
            self._met_full_disk = False
        if text.startswith(_OWN_WORDS):
            self.end()  # the command has ended: show its last line, which may have no newline
        *lines, self._partial = (self._partial + _COLOUR.sub("", text)).split("\n")
        for line in lines:
            self._emit(line)

    def _emit(self, line: str) -> None:
        if line.strip():
            self._met_full_disk = self._met_full_disk or tells_full_disk(line)
            self._sink.emit(Output(source="docker", line=self._hide(line.rstrip("\r"))))

    def _failure(self, said: str) -> BuildError:
        text = shortened(" ".join(self._hide(said).split()), _TELL_AT_MOST)
        hint = (
            "`docker build` with the same Dockerfile and context shows whether the daemon can build it at all"
        )
        if tells_full_disk(said) or self._met_full_disk:
            hint = FULL_DISK
        elif "requires BuildKit" in text:
            hint = "the Engine API's builder is not BuildKit: remove that option, or build with another tool"
        elif "does not match the specified platform" in text:
            hint = "use `builder: layers`, or a base image that exists for the platform of the build"
        elif self._keyword == "FROM":
            hint = "check the image's name, and that the daemon can reach and may read its registry"
        elif self._keyword == "ADD" and _ADDRESS.search(text):
            hint = "check the address, and that the daemon reaches it"
        elif self._keyword in ("COPY", "ADD"):
            hint = CHECK_SOURCE
        elif self._keyword == "RUN":
            hint = "see the command's output in the lines above"
        return BuildError(f"{self._where()}{text}", hint=hint)

    def _where(self) -> str:
        """The position of the failed instruction (`Dockerfile:9: `), by the step's number.

        The daemon numbers steps in the order of `Dockerfile.instructions`; labels of the build request are one more
        step at the end. A step with another keyword than the instruction gives no line number.
        """
        instructions = self._dockerfile.instructions
        step = self._step - self._added
        if not 0 < step <= len(instructions):
            return ""
        instruction = instructions[step - 1]
        if instruction.keyword != self._keyword:
            return f"{self._dockerfile.name}: "
        return f"{self._dockerfile.name}:{instruction.line}: "
