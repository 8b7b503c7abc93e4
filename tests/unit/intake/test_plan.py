"""Each series becomes what its facts say, and only what is certain is converted."""

from __future__ import annotations

import exports
import numpy as np
import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.intake import overrides, plan, stage, studies
from strokeprep.intake.roles import role as roles
from strokeprep.intake.roles.evidence import Beside

AGENT = {"ContrastBolusAgent": "Omnipaque"}
ECHO = {"ScanningSequence": "EP", "EchoTime": "80", "RepetitionTime": "5000"}
GRADIENT = {"ScanningSequence": "GR", "MRAcquisitionType": "3D", "EchoTime": "3"}
FLAT = {"ScanningSequence": "GR", "MRAcquisitionType": "2D", "EchoTime": "20"}
RESEARCH = {"MRAcquisitionType": "3D", "EchoTime": "3", "InversionTime": "1000"}
# As files of many frames say it.
SPELLED = {"EchoPulseSequence": "SPIN", "EchoPlanarPulseSequence": "YES", "EchoTime": "80"}


def role_of(tmp_path, made, planes=None, **rest):
    exports.write(tmp_path / f"{made.number}", made, planes)
    (stack,) = exports.read(tmp_path / f"{made.number}")
    return roles.role(stack, **rest)


def ct(description="", image_type=None, planes=None, **tags):
    kept = {"image_type": image_type} if image_type else {}
    return exports.series(description=description, tags=tags, **kept)


def mr(description="", image_type=("ORIGINAL", "PRIMARY", "M"), maker="siemens", **tags):
    of = exports.study(maker, "MR")
    return exports.series(of, description, image_type=image_type, tags=tags)


def positive():
    return exports.frames(exports.head() + 1024)


@pytest.mark.parametrize(
    ("made", "kind", "confidence"),
    [
        (ct("Head native"), "ncct", "certain"),
        (ct("Schädel ohne KM"), "ncct", "certain"),
        (ct("Head"), "ncct", "doubtful"),  # nothing says that there was no agent
        (ct("Head without", ConvolutionKernel="Hr68f"), "ncct", "doubtful"),
        (ct("CTA head", **AGENT), "cta", "doubtful"),  # slices of 5 mm
        (ct("Thorax"), "", "none"),
        (ct("Topogram", ("ORIGINAL", "PRIMARY", "LOCALIZER")), "", "none"),
        (ct("MIP", ("DERIVED", "SECONDARY", "AXIAL", "MIP")), "", "none"),
        (ct("Head without", ("DERIVED", "SECONDARY", "REFORMATTED")), "", "none"),
        (ct("CBF"), "", "none"),
        (ct("Head without", BurnedInAnnotation="YES"), "", "none"),
    ],
)
def test_a_ct_is_what_its_facts_say(made, kind, confidence, tmp_path):
    found = role_of(tmp_path, made)
    assert (found.kind, found.confidence) == (kind, confidence)
    assert found.reasons and bool(found.lacks) == (confidence == "doubtful")


