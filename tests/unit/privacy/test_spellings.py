"""The audit searches as an adversary would: in all spellings, and by shape where it knows no word."""

from __future__ import annotations

import json
import time
import unicodedata
from pathlib import Path

import pytest
from strokeprep.privacy import files, private_words
from strokeprep.privacy.private_words import PrivateWords

SIDECAR = {
    "PatientName": "Müllerbach^Quentin",
    "PatientID": "0077123456",
    "OtherPatientIDs": [881234.0],
    "PatientBirthDate": "19310617",
    "AcquisitionDateTime": "2021-03-12T14:32:00",
    "ReferringPhysicianName": "Roe^Li",
    "OperatorsName": ["Kim^Bo"],
    "StationName": "QCT17",
}


@pytest.fixture(scope="module")
def words(tmp_path_factory) -> PrivateWords:
    path = tmp_path_factory.mktemp("raw") / "sub-01_ct.json"
    path.write_text(json.dumps(SIDECAR))
    return private_words.of_files([str(path)], None, ["01", "sub-01", path.stem])


def found(words: PrivateWords, folder: Path, name: str, content: str) -> set[str]:
    """What the audit finds in one file of a dataset."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    leaks = list(files.of_file(path, name, words))
    said = " ".join(leak.what for leak in leaks)
    assert not any(part in said for part in ("llerbach", "7712", "1931"))  # never repeated
    return {leak.find for leak in leaks}


SPELT = (
    "Müllerbach", "MÜLLERBACH", "Muellerbach", "Mullerbach", "M&uuml;llerbach", "M&#252;llerbach",
    "Mül\u00adler\u200bbach", "Ｍüllerbach", "Müllerbach\u2011Quentin", "17\u201306\u20131931",
    unicodedata.normalize("NFD", "Müllerbach"), "QuentinMuellerbach", "quentin_müllerbach",
    "Müllerbach, Quentin", "Müllerbach-Quentin", "headOfQuentin",
    "0077123456", "77123456", "77123456.0", "77 123 456", "77-123-456", "881234",
    "17.06.1931", "17.6.1931", "17.6.31", "17 June 1931", "June 17, 1931", "17-Jun-31", "06/17/1931",
    "1931_06_17", "12 March 2021", "12.3.2021", "Dr Roe", "Dr. Li", "Patient: Kim", "name=Bo", "QCT17",
)  # fmt: skip


@pytest.mark.parametrize("name", ["README.md", "docs/qc/index.html", "participants.tsv", "a.json"])
@pytest.mark.parametrize("spelt", SPELT)
def test_a_private_word_is_found_in_every_spelling_and_kind_of_file(words, tmp_path, spelt, name):
    written = {
        "README.md": f"# A study\n\nFor {spelt}: an image\n",
        "docs/qc/index.html": f"<td>({spelt})</td>",
        "participants.tsv": f"participant_id\tgroup\nsub-01\t{spelt}\n",
        "a.json": json.dumps({"Description": f"An image {spelt}"}, ensure_ascii=False),
    }
    assert "word" in found(words, tmp_path, name, written[name])


@pytest.mark.parametrize("cell", ["Roe", "Li", "kim"])
def test_a_short_name_is_found_where_it_is_all_that_a_cell_says(words, tmp_path, cell):
    table = f"participant_id\tgroup\nsub-01\t{cell}\n"
    assert found(words, tmp_path, "participants.tsv", table) == {"word"}
    assert found(words, tmp_path, "a.json", json.dumps({"Description": cell})) == {"word"}


@pytest.mark.parametrize(
    "text", ["Likely a kimono", "Rolling", "the robot", "0.77123456", "177123456", "quentins"]
)
def test_a_word_inside_another_is_no_leak(words, tmp_path, text):
    assert found(words, tmp_path, "README.md", text) == set()


# --- Shapes: what the input does not hold ----------------------------------------------------

NONE = PrivateWords()
DATES = (
    "2019-12-31", "20191231", "2019/12/31", "2019.12.31", "31.12.2019", "31.12.19", "12/31/2019",
    "31-12-2019", "31_12_2019", "12_3_2021", "03122021", "2021/3", "March 12, 2021", "12-Mar-21",
    "12 mars 2021", "12. März 2021", "Mar 2021", "12MAR2021", "20210312T143200",
    "2021-03-12T14:32:00", "scan of 2021-03-12", "ses-20210312_x", "２０２１-０３-１２", "2021–03–12",
    "2021\u201103\u201112", "2021 03 12", "12 03 2021", "12. 3. 2021", "2021年3月12日", "12.III.2021",
    "12th of March 2021", "12 de marzo de 2021", "12 luglio 2021", "maart 2021", "1931 June 17",
    "2021-W10-5", "03/2021", "2021-03", "12&#46;03&#46;2021", "2021%2D03%2D12", "20\u200b21-03-12",
)  # fmt: skip
PATHS = (
    "/data/Surname_Firstname/ct", "/pacs/Surname^Firstname/1", "C:\\Users\\x", "D:/Users/x",
    "\\\\server\\share\\x", "file:///srv/x", "~/study", "share\\Surname\\ct", "sftp://host/x",
    "%2Fhome%2Fjane%2Fx", "192.168.0.12:104",
)  # fmt: skip
CONTACTS = (
    "jane.doe@example.org", "+49 3476 123456", "03476 12345", "0049 30 1234567", "+493476123456",
    "(0)3476/123456", "jane.doe(at)example.org", "jane.doe＠example.org", "999 476 5919",
)  # fmt: skip
PEOPLE = (
    "Some^Body",
    "Some＾Body",
    "Dr. Jane Doe",
    "MRN 77123456",
    "078-05-1120",
    "1.2.840.113619.2.55.3",
)


@pytest.mark.parametrize("text", [*DATES, *PATHS, *CONTACTS, *PEOPLE])
def test_what_looks_like_a_date_a_path_or_a_contact_is_found_in_cells_values_and_keys(
    text, tmp_path
):
    table = f"participant_id\tgroup\nsub-01\t{text}\n"
    heading = f"participant_id\t{text}\nsub-01\t1\n"
    assert found(NONE, tmp_path, "participants.tsv", table) == {"value"}
    assert found(NONE, tmp_path, "participants.tsv", heading) == {"value"}
    for content in (
        {"a": text},
        {"a": [[text]]},
        {text: 1},
        {"Software": {"a": {"b": f"by {text}"}}},
    ):
        assert found(NONE, tmp_path, "a.json", json.dumps(content)) == {"value"}


@pytest.mark.parametrize(
    ("key", "number"),
    [("a", 1615543200), ("a", 1615543200.5), ("a", 1615543200000), ("scan_date", 44267)],
)
def test_a_number_that_is_a_point_in_time_is_found(tmp_path, key, number):
    assert found(NONE, tmp_path, "a.json", json.dumps({key: [number]})) == {"value"}
    table = f"participant_id\t{key}\nsub-01\t{number}\n"
    assert found(NONE, tmp_path, "participants.tsv", table) == {"value"}


HARMLESS = (
    "1.11.1", "5.3.2", "0.9.17", "2.0.1", "3.14159265", "0.00020210312", "12.5 ml", "1/2", "10/20",
    "sub-01/ses-01/ct/sub-01_ses-01_acq-ncct_ct.nii.gz", "bids:raw:sub-01/ct/sub-01_ct.nii.gz",
    "MNI152NLin2009aSym", "TotalSegmentator 2.18.0", "10.1016/j.neuroimage.2012.09.050", "n/a",
    "may be inverted, or a brain mask", "mar", "123 456", "-1024 to 3071", "1-2-3", "4 to 12 s",
    "https://doi.org/10.1038/s41597-022-01875-5", "mm/s", "b0/b1000", "±0.5", "120/80", "mg/dl",
    "2021", "99 of 100", "10.1.2", "1.2.3.4", "100 200 300", "12 03", "45 %de", "Prof 1", "+12", "Mr",
    "26 of 4096", "12 maps", "1.5e-05", "20210", "a decade 0 12", "Tmax > 6 s", "I\\O"[:1],
)  # fmt: skip


@pytest.mark.parametrize("text", HARMLESS)
def test_measurements_versions_and_our_own_paths_are_no_leak(tmp_path, text):
    table = f"participant_id\tgroup\nsub-01\t{text}\n"
    assert found(NONE, tmp_path, "participants.tsv", table) == set()
    assert found(NONE, tmp_path, "a.json", json.dumps({"a": text})) == set()


# --- Files that break a reader ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "find"),
    [
        ("a.json", "[" * 50_000, "file"),
        ("a.html", '<img src="data:image/png;base64,AAA">', "picture"),
        ("a.html", '<img src="data:image/png;base64,AA=A">', "picture"),
        ("a.html", '<img src="data:image/jpeg;base64,/9j/4AAQ">', "picture"),
        ("a.html", '<script src="https://example.org/a.js"></script>', "file"),
        ("a.html", "<img src=//example.org/a.png>", "file"),
        ("a.html", f"<script>{'x=1;' * 20_000} // Some Müllerbach</script>", "word"),
    ],
    ids=["deep", "short", "padding", "jpeg", "script", "image", "long script"],
)
def test_a_file_that_would_break_a_reader_or_loads_something_is_a_leak(
    words, tmp_path, name, content, find
):
    assert find in found(words, tmp_path, name, content)


def test_the_search_takes_linear_time(tmp_path):
    words = PrivateWords()
    for number in range(2000):
        words.add(f"quill{number:05d} feather", "a sidecar")
    text = "An image of a head, resampled. 0.123456 12 34 56 " * 2000
    start = time.process_time()
    words.found_in(text)
    once = time.process_time() - start
    start = time.process_time()
    words.found_in(text * 8)
    assert time.process_time() - start < 16 * once + 0.1
    assert once < 2
