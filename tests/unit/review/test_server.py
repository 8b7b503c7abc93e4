"""The server gives pages and takes verdicts from this machine's browser, and refuses all else."""

from __future__ import annotations

import socket
import threading
from http.client import HTTPConnection

import pytest
from strokeprep.review import verdicts
from strokeprep.review.server import LARGEST_BODY, Review, Server

LINE = "sub-01\tbrain\tgood\tabcdefghijkl\tfits"
BODY = "\n".join(["\t".join(verdicts.COLUMNS), LINE, ""])
KEPT = "verdicts.tsv"


@pytest.fixture
def served(tmp_path):
    """A server on a study of one page, beside a file that it must not give."""
    pages = tmp_path / "qc"
    pages.mkdir()
    (pages / "index.html").write_text("the cohort")
    (pages / "secret.key").write_text("secret")
    (tmp_path / "raw.tsv").write_text("secret")
    (pages / "link.tsv").symlink_to(tmp_path / "raw.tsv")
    with Server(Review(pages, tmp_path / "review/verdicts_A.tsv")) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def ask(served):
    """A function that sends one request; returns status and text."""

    def answered(name, method="GET", body=None, token=None, path=None, **headers):
        connection = HTTPConnection("127.0.0.1", served.server_port, timeout=10)
        path = path or f"/review-{token or served.review.token}/{name}"
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        if method == "POST":
            given = {"Origin": f"http://127.0.0.1:{served.server_port}"} | given
        connection.request(method, path, body, {k: v for k, v in given.items() if v is not None})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    return answered


def test_a_page_is_given_and_a_verdict_is_kept(served, ask):
    assert ask("index.html") == (200, "the cohort")
    assert ask(KEPT)[0] == 200
    assert ask(KEPT, "POST", BODY) == (200, "")
    assert ask(KEPT) == (200, BODY)
    assert served.review.file.read_text() == BODY


def test_only_this_machine_reaches_it(served):
    assert served.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("name", ["index.html", KEPT])
@pytest.mark.parametrize(
    "wrong",
    [
        {"Host": "strokes.example.org"},
        {"Host": "127.0.0.1:1"},
        {"Host": "evil.example.org:80"},
        {"Origin": "http://evil.example.org"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"token": "x" * 32},
        {"path": "/index.html"},
        {"path": "/verdicts.tsv"},
        {"path": "/review-/index.html"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_hosts_origins_and_tokens_are_refused(served, ask, name, wrong, method):
    assert ask(name, method, BODY if method == "POST" else None, **wrong)[0] == 403
    assert not served.review.file.exists()


def test_a_request_to_write_must_say_where_it_comes_from(served, ask):
    assert ask(KEPT, "POST", BODY, Origin=None)[0] == 403
    assert not served.review.file.exists()


@pytest.mark.parametrize(
    "name",
    [
        "../raw.tsv", "%2e%2e/raw.tsv", "..%2fraw.tsv", "sub-01/../../raw.tsv", "..\\raw.tsv",
        "/raw.tsv", "//raw.tsv", "./index.html", "link.tsv", "secret.key", "", "index.html%00.png",
        "sub-01", "none.html",
    ],
)  # fmt: skip
def test_nothing_outside_of_the_pages_is_given(ask, name):
    status, text = ask(name)
    assert status == 404
    assert "secret" not in text


@pytest.mark.parametrize("name", ["index.html", "sub-01/index.html", "../raw.tsv", "new.tsv"])
def test_nothing_is_written_but_verdicts(served, ask, name):
    assert ask(name, "POST", BODY)[0] in (404, 405)
    assert (served.review.pages / "index.html").read_text() == "the cohort"
    assert not (served.review.pages / "new.tsv").exists()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_other_methods_are_refused(served, ask, method):
    assert ask(KEPT, method)[0] == 501


def test_a_body_that_is_too_large_or_of_no_known_length_is_refused(served, ask):
    assert ask(KEPT, "POST", BODY + "x" * LARGEST_BODY)[0] == 413
    assert ask(KEPT, "POST", BODY, Content_Length="-1")[0] == 411
    assert ask(KEPT, "POST", iter([BODY.encode()]), Transfer_Encoding="chunked")[0] == 411
    assert not served.review.file.exists()


@pytest.mark.parametrize("body", ["", "no table", BODY.replace("good", "fine"), "\xff"])
def test_what_no_rater_can_have_said_is_not_kept(served, ask, body):
    assert ask(KEPT, "POST", body.encode("latin-1"))[0] == 400
    assert not served.review.file.exists()


def test_two_hosts_in_one_request_are_refused(served):
    with socket.create_connection(("127.0.0.1", served.server_port), timeout=10) as line:
        path = f"/review-{served.review.token}/index.html"
        hosts = f"Host: 127.0.0.1:{served.server_port}\r\nHost: evil.example.org\r\n"
        line.sendall(f"GET {path} HTTP/1.1\r\n{hosts}\r\n".encode())
        assert b" 403 " in line.recv(1000).splitlines()[0]


def test_a_page_may_load_nothing_from_elsewhere_and_tells_nobody_its_address(served):
    connection = HTTPConnection("127.0.0.1", served.server_port, timeout=10)
    connection.request("GET", f"/review-{served.review.token}/index.html")
    headers = connection.getresponse().headers
    connection.close()
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Referrer-Policy"] == "no-referrer"


def test_each_server_has_a_token_of_its_own(tmp_path):
    tokens = {Review(tmp_path, tmp_path / "v.tsv").token for _ in range(3)}
    assert len(tokens) == 3
    assert all(len(token) >= 32 for token in tokens)
