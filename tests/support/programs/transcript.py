"""Records commands and their output as one text, in which values that change with every run are replaced."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.programs.command import Result

_HEX = re.compile(r"(?<![0-9a-f])[0-9a-f]{12,64}(?![0-9a-f])")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?")
#: The minutes in which test repositories are committed to; these times are the same in every run.
_COMMITTED = "2024-01-02T03:"
#: Sizes of compressed layers differ between zlib and ISA-L, durations between runs.
_NUMBER = re.compile(r'"(size|ms|[a-z_]+_ms)":( ?)\d+')
_SIZE = re.compile(r"\b\d+(?:\.\d+)? [kMG]?B\b")
_TOOL = re.compile(r'"shipmark":( ?)"[^"]+"')


class Transcript:
    """Runs commands and keeps `$ shipmark ...`, the exit code unless it is 0, stdout, and stderr with `2> `.

    Digests, commit ids and tokens are replaced by numbers, with their length kept: values with the same first 12
    digits, such as a digest and its short form, have the same number.
    """

    def __init__(self, command: Callable[..., Result], *, folder: Path, registry: str | None = None) -> None:
        self._command = command
        self._folder, self._registry = str(folder), registry
        self._numbers: dict[str, int] = {}
        self._parts: list[str] = []

    def __call__(self, *args: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Result:
        """Run `shipmark args`, and add the command line, exit code and output to the transcript."""
        done = self._command(*args, cwd=cwd, env=env)
        self.note(f"$ shipmark {' '.join(args)}", *([f"exit {done.code}"] if done.code else []))
        self.note(*done.stdout.splitlines(), *(f"2> {line}" for line in done.stderr.splitlines()))
        return done

    def note(self, *lines: str) -> None:
        """Add `lines` to the transcript, such as the content of a file that a command wrote."""
        self._parts += [self._steady(line) for line in lines]

    @property
    def text(self) -> str:
        """Return the transcript of all commands and notes so far."""
        return "".join(f"{line}\n" for line in self._parts)

    def _steady(self, line: str) -> str:
        if self._registry is not None:
            line = line.replace(self._registry, "REGISTRY")
        line = line.replace(self._folder, "FOLDER")
        line = _TIME.sub(lambda found: found[0] if found[0].startswith(_COMMITTED) else "TIME", line)
        line = _NUMBER.sub(r'"\1":\2N', line)
        line = _SIZE.sub("SIZE", line)
        line = _TOOL.sub(r'"shipmark":\1"VERSION"', line)
        return _HEX.sub(self._numbered, line)

    def _numbered(self, found: re.Match[str]) -> str:
        number = self._numbers.setdefault(found[0][:12], len(self._numbers) + 1)
        return f"<{number}:{len(found[0])}>"
