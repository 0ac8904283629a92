"""Runs the `checks:` of a release (scanners, smoke tests) on its image, before the image is visible in a registry."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

from release.effects.local_store import Sources
from release.errors import BuildError, NotFound
from release.events import Output, Sink
from release.handler import Work
from release.hints import AGAIN
from release.oci import Repository
from release.plan.model import Bindings, Done, Free, Judgement, Slot
from release.plan.operands import CheckImage, checked_of, digest_in
from release.ports import Process

#: Last lines that are shown of a check's stdout, and as many of its stderr. A scanner may print a page for each
#: package, and CI systems cut or slow down long logs.
_LINES = 2000


class CheckPlaces(Protocol):
    """Makes the image available to the commands of checks: as a layout, or in a Docker daemon."""

    def layout(self, source: Repository, digest: str) -> AbstractContextManager[str]:
        """The absolute path of an OCI layout that holds only this image."""

    def loaded(self, source: Repository, digest: str) -> AbstractContextManager[str]:
        """The name of the image in the local Docker daemon. Raises from the `BuildError` branch without a daemon."""


class ImageChecks:
    """The handler of `check-image` steps. `root`: the folder in which commands run; `env`: their environment."""

    kind = CheckImage

    def __init__(
        self,
        process: Process,
        sources: Sources,
        places: CheckPlaces,
        sink: Sink,
        *,
        root: str,
        env: Mapping[str, str],
    ) -> None:
        self._process = process
        self._sources = sources
        self._places = places
        self._sink = sink
        self._root = root
        self._env = env
        # Guards `_passed`: checks of one image run at the same time, in threads of their own.
        self._lock = threading.Lock()
        self._passed: set[tuple[str, str]] = set()  # (digest, step id)

    def describe(self, operands: CheckImage) -> str:
        """One line for the preview: the check and its command."""
        return f"check `{operands.name}`: {' '.join(operands.run)}"

    def observe(self, work: Work[CheckImage]) -> bool:
        """Whether this run has seen the check pass for this image. Results of earlier runs do not count."""
        image = work.operands.image
        with self._lock:
            return not isinstance(image, Slot) and (image, work.id) in self._passed

    def judge(self, work: Work[CheckImage], seen: bool) -> Judgement:
        """Free until the check passed in this run."""
        name = work.operands.name
        if not seen:
            return Free(reason=self.describe(work.operands))
        bound = Bindings().with_value(checked_of(work.id), {"name": name, "result": "passed"})
        return Done(reason=f"`{name}` passed", bindings=bound)

    def act(self, work: Work[CheckImage], seen: bool) -> Bindings:
        """Run the command. Raises `BuildError` if the command cannot start, fails, or does not end in time."""
        del seen
        operands = work.operands
        digest = digest_in(operands.image)
        with ExitStack() as held:
            argv = [self._filled(word, digest, operands, held) for word in operands.run]
            self._run(argv, operands)
        with self._lock:
            self._passed.add((digest, work.id))
        return Bindings()

    def _filled(self, word: str, digest: str, operands: CheckImage, held: ExitStack) -> str:
        """The word with `{{layout}}`, `{{image}}`, `{{digest}}` and `{{version}}` replaced.

        `held` ends, after the check, the context managers that provide the layout or the image in the daemon.
        """
        if "{{layout}}" in word:
            word = word.replace(
                "{{layout}}", held.enter_context(self._places.layout(self._source(operands), digest))
            )
        if "{{image}}" in word:
            word = word.replace(
                "{{image}}", held.enter_context(self._places.loaded(self._source(operands), digest))
            )
        return word.replace("{{digest}}", digest).replace("{{version}}", operands.version)

    def _source(self, operands: CheckImage) -> Repository:
        """The first source that has the image. Raises `NotFound`."""
        digest = digest_in(operands.image)
        for name in operands.sources:
            source = self._sources.open(name)
            if source.resolve(digest) is not None:
                return source
        raise NotFound(f"no place is known that has {digest}", hint=AGAIN)

    def _run(self, argv: list[str], operands: CheckImage) -> None:
        where = f"check `{operands.name}`"
        try:
            done = self._process.run(argv, cwd=self._root, env=self._env, timeout=operands.timeout)
        except FileNotFoundError as error:
            raise BuildError(
                f"{where}: there is no program `{argv[0]}`",
                hint="install it on this machine, or correct the first word of `run`",
            ) from error
        except TimeoutError as error:
            raise BuildError(
                f"{where} did not end within {operands.timeout} seconds",
                hint="give the check more time with `timeout: SECONDS`, if it is not stuck",
            ) from error
        except OSError as error:
            raise BuildError(
                f"{where}: `{argv[0]}` cannot be started: {error.strerror}",
                hint="the first word of `run` must be a program that this user may run",
            ) from error
        self._say(operands.name, done.stdout, done.stderr)
        if done.code != 0:
            raise BuildError(
                f"{where} failed: `{argv[0]}` exited {done.code}; no tag names the image",
                hint="read what the check wrote, in the lines above",
            )

    def _say(self, name: str, *outputs: bytes) -> None:
        for raw in outputs:
            for line in raw.decode(errors="replace").splitlines()[-_LINES:]:
                self._sink.emit(Output(source=name, line=line))
