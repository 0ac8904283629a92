"""`shipmark log list` lists releases, `shipmark log show` shows the log entries of one release."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import click
import msgspec

from release.app.log.questions import list_releases
from release.app.log.questions import show as show_release
from release.app.log.reports import ListedRelease, ListRequest, ShownRelease, ShowRequest
from release.cli.log_options import newest_options, pager_option, project_options, shown_of
from release.cli.option_rules import one_form
from release.cli.options import Command, global_options, image_options
from release.cli.output.columns import columns, csv_cell
from release.cli.output.entry_rows import entry_row
from release.cli.output.pager import paged
from release.cli.output.stdout import data, document, terminal_width
from release.cli.session import open_session
from release.events import Note
from release.log.questions import TagHistory
from release.log.state import BETWEEN_RELEASES

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
    "project",
    "component",
)


@click.command("list", cls=Command)
@image_options
@global_options
@project_options
@click.option("--tag", metavar="TAG", help="Releases that set this image tag.")
@click.option("--version", metavar="X.Y.Z", help="Releases of this version.")
@click.option(
    "--channel",
    type=click.Choice(["release", "prerelease", "branch", "pull-request", "snapshot"]),
    help="What kind of version they have.",
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
@newest_options("release")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    help="How it is written [default: table].",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.log-list/1`.")
@pager_option
@click.pass_context
def list_(
    ctx: click.Context,
    /,
    form: str | None,
    as_json: bool,
    every: bool,
    limit: int | None,
    plain: bool,
    **wanted: Any,
) -> None:
    """List the newest releases of this project, newest first."""
    session = open_session(ctx)
    chosen = one_form(form, as_json=as_json, default="table")
    shown = shown_of(limit, every=every)
    request = ListRequest(images=session.settings.images, limit=shown, **wanted)
    report = list_releases(session, request)
    if limit is None and len(report.releases) < report.total:
        text = f"the newest {len(report.releases)} of {report.total} releases: `--all` lists every one"
        session.sink.emit(Note(level="info", text=text))
    if chosen == "json":
        document(msgspec.to_builtins(report))
    elif chosen == "table":
        paged(session, _table(report.releases) if report.releases else ["no release"], plain=plain)
    else:
        data(*(as_csv(report.releases) if chosen == "csv" else _markdown(report.releases)))


@click.command(cls=Command)
@image_options
@global_options
@project_options
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.log-show/1`.")
@pager_option
@click.pass_context
def show(
    ctx: click.Context, name: str, project: str | None, all_projects: bool, as_json: bool, plain: bool
) -> None:
    """Show every entry about one release, and what is true of it now.

    NAME is a version, which means its rebuilds too, a build such as `1.4.2_r1`, a digest, commit or release key, or a
    tag such as `latest`, which means the release that holds it now.
    """
    request = ShowRequest(name=name, project=project, all_projects=all_projects)
    session = open_session(ctx)
    report = show_release(session, request)
    if as_json:
        document(msgspec.to_builtins(report))
        return
    builds = {one.release.key: one.release.release for one in report.releases if one.release.rebuild}
    lines = columns([entry_row(fields, builds) for fields in report.entries], width=terminal_width())
    lines += [line for one in report.releases for line in ("", *_now(one))]
    paged(session, [*_present(report.tags), *lines, *_earlier(report.tags, name)], plain=plain)


def _present(tags: Sequence[TagHistory]) -> list[str]:
    """Lines about what a tag holds now, on each target, before the entries of the release that holds it."""
    lines = []
    for one in tags:
        last = one.holds[-1]
        what = " ".join(part for part in (last.name, last.digest) if part) if last.digest else "nothing"
        lines.append(f"{one.target}:{one.tag} holds {what} since {last.at}")
    return [*lines, ""] if lines else []


def _earlier(tags: Sequence[TagHistory], name: str) -> list[str]:
    """A heading, and what a tag held before, newest first."""
    rows = [
        (
            f"  {one.target}:{one.tag}",
            hold.name or hold.kind,
            hold.digest or "removed",
            f"{hold.at} to {after.at}",
        )
        for one in tags
        for after, hold in pairwise(reversed(one.holds))
    ]
    heading = f"held before (`shipmark log history {name}` lists all):"
    return ["", heading, *columns(rows, width=terminal_width())] if rows else []


def _now(shown: ShownRelease) -> list[str]:
    """Lines about a release: its status, where it was promoted to, and where it runs."""
    one = shown.release
    what = "taken back" if one.yanked_at else one.status if one.status == "prerelease" else one.state
    why = f" at {one.yanked_at}: {one.yank_reason}" if one.yanked_at else ""
    of = f" of {one.project}" if one.project else ""
    lines = [f"{one.release}{of}{f' ({one.component})' if one.component else ''}: {what}{why}"]
    lines += [f"  promoted to {place}" for place in shown.destinations]
    for run in shown.running:
        lines.append(f"  runs in {run.environment} since {run.since}{_evidence(run.evidence)}")
    return lines


def _evidence(text: str) -> str:
    return f" ({text})" if text else ""


def _table(releases: Sequence[ListedRelease]) -> list[str]:
    rows = [
        (
            _name(one),
            one.state,
            one.planned_at[:19],
            one.commit[:12],
            one.digest[:19],
            one.project,
            one.component,
            one.yank_reason,
        )
        for one in releases
    ]
    why = "WHY" if any(one.yanked_at for one in releases) else ""
    table = [("RELEASE", "STATE", "PLANNED", "COMMIT", "DIGEST", "PROJECT", "COMPONENT", why), *rows]
    lines = columns(table)
    width = terminal_width()
    if width is None or max(map(len, lines)) <= width:
        return lines
    # A narrow terminal gets no digests, and only columns in which the releases differ.
    kept = [at for at, _ in enumerate(table[0]) if at < 4 or (at > 4 and len({row[at] for row in rows}) > 1)]
    return columns([tuple(row[at] for at in kept) for row in table], width=width)


def _name(release: ListedRelease) -> str:
    """The release's version. A branch's build of a tagged commit has the version of the tag: its channel stands behind.

    Other builds between releases have a version of their own, `1.4.3-dev.5.g3f2a9c1b7d40`.
    """
    told = release.channel in BETWEEN_RELEASES and release.version and "dev." not in release.version
    return f"{release.release} ({release.channel})" if told else release.release


def _cells(release: ListedRelease) -> list[str]:
    values = (getattr(release, name) for name in _COLUMNS)
    return [" ".join(value) if isinstance(value, tuple) else str(value) for value in values]


def as_csv(releases: Sequence[ListedRelease]) -> list[str]:
    """Releases as lines of a CSV file, one release per line, after a header."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([csv_cell(text) for text in _cells(one)] for one in releases)
    return buffer.getvalue().rstrip("\n").split("\n")


def _markdown(releases: Sequence[ListedRelease]) -> list[str]:
    from ci.summary import cell
    from release.cli.output.foreign import clean

    rows = [_COLUMNS, ["---"] * len(_COLUMNS)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return lines + [f"| {' | '.join(cell(clean(text)) for text in _cells(one))} |" for one in releases]
