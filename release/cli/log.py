"""`shipmark log list|show|verify`: what happened."""

from __future__ import annotations

from typing import Any

import click

from release.cli.printing import data, document
from release.cli.rendering import columns
from release.cli.session import Session
from release.cli.settings import Command, global_options, image_options, settings_of
from release.errors import ConfigError
from release.log import Entry
from release.log.state import ReleaseState


@click.group()
def command() -> None:
    """The version log: what was planned, built, pushed, released and moved."""


@command.command("list", cls=Command)
@image_options
@global_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.log-list/1`.")
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="Only the newest N.")
@click.pass_context
def list_(ctx: click.Context, as_json: bool, limit: int | None) -> None:
    """List the releases, newest first."""
    session = Session(settings_of(ctx))
    releases = sorted(session.log_state.releases.values(), key=lambda one: one.planned_seq, reverse=True)[
        :limit
    ]
    if as_json:
        document({"schema": "shipmark.log-list/1", "releases": [_release(one) for one in releases]})
        return
    rows = [("RELEASE", "STATE", "PLANNED", "COMMIT", "DIGEST")]
    for one in releases:
        digest = one.image.digest[:19] if one.image is not None else ""
        name = one.version or one.channel
        rows.append((name, one.state, one.planned_at[:19], one.commit[:12], digest))
    data("\n".join(columns(rows)) if releases else "the log is empty")


@command.command(cls=Command)
@image_options
@global_options
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.log-show/1`.")
@click.pass_context
def show(ctx: click.Context, name: str, as_json: bool) -> None:
    """Show every entry of one release: NAME is a version, tag, digest, commit or release key."""
    session = Session(settings_of(ctx))
    keys = [one.key for one in session.log_state.releases.values() if _is_meant(one, name)]
    if not keys:
        raise ConfigError(f"the log has no release `{name}`", hint="`shipmark log list` shows what it has")
    entries = [entry for entry in session.log.entries() if entry.fields.get("release") in keys]
    if as_json:
        document({"schema": "shipmark.log-show/1", "entries": [entry.fields for entry in entries]})
        return
    data("\n".join(columns([_line(entry) for entry in entries])))


@command.command(cls=Command)
@image_options
@global_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.log-verify/1`.")
@click.pass_context
def verify(ctx: click.Context, as_json: bool) -> None:
    """Check every entry's hash and its link to the one before."""
    session = Session(settings_of(ctx))
    count = sum(1 for _ in session.log.store.read())
    head = session.log.store.head()
    if as_json:
        document(
            {
                "schema": "shipmark.log-verify/1",
                "log": session.log.store.name,
                "entries": count,
                "head": f"{head.seq}:{head.hash}" if count else "",
            }
        )
        return
    end = f", head {head.seq}:{head.hash}" if count else ""
    data(f"{session.log.store.name}: {count} entries, the chain is whole{end}")


def _is_meant(release: ReleaseState, name: str) -> bool:
    tags = {tag for target in (*release.pushed, *release.moved) for tag in target.tags}
    exact = {release.version, release.key, release.git_tag, *tags}
    if release.image is not None:
        exact |= {release.image.digest, *(one.digest for one in release.image.platforms)}
    return name in exact or (len(name) >= 7 and release.commit.startswith(name))


def _release(release: ReleaseState) -> dict[str, Any]:
    return {
        "release": release.key,
        "version": release.version,
        "commit": release.commit,
        "channel": release.channel,
        "state": release.state,
        "planned_at": release.planned_at,
        "released_at": release.released_at,
        "digest": release.image.digest if release.image is not None else "",
        "targets": [one.target for one in release.pushed],
        "tags": sorted({tag for one in (*release.pushed, *release.moved) for tag in one.tags}),
    }


def _line(entry: Entry) -> tuple[str, ...]:
    fields = entry.fields
    what = fields.get("target") or fields.get("version") or ""
    tags = [_tag(tag) for tag in fields.get("tags", ())]
    detail = ", ".join(tags) or str(fields.get("image", {}).get("digest", ""))
    reason = fields.get("error", {}).get("message") or fields.get("reason") or ""
    return (str(entry.seq), str(fields.get("at", "")), entry.kind, f"{what} {detail}{reason}".strip())


def _tag(tag: dict[str, Any]) -> str:
    withheld = f" withheld: {tag.get('reason', '')}" if tag.get("result") == "withheld" else ""
    return f"{tag.get('name', '')}{withheld}"
