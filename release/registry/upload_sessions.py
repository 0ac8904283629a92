"""Opens and cancels the upload sessions in which a repository takes a blob, and makes the requests to them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from urllib.parse import urlsplit

from release.errors import RegistryError
from release.registry.auth.challenge import scope
from release.registry.hosts.call import Call
from release.registry.hosts.host import Host
from release.registry.http.answer import Answer
from release.registry.http.bodies import Growing, Upload


class Sessions:
    """Upload sessions in `repository` at `host`. `what`: the purpose, for messages."""

    def __init__(self, host: Host, repository: str, what: str) -> None:
        self.host = host
        self.repository = repository
        self.what = what

    def open(self, send: Callable[[Call], Answer]) -> str:
        """Open a session and return its URL. Raises `Denied` where the credential may not push."""
        call = self.call("POST", f"/v2/{self.repository}/blobs/uploads/")
        answer = send(call)
        if answer.status != 202:
            raise self.host.fault(answer, call)
        return self.location(answer)

    def mount(self, digest: str, source: str) -> str | None:
        """Mount a blob of the repository `source`; returns None if the registry mounted it.

        If the registry did not mount it, returns the URL of the upload session that it opened instead, or "" without
        one.
        """
        path = f"/v2/{self.repository}/blobs/uploads/?mount={digest}&from={source}"
        try:
            answer = self.host.once(self.call("POST", path, scope(source, "pull")))
        except RegistryError:
            # No right to read the source, or no such feature: send the blob instead.
            return ""
        if answer.status == 202:
            return self.location(answer)
        answer.close()
        return None if answer.status == 201 else ""

    def cancel(self, location: str) -> None:
        """Close a session. Errors are ignored: registries expire sessions themselves."""
        with contextlib.suppress(RegistryError):
            self.host.once(self.call("DELETE", location)).close()

    def call(
        self,
        method: str,
        path: str,
        *scopes: str,
        body: Upload | Growing | None = None,
        content_range: str | None = None,
    ) -> Call:
        """The request to an upload session, not sent yet."""
        headers = {"Content-Type": "application/octet-stream"} if body is not None else {}
        if content_range is not None:
            headers["Content-Range"] = content_range
        if method == "POST":
            headers["Content-Length"] = "0"  # some servers refuse a POST without a length
        return Call(
            method=method,
            path=path,
            what=self.what,
            subject=self.repository,
            scopes=(scope(self.repository, "pull", "push"), *scopes),
            headers=headers,
            body=body,
        )

    def location(self, answer: Answer) -> str:
        """The URL for the session's next request; closes the answer."""
        with contextlib.closing(answer):
            return self.host.origin.upload_location(answer, self.what)


def closing_location(location: str, digest: str) -> str:
    """The URL of the request that closes an upload session."""
    parts = urlsplit(location)
    query = f"{parts.query}{'&' if parts.query else ''}digest={digest}"
    return parts._replace(query=query).geturl()
