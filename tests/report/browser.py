"""Chromium or Chrome through WebDriver's own protocol: no package is needed but two programs.

Debian has them as chromium and chromium-driver, GitHub's Ubuntu as google-chrome and chromedriver.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

BROWSERS, DRIVER = ("chromium", "google-chrome", "chromium-browser"), "chromedriver"
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000",
             "--host-resolver-rules=MAP * ~NOTFOUND,EXCLUDE 127.0.0.1")  # fmt: skip
PATIENCE_S = 60
LONGEST_FOLDER = 58  # Chromium's socket below it has a path of 107 characters at most


def missing() -> str | None:
    """The program that is not there, if one is not."""
    if not shutil.which(DRIVER):
        return DRIVER
    return None if _program() else " or ".join(BROWSERS)


def _program() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Browser:
    """One page at a time."""

    def __init__(self, port: int, profile: Path | None = None) -> None:
        self._port, self._session = port, ""
        kept = [f"--user-data-dir={profile}"] if profile else []
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": [*ARGUMENTS, *kept], "binary": _program()},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{answer['sessionId']}"

    def close(self) -> None:
        """End the browser."""
        self._call("DELETE", "")

    def open(self, page: Path) -> None:
        """Show a file."""
        self._call("POST", "/url", {"url": page.resolve().as_uri()})

    def visit(self, address: str) -> None:
        """Show a page that a server of this machine has."""
        self._call("POST", "/url", {"url": address})

    @property
    def window(self) -> str:
        """The window that all is done in."""
        return self._call("GET", "/window")

    @window.setter
    def window(self, handle: str) -> None:
        self._call("POST", "/window", {"handle": handle})

    def open_window(self) -> None:
        """Go on in another window."""
        self.window = self._call("POST", "/window/new", {"type": "window"})["handle"]

    def press(self, keys: str) -> None:
        """Press keys one after another, as a person does."""
        pressed = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        actions = [{"type": "key", "id": "keyboard", "actions": pressed}]
        self._call("POST", "/actions", {"actions": actions})

    def choose(self, field: str, files: Sequence[Path]) -> None:
        """Choose files in a field of the page."""
        found = self._call("POST", "/element", {"using": "css selector", "value": field})
        text = "\n".join(map(str, files))
        self._call("POST", f"/element/{next(iter(found.values()))}/value", {"text": text})

    def save_to(self, folder: Path) -> None:
        """Where files go that a page saves."""
        wanted = {"behavior": "allow", "downloadPath": str(folder)}
        order = {"cmd": "Browser.setDownloadBehavior", "params": wanted}
        self._call("POST", "/goog/cdp/execute", order)

    def run(self, script: str) -> Any:
        """What a piece of JavaScript returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": []})

    def errors(self) -> list[str]:
        """What the console complained of since it was last asked."""
        entries = self._call("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def until(self, script: str) -> Any:
        """Wait for JavaScript to return something true."""
        end = time.monotonic() + PATIENCE_S
        while not (found := self.run(script)):
            if time.monotonic() > end:
                raise TimeoutError(script)
            time.sleep(0.1)
        return found

    def _call(self, method: str, path: str, body: dict | None = None) -> Any:
        return _call(self._port, method, f"{self._session}{path}", body)


def _call(port: int, method: str, path: str, body: dict | None = None) -> Any:
    """One command of the protocol."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"http://127.0.0.1:{port}{path}", data, method=method)
    request.add_header("Content-Type", "application/json")
    with urlopen(request, timeout=PATIENCE_S) as answer:
        return json.load(answer)["value"]


@contextmanager
def browser(profile: Path | None = None) -> Iterator[Browser]:
    """A browser without a network, closed in the end; one with a ``profile`` remembers."""
    port = _free_port()
    driver = subprocess.Popen(
        [DRIVER, f"--port={port}"],
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_driver(port)
        opened = Browser(port, profile)
        try:
            yield opened
        finally:
            opened.close()
    finally:
        driver.terminate()
        driver.wait()


def _environment() -> dict[str, str]:
    """With a folder for temporary files that has room for a socket."""
    is_long = len(tempfile.gettempdir()) > LONGEST_FOLDER
    return os.environ | ({"TMPDIR": "/tmp"} if is_long else {})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await_driver(port: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            _call(port, "GET", "/status")
            return
        except URLError:
            time.sleep(0.2)
    raise TimeoutError(f"{DRIVER} does not answer")