@pytest.mark.parametrize(
    ("made", "kind", "confidence"),
    [
        (mr("", ("DERIVED", "PRIMARY", "DIFFUSION", "ADC")), "adc", "certain"),
        (mr("", ("DERIVED", "PRIMARY", "DIFFUSION", "FA")), "", "none"),
        (mr("eADC", ("DERIVED", "SECONDARY", "EADC")), "", "none"),
        (mr("", **ECHO, DiffusionBValue=0.0), "b0", "certain"),
        (mr("trace", **ECHO, DiffusionBValue=1000.0), "trace", "certain"),
        (mr("", **ECHO, DiffusionBValue=1000.0), "trace", "doubtful"),
        (
            mr("", **ECHO, DiffusionBValue=1000.0, DiffusionDirectionality="DIRECTIONAL"),
            "",
            "none",
        ),
        (mr("", **GRADIENT, InversionTime="900"), "t1w", "doubtful"),  # voxels of 5 mm
        (mr("", ScanningSequence="SE", EchoTime="90", RepetitionTime="4000"), "t2w", "certain"),
        (
            mr("", ScanningSequence=["SE", "IR"], EchoTime="90", InversionTime="2500"),
            "flair",
            "certain",
        ),
        (mr("", ("ORIGINAL", "PRIMARY", "M", "SWI"), **GRADIENT), "swi", "certain"),
        (mr("", ("ORIGINAL", "PRIMARY", "P", "SWI"), **GRADIENT), "", "none"),
        (mr("", **FLAT), "t2star", "certain"),
        (mr("", **(GRADIENT | {"EchoTime": "20"})), "t2star", "doubtful"),
        (mr("GRE hemo", **(GRADIENT | {"EchoTime": "20"})), "t2star", "certain"),
        (mr("TOF 3D multi-slab", **GRADIENT), "tof", "certain"),
        (mr("", **GRADIENT, AngioFlag="Y"), "tof", "doubtful"),
        (mr("TOF", **GRADIENT, **AGENT), "tof", "doubtful"),
        (mr("T1 MP-RAGE", ScanningSequence=["RM", "IR"], **RESEARCH), "t1w", "doubtful"),
        (mr("perfusion", ScanningSequence=["RM", "IR"], **RESEARCH), "", "none"),
        (mr("gre field mapping", **FLAT), "", "none"),
        (
            mr("", EchoPulseSequence="GRADIENT", MRAcquisitionType="2D", EchoTime="20"),
            "t2star",
            "certain",
        ),
        (mr("", EchoPulseSequence="SPIN", EchoTime="90", RepetitionTime="4000"), "t2w", "certain"),
        (mr("", **SPELLED, DiffusionBValue=0.0), "b0", "certain"),
        (mr("ep2d", ("ORIGINAL", "PRIMARY", "MOSAIC"), **ECHO), "", "none"),
        (mr("sequence of some sort"), "", "none"),
    ],
)
def test_an_mr_is_what_its_facts_say(made, kind, confidence, tmp_path):
    found = role_of(tmp_path, made, positive())
    assert (found.kind, found.confidence) == (kind, confidence)


@pytest.mark.parametrize(
    ("description", "tags", "kind", "confidence"),
    [
        ("ep2d perf", ECHO | {"EchoTime": "30"}, "pwi", "certain"),
        ("ep2d", ECHO | {"EchoTime": "30"} | AGENT, "pwi", "certain"),
        ("ep2d", ECHO | {"EchoTime": "30"}, "pwi", "doubtful"),
        ("pCASL perfusion", ECHO | {"EchoTime": "14"}, "", "none"),
        ("fMRI resting", ECHO | {"EchoTime": "30"}, "", "none"),
        ("twist perfusion", GRADIENT | AGENT, "", "none"),
    ],
)
def test_frames_of_mr_are_perfusion_by_echo_planar_imaging_and_an_agent(
    description, tags, kind, confidence, tmp_path
):
    bolus = exports.frames(exports.head((12, 12, 5)) + 1024, [1.5 * index for index in range(12)])
    found = role_of(tmp_path, mr(description, **tags), bolus)
    assert (found.kind, found.confidence) == (kind, confidence)


@pytest.mark.parametrize("maker", exports.MAKERS)
def test_the_b_value_is_read_where_each_maker_writes_it(maker, tmp_path):
    from strokeprep.phantom.dicom.export import with_b_value

    made = with_b_value(mr(maker=maker, **ECHO), 1000)
    assert role_of(tmp_path, made, positive()).reasons == ("b-value 1000",)


@pytest.mark.parametrize("maker", ["ge", "philips"])
@pytest.mark.parametrize(
    ("description", "beside", "kind"),
    [
        ("fMRI", Beside(), ""),
        ("epi", Beside(), ""),
        ("ep2d diff", Beside(), "b0"),
        ("epi", Beside(is_weighted=True), "b0"),
    ],
)
def test_a_private_b_value_of_nothing_makes_no_diffusion(
    maker, description, beside, kind, tmp_path
):
    from strokeprep.phantom.dicom.export import with_b_value

    made = with_b_value(mr(description, maker=maker, **ECHO), 0)
    del made.tags["DiffusionDirectionality"]
    assert role_of(tmp_path, made, positive(), beside=beside).kind == kind


@pytest.mark.parametrize(
    ("description", "beside", "kind", "told"),
    [
        ("epi", Beside(is_weighted=True), "b0", "as Canon and Toshiba write b = 0"),
        ("DWI", Beside(), "b0", "(as: b0)"),
        ("DWI trace", Beside(), "trace", "(as: trace)"),
        ("epi", Beside(), "", ""),
    ],
)
def test_diffusion_without_a_b_value_waits_and_says_what_settles_it(
    description, beside, kind, told, tmp_path
):
    made = mr(description, maker="canon", ScanningSequence=["SE", "EP"])
    found = role_of(tmp_path, made, positive(), beside=beside)
    assert found.kind == kind
    assert told in "".join(found.lacks) and ("no b-value" in "".join(found.lacks)) == bool(kind)


