"""Reports: pictures the right way round, figures that judge, pages that need no network."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image
from strokeprep.drawing import pictures
from strokeprep.drawing.palette import ORANGE, SKY
from strokeprep.drawing.pictures import AXIAL, CORONAL, SAGITTAL, Layer, Scale, Slice
from strokeprep.io import images, tables
from strokeprep.privacy import audit, private_words
from strokeprep.quality import judgement, measures
from strokeprep.quality.judgement import Judge
from strokeprep.registration import template
from strokeprep.report import lineage, methods, plan, resources, views
from strokeprep.report.pages import cohort, page
from strokeprep.report.render import render
from strokeprep.report.sections.parts import Figure, Section, Viewer
from strokeprep.run import endings
from strokeprep.settings import config
from strokeprep.settings.backends import BRAINS, FACES
from strokeprep.settings.limits import FAIL, LIMITS, NONE, PASS, WARN, Limit, limits_of
from strokeprep.settings.study import TemplateSettings
from strokeprep.study import naming
from strokeprep.study import table as study

SCRIPTS = Path(__file__).parents[3] / "workflow/scripts"


@pytest.fixture
def marked_head() -> sitk.Image:
    """A box that is bright at the patient's right, front and top; stored with axes that run anyhow."""
    data = np.zeros((20, 24, 16), np.float32)
    data[15:18, 19:22, 12:14] = 100  # RAS: right, front, top
    affine = np.diag([-2.0, -2.0, 2.0, 1.0])
    affine[:3, 3] = (19, 23, -16)
    return images.from_array(data[::-1, ::-1], affine)


def centre(image: Image.Image) -> tuple[float, float]:
    """Where the white lies in a picture: shares of its width and height."""
    pixels = np.asarray(image.convert("RGB"))[: -pictures.FOOT].astype(int)
    grey, yellow = pixels.mean(axis=2), np.ptp(pixels, axis=2) > 40  # yellow are the marks
    grey[yellow] = 0
    rows, columns = np.nonzero(grey > 200)
    return float(columns.mean() / grey.shape[1]), float(rows.mean() / grey.shape[0])


def test_the_patients_right_is_on_the_left_and_the_top_is_up(marked_head):
    view = views.whole(marked_head, 2.0)
    grey = views.seen(marked_head, view)
    i, j, k = views.middle(grey > 50)
    across, down = centre(pictures.strip(grey, [Slice(AXIAL, k)], Scale(0, 100)))
    assert across < 0.4 and down < 0.4  # right is left, front is up
    across, down = centre(pictures.strip(grey, [Slice(CORONAL, j)], Scale(0, 100)))
    assert across < 0.4 and down < 0.4
    across, down = centre(pictures.strip(grey, [Slice(SAGITTAL, i)], Scale(0, 100)))
    assert across < 0.4 and down < 0.4  # the front is on the left


