"""Sends requests to one registry host: with its address, authentication, throttle, retries and redirects.

A credential is sent only to the host's own origin (scheme, host and port) and to its token realm. At another origin,
redirects and upload locations are followed without the credential, and the next page of a list is refused.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

from release.control import Cancel, Deadline
from release.errors import Denied, Invalid, RegistryError, Unreachable
from release.events import Note, Sink
from release.ports import Clock
from release.registry.auth.bearer import Tokens, basic
from release.registry.auth.challenge import Challenge, choose, parse_challenges, scope
from release.registry.auth.keychain import Credential, Finder
from release.registry.http.address_policy import Reach, is_loopback_host, may_lead_to
from release.registry.http.bodies import Growing, Upload, rewind
from release.registry.http.client import Answer, Transport, anywhere
from release.registry.http.error_body import LARGEST_ERROR, Refusal, fault_of, read_refusal
from release.registry.http.redirects import absolute, host_name, origin_of
from release.registry.http.retry import TRANSIENT, Retrier, RetryPolicy, retry_after
from release.registry.http.tls import Trust
from release.registry.ping import probe
from release.registry.refusal_hints import refusal_hint
from release.registry.throttle import Throttle
from release.secrets.known import Secrets

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Redirects that keep method and body, and so may be followed by writes (RFC 9110, sections 15.4.8 and 15.4.9).
_SAME_METHOD = frozenset({307, 308})
# More redirects in a row than this count as a loop. Registries redirect a blob once, to its storage.
_MOST_REDIRECTS = 5
# Concurrent requests to one host, halved by `Throttle` after a 429.
# Fewer would leave a fast link unused; more would be refused by registries that limit a client's connections.
_MOST_AT_ONCE = 16
# Connections that are opened before they are needed: a release reads about five tags at once.
# Unused ones cost the registry a handshake each.
_CONNECTIONS_AHEAD = 5


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of sizes. `pages`: pages of one list, since a hostile registry may return an endless list."""

    chunk: int = 16 * 1024 * 1024  # bytes of a PATCH, where a registry does not take a blob in one request
    pages: int = 10_000


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Objects that all hosts of a run share. `jitter`: returns a number from 0 to 1."""

    transport: Transport
    trust: Trust
    credentials: Finder
    secrets: Secrets
    clock: Clock
    sink: Sink
    cancel: Cancel
    deadline: Deadline
    policy: RetryPolicy = RetryPolicy()
    sizes: Sizes = Sizes()
    jitter: Callable[[], float] = random.random


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `path`: below the host, or a whole URL that the host returned.

    `scopes`: for a bearer token. `what`: the purpose, for messages. `subject`: the repository whose credential is used.
    """

    method: str
    path: str
    what: str
    subject: str
    scopes: tuple[str, ...]
    headers: Mapping[str, str] = {}
    body: bytes | Upload | Growing | None = None


