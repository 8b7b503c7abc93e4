"""The gate reports all faults of a subject at once, as text and as JSON."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.gate import checks, inspection, voxel_checks
from strokeprep.gate.checks import CHECKS, REFUSE, WARN
from strokeprep.io import images
from strokeprep.kinds import KINDS, LABELS
from strokeprep.settings.field import schema, typed
from strokeprep.settings.gate import GateSettings

REPOSITORY = Path(__file__).parents[3]
AFFINE = np.diag([-8.0, -8.0, 10.0, 1.0])


def stored(path: Path, data: np.ndarray, affine=AFFINE, codes=(2, 1), interval_s: float = 1) -> str:
    nifti = nib.Nifti1Image(data, affine)
    if data.ndim == 4:
        nifti.header["pixdim"][4] = interval_s
    nifti.set_qform(affine, codes[0])
    nifti.set_sform(affine, codes[1])
    nifti.header.set_xyzt_units("mm", "sec")
    nib.save(nifti, path)
    return str(path)


def head(*shape: int, seed: int = 0) -> np.ndarray:
    """A ball of tissue in a shell of bone, in air (HU)."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape[:3]), indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in axes))
    data = np.select([radius < 0.6, radius < 0.7], [35.0, 1000.0], -1000.0)
    if len(shape) == 4:
        data = np.repeat(data[..., None], shape[3], 3)
    return np.rint(data + np.random.default_rng(seed).normal(0, 8, data.shape)).astype(np.int16)


def ct(path: str, sidecar: str | None = None, kind: str = "ncct") -> inspection.RawImage:
    return inspection.RawImage(path, KINDS[kind], sidecar, path)


def timing_findings(tmp_path, sidecar: str | None, frame_times=None) -> list[tuple[str, str]]:
    """Findings about a series of 12 frames, whose header gives an interval of one second."""
    series = stored(tmp_path / "ctp.nii.gz", head(32, 32, 8, 12))
    if sidecar is not None:
        (tmp_path / "ctp.json").write_text(sidecar)
    beside = str(tmp_path / "ctp.json") if sidecar is not None else None
    report = inspection.inspect(
        [ct(series, beside, "ctp")], [], GateSettings(frame_times=frame_times)
    )
    return [(finding.check, finding.verdict) for finding in report.findings]


def test_frame_times_of_the_config_replace_those_of_the_sidecar(tmp_path):
    assert timing_findings(tmp_path, '{"RepetitionTime": 1500}') == [("timing", REFUSE)]
    assert timing_findings(tmp_path, '{"RepetitionTime": 1500}', 1) == []
    assert timing_findings(tmp_path, '{"RepetitionTime": 1500}', "header") == []
    assert timing_findings(tmp_path, '{"RepetitionTime": 1}', (0.0, 1.0)) == [("timing", REFUSE)]


def test_the_interval_of_the_header_is_only_used_if_the_config_says_so(tmp_path):
    assert timing_findings(tmp_path, None) == [("timing_missing", REFUSE)]
    assert timing_findings(tmp_path, None, "header") == []
    assert timing_findings(tmp_path, None, 2) == [("timing_header", WARN)]


MR_KINDS = [kind for kind in KINDS.values() if kind.quantity == "signal"]


@pytest.mark.parametrize("kind", MR_KINDS, ids=lambda kind: kind.name)
def test_mr_with_slices_of_seven_millimetres_is_admitted_without_a_word(tmp_path, kind):
    frames = (12,) if kind.ndim == 4 else ()
    signal = np.maximum(head(32, 32, 20, *frames) + 1000, 0).astype(np.int16)
    path = stored(tmp_path / f"{kind.name}.nii.gz", signal, np.diag([-6.0, -6.0, 7.0, 1.0]))
    report = inspection.inspect([inspection.RawImage(path, kind, None, path)], [])
    assert report.lines() == []


def test_an_mr_series_without_frame_times_is_admitted_with_a_warning(tmp_path):
    signal = np.maximum(head(32, 32, 8, 12) + 1000, 0).astype(np.int16)
    path = stored(tmp_path / "dsc.nii.gz", signal, interval_s=0)
    pwi = inspection.RawImage(path, KINDS["pwi"], None, path)
    report = inspection.inspect([pwi], [])
    assert [finding.check for finding in report.findings] == ["timing_unknown"]
    assert not report.refused


def test_a_published_report_has_the_bids_name_of_each_file(tmp_path):
    scan = stored(tmp_path / "T1w.nii.gz", head(32, 32, 16))
    doubtful = inspection.Finding.of("units_missing", "T1w.nii.gz has no unit", scan, "Look.")
    report = inspection.Report(({"path": scan},), (doubtful,))
    public = "bids::sub-01/anat/sub-01_T1w.nii.gz"
    published = report.published({scan: public})
    assert published.files[0]["path"] == published.findings[0].where == public
    assert published.findings[0].what == "sub-01_T1w.nii.gz has no unit"


