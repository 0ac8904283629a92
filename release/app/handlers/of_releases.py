"""The table of step kinds that plans of releases, promotions and rollbacks have; each row makes the kind's handler.

A new step kind is a function here and its row in `OF_RELEASES`; its operands are in `plan.operands`, its step in
`plan.steps`, its handler in `effects`. Each function imports the class of its kind: a plan has steps of a few kinds,
and loading the classes of all kinds takes longer than the survey of a plan without changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from release.handler import Handler, acting, checking

if TYPE_CHECKING:
    from release.app.handlers.step_ports import Shared


def _check_log(of: Shared) -> Handler:
    from release.effects.check import LogCheck

    return checking(LogCheck(of.ports.log))


def _check_builder(of: Shared) -> Handler:
    from release.effects.obtain import BuilderCheck

    return checking(BuilderCheck(of.builds))


def _check_target(of: Shared) -> Handler:
    from release.effects.check import TargetCheck

    return checking(TargetCheck(of.ports.registries, of.ports.tags))


def _check_push(of: Shared) -> Handler:
    from release.effects.check import PushCheck

    return acting(PushCheck(of.ports.registries))


def _build_image(of: Shared) -> Handler:
    from release.effects.ahead import Ahead
    from release.effects.obtain import Build
    from release.git.command import Git
    from release.git.commit_files import differing

    ports = of.ports

    def changed(commit: str) -> tuple[str, ...]:
        git = Git(ports.process, ports.root, ports.env)
        return differing(git, commit, root=ports.root, apart=ports.outputs())

    ahead = Ahead(targets=of.ahead, registries=ports.registries, cancel=ports.cancel)
    return acting(
        Build(
            of.builds,
            of.sources,
            ports.tags,
            ports.sink,
            cancel=ports.cancel,
            ahead=ahead,
            changed=changed,
        )
    )


def _find_image(of: Shared) -> Handler:
    from release.effects.find import Find

    return checking(Find(of.sources))


def _assemble(of: Shared) -> Handler:
    from release.effects.assemble import Assembly

    return acting(Assembly(of.sources, sink=of.ports.sink, cancel=of.ports.cancel))


def _check_image(of: Shared) -> Handler:
    from release.effects.image_checks import ImageChecks

    ports = of.ports
    return acting(
        ImageChecks(ports.process, of.sources, ports.places(), ports.sink, root=ports.root, env=ports.env)
    )


def _push_content(of: Shared) -> Handler:
    from release.effects.content import Content

    return acting(Content(of.sources, of.ports.tags, sink=of.ports.sink, cancel=of.ports.cancel))


def _copy_referrers(of: Shared) -> Handler:
    from release.effects.referrers import Referrers

    return acting(Referrers(of.ports.registries, sink=of.ports.sink, cancel=of.ports.cancel))


def _put_tag(of: Shared) -> Handler:
    from release.effects.fixed_tags import FixedTags

    return acting(FixedTags(of.ports.registries, of.ports.tags))


def _move_tag(of: Shared) -> Handler:
    from release.effects.moving_tags import MovingTags
    from release.effects.watch import Watcher

    ports = of.ports
    watcher = Watcher(ports.registries, ports.tags, of.releases, ports.branches())
    return acting(MovingTags(ports.registries, ports.tags, watcher))


def _set_tag(of: Shared) -> Handler:
    from release.effects.set_tag import Names

    return acting(Names(of.ports.registries, of.ports.tags))


def _put_status(of: Shared) -> Handler:
    from release.effects.version_status import VersionStatuses

    return acting(VersionStatuses(of.ports.registries, cancel=of.ports.cancel))


def _record(of: Shared) -> Handler:
    from release.effects.held_now import HeldNow
    from release.effects.record import Records

    return acting(Records(of.ports.log, of.context, HeldNow(of.ports.registries, of.ports.tags)))


def _attest(of: Shared) -> Handler:
    from release.effects.attest import Attestations

    return acting(Attestations(of.ports.registries, of.ports.log, cancel=of.ports.cancel))


OF_RELEASES: Mapping[str, Callable[[Shared], Handler]] = {
    "check-log": _check_log,
    "check-builder": _check_builder,
    "check-target": _check_target,
    "check-push": _check_push,
    "build-image": _build_image,
    "find-image": _find_image,
    "assemble": _assemble,
    "check-image": _check_image,
    "push-content": _push_content,
    "copy-referrers": _copy_referrers,
    "put-tag": _put_tag,
    "move-tag": _move_tag,
    "set-tag": _set_tag,
    "put-status": _put_status,
    "record": _record,
    "attest": _attest,
}
