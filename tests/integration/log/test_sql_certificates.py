"""PostgreSQL servers that ask for a client certificate: each cause of a refusal has a hint of its own."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from release.control import Cancel
from release.errors import LogError, LogUnavailable
from release.log.stores.sql.migrate import migrate
from release.log.stores.sql.store import SqlStore
from tests.support.registries.tls import Authority
from tests.support.services.postgres import make_server


class Guarded(msgspec.Struct, frozen=True):
    """A server that admits `postgres` only with a certificate. `files`: certificates and keys, by name."""

    url: str
    files: Path


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Give a server with TLS, and certificates of which one is the right one."""
    files = tmp_path_factory.mktemp("tls")
    own, other = Authority(files / "own"), Authority(files / "other")
    chain, key = own.issue("localhost")
    for name, authority, user in (
        ("right", own, "postgres"),
        ("bob", own, "bob"),
        ("foreign", other, "postgres"),
    ):
        leaf = authority.ca.issue_cert("client.example", common_name=user)
        (files / f"{name}.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(files / f"{name}.key"))
        (files / f"{name}.key").chmod(0o600)
    shutil.copy(files / "right.key", files / "open.key")
    (files / "open.key").chmod(0o644)
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    for server in make_server(options=["-c", "listen_addresses=localhost", "-p", str(port)]):
        data = server.folder / "data"
        owner = data.stat()
        for source, name in ((chain, "server.crt"), (key, "server.key"), (own.path, "root.crt")):
            shutil.copy(source, data / name)
            os.chown(data / name, owner.st_uid, owner.st_gid)
            (data / name).chmod(0o600)
        (data / "pg_hba.conf").write_text("hostssl all postgres all cert\n")
        with (data / "postgresql.conf").open("a") as config:
            config.write("ssl = on\nssl_ca_file = 'root.crt'\n")
        server.stop()
        server.start()
        yield Guarded(
            f"postgresql://postgres@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={own.path}",
            files,
        )


CASES = {
    "": ("requires a valid client certificate", "only with a client certificate in the user's name"),
    "sslcert=bob.pem&sslkey=bob.key": ("certificate authentication failed", "in the user's name"),
    "sslcert=foreign.pem&sslkey=foreign.key": ("unknown ca", "does not accept the client certificate"),
    "sslcert=right.pem&sslkey=open.key": ("group or world access", "chmod 600"),
    "sslcert=right.pem&sslkey=none.key": ("not private key file", "its own key, in PEM"),
    "sslcert=right.pem&sslkey=bob.key": ("key values mismatch", "its own key, in PEM"),
    "sslrootcert=system&sslmode=require": ("weak sslmode", "needs `sslmode=verify-full`"),
    "service=nowhere": ('definition of service "nowhere" not found', "PGSERVICEFILE"),
    "target_session_attrs=standby&sslcert=right.pem&sslkey=right.key": ("hot standby", "fail-over"),
    "options=-cnonsense%3D1&sslcert=right.pem&sslkey=right.key": ("unrecognized configuration", "behind `?`"),
    "keepalives=abc&sslcert=right.pem&sslkey=right.key": ("invalid integer value", "behind `?`"),
    "connect_timeout=soon": ("bad value for connect_timeout", "behind `?`"),
    "gssencmode=require": ("GSSAPI", "`gssencmode`"),
}


@pytest.mark.parametrize("options", CASES)
def test_refused_certificate_or_option_of_a_database_url_has_its_own_hint(
    guarded: Guarded, options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(guarded.files)
    url = guarded.url
    if "sslmode" in options:
        url = url.partition("?")[0] + "?"
    store = SqlStore(f"{url}&{options}", cancel=Cancel())
    told, hint = CASES[options]
    with pytest.raises(LogError, match=told) as caught:
        store.head()
    store.close()
    assert hint in str(caught.value.hint)
    assert isinstance(caught.value, LogUnavailable) == ("standby" in options)


def test_log_is_read_with_the_right_client_certificate(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(guarded.files)
    url = f"{guarded.url}&sslcert=right.pem&sslkey=right.key"
    migrate(url)
    store = SqlStore(url, cancel=Cancel())
    assert store.head().seq == -1
    store.close()