def test_a_good_subject_is_admitted_and_described(tmp_path):
    scan = stored(tmp_path / "ncct.nii.gz", head(32, 32, 16))
    series = stored(tmp_path / "ctp.nii.gz", head(32, 32, 8, 12, seed=1))
    drawn = np.zeros((32, 32, 16), np.uint8)
    drawn[10:14, 10:14, 8] = 1
    mask = stored(tmp_path / "mask.nii.gz", drawn)
    beside = tmp_path / "ctp.json"
    beside.write_text('{"RepetitionTime": 1}')
    report = inspection.inspect(
        [ct(scan), ct(series, str(beside), "ctp")],
        [inspection.RawLabel(mask, LABELS["lesion"], scan)],
    )
    assert report.findings == ()
    report.enforce()
    stored_report = json.loads(json.dumps(report.as_json()))
    assert stored_report["admitted"] is True
    by_path = {file["path"]: file for file in stored_report["files"]}
    assert by_path[scan]["spacing_mm"] == [8, 8, 10]
    assert by_path[series]["shape"] == [32, 32, 8, 12]
    assert by_path[mask]["voxels"] == {"1": 16}


def test_all_faults_of_a_subject_are_reported_at_once(tmp_path):
    first = stored(tmp_path / "a.nii.gz", head(16, 16, 8), codes=(0, 0))
    second = stored(tmp_path / "b.nii.gz", np.zeros((16, 16, 8), np.int16))
    report = inspection.inspect([ct(first), ct(second)], [])
    assert [finding.check for finding in report.refused] == ["no_position", "constant"]
    with pytest.raises(StrokeprepError) as caught:
        report.enforce()
    assert "2 faults" in str(caught.value)
    assert first in str(caught.value) and second in str(caught.value)


def test_a_single_fault_is_an_error_with_fault_file_and_remedy(tmp_path):
    path = stored(tmp_path / "a.nii.gz", np.zeros((16, 16, 8), np.int16))
    with pytest.raises(StrokeprepError) as caught:
        inspection.inspect([ct(path)], []).enforce()
    assert caught.value.what.startswith("Every voxel is 0")
    assert caught.value.where == path
    assert caught.value.remedy


def test_a_finding_in_the_json_has_its_verdict_and_reason(tmp_path):
    path = stored(tmp_path / "a.nii.gz", np.zeros((16, 16, 8), np.int16))
    (finding,) = inspection.inspect([ct(path)], []).as_json()["findings"]
    assert finding["check"] == "constant"
    assert finding["verdict"] == REFUSE
    assert finding["because"] == CHECKS["constant"].why
    assert finding["where"] == path


def test_names_of_patients_are_not_repeated(tmp_path):
    scans = []
    for name in ("Doe^Jane", "Roe^Richard"):
        beside = tmp_path / f"{name[0]}.json"
        beside.write_text(json.dumps({"PatientName": name}))
        path = stored(tmp_path / f"{name[0]}.nii.gz", head(16, 16, 8, seed=len(name)))
        scans.append(ct(path, str(beside)))
    report = inspection.inspect(scans, [])
    assert [finding.check for finding in report.findings] == ["two_patients"]
    text = json.dumps(report.as_json()) + "\n".join(report.lines())
    assert "Jane" not in text and "Roe" not in text


def test_a_series_is_never_held_in_memory_as_a_whole(tmp_path):
    series = np.broadcast_to(head(256, 256, 8)[..., None], (256, 256, 8, 64))  # 64 MB
    path = stored(tmp_path / "ctp.nii", series)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    content = voxel_checks.measure(images.open_nifti(Path(path)), Path(path))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert content.slices == 8 * 64
    assert grown < 60


def test_the_blocks_of_a_file_together_are_its_voxels(tmp_path):
    data = head(9, 7, 5, 3)
    for name in ("a.nii", "a.nii.gz"):
        path = Path(stored(tmp_path / name, data))
        parts = list(images.blocks(images.open_nifti(path), path, 4))
        assert [len(part) for part in parts] == [4, 4, 4, 3]
        read = np.concatenate(parts).reshape(3, 5, 7, 9).T
        assert np.array_equal(read, data)


def test_a_small_image_is_sampled_completely(tmp_path):
    data = head(16, 16, 8)
    path = Path(stored(tmp_path / "a.nii", data))
    content = voxel_checks.measure(images.open_nifti(path), path)
    assert np.array_equal(np.sort(content.sample), np.sort(data.ravel()))


def test_a_config_replaces_only_the_settings_that_it_names():
    found = typed(GateSettings, {"tolerate": ["forms"], "extent_mm": [10, 900]})
    assert found == GateSettings(tolerate=("forms",), extent_mm=(10, 900))


def test_the_guide_has_the_table_of_the_checks():
    assert checks.table() in (REPOSITORY / "docs/gate.md").read_text()


def test_every_check_has_a_verdict_and_a_reason():
    for check in CHECKS.values():
        assert check.verdict in (REFUSE, WARN)
        assert check.finds and check.why
        assert not (check.tolerable and check.verdict == WARN)


def test_the_config_has_every_limit_with_the_default_of_the_library():
    rows = schema(GateSettings)["properties"]
    found = typed(GateSettings, {key: row["default"] for key, row in rows.items()})
    assert found == GateSettings()
    assert rows["tolerate"]["items"]["enum"] == checks.tolerable()
