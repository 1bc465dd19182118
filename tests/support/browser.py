"""Headless Chromium, driven by its DevTools protocol: opens pages of the built site."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websocket import WebSocket, create_connection

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
    # Names of other hosts do not resolve, so that a page cannot load anything from the network.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


_SERVER = """
import http.server, functools, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback, in a process of its own, and return its URL."""
    command = [sys.executable, "-c", _SERVER, str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/"
        finally:
            process.terminate()


class Browser:
    """A page of headless Chromium.

    Args:
        profile: empty folder for the browser's profile.
    """

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        self._last = 0
        self._connected = ExitStack()
        self.requested: list[str] = []
        command = [CHROMIUM, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
        try:
            port, path = self._address(profile / "DevToolsActivePort")
            self._socket: WebSocket = self._connected.enter_context(
                closing(create_connection(f"ws://127.0.0.1:{port}{path}", timeout=120))
            )
            target = self._send("Target.createTarget", url="about:blank")["targetId"]
            self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)[
                "sessionId"
            ]
            for domain in ("Page", "Network"):
                self.send(f"{domain}.enable")
        except BaseException:
            self._connected.close()
            self._process.kill()
            self._process.wait()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connected.close()
        self._process.terminate()
        self._process.wait()

    def _address(self, file: Path) -> list[str]:
        for _ in range(600):
            if file.exists() and len(found := file.read_text().split()) == 2:
                return found
            assert self._process.poll() is None, "Chromium ended"
            time.sleep(0.1)
        raise TimeoutError("Chromium did not start within a minute")

    def _send(self, method: str, session: str | None = None, **params: Any) -> Any:
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        self._socket.send(json.dumps(message))
        while True:
            found = json.loads(self._socket.recv())
            if found.get("method") == "Network.requestWillBeSent":
                self.requested.append(found["params"]["request"]["url"])
            if found.get("id") == self._last:
                assert "error" not in found, (method, found["error"])
                return found["result"]

    def send(self, method: str, **params: Any) -> Any:
        """Send a command of the DevTools protocol to the page, and return its result."""
        return self._send(method, self._session, **params)

    def evaluate(self, script: str) -> Any:
        """Return the value of a JavaScript expression; a promise is awaited."""
        found = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait_for(self, script: str) -> Any:
        """Wait until a JavaScript expression has a true value, and return the value."""
        for _ in range(1200):
            if value := self.evaluate(script):
                return value
            time.sleep(0.05)
        raise TimeoutError(script)

    def open(self, url: str) -> None:
        """Load a page, and wait until it is complete."""
        self.send("Page.navigate", url=url)
        # The load event of a page with a slow script comes later than the end of its HTML.
        self.wait_for(f"document.readyState === 'complete' && location.href === {json.dumps(url)}")

    def view(self, width: int, height: int, *, dark: bool) -> None:
        """Set the size of the window, and whether the system prefers dark colours."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path) -> None:
        """Write a picture of the window."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))