PHILIPS = {
    (0x2001, 0x0010): ("LO", "Philips Imaging DD 001"),
    (0x2001, 0x1003): ("FL", 0.0),
    (0x2001, 0x1004): ("CS", "I"),
    (0x2001, 0x1013): ("SL", 47),
}


@pytest.mark.parametrize(
    ("private", "kind", "confidence"),
    [
        ({}, "", "none"),  # an echo train: no turbo spin echo
        ({(0x2001, 0x1013): ("SL", 1)}, "t2w", "certain"),
        ({(0x2001, 0x1003): ("FL", 1000.0)}, "trace", "certain"),
        (
            {(0x2001, 0x1003): ("FL", 1000.0), (0x2001, 0x1004): ("CS", "O")},
            "trace",
            "doubtful",
        ),
    ],
)
def test_private_tags_of_philips_tell_echo_planar_imaging_and_the_trace(
    private, kind, confidence, tmp_path
):
    of = exports.study("philips", "MR")
    spin = {"ScanningSequence": "SE", "EchoTime": "80", "RepetitionTime": "5000"}
    made = exports.series(
        of, "", image_type=("ORIGINAL",), tags=spin, private_tags=PHILIPS | private
    )
    found = role_of(tmp_path, made, positive())
    assert (found.kind, found.confidence) == (kind, confidence)


def test_ct_without_rescale_tags_waits(tmp_path):
    exports.write(tmp_path, exports.series())

    def unscaled(dataset):
        del dataset.RescaleIntercept

    exports.edit(tmp_path, unscaled)
    (stack,) = exports.read(tmp_path)
    assert "nothing says that its values are HU" in roles.role(stack).lacks


def test_another_series_that_names_its_agent_settles_a_head_without(tmp_path):
    assert role_of(tmp_path, ct("Head"), beside=Beside(has_agent=True)).confidence == "certain"


def test_a_perfusion_series_without_times_waits_until_they_are_given(tmp_path):
    vendor = exports.habits("siemens", clocks=())
    planes = exports.frames(exports.head((12, 12, 5)), range(12))
    exports.write(tmp_path, exports.series(exports.study(vendor), tags=AGENT), planes)
    (stack,) = exports.read(tmp_path)
    assert roles.role(stack).confidence == "doubtful"
    assert roles.role(stack, said={"times": 1.5}).confidence == "certain"


def test_no_word_of_a_description_is_repeated_that_is_not_ours(tmp_path):
    found = role_of(tmp_path, ct("CTA Musterfrau 01.02.1931", **AGENT))
    assert "Muster" not in " ".join((*found.reasons, *found.lacks))


# --- Plans of a whole study -----------------------------------------------------------------


def planned(folder, **rest):
    export = studies.read([folder])
    (study,) = export.studies
    session = studies.sessions(export.studies).get(study.key)
    return plan.of_study(study, "01", session, **rest)


@pytest.fixture
def study_folder(tmp_path):
    kernel = {"ConvolutionKernel": "Hr68f"}
    thick = [exports.frames()[0][::2]]
    exports.write(tmp_path / "a", exports.series(number=4), thick)
    exports.write(tmp_path / "b", exports.series(number=5))
    exports.write(tmp_path / "c", exports.series(number=6, tags=kernel))
    return tmp_path


def test_of_several_reconstructions_the_thin_soft_one_is_converted(study_folder):
    rows = {row.stack.number: row for row in planned(study_folder).rows}
    decided = {number: row.decision for number, row in rows.items()}
    assert decided == {4: "leave", 5: "convert", 6: "leave"}
    assert rows[5].stem == "sub-01/ses-01/ct/sub-01_ses-01_acq-ncct_ct"
    assert "another reconstruction" in rows[4].role.reasons[-1]
    assert len(rows[5].rivals) == 2


def test_two_acquisitions_of_one_kind_wait_for_a_person(study_folder):
    exports.write(study_folder / "d", exports.series(number=7, starts_s=300.0), None)
    waiting = [row for row in planned(study_folder).rows if row.decision == "wait"]
    assert {row.stack.number for row in waiting} == {5, 7}
    assert "choose one in the override file" in waiting[0].role.lacks[-1]


def test_every_file_is_in_one_row(study_folder):
    (study_folder / "short").write_bytes((study_folder / "a/IM00001").read_bytes()[:-9])
    table = planned(study_folder).table()
    assert sum(row["files"] for row in table) == sum(
        1 for each in study_folder.rglob("*") if each.is_file()
    )
    assert [row["reasons"] for row in table if row["series"] == "n/a"] == ["it is cut short"]


