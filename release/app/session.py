"""The session of one command: config, CI context, git, log and registries, each read once, at its first use."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from ci.context import CiContext
from ci.public_names import public_variables
from ci.remedies import remedy
from ci.systems import detect, event_path
from release.app.input_files import read_config, read_event
from release.app.machine import Machine
from release.app.settings import Settings
from release.config.load import Component, Config, load
from release.control import Cancel, Deadline
from release.errors import ConfigError, RefusedError
from release.events import Note, NullSink, Sink
from release.facts import Facts, reconcile
from release.git.model import RemoteRefs, Snapshot
from release.run_scope import RunScope, scope_of
from release.secrets.known import Secrets, passwords_of, secrets_in
from release.tagging.model import TagPolicy
from release.trust import Trust

if TYPE_CHECKING:
    from release.app.log.open_log import LogContext
    from release.app.ports import OpenRegistries, Ports
    from release.effects.local_store import ContentStore
    from release.effects.tag_reader import TagReader
    from release.filesystem.cache_folder import Cache
    from release.git.command import Git
    from release.git.completed import Completed
    from release.log.catalog.view import LogView
    from release.log.writer import Writer

CONFIG_NAME = "shipmark.yml"


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
        self._snapshots: dict[tuple[str, str, str, bool], Snapshot] = {}
        self._completed: dict[tuple[str, str, str], Completed] = {}
        self._histories: dict[bool, Git | None] = {}
        self._own_folder_seen = False

    def again(self) -> Session:
        """A copy of the session that reads the log anew, and so sees what other runs did meanwhile."""
        twin = Session.__new__(Session)
        fresh = {"log_state"}
        twin.__dict__.update({name: value for name, value in self.__dict__.items() if name not in fresh})
        return twin

    @cached_property
    def directory(self) -> str:
        """The absolute path of the working folder. Raises `ConfigError` if `-C` does not name a folder."""
        try:
            path = os.path.abspath(self.settings.directory)
        except FileNotFoundError as error:
            raise ConfigError(
                "the folder in which the command was started does not exist any more",
                hint="change to a folder that exists, or name one with `-C`",
            ) from error
        if not os.path.isdir(path):
            raise ConfigError(
                f"`{self.settings.directory}` is not a folder", hint="check the path behind `-C`"
            )
        return path

    @cached_property
    def root(self) -> str:
        """The top folder of the git repository around the working folder; without one, the working folder."""
        from release.git.repository import top_folder

        return top_folder(self.directory, self.settings.env) or self.directory

    @cached_property
    def config(self) -> Config:
        """The configuration: of the file that `--config` names, else of `shipmark.yml`, with the options applied.

        Raises `ConfigError`.
        """
        given = self.settings.config
        path = os.path.join(self.directory, given) if given else os.path.join(self.root, CONFIG_NAME)
        text = read_config(path)
        if text is None and given:
            raise ConfigError(f"`{given}` does not exist", hint="check the path behind `--config`")
        name = os.path.relpath(path, self.directory) if text is not None else None
        own = self.settings
        config = load(text, name, own.env, images=own.images, public=self.public, overlay=own.overlay)
        self.secrets.add_public(
            config.project or "", *(target.image for one in config.components for target in one.targets)
        )
        self.secrets.add(*(secret for log in config.log for secret in passwords_of(log.url or "")))
        self._say_ignored(config)
        for component in config.components:
            require_targets(component)
        return config

    @property
    def public(self) -> dict[str, str] | None:
        """The variables that the config may use. None in a trusted run, which may use any variable."""
        return None if self.trust.trusted else public_variables(self.ci.system, self.settings.env)

    def require_trusted(self, what: str) -> None:
        """Raise `RefusedError` if an outsider may have written the workspace. `what`: the command."""
        if not self.trust.trusted:
            raise RefusedError(
                f"`{what}` changes what others see, and this run is not trusted: {self.trust.reason}",
                hint="run the command for a push, a tag or by hand, on a branch of the repository itself",
            )

    def _say_ignored(self, config: Config) -> None:
        if config.ignored:
            keys = ", ".join(f"`{key}`" for key in config.ignored)
            where = f"`{config.source}`" if config.source is not None else "the inputs"
            text = f"not asked (untrusted): {keys} of {where}, because {self.trust.reason}"
            self.sink.emit(Note(level="info", text=text))

    @property
    def components(self) -> tuple[Component, ...]:
        """The components that the command is about: those that `--component` names, or all."""
        return self.components_named(None)

    def components_named(self, name: str | None) -> tuple[Component, ...]:
        """The component called `name`; for None the same as `components`. Raises `ConfigError` for an unknown name."""
        one = name or self.settings.component
        wanted = (one,) if one is not None else self.settings.components
        for unknown in [
            named for named in wanted if all(named != one.name for one in self.config.components)
        ]:
            names = ", ".join(one.name for one in self.config.components)
            raise ConfigError(f"no component is called `{unknown}`", hint=f"there are: {names}")
        return tuple(one for one in self.config.components if not wanted or one.name in wanted)

    @cached_property
    def ci(self) -> CiContext:
        """The facts about this run in the CI system's variables and event file."""
        path = event_path(self.settings.env, system=self.settings.ci)
        return detect(self.settings.env, read_event(path), system=self.settings.ci)

    @cached_property
    def trust(self) -> Trust:
        """The verdict whether only people with write access can have written what this run builds."""
        return self.scope.trust

    @cached_property
    def scope(self) -> RunScope:
        """What the run may do, according to the CI system; `facts` narrows it by what git says."""
        return scope_of(self.ci)

    def snapshot(self, policy: TagPolicy) -> Snapshot:
        """The state of the repository, with versions read by the policy; a trusted run with `--deepen` fetches first.

        Raises from the `GitError` branch.
        """
        key = (policy.prefix, policy.base, policy.versions, policy.counted)
        if key not in self._snapshots:
            taken = self.ports.snapshot(self, policy)
            if self.settings.deepen and not self._snapshots and self.may_ask_remote("--deepen"):
                from release.git.write import deepen

                remote = taken.remote or "origin"
                deepen(taken.root, self.settings.env, shallow=taken.shallow, remote=remote)
                taken = self.ports.snapshot(self, policy)
            self._snapshots[key] = taken
        return self._snapshots[key]

    def facts(self, policy: TagPolicy, *, online: bool = False) -> Facts:
        """The facts of the run, from git, the CI system and the clock.

        `online`: also from the remote: the git tags and the history that the clone lacks, and the remote's branches.
        """
        now = self.clock.now()
        if not online:
            facts = reconcile(self.snapshot(policy), self.ci, now)
            named = self._default_branch_for(facts, policy)
            return facts if named is None else reconcile(facts.snapshot, self.ci, now, default_branch=named)
        from release.app.clone_history import warnings_of

        whole, remote = self._complete(policy), self.remote
        facts = reconcile(whole.snapshot, self.ci, now, remote_branches=remote.heads, remote=remote)
        if (named := self._default_branch_for(facts, policy)) is not None:
            facts = reconcile(
                whole.snapshot,
                self.ci,
                now,
                remote_branches=remote.heads,
                remote=remote,
                default_branch=named,
            )
        told = warnings_of(self, whole, self.snapshot(policy))
        return msgspec.structs.replace(facts, warnings=(*facts.warnings, *told))

    def _default_branch_for(self, facts: Facts, policy: TagPolicy) -> str | None:
        """The default branch according to the clone, if a tag depends on it and the CI system names none."""
        # `origin/HEAD` costs one git process, and only some tags depend on the default branch.
        reads_head = policy.follows_default_branch and self.ci.default_branch is None
        return self.default_branch if reads_head and facts.branch is not None else None

    @cached_property
    def default_branch(self) -> str | None:
        """The default branch that the clone's `origin/HEAD` names; None if the clone does not have that ref."""
        from release.app.default_branch import clone_default_branch

        return clone_default_branch(self.process, self.root, self.settings.env)

    @cached_property
    def remote(self) -> RemoteRefs:
        """The branches and git tags of the clone's remote, asked once; not asked in a run that is not trusted."""
        from release.app.clone_history import ask_remote

        return ask_remote(self)

    def completed(self, policy: TagPolicy) -> Snapshot:
        """`snapshot` with what the remote has and the clone lacks: tags, and the history that HEAD's version needs."""
        return self._complete(policy).snapshot

    def _complete(self, policy: TagPolicy) -> Completed:
        key = (policy.prefix, policy.base, policy.versions)
        if key not in self._completed:
            from release.app.clone_history import complete

            self._completed[key] = complete(self, policy)
        return self._completed[key]

    def whole_history(self, *, trees: bool = False) -> Git | None:
        """Reads git with HEAD's whole history; None, after a warning, if the clone lacks some and it cannot be fetched.

        `trees`: also with trees, which commands that compare files need.
        """
        if trees not in self._histories:
            from release.app.clone_history import whole_history

            self._histories[trees] = whole_history(self, trees=trees)
        return self._histories[trees]

    def any_snapshot(self) -> Snapshot:
        """What git says of the working folder, for questions that do not depend on how versions are read."""
        taken = next(iter(self._snapshots.values()), None)
        return taken if taken is not None else self.snapshot(policy_of(self.components[0]))

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
            self.sink.emit(Note(level="info", text=text))
            return unasked_log(self.trust.reason, self.ground)
        return self.ports.open_log(self.config.log, self.ground)

    @cached_property
    def log_state(self) -> LogView:
        """The state of the version log, for questions."""
        return self.log.view()

    @cached_property
    def image_store(self) -> str:
        """The folder for images that need a conversion, such as those of a Docker daemon."""
        from release.app.image_store import image_store

        return image_store(self)

    @cached_property
    def store(self) -> ContentStore:
        """The content store, which builders write to."""
        return self.ports.content_store(self)

    @cached_property
    def tags(self) -> TagReader:
        """A reader of tags, which keeps the labels of each digest."""
        from release.effects.tag_reader import TagReader

        return TagReader(self.clock.monotonic)

    @cached_property
    def registries(self) -> OpenRegistries:
        """The registries and layouts that targets name."""
        return self.ports.registries(self)

    def deadline(self, seconds: float | None = None) -> Deadline:
        """A deadline in `seconds` from now; for None one that never comes."""
        return Deadline(seconds, now=self.clock.monotonic)