def test_every_picture_says_how_it_is_turned(marked_head):
    view = views.whole(marked_head, 2.0)
    drawn = pictures.strip(views.seen(marked_head, view), [Slice(AXIAL, 0)], Scale(0, 100))
    foot = np.asarray(drawn)[-pictures.FOOT :]
    marks = np.ptp(np.asarray(drawn)[: -pictures.FOOT].astype(int), axis=2) > 100
    assert (foot > 150).any()
    assert marks[:, : drawn.width // 2].any() and marks[:, drawn.width // 2 :].any()


def test_one_voxel_tells_of_a_field_of_view_what_a_full_image_tells(marked_head):
    view = views.whole(marked_head, 1.7)
    view.SetOrigin([each - 9 for each in view.GetOrigin()])  # so that part of it lies outside
    turn = sitk.Euler3DTransform((0, 0, 0), 0.2, -0.1, 0.3, (5.0, 0.0, -3.0))
    full = images.like(np.ones(marked_head.GetSize(), np.uint8), marked_head)
    seen = views.marked(views.field_of(marked_head), view, turn)
    assert np.array_equal(seen, views.marked(full, view, turn))
    assert 0.2 < seen.mean() < 0.9


def test_an_outline_follows_the_border_of_its_mask():
    mask = np.zeros((40, 40, 3), bool)
    mask[10:30, 10:30, 1] = True
    drawn = np.asarray(
        pictures.strip(np.zeros(mask.shape), [Slice(AXIAL, 1)], Scale(0, 1), [Layer(mask, ORANGE)])
    )
    orange = (drawn == ORANGE).all(axis=2)[: -pictures.FOOT]
    rows = np.flatnonzero(orange.any(axis=1)) / pictures.ZOOM
    assert rows[0] == pytest.approx(10, abs=1) and rows[-1] == pytest.approx(30, abs=1)
    assert not orange[int(20 * pictures.ZOOM), int(20 * pictures.ZOOM)]


def test_every_layer_is_named_however_small_the_picture():
    empty = np.zeros((30, 30, 2))
    layers = [
        Layer(empty > 0, colour, name=name)
        for colour, name in ((ORANGE, "artery: 12 voxels"), (SKY, "vein"))
    ]
    drawn = np.asarray(pictures.strip(empty, [Slice(AXIAL, 0)], Scale(0, 1), layers))
    foot = drawn[-pictures.FOOT :]
    for layer in layers:
        assert (foot == layer.colour).all(axis=2).sum() == 11 * 9


def test_a_colour_map_bears_its_unit_and_is_black_where_nothing_is_known():
    values = np.full((30, 30, 2), 5.0)
    known = np.zeros(values.shape, bool)
    known[:15] = True
    scale = Scale(0, 10, "viridis", "s")
    drawn = np.asarray(pictures.strip(values, [Slice(AXIAL, 0)], scale, shown=known))
    middle = drawn[10]
    assert middle[12].any() and not middle[30].any()
    assert drawn.shape[1] == round(30 * pictures.ZOOM) + pictures.BAR


def test_a_mosaic_holds_every_slice():
    volume = np.random.default_rng(0).random((7, 9, 10))
    shown, across = pictures.mosaic(volume, Scale(0, 1))
    pixels = np.asarray(Image.open(io.BytesIO(shown.png)))
    k = 7
    y, x = divmod(k, across)
    tile = pixels[y * 9 : y * 9 + 9, x * 7 : x * 7 + 7]
    assert np.array_equal(tile, (volume[:, :, k] * 255).astype(np.uint8).T)


def test_a_verdict_is_what_the_ranges_say():
    limit = Limit("ml", (10, 20), (5, 30), "why")
    assert [limit.verdict(v) for v in (15, 7, 25, 4, 31)] == [PASS, WARN, WARN, FAIL, FAIL]
    assert limit.verdict(float("nan")) == FAIL
    assert Limit("ml", (None, None), (None, None), "").verdict(3) == NONE


def test_a_config_can_move_a_limit_and_every_limit_has_a_reason():
    judge = Judge("1", limits_of({"off_mm": [None, None, 1, 9]}))
    assert judge("x", "off_mm", 5).verdict == WARN
    assert Judge("1")("x", "off_mm", 5).verdict == FAIL
    assert all(len(limit.reason) > 15 for limit in LIMITS.values())


def test_limits_survive_the_way_through_the_schema():
    section = config.schema()["properties"]["report"]["properties"]["limits"]
    given = {name: rule["default"] for name, rule in section["properties"].items()}
    assert given and Judge("1", limits_of(given)).limits == LIMITS


def test_a_warning_comes_before_a_failure():
    for name, limit in LIMITS.items():
        for n, sign in ((0, 1), (1, -1)):
            if None not in (limit.warn[n], limit.fail[n]):
                assert sign * limit.warn[n] >= sign * limit.fail[n], name


def test_information_is_two_for_the_same_and_one_for_strangers():
    random = np.random.default_rng(1)
    a, b = random.random((2, 50_000))
    assert measures.normalised_information(a, a) == pytest.approx(2, abs=1e-6)
    assert measures.normalised_information(a, b) == pytest.approx(1, abs=0.01)


def test_noise_is_measured_and_anatomy_is_not():
    random = np.random.default_rng(2)
    slope = np.linspace(0, 50, 40)[:, None, None] * np.ones((40, 40, 40))
    found = measures.noise(slope + 4 * random.standard_normal((40,) * 3), np.ones((40,) * 3, bool))
    assert found == pytest.approx(4, rel=0.05)


def test_the_strip_is_five_millimetres_wide_and_gamma_counts_it():
    inside = np.zeros((40, 40, 40), bool)
    inside[10:30, 10:30, 10:30] = True
    outer, inner = measures.strip(inside, 1.0), measures.strip(~inside, 1.0)
    assert outer[20, 20].nonzero()[0].tolist() == [5, 6, 7, 8, 9, 30, 31, 32, 33, 34]
    assert inner[20, 20].nonzero()[0].tolist() == [10, 11, 12, 13, 14, 25, 26, 27, 28, 29]
    assert measures.strip(inside, 2.5)[20, 20].nonzero()[0].tolist() == [8, 9, 30, 31]
    assert measures.gammas(inside.astype(float), inside, 1.0) == (0.0, 0.0)
    assert measures.gammas(np.zeros(inside.shape), inside, 1.0) == (0.0, 1.0)


def test_the_strip_around_the_ventricles_is_as_bright_as_fluid_where_they_lie_elsewhere():
    ventricles = np.zeros((40, 40, 40), bool)
    ventricles[15:25, 15:25, 15:25] = True
    image = np.full(ventricles.shape, 100.0)
    image[ventricles] = 300.0
    assert measures.gamma_oslv(image, ventricles, 1.0) == 0.0
    moved = np.roll(image, 3, axis=0)
    assert 0.02 < measures.gamma_oslv(moved, ventricles, 1.0) < 0.3


def test_the_templates_lateral_ventricles_are_a_pair_on_both_sides():
    t1 = images.array(template.load().t1)
    inside = images.array(template.load().inside) > 0
    found = measures.lateral_ventricles(t1, inside, 1.0)
    left, right = (np.count_nonzero(half) / 1000 for half in np.split(found[1:], 2))
    assert 3 < left < 8 and left == pytest.approx(right, rel=0.1)


def test_a_bolus_has_its_width():
    time_s = np.arange(60.0)
    curve = 100 * np.exp(-0.5 * ((time_s - 20) / 3) ** 2)
    assert measures.fwhm_s(curve, 1.0) == pytest.approx(2.355 * 3, abs=1)


def subject_page() -> str:
    drawn = pictures.picture(pictures.strip(np.zeros((9, 9, 2)), [Slice(AXIAL, 0)], Scale(0, 1)))
    section = Section(
        "to-cta", "CTA", "That it fits.", (Figure("f", (("a", drawn), ("b", drawn))),), ("x",)
    )
    mosaic, across = pictures.mosaic(np.zeros((4, 5, 6)), Scale(0, 1))
    viewer = Viewer((4, 5, 6), 2.0, across, (("CT", mosaic),), (("mask", mosaic),))
    return page.html("sub-<1>", [section], [Judge("1")("x", "off_mm", 5)], viewer)


def test_a_page_holds_all_it_shows_and_escapes_what_it_names():
    html = subject_page()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert addresses and all(each.startswith(("data:", "#")) for each in addresses)
    assert "http" not in re.sub(r"data:image/[^\"]+", "", html)
    assert "sub-<1>" not in html
    assert "What to look for" in html and "radiological" in html


def test_a_page_is_the_same_twice():
    assert subject_page() == subject_page()


def test_what_a_patient_has_decides_what_a_page_shows():
    def of(*roles: str) -> plan.Images:
        rows = [study.Row("1", None, role, Path(f"/raw/{role}")) for role in roles]
        built = study.build(rows, ["ncct", "dwi", "t1w"]).subjects[0]
        return plan.images(built, naming.Space("MNI152NLin2009aSym", "2"))

    diffusion = of("b0", "trace", "adc")
    assert (diffusion.reference, diffusion.moved, diffusion.series) == ("dwi", (), ())
    assert "_space-MNI152NLin2009aSym_res-2_desc-brain_S0map" in diffusion.s0_on_template
    t1w = of("t1w")
    assert (t1w.reference, t1w.modality, t1w.s0_on_template) == ("t1w", "mr", "")
    alone = of("cta")
    assert (alone.reference, [face.scan for face in alone.faces]) == ("", ["cta"])


def simulated(root, count: int) -> list[endings.Ending]:
    """A cohort's reports on disk; subject 7 is far off, subject 3 failed, 5 was skipped."""
    random, ended = np.random.default_rng(3), []
    for n in range(count):
        name = f"{n:04d}"
        names = plan.image_names(name)
        off = 4.0 if n == 7 else float(random.uniform(0.05, 0.4))
        found = [
            Judge("1")("cta to ncct", "off_mm", off),
            Judge("1")("brain ncct", "brain_ml", float(random.normal(1400, 90))),
            *(
                Judge("1")("deface ncct", metric, 0)
                for metric in ("face_voxels_left", "face_left_ml")
            ),
        ]
        log = str(root.resolve() / "work/logs/register/x.log")
        said = "The scan is cut short: /raw/x. Copy it again."
        failures = ({"rule": "register", "message": said, "log": log, "reason": None},)
        ended.append(endings.Ending(name, endings.IMAGES, 5, 5, failures if n == 3 else ()))
        ended.append(endings.Ending(name, endings.PERFUSION, 0 if n == 5 else 4, 4, ()))
        if n != 3:
            (root / names.table).parent.mkdir(parents=True)
            text = tables.render(
                [each.report_row() for each in found], list(judgement.REPORT_COLUMNS)
            )
            (root / names.table).write_text(text)
            (root / names.page).write_text("page")
            (root / names.thumbnail).write_bytes(b"")
    return ended


def test_a_cohort_tells_who_is_done_who_failed_and_where(tmp_path):
    cohort.write(simulated(tmp_path, 12), tmp_path, tmp_path / "work")
    html = (tmp_path / plan.COHORT).read_text()
    row = {name: html.split(f"sub-{name}</a>")[1][:900] for name in ("0001", "0005", "0007")}
    assert "done" in row["0001"] and "skipped because" in row["0005"]
    assert 'badge fail">fail' in row["0007"]
    assert 'failed at register<div class="why">The scan is cut short<br>log: logs/reg' in html
    assert "/raw/x" not in html  # a page that may be released holds no path of the input
    assert "far off: sub-0007" in html
    table = tables.read(tmp_path / plan.COHORT_TABLE)
    assert len(table) == 12
    assert {row["participant_id"]: row["verdict"] for row in table}["sub-0007"] == FAIL
    described = json.loads((tmp_path / plan.COHORT_TABLE).with_suffix(".json").read_text())
    assert set(described) == set(table[0])


@pytest.mark.parametrize(
    "said", ["The name Quackenbush is not allowed", "Run 20190412 twice", "No key Xylofax given"]
)
def test_a_message_with_a_word_of_the_input_is_not_on_the_cohorts_page(tmp_path, said):
    failure = {"rule": "admit", "message": said, "log": "logs/admit/sub-1.log", "reason": None}
    ended = [endings.Ending("1", endings.IMAGES, 3, 0, (failure,))]
    cohort.write(ended, tmp_path, tmp_path / "work")
    html = (tmp_path / plan.COHORT).read_text()
    assert "failed at admit" in html and "see the log" in html
    assert said not in html


def test_a_thousand_subjects_make_a_light_page(tmp_path):
    ended = simulated(tmp_path, 1000)
    start = time.process_time()
    cohort.write(ended, tmp_path, tmp_path / "work")
    assert time.process_time() - start < 10
    html = (tmp_path / plan.COHORT).read_text()
    assert len(html) < 4_000_000
    assert html.count('loading="lazy"') == 999
    assert "data:image" not in html


def made(root, admitted=None) -> lineage.Lineage:
    """A subject with one transform, made from a raw image and an image of its own."""
    name = "sub-1/ct/sub-1_from-ncct_to-MNI152NLin2009aSym_mode-image_xfm.h5"
    source = "sub-1/ct/sub-1_desc-defaced_ct.nii.gz"
    (root / "sub-1/ct").mkdir(parents=True)
    (root / name).write_bytes(b"transform")
    (root / source).write_bytes(b"image")
    about = {
        "Description": "where",
        "Sources": ["bids:raw:x", f"bids::{source}"],
        "Software": {"SimpleITK": "2.5.7"},
        "Type": "affine",
        "Seed": 1,
        "KVP": 120,
    }
    Path(naming.sidecar(str(root / name))).write_text(json.dumps(about))
    return lineage.Lineage(root, [name, source, "docs/qc/sub-1_x.png"], admitted)


def test_the_graph_names_every_input_by_its_digest(tmp_path):
    admitted = tmp_path / "admit.json"
    admitted.write_text(json.dumps({"files": [{"path": "bids:raw:x", "digest": "abc"}]}))
    ((name, node),) = made(tmp_path, admitted).nodes.items()

    def of(content: bytes) -> str:
        return f"blake2b-256:{hashlib.blake2b(content, digest_size=32).hexdigest()}"

    assert name.startswith("bids::sub-1/ct/sub-1_from-ncct")
    assert node["Digest"] == of(b"transform")
    raw, image = node["Sources"]
    assert raw == {"File": "bids:raw:x", "Digest": "voxels-blake2b:abc"}
    assert image["Digest"] == of(b"image")
    assert node["Parameters"] == {"Type": "affine", "Seed": 1}
    assert node["Software"] == {"SimpleITK": "2.5.7"}


def test_files_are_read_as_every_step_reads_them(tmp_path, marked_head):
    images.write(marked_head, tmp_path / "x.nii.gz")
    read = views.Files(tmp_path).image("x.nii.gz")
    again = images.read(tmp_path / "x.nii.gz")
    assert np.array_equal(images.array(read), images.array(again))
    assert np.allclose(images.affine(read), images.affine(again))


def test_a_digest_that_looks_like_a_date_is_no_leak(tmp_path):
    path = tmp_path / "docs" / "x.json"
    path.parent.mkdir()
    path.write_text(
        json.dumps(
            {"Digest": "sha256:a20191105b", "Other": "a20191105b"}
            | {"Weights": {"x": "a20191105b"}}
        )
    )
    (leak,) = audit.of_dataset(tmp_path, [], private_words.PrivateWords())
    assert "Other" in leak.what


def test_methods_say_what_ran_and_cite_no_more(tmp_path):
    written = methods.of(made(tmp_path).nodes)
    words, references = written.text, written.keys
    assert "NCCT were registered to MNI152NLin2009aSym [@fonov2011] by affine transforms" in words
    assert "perfusion" not in words and "Brains" not in words
    assert "fonov2011" in references and "wu2003" not in references
    assert written.bib.count("@article") == len(references)


def test_methods_cite_the_network_that_found_the_brains():
    masks = {
        f"bids::sub-{n}/anat/sub-{n}_space-orig_desc-brain_mask.nii.gz": {
            "Parameters": {"Backend": backend},
            "Software": {},
        }
        for n, backend in enumerate(("hd-bet", "template", "hd-bet", "of-ones-own"))
    }
    written = methods.of(masks)
    said = "segmented with HD-BET [@isensee2019; @isensee2021] and with of-ones-own and by"
    assert said in written.text
    assert written.keys[-2:] == ["isensee2019", "isensee2021"]


def test_the_cohorts_methods_are_those_of_all_its_members(tmp_path):
    path = tmp_path / plan.image_names("1").provenance
    path.parent.mkdir(parents=True)
    made(tmp_path).write(path, "1", TemplateSettings())
    cohort.write([endings.Ending("1", endings.IMAGES, 1, 1, ())], tmp_path, tmp_path / "work")
    assert "[@fonov2011]" in (tmp_path / plan.METHODS).read_text()
    assert "@article{fonov2011," in (tmp_path / plan.REFERENCES).read_text()


def test_the_slowest_and_the_largest_job_are_named(tmp_path):
    header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
    for rule, name, seconds, memory in (
        ("brain", "sub-1/anat/sub-1_mask.nii.gz", "9.5", "800.0"),
        ("brain", "sub-2/anat/sub-2_mask.nii.gz", "1.5", "900.0"),
        ("label", "sub-1_x.nii.gz", "0.1", "-"),
    ):
        path = tmp_path / "benchmarks" / rule / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{header}\n{seconds}\t0\t{memory}\t0\t0\t0\t0\t0\t0\t{seconds}\n")
    taken = resources.by_rule(resources.jobs(tmp_path))
    rows = taken.rows
    assert [row["rule"] for row in rows] == ["brain", "label"]
    assert rows[0]["jobs"] == "2" and rows[0]["cpu_total_s"] == "11.0"
    assert (rows[0]["slowest"], rows[0]["largest"]) == ("sub-1_mask", "sub-2_mask")
    html = " ".join(render("resources.html", taken=taken).split())
    assert "slowest job is <b>brain</b> of sub-1_mask (9.5 s)" in html
    assert "largest <b>brain</b> of sub-2_mask (900 MB)" in html


def test_every_reference_has_a_title_a_year_and_a_doi():
    references = methods.bibliography()
    assert len(references) == methods.REFERENCES.read_text().count("@") > 10
    for key, each in references.items():
        assert each.entry.startswith(f"@article{{{key},")
        assert all((each.title, each.journal, each.year, each.doi))


def test_a_methods_text_numbers_its_references_on_a_page():
    written = methods.Methods("A [@wu2003]; b [@fonov2011; @wu2003].")
    assert written.numbered == "A [1]; b [2, 1]."
    assert [each.year for each in written.references] == ["2003", "2011"]


def test_backends_cite_what_the_bibliography_has():
    cited = {key for each in (*BRAINS.values(), *FACES.values()) for key in each.cites}
    assert cited and cited <= set(methods.bibliography())


def test_the_cohort_page_and_the_plans_need_no_imaging_package():
    heavy = {"numpy", "SimpleITK", "PIL", "scipy", "nibabel", "matplotlib", "jinja2"}
    code = (
        "import sys; from strokeprep.report import plan; from strokeprep.report.pages import cohort; "
        f"print({heavy!r} & set(sys.modules))"
    )
    scripts = str(SCRIPTS)
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": scripts},
    )
    assert run.stdout.strip() == "set()"
