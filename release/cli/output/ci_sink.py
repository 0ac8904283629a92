"""Formats messages for a CI system's log: output of programs in folded groups, warnings and errors as annotations."""

from __future__ import annotations

import threading

from ci.speech import ANNOTATED, VOICES, Voice, voice
from ci.systems import detect
from release.app.settings import Settings
from release.cli.output.foreign import clean
from release.cli.output.stdout import speak
from release.errors import ReleaseError
from release.events import Event, Note, Output, Sink

# Warnings that become annotations. GitHub's runner drops further ones of a step, so further warnings are only printed.
_PER_LEVEL = 10


class CiSink:
    """Wraps a sink: writes groups and annotations for the CI system, and passes other events on. Thread-safe."""

    def __init__(self, inner: Sink, speaks: Voice) -> None:
        self._inner = inner
        self._voice = speaks
        # Guards `_open` and `_warned`. Steps emit from several threads, and each group must be closed before the next
        # one is opened, since groups of GitHub Actions do not nest.
        self._lock = threading.Lock()
        self._open: str | None = None
        self._warned: set[str] = set()

    def emit(self, event: Event) -> None:
        """Open or close groups for the event, then pass the event on, or write it as an annotation."""
        with self._lock:
            self._fold(event.source if isinstance(event, Output) else None)
            if isinstance(event, Note) and event.level == "warning" and self._annotates(event.text):
                speak(self._voice.annotation("warning", clean(event.text)))
                return
        self._inner.emit(event)

    def _fold(self, source: str | None) -> None:
        if source == self._open:
            return
        if self._open is not None:
            speak(self._voice.end_group(clean(self._open)))
        if source is not None:
            speak(self._voice.group(clean(source)))
        self._open = source

    def _annotates(self, text: str) -> bool:
        if text in self._warned or len(self._warned) >= _PER_LEVEL:
            return False
        self._warned.add(text)
        return True


def voice_of(system: str) -> Voice | None:
    """The commands for the log of a CI system; None if that system has no such commands."""
    return voice(system) if system in VOICES else None


def annotate_failure(error: ReleaseError, settings: Settings) -> None:
    """Write an error as an annotation, where the CI system shows annotations beside the log: the log has the error."""
    system = detect(settings.env, None, system=settings.ci).system
    if system in ANNOTATED:
        text = f"{error.message}\nhint: {error.hint}" if error.hint else error.message
        speak(voice(system).annotation("error", clean(text)))
