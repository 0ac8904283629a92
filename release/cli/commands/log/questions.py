"""`shipmark log find`, `at`, `history`, `deployed` and `diff`: questions to the version log.

A question about one digest, tag or environment that the log cannot answer exits 2, whatever the form of the output:
`--json` prints its document with an empty list before that, so that scripts may look at either.
"""

from __future__ import annotations

from collections.abc import Callable

import click
import msgspec

from release.app.log import questions
from release.app.log.difference import difference
from release.app.log.reports import (
    AtRequest,
    DeploymentsRequest,
    DiffReport,
    DiffRequest,
    FindRequest,
    HistoryRequest,
    RunningImage,
)
from release.app.session import Session
from release.cli.log_options import newest_options, pager_option, project_options, shown_of
from release.cli.options import Command, Function, global_options
from release.cli.output.columns import columns
from release.cli.output.pager import paged
from release.cli.output.stdout import data, document
from release.cli.session import open_session
from release.errors import ConfigError
from release.events import Note
from release.log.questions import TagThen
from release.log.state import TagHold


def _json(question: str) -> Callable[[Function], Function]:
    """Add `--json`. `question`: the name of the document's schema."""
    text = f"One JSON document, schema `shipmark.log-{question}/1`."
    return click.option("--json", "as_json", is_flag=True, help=text)


@click.command(cls=Command)
@global_options
@project_options
@_json("find")
@pager_option
@click.argument("digest")
@click.pass_context
def find(
    ctx: click.Context, digest: str, project: str | None, all_projects: bool, as_json: bool, plain: bool
) -> None:
    """Find the log entries that mention DIGEST: of an index, a platform's image or a tag; it may be shortened."""
    session = open_session(ctx)
    request = FindRequest(digest=digest, project=project, all_projects=all_projects)
    report = questions.find(session, request)
    if as_json:
        document(msgspec.to_builtins(report))
    if not report.mentions:
        raise ConfigError(
            f"the log does not mention `{digest}`",
            hint="`shipmark log verify` checks that no entry is missing" + _elsewhere(all_projects),
        )
    if not as_json:
        rows = [(str(one.seq), one.at, one.kind, one.role) for one in report.mentions]
        paged(session, columns(rows), plain=plain)


@click.command(cls=Command)
@global_options
@project_options
@_json("at")
@click.argument("tag")
@click.argument("time")
@click.pass_context
def at(
    ctx: click.Context, tag: str, time: str, project: str | None, all_projects: bool, as_json: bool
) -> None:
    """Show the digest that TAG held at TIME, which is a day, or a moment such as 2026-11-20T17:55Z."""
    report = questions.at(
        open_session(ctx), AtRequest(tag=tag, time=time, project=project, all_projects=all_projects)
    )
    if as_json:
        document(msgspec.to_builtins(report))
    if not report.tags:
        raise ConfigError(
            f"`{tag}` held no image at {time}",
            hint=f"`shipmark log history {tag}` lists the digests of the tag" + _elsewhere(all_projects),
        )
    if not as_json:
        data(*columns([_held_at(one) for one in report.tags]))


@click.command(cls=Command)
@global_options
@project_options
@_json("history")
@newest_options("digest")
@pager_option
@click.argument("tag")
@click.pass_context
def history(
    ctx: click.Context,
    tag: str,
    limit: int | None,
    every: bool,
    project: str | None,
    all_projects: bool,
    as_json: bool,
    plain: bool,
) -> None:
    """Show the newest digests that TAG held, on each target, oldest first."""
    session = open_session(ctx)
    shown = shown_of(limit, every=every)
    request = HistoryRequest(tag=tag, limit=shown, project=project, all_projects=all_projects)
    report = questions.history(session, request)
    if limit is None and not report.whole:
        text = f"the newest {shown} digests of each target: `--all` lists every one"
        session.sink.emit(Note(level="info", text=text))
    if as_json:
        document(msgspec.to_builtins(report))
    if not report.tags:
        raise ConfigError(
            f"the log has no tag `{tag}`",
            hint="`shipmark log list` lists the recorded releases" + _elsewhere(all_projects),
        )
    if not as_json:
        rows = [(f"{one.target}:{one.tag}", *_held(hold)) for one in report.tags for hold in one.holds]
        paged(session, columns(rows), plain=plain)


