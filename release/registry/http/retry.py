"""Decides whether a failed request is retried, and after which pause. Pure except for the pause itself."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import msgspec

from release.control import Cancel, Deadline
from release.errors import RegistryError, Unreachable

#: Statuses of overload and of passing failures, after which a retry may succeed.
#: Not in RFC 9110: 499 (nginx: the client closed the connection) and 522 (Cloudflare: no connection to the server).
TRANSIENT = frozenset({408, 425, 429, 499, 500, 502, 503, 504, 522})
#: `RegistryError.code` of TLS errors, which no retry can fix.
TLS_FAULT = "tls"
#: `RegistryError.code` of a server that answered a TLS handshake without TLS.
NO_TLS = "no tls"
NO_SUCH_HOST = "dns"
#: `RegistryError.code` of a proxy that does not connect to the host, by its rules or without a password.
PROXY_REFUSED = "proxy"
#: `RegistryError.code` for a host that was given up because it did not answer.
SILENT = "silent"
# Seconds of a pause from which on the user gets a message: nobody notices a shorter pause.
_LONG = 5.0


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of retries. Times in seconds.

    The pause is random between 0 and `base`, which doubles with each attempt up to `cap` (full jitter), but at least
    the registry's `Retry-After`, up to `longest_wait`. A request with a `Retry-After` above `patience` is not retried.
    With the default values, the five pauses without `Retry-After` come to 15.5 seconds at most, and a `Retry-After` is
    kept in full or not at all. A host that says nothing for `silence` is given up: for as long, later requests fail at
    once.
    """

    attempts: int = 6
    base: float = 0.5
    cap: float = 30.0
    longest_wait: float = 300.0
    patience: float = 300.0
    silence: float = 60.0


class Retrier:
    """Pauses between attempts at one host. `jitter`: returns a number from 0 to 1. `tell`: prints a long pause."""

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        cancel: Cancel,
        deadline: Deadline,
        jitter: Callable[[], float],
        now: Callable[[], float],
        tell: Callable[[str], object],
    ) -> None:
        self.policy = policy
        self._cancel = cancel
        self._deadline = deadline
        self._jitter = jitter
        self._now = now
        self._tell = tell
        self._is_silent = False
        # When the host was given up for its silence, and the error. Threads set and read it as one value: no lock.
        self._given_up: tuple[float, RegistryError] | None = None

    def require_heard(self) -> None:
        """Raise the error for which the host was given up, if that was less than `RetryPolicy.silence` ago."""
        given_up = self._given_up
        if given_up is not None and self._now() - given_up[0] < self.policy.silence:
            raise given_up[1]

    def pause(self, error: RegistryError, attempt: int) -> None:
        """Pause after the failed attempt number `attempt` (from 1); raise `error` if no retry is left or can help."""
        if not is_transient(error):
            raise error
        # Attempts that wait in vain take equally long, so their number tells how long the host has said nothing.
        if error.silent and error.silent * attempt >= self.policy.silence:
            silent = _with(error, f" (nothing was heard for {self.policy.silence:g} seconds)", code=SILENT)
            self._given_up = (self._now(), silent)
            raise silent
        asked = error.retry_after or 0.0
        if self._is_silent and error.status is None:
            raise _with(error, " (one attempt, since the host did not answer before)")
        if attempt >= self.policy.attempts:
            # The host does not answer at all: later requests get one attempt each, until it answers again.
            self._is_silent = error.status is None
            raise _with(error, f" ({attempt} attempts)")
        wait = max(self._backoff(attempt), min(asked, self.policy.longest_wait))
        if asked > self.policy.patience or self._deadline.remaining(wait) < wait:
            raise _with(error, self._too_long(asked))
        if wait >= _LONG:
            self._tell(f"{error.message}: the next attempt is in {wait:.0f} seconds")
        self._cancel.wait(wait)

    def heard(self) -> None:
        """Note that the host answered: its later requests get all attempts again."""
        self._is_silent = False
        self._given_up = None

    def _too_long(self, asked: float) -> str:
        if not asked:
            return " (no time is left)"
        most = self.policy.patience
        limit = f", and {most:g} are waited at most" if asked > most else ", and no time is left"
        return f" (it asks to wait {asked:g} seconds{limit})"

    def _backoff(self, attempt: int) -> float:
        return self._jitter() * min(self.policy.cap, self.policy.base * 2.0 ** (attempt - 1))


def is_transient(error: RegistryError) -> bool:
    """Whether a retry may succeed: false for TLS errors, unknown hosts, and proxies that refuse."""
    if not isinstance(error, Unreachable):
        return False
    return error.code not in (TLS_FAULT, NO_TLS, NO_SUCH_HOST, PROXY_REFUSED, SILENT)


def retry_after(value: str | None, now: int) -> float | None:
    """Seconds from a `Retry-After` header (seconds, or a date); None if it is unusable.

    `now`: milliseconds since the epoch.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    # Imported late: `email` loads many modules, and registries send a date here rarely.
    from email.utils import parsedate_to_datetime

    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    return max(0.0, when.timestamp() - now / 1000)


def _with(error: RegistryError, words: str, *, code: str | None = None) -> RegistryError:
    return type(error)(
        error.message + words,
        hint=error.hint,
        status=error.status,
        code=code or error.code,
        retry_after=error.retry_after,
    )
