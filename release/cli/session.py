"""Opens the session of a command, and chooses the sink for its terminal or CI system."""

from __future__ import annotations

import click

from release.app.session import Session
from release.cli.options import SESSION, settings_of
from release.cli.output.ci_sink import CiSink, voice_of
from release.cli.output.foreign import hide
from release.cli.output.progress import Heartbeat, current_stderr, shows_bars
from release.cli.output.stdout import JsonSink, PlainSink
from release.cli.signals import Watch
from release.events import Sink

#: Options that name a file which a command with `--result-file` reads or writes, too.
_FILES = ("output", "plan_file")


def open_session(ctx: click.Context) -> Session:
    """Open the session for the settings in `ctx`, and handle signals until the command ends."""
    session = Session(settings_of(ctx))
    # The first statement that could print comes after this one, so that no output contains a secret.
    hide(session.secrets)
    ctx.meta[SESSION] = session
    session.sink = _sink(session)
    ctx.with_resource(Watch(session.cancel, session.sink))
    if ctx.params.get("result_file"):
        # Imported late: few commands are given a result file.
        from release.cli.output.files import empty_output, require_distinct

        others = {
            one.opts[-1]: ctx.params.get(one.name or "") for one in ctx.command.params if one.name in _FILES
        }
        require_distinct(session, {"--result-file": ctx.params["result_file"], **others})
        empty_output(session, ctx.params["result_file"])
    if session.settings.deepen:
        session.git.any_snapshot()  # fetches, also for a command that does not read git itself
    return session


def _sink(session: Session) -> Sink:
    settings = session.settings
    if settings.progress == "json":
        return JsonSink()
    verbosity = -1 if settings.progress == "none" else settings.verbosity
    if verbosity < 0:
        return PlainSink(verbosity)
    if settings.progress == "auto" and shows_bars(settings.env, session.ci.system):
        from release.cli.output.progress_bars import Bars

        return Bars(PlainSink(verbosity, current_stderr()), color=settings.colored)
    speaks = voice_of(session.ci.system)
    plain: Sink = PlainSink(verbosity, folds=speaks is not None)
    return Heartbeat(plain if speaks is None else CiSink(plain, speaks), now=session.clock.monotonic)
