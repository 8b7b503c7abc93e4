"""Pages work in a browser from disk: sorting, opening a subject, flicking, walking the viewer."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.drawing import pictures
from strokeprep.drawing.pictures import AXIAL, Scale, Slice
from strokeprep.io import tables
from strokeprep.quality import judgement
from strokeprep.quality.judgement import Judge
from strokeprep.report import plan
from strokeprep.report.pages import cohort, page
from strokeprep.report.sections.parts import Figure, Section, Viewer
from strokeprep.run import endings
from strokeprep.settings.limits import LIMITS, Limit

COUNT = 1000
LARGEST_PAGE, LARGEST_CURVES = 15_000_000, 1_000_000
SHAPE = (20, 24, 16)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A cohort of a thousand; the page of its first subject is real."""
    root = tmp_path_factory.mktemp("derivatives")
    (root / plan.FOLDER).mkdir(parents=True)
    random, ended = np.random.default_rng(4), []
    small = pictures.picture(pictures.renders(np.ones((9, 9, 9), bool))).png
    for n in range(COUNT):
        name, names = f"{n:04d}", plan.image_names(f"{n:04d}")
        found = [
            Judge(name)("a step", metric, good(limit) * random.uniform(0.99, 1.01))
            for metric, limit in LIMITS.items()
        ]
        found.append(Judge(name)("cta to ncct", "off_mm", 9.0 if n == 500 else 0.2))
        rows = [each.report_row() for each in found]
        (root / names.table).parent.mkdir()
        (root / names.table).write_text(tables.render(rows, list(judgement.REPORT_COLUMNS)))
        (root / names.thumbnail).write_bytes(small)
        (root / names.page).write_text(subject_page(name) if n == 500 else "<title>x</title>")
        ended.append(endings.Ending(name, endings.IMAGES, 1, 1, ()))
    cohort.write(ended, root, root / "work", root)
    return root


def good(limit: Limit) -> float:
    """A value that passes."""
    low, high = limit.warn
    if low is None or high is None:
        return 0.98 * high if low is None and high else 1.02 * (low or 0) or 0.0
    return (low + high) / 2


REAL = ("sub-01/sub-01.html", "sub-01/sub-01_perfusion.html", "index.html")


@pytest.fixture(params=REAL)
def real_page(request, finished):
    """A page of a run."""
    return finished / plan.FOLDER / request.param


def test_a_page_of_a_run_is_whole_and_nothing_on_it_is_cut_off(chromium, real_page):
    assert real_page.stat().st_size < LARGEST_PAGE
    chromium.open(real_page)
    chromium.until("return [...document.images].every(e=>e.complete||e.loading==='lazy')")
    broken = "[...document.images].filter(e=>e.complete&&!e.naturalWidth).map(e=>e.alt)"
    assert chromium.run(f"return {broken}") == []
    assert chromium.run("return document.images.length") >= 3
    wide = "[...document.querySelectorAll('section,svg,.flick,h1,h2,h3')]"
    cut = ".filter(e=>e.scrollWidth>e.clientWidth+1&&e.clientWidth).map(e=>e.id||e.textContent)"
    assert chromium.run(f"return {wide}{cut}") == []
    assert chromium.run("return document.documentElement.scrollWidth<=innerWidth")
    # Text of a drawing that lies outside of it.
    outside = chromium.run(
        "return [...document.querySelectorAll('svg text')].filter(t=>{const a=t."
        "getBoundingClientRect(),b=t.ownerSVGElement.getBoundingClientRect();return a.width&&"
        "(a.left<b.left-1||a.right>b.right+1||a.bottom>b.bottom+1||a.top<b.top-1)})"
        ".map(t=>t.textContent)"
    )
    assert outside == []
    assert chromium.errors() == []


def test_from_the_cohort_to_a_subjects_overlay_it_is_one_click(chromium, finished):
    chromium.open(finished / plan.COHORT)
    assert chromium.run("return document.querySelectorAll('#subjects tbody tr').length") >= 2
    chromium.run("document.querySelector('#subjects tbody a').click()")
    chromium.until("return document.title==='sub-01'")
    shown = "return document.querySelector('#to-cta .flick img.on').alt"
    assert chromium.run(shown).endswith("reference")
    chromium.run("document.querySelectorAll('#to-cta .flick button')[2].click()")
    assert chromium.run(shown).endswith("after")
    chromium.run("document.querySelector('#to-cta .flick img.on').click()")
    assert chromium.run(shown).endswith("reference")
    assert chromium.errors() == []


def subject_page(name: str) -> str:
    volume = np.random.default_rng(5).random(SHAPE)
    frames = tuple(
        (label, pictures.picture(pictures.strip(values, [Slice(AXIAL, 8)], Scale(0, 1))))
        for label, values in (("before", volume), ("after", 1 - volume))
    )
    section = Section("to-cta", "CTA", "Nothing jumps.", (Figure("CTA", frames),), ("cta to ncct",))
    mosaic, across = pictures.mosaic(volume, Scale(0, 1))
    mask, _ = pictures.mosaic(np.ones(SHAPE), Scale(0, 1))
    viewer = Viewer(SHAPE, 2.0, across, (("NCCT", mosaic),), (("brain mask", mask),))
    numbers = [Judge("01")("cta to ncct", "off_mm", 9.0)]
    return page.html(f"sub-{name}", [section], numbers, viewer)


