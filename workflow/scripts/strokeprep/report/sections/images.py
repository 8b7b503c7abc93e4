"""The sections of a subject's page on images: brain masks, registrations, the template."""

from __future__ import annotations

from strokeprep.drawing import pictures
from strokeprep.drawing.palette import ORANGE, SKY
from strokeprep.drawing.pictures import Layer
from strokeprep.io import images
from strokeprep.quality import measures
from strokeprep.quality.folder import Folder
from strokeprep.quality.judgement import Judge
from strokeprep.registration import template as registration_template
from strokeprep.report import views
from strokeprep.report.plan import Images
from strokeprep.report.scene import Scene, Shown
from strokeprep.report.sections import looks
from strokeprep.report.sections.corrections import corrections
from strokeprep.report.sections.defacing import defacing
from strokeprep.report.sections.grey import grey
from strokeprep.report.sections.labels import labels, lesions
from strokeprep.report.sections.motion import motion
from strokeprep.report.sections.parts import Figure, Section
from strokeprep.settings.study import TemplateSettings


def of_images(
    plan: Images, files: Folder, scene: Scene | None, judge: Judge, settings: TemplateSettings
) -> list[Section]:
    """All of them; without a reference there is defacing alone to show."""
    shown = [corrections(plan, files, scene, settings)] if plan.corrected else []
    if scene is None:
        return [defacing(plan, files), *shown]
    return [
        defacing(plan, files),
        brain(scene, settings),
        *(registration(scene, shown) for shown in scene.shown),
        template(scene, settings),
        *(motion(scene, series, judge) for series in scene.plan.series[:1]),
        *grey(scene),
        *([labels(scene)] if plan.labels else []),
        *([lesions(scene)] if plan.lesions else []),
        *shown,
    ]


def brain(scene: Scene, settings: TemplateSettings) -> Section:
    """The brain mask of the reference, and those of the scans that have one of their own.

    The template's brain, placed by the image's tissue, is drawn as a second opinion on each.
    """
    cuts = looks.cuts(scene.brain, 4)
    placed = registration_template.standard(settings).brain
    opinion = Layer(
        views.marked(placed, scene.view, scene.to_template) > 0, SKY, name="template's brain"
    )
    outline = [Layer(scene.brain, ORANGE, name="brain mask"), opinion]
    scale = looks.scale_of_reference(scene)
    frames = looks.with_and_without("with mask", scene.grey, cuts, scale, outline)
    own = [
        Figure(
            f"{scene.plan.titles[shown.plan.scan]}: its own mask on the reference",
            looks.with_and_without(
                "with mask",
                shown.unstripped,
                cuts,
                looks.scale_of(shown, scene),
                [Layer(shown.brain, ORANGE, name="own brain mask"), opinion],
            ),
        )
        for shown in scene.shown
        if shown.brain is not None
    ]
    return Section(
        "brain",
        "Brain masks",
        "The outline follows the surface of the brain: no skull or eye inside, no lobe outside, "
        "both halves alike, cerebellum and temporal poles included. The template's brain is a "
        "second opinion: it may be off by some millimetres. Where it is off by a centimetre, look "
        "which of the two is right.",
        (Figure(f"{scene.plan.titles[scene.plan.reference]}: brain mask", frames), *own),
        (
            f"brain {scene.plan.reference}",
            *(f"brain {shown.plan.scan}" for shown in scene.shown if shown.brain is not None),
            f"signal {scene.plan.reference}",
        ),
    )


def registration(scene: Scene, shown: Shown) -> Section:
    """A scan on the reference, before and after."""
    cuts = looks.cuts(scene.brain, 3)
    outline = [Layer(scene.brain, ORANGE, name="brain of the reference")]
    scale, home = looks.scale_of(shown, scene), looks.scale_of_reference(scene)
    checks = pictures.checkerboard(scene.grey, shown.after, cuts, (home, scale))
    frames = [
        ("reference", looks.strip(scene.grey, cuts, home, outline)),
        ("after", looks.strip(shown.after, cuts, scale, outline)),
        ("checkerboard", pictures.picture(checks, looks.FEW_COLOURS)),
    ]
    if shown.before is not None:
        frames.insert(1, ("before", looks.strip(shown.before, cuts, scale, outline)))
    name, reference = scene.plan.titles[shown.plan.scan], scene.plan.titles[scene.plan.reference]
    return Section(
        f"to-{shown.plan.scan}",
        f"{name} on {reference}",
        "Flick between reference and after: nothing may jump. The outline fits the brain after "
        "registration; ventricles and skull run on across the squares of the checkerboard; right "
        "and left do not change places. Before is where the scanner placed the scan.",
        (Figure(f"{name} on {reference}", tuple(frames)),),
        (f"{shown.plan.scan} to {scene.plan.reference}",),
    )


def template(scene: Scene, settings: TemplateSettings) -> Section:
    """The reference in template space, under the template's outlines."""
    image = scene.read(scene.plan.template_image)
    standard = registration_template.standard(settings)
    view = views.around(standard.brain, looks.MAP_MM, looks.AROUND_BRAIN_MM)
    grey = views.seen(image, view, None, images.background(scene.plan.modality))
    inside = views.marked(standard.brain, view) > 0
    t1 = views.seen(standard.t1, view)
    ventricles = measures.lateral_ventricles(t1, inside, looks.MAP_MM)
    cuts = looks.cuts(inside, 4)
    scale = looks.scale(grey, scene.plan.modality, scene.plan.reference, inside)
    outlines = [
        Layer(inside, ORANGE, name="template's brain"),
        Layer(ventricles, SKY, name="template's ventricles"),
    ]
    frames = (
        *looks.with_and_without("with template's outlines", grey, cuts, scale, outlines),
        ("template", looks.strip(t1, cuts, looks.mr_scale(t1, inside), outlines)),
    )
    return Section(
        "template",
        f"{scene.plan.titles[scene.plan.reference]} in {scene.plan.template}",
        "The brain fills the template's outline, the midline is upright and in the middle, the "
        "ventricles lie where the template has its own (of any size: they grow with age).",
        (Figure("In template space", frames),),
        (f"{scene.plan.reference} to {scene.plan.template}", "dwi in template"),
    )
