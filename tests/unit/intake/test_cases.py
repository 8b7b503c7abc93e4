"""Cases that were made after the reader was finished: each comes out right or is refused."""

from __future__ import annotations

from dataclasses import replace

import exports
import numpy as np
import pytest
from strokeprep.intake import overrides, plan, studies
from strokeprep.intake.roles import role as roles

SMALL = exports.head((12, 14, 16))
PLANES = exports.frames(SMALL)
AGENT = {"ContrastBolusAgent": "Omnipaque"}
ECHO = {"ScanningSequence": "EP", "DiffusionDirectionality": "ISOTROPIC"}
TIMES = [1.5 * index for index in range(12)]


def one(folder):
    (stack,) = exports.read(folder)
    return stack


def role_of(folder, description, planes=PLANES, **rest):
    exports.write(folder, exports.series(description=description, **rest), planes)
    return roles.role(one(folder))


def points(stack):
    """Where some voxels of a volume lie (RAS), and their values."""
    back = stack.volume()
    places = np.argwhere(back.array > 500)
    return places @ back.affine[:3, :3].T + back.affine[:3, 3]


def same_points(stack):
    """Whether bone lies where it lies in the head that was written."""
    places = np.argwhere(SMALL > 500) @ exports.affine()[:3, :3].T + exports.affine()[:3, 3]
    return np.allclose(np.sort(points(stack), axis=0), np.sort(places, axis=0), atol=1e-4)


# --- Geometry -------------------------------------------------------------------------------


