"""Which authorities TLS connections to registries trust: the same as crane and skopeo for the same settings."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from release.errors import ConfigError
from release.registry.http.tls import Trust

HOST = "registry.example"
ROOT = trustme.CA()
MIDDLE = ROOT.create_child_ca()
LEAF = MIDDLE.issue_cert(HOST)


def accepts(env: Mapping[str, str], *, ca: str | None = None, sends_chain: bool = True) -> bool:
    """Return whether a client with these settings completes the handshake with a server that has `LEAF`."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chain = LEAF.cert_chain_pems if sends_chain else LEAF.cert_chain_pems[:1]
    LEAF.configure_cert(server)
    if not sends_chain:
        with chain[0].tempfile() as certificate, LEAF.private_key_pem.tempfile() as key:
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.load_cert_chain(certificate, key)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        Trust(env=env, ca=ca).context(HOST).wrap_bio(back, there, server_hostname=HOST),
        server.wrap_bio(there, back, server_side=True),
    )
    for _ in range(4):  # flights of a handshake
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with the root's certificate under a plain name, beside what is none."""
    made = tmp_path / "authorities"
    made.mkdir()
    (made / "company.pem").write_bytes("# Zürich\n".encode() + ROOT.cert_pem.bytes())
    (made / "same.crt").symlink_to(made / "company.pem")
    (made / "README").write_text("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")
    (made / "broken.pem").symlink_to(made / "none")
    (made / "below").mkdir()
    os.mkfifo(made / "pipe")
    return made


@pytest.mark.parametrize("setting", ["{folder}", "/nowhere:{folder}", "{folder}:/nowhere", ":{folder}:"])
def test_every_certificate_in_the_folders_of_ssl_cert_dir_is_trusted_whatever_its_name(
    folder: Path, setting: str
) -> None:
    assert accepts({"SSL_CERT_DIR": setting.format(folder=folder)})


def test_ssl_cert_dir_keeps_the_authorities_of_the_system_and_of_the_other_settings(
    folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))

    def count(env: Mapping[str, str]) -> int:
        return Trust(env=env).context(HOST).cert_store_stats()["x509_ca"]

    assert count({"SSL_CERT_DIR": str(folder)}) == count({}) + 1
    assert count({"SSL_CERT_DIR": str(folder), "SSL_CERT_FILE": str(other)}) == 2
    assert count({"SSL_CERT_DIR": ""}) == count({})


@pytest.mark.parametrize("trusted", ["root", "intermediate", "server's own"])
@pytest.mark.parametrize("setting", ["SSL_CERT_FILE", "ca"])
def test_certificate_that_is_named_is_trusted_by_itself_as_by_go(
    tmp_path: Path, trusted: str, setting: str
) -> None:
    path = tmp_path / "named.pem"
    named = {"root": ROOT.cert_pem, "intermediate": MIDDLE.cert_pem, "server's own": LEAF.cert_chain_pems[0]}
    named[trusted].write_to_path(str(path))
    assert accepts({setting: str(path)} if setting != "ca" else {}, ca=str(path) if setting == "ca" else None)


def test_certificate_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    assert not accepts({})
    assert not accepts({"SSL_CERT_FILE": str(path)})
    ROOT.cert_pem.write_to_path(str(path))
    assert not accepts({"SSL_CERT_FILE": str(path)}, sends_chain=False)


def test_private_authorities_need_no_key_identifiers() -> None:
    """Python 3.13 and later require them by default."""
    assert not Trust(env={}).context(HOST).verify_flags & ssl.VERIFY_X509_STRICT


FOLDERS = (".config/containers/certs.d", ".config/docker/certs.d", ".docker/certs.d")


@pytest.mark.parametrize("place", FOLDERS)
def test_authority_in_dockers_and_podmans_folder_for_a_host_is_trusted_for_that_host_alone(
    tmp_path: Path, place: str
) -> None:
    for host, trusted in ((f"{HOST}:5000", False), ("other.example", False), (HOST, True)):
        folder = tmp_path / place / host
        folder.mkdir(parents=True)
        ROOT.cert_pem.write_to_path(str(folder / "ca.crt"))
        assert accepts({"HOME": str(tmp_path)}) is trusted


def test_first_folder_with_certificates_for_a_host_counts(tmp_path: Path) -> None:
    for place, authority in zip(FOLDERS, (ROOT, trustme.CA(), trustme.CA()), strict=True):
        folder = tmp_path / place / HOST
        folder.mkdir(parents=True)
        authority.cert_pem.write_to_path(str(folder / "ca.crt"))
    assert accepts({"HOME": str(tmp_path)})
    assert not accepts({"HOME": "/nowhere", "XDG_CONFIG_HOME": str(tmp_path / ".docker" / "none")})


@pytest.mark.parametrize("as_client", [True, False])
def test_server_that_requires_a_client_certificate_gets_the_one_for_its_host(
    tmp_path: Path, as_client: bool
) -> None:
    folder = tmp_path / FOLDERS[0] / HOST
    folder.mkdir(parents=True)
    ROOT.cert_pem.write_to_path(str(folder / "ca.crt"))
    client = ROOT.issue_cert("ci@example.com")
    client.cert_chain_pems[0].write_to_path(str(folder / "client.cert"))
    client.private_key_pem.write_to_path(str(folder / "client.key"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    LEAF.configure_cert(server)
    ROOT.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    context = Trust(env={"HOME": str(tmp_path)}, as_client=as_client).context(HOST)
    if as_client:
        assert _peer(context, server)
    else:
        with pytest.raises(ssl.SSLError, match="did not return a certificate"):
            _peer(context, server)


def _peer(context: ssl.SSLContext, server: ssl.SSLContext) -> object:
    """Complete a handshake; returns the client's certificate as the server sees it."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    end = server.wrap_bio(there, back, server_side=True)
    for one in (context.wrap_bio(back, there, server_hostname=HOST), end) * 4:
        try:
            one.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return end.getpeercert()


@pytest.mark.parametrize(
    "fault", ["no key", "key of another", "not a certificate", "a key with a passphrase"]
)
def test_client_certificate_that_cannot_be_used_is_named(tmp_path: Path, fault: str) -> None:
    folder = tmp_path / FOLDERS[0] / HOST
    folder.mkdir(parents=True)
    client, other = (ROOT.issue_cert("ci@example.com") for _ in range(2))
    client.cert_chain_pems[0].write_to_path(str(folder / "client.cert"))
    (client if fault != "key of another" else other).private_key_pem.write_to_path(str(folder / "client.key"))
    if fault == "no key":
        (folder / "client.key").unlink()
    elif fault == "not a certificate":
        (folder / "ca.crt").write_text("none")
    elif fault == "a key with a passphrase":
        key = serialization.load_pem_private_key(client.private_key_pem.bytes(), None)
        (folder / "client.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"secret"),
            )
        )
    with pytest.raises(ConfigError, match=r"(ca\.crt|client\.cert)` cannot be used") as caught:
        Trust(env={"HOME": str(tmp_path)}).context(HOST)
    assert "`NAME.cert` with `NAME.key`" in str(caught.value.hint)
