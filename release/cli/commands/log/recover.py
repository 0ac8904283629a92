"""`shipmark log recover`: settle attempts of others, with evidence that their run is over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from release.cli.options import Command, global_options
from release.cli.output.stdout import data, document
from release.cli.session import open_session
from release.errors import ConfigError
from release.log.state import Attempt


@click.command(cls=Command)
@global_options
@click.option("--attempt", metavar="ID", help="Settle this attempt; needs --evidence.")
@click.option("--evidence", metavar="TEXT", help="Why its run is over: a link to it, for example.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.log-recover/1`.")
@click.pass_context
def recover(ctx: click.Context, attempt: str | None, evidence: str | None, as_json: bool) -> None:
    """Settle attempts whose stated time has passed, or the one that --attempt names.

    No state is a lock: a release is finished by running it again, whether or not its attempts are settled.
    """
    if (attempt is None) != (evidence is None):
        raise ConfigError(
            "`--attempt` and `--evidence` go together", hint="say which attempt, and how you know"
        )
    session = open_session(ctx)
    session.require_trusted("log recover")
    now = session.clock.now()
    judged = [(one, _evidence(one, now, attempt, evidence)) for one in session.log_state.open_attempts()]
    settled = [(one, why) for one, why in judged if why is not None]
    left = [one for one, why in judged if why is None]
    if attempt is not None and not settled:
        raise ConfigError(
            f"the log has no open attempt `{attempt}`", hint="`shipmark log recover` lists them"
        )
    projects = {key: release.project for key, release in session.log_state.releases.items()}
    session.log.append([_fact(one, projects[one.release], why) for one, why in settled])
    if as_json:
        document(
            {
                "schema": "shipmark.log-recover/1",
                "settled": [one.id for one, _ in settled],
                "open": [one.id for one in left],
            }
        )
        return
    lines = [f"abandoned {one.id}: {why}" for one, why in settled]
    lines += [f"open      {one.id}: begun {one.at}, and its time has not passed" for one in left]
    data(*(lines or ["no attempt is open"]))


def _evidence(one: Attempt, now: int, attempt: str | None, evidence: str | None) -> str | None:
    if attempt is not None:
        return evidence if one.id == attempt else None
    begun = datetime.fromisoformat(one.at).astimezone(UTC).timestamp() * 1000
    if one.lease_ms and now > begun + one.lease_ms:
        return f"its stated time of {one.lease_ms // 60_000} minutes has passed"
    return None


def _fact(one: Attempt, project: str, why: str) -> dict[str, Any]:
    return {
        "kind": "abandoned",
        "project": project,
        "release": one.release,
        "attempt": one.id,
        "reason": "its run is over",
        "evidence": why,
    }
