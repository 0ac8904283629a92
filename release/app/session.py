"""The session of one command: config, CI context, git, log and registries, each read once, at its first use."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from ci.context import CiContext
from ci.public_names import public_variables
from ci.remedies import remedy
from ci.systems import detect, event_path
from ci.systems.other import FILES, REMEDY
from release.app.config_file import components_named, configuration_of
from release.app.input_files import read_event, working_folder
from release.app.machine import Machine
from release.app.settings import Settings
from release.config.component import Component
from release.config.load import Config
from release.control import Cancel, Deadline
from release.errors import RefusedError
from release.events import Note, NullSink, Sink
from release.run_scope import RunScope, scope_of
from release.secrets.known import Secrets, secrets_in
from release.trust import Trust

if TYPE_CHECKING:
    from release.app.git_state import GitState
    from release.app.log.open_log import LogContext
    from release.app.ports import OpenRegistries, Ports
    from release.effects.local_store import ContentStore
    from release.effects.tag_reader import TagReader
    from release.filesystem.cache_folder import Cache
    from release.log.catalog.view import LogView
    from release.log.writer import Writer
    from release.oci import Repository

_TRUSTED_RUN = "run the command for a push, a tag or by hand, on a branch of the repository itself"


class Session:
    """Config, CI context, git, log and registries of one command. `ports`: replaces `Machine`, for tests."""

    def __init__(self, settings: Settings, *, sink: Sink | None = None, ports: Ports | None = None) -> None:
        self.settings = settings
        self.ports: Ports = ports or Machine()
        self.cancel = Cancel()
        self.clock = self.ports.clock
        self.entropy = self.ports.entropy
        self.process = self.ports.process(self.cancel)
        self.secrets = Secrets()
        self.secrets.add(*secrets_in(settings.env))
        self.secrets.add_public(*settings.images)
        self.sink: Sink = sink or NullSink()
        self.connected: set[str] = set()  # targets that were connected to, by their images
        self._own_folder_seen = False

    def again(self) -> Session:
        """A copy of the session that reads the log anew, and so sees what other runs did meanwhile."""
        twin = Session.__new__(Session)
        fresh = {"log_state"}
        twin.__dict__.update({name: value for name, value in self.__dict__.items() if name not in fresh})
        return twin

    def at_root(self) -> Session:
        """A copy for which relative paths start at the repository's top folder, as they do in the configuration."""
        twin = Session.__new__(Session)
        twin.__dict__.update({**self.__dict__, "directory": self.root})
        return twin

    @cached_property
    def directory(self) -> str:
        """The absolute path of the working folder. Raises `ConfigError` if `-C` does not name a folder.

        Raises `RefusedError` if `-C` leads through a symlink out of a repository.
        """
        return working_folder(self.settings)

    @cached_property
    def root(self) -> str:
        """The top folder of the git repository around the working folder; without one, the working folder."""
        from release.git.repository import top_folder

        return top_folder(self.directory, self.settings.env) or self.directory

    @cached_property
    def config(self) -> Config:
        """The configuration: of the file that `--config` names, else of `shipmark.yml`, with the options applied.

        Raises `ConfigError`, and `IncompleteTree` if a sparse checkout left the file out.
        """
        return configuration_of(self)

    @property
    def public(self) -> dict[str, str] | None:
        """The variables that the config may use. None in a trusted run, which may use any variable."""
        return None if self.trust.trusted else public_variables(self.ci.system, self.settings.env)

    def require_trusted(self, what: str) -> None:
        """Raise `RefusedError` if an outsider may have written the workspace. `what`: the command."""
        if not self.trust.trusted:
            raise RefusedError(
                f"`{what}` changes what others see, and this run is not trusted: {self.trust.reason}",
                hint=self.remedy_of_trust or _TRUSTED_RUN,
            )

    @property
    def remedy_of_trust(self) -> str | None:
        """What the job has to set to be trusted, if its CI system is one that shipmark does not read."""
        return REMEDY if self.ci.system == "other" else None

    @property
    def components(self) -> tuple[Component, ...]:
        """The components that the command is about: those that `--component` names, or all."""
        return self.components_named(None)

    def components_named(self, name: str | None) -> tuple[Component, ...]:
        """The component called `name`; for None the same as `components`. Raises `ConfigError` for an unknown name."""
        one = name or self.settings.component
        wanted = (one,) if one is not None else self.settings.components
        return components_named(self.config.components, wanted)

    @cached_property
    def ci(self) -> CiContext:
        """The facts about this run in the CI system's variables, its files in the clone, and its event file."""
        path = event_path(self.settings.env, system=self.settings.ci)
        left = {name: "there" for name in FILES if os.path.lexists(os.path.join(self.root, name))}
        return detect({**self.settings.env, **left}, read_event(path), system=self.settings.ci)

    @cached_property
    def trust(self) -> Trust:
        """The verdict whether only people with write access can have written what this run builds."""
        return self.scope.trust

    @cached_property
    def scope(self) -> RunScope:
        """What the run may do, according to the CI system; `facts` narrows it by what git says."""
        return scope_of(self.ci)

    @cached_property
    def git(self) -> GitState:
        """What git says of the clone, and of its remote."""
        from release.app.git_state import GitState

        return GitState(self)

    def require_own_folder(self) -> None:
        """Raise `RefusedError` if somebody else may have made the folder `.shipmark`, for example a pull request.

        Checked once, before shipmark creates the folder itself.
        """
        if self._own_folder_seen:
            return
        if os.path.lexists(os.path.join(self.root, ".shipmark")):
            from release.git.own_folder import require_own_folder

            require_own_folder(self.process, self.root, self.settings.env)
        self._own_folder_seen = True

    @cached_property
    def cache(self) -> Cache:
        """The cache folder of this repository, for state between runs; made and leased at its first use."""
        from release.app.cache import open_cache_of

        return open_cache_of(self)

    def indexes(self) -> str:
        """The path of the folder for indexes of log files; the folder is made if it is missing."""
        folder = os.path.join(self.cache.path, "indexes")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return folder

    def may_ask_remote(self, option: str = "") -> bool:
        """Whether git may contact the remote: only in a trusted run, since git uses the clone's credential.

        `option`: warns that this option has no effect in a run that is not trusted.
        """
        if not self.trust.trusted and option:
            text = f"`{option}` is left out: no git credential is used in a run that is not trusted"
            hint = remedy(self.ci.system, "shallow")
            self.sink.emit(Note(level="warning", text=text, hint=hint))
        return self.trust.trusted

    @property
    def ground(self) -> LogContext:
        """The arguments with which log stores are opened."""
        from release.app.log.open_log import LogContext

        return LogContext(
            root=self.root,
            env=self.settings.env,
            process=self.process,
            clock=self.clock,
            cancel=self.cancel,
            secrets=self.secrets,
            warn=self.warn,
            guard=self.require_own_folder,
            cache=lambda: self.cache.path,
            indexes=self.indexes,
        )

    def warn(self, text: str) -> None:
        """Emit a warning of one line."""
        self.sink.emit(Note(level="warning", text=text))

    @cached_property
    def log(self) -> Writer:
        """The version log's writer; in a run that is not trusted an empty log that takes no entries."""
        if not self.trust.trusted:
            from release.app.log.open_log import unasked_log

            text = f"the version log is not asked (untrusted), because {self.trust.reason}"
            self.sink.emit(Note(level="info", text=text, hint=self.remedy_of_trust))
            return unasked_log(self.trust.reason, self.ground, self.remedy_of_trust or _TRUSTED_RUN)
        return self.ports.open_log(self.config.log, self.ground)

    @cached_property
    def log_state(self) -> LogView:
        """The state of the version log, for questions."""
        return self.log.view()

    @cached_property
    def image_store(self) -> str:
        """The folder for images that need a conversion, such as those of a Docker daemon."""
        from release.app.cache import image_store

        return image_store(self)

    @cached_property
    def store(self) -> ContentStore:
        """The content store, which builders write to."""
        return self.ports.content_store(self)

    @cached_property
    def tags(self) -> TagReader:
        """A reader of tags, which keeps the labels of each digest."""
        from release.effects.tag_reader import TagReader

        return TagReader(self.clock.monotonic, self._places)

    def _places(self) -> list[Repository]:
        """The local store and every target: places that may have an image of this project."""
        targets = [target.image for component in self.components for target in component.targets]
        return [self.store.open(), *(self.registries.open(image) for image in dict.fromkeys(targets))]

    @cached_property
    def registries(self) -> OpenRegistries:
        """The registries and layouts that targets name."""
        return self.ports.registries(self)

    def deadline(self, seconds: float | None = None) -> Deadline:
        """A deadline in `seconds` from now; for None one that never comes."""
        return Deadline(seconds, now=self.clock.monotonic)
