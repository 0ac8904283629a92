"""Turns errors of the docker SDK and its libraries into ours, without the URL of the request.

The URL contains the values of build arguments.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from release.control import Cancel
from release.docker.host import Endpoint
from release.errors import BuildError, BuilderUnavailable, ReleaseError
from release.programs.messages import shortened, tells_full_disk

# Characters of the daemon's text in an error message: a few lines. The text may contain the output of a whole build
# step.
_TELL_AT_MOST = 500
#: The hint for a daemon that cannot write.
FULL_DISK = (
    "make room on the disk where the docker daemon keeps images (`docker info`: Docker Root Dir): "
    "`docker system df` shows what fills it"
)


@contextlib.contextmanager
def translated(endpoint: Endpoint, cancel: Cancel, *, unavailable: bool = False) -> Iterator[None]:
    """Turn errors of the SDK and its libraries into `BuildError`, or, with `unavailable`, into `BuilderUnavailable`.

    A cancelled run raises the cancellation's error.
    """
    try:
        yield
    except (ReleaseError, GeneratorExit):
        raise
    except Exception as error:  # noqa: BLE001 - the SDK passes on any error of its libraries, even KeyError
        cancel.check()
        raise _translate(
            error, endpoint, unavailable=unavailable
        ) from None  # the error's text may contain values of build arguments


def _translate(error: Exception, endpoint: Endpoint, *, unavailable: bool) -> BuildError:
    from docker.errors import APIError, InvalidConfigFile

    kind = BuilderUnavailable if unavailable else BuildError
    if isinstance(error, APIError):
        explanation: object = error.explanation or "it gave no reason"  # bytes where the answer is not JSON
        text = explanation.decode("utf-8", "replace") if isinstance(explanation, bytes) else str(explanation)
        return kind(
            f"the docker daemon at `{endpoint.shown}` refused: {shortened(' '.join(text.split()), _TELL_AT_MOST)}",
            hint=FULL_DISK if tells_full_disk(text) else "see the daemon's own log",
        )
    if isinstance(error, InvalidConfigFile):
        return kind(
            "docker's own `config.json` cannot be read", hint="check its `auths`, or set `DOCKER_CONFIG`"
        )
    cause = _system_error(error)
    if cause is not None:
        return no_answer(kind, endpoint, cause)
    return kind(
        f"the server at `{endpoint.shown}` (from {endpoint.source}) does not speak the Docker Engine API",
        hint="check `DOCKER_HOST` and the docker context",
    )


def no_answer(kind: type[BuildError], endpoint: Endpoint, cause: str) -> BuildError:
    """The error for a daemon that does not answer. `cause`: the reason, in lower case."""
    return kind(
        f"the docker daemon at `{endpoint.shown}` (from {endpoint.source}) does not answer: {cause}",
        hint="start the daemon, or set `DOCKER_HOST` to one that runs",
    )


def _system_error(error: BaseException) -> str | None:
    """The operating system's reason in the causes of `error`, without the URL; None if there is none."""
    from http.client import IncompleteRead

    from requests.exceptions import Timeout

    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, Timeout | TimeoutError):
            return "no answer in time"
        if isinstance(current, OSError) and current.strerror:
            return current.strerror.lower()
        if isinstance(current, ConnectionError | IncompleteRead):
            return "it closed the connection"
        waiting += [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
    return None
