"""Shows long output of the log's questions in a pager, as git does: on a terminal, and only if it does not fit there.

Only the user's environment chooses the program. The config and other files of the workspace do not: a stranger may have
written them.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence

from release.app.session import Session
from release.build.find_program import program_on_path
from release.cli.output.foreign import one_line
from release.cli.output.stdout import data

#: Variables that name the pager, the first one that is set; an empty value, or `cat`, means no pager.
_VARIABLES = ("SHIPMARK_PAGER", "PAGER")
# What git sets unless the user did. less: F ends at once if one screen suffices, R shows colours, X leaves the text on
# the screen. lv: colours.
_DEFAULTS = {"LESS": "FRX", "LV": "-c"}


def paged(session: Session, lines: Sequence[str], *, plain: bool) -> None:
    """Write `lines` to stdout, each as one line, or show them in the pager. `plain`: never in the pager."""
    if not plain and session.ci.system == "none" and os.isatty(1):
        shown, env = [one_line(line) for line in lines], session.settings.env
        argv = pager_of(env) if not _fits(shown) else None
        if argv is not None and _show(argv, shown, env):
            return
    data(*lines)


def pager_of(env: Mapping[str, str]) -> list[str] | None:
    """The pager's command line; None for no pager. The program is an absolute path.

    Folders of PATH that are not absolute do not count, and neither does a relative path: they name programs in the
    workspace.
    """
    command = next((env[name] for name in _VARIABLES if name in env), "less")
    try:
        words = shlex.split(command)
    except ValueError:  # a quotation mark without its end
        return None
    if not words or words == ["cat"] or env.get("TERM", "dumb") == "dumb":
        return None
    program = words[0] if os.path.isabs(words[0]) else None
    if program is None and os.sep not in words[0]:
        program = program_on_path(env, words[0])
    return [program, *words[1:]] if program is not None else None


def _fits(lines: Sequence[str]) -> bool:
    """Whether the lines fit on the terminal together with the prompt that follows."""
    import shutil  # imported late: only terminals need it

    size = shutil.get_terminal_size()
    return sum(max(1, -(-len(line) // max(1, size.columns))) for line in lines) < size.lines


def _show(argv: Sequence[str], lines: Sequence[str], env: Mapping[str, str]) -> bool:
    from release.programs.processes import show_on_terminal  # imported late: few commands start a pager

    text = "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
    return show_on_terminal(argv, text, env={**_DEFAULTS, **env})
