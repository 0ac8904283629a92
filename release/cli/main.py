"""The table of commands, and running one: errors become a message, a hint and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from release import __version__
from release.cli.exit import leave
from release.cli.group import LazyGroup, Row
from release.cli.options import global_options
from release.cli.output.streams import escaping, use_colors
from release.errors import ReleaseError

COMMANDS: dict[str, Row] = {
    "preview": Row("preview", "Show what `run` would do, and why; change nothing."),
    "run": Row("run", "Release: build, push, tag, record; finishes the release of a killed run."),
    "build": Row("build", "Build the image of this commit, and release nothing."),
    "tags": Row("tags", "Print the image tags of this commit, one reference a line."),
    "version": Row("version", "Print the version of this commit."),
    "metadata": Row("metadata", "docker/metadata-action's inputs and outputs: the drop-in."),
    "log": Row("log.group", "The version log: list, show, find, at, history, diff, verify, ..."),
    "promote": Row("promote", "Give an existing image another place: copied by digest, tagged, recorded."),
    "rollback": Row("rollback", "Take versions back, and move the tags to the highest that is left."),
    "restore": Row("restore", "Let a version count again that a rollback took back."),
    "deployed": Row("deployed", "Record that an image runs in an environment from now on."),
    "prune": Row("prune.group", "Delete old images by the policy: shows the plan, executes an approved one."),
    "image": Row("image.group", "Registries and OCI layouts: list, inspect, copy, tag, delete."),
    "dockerfile": Row("dockerfile.group", "Dockerfiles: new ones from templates, and checks."),
    "cache": Row("cache", "The folder with state between runs: its size, and emptying it."),
    "ci": Row("ci", "Show which CI system was detected, and from what."),
    "config": Row("config", "Show and check the configuration in force."),
    "doctor": Row("doctor", "Check what a release needs; print the fix for what is wrong."),
    "init": Row("init", "Show, or write, a config and CI files; convert docker/metadata-action workflows."),
    "demo": Row("demo", "A whole release in a scratch folder: no daemon, no registry, no network."),
}


_EPILOG = """\b
Exit codes: 0 done or nothing to do; 1 unexpected; 2 usage or config; 3 git state; 4 build;
5 registry or network; 6 refused by policy; 7 partial, run again; 130, 143 interrupted.

\b
Start here:
  shipmark demo
  shipmark preview --image ghcr.io/acme/app
"""


@click.group(
    name="shipmark",
    cls=LazyGroup,
    table=COMMANDS,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@global_options
@click.version_option(__version__, "--version", prog_name="shipmark", message="%(prog)s %(version)s")
@click.pass_context
def shipmark(ctx: click.Context, /, **options: Any) -> None:
    """Name, build, push and record the container image of a commit.

    Data goes to stdout, everything else to stderr. Without a config file, `--image` says where the image goes.
    """
    ctx.obj = {**ctx.ensure_object(dict), **options}


def main() -> None:
    """Run the command line of this process, and end the process with its exit code."""
    sys.stdout, sys.stderr = escaping(sys.stdout), escaping(sys.stderr, forgiving=True)
    use_colors("auto", os.environ)  # again when `--color` is known
    leave(run(sys.argv[1:]))


def run(argv: list[str], *, given: Mapping[str, Any] | None = None) -> int:
    """Run one command line and return its exit code. `given`: values for `settings_from` that no option has."""
    try:
        result = shipmark.main(args=argv, prog_name="shipmark", standalone_mode=False, obj=dict(given or {}))
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()  # the whole help, on stderr: a command without its subcommand
        return 2
    except click.ClickException as error:
        return _usage(error)
    except click.Abort:
        return 130
    except ReleaseError as error:
        return _failed(error)
    except BrokenPipeError:
        # The reader of stdout has closed the pipe. Without stdout, Python's flush at exit cannot fail and print an
        # error.
        sys.stdout = None
        return 141
    except Exception as error:  # noqa: BLE001 - the last line of defence: a person reads this in a CI log
        return _defect(error, argv)
    return result if isinstance(result, int) else 0


def _usage(error: click.ClickException) -> int:
    from release.app.help_topics import help_at
    from release.app.topic_table import USAGE
    from release.cli.output.stdout import complain
    from release.cli.usage_errors import told

    text, hint = told(error)
    complain(text, hint=hint, more=help_at(USAGE))
    return 2


def _defect(error: Exception, argv: list[str]) -> int:
    from release.app.help_topics import help_at
    from release.app.topic_table import DEFECT
    from release.cli.output.stdout import complain, talk
    from release.hints import DEFECT as REPORT

    if "-v" in argv:
        import traceback

        for line in "".join(traceback.format_exception(error)).splitlines():
            talk(f"| {line}")
    complain(
        f"unexpected failure: {type(error).__name__}: {error}",
        hint=REPORT,
        more=help_at(DEFECT),
    )
    return ReleaseError.exit_code


def _failed(error: ReleaseError) -> int:
    from release.app.help_topics import help_at, topic_of
    from release.cli.output.stdout import complain

    complain(error.message, hint=error.hint, more=help_at(topic_of(error)))
    return error.exit_code
