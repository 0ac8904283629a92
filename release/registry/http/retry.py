"""When another attempt makes sense, and how long to wait for it. Pure but for the wait."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import msgspec

from release.control import Cancel, Deadline
from release.errors import RegistryError, Unreachable

#: Statuses that say "not now" rather than "no".
TRANSIENT = frozenset({408, 425, 429, 499, 500, 502, 503, 504, 522})
#: `RegistryError.code` of faults of our own that another attempt would meet again.
TLS_FAULT = "tls"
NO_SUCH_HOST = "dns"


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How stubborn to be. Times in seconds.

    `base` doubles with every attempt up to `cap`; the wait is anything between nothing and that (full jitter), but
    at least what the registry asked for with `Retry-After`, up to `longest_wait`. Who asks for more than `patience`
    is not waited for at all.
    """

    attempts: int = 6
    base: float = 0.5
    cap: float = 30.0
    longest_wait: float = 60.0
    patience: float = 600.0


class Retrier:
    """Waits between attempts. `jitter`: a number from 0 to 1."""

    def __init__(
        self, policy: RetryPolicy, *, cancel: Cancel, deadline: Deadline, jitter: Callable[[], float]
    ) -> None:
        self.policy = policy
        self._cancel = cancel
        self._deadline = deadline
        self._jitter = jitter
        self._is_silent = False

    def pause(self, error: RegistryError, attempt: int) -> None:
        """Wait before the attempt after `attempt` (1 is the first); raises `error` where that makes no sense."""
        if not is_transient(error):
            raise error
        asked = error.retry_after or 0.0
        if self._is_silent and error.status is None:
            raise _with(error, " (asked once: it kept silent before)")
        if attempt >= self.policy.attempts:
            # A host that says nothing is asked patiently once; whoever asks next need not wait as long again.
            self._is_silent = error.status is None
            raise _with(error, f" ({attempt} attempts)")
        wait = max(self._backoff(attempt), min(asked, self.policy.longest_wait))
        if asked > self.policy.patience or self._deadline.remaining(wait) < wait:
            raise _with(error, f" (it asks to wait {asked:g} seconds)" if asked else " (no time is left)")
        self._cancel.wait(wait)

    def heard(self) -> None:
        """The host answered: it is worth patience again."""
        self._is_silent = False

    def _backoff(self, attempt: int) -> float:
        return self._jitter() * min(self.policy.cap, self.policy.base * 2.0 ** (attempt - 1))


def is_transient(error: RegistryError) -> bool:
    """Whether the same request may do better later."""
    if not isinstance(error, Unreachable):
        return False
    return error.code not in (TLS_FAULT, NO_SUCH_HOST)


def retry_after(value: str | None, now: int) -> float | None:
    """Seconds from a `Retry-After` header, which is seconds or a date; None where it says nothing usable.

    `now`: milliseconds since the epoch.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    return max(0.0, when.timestamp() - now / 1000)


def _with(error: RegistryError, words: str) -> RegistryError:
    return type(error)(
        error.message + words,
        hint=error.hint,
        status=error.status,
        code=error.code,
        retry_after=error.retry_after,
    )
