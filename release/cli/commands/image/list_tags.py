"""`shipmark image list`: the tags of a repository."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import click

from release.app.session import Session
from release.cli.options import Command, global_options
from release.cli.output.stdout import data, document
from release.cli.output.text import columns
from release.cli.session import open_session
from release.errors import Invalid
from release.events import Note
from release.image_names.image_location import locate_repository
from release.oci import Descriptor, Repository
from release.task_group import run_all
from release.versions.semver import precedence_key, version_of_image_tag

QUESTIONS = 16  # HEAD requests at a time


@click.command("list", cls=Command)
@global_options
@click.argument("repository")
@click.option("--digests", is_flag=True, help="Say what each tag holds, asked 16 at a time.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.image-list/1`.")
@click.pass_context
def command(ctx: click.Context, repository: str, digests: bool, as_json: bool) -> None:
    """List the tags of REPOSITORY: versions first, the highest on top, then the other names."""
    session = open_session(ctx)
    place = locate_repository(session, repository)
    tags = by_version(place.repository.tags())
    held = held_by(session, place.repository, tags) if digests else {}
    if as_json:
        listed = [{"name": tag, **_fields(held.get(tag))} for tag in tags]
        document({"schema": "shipmark.image-list/1", "repository": place.name, "tags": listed})
        return
    if not tags:
        session.sink.emit(Note(level="info", text=f"`{place.name}` has no tags, or does not exist"))
        return
    rows = [(tag, _shown(held.get(tag))) if digests else (tag,) for tag in tags]
    data(*columns(rows))


def by_version(tags: Iterable[str]) -> list[str]:
    """Versions by precedence, the highest first, newer rebuilds before older ones; then the others by name."""
    versions, others = [], []
    for tag in tags:
        read = version_of_image_tag(tag)
        if read is None:
            others.append(tag)
        else:
            versions.append((precedence_key(read[0]), read[1], tag))
    return [tag for _, _, tag in sorted(versions, reverse=True)] + sorted(others)


def held_by(
    session: Session, repository: Repository, tags: Iterable[str]
) -> dict[str, Descriptor | Invalid | None]:
    """What each tag holds: None when it went meanwhile, the error when it holds no image that we know."""
    names = list(tags)
    tasks = [partial(_resolve, repository, tag) for tag in names]
    return dict(zip(names, run_all(tasks, jobs=QUESTIONS, cancel=session.cancel), strict=True))


def _resolve(repository: Repository, tag: str) -> Descriptor | Invalid | None:
    try:
        return repository.resolve(tag)
    except Invalid as error:
        return error  # one odd tag must not hide a thousand others


def _fields(held: Descriptor | Invalid | None) -> dict[str, Any]:
    match held:
        case Descriptor():
            return {"digest": held.digest, "media_type": held.media_type, "size": held.size}
        case Invalid():
            return {"error": held.message}
        case None:
            return {}


def _shown(held: Descriptor | Invalid | None) -> str:
    match held:
        case Descriptor():
            return held.digest
        case Invalid():
            return f"unknown: {held.message}"
        case None:
            return "gone meanwhile"
