"""Calls the Docker Engine API through the docker SDK; adds cancellation, and keeps secrets out of messages.

A cancelled run closes its connections, so that the daemon stops its build at once. Error messages leave out the URL of
the request, because it contains the values of build arguments.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from release.control import Cancel
from release.docker.host import Endpoint, config_folder, find_endpoint
from release.errors import BuildError, BuilderUnavailable, ReleaseError
from release.oci.image_json import parse_platform

if TYPE_CHECKING:
    from docker import APIClient

# Seconds for the first answers of a daemon. A local daemon answers in milliseconds; without a limit, an address whose
# packets are dropped would block the command.
ANSWER_WITHIN = 5.0
_ANY_VERSION = "1.24"  # the oldest that the SDK accepts; the request for the daemon's version names none
# Characters of the daemon's text in an error message: a few lines. The text may contain the output of a whole build
# step.
_TELL_AT_MOST = 500


class Engine:
    """A connection to a docker daemon. `version`: of the engine; `platform`: of the daemon's machine."""

    def __init__(
        self, client: APIClient, endpoint: Endpoint, cancel: Cancel, about: Mapping[str, Any]
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self._cancel = cancel
        self.version = str(about["Version"])
        self.platform = parse_platform(f"{about['Os']}/{about['Arch']}")

    def build(self, context: Iterator[bytes], **options: Any) -> Iterator[dict[str, Any]]:
        """Send the build context, a tar, and yield the daemon's messages. `options`: arguments of the SDK's `build`.

        The failure of a build is not raised: one of the messages tells it. Raises `BuildError` if the daemon refuses
        the request or the connection breaks, or the cancellation's error.
        """
        with self._speaking():
            answer = self._client.build(
                fileobj=cast(Any, context),
                custom_context=True,
                decode=True,
                rm=True,
                forcerm=True,
                timeout=None,
                **options,
            )
            for message in answer:
                self._cancel.check()
                if isinstance(message, dict):
                    yield message

    def export(self, image: str) -> Iterator[bytes]:
        """Yield the image as `docker save` writes it, in chunks. `image`: a name or id. Raises `BuildError`."""
        with self._speaking():
            for chunk in self._client.get_image(image):
                self._cancel.check()
                yield chunk

    def images(self) -> frozenset[str]:
        """The ids of all images, also of the intermediate images of builds. Raises `BuildError`."""
        with self._speaking():
            return frozenset(str(one["Id"]) for one in self._client.images(all=True))

    def inspect(self, image: str) -> Mapping[str, Any]:
        """The daemon's description of an image, given by id or name. Raises `BuildError`, also for a missing image."""
        with self._speaking():
            answer: Mapping[str, Any] = self._client.inspect_image(image)  # type: ignore[no-untyped-call]  # the stubs leave it out
            return answer

    def remove(self, image: str) -> None:
        """Remove an image, given by id or name, but none of its parent images.

        Raises `BuildError` if the image is in use or missing.
        """
        with self._speaking():
            self._client.remove_image(image, noprune=True)

    def load(self, archive: IO[bytes]) -> None:
        """Load an archive into the daemon, as `docker load` does. Raises `BuildError` with the daemon's message."""
        with self._speaking():
            for message in self._client.load_image(archive):  # type: ignore[no-untyped-call]  # the stubs leave it out
                self._cancel.check()
                if isinstance(message, dict) and message.get("error"):
                    raise BuildError(f"the docker daemon refused the image: {message['error']}")

    @contextlib.contextmanager
    def _speaking(self) -> Iterator[None]:
        with translated(self._endpoint, self._cancel):
            yield


@contextlib.contextmanager
def connect(
    env: Mapping[str, str],
    cancel: Cancel,
    registries: tuple[str, ...] = (),
    *,
    answer_within: float = ANSWER_WITHIN,
) -> Iterator[Engine]:
    """Connect to the docker daemon. `registries`: those whose credentials are sent with a build, for its pulls.

    `answer_within`: seconds for the daemon's first answers. Raises `BuilderUnavailable` if no daemon answers.
    """
    endpoint = find_endpoint(env)
    open_now = _Open()
    with cancel.on_cancel(open_now.shut):
        try:
            _knock(endpoint, cancel, answer_within)
            with translated(endpoint, cancel, unavailable=True):
                asking = open_now.watch(_client(endpoint, env, _ANY_VERSION, (), answer_within))
                about = asking.version(api_version=False)
                version = endpoint.api_version or about["ApiVersion"]
                client = open_now.watch(_client(endpoint, env, version, registries, answer_within))
                engine = Engine(client, endpoint, cancel, about)
            # No timeout from here on: a build step may print nothing for an hour, and an export is prepared before its
            # first byte.
            client.timeout = cast(Any, None)
            yield engine
        finally:
            open_now.close()


def require_listener(env: Mapping[str, str], cancel: Cancel) -> None:
    """Raise `BuilderUnavailable` if no daemon listens. Connects without the SDK, which would read credentials."""
    endpoint = find_endpoint(env)
    _knock(endpoint, cancel, ANSWER_WITHIN)
    if not endpoint.url.startswith("unix://"):
        with translated(endpoint, cancel, unavailable=True):
            parts = urlsplit(endpoint.url)
            socket.create_connection(
                (parts.hostname or "", parts.port or 2375), timeout=ANSWER_WITHIN
            ).close()


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
            f"the docker daemon at `{endpoint.shown}` refused: {_short(text)}",
            hint="see the daemon's own log",
        )
    if isinstance(error, InvalidConfigFile):
        return kind(
            "docker's own `config.json` cannot be read", hint="check its `auths`, or set `DOCKER_CONFIG`"
        )
    cause = _system_error(error)
    if cause is not None:
        return _silence(kind, endpoint, cause)
    return kind(
        f"the server at `{endpoint.shown}` (from {endpoint.source}) does not speak the Docker Engine API",
        hint="check `DOCKER_HOST` and the docker context",
    )


