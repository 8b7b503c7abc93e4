"""Weights: fetched whole or not at all, held to their digest, never downloaded twice."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.segmentation.weights import command, fetching, store
from strokeprep.settings import backends
from strokeprep.settings.backends import MODELS

LIBRARY = Path(store.__file__).parents[3]
CHECKPOINT = os.urandom(400_000)
DATASET = "Dataset297_TotalSegmentator_total_3mm_1559subj"
TRAINED = f"{DATASET}/nnUNetTrainer__nnUNetPlans__3d_fullres"
HD_BET = {"plans.json": b"{}", "dataset.json": b"{}", "fold_all/checkpoint_final.pth": CHECKPOINT}
TOTAL = {
    f"{TRAINED}/plans.json": b"{}",
    f"{TRAINED}/dataset.json": b"{}",
    f"{TRAINED}/fold_0/checkpoint_final.pth": CHECKPOINT,
}


def packed(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return content.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves one archive; ``cut`` bytes of it at most, when told; notes what it was asked for."""

    content = packed(HD_BET)
    cut: int | None = None
    slow = False
    license_number = "aca_0123456789ABCD"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/release.zip?download=1"

    @property
    def file_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/commit/model.bin"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.asked.append(("GET", wanted))
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if start >= len(self.server.content):
            return self.send_error(416)
        self.send_part(206 if wanted else 200, self.server.content[start:])

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(("POST", body["task"]))
        if body["license_number"] != self.server.license_number:
            return self.send_error(403)
        self.send_part(200, self.server.content)

    def send_part(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: self.server.cut])
        if self.server.slow:
            self.wfile.flush()
            time.sleep(30)


@pytest.fixture
def server():
    serving = Server()
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield serving
    serving.shutdown()
    serving.server_close()


@pytest.fixture
def published(server, monkeypatch):
    """HD-BET's weights, and a licensed model's, as this server publishes them."""
    known = sha256(server.content)
    for name in ("hd-bet", "face"):
        changed = replace(MODELS[name], url=server.url, sha256=known)
        monkeypatch.setitem(MODELS, name, changed)
    return server


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def whole(folder: Path) -> bool:
    place = folder / "hd-bet"
    return all((place / name).read_bytes() == data for name, data in HD_BET.items())


def test_a_model_is_fetched_verified_and_recorded(published, tmp_path):
    assert store.missing(["hd-bet"], tmp_path) == ["hd-bet"]
    fetching.fetch(["hd-bet"], tmp_path)
    assert store.missing(["hd-bet"], tmp_path) == [] and whole(tmp_path)
    place, digest = store.verified("hd-bet", tmp_path)
    record = json.loads((place / store.RECORD).read_text())
    assert record["archive"] == sha256(published.content) and record["digest"] == digest
    assert record["files"]["fold_all/checkpoint_final.pth"] == sha256(CHECKPOINT)
    assert files(tmp_path) == {f"hd-bet/{name}" for name in (*HD_BET, store.RECORD)} | {
        ".hd-bet.lock"
    }


def test_what_is_there_is_not_fetched_again(published, tmp_path):
    fetching.fetch(["hd-bet"], tmp_path)
    fetching.fetch(["hd-bet"], tmp_path)
    assert len(published.asked) == 1


def test_a_download_that_breaks_off_says_so_and_goes_on_where_it_stopped(published, tmp_path):
    published.cut = 150_000
    with pytest.raises(StrokeprepError, match="continues where it stopped"):
        fetching.fetch(["hd-bet"], tmp_path)
    assert store.missing(["hd-bet"], tmp_path) == ["hd-bet"] and not (tmp_path / "hd-bet").exists()
    published.cut = None
    fetching.fetch(["hd-bet"], tmp_path)
    assert whole(tmp_path) and published.asked[-1] == ("GET", "bytes=150000-")


def test_an_archive_that_arrived_before_the_interruption_is_used(published, tmp_path):
    (tmp_path / ".hd-bet.part").write_bytes(published.content)
    fetching.fetch(["hd-bet"], tmp_path)
    assert whole(tmp_path)


