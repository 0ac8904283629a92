"""Puts one blob into a repository: finds it there, mounts it, or sends it in one PUT to a new upload session.

Blobs are sent in chunks only to hosts that refuse them in one request: chunks are slower, and many registries handle
them wrongly.

Each attempt uses a new session: after a broken PUT the registry may hold some of the bytes, all of them, or have
dropped the session, and no request reliably shows which. Only a request that is refused for its token, or redirected,
goes on in its session: `Host.once` sends it again from its own first byte.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import IO
from urllib.parse import urlsplit

from release.errors import Denied, DigestMismatch, RegistryError, Unreachable
from release.hints import AGAIN
from release.lazy_pattern import pattern
from release.oci import Descriptor
from release.oci.verify import CHUNK
from release.registry.http.answer import Answer
from release.registry.http.bodies import empty_upload
from release.registry.upload_content import BlobContent
from release.registry.upload_sessions import Sessions, closing_location

_LOST_SESSION = frozenset({"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "RANGE_INVALID"})
# Statuses of registries, or of proxies in front of them, that limit the size of one request: then chunks are sent.
_NOT_IN_ONE = frozenset({405, 413, 501})
# The header `Range` of an upload session: `0-1023`. Some servers write the unit, as in RFC 9110. Others say nothing.
_RANGE = pattern(r"(?:bytes[= ])?0-(-?\d{1,18})", re.ASCII)
# Repositories from which mounting a blob is tried, with one request each.
# After three failures, sending the bytes is mostly faster than further requests.
_MOST_MOUNTS = 3
# Seconds that an upload session may wait for its blob.
# After that a new session is opened, which costs one request: registries drop idle sessions, each after another time
# that it does not say. Blobs of one image follow each other faster, so that a session is rarely dropped for nothing.
_SESSION_KEEPS = 60.0


class BlobUpload:
    """The upload of one blob. `reopen`: opens the content from its start, once for each attempt."""

    def __init__(self, sessions: Sessions, descriptor: Descriptor, reopen: Callable[[], IO[bytes]]) -> None:
        self._sessions = sessions
        self._host = sessions.host
        self._descriptor = descriptor
        self._reopen = reopen
        self._source_is_sound = False
        self._ignores_range = False  # set when a chunk was stored with another range than was sent

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

    def _upload(self, session: str) -> None:
        now = self._host.ports.clock.monotonic
        location = session or self._sessions.open(self._host.once)
        opened = now()
        try:
            # Opening may wait for a slot: see `release.transfer.upload_slots`.
            with BlobContent(self._descriptor, self._reopen, self._host.ports.sink) as content:
                if now() - opened > _SESSION_KEEPS:
                    self._sessions.cancel(location)
                    location = self._sessions.open(self._host.once)
                answer = self._send(location, content)
        except Unreachable as error:
            if error.status is not None:
                self._sessions.cancel(location)
            raise
        if not self._accepted(answer):
            raise self._judge(answer)

    def _send(self, location: str, content: BlobContent) -> Answer:
        if self._host.wants_chunks:
            location, body = self._send_chunks(location, content), empty_upload()
        else:
            body = content.body(0, self._descriptor.size)
        target = closing_location(location, self._descriptor.digest)
        answer = self._host.once(self._sessions.call("PUT", target, body=body))
        if answer.status in _NOT_IN_ONE and not self._host.wants_chunks:
            self._host.wants_chunks = True
            error = self._host.fault(answer, self._sessions.call("PUT", ""))
            raise Unreachable(error.message, hint=error.hint, status=error.status, code=error.code)
        return answer

    def _send_chunks(self, location: str, content: BlobContent) -> str:
        """Send all bytes in PATCH requests; returns the URL that closes the session."""
        sent = 0
        while sent < self._descriptor.size:
            count = min(self._host.ports.sizes.chunk, self._descriptor.size - sent)
            call = self._sessions.call(
                "PATCH",
                location,
                body=content.body(sent, count),
                content_range=f"{sent}-{sent + count - 1}",
            )
            answer = self._host.once(call)
            if answer.status not in (202, 204, 201):
                raise self._judge(answer)
            sent += count
            stored = _RANGE.fullmatch((answer.headers.get("Range") or "").strip())
            location = self._sessions.location(answer)
            # A registry may ignore Content-Range, and may have kept bytes of a chunk before it refused it: compare
            # with the range that it reports as stored, once. Some report a wrong one, such as a range that does not
            # grow: then the digest at the end decides.
            if stored is not None and int(stored[1]) != sent - 1 and not self._ignores_range:
                self._ignores_range = True
                raise Unreachable(
                    f"`{self._host.registry}` stored another number of bytes than was sent when {self._sessions.what}",
                    status=416,
                    hint=AGAIN,
                )
        return location

    def _accepted(self, answer: Answer) -> bool:
        if answer.status not in (200, 201, 202, 204):
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
        elsewhere = None if self._host.origin.owns(answer.url) else urlsplit(answer.url).netloc
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
