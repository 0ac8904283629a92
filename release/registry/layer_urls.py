"""Downloads layers from the `urls` of their descriptors, for destinations that need every layer of an image.

Whoever wrote the image chose these URLs. So no credential is sent, plain http is allowed only to loopback and to hosts
that the user named insecure, and a URL must not lead to an address that the image's own registry could not reach.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import IO, Any, cast
from urllib.parse import SplitResult

from release.errors import Invalid, NotFound, RegistryError
from release.oci import Descriptor
from release.registry.http.address_policy import Reach
from release.registry.http.answer import Answer
from release.registry.http.client import Transport
from release.registry.http.redirects import absolute
from release.registry.http.tls import Trust

_ELSEWHERE = "pull the image with another tool and push it whole: then the registry holds the layer itself"

# URLs of one layer that are tried. Real ones have one or two; a manifest may list thousands.
_MOST_URLS = 4
# Redirects in a row: of the vendor's address to its storage.
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class LayerUrls:
    """Downloads over `transport`. `accept`: why an address must not be connected to, or None."""

    def __init__(self, transport: Transport, trust: Trust, accept: Callable[[Reach], str | None]) -> None:
        self._transport = transport
        self._trust = trust
        self._accept = accept

    def open(self, layer: Descriptor) -> IO[bytes]:
        """The layer, unchecked, from the first of its URLs that serves it. Raises the error of the last URL."""
        trouble: RegistryError = NotFound(f"layer `{layer.digest}` has no `urls`", hint=_ELSEWHERE)
        for url in layer.urls[:_MOST_URLS]:
            try:
                return cast(IO[bytes], _Body(self._answer(url)))
            except RegistryError as error:
                trouble = error
        raise trouble

    def _answer(self, url: str) -> Answer:
        current = self._checked(url, url, secure=False)
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._transport.send("GET", current.geturl(), accept=self._accept)
            if answer.status == 200:
                return answer
            answer.close()
            if answer.status not in _REDIRECTS:
                raise RegistryError(
                    f"`{current.netloc}` answered {answer.status}", status=answer.status, hint=_ELSEWHERE
                )
            current = self._checked(
                current.geturl(), answer.headers.get("Location") or "", secure=current.scheme == "https"
            )
        raise Invalid(f"`{current.netloc}` redirects too often", hint=_ELSEWHERE)

    def _checked(self, current: str, text: str, *, secure: bool) -> SplitResult:
        target = absolute(current, text)
        if target is None:
            raise Invalid("one of its `urls` is not a plain http or https URL", hint=_ELSEWHERE)
        if target.scheme == "http" and (secure or not self._trust.allows_http(target.netloc)):
            raise Invalid(f"`{target.netloc}` would send it over plain http", hint=_ELSEWHERE)
        return target


class _Body(io.RawIOBase):
    """The body of an answer as a stream."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._answer.readinto(memoryview(buffer).cast("B"))

    def close(self) -> None:
        with contextlib.suppress(RegistryError):
            self._answer.close()
        super().close()
