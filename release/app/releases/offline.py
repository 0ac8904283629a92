"""Handlers for a preview without connections: what needs a registry is shown as still to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from release.handler import Handler, Handlers, World
from release.plan.model import Free, Judgement, Step

_LOCAL = frozenset({"check-log", "build-image", "record"})


def unasked(handlers: Handlers) -> Handlers:
    """`handlers` with every one that asks a registry replaced by one that asks nothing."""
    return {kind: handler if kind in _LOCAL else Unasked(handler) for kind, handler in handlers.items()}


class Unasked:
    """Wraps a handler: describes as it does, observes nothing."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def describe(self, step: Step) -> str:
        """As the wrapped handler does."""
        return self._handler.describe(step)

    def observe(self, step: Step, world: World) -> None:
        """Nothing."""
        del step, world

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: None) -> Judgement:
        """Free, as far as anybody asked."""
        del bindings, observation
        return Free(reason=f"{self.describe(step)} (registry not asked)")

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        """Never: an offline preview acts on nothing."""
        raise NotImplementedError(step.id)