def test_a_fetch_that_is_killed_leaves_no_model_and_the_next_one_works(published, tmp_path):
    published.cut, published.slow = 100_000, True
    program = (
        "import sys; from dataclasses import replace;"
        "from strokeprep.segmentation.weights.fetching import MODELS, fetch;"
        "MODELS['hd-bet'] = replace(MODELS['hd-bet'], url=sys.argv[1]);"
        "fetch(['hd-bet'], sys.argv[2])"
    )
    environment = os.environ | {"PYTHONPATH": str(LIBRARY)}
    job = subprocess.Popen(
        [sys.executable, "-c", program, published.url, str(tmp_path)], env=environment
    )
    while not published.asked:
        time.sleep(0.02)
    time.sleep(0.3)
    job.send_signal(signal.SIGKILL)
    job.wait()
    assert store.missing(["hd-bet"], tmp_path) == ["hd-bet"]
    published.cut, published.slow = None, False
    fetching.fetch(["hd-bet"], tmp_path)
    assert whole(tmp_path)


def test_leftovers_of_an_interrupted_unpacking_do_not_become_a_model(published, tmp_path):
    half = tmp_path / ".hd-bet.new" / "fold_all"
    half.mkdir(parents=True)
    (half / "checkpoint_final.pth").write_bytes(b"half")
    incomplete = tmp_path / "hd-bet" / "fold_all"
    incomplete.mkdir(parents=True)
    (incomplete / "checkpoint_final.pth").write_bytes(b"half")
    assert store.missing(["hd-bet"], tmp_path) == ["hd-bet"]
    fetching.fetch(["hd-bet"], tmp_path)
    assert whole(tmp_path) and not (tmp_path / ".hd-bet.new").exists()


def test_two_runs_at_once_download_once(published, tmp_path):
    faults = []

    def fetch() -> None:
        try:
            fetching.fetch(["hd-bet"], tmp_path)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == [] and whole(tmp_path) and len(published.asked) == 1


def test_an_archive_with_another_digest_is_refused_and_not_kept(published, tmp_path):
    with pytest.raises(StrokeprepError, match="was expected"):
        fetching.fetch(["hd-bet"], tmp_path, known={"hd-bet": "0" * 64})
    assert files(tmp_path) == {".hd-bet.lock"}
    fetching.fetch(["hd-bet"], tmp_path)
    assert whole(tmp_path)


def test_what_is_no_archive_or_another_one_is_refused(published, tmp_path):
    for content, message in ((b"<html>", "damaged"), (packed({"a": b""}), "lacks plans.json")):
        published.content = content
        with pytest.raises(StrokeprepError, match=message):
            fetching.fetch(["hd-bet"], tmp_path, known={"hd-bet": sha256(content)})
        assert store.missing(["hd-bet"], tmp_path) == ["hd-bet"]
        assert files(tmp_path) == {".hd-bet.lock"}  # or the next run would continue with it


def test_an_archive_of_the_user_s_own_is_left_where_it_is_even_if_it_is_refused(tmp_path):
    archive = tmp_path / MODELS["hd-bet"].archive
    archive.write_bytes(b"<html>")
    with pytest.raises(StrokeprepError, match="damaged"):
        fetching.fetch(["hd-bet"], tmp_path / "models", offline=tmp_path)
    assert archive.read_bytes() == b"<html>"


def test_an_archive_cannot_write_elsewhere(published, tmp_path):
    published.content = packed(HD_BET | {"../../escaped": b"x", "/tmp/escaped-too": b"x"})
    folder = tmp_path / "deep" / "models"
    fetching.fetch(["hd-bet"], folder, known={"hd-bet": sha256(published.content)})
    assert all(path.is_relative_to(folder) for path in tmp_path.rglob("escaped*"))


@pytest.mark.parametrize("as_archive", [True, False])
def test_a_folder_can_take_the_place_of_the_network(tmp_path, as_archive):
    offline, folder = tmp_path / "usb", tmp_path / "models"
    offline.mkdir()
    content = packed(TOTAL)
    if as_archive:
        (offline / f"{DATASET}.zip").write_bytes(content)
    else:
        zipfile.ZipFile(io.BytesIO(content)).extractall(offline)
    known = sha256(content) if as_archive else store.digest_of(offline / DATASET)
    fetching.fetch(["total-fast"], folder, offline=offline, known={"total-fast": known})
    place, _ = store.verified("total-fast", folder, {"total-fast": known})
    assert place == folder / "totalsegmentator" / DATASET
    checkpoint = place / "nnUNetTrainer__nnUNetPlans__3d_fullres/fold_0/checkpoint_final.pth"
    assert checkpoint.read_bytes() == CHECKPOINT
    assert (offline / f"{DATASET}.zip").exists() == as_archive


@pytest.fixture
def published_file(server, monkeypatch):
    """Weights that are published as one file, and not as an archive."""
    server.content = CHECKPOINT
    changed = replace(MODELS["mindgrab"], url=server.file_url, sha256=sha256(CHECKPOINT))
    monkeypatch.setitem(MODELS, "mindgrab", changed)
    return server


