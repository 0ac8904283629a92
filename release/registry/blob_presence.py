"""Asks a repository by HEAD whether it has a blob, and remembers answers that were asked for ahead."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from release.errors import DamagedBlob, RegistryError
from release.oci import Descriptor
from release.oci.grammar import require_digest
from release.registry.auth.challenge import scope
from release.registry.hosts.call import Call
from release.registry.hosts.host import Host
from release.registry.http.answer import Answer
from release.registry.http.encoding import is_encoded

#: Statuses of servers that do not have HEAD.
WITHOUT_HEAD = (405, 501)
_PULL, _PUSH = ("pull",), ("pull", "push")


class BlobPresence:
    """Questions for the blobs of `repository`. `is_read`: whether a blob was read whole in this run. Thread-safe."""

    def __init__(self, host: Host, repository: str, is_read: Callable[[str], bool]) -> None:
        self._host = host
        self._repository = repository
        self._is_read = is_read
        # Without a lock: each change of a set is atomic, and a lost answer costs one more request.
        self._lacks: set[str] = set()  # blobs that `ask` found missing
        self._expected: set[str] = set()  # blobs found by `expect` and `ask`
        self._damaged: set[str] = set()  # blobs found with another size than their descriptor's

    def has(self, descriptor: Descriptor) -> bool:
        """Whether the repository has the blob, with its size."""
        known = self._is_known(descriptor)
        self._expected.discard(descriptor.digest)  # the answer serves once
        return known or self._find(descriptor, _PULL, self._host.call)

    def expect(self, descriptor: Descriptor) -> None:
        """Look for a blob, so that the next `has` need not ask. Errors are ignored."""
        with contextlib.suppress(RegistryError):
            if not self._is_known(descriptor) and self._find(descriptor, _PULL, self._host.once):
                self._expected.add(descriptor.digest)

    def ask(self, descriptor: Descriptor) -> bool:
        """As `has`, but False after an error, too. The next `has` or `is_there` need not ask again."""
        if descriptor.digest in self._lacks or self._is_known(descriptor):
            return descriptor.digest not in self._lacks
        try:
            # Ask with the scopes of the upload that may follow: one token serves both.
            there = self._find(descriptor, _PUSH, self._host.once)
        except RegistryError:
            return False
        (self._expected if there else self._lacks).add(descriptor.digest)
        return there

    def is_there(self, descriptor: Descriptor) -> bool:
        """As `has`, once and without retries, for an upload that follows at once."""
        if descriptor.digest in self._lacks:
            self._lacks.discard(descriptor.digest)
            return False
        return self._find(descriptor, _PUSH, self._host.once)

    def is_damaged(self, descriptor: Descriptor) -> bool:
        """Whether the blob was last found with another size than it should have."""
        return descriptor.digest in self._damaged

    def require_mended(self, descriptor: Descriptor) -> None:
        """Raise `DamagedBlob` if a blob that was damaged, and was sent again, still has another size.

        The reference server distribution accepts such an upload, and keeps the file that it has under the digest.
        """
        if self._find(descriptor, _PUSH, self._host.call):
            return
        name = descriptor.digest.partition(":")[2]
        raise DamagedBlob(
            f"`{self._host.registry}` stores blob `{descriptor.digest}` with another size than"
            f" {descriptor.size} bytes, and kept it when the blob was sent again",
            hint=f"delete the file `{name[:2]}/{name}/data` in the registry's storage, then run again",
        )

    def _is_known(self, descriptor: Descriptor) -> bool:
        return descriptor.digest in self._expected or self._is_read(descriptor.digest)

    def _find(self, descriptor: Descriptor, actions: tuple[str, ...], send: Callable[[Call], Answer]) -> bool:
        """Whether the registry has the blob whole.

        A file that was cut off in the registry's storage has another size. Proxies answer a HEAD with lengths of
        their own, such as 0, so another length than expected is compared with that of a GET, whose body is not read.
        """
        headers = self._headers("HEAD", descriptor, actions, send)
        whole = headers is not None and _may_have_size(headers, descriptor.size)
        if headers is not None and not whole:
            headers = self._headers("GET", descriptor, actions, send)
            whole = headers is not None and _may_have_size(headers, descriptor.size)
        if whole or headers is None:
            self._damaged.discard(descriptor.digest)
        else:
            self._damaged.add(descriptor.digest)
        return whole

    def _headers(
        self, method: str, descriptor: Descriptor, actions: tuple[str, ...], send: Callable[[Call], Answer]
    ) -> Mapping[str, str] | None:
        """The headers of the answer to a HEAD or GET; None for 404."""
        call = Call(
            method=method,
            path=f"/v2/{self._repository}/blobs/{require_digest(descriptor.digest)}",
            what=f"the question for blob `{descriptor.digest}`",
            subject=self._repository,
            scopes=(scope(self._repository, *actions),),
        )
        answer = send(call)
        if method == "HEAD" and answer.status in WITHOUT_HEAD:
            # The body of a GET is not read.
            answer.close()
            return self._headers("GET", descriptor, actions, send)
        if answer.status not in (200, 404):
            raise self._host.fault(answer, call)
        answer.close()
        return answer.headers if answer.status == 200 else None


def _may_have_size(headers: Mapping[str, str], size: int) -> bool:
    """Whether headers fit content of `size` bytes. Without a usable length, or compressed on the way, they do."""
    length = (headers.get("Content-Length") or "").strip()
    if not (length.isascii() and length.isdigit()) or is_encoded(headers):
        return True
    return int(length[:20]) == size
