"""Sends requests to one registry host: with its address, authorization, throttle, retries and redirects.

At another origin, redirects and upload locations are followed without the credential, and the next page of a list is
refused.
"""

from __future__ import annotations

import contextlib
import threading
from urllib.parse import urljoin

from release.errors import Invalid, RegistryError, Unreachable
from release.events import Note
from release.registry.hosts.authorization import Authorization
from release.registry.hosts.call import Call, Ports
from release.registry.hosts.origin import Origin
from release.registry.hosts.refusal_hints import PROXY, quota_hint, refusal_hint
from release.registry.hosts.throttle import Throttle
from release.registry.http.answer import Answer
from release.registry.http.bodies import rewind
from release.registry.http.client import anywhere
from release.registry.http.error_body import LARGEST_ERROR, Refusal, fault_of, read_refusal
from release.registry.http.retry import TRANSIENT, Retrier, retry_after

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Redirects that keep method and body, and so may be followed by writes (RFC 9110, sections 15.4.8 and 15.4.9).
_SAME_METHOD = frozenset({307, 308})
# More redirects in a row than this count as a loop. Registries redirect a blob once, to its storage.
_MOST_REDIRECTS = 5
# Concurrent requests to one host, halved by `Throttle` after a 429.
# Fewer would leave a fast link unused; more would be refused by registries that limit a client's connections.
_MOST_AT_ONCE = 16


class Host:
    """A registry, shared by its repositories. `registry`: its name. `api_host`: the host that serves its API."""

    def __init__(self, registry: str, api_host: str, ports: Ports) -> None:
        self.registry = registry
        self.ports = ports
        self.origin = Origin(registry, api_host, transport=ports.transport, trust=ports.trust)
        self.authorization = Authorization(registry, self.origin, ports)
        self.retrier = Retrier(
            ports.policy,
            cancel=ports.cancel,
            deadline=ports.deadline,
            jitter=ports.jitter,
            now=ports.clock.monotonic,
            tell=lambda text: ports.sink.emit(Note(level="info", text=text)),
        )
        self.gate = Throttle(most=_MOST_AT_ONCE, cancel=ports.cancel, now=ports.clock.monotonic)
        self.wants_chunks = False  # set when the registry refuses a blob in one request
        self.many = threading.Lock()  # held while one thread sends many reads, see `registry/many.py`
        self.page = 0  # index into `pagination._SIZES`: raised when the registry refuses the size
        self.hides_untagged = False  # set when the registry shows a manifest only under a tag

    def call(self, call: Call) -> Answer:
        """Send a request, with retries of transient failures. The caller judges the answer's status.

        Raises the error of the last attempt if all fail.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return self.once(call)
            except Unreachable as error:
                self.retrier.pause(error, attempt)

    def expect(self, call: Call, *statuses: int) -> Answer:
        """Send a request as `call` does; raise the error of an answer whose status is not in `statuses`."""
        answer = self.call(call)
        if answer.status not in statuses:
            raise self.fault(answer, call)
        return answer

    def fetch(self, call: Call, *statuses: int, most: int, name: str) -> tuple[Answer, bytes]:
        """Send a request as `expect` does, and read its body, at most `most` bytes. Retry if the body breaks off."""
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self.once(call)
                if answer.status not in statuses:
                    raise self.fault(answer, call)
                return answer, answer.read(most, name)
            except Unreachable as error:
                self.retrier.pause(error, attempt)

    def once(self, call: Call) -> Answer:
        """Send a request; after a 401, send it with another credential or token, then with one for pushing, if any.

        A body is sent again from its own first byte: a registry refuses a token before it reads the body. Raises
        `Unreachable` for transient statuses and network errors, which are not retried.
        """
        answer, used = self.send(call)
        if answer.status == 401 and self.authorization.renew(answer, call, used):
            answer = self._again(answer, call)
        if answer.status == 401 and self.authorization.widen(answer, call):
            answer = self._again(answer, call)
        return answer

    def fault(self, answer: Answer, call: Call) -> RegistryError:
        """The error for an answer, which is read and closed. A 429 lowers the throttle."""
        wait = retry_after(answer.headers.get("Retry-After"), self.ports.clock.now())
        if answer.status == 429:
            self.gate.was_throttled(wait or 0.0, most=self.ports.policy.longest_wait)
        refusal = self._refusal(answer)
        # Before the credential: some answer 403 where a limit is reached.
        hint = quota_hint(answer.status, refusal) or self.authorization.hint(answer.status, call)
        return fault_of(
            answer.status,
            refusal,
            what=call.what,
            host=self.registry,
            wait=wait,
            hint=hint or refusal_hint(answer.status, refusal, answer.headers),
        )

    def send(self, call: Call) -> tuple[Answer, str | None]:
        """Send a request once; returns the answer, and the `Authorization` header that was used.

        Raises `Unreachable` for transient statuses.
        """
        self.retrier.require_heard()
        answer, used = self._exchange(call)
        self.retrier.heard()
        if answer.status in TRANSIENT:
            raise self.fault(answer, call)
        self.gate.went_well()
        return answer, used

    def _again(self, answer: Answer, call: Call) -> Answer:
        answer.close()
        rewind(call.body)
        return self.send(call)[0]

    def _exchange(self, call: Call) -> tuple[Answer, str | None]:
        url = urljoin(self.origin.base(), call.path)
        header = self.authorization.header(call) if self.origin.owns(url) else None
        with self.gate.slot():
            answer = self._deliver(call, url, header)
            for _ in range(_MOST_REDIRECTS):
                if not _is_followed(answer, call):
                    break
                with contextlib.closing(answer):
                    url = self.origin.redirected(answer, call.what)
                rewind(call.body)
                answer = self._deliver(call, url, header)
        if _is_followed(answer, call):
            answer.close()
            raise Invalid(f"`{self.registry}` redirects {call.what} too often", hint=PROXY)
        return answer, header

    def _deliver(self, call: Call, url: str, header: str | None) -> Answer:
        own = self.origin.owns(url)
        headers = {**call.headers, **({"Authorization": header} if header and own else {})}
        answer = self.ports.transport.send(
            call.method,
            url,
            headers=headers,
            body=call.body,
            accept=anywhere if own else self.origin.accept_foreign,
        )
        if own and answer.reach is not None:
            self.origin.answered_from(answer.reach)
        return answer

    def _refusal(self, answer: Answer) -> Refusal:
        try:
            return read_refusal(answer.read(LARGEST_ERROR, "error"), self.ports.secrets.scrub)
        except RegistryError:
            return Refusal()
        finally:
            answer.close()


def _is_followed(answer: Answer, call: Call) -> bool:
    """Whether a redirect is followed: by reads; by writes if method and body stay."""
    return answer.status in (_REDIRECTS if call.method in ("GET", "HEAD") else _SAME_METHOD)
