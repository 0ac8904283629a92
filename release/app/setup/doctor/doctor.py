"""`doctor`: runs every check, and sums the findings up."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.app.session import Session
from release.app.setup.doctor.checks.table import CHECKS
from release.app.setup.doctor.gather import gather
from release.app.setup.doctor.report import DoctorReport, Finding
from release.app.setup.doctor.scene import Scene


class DoctorRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`offline`: open no connection. `action_inputs`: see `Scene`; the command gives those of this version."""

    offline: bool = False
    action_inputs: Mapping[str, tuple[str, ...]] = {}


def doctor(session: Session, request: DoctorRequest) -> DoctorReport:
    """Check everything that a release needs. Changes nothing, here or in a registry.

    In a run that is not trusted nothing is asked that the workspace names. Only an interrupted run raises.
    """
    known = {folder: frozenset(names) for folder, names in request.action_inputs.items()}
    return judged(gather(session, offline=request.offline, action_inputs=known))


def judged(scene: Scene) -> DoctorReport:
    """The findings of every check. Pure."""
    answers = [(check.name, answer) for check in CHECKS for answer in check.judge(scene)]
    codes = [answer.exit_code for _, answer in answers if answer.state == "problem"]
    states = [answer.state for _, answer in answers]
    return DoctorReport(
        exit_code=next(iter(codes), 0),
        problems=len(codes),
        warnings=states.count("warning"),
        not_checked=states.count("not checked"),
        findings=tuple(
            Finding(check=name, state=one.state, seen=one.seen, fix=one.fix, place=one.place)
            for name, one in answers
        ),
    )