def require_targets(component: Component) -> None:
    """Raise `ConfigError` for a target that is not a repository or layout folder, or that is listed twice."""
    if not component.targets:
        return
    from release.oci.reference import parse_repository  # imported late: `tags` and `version` need no target

    seen: set[str] = set()
    for target in component.targets:
        name = target.image
        if not name.startswith("oci:"):
            parse_repository(name)
        elif name in {"oci:", "oci:."}:
            raise ConfigError(
                f"`{name}`: an OCI layout needs a folder of its own",
                hint="write `oci:PATH`, for example `oci:dist/image`",
            )
        if name in seen:
            raise ConfigError(f"target `{name}` is listed twice", hint="list each target once")
        seen.add(name)


def policy_of(component: Component) -> TagPolicy:
    """The tag policy of the component, such as version scheme, prefix, and the rules for `latest` and channels."""
    section = component.section
    return TagPolicy(
        prefix=section.prefix,
        versions=section.versions,
        latest=section.latest,
        pull_requests=section.pull_requests,
        base=section.base,
        channels=section.channels,
        as_action=section.events == "as-action",
        ignore_tags=section.ignore_tags,
        release_on=section.release_on,
        other_prefixes=component.other_prefixes,
        follows_default_branch=section.latest == "default-branch" or section.tags != "default",
    )
