"""Calls the Docker Engine API through the docker SDK.

A cancelled run closes its connections, so that the daemon stops its build at once.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from release.control import Cancel
from release.docker.daemon_errors import no_answer, translated
from release.docker.host import Endpoint, find_endpoint
from release.errors import BuildError, BuilderUnavailable
from release.oci.image_json import parse_platform

if TYPE_CHECKING:
    from docker import APIClient

# Seconds for the first answers of a daemon. A local daemon answers in milliseconds; without a limit, an address whose
# packets are dropped would block the command.
ANSWER_WITHIN = 5.0
# Seconds for an answer about images, which the daemon has at hand. A daemon that is busy with a build may take some
# seconds; one that hangs must not hold a finished build up.
_DETAILS_WITHIN = 60.0
_ANY_VERSION = "1.24"  # the oldest that the SDK accepts; the request for the daemon's version names none


class Engine:
    """A connection to a docker daemon. `version`: of the engine; `platform`: of the daemon's machine."""

    def __init__(
        self,
        client: APIClient,
        asking: APIClient,
        endpoint: Endpoint,
        cancel: Cancel,
        about: Mapping[str, Any],
    ) -> None:
        self._client = client
        self._asking = asking
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
            return frozenset(str(one["Id"]) for one in self._asking.images(all=True))

    def inspect(self, image: str) -> Mapping[str, Any]:
        """The daemon's description of an image, given by id or name. Raises `BuildError`, also for a missing image."""
        with self._speaking():
            # `dict` raises for an answer that is not an object, which `_speaking` reports.
            return dict(self._asking.inspect_image(image))  # type: ignore[no-untyped-call]  # the stubs leave it out

    def remove(self, image: str) -> None:
        """Remove an image, given by id or name, but none of its parent images.

        Raises `BuildError` if the image is in use or missing.
        """
        with self._speaking():
            self._asking.remove_image(image, noprune=True)

    def keeps_indexes(self) -> bool:
        """Whether the daemon keeps images in containerd, with all of their platforms. Raises `BuildError`."""
        with self._speaking():
            about = self._asking.info()
            status = about.get("DriverStatus") or ()
            return any("io.containerd.snapshotter.v1" in pair for pair in status)

    def load(self, archive: IO[bytes]) -> None:
        """Load an archive into the daemon, as `docker load` does. Raises `BuildError` with the daemon's message."""
        with self._speaking():
            for message in self._client.load_image(archive):  # type: ignore[no-untyped-call]  # the stubs leave it out
                self._cancel.check()
                if isinstance(message, dict) and message.get("error"):
                    raise BuildError(
                        f"the docker daemon refused the image: {message['error']}",
                        hint="the log of the daemon says more; `docker system df` shows its space",
                    )

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
    details_within: float = _DETAILS_WITHIN,
) -> Iterator[Engine]:
    """Connect to the docker daemon. `registries`: those whose credentials are sent with a build, for its pulls.

    `answer_within`: seconds for the daemon's first answers; `details_within`: for those about images. Raises
    `BuilderUnavailable` if no daemon answers.
    """
    endpoint = find_endpoint(env)
    _knock(endpoint, cancel, answer_within)
    # Imported late: on many machines no daemon listens.
    from release.docker.sdk_client import OpenConnections, make_client

    open_now = OpenConnections()
    with cancel.on_cancel(open_now.shut):
        try:
            with translated(endpoint, cancel, unavailable=True):
                knocking = open_now.watch(
                    make_client(endpoint, env, _ANY_VERSION, (), answer_within), whole_within=answer_within
                )
                about = knocking.version(api_version=False)
                version = endpoint.api_version or about["ApiVersion"]
                client = open_now.watch(make_client(endpoint, env, version, registries, answer_within))
                asking = open_now.watch(
                    make_client(endpoint, env, version, (), details_within), whole_within=details_within
                )
                engine = Engine(client, asking, endpoint, cancel, about)
            # No timeout for builds and exports: a build step may print nothing for an hour, and an export is prepared
            # before its first byte.
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
        raise no_answer(BuilderUnavailable, endpoint, cause) from None
