"""`shipmark image delete`: deletes a single tag, or a digest with every tag on it."""

from __future__ import annotations

import click
import msgspec

from release.app.images.delete import DeleteRequest, delete
from release.cli.options import Command, global_options
from release.cli.output.stdout import data, document
from release.cli.session import open_session


@click.command("delete", cls=Command)
@global_options
@click.argument("image")
@click.option(
    "--digest", "by_digest", is_flag=True, help="Delete the manifest, and with it every tag that is on it."
)
@click.option("--preview", is_flag=True, help="Show what would go, and delete nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.image-delete/1`.")
@click.pass_context
def command(ctx: click.Context, image: str, by_digest: bool, preview: bool, as_json: bool) -> None:
    """Delete the tag of IMAGE, and only that tag: others on the same digest stay.

    If a registry cannot delete a single tag, the error names the tags that share its digest. `--digest` deletes the
    manifest with all of its tags: give the digest itself (`REPOSITORY@sha256:…`) if it has several. A manifest that
    an index lists, or that a signature refers to, is never deleted.
    """
    report = delete(open_session(ctx), DeleteRequest(image=image, by_digest=by_digest, preview=preview))
    if as_json:
        document(msgspec.to_builtins(report))
        return
    gone = [f"{report.repository}:{tag}" for tag in report.tags]
    if report.digest is not None:
        gone.append(f"{report.repository}@{report.digest}")
    data(*gone)
