"""The origin of a registry (scheme, host and port), and the other places to which the registry may lead us."""

from __future__ import annotations

import contextlib
import threading
from urllib.parse import SplitResult, urlsplit

from release.errors import Invalid, RegistryError
from release.registry.auth.challenge import Challenge, choose, parse_challenges
from release.registry.hosts.ping import Found, probe
from release.registry.hosts.refusal_hints import FORWARDED, PROXY
from release.registry.http.address_policy import Reach, is_loopback_host, may_lead_to
from release.registry.http.answer import Answer
from release.registry.http.client import Transport
from release.registry.http.redirects import absolute, host_name, origin_of
from release.registry.http.tls import Trust

# Connections that are opened before they are needed: a release reads about five tags at once.
# Unused ones cost the registry a handshake each.
_CONNECTIONS_AHEAD = 5


class Origin:
    """Where a registry's API is. Thread-safe. `registry`: its name. `api_host`: the host that serves its API."""

    def __init__(self, registry: str, api_host: str, *, transport: Transport, trust: Trust) -> None:
        self._registry = registry
        self._api_host = api_host
        self._transport = transport
        self._trust = trust
        # Guards `_base` and `_connected`: threads that send their first requests at once probe the host only once.
        self._lock = threading.Lock()
        self._base: str | None = None
        self._connected = False
        self._reach: Reach | None = None
        #: The challenge in the answer to the probe.
        self.first_challenge: Challenge | None = None

    def base(self) -> str:
        """Scheme and host. If plain http is allowed, the host is probed once to find out whether it speaks TLS.

        Raises `Unreachable` if the probe gets no answer; the next call probes again.
        """
        with self._lock:
            if self._base is None:
                allowed = self._trust.allows_http(self._api_host)
                self._base = self._probed().base if allowed else f"https://{self._api_host}"
            return self._base

    @property
    def is_secure(self) -> bool:
        """Whether the registry speaks TLS."""
        return self.base().startswith("https:")

    def connect(self) -> None:
        """Open connections for the requests that follow, once. Errors are ignored: those requests report them."""
        with self._lock:
            first, self._connected = not self._connected, True
        if not first:
            return
        with contextlib.suppress(RegistryError):
            self._transport.open_ahead(self.base(), _CONNECTIONS_AHEAD)

    def owns(self, url: str) -> bool:
        """Whether a URL is at this origin."""
        return origin_of(urlsplit(url)) == origin_of(urlsplit(self.base()))

    def answered_from(self, reach: Reach) -> None:
        """Remember how far away the address is from which the registry answered."""
        self._reach = reach

    def accept_foreign(self, reach: Reach) -> str | None:
        """Why this registry may not send us to an address of this reach; None if it may."""
        own = self._reach
        if own is None:
            own = Reach.LOOPBACK if is_loopback_host(host_name(self._api_host)) else Reach.GLOBAL
        if may_lead_to(own, reach):
            return None
        return f"a {reach.name.lower()} address, where `{self._registry}` may not send us"

    def redirected(self, answer: Answer, what: str) -> str:
        """The URL to which an answer redirects. A URL at another host gets no credential. Raises `Invalid`."""
        text = answer.headers.get("Location")
        if not text:
            raise Invalid(f"`{self._registry}` redirects {what} without a location", hint=PROXY)
        target = self._leave(answer.url, text, what)
        self._require_no_downgrade(target, what)
        return target.geturl()

    def upload_location(self, answer: Answer, what: str) -> str:
        """The URL of an upload's next request. A URL at another host is accepted, but gets no credential.

        Raises `Invalid` for an answer without a usable URL, and for http at another host if the registry uses https.
        """
        text = answer.headers.get("Location")
        if not text:
            raise Invalid(f"`{self._registry}` gave no location for {what}", hint=PROXY)
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
            text = f"`{self._registry}` continues a list at another host, which is not followed"
            raise Invalid(text, hint=PROXY)
        return target.geturl()

    def _leave(self, current: str, text: str, what: str) -> SplitResult:
        target = absolute(current, text)
        if target is None:
            text = f"`{self._registry}` names a location for {what} that is not a plain URL"
            raise Invalid(text, hint=PROXY)
        return target

    def _require_no_downgrade(self, target: SplitResult, what: str) -> None:
        if self.is_secure and target.scheme != "https":
            text = f"`{self._registry}` sends {what} from https to http, which is not followed"
            raise Invalid(text, hint=FORWARDED)

    def _probed(self) -> Found:
        found = probe(self._transport, self._api_host, prefer_tls=not self._trust.verifies(self._api_host))
        self._reach = found.reach
        if found.challenge is not None:
            self.first_challenge = choose(parse_challenges(found.challenge))
        return found
