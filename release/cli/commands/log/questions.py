"""`shipmark log find|at|history|diff`: the questions that people ask at three in the morning."""

from __future__ import annotations

import click
import msgspec

from release.app.session import Session
from release.cli.commands.log.list_releases import releases_named
from release.cli.options import Command, global_options
from release.cli.output.stdout import data, document
from release.cli.output.text import columns
from release.cli.session import open_session
from release.errors import ConfigError, RefusedError
from release.git.command import Git
from release.log import query, questions
from release.log.state import TagHold
from release.ref_names import is_commit

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.command(cls=Command)
@global_options
@_JSON
@click.argument("digest")
@click.pass_context
def find(ctx: click.Context, digest: str, as_json: bool) -> None:
    """Find DIGEST: of an index, a platform's image, or under a tag; it may be shortened."""
    session = open_session(ctx)
    mentions = query.find(session.log.store, digest, session.indexes)
    if as_json:
        document({"schema": "shipmark.log-find/1", "mentions": msgspec.to_builtins(mentions)})
        return
    if not mentions:
        raise ConfigError(
            f"the log does not know `{digest}`", hint="`shipmark log verify` tells whether it is whole"
        )
    rows = [(str(one.seq), one.at, one.kind, one.role) for one in mentions]
    data(*columns(rows))


@click.command(cls=Command)
@global_options
@_JSON
@click.argument("tag")
@click.argument("time")
@click.pass_context
def at(ctx: click.Context, tag: str, time: str, as_json: bool) -> None:
    """Say what TAG held at TIME: a day, or a moment such as 2026-11-20T17:55Z."""
    session = open_session(ctx)
    found = query.at(session.log.store, tag, questions.moment(time), session.indexes)
    if as_json:
        document({"schema": "shipmark.log-at/1", "tags": msgspec.to_builtins(found)})
        return
    if not found:
        raise ConfigError(
            f"`{tag}` held nothing then", hint=f"`shipmark log history {tag}` shows what it held"
        )
    rows = [
        (
            f"{one.target}:{one.tag}",
            one.hold.version,
            one.hold.digest,
            f"{one.hold.at} to {one.until or 'now'}",
        )
        for one in found
    ]
    data(*columns(rows))


@click.command(cls=Command)
@global_options
@_JSON
@click.argument("tag")
@click.pass_context
def history(ctx: click.Context, tag: str, as_json: bool) -> None:
    """Show what TAG held over time, on each target."""
    session = open_session(ctx)
    found = query.history(session.log.store, tag, session.indexes)
    if as_json:
        document({"schema": "shipmark.log-history/1", "tags": msgspec.to_builtins(found)})
        return
    if not found:
        raise ConfigError(f"the log has no tag `{tag}`", hint="`shipmark log list` shows what it has")
    rows = [(f"{place.target}:{place.tag}", *_held(hold)) for place in found for hold in place.holds]
    data(*columns(rows))


@click.command(cls=Command)
@global_options
@_JSON
@click.argument("before")
@click.argument("after")
@click.pass_context
def diff(ctx: click.Context, before: str, after: str, as_json: bool) -> None:
    """Show what lies between two releases: commits, inputs, platforms."""
    session = open_session(ctx)
    old, new = (releases_named(session, name)[-1] for name in (before, after))
    difference = questions.difference(old, new)
    commits = _commits(session, old.commit, new.commit)
    if as_json:
        document({"schema": "shipmark.log-diff/1", **msgspec.to_builtins(difference), "commits": commits})
        return
    lines = [f"{old.version or before}..{new.version or after}: {len(commits)} commits"]
    lines += [f"  {one['commit'][:12]} {one['subject']}" for one in commits]
    lines += [f"input {one.name}: {_shown(one.before)} -> {_shown(one.after)}" for one in difference.inputs]
    lines += [f"platform added: {name}" for name in difference.platforms_added]
    lines += [f"platform removed: {name}" for name in difference.platforms_removed]
    if difference.same_image:
        lines.append("the image is the same")
    data(*lines)


def _commits(session: Session, before: str, after: str) -> list[dict[str, str]]:
    for commit in (before, after):
        if not is_commit(commit):  # the log is not ours alone: git would take `--output=…` for an option
            raise RefusedError(
                f"the log says `{commit[:80]}` where a commit id belongs",
                hint="`shipmark log verify` shows the entry; whoever can write the log can write that",
            )
    git = Git(session.process, session.root, session.settings.env)
    done = git.run("log", "-z", "--format=%H%x09%s", f"{before}..{after}", "--")
    if done.code != 0:
        raise ConfigError(
            f"git does not know both commits: {before[:12]} and {after[:12]}",
            hint="fetch the history: `git fetch --unshallow --tags`",
        )
    rows = [row.partition("\t") for row in done.stdout.decode("utf-8", "replace").split("\0") if row]
    return [{"commit": commit, "subject": subject} for commit, _, subject in rows]


def _held(hold: TagHold) -> tuple[str, str, str]:
    return (hold.at, hold.version or hold.kind, hold.digest or "removed")


def _shown(value: object) -> str:
    return "nothing" if value is None else msgspec.json.encode(value).decode()
