"""`shipmark cache`: shows the cache folder and its size, and empties it."""

from __future__ import annotations

import click
import msgspec

from release.app.session import Session
from release.app.setup.cache import cache_usage, empty_cache
from release.cli.option_rules import RuledGroup, require_behind
from release.cli.options import Command, global_options, merged, reported, settings_from
from release.cli.output.sizes import size_text
from release.cli.output.stdout import data, document
from release.cli.session import open_session


@click.group(name="cache", cls=RuledGroup, invoke_without_command=True)
@global_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.cache/1`.")
@click.pass_context
def command(ctx: click.Context, /, as_json: bool, **options: object) -> None:
    """Show the cache folder and its size; `clean` empties it.

    The folder holds built images, compressed layers, private git repositories and indexes of logs. With them the next
    run is faster, and can push an image that was built but not pushed. SHIPMARK_CACHE_DIR names another folder.
    """
    ctx.obj = merged(ctx, options)
    if ctx.invoked_subcommand is not None:
        require_behind(ctx, {"as_json": as_json})
        return
    ctx.obj = settings_from(ctx.obj)
    reported(ctx, ctx.obj, lambda: _show(open_session(ctx), as_json=as_json))


@command.command(name="clean", cls=Command)
@global_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.cache-clean/1`.")
@click.pass_context
def clean_(ctx: click.Context, as_json: bool) -> None:
    """Delete the cached data of every repository that no run is using.

    The next run builds images again that were built and not pushed, and fetches the whole of a git log.
    """
    session = open_session(ctx)
    done = empty_cache(session)
    if as_json:
        document(
            {
                "schema": "shipmark.cache-clean/1",
                "freed": done.freed,
                "repositories": done.repositories,
                "in_use": done.busy,
            }
        )
        return
    unit = "repository" if done.repositories == 1 else "repositories"
    data(f"removed {size_text(done.freed)} of {done.repositories} {unit}")
    if done.busy:
        session.warn(f"left alone because a run uses it: {done.busy}; clean again when it is over")


def _show(session: Session, *, as_json: bool) -> None:
    found = cache_usage(session)
    if as_json:
        document({"schema": "shipmark.cache/1", **msgspec.to_builtins(found)})
        return
    if found.folder is None:
        data("no folder can be used: nothing is kept between runs")
        return
    size, limit = size_text(found.size), size_text(found.limit)
    data(f"{found.folder}: {size}, repositories: {found.repositories}; images may take {limit}")
    if found.repository is not None:
        data(f"{found.repository.folder}: {size_text(found.repository.size)}, this repository")
