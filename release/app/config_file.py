"""Reads the configuration of a session, and tells a file that this clone lacks from one that does not exist.

Otherwise a config file that a sparse checkout left out would count as none, and defaults would decide the release.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from release.app.input_files import read_config
from release.app.valid_targets import require_valid_targets
from release.config.component import Component
from release.config.load import Config, load
from release.errors import ConfigError, IncompleteTree
from release.events import Note
from release.secrets.known import passwords_of

if TYPE_CHECKING:
    from release.app.session import Session

CONFIG_NAME = "shipmark.yml"


def configuration_of(session: Session) -> Config:
    """The configuration of a session: of the file that `--config` names, else of `shipmark.yml`, with the options.

    Raises `ConfigError`, and `IncompleteTree` if a sparse checkout left the file out.
    """
    given = session.settings.config
    path = os.path.join(session.directory, given) if given else os.path.join(session.root, CONFIG_NAME)
    text = read_config(path)
    if text is None:
        require_none(session, path)
    if text is None and given:
        raise ConfigError(
            f"`{given}` does not exist", hint="check the path behind `--config`, or in SHIPMARK_CONFIG"
        )
    name = os.path.relpath(path, session.directory) if text is not None else None
    own = session.settings
    config = load(text, name, own.env, images=own.images, public=session.public, overlay=own.overlay)
    session.secrets.add_public(
        config.project or "", *(target.image for one in config.components for target in one.targets)
    )
    session.secrets.add(*(secret for log in config.log for secret in passwords_of(log.url or "")))
    _say_ignored(session, config)
    if config.caution is not None:
        session.sink.emit(Note(level="warning", text=config.caution))
    for component in config.components:
        require_valid_targets(component)
    return config


def components_named(components: Sequence[Component], names: Sequence[str]) -> tuple[Component, ...]:
    """The components called `names`, in the config's order; all for no names. Raises `ConfigError` for another name."""
    known = [one.name for one in components]
    for name in names:
        if name not in known:
            raise ConfigError(f"no component is called `{name}`", hint=f"there are: {', '.join(known)}")
    return tuple(one for one in components if not names or one.name in names)


def _say_ignored(session: Session, config: Config) -> None:
    if config.ignored:
        keys = ", ".join(f"`{key}`" for key in config.ignored)
        where = f"`{config.source}`" if config.source is not None else "the inputs"
        text = f"not asked (untrusted): {keys} of {where}, because {session.trust.reason}"
        session.sink.emit(Note(level="info", text=text))


def require_none(session: Session, path: str) -> None:
    """Raise if the commit has the config file `path`, which cannot be opened, or if a symlink stands there.

    Warns of a neighbour with the ending `.yaml`, which is not read. Raises `IncompleteTree`, `ConfigError`.
    """
    for one in dict.fromkeys((path, os.path.realpath(path))):
        if _is_left_out(session, one):
            shown = os.path.relpath(one, session.root)
            raise IncompleteTree(
                f"`{shown}` is not in this sparse checkout, and the release is decided by it",
                hint=_remedy(session),
            )
    if os.path.islink(path):
        raise ConfigError(
            f"`{path}` is a symlink to `{os.readlink(path)}`, which does not exist",
            hint="repair the symlink, or remove it",
        )
    other = f"{os.path.splitext(path)[0]}.yaml"
    if other != path and os.path.lexists(other):
        session.sink.emit(
            Note(
                level="warning",
                text=f"`{os.path.basename(other)}` is not read: the config file is called `{os.path.basename(path)}`",
                hint=f"rename it, or give `--config {os.path.basename(other)}`",
            )
        )


def _is_left_out(session: Session, path: str) -> bool:
    """Whether a sparse checkout left out the file, which git tracks."""
    from release.filesystem.workspace_paths import is_within
    from release.git.repository import discover

    found = discover(session.root, session.settings.env)
    # Only a sparse checkout has this file, so that no other clone without a config file costs a git process.
    if found is None or not os.path.lexists(os.path.join(found.git_dir, "info", "sparse-checkout")):
        return False
    if os.path.lexists(path) or not is_within(path, found.root):
        return False
    from release.git.command import Git
    from release.git.work_tree import SKIPPED

    git = Git(session.process, found.root, session.settings.env)
    name = os.path.relpath(path, found.root)
    return git.read("ls-files", "-z", "-v", "--", f":(literal){name}").startswith(SKIPPED)


def _remedy(session: Session) -> str:
    from ci.remedies import files_remedies

    return files_remedies(session.ci.system)["sparse"]