@pytest.mark.parametrize("flip", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_a_patient_may_lie_prone_or_feet_first(flip, tmp_path):
    across, down = flip
    turned = [
        [
            replace(
                plane,
                pixels=plane.pixels[::down, ::across],
                rows=plane.rows * across,
                columns=plane.columns * down,
                position=plane.position
                + (across < 0) * plane.rows * plane.spacing[1] * 11
                + (down < 0) * plane.columns * plane.spacing[0] * 13,
            )
            for plane in PLANES[0]
        ]
    ]
    assert same_points(one(exports.write(tmp_path, exports.series(), turned)))


def test_slices_may_be_stored_from_the_top(tmp_path):
    assert same_points(one(exports.write(tmp_path, exports.series(), [PLANES[0][::-1]])))


def test_sagittal_slices_come_out_where_they_lie(tmp_path):
    affine = exports.affine()
    volume = np.moveaxis(SMALL, (1, 2, 0), (0, 1, 2))  # rows to the back, columns down, across
    turned = np.column_stack([affine[:, 1], affine[:, 2], affine[:, 0], affine[:, 3]])
    planes = exports.slices.planes(volume, turned)
    assert same_points(one(exports.write(tmp_path, exports.series(), planes)))


def test_directions_and_positions_that_are_rounded_differently_are_one_stack(tmp_path):
    exports.write(tmp_path, exports.series(), exports.frames(SMALL, TIMES))
    random = np.random.default_rng(1)

    def shake(dataset):
        turned = np.array(dataset.ImageOrientationPatient, float) + random.uniform(-2e-5, 2e-5, 6)
        dataset.ImageOrientationPatient = [f"{each:.7f}" for each in turned]
        moved = np.array(dataset.ImagePositionPatient, float) + random.uniform(-0.01, 0.01, 3)
        dataset.ImagePositionPatient = [f"{each:.4f}" for each in moved]
        dataset.PixelSpacing = [f"{7 + random.uniform(-3e-5, 3e-5):.6f}" for _ in "ab"]

    exports.edit(tmp_path, shake)
    stack = one(tmp_path)
    assert stack.faults == () and len(stack.frames) == 12


def test_pixels_that_are_not_square_keep_their_sides(tmp_path):
    narrow = exports.affine((3.0, 8.0, 7.0))
    planes = exports.slices.planes(SMALL, narrow)
    back = one(exports.write(tmp_path, exports.series(), planes)).volume()
    assert np.allclose(back.affine, narrow, atol=1e-6) and np.array_equal(back.array, SMALL)


def test_orientation_that_is_no_rotation_is_a_fault(tmp_path):
    exports.write(tmp_path, exports.series(), PLANES)
    exports.edit_all(tmp_path, ImageOrientationPatient=[1, 0, 0, 1, 0, 0])
    assert one(tmp_path).faults == ("its orientation or pixel size is impossible",)


@pytest.mark.parametrize("position", [["1e400", "0", "0"], ["nan", "0", "0"], ["0", "0"]])
def test_positions_that_are_no_places_are_a_fault(position, tmp_path):
    exports.write(tmp_path, exports.series(), PLANES)
    content = "\\".join(position).encode()
    for path in tmp_path.iterdir():
        dataset = exports.pydicom.dcmread(path)
        dataset[0x00200032] = exports.pydicom.DataElement(0x00200032, "LO", content.decode())
        dataset.save_as(path)
    assert one(tmp_path).faults


def test_a_localiser_inside_the_series_is_a_stack_of_its_own(tmp_path):
    scout = [[replace(PLANES[0][0], rows=np.eye(3)[1], columns=-np.eye(3)[2])]]
    exports.write(tmp_path / "a", exports.series(), PLANES)
    exports.slices.write(tmp_path / "b", exports.series(), scout, first=99)
    scout_stack, scan = sorted(exports.read(tmp_path), key=lambda stack: len(stack.slices))
    assert same_points(scan) and roles.role(scout_stack).kind == ""


@pytest.mark.parametrize("slope", ["0", "1e300", "-1e7"])
def test_a_scale_that_cannot_be_makes_no_image(slope, tmp_path):
    exports.write(tmp_path, exports.series(), [PLANES[0][:2]])
    exports.edit_all(tmp_path, RescaleSlope=slope)
    assert exports.read(tmp_path) == []


# --- Time -----------------------------------------------------------------------------------


def test_two_positions_of_a_table_that_goes_to_and_fro_are_one_series(tmp_path):
    planes = [
        [replace(plane, seconds=t * 3.0 + (k >= 8) * 1.5) for k, plane in enumerate(frame)]
        for t, frame in enumerate(exports.frames(SMALL, TIMES))
    ]
    stack = one(exports.write(tmp_path, exports.series(tags=AGENT, description="CTP"), planes))
    assert np.allclose(stack.clock.offsets[:, 8:], 1.5) and np.allclose(
        stack.clock.offsets[:, :8], 0
    )
    assert np.allclose(np.diff(stack.clock.starts), 3)


def test_bolus_tracking_is_no_perfusion_series(tmp_path):
    tracked = exports.frames(SMALL[:, :, 8:9], TIMES)
    assert role_of(tmp_path, "Monitoring", tracked, tags=AGENT).confidence == "none"


def test_a_series_that_was_scanned_twice_has_two_frames_and_is_none(tmp_path):
    twice = exports.frames(SMALL, [0.0, 40.0])
    assert role_of(tmp_path, "Head without", twice).reasons == (
        "2 frames, too few for a perfusion series",
    )


def test_frames_minutes_apart_are_no_perfusion(tmp_path):
    slow = exports.frames(SMALL, [45.0 * index for index in range(12)])
    assert role_of(tmp_path, "CTP", slow, tags=AGENT).confidence == "doubtful"


def test_times_that_are_no_times_are_passed_over(tmp_path):
    exports.write(tmp_path, exports.series(), exports.frames(SMALL, TIMES))
    exports.edit_all(tmp_path, AcquisitionDateTime="", AcquisitionTime="")
    assert one(tmp_path).clock.tag == "ContentTime"


# --- Words and values -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("description", "tags", "expected"),
    [
        ("Head w/wo", {}, ("cta", "doubtful")),
        ("Head with and without contrast", {}, ("cta", "doubtful")),
        ("Head without contrast", {}, ("ncct", "certain")),
        ("Kopf ohne KM", {}, ("ncct", "certain")),
        ("Head post contrast", AGENT, ("cta", "doubtful")),
        ("CTP average", AGENT, ("cta", "doubtful")),
        ("CTA head delayed", AGENT, ("cta", "doubtful")),
        ("Head w/o CTA", {}, ("cta", "doubtful")),
        ("Head without", {"ContrastBolusAgent": "NONE"}, ("ncct", "certain")),
        ("Head without", {"BodyPartExamined": "KNEE"}, ("ncct", "doubtful")),
        ("Head without", {"PhotometricInterpretation": "MONOCHROME1"}, ("", "none")),
        ("Head without", {"LossyImageCompression": "01"}, ("ncct", "doubtful")),
        ("Head without", {"RescaleType": "OD"}, ("ncct", "doubtful")),
        ("Head without", {"Modality": "OT"}, ("", "none")),
        ("CT Thorax native", {}, ("", "none")),
        ("", {"ProtocolName": "Stroke CTA CTP"}, ("cta", "doubtful")),
        ("Head without", {"ProtocolName": "Stroke CTA CTP"}, ("ncct", "certain")),
    ],
)
def test_descriptions_that_say_two_things_settle_nothing(description, tags, expected, tmp_path):
    thin = exports.slices.planes(SMALL, exports.affine((7.0, 7.0, 7.0)))
    written = {name: value for name, value in tags.items() if name == "ContrastBolusAgent"}
    exports.write(tmp_path, exports.series(description=description, tags=written), thin)
    exports.edit_all(tmp_path, **{name: tags[name] for name in tags if name not in written})
    found = roles.role(one(tmp_path))
    assert (found.kind, found.confidence) == expected