def test_a_thousand_subjects_open_sort_and_lead_to_the_one_that_failed(chromium, pages):
    duration = "return performance.getEntriesByType('navigation')[0].duration"  # 0 while it loads
    opened = []
    for _ in range(3):  # whatever else the machine does makes it longer, nothing makes it shorter
        chromium.open(pages / plan.COHORT)
        opened.append(chromium.until(duration))
    assert chromium.run("return document.querySelectorAll('#subjects tbody tr').length") == COUNT
    loaded = "[...document.images].filter(e=>e.complete&&e.naturalWidth).length"
    assert chromium.run(f"return {loaded}") < 200  # the rest waits until it is scrolled to
    visible = "[...document.querySelectorAll('#subjects tbody tr')].filter(r=>!r.hidden)"
    assert chromium.run(f"return {visible}.length") < COUNT / 2
    chromium.run("document.getElementById('more').scrollIntoView()")
    chromium.until(f"return {visible}.length>=240")
    for _ in range(2):  # the second click turns the order
        chromium.run("document.querySelectorAll('th[data-sort]')[1].click()")
    first = "document.querySelector('#subjects tbody tr a')"
    assert chromium.run(f"return {first}.textContent") == "sub-0500"
    assert chromium.errors() == []
    search = "const f=document.querySelector('input[type=search]');f.value='sub-0777';"
    chromium.run(search + "f.dispatchEvent(new Event('input'))")
    assert chromium.run(f"return {visible}.map(r=>r.cells[0].textContent)") == ["sub-0777"]
    chromium.run(search.replace("sub-0777", "") + "f.dispatchEvent(new Event('input'))")
    chromium.run(f"{first}.click()")
    chromium.until("return document.title==='sub-0500'")
    assert min(opened) < 3000, opened


def test_a_point_of_a_distribution_leads_to_its_subject(chromium, pages):
    chromium.open(pages / plan.COHORT)
    plot = "const c=document.querySelector('canvas[aria-label=off_mm]');"
    chromium.run(plot + "c.scrollIntoView()")
    assert chromium.until(plot + "return c.dataset.drawn") == str(COUNT)
    chromium.run(  # the one that is far off lies at the right end, wherever in height
        plot + "const r=c.getBoundingClientRect();for(let y=0;y<r.height;y+=4)c.dispatchEvent("
        "new MouseEvent('click',{clientX:r.right-8,clientY:r.top+y}))"
    )
    chromium.until("return document.title==='sub-0500'")
    assert chromium.errors() == []


def test_an_overlay_is_flicked_by_button_and_by_click(chromium, pages):
    chromium.open(pages / plan.image_names("0500").page)
    shown = "return document.querySelector('.flick img.on').alt"
    assert chromium.run(shown).endswith("before")
    chromium.run("document.querySelectorAll('.flick button')[1].click()")
    assert chromium.run(shown).endswith("after")
    chromium.run("document.querySelector('.flick img.on').click()")
    assert chromium.run(shown).endswith("before")
    assert chromium.errors() == []


def test_the_viewer_shows_its_volume_and_follows_the_mouse(chromium, pages):
    chromium.open(pages / plan.image_names("0500").page)
    middle = chromium.until("return document.querySelector('.viewer').dataset.drawn")
    assert middle == ",".join(str(n // 2) for n in SHAPE)
    chromium.run(
        "const c=document.querySelector('canvas.axial'),r=c.getBoundingClientRect();"
        "c.dispatchEvent(new MouseEvent('click',{clientX:r.left+5,clientY:r.top+5}))"
    )
    chromium.until("return document.querySelector('.viewer').dataset.drawn!=='" + middle + "'")
    filled = chromium.run(
        "const c=document.querySelector('canvas.coronal');const d=c.getContext('2d')"
        ".getImageData(0,0,c.width,c.height).data;return d.some((v,i)=>i%4<3&&v>0)"
    )
    assert filled
    assert chromium.errors() == []


def test_a_place_of_a_map_leads_to_its_curve_by_mouse_and_by_keyboard(chromium, finished):
    chromium.open(finished / plan.FOLDER / "sub-01/sub-01_perfusion.html")
    box = "const b=document.querySelector('.curves-of-cells');"
    drawn = box + "return b.dataset.drawn"
    first = chromium.until(drawn)
    assert (
        chromium.run(box + "return b.querySelector('script').textContent.length") < LARGEST_CURVES
    )
    assert chromium.run(box + "return b.querySelectorAll('button').length") == 5
    chromium.run(
        box + "const c=b.querySelector('canvas'),r=c.getBoundingClientRect();c.dispatchEvent("
        "new MouseEvent('click',{clientX:r.left+r.width*.05,clientY:r.top+r.height*.55}))"
    )
    clicked = chromium.run(drawn)
    assert first != clicked and int(clicked) >= 0
    assert chromium.run(box + "return b.querySelectorAll('circle').length") > 20
    assert "Flow (CBF)" in chromium.run(box + "return b.querySelector('[role=status]').textContent")
    chromium.run(box + "b.querySelector('canvas').focus()")
    chromium.press("\ue014\ue00e")  # to the right, and a slice up
    assert chromium.run(drawn) not in (first, clicked)
    assert chromium.errors() == []