def _silence(kind: type[BuildError], endpoint: Endpoint, cause: str) -> BuildError:
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


def _knock(endpoint: Endpoint, cancel: Cancel, answer_within: float) -> None:
    """Raise `BuilderUnavailable` if nothing listens on a Unix socket.

    The SDK would leave a socket open, and where there is no daemon its import takes longer than all else.
    """
    if not endpoint.url.startswith("unix://"):
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(answer_within)
            probe.connect(endpoint.url.removeprefix("unix://"))
    except OSError as error:
        cancel.check()
        late = isinstance(error, TimeoutError)
        cause = "no answer in time" if late else (error.strerror or str(error)).lower()
        raise _silence(BuilderUnavailable, endpoint, cause) from None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TELL_AT_MOST else line[:_TELL_AT_MOST] + "…"


def _client(
    endpoint: Endpoint,
    env: Mapping[str, str],
    version: str,
    registries: tuple[str, ...],
    answer_within: float,
) -> APIClient:
    """An SDK client that has sent no request yet."""
    from docker import APIClient, auth
    from docker.errors import DockerException
    from docker.tls import TLSConfig

    class _Client(APIClient):
        def _set_auth_headers(self, headers: dict[str, str]) -> None:
            """Send only credentials of `registries`, which the build pulls from; the SDK would send all."""
            known = auth.load_config(config_path=os.path.join(config_folder(env), "config.json"))
            found = {}
            for registry in registries:
                # If a credential helper fails, the daemon pulls without a credential.
                with contextlib.suppress(DockerException):
                    credential = known.resolve_authconfig(registry)
                    if credential:
                        found[auth.INDEX_URL if registry == auth.INDEX_NAME else registry] = credential
            if found:
                headers["X-Registry-Config"] = auth.encode_header(found).decode()

    tls: Any = False
    certificates = endpoint.certificates
    if certificates is not None:
        pair = (certificates.cert, certificates.key) if certificates.cert and certificates.key else None
        tls = TLSConfig(client_cert=pair, ca_cert=certificates.ca, verify=certificates.verify)
    client = _Client(base_url=endpoint.url, version=version, timeout=cast(Any, answer_within), tls=tls)
    # Ignore a CA bundle, proxy or .netrc of the environment: they are meant for the internet, not for the daemon.
    client.trust_env = False
    return client


class _Open:
    """Connections of SDK clients: shut down when the run is cancelled, closed at the end."""

    def __init__(self) -> None:
        self._clients: list[APIClient] = []
        self._answers: list[Any] = []
        self._sockets: list[Any] = []

    def watch(self, client: APIClient) -> APIClient:
        """Record every socket and response of the client's requests.

        urllib3 has no public way to the socket of a running request; each request calls `_get_conn`.
        """
        self._clients.append(client)
        client.hooks["response"].append(lambda answer, *_, **__: self._answers.append(answer))
        for adapter in client.adapters.values():
            self._wrap(adapter, "get_connection_with_tls_context", self._watch_pool)
        return client

    def shut(self) -> None:
        """Shut down every connection, so that threads stop waiting for its bytes."""
        for each in list(self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close responses and clients: a response that was not read to its end keeps its connection open."""
        for each in (*self._answers, *self._clients):
            each.close()

    def _watch_pool(self, pool: Any) -> None:
        if "_get_conn" not in vars(pool):
            self._wrap(pool, "_get_conn", self._watch_connection)

    def _watch_connection(self, connection: Any) -> None:
        if connection.sock is not None:
            self._sockets.append(connection.sock)
        elif "connect" not in vars(connection):
            self._wrap(connection, "connect", lambda _: self._sockets.append(connection.sock))

    @staticmethod
    def _wrap(owner: Any, name: str, then: Callable[[Any], None]) -> None:
        """Let `owner.name(…)` call `then` with its result before it returns."""
        inner = getattr(owner, name)

        def outer(*args: Any, **options: Any) -> Any:
            result = inner(*args, **options)
            then(result)
            return result

        setattr(owner, name, outer)