def test_weights_that_are_published_as_a_file_are_fetched_as_they_are(published_file, tmp_path):
    fetching.fetch(["mindgrab"], tmp_path)
    place, _ = store.verified("mindgrab", tmp_path)
    assert (place / "model.bin").read_bytes() == CHECKPOINT
    assert files(tmp_path) == {"mindgrab/model.bin", f"mindgrab/{store.RECORD}", ".mindgrab.lock"}


@pytest.mark.parametrize("inside", ["", "mindgrab"])
def test_such_a_file_may_lie_in_an_offline_folder_or_in_its_own_there(
    published_file, tmp_path, inside
):
    offline, folder = tmp_path / "usb", tmp_path / "models"
    (offline / inside).mkdir(parents=True)
    (offline / inside / "model.bin").write_bytes(CHECKPOINT)
    (offline / inside / "README.md").write_text("not of the model")
    fetching.fetch(["mindgrab"], folder, offline=offline)
    place, _ = store.verified("mindgrab", folder)
    assert files(place) == {"model.bin", store.RECORD} and published_file.asked == []
    assert (offline / inside / "model.bin").exists()


@pytest.mark.parametrize("offline", [True, False])
def test_such_a_file_with_another_digest_is_refused(published_file, tmp_path, offline):
    published_file.content = b"other"
    (tmp_path / "model.bin").write_bytes(b"other")
    with pytest.raises(StrokeprepError, match="was expected"):
        fetching.fetch(["mindgrab"], tmp_path / "models", offline=tmp_path if offline else None)
    assert files(tmp_path / "models") == {".mindgrab.lock"}


def test_an_offline_folder_without_the_model_says_what_to_put_there(tmp_path):
    with pytest.raises(StrokeprepError, match="release_v1.5.0.zip.*zenodo"):
        fetching.fetch(["hd-bet"], tmp_path / "models", offline=tmp_path)


def test_a_licensed_model_is_asked_for_with_the_number_which_is_not_kept(
    published, tmp_path, monkeypatch
):
    monkeypatch.delenv(backends.LICENSE_VARIABLE, raising=False)
    published.content = packed(
        {f"Dataset303_face_1559subj/x/{n}": b"{}" for n in ("plans.json", "dataset.json")}
        | {"Dataset303_face_1559subj/x/fold_0/checkpoint_final.pth": b"weights"}
    )
    known = {"face": sha256(published.content)}
    with pytest.raises(StrokeprepError, match="needs a licence number"):
        fetching.fetch(["face"], tmp_path, known=known)
    number = published.license_number
    fetching.fetch(["face"], tmp_path, license_number=number, known=known)
    assert published.asked == [("POST", "face")] and store.missing(["face"], tmp_path) == []
    assert all(number.encode() not in path.read_bytes() for path in tmp_path.rglob("*.json"))


def test_a_changed_weight_is_found_before_it_is_loaded(published, tmp_path):
    fetching.fetch(["hd-bet"], tmp_path)
    checkpoint = tmp_path / "hd-bet" / "fold_all" / "checkpoint_final.pth"
    checkpoint.write_bytes(b"x" + CHECKPOINT[1:])
    with pytest.raises(StrokeprepError, match="not what was fetched"):
        store.verified("hd-bet", tmp_path)


@pytest.mark.parametrize("known", [None, "0" * 64])
@pytest.mark.parametrize("name", ["total-fast", "total-crop"])
def test_a_folder_that_nothing_vouches_for_is_refused_with_its_digest(
    tmp_path, monkeypatch, name, known
):
    monkeypatch.setitem(MODELS, name, replace(MODELS[name], folder=f"totalsegmentator/{DATASET}"))
    zipfile.ZipFile(io.BytesIO(packed(TOTAL))).extractall(tmp_path)
    digest = store.digest_of(tmp_path / DATASET)
    with pytest.raises(StrokeprepError, match=digest):
        fetching.fetch(
            [name], tmp_path / "m", offline=tmp_path, known={name: known} if known else {}
        )
    assert store.missing([name], tmp_path / "m") == [name]
    fetching.fetch([name], tmp_path / "m", offline=tmp_path, known={name: digest})
    assert store.missing([name], tmp_path / "m") == []


