"""Parses the URL of a SQL log: for PostgreSQL as libpq reads it, for SQLite a path. Pure.

Source: "Connection URIs" in PostgreSQL's manual, chapter libpq.
"""

from __future__ import annotations

import posixpath
import re
from urllib.parse import quote, unquote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from release.errors import ConfigError
from release.lazy_pattern import pattern

# What may follow user and password in a URL: `host:port,host:port/database?name=value&name=value`.
_BEHIND_USER = pattern(r"[^@/?#]*(?:/[^@?#]*)?(?:\?(?:[A-Za-z0-9_]+=[^&]*(?:&|$))*)?")
_AUTHORITY = pattern(r"(?P<start>postgres[^:/]*://(?:[^@/?]*@)?)(?P<hosts>[^@/?]*)(?P<rest>.*)", re.DOTALL)
_HOST = pattern(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>.*))?", re.DOTALL)
_FORMS = "`postgresql://user@host/database` or `sqlite:///path`"


def parse_url(text: str) -> URL:
    """The URL with the driver that shipmark uses. Raises `ConfigError`, whose message does not repeat the URL."""
    rest, hosts = _parted(_with_quoted_password(text))
    try:
        url = make_url(rest)
    except (ArgumentError, ValueError) as error:  # ValueError: a port that is not a number
        raise ConfigError("`log.url` is not a database URL", hint=_FORMS) from error
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        if hosts and "host" not in url.query:
            url = url.update_query_dict(hosts)
        _require_ports(url)
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite" and url.database not in (None, "", ":memory:"):
        _require_plain_path(url, text)
        return url
    raise ConfigError(
        f"`log.url` names a `{url.drivername}` database, which cannot hold the log", hint=_FORMS
    )


def located(url: URL, root: str | None) -> URL:
    """`url`, with a relative path of a SQLite file taken from `root`, the repository's top folder."""
    if root is None or url.get_backend_name() != "sqlite":
        return url
    return url.set(database=posixpath.join(root, url.database or ""))


def _parted(text: str) -> tuple[str, dict[str, str]]:
    """`text` without the hosts that SQLAlchemy does not read, and the options `host` and `port` for them.

    libpq takes several hosts (`db1:5432,db2:5433`) and a percent-encoded one (`%2Frun%2Fpostgresql`: the folder of a
    Unix socket). SQLAlchemy reads both only as options.
    """
    found = _AUTHORITY.fullmatch(text)
    if found is None or not ("," in found["hosts"] or "%" in found["hosts"]):
        return text, {}
    pairs = [_HOST.fullmatch(one) for one in found["hosts"].split(",")]
    hosts = ",".join(unquote(one["host"].strip("[]")) if one else "" for one in pairs)
    ports = [one["port"] or "" if one else "" for one in pairs]
    options = {"host": hosts} | ({"port": ",".join(ports)} if any(ports) else {})
    return f"{found['start']}{found['rest']}", options


def _require_plain_path(url: URL, text: str) -> None:
    """Raise `ConfigError` for a SQLite URL with more than a path: ignored, it would name another file."""
    if "?" in text or url.host or url.username or (url.database or "").startswith("file:"):
        raise ConfigError(
            "`log.url` has more than the path of a SQLite file: options, a host, or a path that begins with `file:`",
            hint="write only the path: `sqlite:///releases.db` from the repository's top folder, "
            "`sqlite:////var/lib/releases.db` with four slashes from the root",
        )


def _require_ports(url: URL) -> None:
    """Raise `ConfigError` for a port that is not a number from 1 to 65535, also in `?port=`, for several hosts."""
    listed = url.query.get("port", ())
    ports = [
        *(listed.split(",") if isinstance(listed, str) else listed),
        *([] if url.port is None else [str(url.port)]),
    ]
    for port in ports:
        if port and not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 1 << 16):
            raise ConfigError(
                f"`log.url` has the port `{port[:20]}`, which is not a number from 1 to 65535",
                hint="`postgresql://user@host:5432/database`",
            )


def _with_quoted_password(text: str) -> str:
    """`text` with user and password percent-encoded, so that they may hold `@`, `/`, `#`, `?` and `%` as they are.

    SQLAlchemy ends a password at its first `@`, and takes what follows for the host. This function ends user and
    password at the first `@` that host, database and query can follow; a later `@` belongs to the query.
    """
    scheme, separator, rest = text.partition("://")
    if not separator or not scheme.lower().startswith("postgres"):
        return text
    ends = [match.start() for match in re.finditer("@", rest)]
    end = next((one for one in ends if _BEHIND_USER.fullmatch(rest, one + 1)), ends[-1] if ends else None)
    if end is None:
        return text
    user, colon, password = rest[:end].partition(":")
    user, password = (quote(unquote(part), safe="") for part in (user, password))
    return f"{scheme}://{user}{colon}{password}{rest[end:]}"


def name_of(url: URL) -> str:
    """The database's name in messages: without user, password and options."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:{url.database}"
    options = {
        name: value if isinstance(value, str) else ",".join(value) for name, value in url.query.items()
    }
    # libpq: options count before what stands in front of them.
    host, ports = options.get("host") or url.host or "", options.get("port") or str(url.port or "")
    database = options.get("dbname") or url.database or ""
    if not host and "service" in options:
        return f"postgresql:///{database}?service={options['service']}"
    if host.startswith("/"):
        return f"postgresql:///{database}?host={host}"
    return f"postgresql://{_places(host.split(','), ports.split(','))}/{database}"


def _places(hosts: list[str], ports: list[str]) -> str:
    """Hosts, each with its port; one port is that of every host."""
    each = ports if len(ports) == len(hosts) else [ports[0]] * len(hosts)
    return ",".join(
        f"{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"
        for host, port in zip(hosts, each, strict=True)
    )
