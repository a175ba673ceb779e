"""A headless Chromium for tests, driven over a pair of pipes by the DevTools protocol."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Browser", "Page", "browser", "executable"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# No sandbox, as tests may run as root; no traffic of the browser's own
_FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --remote-debugging-pipe"""
# The browser reads commands from 3 and answers on 4
_CONNECT = """import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
_PATIENCE = 60.0  # seconds without an answer after which something is broken
_KEYS = {
    "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "Enter": 13, "Tab": 9, "Escape": 27, "Space": 32,
}  # fmt: skip


def executable() -> str | None:
    """The browser, if there is one."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


class Browser:
    """A running browser: sends commands, and keeps the events that arrive meanwhile."""

    def __init__(self, program: str, profile: str) -> None:
        to_browser, from_here = os.pipe()
        from_browser, to_here = os.pipe()
        # Copies far above 3 and 4, so that nothing is overwritten
        theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (to_browser, to_here)]
        os.close(to_browser)
        os.close(to_here)

        self.process = subprocess.Popen(
            [
                sys.executable,
                "-ISc",
                _CONNECT,
                *map(str, theirs),
                program,
                *_FLAGS.split(),
                f"--user-data-dir={profile}",
            ],
            pass_fds=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in theirs:
            os.close(end)
        self._out, self._in = from_here, from_browser
        self._rest = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def send(self, method: str, parameters: dict[str, Any] | None = None, session: str = "") -> dict[str, Any]:
        """A command and its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(deadline - time.monotonic(), 0))
            chunk = os.read(self._in, 1 << 20) if ready else b""
            assert chunk, "the browser does not answer"
            self._rest += chunk
        line, self._rest = self._rest.split(b"\0", 1)
        found: dict[str, Any] = json.loads(line)
        return found

    def open(self, path: Path, **looks: Any) -> Page:
        """A page in a tab of its own; ``looks`` as for `Page`."""
        target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        return Page(self, target, session, path, **looks)

    def close(self) -> None:
        """End the browser."""
        os.close(self._out)
        os.close(self._in)
        self.process.terminate()
        self.process.wait(timeout=_PATIENCE)


class Page:
    """A tab that shows a file. ``dark`` and ``calm`` are what the reader prefers; without ``script`` none runs."""

    def __init__(
        self,
        browser: Browser,
        target: str,
        session: str,
        path: Path,
        *,
        width: int = 1200,
        height: int = 900,
        dark: bool = False,
        calm: bool = True,
        script: bool = True,
    ) -> None:
        self.browser, self.target, self.session = browser, target, session
        self.has_script = script
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.send("Emulation.setDeviceMetricsOverride", metrics)
        media = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if calm else "no-preference"},
        ]
        self.send("Emulation.setEmulatedMedia", {"features": media})
        self.send("Emulation.setScriptExecutionDisabled", {"value": not script})
        self.send("Page.navigate", {"url": path.as_uri()})
        deadline = time.monotonic() + _PATIENCE
        while not any(self._is_loaded(event) for event in self.browser.events):
            assert time.monotonic() < deadline, "the page does not load"
            self.browser.events.append(self.browser._receive())
        self.settle()

    def _is_loaded(self, event: dict[str, Any]) -> bool:
        return event.get("method") == "Page.loadEventFired" and event.get("sessionId") == self.session

    def send(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        """A command to this tab."""
        return self.browser.send(method, parameters, self.session)

    def settle(self) -> None:
        """Wait until the page has been laid out and drawn."""
        if self.has_script:
            self("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        else:  # nothing calls back
            self("document.body.offsetHeight")

    def __call__(self, expression: str) -> Any:
        """The value of an expression in the page; works where the page's own script is off, too."""
        made = self.send("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        assert "exceptionDetails" not in made, made["exceptionDetails"]
        return made["result"].get("value")

    def click(self, selector: str) -> None:
        """Click on the middle of an element with the mouse."""
        found = json.dumps(selector)
        self(f"document.querySelector({found}).scrollIntoView({{block: 'center', inline: 'center'}})")
        box = self(f"(b => [b.x + b.width / 2, b.y + b.height / 2])"
                   f"(document.querySelector({found}).getBoundingClientRect())")  # fmt: skip
        for kind in ("mousePressed", "mouseReleased"):
            self.send(
                "Input.dispatchMouseEvent",
                {"type": kind, "x": box[0], "y": box[1], "button": "left", "clickCount": 1},
            )
        self.settle()

    def press(self, key: str) -> None:
        """Press a key."""
        text = {"Enter": "\r", "Space": " "}.get(key, key if len(key) == 1 else "")
        event = {"key": " " if key == "Space" else key, "code": key, "windowsVirtualKeyCode": _KEYS.get(key, 0)}
        if text:
            event["text"] = text
        self.send("Input.dispatchKeyEvent", {"type": "keyDown", **event})
        self.send("Input.dispatchKeyEvent", {"type": "keyUp", **event})
        self.settle()

    def complaints(self) -> list[str]:
        """What the console holds against the page: errors, warnings, what the security policy stopped."""
        found = []
        for event in self.browser.events:
            if event.get("sessionId") != self.session:
                continue
            told, method = event.get("params", {}), event.get("method")
            if method == "Runtime.exceptionThrown":
                found.append(str(told["exceptionDetails"]))
            elif method == "Log.entryAdded" and told["entry"]["level"] in {"error", "warning"}:
                found.append(told["entry"]["text"])
            elif method == "Runtime.consoleAPICalled" and told["type"] in {"error", "warning", "assert"}:
                found.append(str(told["args"]))
        return found

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """A picture of the page, of all of it or of what the window shows."""
        made = self.send("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole})
        path.write_bytes(base64.b64decode(made["data"]))

    def close(self) -> None:
        """Close the tab."""
        self.browser.send("Target.closeTarget", {"targetId": self.target})


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser that ends with the block."""
    program = executable()
    assert program is not None, "no browser"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        running = Browser(program, profile)
        try:
            yield running
        finally:
            running.close()
