"""`shipmark log find`, `at`, `history` and `diff`: questions to the version log about digests, tags and releases."""

from __future__ import annotations

import click
import msgspec

from release.app.log import questions
from release.app.log.questions import AtRequest, DiffRequest, FindRequest, HistoryRequest, releases_named
from release.cli.options import Command, global_options
from release.cli.output.stdout import data, document
from release.cli.output.text import columns
from release.cli.session import open_session
from release.errors import ConfigError
from release.log.state import TagHold

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.command(cls=Command)
@global_options
@_JSON
@click.argument("digest")
@click.pass_context
def find(ctx: click.Context, digest: str, as_json: bool) -> None:
    """Find the log entries that mention DIGEST: of an index, a platform's image or a tag; it may be shortened."""
    report = questions.find(open_session(ctx), FindRequest(digest=digest))
    if as_json:
        document(msgspec.to_builtins(report))
        return
    if not report.mentions:
        raise ConfigError(
            f"the log does not mention `{digest}`",
            hint="`shipmark log verify` checks that no entry is missing",
        )
    rows = [(str(one.seq), one.at, one.kind, one.role) for one in report.mentions]
    data(*columns(rows))


@click.command(cls=Command)
@global_options
@_JSON
@click.argument("tag")
@click.argument("time")
@click.pass_context
def at(ctx: click.Context, tag: str, time: str, as_json: bool) -> None:
    """Show the digest that TAG held at TIME, which is a day, or a moment such as 2026-11-20T17:55Z."""
    report = questions.at(open_session(ctx), AtRequest(tag=tag, time=time))
    if as_json:
        document(msgspec.to_builtins(report))
        return
    if not report.tags:
        raise ConfigError(
            f"`{tag}` held no image at {time}",
            hint=f"`shipmark log history {tag}` lists the digests of the tag",
        )
    rows = [
        (
            f"{one.target}:{one.tag}",
            one.hold.version,
            one.hold.digest,
            f"{one.hold.at} to {one.until or 'now'}",
        )
        for one in report.tags
    ]
    data(*columns(rows))


@click.command(cls=Command)
@global_options
@_JSON
@click.argument("tag")
@click.pass_context
def history(ctx: click.Context, tag: str, as_json: bool) -> None:
    """Show the digests that TAG held over time, on each target."""
    report = questions.history(open_session(ctx), HistoryRequest(tag=tag))
    if as_json:
        document(msgspec.to_builtins(report))
        return
    if not report.tags:
        raise ConfigError(
            f"the log has no tag `{tag}`", hint="`shipmark log list` lists the recorded releases"
        )
    rows = [(f"{one.target}:{one.tag}", *_held(hold)) for one in report.tags for hold in one.holds]
    data(*columns(rows))


@click.command(cls=Command)
@global_options
@_JSON
@click.argument("before")
@click.argument("after")
@click.pass_context
def diff(ctx: click.Context, before: str, after: str, as_json: bool) -> None:
    """Show how two releases differ: commits, inputs, platforms."""
    session = open_session(ctx)
    report = questions.diff(session, DiffRequest(before=before, after=after))
    if as_json:
        document(msgspec.to_builtins(report))
        return
    old, new = (releases_named(session, name)[-1].version or name for name in (before, after))
    lines = [f"{old}..{new}: {len(report.commits)} commits"]
    lines += [f"  {one.commit[:12]} {one.subject}" for one in report.commits]
    lines += [f"input {one.name}: {_shown(one.before)} -> {_shown(one.after)}" for one in report.inputs]
    lines += [f"platform added: {name}" for name in report.platforms_added]
    lines += [f"platform removed: {name}" for name in report.platforms_removed]
    if report.same_image:
        lines.append("the image is the same")
    data(*lines)


def _held(hold: TagHold) -> tuple[str, str, str]:
    return (hold.at, hold.version or hold.kind, hold.digest or "removed")


def _shown(value: object) -> str:
    return "nothing" if value is None else msgspec.json.encode(value).decode()
