"""The handlers of step kinds, with which commands such as `run` and `preview` go through plans."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from release.app.handlers.of_prunes import OF_PRUNES
from release.app.handlers.of_releases import OF_RELEASES
from release.app.handlers.step_ports import Shared, StepPorts
from release.handler import Handler, Handlers, Look
from release.plan.model import Bindings, Free, Step

if TYPE_CHECKING:
    from release.build.auto import Choice
    from release.effects.watch import ReleaseSource
    from release.errors import ReleaseError
    from release.oci import Repository

#: Step kinds that `preview --offline` observes, since they need no connection. (`build-image` reads the local store,
#: `check-builder` the input that every builder reads.)
_LOCAL = frozenset({"check-log", "check-builder", "build-image", "record"})


def handlers(
    kinds: Collection[str],
    ports: StepPorts,
    releases: ReleaseSource,
    *,
    context: Mapping[str, Any],
    builds: Mapping[str, Choice | ReleaseError],
    supplied: Repository | None = None,
    ahead: Mapping[str, str] | None = None,
    listed: Mapping[str, Mapping[str, str]] | None = None,
) -> Handlers:
    """Maps each of the step kinds `kinds` to its handler, without kinds that no table has.

    `releases`: gives the releases that count when a moving tag moves. `context`: members that every record of this run
    gets. `builds`: by component, its prepared build, or the error that says why there is none.
    `supplied`: the image that `run --from` was given. `ahead`: as `targets_ahead` gives it; None: no layer is sent
    before its image is built. `listed`: for a prune, the tags of each repository as its plan found them.
    """
    shared = Shared(
        ports, releases, context=context, builds=builds, supplied=supplied, ahead=ahead or {}, listed=listed
    )
    makers = {**OF_RELEASES, **OF_PRUNES}
    return {kind: makers[kind](shared) for kind in sorted(kinds) if kind in makers}


def offline(table: Handlers) -> Handlers:
    """The handlers for a survey without connections: steps that would read a registry are shown as free, unobserved."""
    return {kind: handler if kind in _LOCAL else _unasked(handler) for kind, handler in table.items()}


def _unasked(handler: Handler) -> Handler:
    def look(step: Step, bound: Bindings) -> Look:
        del bound
        return Look(step=step, judgement=Free(reason=f"{handler.describe(step)} (registry not asked)"))

    return Handler(describe=handler.describe, look=look)