def test_padding_that_lost_its_sign_is_air(tmp_path):
    exports.write(tmp_path, exports.series(exports.study("ge")), PLANES)
    for path in tmp_path.iterdir():
        dataset = exports.pydicom.dcmread(path)
        dataset[0x00280120] = exports.pydicom.DataElement(0x00280120, "US", 63536)
        dataset.save_as(path)
    assert one(tmp_path).volume().array.min() >= -1024


def test_of_two_b_values_the_usual_one_is_the_trace(tmp_path):
    of = exports.study(modality="MR")
    bright = exports.frames(SMALL + 1024)
    for number, b_value in ((2, 500.0), (3, 1000.0), (4, 3000.0)):
        made = exports.series(
            of,
            "",
            number=number,
            image_type=("ORIGINAL",),
            tags={**ECHO, "DiffusionBValue": b_value},
        )
        exports.write(tmp_path / f"{number}", made, bright)
    (study,) = studies.read([tmp_path]).studies
    (row,) = plan.of_study(study, "01", "01").converted
    assert row.stack.b_value == 1000


def test_an_adc_of_small_numbers_keeps_its_fractions(tmp_path):
    of = exports.study(modality="MR")
    made = exports.series(of, "", image_type=("DERIVED", "PRIMARY", "DIFFUSION", "ADC"))
    exports.write(tmp_path, made, exports.frames(SMALL + 1024))
    exports.edit_all(tmp_path, RescaleSlope="0.001", RescaleIntercept="0")
    back = one(tmp_path).volume().array
    assert back.dtype == np.float32 and np.allclose(back, (SMALL + 1024) * 0.001, atol=1e-6)


def test_magnitude_and_phase_of_one_series_are_parted(tmp_path):
    of = exports.study(modality="MR")
    bright = exports.frames(SMALL + 1024)
    for first, kind in ((1, "M"), (100, "P")):
        made = exports.series(of, "SWI", image_type=("ORIGINAL", "PRIMARY", kind))
        exports.slices.write(tmp_path / kind, made, bright, first=first)
    assert sorted(roles.role(stack).kind for stack in exports.read(tmp_path)) == ["", "swi"]


# --- Whole studies --------------------------------------------------------------------------


def decided(folder, entries=()):
    (study,) = studies.read([folder]).studies
    return plan.of_study(study, "01", "01", entries).rows


