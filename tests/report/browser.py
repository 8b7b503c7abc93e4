"""Chromium through WebDriver's own protocol: no package is needed but the two programs."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

PORT = 9525
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000",
             "--host-resolver-rules=MAP * ~NOTFOUND")  # fmt: skip
PATIENCE_S = 60


def missing() -> str | None:
    """The program that is not there, if one is not."""
    return next((name for name in ("chromium", "chromedriver") if not shutil.which(name)), None)


class Browser:
    """One page at a time."""

    def __init__(self, session: str) -> None:
        self.session = session

    def open(self, page: Path) -> None:
        """Show a file."""
        self._call("POST", "/url", {"url": page.resolve().as_uri()})

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
        return call(method, f"/session/{self.session}{path}", body)


def call(method: str, path: str, body: dict | None = None) -> Any:
    """One command of the protocol."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"http://127.0.0.1:{PORT}{path}", data, method=method)
    request.add_header("Content-Type", "application/json")
    with urlopen(request, timeout=PATIENCE_S) as answer:
        return json.load(answer)["value"]


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a network, closed in the end."""
    driver = subprocess.Popen(
        ["chromedriver", f"--port={PORT}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _await_driver()
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": list(ARGUMENTS)},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        answer = call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        session = answer["sessionId"]
        try:
            yield Browser(session)
        finally:
            call("DELETE", f"/session/{session}")
    finally:
        driver.terminate()
        driver.wait()


def _await_driver() -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            call("GET", "/status")
            return
        except URLError:
            time.sleep(0.2)
    raise TimeoutError("chromedriver does not answer")
