"""A private certificate authority for servers on loopback."""

from __future__ import annotations

from pathlib import Path

import trustme


class Authority:
    """A private authority for certificates, one for each test server unless servers share it. `path`: its PEM file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ca = trustme.CA()
        self.path = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.path))

    def issue(self, name: str, *others: str) -> tuple[Path, Path]:
        """Return the files of a certificate chain and its key for the host `name`, and for `others`."""
        leaf = self.ca.issue_cert(name, *others)
        chain, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(key))
        return chain, key
