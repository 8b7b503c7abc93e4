"""Serve the pages of a study to the browser of this machine, and keep the verdicts given on them.

Every address begins with a secret, so that no other user and no other page of the browser can read
or write. Nothing can be written but one rater's file.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from hmac import compare_digest
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from strokeprep.errors import StrokeprepError
from strokeprep.review import verdicts

LOOPBACK = "127.0.0.1"
FILE = "verdicts.tsv"
ADDRESS = re.compile(r"/review-([A-Za-z0-9_-]+)/(.*)")
LARGEST_BODY = 64_000  # bytes: one verdict is sent at a time
PATIENCE_S = 30
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".png": "image/png",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".bib": "text/plain; charset=utf-8",
}
HEADERS = {
    # A page may run its own script and talk to this server, and load nothing from elsewhere.
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Refused(Exception):
    """A request that is not answered, with the status and what is said."""

    def __init__(self, status: HTTPStatus, what: str) -> None:
        super().__init__(what)
        self.status, self.what = status, what


@dataclass
class Review:
    """What is served: the folder of the pages, the file that is written, the secret."""

    pages: Path
    file: Path
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def page(self, name: str) -> Path:
        """A file of the pages' folder, and nothing outside of it."""
        path = (self.pages / name).resolve()
        if not path.is_relative_to(self.pages.resolve()) or path.suffix not in TYPES:
            raise Refused(HTTPStatus.NOT_FOUND, "There is no such page")
        if not path.is_file():
            raise Refused(HTTPStatus.NOT_FOUND, "There is no such page")
        return path

    def kept(self) -> bytes:
        """The verdicts as they are now."""
        with self.lock:
            rater = verdicts.read(self.file).verdicts if self.file.exists() else {}
        return verdicts.render(rater.values()).encode()

    def add(self, body: bytes) -> None:
        """Put verdicts that a page sent into the file."""
        try:
            given = verdicts.parsed(body.decode(), "the request")
            with self.lock:
                verdicts.add(self.file, given)
        except (StrokeprepError, UnicodeDecodeError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
        except OSError as error:
            raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, f"{self.file}: {error}") from error


class Server(ThreadingHTTPServer):
    """A server of one review, which this machine alone can reach."""

    daemon_threads = True

    def __init__(self, review: Review, port: int = 0) -> None:
        super().__init__((LOOPBACK, port), Handler)
        self.review = review

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a browser may call it."""
        return tuple(f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost"))

    @property
    def address(self) -> str:
        """The page to open."""
        return f"http://{self.hosts[0]}/review-{self.review.token}/index.html"


class Handler(BaseHTTPRequestHandler):
    """One request. Whatever is not expected is refused."""

    server: Server
    timeout = PATIENCE_S
    server_version, sys_version = "strokeprep", ""

    def do_GET(self) -> None:
        """A page, or the verdicts."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Verdicts to keep."""
        self._answer(self._post)

    def log_message(self, *_: object) -> None:
        """Addresses hold the secret, so nothing is logged."""

    def _answer(self, made: Callable[[str], tuple[str, bytes]]) -> None:
        try:
            self._require_own_host()
            kind, content = made(self._name())
            self._send(HTTPStatus.OK, kind, content)
        except Refused as refused:
            self.close_connection = True  # a body that was not read would be taken for a request
            self._send(refused.status, TYPES[".md"], refused.what.encode())

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Rater", verdicts.name_of(self.server.review.file))
        self.end_headers()
        self.wfile.write(content)

    def _require_own_host(self) -> None:
        """Refuse names that lead here from elsewhere, and requests that other pages make."""
        if self.headers.get_all("Host") not in [[host] for host in self.server.hosts]:
            raise Refused(HTTPStatus.FORBIDDEN, "Another host")
        origin = self.headers.get("Origin")
        own = [f"http://{host}" for host in self.server.hosts]
        if origin not in (own if self.command == "POST" else [None, *own]):
            raise Refused(HTTPStatus.FORBIDDEN, "Another origin")
        if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise Refused(HTTPStatus.FORBIDDEN, "Another site")

    def _name(self) -> str:
        """What is asked for, behind the secret."""
        found = ADDRESS.fullmatch(urlsplit(self.path).path)
        if not found or not compare_digest(found[1], self.server.review.token):
            raise Refused(HTTPStatus.FORBIDDEN, "The address lacks the token that was printed")
        name = unquote(found[2])
        if any(part in ("", ".", "..") for part in name.split("/")) or set("\\\0") & set(name):
            raise Refused(HTTPStatus.NOT_FOUND, "There is no such page")
        return name

    def _get(self, name: str) -> tuple[str, bytes]:
        if name == FILE:
            return TYPES[".tsv"], self.server.review.kept()
        path = self.server.review.page(name)
        return TYPES[path.suffix], path.read_bytes()

    def _post(self, name: str) -> tuple[str, bytes]:
        if name != FILE:
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "Nothing is written but verdicts")
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,9}", length) or "Transfer-Encoding" in self.headers:
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "The request does not say its length")
        if int(length) > LARGEST_BODY:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large")
        self.server.review.add(self.rfile.read(int(length)))
        return TYPES[".md"], b""
