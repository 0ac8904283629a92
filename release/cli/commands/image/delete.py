"""`shipmark image delete`: one tag and only that tag, or a digest with every tag on it."""

from __future__ import annotations

import click

from release.app.session import Session
from release.cli.commands.image.list_tags import by_version, held_by
from release.cli.options import Command, global_options
from release.cli.output.stdout import data, document
from release.cli.session import open_session
from release.errors import ConfigError, Invalid, NotFound, RefusedError
from release.events import Note
from release.image_names.image_location import ImageLocation, locate_target
from release.oci import Descriptor
from release.transfer.delete import delete_tag, require_unused

_SCHEMA = "shipmark.image-delete/1"


@click.command("delete", cls=Command)
@global_options
@click.argument("image")
@click.option(
    "--digest", "by_digest", is_flag=True, help="Delete the manifest, and with it every tag that is on it."
)
@click.option("--preview", is_flag=True, help="Show what would go, and delete nothing.")
@click.option("--json", "as_json", is_flag=True, help=f"One JSON document, schema `{_SCHEMA}`.")
@click.pass_context
def command(ctx: click.Context, image: str, by_digest: bool, preview: bool, as_json: bool) -> None:
    """Delete the tag of IMAGE, and only that tag: others on the same digest stay.

    Where a registry cannot delete a tag alone, that is said, with the tags that share its digest. `--digest`
    deletes the manifest with all of its tags: name the digest itself (`REPOSITORY@sha256:…`) where it has several.
    What an index lists, or a signature refers to, is never deleted.
    """
    session = open_session(ctx)
    location = locate_target(session, image)
    if location.registry is not None:
        session.require_trusted("image delete")
    if by_digest:
        digest, tags = _delete_digest(session, location, preview=preview)
    else:
        digest, tags = _delete_tag(session, location, preview=preview)
    if as_json:
        document(
            {
                "schema": _SCHEMA,
                "repository": location.name,
                "digest": digest if by_digest else None,
                "tags": list(tags),
                "deleted": not preview,
            }
        )
        return
    gone = [f"{location.name}:{tag}" for tag in tags] + ([f"{location.name}@{digest}"] if by_digest else [])
    data(*gone)


def _delete_tag(session: Session, location: ImageLocation, *, preview: bool) -> tuple[str, tuple[str, ...]]:
    if location.tag is None:
        raise ConfigError(
            f"`{location.text}` names no tag",
            hint="write `REPOSITORY:TAG`; a digest is deleted with `--digest`, and every tag on it with it",
        )
    held = location.repository.resolve(location.tag)
    if held is None:
        raise NotFound(f"`{location.name}` has no tag `{location.tag}`")
    if location.digest is not None and held.digest != location.digest:
        raise RefusedError(
            f"`{location.name}:{location.tag}` holds {held.digest}, not {location.digest}",
            hint="somebody moved it: look again",
        )
    if not preview:
        try:
            delete_tag(location.repository, location.tag, sink=session.sink, cancel=session.cancel)
        except Invalid as error:
            raise _cannot(session, location, held, error) from error
    return held.digest, (location.tag,)


def _cannot(session: Session, location: ImageLocation, held: Descriptor, error: Invalid) -> Invalid:
    """The registry's refusal, with what a deletion of the digest would take along."""
    others = [tag for tag in _tags_on(session, location, held.digest) if tag != location.tag]
    shared = f"; {_names(others)} share its digest" if others else "; no other tag is on its digest"
    return Invalid(
        f"{error.message}{shared}",
        hint=f"`shipmark image delete --digest {location.name}@{held.digest}` deletes "
        f"{'all of them' if others else 'the digest and this tag'}",
        status=error.status,
        code=error.code,
    )


def _delete_digest(
    session: Session, location: ImageLocation, *, preview: bool
) -> tuple[str, tuple[str, ...]]:
    if location.reference is None:
        raise ConfigError(
            f"`{location.text}` names neither tag nor digest", hint="write `REPOSITORY@sha256:…`"
        )
    held = location.repository.resolve(location.reference)
    if held is None:
        raise NotFound(f"`{location.name}` has no `{location.reference}`")
    listed = held_by(session, location.repository, by_version(location.repository.tags()))
    tags = tuple(
        tag for tag, one in listed.items() if isinstance(one, Descriptor) and one.digest == held.digest
    )
    others = [tag for tag in tags if tag != location.tag]
    if location.digest is None and others:
        raise RefusedError(
            f"{_names(others)} of `{location.name}` share the digest of `{location.tag}` and would go with it",
            hint=f"name the digest to delete all of them: `{location.name}@{held.digest}`",
        )
    require_unused(session.cancel, location.repository, held.digest, listed)
    session.sink.emit(Note(level="info", text=f"{held.digest} is {_names(tags) or 'under no tag'}"))
    if not preview:
        location.repository.delete_manifest(held.digest)
    return held.digest, tags


def _tags_on(session: Session, location: ImageLocation, digest: str) -> list[str]:
    listed = held_by(session, location.repository, by_version(location.repository.tags()))
    return [tag for tag, one in listed.items() if isinstance(one, Descriptor) and one.digest == digest]


def _names(tags: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(f"`{tag}`" for tag in tags[:20])
    return f"{shown} and {len(tags) - 20} more" if len(tags) > 20 else shown
