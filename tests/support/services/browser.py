"""Starts a real headless Chromium, and controls it by WebDriver over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs.environment import scrubbed
from tests.support.programs.processes import Service
from tests.support.services.required import program, require

_LISTENING = re.compile(rb"started successfully on port (\d+)")
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Browser:
    """One browser session. Sizes are in CSS pixels."""

    def __init__(self, folder: Path) -> None:
        self._port = 0
        self._service = Service(
            # It says its port on stdout; a service is ready by what it says on stderr.
            ["/bin/sh", "-c", 'exec "$0" --port=0 >&2', program("chromedriver")],
            folder=folder,
            name="chromedriver",
            env=scrubbed(folder),
            ready=self._take_port,
        )
        arguments = [*_ARGUMENTS, f"--user-data-dir={folder / 'profile'}"]
        options = {"binary": program("chromium"), "args": arguments}
        answer = self._send(
            "POST", "/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        )
        self._session = f"/session/{answer['sessionId']}"

    def open(self, path: Path) -> None:
        """Load an HTML file into the browser."""
        self._send("POST", f"{self._session}/url", {"url": path.as_uri()})

    def run(self, script: str) -> Any:
        """Run the script on the page, and return its result."""
        return self._send("POST", f"{self._session}/execute/sync", {"script": script, "args": []})

    def type(self, selector: str, text: str) -> None:
        """Type text into the element that the CSS selector selects."""
        using = {"using": "css selector", "value": selector}
        element = self._send("POST", f"{self._session}/element", using)[_ELEMENT]
        self._send("POST", f"{self._session}/element/{element}/value", {"text": text})

    def resize(self, width: int, height: int) -> None:
        """Set the size of the page, for example to that of a phone."""
        self._command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2, mobile=True
        )

    def prefer(self, scheme: str) -> None:
        """Set the preferred colour scheme: `dark` or `light`."""
        self._command(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
        )

    def close(self) -> None:
        """End the browser and its driver."""
        with contextlib.suppress(OSError, AssertionError):
            self._send("DELETE", self._session)
        self._service.stop()

    def _command(self, name: str, **parameters: Any) -> None:
        self._send("POST", f"{self._session}/goog/cdp/execute", {"cmd": name, "params": parameters})

    def _take_port(self, line: bytes) -> bool:
        found = _LISTENING.search(line)
        if found:
            self._port = int(found[1])
        return found is not None

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, json.dumps(body) if body is not None else None)
            with connection.getresponse() as answer:
                value = json.loads(answer.read())["value"]
                assert answer.status == 200, value
                return value


@pytest.fixture
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Give a new browser for one test."""
    require("chromium")
    opened = Browser(tmp_path_factory.mktemp("browser"))
    yield opened
    opened.close()
