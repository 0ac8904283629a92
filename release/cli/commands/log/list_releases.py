"""`shipmark log list` and `show`."""

from __future__ import annotations

import csv
import io
from typing import Any

import click

from release.app.session import Session
from release.cli.options import Command, global_options, image_options
from release.cli.output.stdout import data, document
from release.cli.output.text import columns, csv_cell
from release.cli.session import open_session
from release.errors import ConfigError
from release.log import Entry
from release.log.questions import Filter, moment, resolve, select, tags_of
from release.log.state import ReleaseState
from release.log.yanked import Yank, yank_of, yanks_of

_FILTERS = ("tag", "version", "channel", "branch", "state", "actor")
_COLUMNS = (
    "release",
    "state",
    "channel",
    "planned_at",
    "commit",
    "digest",
    "tags",
    "yanked_at",
    "yank_reason",
)


@click.command("list", cls=Command)
@image_options
@global_options
@click.option("--tag", metavar="TAG", help="Releases that set this image tag.")
@click.option("--version", metavar="X.Y.Z", help="Releases of this version.")
@click.option(
    "--channel", metavar="NAME", help="`release`, `prerelease`, `branch`, `pull-request` or `snapshot`."
)
@click.option("--branch", metavar="NAME", help="Releases of this branch.")
@click.option("--since", metavar="TIME", help="From this day or moment on.")
@click.option("--until", metavar="TIME", help="Until this day or moment.")
@click.option(
    "--state",
    type=click.Choice(["planned", "built", "pushed", "released", "yanked"]),
    help="How far they came, or `yanked`: taken back.",
)
@click.option("--actor", metavar="NAME", help="Whoever ran them.")
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="Only the newest N.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv", "markdown"]), default="table")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.log-list/1`.")
@click.pass_context
def list_(ctx: click.Context, /, form: str, as_json: bool, limit: int | None, **wanted: str | None) -> None:
    """List the releases, newest first."""
    session = open_session(ctx)
    images = session.settings.images
    yanks = yanks_of(session.log.entries())
    only_yanked = wanted["state"] == "yanked"
    wanted |= {"state": None} if only_yanked else {}
    chosen = Filter(
        image=images[0] if images else None,
        since=moment(wanted["since"]) if wanted["since"] else None,
        until=moment(wanted["until"]) if wanted["until"] else None,
        **{name: wanted[name] for name in _FILTERS},
    )
    found = [one for one in select(session.log_state, chosen) if not only_yanked or yank_of(yanks, one)]
    releases = [fields_of(one, yank_of(yanks, one)) for one in found[:limit]]
    if as_json or form == "json":
        document({"schema": "shipmark.log-list/1", "releases": releases})
    elif form == "table":
        data(*(_table(releases) if releases else ["no release"]))
    else:
        data(*(as_csv(releases) if form == "csv" else _markdown(releases)))


@click.command(cls=Command)
@image_options
@global_options
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.log-show/1`.")
@click.pass_context
def show(ctx: click.Context, name: str, as_json: bool) -> None:
    """Show every entry of one release: NAME is a version, tag, digest, commit or release key."""
    session = open_session(ctx)
    releases = releases_named(session, name)
    entries = session.log.entries()
    keys = {one.key for one in releases}
    yanks = yanks_of(entries)
    taken_back = {yank.seq for one in releases if (yank := yank_of(yanks, one)) is not None}
    entries = [one for one in entries if one.fields.get("release") in keys or one.seq in taken_back]
    if as_json:
        document({"schema": "shipmark.log-show/1", "entries": [entry.fields for entry in entries]})
        return
    data(*columns([_line(entry) for entry in entries]))


def releases_named(session: Session, name: str) -> tuple[ReleaseState, ...]:
    """The releases that a person means by `name`; raises `ConfigError` when there is none."""
    found = resolve(session.log_state, name)
    if not found:
        raise ConfigError(f"the log has no release `{name}`", hint="`shipmark log list` shows what it has")
    return found


def fields_of(release: ReleaseState, yank: Yank | None) -> dict[str, Any]:
    """A release as `log list --json` and the exports print it. `yank`: if it was taken back."""
    return {
        "release": release.version or release.channel,
        "key": release.key,
        "version": release.version,
        "commit": release.commit,
        "channel": release.channel,
        "state": release.state,
        "planned_at": release.planned_at,
        "released_at": release.released_at,
        "digest": release.image.digest if release.image is not None else "",
        "targets": [one.target for one in release.pushed],
        "tags": list(tags_of(release)),
        "yanked_at": yank.at if yank is not None else "",
        "yank_reason": yank.reason if yank is not None else "",
    }


def _table(releases: list[dict[str, Any]]) -> list[str]:
    rows = [
        (
            one["release"],
            "yanked" if one["yanked_at"] else one["state"],
            one["planned_at"][:19],
            one["commit"][:12],
            one["digest"][:19],
            one["yank_reason"],
        )
        for one in releases
    ]
    why = "WHY" if any(one["yanked_at"] for one in releases) else ""
    return columns([("RELEASE", "STATE", "PLANNED", "COMMIT", "DIGEST", why), *rows])


def _cells(release: dict[str, Any]) -> list[str]:
    return [" ".join(value) if isinstance(value := release[name], list) else str(value) for name in _COLUMNS]


def as_csv(releases: list[dict[str, Any]]) -> list[str]:
    """Releases, as `fields_of` gives them, as the lines of a CSV file: one record a line."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([csv_cell(text) for text in _cells(one)] for one in releases)
    return buffer.getvalue().rstrip("\n").split("\n")


def _markdown(releases: list[dict[str, Any]]) -> list[str]:
    from ci.summary import cell
    from release.cli.output.foreign import clean

    rows = [_COLUMNS, ["---"] * len(_COLUMNS)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return lines + [f"| {' | '.join(cell(clean(text)) for text in _cells(one))} |" for one in releases]


def _line(entry: Entry) -> tuple[str, ...]:
    fields = entry.fields
    tags = ", ".join(_tag(tag) for tag in fields.get("tags", ()))
    image = fields.get("image", {}).get("digest", "")
    error = fields.get("error", {}).get("message") or fields.get("reason") or ""
    about = fields.get("target") or fields.get("version") or ", ".join(fields.get("versions", ()))
    parts = [about, tags or image, error]
    return (str(entry.seq), str(fields.get("at", "")), entry.kind, " ".join(part for part in parts if part))


def _tag(tag: dict[str, Any]) -> str:
    withheld = f" withheld: {tag.get('reason', '')}" if tag.get("result") == "withheld" else ""
    return f"{tag.get('name', '')}{withheld}"
