"""Requests to the JSON API of a registry's vendor, with retries, limits and redirects as for the registry itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote

import msgspec

from release.decoding import decode
from release.errors import Invalid, NotFound, RegistryError, Unreachable
from release.hints import ODD_ANSWER
from release.registry.deletion.specification import DONE
from release.registry.hosts.authorization import Authorization
from release.registry.hosts.call import Call, Ports
from release.registry.hosts.host import Host
from release.registry.hosts.origin import Origin
from release.registry.http.answer import Answer
from release.registry.http.error_body import LARGEST_ERROR, Refusal, read_refusal
from release.registry.pagination import read_pages

# Bytes of one page: 100 entries with all of their labels and annotations take about 1 MiB.
# Bounds the memory that a hostile server can fill.
_LARGEST_PAGE = 16 * 1024 * 1024
#: Entries on one page, as most vendors allow at most.
PAGE = 100
# Digits of a time in seconds since the epoch, in a header.
_LONGEST_SECONDS = 12
# Characters of a time that are parsed; vendors write at most 35.
_LONGEST_TIME = 64

T = TypeVar("T")
Headers = Callable[[], Mapping[str, str]]


class _HeadersOfCalls(Authorization):
    """For calls that have their own headers. `needs`: see `ApiHost`."""

    def __init__(self, registry: str, origin: Origin, ports: Ports, *, needs: str) -> None:
        super().__init__(registry, origin, ports)
        self._needs = needs

    def header(self, call: Call) -> str | None:
        """None: each call has its own header."""
        del call
        return None

    def renew(self, answer: Answer, call: Call, used: str | None) -> bool:
        """No other credential would help."""
        del answer, call, used
        return False

    def hint(self, status: int, call: Call) -> str | None:
        """The hint for a refusal, with what the credential must allow."""
        return f"{self._about_credential(call)}; {self._needs}" if status in (401, 403) else None


class ApiHost(Host):
    """The host of an API. `registry`: whose credential is used; `needs`: what that must allow, for hints.

    The host's own challenges are not answered: `Api` gives each request the headers that the API takes.
    """

    def __init__(self, registry: Host, api_host: str, *, needs: str) -> None:
        super().__init__(registry.registry, api_host, registry.ports)
        self.authorization = _HeadersOfCalls(registry.registry, self.origin, registry.ports, needs=needs)

    def send(self, call: Call) -> tuple[Answer, str | None]:
        """Send a request once. Raises `Unreachable` also for a rate limit that is answered with 403, as by GitHub."""
        answer, header = super().send(call)
        if answer.status == 403 and (
            answer.headers.get("Retry-After") or answer.headers.get("X-RateLimit-Remaining") == "0"
        ):
            raise _limited(self.fault(answer, call))
        return answer, header

    def fault(self, answer: Answer, call: Call) -> RegistryError:
        """The error for an answer, which is read and closed."""
        error = super().fault(answer, call)
        if answer.status != 429:
            return error
        # Docker Hub names the second from which on it answers again, in a header of its own.
        at = answer.headers.get("X-Retry-After") or ""
        if error.retry_after is None and at.isascii() and at.isdigit() and len(at) <= _LONGEST_SECONDS:
            error.retry_after = max(0.0, int(at) - self.ports.clock.now() / 1000)
        return _limited(error)

    def _refusal(self, answer: Answer) -> Refusal:
        try:
            return read_refusal(answer.read(LARGEST_ERROR, "error"), self.ports.secrets.scrub, any_form=True)
        except RegistryError:
            return Refusal()
        finally:
            answer.close()


class Api:
    """The API at `host` for the repository `subject`. `headers`: gives the headers of a request."""

    def __init__(self, host: Host, subject: str, headers: Headers, *, scopes: tuple[str, ...] = ()) -> None:
        self._host = host
        self._subject = subject
        self._headers = headers
        self._scopes = scopes

    @property
    def host(self) -> Host:
        """The host of the API."""
        return self._host

    def get(self, path: str, type_: type[T], what: str) -> T:
        """Read a document. Raises `NotFound`, `Denied`, and `Invalid` for an answer of another form."""
        _, raw = self._host.fetch(self._call("GET", path, what), 200, most=_LARGEST_PAGE, name="answer")
        return self._decode(raw, type_)

    def pages(self, path: str, type_: type[T], what: str) -> Iterator[T]:
        """Read the pages of a list, as the header `Link` connects them. Raises `Invalid` for a list without an end."""
        for _, raw in read_pages(self._host, self._call("GET", path, what), most=_LARGEST_PAGE, name="list"):
            yield self._decode(raw, type_)

    def numbered(self, path: Callable[[int], str], type_: type[T], what: str) -> Iterator[T]:
        """Read the pages of a list from 1 on, until the caller stops. Raises `Invalid` for a list without an end."""
        for number in range(1, self._host.ports.sizes.pages + 1):
            try:
                page = self.get(path(number), type_, what)
            except NotFound as error:
                if number == 1:
                    raise
                raise Invalid(
                    f"the list of `{self._host.registry}` breaks off after {number - 1} pages",
                    hint=ODD_ANSWER,
                ) from error
            yield page
        raise Invalid(f"the list of `{self._host.registry}` does not end", hint=ODD_ANSWER)

    def delete(self, path: str, what: str) -> None:
        """Send a deletion. Raises `NotFound`, `Denied`, and `Invalid` for a refusal."""
        self._host.expect(self._call("DELETE", path, what), *DONE).close()

    def _call(self, method: str, path: str, what: str) -> Call:
        return Call(
            method=method,
            path=path,
            what=what,
            subject=self._subject,
            scopes=self._scopes,
            headers={"Accept": "application/json", **self._headers()},
        )

    def _decode(self, raw: bytes, type_: type[T]) -> T:
        try:
            return decode(raw, type_)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Invalid(
                f"`{self._host.registry}` answered something that its API does not say", hint=ODD_ANSWER
            ) from error


def _limited(error: RegistryError) -> Unreachable:
    return Unreachable(
        error.message,
        hint="the API's rate limit is used up: wait, or run prunes less often",
        status=429,
        code=error.code,
        retry_after=error.retry_after,
    )


def named(name: str) -> str:
    """A name as one part of a path: `acme%2Fapp`."""
    return quote(name, safe="")


def newest(*texts: str | None) -> int | None:
    """The newest of times of RFC 3339, in milliseconds since the epoch; None where none of them is known.

    Another text is not a time, nor is the year 1: Harbor writes it for an image that was never pulled.
    """
    return max((time for time in map(_milliseconds, texts) if time is not None), default=None)


def known(times: Iterable[tuple[str, int | None]]) -> dict[str, int]:
    """The times that are known, by tag or digest."""
    return {name: time for name, time in times if time is not None}


def _milliseconds(text: str | None) -> int | None:
    try:
        # Azure writes seven digits behind the point, of which Python reads six.
        moment = datetime.fromisoformat((text or "")[:_LONGEST_TIME])
        return None if moment.tzinfo is None or moment.year < 1971 else round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