class Host:
    """A registry, shared by its repositories. `registry`: its name. `api_host`: the host that serves its API."""

    def __init__(self, registry: str, api_host: str, ports: Ports) -> None:
        self.registry = registry
        self.ports = ports
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
        self.page = 0  # index into `tag_list._PAGES`: raised when the registry refuses the size
        self.hides_untagged = False  # set when the registry shows a manifest only under a tag
        self._api_host = api_host
        # Guards `_base` and `_connected`: threads that send their first requests at once probe the host only once.
        self._lock = threading.Lock()
        self._base: str | None = None
        self._connected = False
        self._reach: Reach | None = None
        self._challenge: Challenge | None = None
        self._wide: set[str] = set()  # repositories that are read with a token for pushing
        self._tokens = Tokens(
            host=registry,
            transport=ports.transport,
            accept=self.accept_foreign,
            secure=lambda: self.base().startswith("https:"),
            secrets=ports.secrets,
            clock=ports.clock.monotonic,
            wall=ports.clock.now,
            notice=lambda text: ports.sink.emit(Note(level="info", text=text)),
        )

    @property
    def challenge(self) -> Challenge | None:
        """The challenge that the registry sent last; None before the first, and where everybody may read."""
        return self._challenge

    def base(self) -> str:
        """Scheme and host. If plain http is allowed, the host is probed once to find out whether it speaks TLS.

        Raises `Unreachable` if the probe gets no answer; the next call probes again.
        """
        with self._lock:
            if self._base is None:
                allowed = self.ports.trust.allows_http(self._api_host)
                self._base = self._probe() if allowed else f"https://{self._api_host}"
            return self._base

    def connect(self) -> None:
        """Open connections for the requests that follow, once. Errors are ignored: those requests report them."""
        with self._lock:
            first, self._connected = not self._connected, True
        if not first:
            return
        with contextlib.suppress(RegistryError):
            self.ports.transport.open_ahead(self.base(), _CONNECTIONS_AHEAD)

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

    def once(self, call: Call) -> Answer:
        """Send a request; after a 401, send it with another credential or token, then with one for pushing, if any.

        A body is sent again from its own first byte: a registry refuses a token before it reads the body. Raises
        `Unreachable` for transient statuses and network errors, which are not retried.
        """
        answer, authorization = self.send(call)
        is_renewed = answer.status == 401 and self.renew(answer, authorization)
        # A token that stands in the user's file is the same at the next attempt.
        if is_renewed and (authorization is None or self.credential(call.subject).kind != "bearer"):
            answer, _ = self._again(answer, call)
        if answer.status == 401 and self._may_ask_for_more(answer, call):
            # Docker Hub answers 401 for a repository that does not exist, unless the token allows pushing: then 404.
            self._wide.add(call.subject)
            answer, _ = self._again(answer, call)
        return answer

    def _again(self, answer: Answer, call: Call) -> tuple[Answer, str | None]:
        answer.close()
        rewind(call.body)
        return self.send(call)

    def send(self, call: Call) -> tuple[Answer, str | None]:
        """Send a request once; returns the answer, and the `Authorization` header that was used.

        Raises `Unreachable` for transient statuses.
        """
        self.retrier.require_heard()
        answer, authorization = self._exchange(call)
        self.retrier.heard()
        if answer.status in TRANSIENT:
            raise self.fault(answer, call)
        self.gate.went_well()
        return answer, authorization

    def renew(self, answer: Answer, authorization: str | None) -> bool:
        """Store the challenge of a 401; returns whether another attempt would use another credential or token."""
        challenge = choose(parse_challenges(answer.headers.get("WWW-Authenticate") or ""))
        # Only the registry itself may name a token realm, not a host that it redirected to.
        if challenge is None or not self.is_own(answer.url):
            return False
        known, self._challenge = self._challenge, challenge
        if authorization is None or known is None or known.scheme != challenge.scheme:
            return True
        self._tokens.forget(authorization.partition(" ")[2])
        return challenge.scheme == "bearer"

    def fault(self, answer: Answer, call: Call) -> RegistryError:
        """The error for an answer, which is read and closed. A 429 lowers the throttle."""
        wait = retry_after(answer.headers.get("Retry-After"), self.ports.clock.now())
        if answer.status == 429:
            self.gate.was_throttled(wait or 0.0, most=self.ports.policy.longest_wait)
        refusal = self._refusal(answer)
        return fault_of(
            answer.status,
            refusal,
            what=call.what,
            host=self.registry,
            wait=wait,
            hint=self._hint(answer.status, call) or refusal_hint(answer.status, refusal, answer.headers),
        )

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

    def location(self, answer: Answer, what: str) -> str:
        """The URL of an upload's next request. A URL at another host is accepted, but gets no credential.

        Raises `Invalid` for an answer without a usable URL, and for http at another host if the registry uses https.
        """
        text = answer.headers.get("Location")
        if not text:
            raise Invalid(f"`{self.registry}` gave no location for {what}")
        target = self._leave(answer.url, text, what)
        own = urlsplit(self.base())
        if target.hostname == own.hostname and target.scheme == "http" and own.scheme == "https":
            # A proxy in front of the registry ends TLS, so the registry writes http URLs: keep our own origin.
            return target._replace(scheme=own.scheme, netloc=own.netloc).geturl()
        self._require_no_downgrade(target, what)
        return target.geturl()

    def next_page(self, answer: Answer, link: str) -> str:
        """The URL of a list's next page. Raises `Invalid` at another origin."""
        target = self._leave(answer.url, link, "the next page")
        if origin_of(target) != origin_of(urlsplit(self.base())):
            raise Invalid(f"`{self.registry}` continues a list at another host, which is not followed")
        return target.geturl()

    def credential(self, subject: str) -> Credential:
        """The credential for a repository; its secret is masked in all output from now on."""
        found = self.ports.credentials.find(self.registry, subject)
        self.ports.secrets.add(found.secret)
        return found

    def authorization(self, call: Call) -> str | None:
        """The `Authorization` header for a call at our own origin; None before the registry sent a challenge.

        Raises `Denied` if the registry requires a user name and password and none are configured.
        """
        challenge = self._challenge
        if challenge is None:
            return None
        credential = self.credential(call.subject)
        if credential.kind == "bearer":
            self.ports.secrets.add(credential.secret)
            return f"Bearer {credential.secret}"
        if challenge.scheme == "bearer":
            return f"Bearer {self._tokens.get(challenge, self._scopes(call), credential)}"
        if credential.kind == "anonymous":
            raise Denied(
                f"`{self.registry}` requires a user name and password, and none are configured",
                hint=self.ports.credentials.advice(self.registry),
                status=401,
            )
        return basic(credential, self.ports.secrets)

    def _may_ask_for_more(self, answer: Answer, call: Call) -> bool:
        bearer = self._challenge is not None and self._challenge.scheme == "bearer"
        if not bearer or not self.is_own(answer.url) or call.subject in self._wide:
            return False
        known = self.credential(call.subject).kind in ("basic", "identity")
        return known and scope(call.subject, "pull") in call.scopes

    def _scopes(self, call: Call) -> tuple[str, ...]:
        if call.subject not in self._wide:
            return call.scopes
        narrow, wide = scope(call.subject, "pull"), scope(call.subject, "pull", "push")
        return tuple(wide if one == narrow else one for one in call.scopes)

    def _exchange(self, call: Call) -> tuple[Answer, str | None]:
        url = urljoin(self.base(), call.path)
        authorization = self.authorization(call) if self.is_own(url) else None
        with self.gate.slot():
            answer = self._deliver(call, url, authorization)
            for _ in range(_MOST_REDIRECTS):
                if not _is_followed(answer, call):
                    break
                with contextlib.closing(answer):
                    url = self._redirected(answer, call.what)
                rewind(call.body)
                answer = self._deliver(call, url, authorization if self.is_own(url) else None)
        if _is_followed(answer, call):
            answer.close()
            raise Invalid(f"`{self.registry}` redirects {call.what} too often")
        return answer, authorization

    def _deliver(self, call: Call, url: str, authorization: str | None) -> Answer:
        own = self.is_own(url)
        headers = {**call.headers, **({"Authorization": authorization} if authorization else {})}
        answer = self.ports.transport.send(
            call.method,
            url,
            headers=headers,
            body=call.body,
            accept=anywhere if own else self.accept_foreign,
        )
        if own and answer.reach is not None:
            self._reach = answer.reach
        return answer

    def _redirected(self, answer: Answer, what: str) -> str:
        """The URL to which an answer redirects. A URL at another host gets no credential. Raises `Invalid`."""
        text = answer.headers.get("Location")
        if not text:
            raise Invalid(f"`{self.registry}` redirects {what} without a location")
        target = self._leave(answer.url, text, what)
        self._require_no_downgrade(target, what)
        return target.geturl()

    def _leave(self, current: str, text: str, what: str) -> SplitResult:
        target = absolute(current, text)
        if target is None:
            raise Invalid(f"`{self.registry}` names a location for {what} that is not a plain URL")
        return target

    def _require_no_downgrade(self, target: SplitResult, what: str) -> None:
        if self.base().startswith("https:") and target.scheme != "https":
            raise Invalid(f"`{self.registry}` sends {what} from https to http, which is not followed")

    def is_own(self, url: str) -> bool:
        """Whether a URL is at this registry's own origin."""
        return origin_of(urlsplit(url)) == origin_of(urlsplit(self.base()))

    def accept_foreign(self, reach: Reach) -> str | None:
        """Why this registry may not send us to an address of this reach; None if it may."""
        own = self._reach
        if own is None:
            own = Reach.LOOPBACK if is_loopback_host(host_name(self._api_host)) else Reach.GLOBAL
        if may_lead_to(own, reach):
            return None
        return f"a {reach.name.lower()} address, where `{self.registry}` may not send us"

    def _hint(self, status: int, call: Call) -> str | None:
        if status not in (401, 403):
            return None
        credential = self.credential(call.subject)
        if credential.kind == "anonymous":
            return self.ports.credentials.advice(self.registry)
        return f"the credential is from {credential.source}: check that it may do this in `{call.subject}`"

    def _refusal(self, answer: Answer) -> Refusal:
        try:
            return read_refusal(answer.read(LARGEST_ERROR, "error"), self.ports.secrets.scrub)
        except RegistryError:
            return Refusal()
        finally:
            answer.close()

    def _probe(self) -> str:
        found = probe(
            self.ports.transport, self._api_host, prefer_tls=not self.ports.trust.verifies(self._api_host)
        )
        self._reach = found.reach
        if found.challenge is not None:
            self._challenge = choose(parse_challenges(found.challenge))
        return found.base


def _is_followed(answer: Answer, call: Call) -> bool:
    """Whether a redirect is followed: by reads; by writes if method and body stay."""
    return answer.status in (_REDIRECTS if call.method in ("GET", "HEAD") else _SAME_METHOD)
