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
#: Names of keys, as WebDriver's code points.
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Space": " ", "Escape": "\ue00c"}
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

    def press(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is: names of `KEYS`, or characters."""
        strokes = [
            {"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")
        ]
        self._send(
            "POST",
            f"{self._session}/actions",
            {"actions": [{"type": "key", "id": "keys", "actions": strokes}]},
        )

    def wait(self, condition: str) -> None:
        """Wait until the JavaScript expression is true, for at most 30 seconds."""
        script = (
            "const [done] = [...arguments].slice(-1);"
            f"const look = () => ({condition}) ? done(true) : setTimeout(look, 10); look();"
        )
        body = {"script": script, "args": []}
        self._send("POST", f"{self._session}/execute/async", body)

    def messages(self) -> list[str]:
        """What the page has written to the console since the last call, such as violations of its policy."""
        found = self._send("POST", f"{self._session}/se/log", {"type": "browser"})
        return [str(one["message"]) for one in found]

    def accessibility(self) -> list[dict[str, Any]]:
        """The nodes of the accessibility tree, as screen readers get them."""
        self._command("Accessibility.enable")
        tree = self._command("Accessibility.getFullAXTree")
        return [one for one in tree["nodes"] if not one["ignored"]]

    def scripts(self, *, on: bool) -> None:
        """Turn JavaScript on or off for pages that are opened later."""
        self._command("Emulation.setScriptExecutionDisabled", value=not on)

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

    def _command(self, name: str, **parameters: Any) -> Any:
        return self._send("POST", f"{self._session}/goog/cdp/execute", {"cmd": name, "params": parameters})

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