@click.command(cls=Command)
@global_options
@project_options
@_json("deployed")
@click.option(
    "--at", "time", metavar="TIME", help="What ran then: a day, or a moment such as 2026-11-20T17:55Z."
)
@click.option("--history", "every", is_flag=True, help="Every deployment, and not only what runs.")
@pager_option
@click.argument("environment", required=False)
@click.pass_context
def deployed(
    ctx: click.Context,
    environment: str | None,
    time: str | None,
    every: bool,
    project: str | None,
    all_projects: bool,
    as_json: bool,
    plain: bool,
) -> None:
    """Show what runs in ENVIRONMENT, or in each one, since when, as `shipmark deployed` recorded it."""
    request = DeploymentsRequest(
        environment=environment, time=time, history=every, project=project, all_projects=all_projects
    )
    session = open_session(ctx)
    report = questions.deployed(session, request)
    if as_json:
        document(msgspec.to_builtins(report))
    if not report.deployments:
        _no_deployment(session, environment, time, all_projects=all_projects)
    if not as_json:
        paged(session, columns([_deployment(one) for one in report.deployments]), plain=plain)


def _no_deployment(
    session: Session, environment: str | None, time: str | None, *, all_projects: bool
) -> None:
    """Raise `ConfigError` for an environment without a deployment; a list of all may be empty, and gets a note."""
    where = f"`{environment}` runs" if environment else "any environment runs"
    text = f"the log does not say what {where}{f' at {time}' if time else ''}"
    hint = "`shipmark deployed ENVIRONMENT IMAGE` records it" + _elsewhere(all_projects)
    if environment:
        raise ConfigError(text, hint=hint)
    session.sink.emit(Note(level="info", text=text, hint=hint))


def _elsewhere(all_projects: bool) -> str:
    """The end of a hint, unless every project was asked about already."""
    return "" if all_projects else "; `--all-projects` asks about other projects, too"


def _deployment(one: RunningImage) -> tuple[str, ...]:
    run = one.deployment
    back = f"taken back: {one.yank_reason}" if one.yanked_at else ""
    said = "; ".join(part for part in (back, run.evidence) if part)
    return (
        run.environment,
        run.version,
        f"{run.target}@{run.digest}",
        f"{run.since} to {run.until or 'now'}",
        said,
    )


@click.command(cls=Command)
@global_options
@project_options
@_json("diff")
@click.argument("before")
@click.argument("after")
@click.pass_context
def diff(
    ctx: click.Context, before: str, after: str, project: str | None, all_projects: bool, as_json: bool
) -> None:
    """Show how two releases differ: commits, inputs, platforms."""
    session = open_session(ctx)
    request = DiffRequest(before=before, after=after, project=project, all_projects=all_projects)
    report = difference(session, request)
    if as_json:
        document(msgspec.to_builtins(report))
        return
    lines = [f"{report.names[0] or before}..{report.names[1] or after}: {_counted(report)}"]
    lines += [f"  {one.commit[:12]} {one.subject}" for one in report.commits]
    lines += [f"commit removed: {one.commit[:12]} {one.subject}" for one in report.commits_removed]
    lines += [f"input {one.name}: {_shown(one.before)} -> {_shown(one.after)}" for one in report.inputs]
    lines += [f"platform added: {name}" for name in report.platforms_added]
    lines += [f"platform removed: {name}" for name in report.platforms_removed]
    if report.same_image:
        lines.append("the image is the same")
    data(*lines)


def _counted(report: DiffReport) -> str:
    """How many commits the second release has more, or goes back."""
    more, fewer = (
        f"{len(some)} commit{'' if len(some) == 1 else 's'}"
        for some in (report.commits, report.commits_removed)
    )
    if not report.commits_removed:
        return more
    return f"{more}, and lacks {fewer}" if report.commits else f"goes back by {fewer}"


def _held_at(one: TagThen) -> tuple[str, ...]:
    hold = one.hold
    return (f"{one.target}:{one.tag}", hold.name, hold.digest, f"{hold.at} to {one.until or 'now'}")


def _held(hold: TagHold) -> tuple[str, str, str]:
    return (hold.at, hold.name or hold.kind, hold.digest or "removed")


def _shown(value: object) -> str:
    return "nothing" if value is None else msgspec.json.encode(value).decode()
