"""A real PgBouncer before a PostgreSQL server, reached by a Unix socket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.programs.environment import scrubbed
from tests.support.programs.processes import Service
from tests.support.services.postgres import Postgres
from tests.support.services.required import program, require

_PORT = 6432
_CONFIG = """
[databases]
* = host={folder} user=postgres
[pgbouncer]
unix_socket_dir = {folder}/pool
listen_port = {port}
auth_type = any
default_pool_size = 3
{settings}
"""


@contextmanager
def bouncer(server: Postgres, settings: str = "") -> Iterator[str]:
    """Give what to append to the URL of a database of `server` in place of its own options.

    Three connections of the server are shared by all clients. `settings`: more lines of PgBouncer's configuration; the
    mode is `transaction` unless they name another.
    """
    require("pgbouncer")
    pool = server.folder / "pool"
    pool.mkdir(exist_ok=True)
    os.chmod(pool, 0o777)  # for the user `postgres`: PgBouncer does not run as root
    config = pool / "pgbouncer.ini"
    if "pool_mode" not in settings:
        settings += "\npool_mode = transaction"
    config.write_text(_CONFIG.format(folder=server.folder, port=_PORT, settings=settings))
    service = Service(
        [*server.as_owner, program("pgbouncer"), str(config)],
        folder=server.folder,
        name="pgbouncer",
        env=scrubbed(server.folder),
        ready=lambda line: b"process up" in line,
    )
    try:
        yield f"?host={pool}&port={_PORT}"
    finally:
        service.stop()