def test_weights_exchanged_together_with_their_record_are_found_by_the_known_digest(
    published, tmp_path
):
    fetching.fetch(["hd-bet"], tmp_path)
    known = {"hd-bet": store.verified("hd-bet", tmp_path)[1]}
    (tmp_path / "hd-bet/fold_all/checkpoint_final.pth").write_bytes(b"other")
    store.write_record(MODELS["hd-bet"], tmp_path / "hd-bet", "0" * 64)
    for given in (known, None):  # the archive's is pinned as well
        with pytest.raises(StrokeprepError, match="not those that are known"):
            store.verified("hd-bet", tmp_path, given)


def test_a_file_that_was_not_fetched_is_found(published, tmp_path):
    fetching.fetch(["hd-bet"], tmp_path)
    (tmp_path / "hd-bet/fold_all/extra.pth").write_bytes(b"x")
    with pytest.raises(StrokeprepError, match=r"not what was fetched.*extra\.pth"):
        store.verified("hd-bet", tmp_path)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"files": {}}', '{"files": {}, "digest": "", "archive": ""}', "{"]
)
def test_a_damaged_record_is_a_missing_model(published, tmp_path, content):
    fetching.fetch(["hd-bet"], tmp_path)
    (tmp_path / "hd-bet" / store.RECORD).write_text(content)
    assert store.missing(["hd-bet"], tmp_path) == ["hd-bet"]
    assert store.digests(["hd-bet"], tmp_path) == {"hd-bet": None}
    fetching.fetch(["hd-bet"], tmp_path)
    assert whole(tmp_path)


def test_weights_that_every_user_may_change_are_refused_and_none_are_fetched_so(
    published, tmp_path
):
    before = os.umask(0)
    try:
        fetching.fetch(["hd-bet"], tmp_path)
    finally:
        os.umask(before)
    store.verified("hd-bet", tmp_path)
    (tmp_path / "hd-bet/plans.json").chmod(0o666)
    with pytest.raises(StrokeprepError, match="Every user of this machine may change"):
        store.verified("hd-bet", tmp_path)


def test_an_archive_that_unpacks_to_a_hundred_times_its_size_is_refused(published, tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in HD_BET:
            archive.writestr(name, bytes(3_000_000))
    published.content = content.getvalue()
    with pytest.raises(StrokeprepError, match="bytes when it is unpacked"):
        fetching.fetch(["hd-bet"], tmp_path, known={"hd-bet": sha256(published.content)})
    assert store.missing(["hd-bet"], tmp_path) == ["hd-bet"]


def test_a_folder_with_links_is_refused(tmp_path):
    zipfile.ZipFile(io.BytesIO(packed(TOTAL))).extractall(tmp_path)
    (tmp_path / DATASET / "loop").symlink_to(tmp_path / DATASET)
    with pytest.raises(StrokeprepError, match="holds a link"):
        fetching.fetch(["total-fast"], tmp_path / "m", offline=tmp_path)


@pytest.mark.parametrize("pair", ["hd-bet", "hd-bet=12", f"nobody={'0' * 64}"])
def test_a_digest_on_the_command_line_is_a_model_and_64_digits(pair, tmp_path, capsys):
    with pytest.raises(SystemExit):
        command.main(["--folder", str(tmp_path), "--sha256", pair, "hd-bet"])
    assert "is not MODEL=DIGEST" in capsys.readouterr().err


def test_missing_models_are_named_together_with_the_command(tmp_path):
    with pytest.raises(StrokeprepError) as raised:
        store.require(["hd-bet", "total-fast", "hd-bet"], tmp_path)
    assert "hd-bet, total-fast are missing" in str(raised.value)
    assert f"make models MODELS='hd-bet total-fast' FOLDER={tmp_path}" in str(raised.value)


def test_a_server_that_does_not_answer_is_a_clear_error(published, tmp_path):
    published.shutdown()
    published.server_close()
    with pytest.raises(StrokeprepError, match="could not be downloaded"):
        fetching.fetch(["hd-bet"], tmp_path)


def test_the_command_fetches_and_checks(published, tmp_path, capsys):
    arguments = ["--folder", str(tmp_path), "hd-bet"]
    assert command.main(["--check", *arguments]) == 1
    assert "are missing" in capsys.readouterr().err
    assert command.main(arguments) == 0
    assert "sha256:" in capsys.readouterr().out
    assert command.main(["--check", *arguments]) == 0


def test_asking_needs_only_the_standard_library():
    program = "import sys; from strokeprep.segmentation.weights import store; print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(LIBRARY)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert not {"numpy", "torch", "SimpleITK", "nibabel", "yaml"} & set(done.stdout.split())
