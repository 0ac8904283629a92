"""The handler of a step kind, as the runner sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from release.build import Builder
from release.control import Cancel, Deadline
from release.events import Sink
from release.log import LogWriter
from release.oci import Registries
from release.plan.model import Judgement, Step
from release.ports import Clock, Entropy, Process


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a step may touch. `root`: the repository's top folder; `store`: the local content store."""

    process: Process
    registries: Registries
    builders: Mapping[str, Builder]
    log: LogWriter
    clock: Clock
    entropy: Entropy
    sink: Sink
    cancel: Cancel
    deadline: Deadline
    root: str
    store: str
    env: Mapping[str, str]


class Handler(Protocol):
    """How one kind of step is done. The runner calls observe, judge, act, and then observe and judge again."""

    def describe(self, step: Step) -> str:
        """One line for the preview: what the step will do."""

    def observe(self, step: Step, world: World) -> Any:
        """What the world says of it now; only reads. Slots that are bound are replaced in `step.operands`.

        Raising a `ReleaseError` means that it could not be found out: the step is judged unknown.
        """

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: Any) -> Judgement:
        """Whether it is to be done, is done, or must not be done. Pure."""

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        """Do it, and return what later steps need: values for slots."""


Handlers = Mapping[str, Handler]