def test_a_study_without_a_patient_waits(study_folder):
    exports.edit_all(study_folder, PatientID="")
    row = next(row for row in planned(study_folder).rows if row.kind)
    assert any(
        "no PatientID" in lack for row in planned(study_folder).rows for lack in row.role.lacks
    )
    assert row.decision != "convert"


def test_sessions_follow_from_the_time_between_studies(tmp_path):
    days = {0: "01", 3: "01", 60: "02"}
    for hours in days:
        begins = exports.NOON + exports.timedelta(hours=hours)
        exports.write(
            tmp_path / f"{hours}",
            exports.series(exports.study(begins=begins)),
            [exports.frames()[0][:1]],
        )
    export = studies.read([tmp_path])
    named, since = studies.sessions(export.studies), studies.hours_since_first(export.studies)
    assert {since[key]: session for key, session in named.items()} == days


def test_two_patients_in_one_study_are_kept_apart(tmp_path):
    exports.write(tmp_path / "a", exports.series(), [exports.frames()[0][:2]])
    exports.write(tmp_path / "b", exports.series(number=3), [exports.frames()[0][:2]])
    exports.edit(tmp_path / "b", lambda dataset: setattr(dataset, "PatientID", "P-2"))
    found = studies.read([tmp_path]).studies
    assert len(found) == 2 and all("two patients" in each.faults[0] for each in found)


# --- Overrides ------------------------------------------------------------------------------


def entries(tmp_path, text):
    path = tmp_path / "overrides.yaml"
    path.write_text(text)
    return overrides.read(path)


def test_a_person_decides_what_a_series_is(study_folder):
    made = planned(study_folder)
    chosen = next(row.stack.name for row in made.rows if row.stack.number == 6)
    said = entries(study_folder.parent, f"- {{series: {chosen}, as: ncct}}")
    rows = planned(study_folder, entries=said).converted
    assert [row.stack.number for row in rows] == [6]


def test_a_series_is_left_out_and_a_session_named(study_folder):
    said = entries(study_folder.parent, '- {number: 5, skip: true}\n- {number: 4, session: "09"}')
    (row,) = planned(study_folder, entries=said).converted
    assert row.stack.number == 4 and "ses-09" in row.stem


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b", "is no list"),
        ("- {series: x}", "does not say"),
        ("- {series: x, as: cat}", "names no kind"),
        ("- {series: x, colour: red}", "keys that are not known"),
        ("- {description: '(', skip: true}", "no regular expression"),
        ("- {series: x, times: soon}", "times that are no seconds"),
        ("- [", "is no YAML"),
    ],
)
def test_an_override_file_that_cannot_be_meant_is_refused(text, message, tmp_path):
    with pytest.raises(StrokeprepError, match=message):
        entries(tmp_path, text)


def test_an_entry_that_is_about_no_series_is_refused(study_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    entries(folder, "- {series: abcdef, skip: true}")
    request = stage.Request(
        (study_folder,), folder / "raw", folder / "work", overrides=folder / "overrides.yaml"
    )
    with pytest.raises(StrokeprepError, match="about no series"):
        stage.planned(request, stage.listed(request))


def test_b0_and_adc_are_chosen_on_the_grid_of_the_trace(tmp_path):
    of = exports.study(modality="MR")
    adc = ("DERIVED", "PRIMARY", "DIFFUSION", "ADC")
    other = exports.frames(exports.head((28, 32, 12)) + 1024)
    b0 = {**ECHO, "DiffusionBValue": 0.0}
    trace = {**ECHO, "DiffusionBValue": 1000.0, "DiffusionDirectionality": "ISOTROPIC"}
    exports.write(tmp_path / "a", exports.series(of, "", number=2, image_type=adc), other)
    for number, tags in ((3, b0), (4, trace)):
        made = exports.series(of, "", number=number, tags=tags, image_type=("ORIGINAL", "PRIMARY"))
        exports.write(tmp_path / f"{number}", made, positive())
    exports.write(tmp_path / "b", exports.series(of, "", number=5, image_type=adc), positive())
    rows = planned(tmp_path).converted
    assert sorted((row.kind, row.stack.number) for row in rows) == [
        ("adc", 5),
        ("b0", 3),
        ("trace", 4),
    ]
    assert np.all([row.stack.grid.positions.shape == (16, 3) for row in rows])
