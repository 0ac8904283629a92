"""`shipmark cache`: shows the cache folder and its size, and empties it."""

from __future__ import annotations

import os

import click

from release.app.cache import common_dir, surroundings_of
from release.app.session import Session
from release.cli.options import Command, global_options, settings_from
from release.cli.output.sizes import size_text
from release.cli.output.stdout import data, document
from release.cli.session import open_session
from release.filesystem.cache_folder import open_root, repository_key
from release.filesystem.cache_limit import clean, limit_of, sizes

_SCHEMA = "shipmark.cache/1"


@click.group(name="cache", invoke_without_command=True)
@global_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.cache/1`.")
@click.pass_context
def command(ctx: click.Context, /, as_json: bool, **options: object) -> None:
    """Show the cache folder and its size; `clean` empties it.

    The folder holds built images, compressed layers, private git repositories and indexes of logs. With them the next
    run is faster, and can push an image that was built but not pushed. SHIPMARK_CACHE_DIR names another folder.
    """
    given = {name: value for name, value in options.items() if value}
    ctx.obj = {**ctx.ensure_object(dict), **given}
    if ctx.invoked_subcommand is None:
        _show(Session(settings_from(ctx.obj)), as_json=as_json)


@command.command(name="clean", cls=Command)
@global_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.cache-clean/1`.")
@click.pass_context
def clean_(ctx: click.Context, as_json: bool) -> None:
    """Delete the cached data of every repository that no run is using.

    The next run builds images again that were built and not pushed, and fetches the whole of a git log.
    """
    session = open_session(ctx)
    root = open_root(surroundings_of(session))
    done = None if root is None else clean(root)
    freed, repositories, busy = (0, 0, 0) if done is None else (done.freed, done.repositories, done.busy)
    if as_json:
        schema = "shipmark.cache-clean/1"
        document({"schema": schema, "freed": freed, "repositories": repositories, "in_use": busy})
        return
    data(
        f"removed {size_text(freed)} of {repositories} {'repository' if repositories == 1 else 'repositories'}"
    )
    if busy:
        session.warn(f"left alone because a run uses it: {busy}; clean again when it is over")


def _show(session: Session, *, as_json: bool) -> None:
    limit = limit_of(session.settings.env.get("SHIPMARK_CACHE_SIZE"))
    root = open_root(surroundings_of(session))
    found = {} if root is None else sizes(root)
    shared = common_dir(session)
    key = None if shared is None else repository_key(shared)
    mine = None if root is None or key is None else os.path.join(root, key)
    size, here = sum(found.values()), found.get(key or "", 0)
    if as_json:
        known = {"folder": root, "size": size, "limit": limit, "repositories": len(found)}
        document({"schema": _SCHEMA, **known, "repository": mine and {"folder": mine, "size": here}})
        return
    if root is None:
        data("no folder can be used: nothing is kept between runs")
        return
    data(f"{root}: {size_text(size)}, repositories: {len(found)}; images may take {size_text(limit)}")
    if mine is not None:
        data(f"{mine}: {size_text(here)}, this repository")
