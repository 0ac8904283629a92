"""Puts one blob into a repository: finds it there, mounts it, or sends it in one PUT to a new upload session.

Blobs are sent in chunks only to hosts that refuse them in one request: chunks are slower, and many registries handle
them wrongly.

Each attempt uses a new session: after a broken PUT the registry may hold some of the bytes, all of them, or have
dropped the session, and no request reliably shows which.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from typing import IO
from urllib.parse import urlsplit

from release.errors import Denied, DigestMismatch, Invalid, RegistryError, Unreachable
from release.events import Progress
from release.oci import Descriptor
from release.oci.verify import CHUNK
from release.registry.auth.challenge import scope
from release.registry.host import SAME_METHOD, Call, Host
from release.registry.http.client import Answer
from release.registry.http.connections import Growing, Upload

_LOST_SESSION = frozenset({"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "RANGE_INVALID"})
# Statuses of registries, or of proxies in front of them, that limit the size of one request: then chunks are sent.
_NOT_IN_ONE = frozenset({405, 413, 501})
# Times that a blob is sent again within one attempt because the registry answered 401 at its end.
# One new token helps if the first token expired during the upload; three refusals have another reason.
_MOST_RENEWALS = 2
# Repositories from which mounting a blob is tried, with one request each.
# After three failures, sending the bytes is mostly faster than further requests.
_MOST_MOUNTS = 3
# Redirects in a row of one upload. Registries redirect it once, to the region or the storage that takes it.
_MOST_REDIRECTS = 5
# Seconds that an upload session may wait for its blob.
# After that a new session is opened, which costs one request: registries drop idle sessions, each after another time
# that it does not say. Blobs of one image follow each other faster, so that a session is rarely dropped for nothing.
_SESSION_KEEPS = 60.0
# Bytes between two progress events. An event for each piece of 64 KiB would cost time and show no more.
_SHOWN_EVERY = 1024 * 1024


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
            return self.host.location(answer, self.what)


def closing_location(location: str, digest: str) -> str:
    """The URL of the request that closes an upload session."""
    parts = urlsplit(location)
    query = f"{parts.query}{'&' if parts.query else ''}digest={digest}"
    return parts._replace(query=query).geturl()


class BlobUpload:
    """The upload of one blob. `reopen`: opens the content from its start, once for each attempt."""

    def __init__(self, sessions: Sessions, descriptor: Descriptor, reopen: Callable[[], IO[bytes]]) -> None:
        self._sessions = sessions
        self._host = sessions.host
        self._descriptor = descriptor
        self._reopen = reopen
        self._sent = 0
        self._shown = 0
        self._source_is_sound = False
        self._redirected = ""  # where the last answer has redirected the PUT

    def send(self, present: Callable[[], bool], mount_from: tuple[str, ...] = ()) -> bool:
        """Bring the blob into the repository; returns whether bytes were sent. `present`: checks for the blob once.

        All requests for a blob share one budget of attempts. Raises the registry's error.
        """
        attempt = 1
        while True:
            try:
                # `present` runs before each attempt: an earlier one whose reply was lost may have stored the blob.
                if present():
                    return attempt > 1
                session = self._mount(mount_from[:_MOST_MOUNTS]) if attempt == 1 else ""
                if session is None:
                    return False
                self._upload(session)
            except Unreachable as error:
                self._host.retrier.pause(error, attempt)
                attempt += 1
            else:
                return True

    def _upload(self, session: str) -> None:
        for _ in range(_MOST_RENEWALS + 1):
            answer, authorization = self._attempt(session)
            if answer.status != 401 or not self._host.renew(answer, authorization):
                break
            # The token expired during the upload. Send the blob again in a new session: the old one may be gone.
            answer.close()
            session = ""
        if not self._accepted(answer):
            raise self._judge(answer)

    def _mount(self, sources: tuple[str, ...]) -> str | None:
        """None if mounting from one of `sources` worked, else the URL of a session that the registry opened, or ""."""
        session = ""
        for source in sources:
            if session:
                self._sessions.cancel(session)
            answer = self._sessions.mount(self._descriptor.digest, source)
            if answer is None:
                return None
            session = answer
        return session

    def _attempt(self, session: str) -> tuple[Answer, str | None]:
        location = session or self._sessions.open(self._host.once)
        self._rewind()
        opened = self._host.ports.clock.monotonic()
        try:
            # Opening may wait for a slot: see `release.transfer.upload_slots`.
            for _ in range(_MOST_REDIRECTS + 1):
                with self._reopen() as stream:
                    if self._host.ports.clock.monotonic() - opened > _SESSION_KEEPS:
                        self._sessions.cancel(location)
                        location = self._sessions.open(self._host.once)
                        opened = self._host.ports.clock.monotonic()
                    answer, authorization = self._send(location, stream)
                if answer.status not in SAME_METHOD:
                    return answer, authorization
                with contextlib.closing(answer):
                    self._redirected = self._host.redirected(answer, self._sessions.what)
                self._rewind()
            raise Invalid(f"`{self._host.registry}` redirects {self._sessions.what} too often")
        except Unreachable as error:
            if error.status is not None:
                self._sessions.cancel(location)
            raise

    def _send(self, location: str, stream: IO[bytes]) -> tuple[Answer, str | None]:
        size = self._descriptor.size
        if self._host.wants_chunks:
            location = self._send_chunks(location, stream)
            size = 0
        body = Upload(stream, size, progress=self._progress)
        # The URL of a redirect names the digest already.
        target, self._redirected = self._redirected or closing_location(location, self._descriptor.digest), ""
        answer, authorization = self._host.send(self._sessions.call("PUT", target, body=body))
        if answer.status in _NOT_IN_ONE and not self._host.wants_chunks:
            self._host.wants_chunks = True
            error = self._host.fault(answer, self._sessions.call("PUT", ""))
            raise Unreachable(error.message, hint=error.hint, status=error.status, code=error.code)
        return answer, authorization

    def _send_chunks(self, location: str, stream: IO[bytes]) -> str:
        """Send all bytes in PATCH requests; returns the URL that closes the session."""
        sent = 0
        while sent < self._descriptor.size:
            count = min(self._host.ports.sizes.chunk, self._descriptor.size - sent)
            call = self._sessions.call(
                "PATCH",
                location,
                body=Upload(stream, count, progress=self._progress),
                content_range=f"{sent}-{sent + count - 1}",
            )
            answer, _ = self._host.send(call)
            if answer.status not in (202, 204, 201):
                raise self._judge(answer)
            sent += count
            stored = answer.headers.get("Range")
            location = self._sessions.location(answer)
            # A registry may ignore Content-Range: compare with the range that it reports as stored.
            if stored is not None and stored.strip() != f"0-{sent - 1}":
                raise Unreachable(
                    f"`{self._host.registry}` stored another number of bytes than was sent when {self._sessions.what}",
                    status=416,
                )
        return location

    def _accepted(self, answer: Answer) -> bool:
        if answer.status not in (200, 201, 204):
            return False
        stored = answer.headers.get("Docker-Content-Digest") or ""
        answer.close()
        # A digest of another algorithm cannot be compared; the registry was given ours in the URL and checks it.
        same_kind = stored.partition(":")[0] == self._descriptor.digest.partition(":")[0]
        if same_kind and stored != self._descriptor.digest:
            raise DigestMismatch(f"`{self._host.registry}` stored another digest when {self._sessions.what}")
        return True

    def _judge(self, answer: Answer) -> RegistryError:
        """The error for an answer, as a transient one where another attempt may succeed."""
        elsewhere = None if self._host.is_own(answer.url) else urlsplit(answer.url).netloc
        error = self._host.fault(answer, self._sessions.call("PUT", ""))
        if elsewhere is not None and isinstance(error, Denied):
            hint = f"the registry redirected the upload to `{elsewhere}`, where its credential is not sent"
            return Denied(error.message, hint=hint, status=error.status, code=error.code)
        if error.code == "DIGEST_INVALID":
            self._require_sound_source()
        elif error.code not in _LOST_SESSION and error.status not in (404, 416):
            return error
        return Unreachable(error.message, hint=error.hint, status=error.status, code=error.code)

    def _require_sound_source(self) -> None:
        """Raise `DigestMismatch` if the source's bytes have another digest, which the registry then rightly refused."""
        if self._source_is_sound:
            return
        algorithm = self._descriptor.digest.partition(":")[0]
        found = hashlib.new(algorithm, usedforsecurity=False)
        with self._reopen() as stream:
            while data := stream.read(CHUNK):
                found.update(data)
        digest = f"{algorithm}:{found.hexdigest()}"
        if digest != self._descriptor.digest:
            raise DigestMismatch(f"the content for blob `{self._descriptor.digest}` has digest `{digest}`")
        self._source_is_sound = True

    def _rewind(self) -> None:
        self._sent = self._shown = 0

    def _progress(self, count: int) -> None:
        self._sent += count
        total = self._descriptor.size
        if self._sent - self._shown >= _SHOWN_EVERY or self._sent == total:
            self._shown = self._sent
            label = self._descriptor.digest.partition(":")[2][:12]
            self._host.ports.sink.emit(Progress(label=label, done=self._sent, total=total))