def test_two_distances_by_protocol_wait_until_a_person_allows_to_interpolate(tmp_path):
    lower, upper = exports.frames(exports.head((12, 14, 30)))[0][:14], PLANES[0]
    start, step = lower[-1].position, np.array([0.0, 0.0, 3.5])
    thin = [replace(plane, position=start - step * (14 - k)) for k, plane in enumerate(lower)]
    thick = [
        replace(plane, position=start + 2 * step * k) for k, plane in enumerate(upper, start=0)
    ]
    exports.write(tmp_path, exports.series(), [thin + thick])
    (row,) = decided(tmp_path)
    assert row.decision == "wait" and "uneven: resample" in row.role.lacks[0]
    (said,) = decided(tmp_path, [overrides.Override(1, {"number": 2}, {"uneven": "resample"})])
    assert said.decision == "convert"
    assert said.stack.volume().affine[2, 2] == pytest.approx(3.5)


def test_of_a_thin_and_an_uneven_series_the_even_one_is_taken(tmp_path):
    uneven = [PLANES[0][:8] + exports.frames(exports.head((12, 14, 30)))[0][9::2]]
    exports.write(tmp_path / "a", exports.series(number=2), uneven)
    exports.write(tmp_path / "b", exports.series(number=3), PLANES)
    assert [row.stack.number for row in decided(tmp_path) if row.decision == "convert"] == [3]


COLOUR = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "BitsAllocated": 8}


@pytest.mark.parametrize(
    ("image_type", "tags", "reason"),
    [
        (("DERIVED", "SECONDARY", "SCREEN SAVE"), {}, "a picture of a screen"),
        (("DERIVED", "PRIMARY", "OTHER"), COLOUR, "a picture in colour, or inverted"),
        (("DERIVED", "SECONDARY", "DOSE_INFO"), {}, "a dose page"),
        (("DERIVED", "SECONDARY", "OTHER", "CSA MPR"), {}, "a reformat"),
    ],
)
def test_pages_and_pictures_beside_a_scan_are_left(image_type, tags, reason, tmp_path):
    made = exports.series(number=9, image_type=image_type)
    exports.write(tmp_path / "a", made, [PLANES[0][:1]])
    for path in (tmp_path / "a").iterdir():
        dataset = exports.pydicom.dcmread(path)
        for name, value in tags.items():
            setattr(dataset, name, value)
        if tags:
            dataset.PixelData = bytes(dataset.Rows * dataset.Columns * 3)
        dataset.save_as(path)
    exports.write(tmp_path / "b", exports.series(), PLANES)
    scan, page = decided(tmp_path)
    assert (scan.decision, page.decision) == ("convert", "leave")
    assert page.role.reasons == (reason,)


def test_a_colour_map_of_directions_beside_diffusion_is_left(tmp_path):
    of = exports.study(modality="MR")
    made = exports.series(of, "FA", image_type=("DERIVED", "PRIMARY", "DIFFUSION", "FA"), number=8)
    exports.write(tmp_path, made, exports.frames(SMALL + 1024))
    assert [row.decision for row in decided(tmp_path)] == ["leave"]


def test_blanked_dates_leave_one_visit_of_each_patient(tmp_path):
    for number in ("P-1", "P-2"):
        of = exports.study(patient=number)
        exports.write(tmp_path / number, exports.series(of), PLANES)
    blank = dict.fromkeys(("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"), "")
    exports.edit_all(tmp_path, **blank)
    found = studies.read([tmp_path]).studies
    assert len(found) == 2 and all(study.began is None for study in found)
    assert list(studies.sessions(found).values()) == ["01", "01"]
    assert studies.hours_since_first(found) == {}


def test_blanked_dates_of_two_studies_of_a_patient_are_not_put_in_order(tmp_path):
    for hour in (9, 12):
        of = exports.study(begins=exports.NOON.replace(hour=hour))
        exports.write(tmp_path / f"{hour}", exports.series(of), [PLANES[0][:1]])
    exports.edit_all(tmp_path, StudyDate="")
    assert studies.sessions(studies.read([tmp_path]).studies) == {}
