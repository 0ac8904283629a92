"""`shipmark prune`: prints what the retention policy deletes, or executes the plan that was approved."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import click
import msgspec

from release.app.settings import Settings
from release.cli.group import LazyGroup, Row
from release.cli.option_rules import require_behind
from release.cli.options import global_options, image_options, merged, reported, settings_from
from release.cli.output.files import require_outputs, write_output
from release.cli.output.stdout import data, document
from release.cli.session import open_session
from release.errors import ConfigError
from release.filesystem.files import read_file
from release.limits import CONFIG_BYTES, PLAN_BYTES

_COMMANDS: dict[str, Row] = {
    "explain": Row("prune.explain", "Say which rule decides about a tag, and what would change that."),
    "undo": Row("prune.undo", "Put back what a prune deleted."),
}

# The options of `prune` itself, which its subcommands do not take.
_OWN = ("policy", "apply_hash", "plan_file", "output", "repositories", "as_json")


@click.group("prune", cls=LazyGroup, table=_COMMANDS, invoke_without_command=True)
@image_options
@global_options
@click.option("--policy", metavar="FILE", help="A file with `retention:`, instead of the config's.")
@click.option(
    "--repositories",
    multiple=True,
    metavar="NAMES",
    help="A repository instead of the config's images; a pattern such as `registry.example.com/acme/*`, where the "
    "registry lists its repositories; or a file with one of them on a line. Several times for several.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the plan into FILE, for `--plan`.")
@click.option("--apply", "apply_hash", metavar="HASH", help="Execute the plan with this hash.")
@click.option("--plan", "plan_file", metavar="FILE", help="Execute the plan in FILE, as `-o` wrote it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.prune/1`.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Show which images the policy `retention:` deletes, with the rule for each; change nothing.

    `--apply HASH` or `--plan FILE` executes exactly the plan that was shown, after every tag was read again. What a
    rule of `keep` names, what is in use, and what an image that stays needs is never deleted; neither is anything of
    which something is not known.
    """
    own = {name: options.pop(name) for name in _OWN}
    ctx.obj = merged(ctx, options)
    if ctx.invoked_subcommand is not None:
        require_behind(ctx, own)
        return
    ctx.obj = settings_from(ctx.obj)
    reported(ctx, ctx.obj, lambda: _run(ctx, own))


def _run(ctx: click.Context, own: dict[str, Any]) -> None:
    session = open_session(ctx)
    session.require_trusted("prune")
    require_outputs(session, [own["output"]])
    from ci.outputs import Outputs
    from release.app.releases.results import plan_document
    from release.app.retention.prune import prune
    from release.app.retention.reports import PruneRequest
    from release.cli.output.ci_outputs import publish, require_publishable
    from release.cli.output.prune_summary import prune_summary
    from release.cli.output.prune_text import prune_lines

    require_publishable(session, None)
    executes = own["apply_hash"] or own["plan_file"]
    if own["output"] and executes:
        raise ConfigError("`-o` writes a plan, and `--apply` and `--plan` execute one", hint="leave out `-o`")
    request = PruneRequest(
        policy=policy_text(session.directory, own["policy"]),
        policy_name=own["policy"] or "",
        apply=own["apply_hash"],
        plan=_plan(session.directory, own["plan_file"]),
        plan_name=own["plan_file"] or "",
        repositories=_repositories(session.directory, own["repositories"]),
    )
    result = prune(session, request)
    if own["output"]:
        text = json.dumps(plan_document(result.details.plan), indent=2, ensure_ascii=False)
        write_output(session, own["output"], f"{text}\n")
    publish(session, Outputs(), None, summary=prune_summary(result, session.ci), output_file=False)
    if own["as_json"]:
        document(msgspec.to_builtins(result.report))
    else:
        options = _options(session.settings, own)
        data(*prune_lines(result.report, options=options, verbose=session.settings.verbosity > 0))
    if result.error is not None:
        raise result.error


def _options(settings: Settings, own: Mapping[str, Any]) -> str:
    """The options that decide what a plan contains, as they are written on a command line, each after a blank."""
    given = [
        ("-C", None if settings.directory == "." else settings.directory),
        ("--config", settings.config),
        ("--policy", own["policy"]),
        *(("--repositories", one) for one in own["repositories"]),
        *(("--image", one) for one in settings.images),
        *(("--component", one) for one in (settings.component, *settings.components)),
    ]
    return "".join(f" {name} {shlex.quote(value)}" for name, value in given if value is not None)


def policy_text(directory: str, name: str | None) -> str | None:
    """The text of the file `name`, such as a policy; None for None. Raises `ConfigError`."""
    if name is None:
        return None
    try:
        raw = _read(directory, name, CONFIG_BYTES)
        return raw.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise ConfigError(f"`{name}` is not UTF-8", hint="save the file as UTF-8") from None


def _repositories(directory: str, given: Sequence[str]) -> tuple[str, ...]:
    """The names and patterns that were given, and those in the files that were named. Raises `ConfigError`."""
    found: list[str] = []
    for one in given:
        if not os.path.isfile(os.path.join(directory, one)):
            if "/" not in one and "*" not in one:
                raise ConfigError(
                    f"`--repositories {one}` is neither a file nor a repository with its registry",
                    hint="write `ghcr.io/acme/app`, or check the file's path",
                )
            found.append(one)
            continue
        lines = (policy_text(directory, one) or "").splitlines()
        found += [name for line in lines if (name := line.partition("#")[0].strip())]
    return tuple(found)


def _plan(directory: str, name: str | None) -> bytes | None:
    return None if name is None else _read(directory, name, PLAN_BYTES)


def _read(directory: str, name: str, limit: int) -> bytes:
    try:
        raw = read_file(os.path.join(directory, name), limit=limit)
    except OSError as error:
        raise ConfigError(f"`{name}` cannot be read: {error.strerror}", hint="check its rights") from error
    if raw is None:
        raise ConfigError(f"`{name}` does not exist", hint="check the path")
    return raw
