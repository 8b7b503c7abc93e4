"""Limits of everything that is measured of a subject, and what else the report may be told.

Each figure has one entry, which says where it warns, where it fails, and why there. Audit and report
judge a figure by the same entry. Those of ``LIMITS`` that are ``audited`` stop a subject when they
fail: the config moves them by its section ``audit``, and all others by ``report.limits``.
The figures of the synthetic study against its truth are in ``accuracy/figures.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from strokeprep.settings.field import setting

Range = tuple[float | None, float | None]
OPEN: Range = (None, None)
PASS, WARN, FAIL, NONE = "pass", "warn", "fail", "n/a"
ORDER = (NONE, PASS, WARN, FAIL)


@dataclass(frozen=True)
class Limit:
    """The range of a figure that passes, the wider one that does not fail, and the reason."""

    unit: str
    warn: Range
    fail: Range
    reason: str = field(repr=False)
    audited: bool = False
    more_is_better: bool = False

    def verdict(self, value: float) -> str:
        """``pass``, ``warn``, ``fail``, or ``n/a`` where nothing is asked of the figure."""
        if self.warn == OPEN and self.fail == OPEN:
            return NONE
        if not math.isfinite(value) or not _within(value, self.fail):
            return FAIL
        return PASS if _within(value, self.warn) else WARN

    def badness(self, value: float) -> float:
        """A number that is higher the worse a value is."""
        return -value if self.more_is_better else value

    def failing_at(self, end: float) -> Limit:
        """This limit with its bad end elsewhere; a warning comes no later than a failure."""
        low, high = self.warn
        if self.more_is_better:
            return replace(
                self, warn=(end if low is None else max(end, low), None), fail=(end, None)
            )
        return replace(self, warn=(None, end if high is None else min(end, high)), fail=(None, end))

    def opened(self) -> Limit:
        """This limit for a value that is shown and not judged."""
        return replace(self, warn=OPEN, fail=OPEN)

    def text(self, which: Range) -> str:
        """A range in words."""
        low, high = which
        if low is None:
            return NONE if high is None else f"≤ {high:g}"
        return f"≥ {low:g}" if high is None else f"{low:g} to {high:g}"


def _within(value: float, allowed: Range) -> bool:
    low, high = allowed
    return (low is None or value >= low) and (high is None or value <= high)


def _least(unit: str, warn: float, fail: float, reason: str, audited: bool = False) -> Limit:
    return Limit(unit, (warn, None), (fail, None), reason, audited, more_is_better=True)


def _most(unit: str, warn: float, fail: float, reason: str, audited: bool = False) -> Limit:
    return Limit(unit, (None, warn), (None, fail), reason, audited)


def told(unit: str, reason: str, more_is_better: bool = False) -> Limit:
    """A figure of which nothing is asked, unless a config limits it."""
    return Limit(unit, OPEN, OPEN, reason, more_is_better=more_is_better)


LIMITS: dict[str, Limit] = {
    # --- files
    "affine_difference": _most(
        "mm", 1e-4, 1e-4,
        "Between the affine of an output and that of the grid its name claims. Headers store single "
        "precision, good for about 0.00001 mm within a head.",
        audited=True,
    ),
    # --- registration
    "nmi_before": told("ratio", "Normalised mutual information as the scanner placed the scans."),
    "nmi_after": told("ratio", "The same after registration; it depends on the contrasts."),
    "nmi_gain": _least("ratio", -0.002, -0.01, "Scans must not get less alike than they were."),
    "off_mm": _most(
        "mm", 1.0, 2.5,
        "Mean distance of the brain from where the images would be most alike. Synthetic patients "
        "stay below 0.6 mm; 2.5 mm is half a thick slice and visible.",
    ),
    "edges_off_mm": Limit(
        "mm", (None, 3.5), OPEN,
        "Mean distance of the brain from where the edges of scan and reference meet best, which the "
        "registration does not use. Right poses gave 0.2 to 2.1, but for one T2w of 6 mm with gaps 5.1; "
        "shifted by 8 mm, 3.8 to 15.5, turned by 8°, 4.9 to 16.4.",
        audited=True,
    ),
    "scan_size": Limit(
        "ratio", (0.98, 1.02), OPEN,
        "Size of the head in the scan by that in the reference, which a rigid registration leaves as it "
        "is. Voxels of a wrong size make it another than 1.",
        audited=True,
    ),
    "edge_agreement": _least(
        "ratio", 0.42, 0.36, "Squared cosine of two images' edges; unrelated images give 1/3."
    ),
    "mirror_ratio": _most(
        "ratio", 0.9, 1.1,
        "Information that the scan's mirror image gives about the reference, by what the scan gives. "
        "The same head gives 0.61 to 0.93 and a flipped one the inverse. Between the limits the scan "
        "may be of another head, which gives 0.98 to 1.05.",
        audited=True,
    ),
    "brain_dice_with_reference": _least(
        "ratio", 0.92, 0.85, "Two masks of one brain agree to 0.95 or better where both are right."
    ),
    "brain_seen": _least(
        "ratio", 0.95, 0.6, "Share of the brain the scan shows; what it cuts off is missing later."
    ),
    "series_coverage": _least(
        "ratio", 0.15, 0.05,
        "Share of the brain the perfusion series shows in every frame; 2 cm of both hemispheres "
        "are about 0.15.",
    ),
    # --- brain and template
    "brain_ml": Limit(
        "ml", (1000, 1850), (850, 2100), "Intracranial volume of adults is 1100 to 1800 ml."
    ),
    "brain_asymmetry": _most(
        "ratio", 0.06, 0.15,
        "Difference of the halves of the brain mask; 1 if one is missing. Large strokes swell a "
        "hemisphere by a few per cent.",
    ),
    "contour_edge_mm": Limit(
        "mm", (-1.3, 2.2), (-8.0, 6.0),
        "How deep inside the mask brain gives way to skull, halfway through bright fluid between them, median over "
        "its surface; negative outside. Right masks of real heads gave -1.0 to 2.0; grown by 3 mm, 1.7 to 4.9, "
        "shrunk, -4.6 to -0.9. A child's thin skull, its marrow as bright as brain, gave -3.4 with a right mask.",
        audited=True,
    ),
    "contour_short_mm": Limit(
        "mm", (None, 2.0), OPEN,
        "How far what is as bright as brain reaches beyond the mask, in the third worst of 48 sectors. Right masks of "
        "real heads gave -2.3 to 1.3; with 8 mm cut off at the vertex -1.7 to 10, without a lobe 0.7 to 10, which is "
        "as far as is looked. On slices of more than 5 mm it is only shown.",
        audited=True,
    ),
    "contour_moved_mm": _most(
        "mm", 1.5, 6.0,
        "Movement of the mask that would make the grey levels across its contour alike everywhere, as far as the "
        "edges of skull and brain agree. Right masks of real heads gave 0 to 1.4; shifted by 5 mm, 1.3 to 7, nodded "
        "by 8°, 1.1 to 4.4, which contour_worst_mm tells as well.",
        audited=True,
    ),
    "contour_worst_mm": Limit(
        "mm", (None, 2.5), OPEN,
        "How far the contour is off in its fourth worst sector of 48, of about 4 cm each, as far as the skull's "
        "edge agrees. Right masks of real heads gave 0 to 2, without a lobe 2 to 7.",
        audited=True,
    ),
    "contour_halves_mm": Limit(
        "mm", (None, 1.8), OPEN,
        "Distance of the plane that halves the mask from the one about which the head is symmetric, mean over "
        "the brain. Right masks of real heads gave 0.1 to 1.0; tilted to the side by 8°, 2.4 to 3.9, turned, "
        "2.7 to 5.2.",
        audited=True,
    ),
    "template_dice": _least(
        "ratio", 0.92, 0.85,
        "Overlap of the brain with the template's. A good affine gives 0.95 on a real head; a wrong "
        "one is far below.",
        audited=True,
    ),
    "brain_missing_ml": _most(
        "ml", 8.0, 150.0,
        "Template's brain more than 8 mm outside of the mask. Right masks of real heads leave 0 to 1 "
        "ml; without a lobe of 8 % they leave 26 to 91.",
        audited=True,
    ),
    "brain_outlying_ml": _most(
        "ml", 4.0, 60.0,
        "Mask more than 12 mm outside of the template's brain. Right masks of real heads leave 0 to 2 "
        "ml, those with a neck up to 100.",
        audited=True,
    ),
    "template_off_mm": _most(
        "mm", 4.0, 7.5,
        "Mean distance of the template's brain from where it tells most about the reference, which is "
        "compared with its skull and without its mask. Right fits of real heads give 0.5 to 3.2, "
        "shifted by 8 mm, 4.8 to 13, nodded by 8°, 5.8 to 8.",
        audited=True,
    ),
    "template_edge_agreement": told("ratio", "Squared cosine between edges of brain and template."),
    "head_tilt_deg": _most(
        "deg", 35, 60, "Heads are turned by up to 30° in a scanner; more is a wrong header."
    ),
    "head_scale": Limit(
        "ratio", (0.5, 1.1), (0.4, 1.4),
        "Volume of the brain by that of the built-in template, which is large (1.9 l): adults' 1100 "
        "to 1800 ml are 0.58 to 0.95 of it.",
    ),
    "brain_shown": _least(
        "ratio", 0.97, 0.8, "Share of the template's brain in the reference's field of view."
    ),
    "snr": _least("ratio", 3.0, 1.5, "Brain by noise of one voxel; below 3 grey and white blur."),
    "cnr_grey_white": _least(
        "ratio", 0.2, 0.0,
        "Grey matter is brighter on CT (by 5 to 8 HU); darker means wrong numbers or a wrong place.",
    ),
    # --- defacing
    "face_voxels_left": _most(
        "voxels", 0, 0, "No voxel of the removed region may hold anything.", audited=True
    ),
    "brain_voxels_removed": _most(
        "voxels", 0, 0,
        "Defacing must not touch the brain: the scan's own mask, or the reference's where it has none.",
        audited=True,
    ),
    "face_left_ml": _most(
        "ml", 5.0, 20.0,
        "Tissue where the template has its face, found through the registration and not through "
        "the mask of what was removed. A nose alone is about 20 ml.",
        audited=True,
    ),
    "face_before_ml": told("ml", "The same before defacing: what came without a face has none."),
    "removed_ml": told("ml", "What defacing emptied, air in front of the face included."),
    # --- motion
    "framewise_max_mm": _most(
        "mm", 2.0, 5.0,
        "A head that jumps by more than a slice between two frames moved within a frame as well, "
        "which no rigid correction undoes.",
    ),
    "framewise_mean_mm": _most("mm", 0.7, 2.0, "Restlessness; calm patients stay below 0.5 mm."),
    "displacement_max_mm": _most(
        "mm", 6.0, 20.0, "Farther away the slab shows other tissue than in the beginning."
    ),
    "outlier_share": _most(
        "ratio", 0.05, 0.2, "Frames left out are interpolated in time; too many blunt the bolus."
    ),
    # --- labels
    "labels_changed": _most(
        "labels", 0, 0, "No label may vanish or come up when it is moved.", audited=True
    ),
    "volume_change": _most(
        "ratio", 0.05, 0.1,
        "A rigid move changes the volume of a label by the rounding of its border alone.",
        audited=True,
    ),
    "class_volume_change": _most(
        "ratio", 0.1, 0.1,
        "The same of its classes. Rounding changes small ones more, the more the thicker the slices.",
        audited=True,
    ),
    "label_ml": told("ml", "Volume on the reference."),
    "label_in_brain": _least(
        "ratio", 0.85, 0.5, "A lesion lies in the brain; else the mask or the move is wrong."
    ),
    # --- Johns Hopkins γ (Liu et al. 2023): ranges of the published cohort
    "gamma_osbm": Limit(
        "ratio", (None, 0.5070), OPEN,
        "Diffusion image left in a strip of 5 mm (taxicab distance) outside the template's brain; "
        "published cohort: 0.072 to 0.507.",
    ),
    "gamma_isbm": Limit(
        "ratio", (None, 0.4273), OPEN,
        "Diffusion image missing in a strip of 5 mm (taxicab distance) inside the template's brain; "
        "published cohort: 0.156 to 0.427.",
    ),
    "gamma_oslv": told(
        "ratio",
        "Diffusion image as bright as fluid in a strip of 5 mm (taxicab distance) outside the "
        "template's lateral ventricles; no range was published.",
    ),
    # --- grey levels that can be compared
    "tissue_fit": Limit(
        "ratio", (0.9, None), OPEN,
        "Share of the histogram of DWI that two Gaussians explain; 0.99 on simulated and real heads.",
    ),
    "field_log_sd": Limit(
        "log", (None, 0.3), OPEN,
        "How much N4's field varies in the brain. Coils give 0.05 to 0.2; more may be anatomy.",
    ),
    "adc_ratio": Limit(
        "ratio", (0.9, 1.1), OPEN,
        "Recalculated ADC by the scanner's, its unit aside. Another b-value or scaled images shift it.",
    ),
    "adc_correlation": Limit(
        "ratio", (0.9, None), OPEN, "Of both maps in the brain; noise and clipping lower it."
    ),
    # --- perfusion
    "series_warnings": Limit(
        "warnings", (None, 0), OPEN, "Why to look at the maps; the sidecar of the curves lists it."
    ),
    "aif_peak_hu": _least(
        "HU", 20, 12,
        "Measured peak of the arterial input; 17 to 215 in 90 % of 93 patients. Tissue has 10.",
    ),
    "aif_to_vof": _least("ratio", 0.8, 0.5, "The bolus is as high in the artery as in the vein."),
    "aif_lead_s": _least("s", 1.0, -1.0, "Blood passes arteries seconds before the great veins."),
    "aif_fwhm_s": _most(
        "s", 20, 30, "A bolus is 9 to 20 s wide in 90 % of 93 patients; tissue spreads it more."
    ),
    "aif_scale": Limit(
        "ratio", (0.8, 6.0), (0.4, 12.0),
        "The artery is scaled to the vein for partial volume; by 9 or less in 95 % of patients.",
    ),
    "aif_likeness": Limit(
        "ratio", (0.994, None), OPEN,
        "Correlation of the brain's mean curve with the measured input after transit. If it is low, noise or motion has bent "
        "the input: delays may be off by seconds, flow by a third.",
    ),
    "aif_course_likeness": Limit(
        "ratio", (0.996, None), OPEN,
        "The same with the input that maps are made with, whose course is told by artery and vein together.",
    ),
    "baseline_frames": _least("frames", 3, 2, "Fewer leave the noise of a frame in all others."),
    "tissue_ml": _least("ml", 150, 30, "Less tissue has no healthy side to compare with."),
    "reference_cbf": Limit(
        "mL/100 g/min", (12, 90), (5, 150), "Mean flow of healthy brain is 20 to 60."
    ),
    "cbv_median": Limit("mL/100 g", (1.0, 6.0), (0.4, 12.0), "Healthy brain holds 2 to 5."),
    "mtt_median": Limit("s", (2.5, 12.0), (1.0, 20.0), "Healthy brain takes 4 to 8 s."),
    "tmax_negative": _most(
        "ratio", 0.3, 0.6, "Tissue fed before the artery: the artery was chosen too far downstream."
    ),
    "unexplained": _most(
        "ratio", 0.15, 0.4, "Curves that are no tissue's and no vessel's: the head moved beside bone."
    ),
    "core_ml": told("ml", "Tissue with little flow."),
    "hypoperfused_ml": told("ml", "Late tissue, core and penumbra."),
    "mismatch_ratio": told("ratio", "Late tissue by core."),
}  # fmt: skip


@dataclass(frozen=True)
class AuditSettings:
    """Limits a subject's outputs must keep, or its audit fails. The report fails them, too."""

    affine_difference: float = setting(
        LIMITS["affine_difference"].fail[1],
        "Largest difference (mm per voxel step, and mm) between the affine of an output and of "
        "the grid its name claims. Headers store single precision, good for about 0.00001 mm "
        "within a head; more means another grid.",
        at_least=0,
    )
    volume_change: float = setting(
        LIMITS["volume_change"].fail[1],
        "Largest relative change of a label's volume, and of that of each of its classes, when it "
        "is moved to the reference. The transform is rigid, so only the rounding of its border to "
        "voxels may change it; to a small class this may do more, the more the thicker the "
        "slices.",
        above=0,
    )
    small_label_ml: float = setting(
        1,
        "Labels smaller than this (ml), all classes together, are judged as if they were that "
        "large, since the rounding of a few voxels is a large share of an occlusion and means "
        "nothing.",
        above=0,
    )
    template_dice: float = setting(
        LIMITS["template_dice"].fail[0],
        "Smallest overlap (Dice) of the brain in template space with the template's own. A good "
        "affine gives 0.95 on a real head; a wrong one is far below this.",
        at_least=0,
        at_most=1,
    )

    def limits(self) -> dict[str, Limit]:
        """The limits of the figures that it sets."""
        ends = {
            "affine_difference": self.affine_difference,
            "volume_change": self.volume_change,
            "class_volume_change": self.volume_change,
            "template_dice": self.template_dice,
        }
        return {name: LIMITS[name].failing_at(end) for name, end in ends.items()}
