"""Follows one build: shows what it writes, and keeps what an error message needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from release.build.dockerfile.instructions import Dockerfile, Instruction
from release.events import Output, Sink
from release.lazy_pattern import pattern

#: Lines of a failed step's output that are repeated below the error: usually the whole error of a compiler fits; more
#: would push our own error message out of the terminal.
LAST_LINES = 20
# Lines of the program that are kept in memory, to find the error, which is among the last ones.
_MOST_SAID = 50
# Characters of one line. A command that draws a progress bar may write megabytes without a newline.
_LONGEST = 16 * 1024
_STEP = pattern(
    r"(?:\[(?P<stage>[0-9]{1,6})/[0-9]{1,6}\] )?STEP (?P<step>[0-9]{1,6})/[0-9]{1,6}: (?P<text>.*)"
)
_WRONG_BASE = pattern(
    r"WARNING: image platform \((?P<found>.*)\) does not match the expected platform \((?P<wanted>.*)\)"
)
_UNUSED = pattern(r"\[Warning\] one or more build args were not consumed: \[(?P<names>.*)\]")
#: Build arguments that the programs set themselves, whether or not the Dockerfile declares them.
_BUILT_IN = pattern(r"(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT)")
_PLATFORM = pattern(r"\{(?P<architecture>\S+) (?P<os>\S+)")
_NOISE = pattern(
    r"(?:Getting image source signatures|Copying (?:blob|config) sha256:.*|Writing manifest to image destination"
    r"|Storing signatures|COMMIT|--> [0-9a-f]+|[0-9a-f]{64}|Error: .*|time=\".*"
    r"|(?:error running container: )?(?:error from /bin/\S+ |.* )?exit(?:ed with)? status [0-9]+)"
)


class BuildProgress:
    """Follows the output of one program, buildah or podman, during one build.

    `hide`: replaces values of build arguments and secrets. `said`: the last lines of the program.
    `dockerfile`: as the program got it; `own_line`: the number in the repository's file of one of its lines.
    `wrong_base`: the program's message about a base image of another platform, with the Dockerfile line in front.
    """

    def __init__(
        self,
        sink: Sink,
        hide: Callable[[str], str],
        dockerfile: Dockerfile,
        source: str,
        own_line: Callable[[int], int] = lambda line: line,
    ) -> None:
        self.said: deque[str] = deque(maxlen=_MOST_SAID)
        self.wrong_base: str | None = None
        self.step: str | None = None  # the step that runs, or ran last
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._sink = sink
        self._hide = hide
        self._dockerfile = dockerfile
        self._source = source
        self._own_line = own_line
        self._instruction: Instruction | None = None

    @property
    def where(self) -> str:
        """`Dockerfile:3: ` for the step that ran last; empty if its line is not known."""
        if self._instruction is None:
            return ""
        return f"{self._dockerfile.name}:{self._own_line(self._instruction.line)}: "

    def take(self, line: bytes) -> None:
        """Read one line of the program's stderr: show it, and keep it for an error message."""
        # A carriage return starts the line anew: what was before it is no longer there on a terminal.
        text = self._hide(line.decode("utf-8", "replace").rstrip().rpartition("\r")[2][:_LONGEST])
        if not text or self._is_needless(text):
            return
        self.said.append(text)
        self._sink.emit(Output(source=self._source, line=text))
        step, wrong = _STEP.fullmatch(text), _WRONG_BASE.search(text)
        if step is not None:
            self.step = step["text"]
            self.last_lines.clear()
            self._instruction = self._find(int(step["stage"] or 1), int(step["step"]), step["text"])
        elif wrong is not None:
            found, wanted = _platform(wrong["found"]), _platform(wrong["wanted"])
            self.wrong_base = f"{self.where}the base image is for `{found}`, and `{wanted}` is to be built"
        elif not _NOISE.fullmatch(text):
            self.last_lines.append(text)

    def _is_needless(self, text: str) -> bool:
        unused = _UNUSED.fullmatch(text)
        return unused is not None and all(_BUILT_IN.fullmatch(name) for name in unused["names"].split())

    def _find(self, stage: int, step: int, text: str) -> Instruction | None:
        """The Dockerfile instruction that a step executes.

        Triggers of a base image move the numbers, so the keyword has to fit as well.
        """
        if stage > len(self._dockerfile.stages):
            return None
        found = self._dockerfile.stages[stage - 1]
        steps: list[Instruction] = [found.base, *found.instructions]
        keyword = text.partition(" ")[0].upper()
        if step <= len(steps) and _keyword(steps[step - 1]) == keyword:
            return steps[step - 1]
        alike = [one for one in steps if _keyword(one) == keyword]
        return alike[0] if len(alike) == 1 else None


def _keyword(instruction: Instruction) -> str:
    return instruction.text.split(None, 1)[0].upper()


def _platform(text: str) -> str:
    match = _PLATFORM.match(text)
    return text if match is None else f"{match['os']}/{match['architecture']}"
