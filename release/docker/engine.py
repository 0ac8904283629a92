"""The Engine API through the docker SDK, with two things that the SDK lacks.

Cancelling closes the connections, so that the daemon stops at once. And no error shows the request's address, which
holds the values of build arguments.
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

ANSWER_WITHIN = 5.0  # seconds, for a daemon that is there
_ANY_VERSION = "1.24"  # the oldest that the SDK takes; the question for the version is put without one
_TELL_AT_MOST = 500


class Engine:
    """A daemon that answers. `version`: of the engine; `platform`: of its machine."""

    def __init__(
        self, client: APIClient, endpoint: Endpoint, cancel: Cancel, about: Mapping[str, Any]
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self._cancel = cancel
        self.version = str(about["Version"])
        self.platform = parse_platform(f"{about['Os']}/{about['Arch']}")

    def build(self, context: Iterator[bytes], **options: Any) -> Iterator[dict[str, Any]]:
        """Send the context's tar and give the messages of the build. `options`: of the SDK's `build`.

        Raises `BuildError`, and what the cancellation says.
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
        """The image as `docker save` writes it, in chunks. `image`: its id. Raises `BuildError`."""
        with self._speaking():
            for chunk in self._client.get_image(image):
                self._cancel.check()
                yield chunk

    def load(self, archive: IO[bytes]) -> None:
        """Give the daemon an archive as `docker load` does. Raises `BuildError` with what the daemon says."""
        with self._speaking():
            for message in self._client.load_image(archive):  # type: ignore[no-untyped-call]  # the stubs leave it out
                self._cancel.check()
                if isinstance(message, dict) and message.get("error"):
                    raise BuildError(f"the docker daemon did not take the image: {message['error']}")

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
    """A daemon that has answered. `registries`: whose credentials a build needs; others are not sent.

    `answer_within`: seconds for its first answers.

    Raises `BuilderUnavailable`.
    """
    endpoint = find_endpoint(env)
    open_now = _Open()
    with cancel.on_cancel(open_now.shut):
        try:
            with translated(endpoint, cancel, unavailable=True):
                _knock(endpoint, answer_within)
                asking = open_now.watch(_client(endpoint, env, _ANY_VERSION, (), answer_within))
                about = asking.version(api_version=False)
                version = endpoint.api_version or about["ApiVersion"]
                client = open_now.watch(_client(endpoint, env, version, registries, answer_within))
                engine = Engine(client, endpoint, cancel, about)
            # A step may be silent for an hour, and an export is prepared before its first byte.
            client.timeout = cast(Any, None)
            yield engine
        finally:
            open_now.close()


def require_listener(env: Mapping[str, str], cancel: Cancel) -> None:
    """Raise `BuilderUnavailable` where no daemon listens. Says nothing: the SDK would read Docker's credentials."""
    endpoint = find_endpoint(env)
    with translated(endpoint, cancel, unavailable=True):
        _knock(endpoint, ANSWER_WITHIN)
        if not endpoint.url.startswith("unix://"):
            parts = urlsplit(endpoint.url)
            socket.create_connection(
                (parts.hostname or "", parts.port or 2375), timeout=ANSWER_WITHIN
            ).close()


@contextlib.contextmanager
def translated(endpoint: Endpoint, cancel: Cancel, *, unavailable: bool = False) -> Iterator[None]:
    """Turn what the SDK and what is below it raise into ours. A cancelled run raises what cancelled it."""
    try:
        yield
    except (ReleaseError, GeneratorExit):
        raise
    except Exception as error:  # noqa: BLE001 - the SDK lets through whatever is below it, down to KeyError
        cancel.check()
        raise _translate(
            error, endpoint, unavailable=unavailable
        ) from None  # its text may hold argument values


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
        return kind(
            f"the docker daemon at `{endpoint.shown}` (from {endpoint.source}) does not answer: {cause}",
            hint="start it, or set `DOCKER_HOST` to one that runs",
        )
    return kind(
        f"what answers at `{endpoint.shown}` (from {endpoint.source}) does not speak the Docker Engine API",
        hint="check `DOCKER_HOST` and the docker context",
    )


def _system_error(error: BaseException) -> str | None:
    """The operating system's reason somewhere below `error`, without any address."""
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


def _knock(endpoint: Endpoint, answer_within: float) -> None:
    """Raise `OSError` where nobody listens on a local socket: the SDK would leave its own socket open."""
    if endpoint.url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(answer_within)
            probe.connect(endpoint.url.removeprefix("unix://"))


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
    """A client that has not spoken yet."""
    from docker import APIClient, auth
    from docker.errors import DockerException
    from docker.tls import TLSConfig

    class _Client(APIClient):
        def _set_auth_headers(self, headers: dict[str, str]) -> None:
            """Send the credentials of the registries that the build pulls from, where the SDK would send all."""
            known = auth.load_config(config_path=os.path.join(config_folder(env), "config.json"))
            found = {}
            for registry in registries:
                # A helper that fails is as good as none: the daemon then pulls without a credential.
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
    # Else a CA bundle, a proxy or a .netrc that somebody set for the internet would decide about the daemon.
    client.trust_env = False
    return client


class _Open:
    """The connections of some clients: to shut when the run is cancelled, to close in any case."""

    def __init__(self) -> None:
        self._clients: list[APIClient] = []
        self._answers: list[Any] = []
        self._sockets: list[Any] = []

    def watch(self, client: APIClient) -> APIClient:
        """Keep every socket and answer of the client's requests.

        urllib3 offers no way to the socket of a request under way; `_get_conn` is where all of them pass.
        """
        self._clients.append(client)
        client.hooks["response"].append(lambda answer, *_, **__: self._answers.append(answer))
        for adapter in client.adapters.values():
            self._wrap(adapter, "get_connection_with_tls_context", self._watch_pool)
        return client

    def shut(self) -> None:
        """End every connection, so that whoever waits for it wakes."""
        for each in list(self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close answers that were not read to their end, which hold their connections, and the clients."""
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
