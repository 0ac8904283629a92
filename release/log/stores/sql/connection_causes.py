"""Causes for which no connection to PostgreSQL, or to PgBouncer before it, is made. Pure.

An error while connecting has no SQLSTATE, only the server's or libpq's text, so that its cause is found by that text.
"""

from __future__ import annotations

from release.errors import LogUnavailable
from release.log.stores.sql.cause import cause

_URL = "`log.url` (or the variable that it takes it from)"
#: Searched in this order: the first cause that covers an error counts. Texts about TLS come before those about
#: refused connections, because one message can contain both.
CONNECTION = (
    cause(
        r'role "[^"]*" does not exist',
        f"create the role, or name the right user in {_URL}; without a user it is that of the operating system",
    ),
    cause(
        r'database "[^"]*" does not exist',
        f"create the database (`createdb`), or name the right one in {_URL}; then run `shipmark log migrate` once",
        "3D000",
    ),
    cause(
        r'role "[^"]*" is not permitted to log in',
        f"let the role log in (`ALTER ROLE … LOGIN`), or name another user in {_URL}",
    ),
    cause(
        r'permission denied for database "[^"]*"',
        "let the role connect: `GRANT CONNECT ON DATABASE … TO …`; to make tables it also needs `CREATE` on the schema",
    ),
    cause(
        r"is not currently accepting connections",
        f"`ALTER DATABASE … ALLOW_CONNECTIONS true` opens the database; if it is the wrong one, correct {_URL}",
    ),
    cause(r"password authentication failed", f"check the password of this user in {_URL}", "28P01"),
    cause(
        r"no password supplied",
        f"the server requires a password: write `postgresql://user:${{PASSWORD}}@host/database` into {_URL}",
    ),
    cause(
        r"connection requires a valid client certificate|certificate authentication failed|alert certificate required",
        "the server admits this user only with a client certificate in the user's name: `?sslcert=FILE&sslkey=FILE` in "
        "the URL names the certificate and its key",
    ),
    cause(
        r"alert (?:unknown ca|bad certificate|certificate \w+)",
        "the server does not accept the client certificate that `sslcert` names: it has expired, or another authority "
        "than the server's (`ssl_ca_file`) signed it",
    ),
    cause(
        r"private key file .* (?:group or world access|must be owned)",
        "let only this user read the key that `sslkey` names: `chmod 600 FILE`",
    ),
    cause(
        r"certificate present, but not private key|private key file|could not (?:open|read) certificate file",
        "`sslcert` and `sslkey` have to name a readable certificate and its own key, in PEM; `sslpassword` holds the "
        "key's passphrase",
    ),
    cause(
        r"weak sslmode",
        "`sslrootcert=system` needs `sslmode=verify-full`",
    ),
    cause(
        r"certificate verify failed|self-signed certificate|unknown ca|certificate .*expired",
        "the server's certificate has expired, or this machine does not trust its authority, whose certificate file "
        "`?sslmode=verify-full&sslrootcert=FILE` in the URL names; `openssl s_client -starttls postgres -connect "
        "HOST:PORT` shows both",
    ),
    cause(
        r"root certificate file .* does not exist|could not read root certificate file|sslrootcert",
        "`sslrootcert` has to name a readable file with the certificate of the server's authority, in PEM",
    ),
    cause(
        r"server certificate for .* does not match host name",
        "name the host as in the server's certificate, or let its owner issue one for this name",
    ),
    cause(
        r"server does not support SSL",
        "the server has no TLS: turn it on there (`ssl = on`), or, in a network that you trust, leave `sslmode` out",
    ),
    cause(
        r"(?:no pg_hba.conf entry|pg_hba.conf rejects).*no encryption",
        "the server may want TLS: add `?sslmode=require` to the URL; otherwise its `pg_hba.conf` has to admit this "
        "host, user and database",
        "28000",
    ),
    cause(
        r"no pg_hba.conf entry|pg_hba.conf rejects",
        "the server's `pg_hba.conf` has to admit this host, user and database",
        "28000",
    ),
    cause(
        r"too many clients|too many connections|remaining connection slots",
        "wait until other clients end, or raise `max_connections`, or the limit of the role or database; a pooler such "
        "as PgBouncer shares connections",
        "53300",
        error=LogUnavailable,
    ),
    cause(
        r"no more connections allowed",
        "PgBouncer has as many clients as it takes: wait until others end, or raise its `max_client_conn`",
        error=LogUnavailable,
    ),
    cause(
        r"query_wait_timeout",
        "no connection behind PgBouncer became free in time: check that the server is up, and see with `SHOW POOLS` "
        "who uses its connections; more of them: `default_pool_size`",
        error=LogUnavailable,
    ),
    cause(
        r"server login has been failing|cannot connect to server|server conn crashed",
        "PgBouncer does not reach the server behind it: check that the server is up, and host, user and password in "
        "PgBouncer's `[databases]`",
        error=LogUnavailable,
    ),
    cause(
        r"unsupported startup parameter",
        "PgBouncer refuses this option of the URL: set it for the role (`ALTER ROLE … SET …`), or name it in "
        "PgBouncer's `ignore_startup_parameters`",
    ),
    cause(
        r"not allowed in statement pooling mode",
        "the log needs transactions: set `pool_mode = transaction` or `session` for this database in PgBouncer",
    ),
    cause(r"invalid port number", f"a port is a number from 1 to 65535: correct it in {_URL}"),
    cause(
        r"definition of service .* not found|service file",
        "define the service in `~/.pg_service.conf`, or in the file that PGSERVICEFILE names",
    ),
    cause(
        r"hot standby mode|session is (?:not )?read-only",
        "no host in the URL is what `target_session_attrs` asks for: name the other hosts as well, or run again when "
        "the fail-over is done",
        error=LogUnavailable,
    ),
    cause(
        r"channel binding|authentication method requirement|GSSAPI encryption required",
        f"the server does not offer what `channel_binding`, `require_auth` or `gssencmode` in {_URL} asks for",
    ),
    cause(
        r"invalid sslmode value|invalid connection option|invalid .* value: |invalid URI|invalid integer value"
        r"|bad value for|unrecognized configuration parameter|invalid command-line argument for server process",
        f"correct what stands behind `?` in {_URL}: the options are those of libpq, such as `sslmode=verify-full`",
    ),
    cause(
        r"failed to resolve host|could not translate host name|Name or service not known",
        f"check the host's name in {_URL}, and the name servers of this machine",
        error=LogUnavailable,
    ),
    cause(
        r"No such file or directory",
        "no server listens at this socket: check that it is up, and the folder in `?host=FOLDER`",
        error=LogUnavailable,
    ),
    cause(
        r"Connection refused",
        "no server listens there: check that it is up, and host and port",
        error=LogUnavailable,
    ),
    cause(
        r"timeout expired",
        "nothing answers there: check host, port and firewalls between this machine and the server",
        error=LogUnavailable,
    ),
)
