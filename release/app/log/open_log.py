"""Opens the version logs that the configuration, or an option, names."""

from __future__ import annotations

import atexit
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from release import __version__
from release.config.model import LogSection
from release.config.variables import expand_url
from release.control import Cancel
from release.errors import ConfigError
from release.filesystem.workspace_paths import is_within
from release.log import LogStore
from release.log.catalog.catalog import Catalog
from release.log.catalog.open import open_catalog
from release.log.writer import Writer
from release.ports import Clock, Process
from release.ref_names import remote_kind
from release.secrets.known import Secrets, passwords_of


class LogContext(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments with which log stores are opened. `root`: the repository's top folder. `warn`: prints a warning.

    `guard`: raises if somebody else may have made the folder `.shipmark`. `cache`: gives the cache folder's path.
    `indexes`: that of the folder for indexes of logs in it, which is made if it is missing.
    """

    root: str
    env: Mapping[str, str]
    process: Process
    clock: Clock
    cancel: Cancel
    warn: Callable[[str], None]
    guard: Callable[[], None]
    cache: Callable[[], str]
    indexes: Callable[[], str]
    secrets: Secrets = msgspec.field(default_factory=Secrets)


def open_log(sections: Sequence[LogSection], ground: LogContext, *, budget: float = 120.0) -> Writer:
    """A writer over the configured stores.

    `budget`: seconds in which one append may retry after losing to others. Two minutes let the jobs of a matrix, which
    append at about the same time, take turns; more would delay the error if a writer never gets a turn.
    """
    store = open_stores(sections, ground)
    return Writer(
        store,
        catalog=partial(_catalog, store, ground),
        clock=ground.clock,
        cancel=ground.cancel,
        budget=budget,
        mask=ground.secrets.mask,
    )


def _catalog(store: LogStore, ground: LogContext, may_fill: bool) -> Catalog:
    catalog = open_catalog(store, ground.indexes, program=__version__, may_fill=may_fill)
    if catalog.index is not None:
        atexit.register(catalog.index.close)  # closing lets SQLite merge its write-ahead log into the index
    return catalog


def unasked_log(reason: str, ground: LogContext, hint: str) -> Writer:
    """An empty version log that refuses entries, for runs that are not trusted.

    `reason`: why this run is not; `hint`: what helps.
    """
    from release.log.unasked import UnaskedStore

    return Writer(UnaskedStore(reason, hint), clock=ground.clock, cancel=ground.cancel)


def open_stores(sections: Sequence[LogSection], ground: LogContext) -> LogStore:
    """Open the configured stores as one: the first is read and written, the others mirror it.

    No entry is read yet. Raises as `open_store`.
    """
    if unused := unused_url(sections, ground.env):
        ground.warn(unused)
    truth, *others = [open_store(section, ground) for section in sections]
    if not others:
        return truth
    from release.log.replicate import Mirrored

    return Mirrored(truth, others, warn=ground.warn)


def open_store(section: LogSection, ground: LogContext) -> LogStore:
    """Open one store. Raises `RefusedError` if somebody else may have made the folder `.shipmark`, and `ConfigError`.

    The folder is checked for every store, since facts that a log cannot take are written to a file in the folder.
    """
    ground.guard()
    if section.store == "git":
        return _git(section, ground)
    if section.store == "sql":
        return _sql(section, ground)
    from release.log.stores.file.store import FileStore
    from release.log.stores.syscalls import OsFiles

    return FileStore(
        os.path.normpath(os.path.join(ground.root, section.path)),
        cancel=ground.cancel,
        monotonic=ground.clock.monotonic,
        name=section.path,
        allow_network=section.allow_network_fs,
        files=OsFiles(ground.root),
        warn=ground.warn,
    )


def section_of(text: str, env: Mapping[str, str]) -> LogSection:
    """The configuration of a store that an option names: `file:PATH`, `git:REMOTE` or `sql:URL`.

    In the URL of `sql:`, `${NAME}` is replaced by the value of that variable, such as a password. Raises `ConfigError`.
    """
    kind, _, rest = text.partition(":")
    if kind == "file" and rest:
        return LogSection(store="file", path=rest)
    if kind == "git":
        remote_kind(f"git:{rest}", rest or "origin")
        return LogSection(store="git", remote=rest or "origin")
    if kind == "sql" and rest:
        return LogSection(store="sql", url=expand_url(rest, env, key="sql:"))
    raise ConfigError(f"`{text}` is not a log store", hint="write `file:PATH`, `git:REMOTE` or `sql:URL`")


def unused_url(sections: Sequence[LogSection], env: Mapping[str, str]) -> str:
    """A warning if SHIPMARK_LOG_URL names another database than those of the config; else `""`.

    The variable fills in what the config leaves out, and replaces nothing: a runner with a stale variable would write
    its releases into a log that no other run reads. URLs are not printed, since they may hold passwords.
    """
    given = env.get("SHIPMARK_LOG_URL", "").strip()
    urls = [(section.url or "").strip() for section in sections if section.store == "sql"]
    if not given or not urls or "" in urls or given in urls:
        return ""
    return "`SHIPMARK_LOG_URL` is not used: `log.url` in the config names another database, and counts"


def sql_url(section: LogSection, env: Mapping[str, str]) -> str:
    """The URL of a SQL log: from the config, else from SHIPMARK_LOG_URL. Raises `ConfigError`."""
    # A secret that comes from a file may end with a line break.
    url = (section.url or env.get("SHIPMARK_LOG_URL", "")).strip()
    if not url:
        raise ConfigError(
            "`log.store: sql` needs a database", hint="write `url: ${SHIPMARK_LOG_URL}` and set that variable"
        )
    return url


def _sql(section: LogSection, ground: LogContext) -> LogStore:
    try:
        from release.log.stores.sql.store import SqlStore
    except ImportError as error:
        raise ConfigError(
            f"the SQL log needs packages that are not installed: {error.name}",
            hint="install them with `pip install 'shipmark[sql]'`",
        ) from error
    url = sql_url(section, ground.env)
    ground.secrets.add(*passwords_of(url))
    store = SqlStore(url, cancel=ground.cancel, workspace=ground.root)
    atexit.register(store.close)  # closing lets SQLite merge its write-ahead log into the database file
    return store


def _private_name(url: str, ref: str) -> str:
    """The name of the folder of a git log's private repository.

    Each log (URL and ref) has a repository of its own, since the repository stores the log's last verified tip.
    """
    from release.git.snapshot import without_credentials

    name = hashlib.sha256(f"{without_credentials(url)}\0{ref}".encode("utf-8", "surrogateescape"))
    return f"log-{name.hexdigest()[:16]}.git"


def _git(section: LogSection, ground: LogContext) -> LogStore:
    from release.git.credentials import credentials_of, credentials_of_token, secrets_of_settings
    from release.log.stores.git.remote import GitRemote
    from release.log.stores.git.store import GitStore

    url, push_url = _remote_urls(section.remote, ground)
    ground.secrets.add(*passwords_of(url), *passwords_of(push_url))
    token = ground.env.get("SHIPMARK_LOG_TOKEN")
    credentials = (
        credentials_of_token(url, token) if token else credentials_of(ground.process, ground.root, ground.env)
    )
    ground.secrets.add(*secrets_of_settings(credentials))
    name = f"{section.ref} at {section.remote}"
    remote = GitRemote(
        process=ground.process,
        env=ground.env,
        cache=os.path.join(ground.cache(), _private_name(url, section.ref)),
        url=url,
        # The token is for the host of `url`.
        push_url="" if token or push_url == url else push_url,
        name=name,
        cancel=ground.cancel,
        monotonic=ground.clock.monotonic,
        credentials=credentials,
    )
    # A CI job has little use for the older commits, and its machine is often gone afterwards.
    return GitStore(remote, name=name, ref=section.ref, stays_partial=bool(ground.env.get("CI")))


def _from_root(url: str, root: str) -> str:
    """`url`, with a relative path taken from the clone's top folder: git would take it from the private repository."""
    is_path = "://" not in url and ":" not in url.partition("/")[0]
    return os.path.normpath(os.path.join(root, url)) if is_path and not url.startswith("~") else url


def _remote_urls(remote: str, ground: LogContext) -> tuple[str, str]:
    """The URLs or paths from which a git log is fetched and to which it is pushed: git knows both for a remote's name.

    Raises `ConfigError` for a name that is not a remote of the clone, and for a path in the workspace.
    """
    from release.git.command import Git

    kind = remote_kind("log.remote", remote)
    if kind == "name":
        git = Git(ground.process, ground.root, ground.env)
        found = [git.run("remote", "get-url", *option, "--", remote) for option in ((), ("--push",))]
        if any(done.code != 0 for done in found):
            raise ConfigError(
                f"this clone has no remote `{remote}`, which the version log needs",
                hint="`git remote -v` lists the remotes; `log: {store: git, remote: …}` chooses one",
            )
        fetched, pushed = (done.stdout.decode("utf-8", "surrogateescape").strip() for done in found)
        return _from_root(fetched, ground.root), _from_root(pushed, ground.root)
    path = remote.removeprefix("file://") if remote.startswith("file://") else remote
    if is_within(os.path.realpath(path), os.path.realpath(ground.root)) and (
        kind == "path" or path != remote
    ):
        raise ConfigError(
            f"`log.remote`: `{remote}` lies in the workspace, whose hooks a push would run",
            hint="name a repository elsewhere, or a remote of this clone",
        )
    return remote, remote
