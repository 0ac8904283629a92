"""Checks the options of `build:` that not every builder supports, and makes their paths absolute. Pure.

Texts of options such as `cache_from` are those that `docker buildx build` takes. Keys for credentials are refused,
because plans and lists of processes
would show their values.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence

import msgspec

from release.build.context.named import named_contexts
from release.build_spec import BuildSpec
from release.errors import BuildError
from release.lazy_pattern import pattern

_OF_IMAGES = frozenset(
    {"image-manifest", "oci-mediatypes", "compression", "compression-level", "force-compression"}
)
#: Type of a cache -> the keys of both directions.
_CACHES: Mapping[str, frozenset[str]] = {
    "registry": _OF_IMAGES | {"ref", "mode", "ignore-error"},
    "local": _OF_IMAGES | {"src", "dest", "digest", "tag", "mode", "ignore-error"},
    "gha": frozenset({"scope", "mode", "ignore-error", "timeout", "version"}),
}
_PATHS = frozenset({"src", "dest"})
_NAME = pattern(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,127}")


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret of the build, in a variable or in a file. `path`: absolute."""

    name: str
    variable: str | None = None
    path: str | None = None

    @property
    def option(self) -> str:
        """The text of `--secret`."""
        source = f"env={self.variable}" if self.variable is not None else f"src={self.path}"
        return csv([f"id={self.name}", source])


class Extras(msgspec.Struct, frozen=True, kw_only=True):
    """The checked options.

    `folders`: named contexts that are folders of the repository; `contexts`: all other named contexts. `skipped`:
    GitHub's caches in a run that cannot use them. `local_caches`: absolute paths of folders to which `cache_to` writes.
    """

    secrets: tuple[Secret, ...] = ()
    ssh: tuple[str, ...] = ()
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    folders: Mapping[str, str] = {}
    contexts: Mapping[str, str] = {}
    skipped: tuple[str, ...] = ()
    local_caches: tuple[str, ...] = ()


def extras_of(spec: BuildSpec, root: str, env: Mapping[str, str]) -> Extras:
    """The options as `read_options` reads them, for a build with the variables `env`. Raises `BuildError`."""
    extras = read_options(spec, root)
    _require_set(extras, env)
    # GitHub's cache exists in its runners only, and the same `shipmark.yml` is used on laptops.
    if env.get("ACTIONS_RUNTIME_TOKEN"):
        return extras
    sources, sinks = extras.cache_from, extras.cache_to
    return msgspec.structs.replace(
        extras,
        cache_from=tuple(text for text in sources if not _is_gha(text)),
        cache_to=tuple(text for text in sinks if not _is_gha(text)),
        skipped=tuple(text for text in (*sources, *sinks) if _is_gha(text)),
    )


def read_options(spec: BuildSpec, root: str) -> Extras:
    """Read the options, whatever the variables. `root`: of the repository, for relative paths. Raises `BuildError`."""
    destinations = [_fields(text, "cache_to").get("dest") for text in spec.cache_to]
    named = named_contexts(spec)
    return Extras(
        secrets=tuple(_secret(text, root) for text in spec.secrets),
        ssh=tuple(_ssh(text, root) for text in spec.ssh),
        cache_from=tuple(_cache(text, root, "cache_from") for text in spec.cache_from),
        cache_to=tuple(_cache(text, root, "cache_to") for text in spec.cache_to),
        local_caches=tuple(_absolute(path, root) for path in destinations if path is not None),
        folders=named.folders,
        contexts=named.addresses,
    )


def _require_set(extras: Extras, env: Mapping[str, str]) -> None:
    """Raise `BuildError` if a variable that the options need is not set."""
    for secret in extras.secrets:
        if secret.variable is not None and not env.get(secret.variable):
            raise BuildError(
                f"`build: {{secrets: …}}`: the variable `{secret.variable}` for the secret `{secret.name}` is not set",
                hint=f"set `{secret.variable}` in the environment of this step",
            )
    agent = next((name for name in extras.ssh if "=" not in name), None)
    if agent is not None and not env.get("SSH_AUTH_SOCK"):
        raise BuildError(
            f"`build: {{ssh: …}}`: no ssh agent is known for `{agent}`: SSH_AUTH_SOCK is not set",
            hint="start one with `eval $(ssh-agent)` and `ssh-add`, or name a socket: `ID=SOCKET`",
        )


def _is_gha(cache: str) -> bool:
    return cache.startswith("type=gha")


def csv(fields: Sequence[str]) -> str:
    """One line of comma-separated values: the programs read options in this format."""
    return ",".join(
        '"' + field.replace('"', '""') + '"' if re.search(r'[",\r\n]|^\s|\s$', field) else field
        for field in fields
    )


def _fields(text: str, option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for field in text.split(","):
        key, equals, value = field.strip().partition("=")
        if not equals or not value or '"' in field:
            raise _wrong(option, text, "write it as `KEY=VALUE,KEY=VALUE`")
        found[key.lower()] = value
    return found


def _secret(text: str, root: str) -> Secret:
    fields = _fields(text, "secrets")
    kind, name = fields.pop("type", None), fields.pop("id", "")
    variable = fields.pop("env", None)
    path = fields.pop("src", None) or fields.pop("source", None)
    is_clear = (variable is None) != (path is None) and kind in (None, "env" if variable else "file")
    if not _NAME.fullmatch(name) or fields or not is_clear:
        raise _wrong("secrets", text, "write `id=NAME,env=VARIABLE` or `id=NAME,src=FILE`")
    return Secret(name=name, variable=variable, path=None if path is None else _absolute(path, root))


def _ssh(text: str, root: str) -> str:
    name, equals, sources = text.partition("=")
    if not _NAME.fullmatch(name) or (equals and not sources):
        raise _wrong("ssh", text, "write `default`, or `ID=SOCKET`")
    if not equals:
        return name
    return f"{name}={','.join(_absolute(source, root) for source in sources.split(','))}"


def _cache(text: str, root: str, option: str) -> str:
    fields = _fields(text, option)
    kind = fields.pop("type", "")
    known = _CACHES.get(kind)
    if known is None:
        raise _wrong(option, text, f"begin it with `type=`: {', '.join(f'`{name}`' for name in _CACHES)}")
    unknown = sorted(fields.keys() - known)
    if unknown:
        raise _wrong(
            option, text, f"`type={kind}` has no `{unknown[0]}` here; credentials come from the environment"
        )
    needed = {"registry": "ref", "local": "src" if option == "cache_from" else "dest"}.get(kind)
    if needed is not None and needed not in fields:
        raise _wrong(option, text, f"add `{needed}=…`")
    paths = {key: _absolute(value, root) for key, value in fields.items() if key in _PATHS}
    return csv([f"type={kind}", *(f"{key}={value}" for key, value in {**fields, **paths}.items())])


def _absolute(path: str, root: str) -> str:
    return posixpath.normpath(posixpath.join(root, path))


def _wrong(option: str, text: str, hint: str) -> BuildError:
    return BuildError(f"`build: {{{option}: …}}`: `{text}` is not understood", hint=hint)
