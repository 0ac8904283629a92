"""Finds a registry's credential: in variables, in Docker's and Podman's files, through credential helpers, at AWS.

Files are read and helpers started through the constructor's arguments. No message and no `repr` contains a secret.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from release.errors import ConfigError, Denied
from release.ports import Process
from release.registry.auth.credential import ANONYMOUS, Credential, Tried
from release.registry.auth.credential_helper import Helpers
from release.registry.auth.docker_config import (
    VARIABLE,
    AuthFile,
    Entry,
    config_paths,
    keys_for,
    names_host,
    old_config_path,
    parse_auth_file,
    server_of,
)
from release.registry.auth.ecr import PUBLIC, authorization, has_boto3, is_amazon, permission
from release.registry.credential_variables import Variables, prefix_of

# User names that registries require together with a token. Other registries accept any user name.
_TOKEN_USERS = (
    ("gcr.io", "oauth2accesstoken"),
    ("pkg.dev", "oauth2accesstoken"),
    ("azurecr.io", "00000000-0000-0000-0000-000000000000"),
    ("amazonaws.com", "AWS"),
    ("amazonaws.com.cn", "AWS"),
    ("on.aws", "AWS"),
    ("public.ecr.aws", "AWS"),
)


class Credentials:
    """Finds the credential for a repository; each helper is started at most once for a server. Thread-safe.

    `read`: returns a file's bytes, or None for a missing file. `hosts`: every registry of this run; decides which host
    may use a variable in its old spelling. `notice`: prints a warning. `uid`: the user, see `config_paths`.
    """

    def __init__(
        self,
        *,
        env: Mapping[str, str],
        read: Callable[[str], bytes | None],
        process: Process,
        hosts: Callable[[], Iterable[str]] = tuple,
        notice: Callable[[str], object] = len,  # says nothing
        uid: int | None = None,
    ) -> None:
        self._variables = Variables(env, hosts=hosts, notice=notice)
        self._env = env
        self._read = read
        self._helpers = Helpers(process, self.variable)
        self._notice = notice
        self._uid = uid
        # Held while files are read and helpers run: threads that need a credential at once start a helper only once.
        self._lock = threading.Lock()
        self._files: tuple[AuthFile, ...] | None = None
        self._unread: dict[str, str] = {}  # path -> why nothing of the file is used
        self._clouds: dict[str, Credential | None] = {}

    def find(self, registry: str, repository: str) -> Credential:
        """The credential, `ANONYMOUS` when there is none.

        Raises `ConfigError` for a variable that several hosts could claim and for a helper's name that no program can
        have, `Denied` if a helper is missing or fails, or AWS refuses a token for a private registry. A file that
        cannot be used is named in a warning, as by docker.
        """
        return self._search(registry, repository, [])

    def tried(self, registry: str, repository: str) -> tuple[Tried, ...]:
        """The places in which `find` looks, in its order, up to the one that has the credential."""
        trail: list[Tried] = []
        self._search(registry, repository, trail)
        return tuple(trail)

    def _search(self, registry: str, repository: str, trail: list[Tried]) -> Credential:
        """Find the credential; each place is added to `trail`."""
        stated = self._from_variables(registry)
        own = f"`{prefix_of(registry)}_TOKEN`, `…_PASSWORD`"
        trail.append(Tried(place=f"variables {own}", found="not set" if stated is None else stated.source))
        if stated is not None:
            return stated
        with self._lock:
            files = self._auth_files()
            for path, _ in self._places():
                file = next((one for one in files if one.path == path), None)
                found = None if file is None else self._from_file(file, registry, repository)
                if file is None:
                    said = self._unread.get(path, "no such file")
                else:
                    said = "nothing for this registry" if found is None else _said_of(found)
                trail.append(Tried(place=f"`{path}`", found=said))
                if found is not None:
                    return found
            if not is_amazon(registry):
                return ANONYMOUS
            cloud = self._from_cloud(registry)
            trail.append(
                Tried(place="AWS", found=self._unread.get("AWS", "a token") if cloud is None else "a token")
            )
            return cloud or ANONYMOUS

    def variable(self, registry: str) -> str:
        """The name of the variable that would hold the token for this registry."""
        return f"{prefix_of(registry)}_TOKEN"

    def advice(self, registry: str) -> str:
        """A hint how to log in to the registry."""
        if is_amazon(registry) and not has_boto3():
            return (
                "install `shipmark[ecr]`, which asks AWS for a token with the role of the job; or run "
                f"`aws ecr get-login-password | docker login --username AWS --password-stdin {registry}`"
            )
        return f"log in with `docker login {registry}`, or set `{self.variable(registry)}`"

    def _from_variables(self, registry: str) -> Credential | None:
        found = self._variables.find(registry)
        if found is None:
            return None
        user = found.username or _token_user(registry)
        source = f"variable `{found.name}`"
        return Credential(kind="basic", username=user, secret=found.secret, source=source)

    def _from_cloud(self, registry: str) -> Credential | None:
        if registry not in self._clouds:
            pair, why = self._asked(registry)
            if pair is None:
                self._unread["AWS"] = why
            self._clouds[registry] = pair and Credential(
                kind="basic", username=pair[0], secret=pair[1], source=f"AWS ({permission(registry)})"
            )
        return self._clouds[registry]

    def _asked(self, registry: str) -> tuple[tuple[str, str] | None, str]:
        """User and password from AWS; None with the reason."""
        try:
            pair = authorization(registry)
        except Denied as error:
            if registry != PUBLIC:
                raise
            # Everybody may read the public registry, so a role without the permission to get a token does not stop the
            # run.
            self._notice(f"{error.message}; `{registry}` is asked without a credential")
            return None, error.message
        return pair, "no credential of AWS here" if has_boto3() else "`shipmark[ecr]` is not installed"

    def _places(self) -> tuple[tuple[str, bool], ...]:
        """The paths of credential files, and whether each is an old `.dockercfg`; first `VARIABLE` if it is set."""
        old = old_config_path(self._env)
        return (
            *(((VARIABLE, False),) if self._env.get(VARIABLE) else ()),
            *((path, False) for path in config_paths(self._env, self._uid)),
            *(((old, True),) if old is not None else ()),
        )

    def _auth_files(self) -> tuple[AuthFile, ...]:
        if self._files is None:
            found = (self._parsed(path, old=old) for path, old in self._places())
            self._files = tuple(file for file in found if file is not None)
        return self._files

    def _parsed(self, path: str, *, old: bool) -> AuthFile | None:
        """The file; None if it does not exist, or, after a warning, if it cannot be used."""
        try:
            raw = self._env[VARIABLE].encode(errors="replace") if path == VARIABLE else self._read(path)
            if raw is None:
                return None
            file = parse_auth_file(raw, path, old=old)
            if path == VARIABLE:
                file = AuthFile(path=path, entries=file.entries, faults=file.faults)
        except ConfigError as error:
            self._unread[path] = error.message
            self._notice(f"{error.message}: no credential is taken from it")
            return None
        for fault in file.faults:
            self._notice(f"{fault}: it is left out")
        return file

    def _from_file(self, file: AuthFile, registry: str, repository: str) -> Credential | None:
        exact = keys_for(registry, repository)
        # An empty name stands for no helper, also where `credsStore` names one for other registries, as for docker.
        key = next(_matching(exact, file.helpers, registry), None)
        if key is not None and file.helpers[key]:
            return self._helpers.ask(file.helpers[key], registry, key, file.path)
        if key is None and file.store is not None:
            stored = self._helpers.ask(file.store, registry, server_of(registry), file.path)
            if stored is not None:
                return stored
        for key in _matching(exact, file.entries, registry):
            if (found := _from_entry(file.entries[key], file.path, key)) is not None:
                return found
        return None


def _from_entry(entry: Entry, path: str, key: str) -> Credential | None:
    source = f"`{path}`"
    if entry.registry_token:
        return Credential(kind="bearer", secret=entry.registry_token, source=source, key=key)
    if entry.identity_token:
        return Credential(kind="identity", secret=entry.identity_token, source=source, key=key)
    if entry.username or entry.password:
        return Credential(
            kind="basic", username=entry.username, secret=entry.password, source=source, key=key
        )
    return None


def _matching(exact: tuple[str, ...], table: Mapping[str, object], registry: str) -> Iterator[str]:
    """The keys of a file that belong to a repository: the exact ones, then older spellings of the whole registry."""
    yield from (key for key in exact if key in table)
    yield from (key for key in table if key not in exact and names_host(key, registry))


def _said_of(found: Credential) -> str:
    return f"key `{found.key}`" if found.key else f"from {found.source}"


def _token_user(registry: str) -> str:
    for ending, user in _TOKEN_USERS:
        if registry == ending or registry.endswith(f".{ending}"):
            return user
    return "token"
