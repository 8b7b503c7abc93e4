"""Every name the chain writes. Nothing else in the project spells an output path.

Each function takes the scan (or label) and returns a path relative to the derivatives folder.
Called with ``ANY`` it returns the same path as a Snakemake pattern, so that a rule's output and
the target it answers come from one line of code.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from strokeprep import kinds
from strokeprep.kinds import PERFUSION, LabelKind

# BIDS order of the entities a derivative may add behind those of its source.
ORDER = ("from", "to", "mode", "space", "atlas", "seg", "scale", "res", "label", "desc")

# An entity with this value becomes a wildcard that holds "_key-value", or nothing.
WILD = "*"

IMAGE = ".nii.gz"
SIDECAR = ".json"


class Named(Protocol):
    """What a name needs to know of the scan it belongs to."""

    @property
    def folder(self) -> str: ...
    @property
    def datatype(self) -> str: ...
    @property
    def mask_datatype(self) -> str: ...
    @property
    def stem(self) -> str: ...
    @property
    def mask_stem(self) -> str: ...


class Pattern(NamedTuple):
    """A scan of wildcards."""

    folder: str = "{folder}"
    datatype: str = "{datatype}"
    mask_datatype: str = "{datatype}"
    stem: str = "{stem}"
    mask_stem: str = "{stem}"


class Space(NamedTuple):
    """A grid that images are written on: a scan's own, the reference's, or a template's."""

    label: str
    res: str | None = None


ANY = Pattern()
ANYWHERE = Space(WILD, WILD)
ORIG = Space("orig")
ANY_LABEL = LabelKind(name="any", called="", suffix="{suffix}", seg=WILD, label=WILD, desc=WILD)

# How the name of a scan may go on behind that of its kind (strokeprep.study.table).
APART = r"([A-Z][A-Za-z0-9]*)?"

# What wildcards may hold, in names of every kind.
CONSTRAINTS = {
    "folder": r"sub-[A-Za-z0-9]+(/ses-[A-Za-z0-9]+)?",
    "subject": r"[A-Za-z0-9]+",
    "datatype": "|".join(
        sorted(
            {name for scan in kinds.SCANS.values() for name in (scan.datatype, scan.mask_datatype)}
        )
    ),
    "stem": r"sub-[A-Za-z0-9]+(_ses-[A-Za-z0-9]+)?(_(acq|ce|rec|dir|run|echo|part)-[A-Za-z0-9]+)*",
    "suffix": "|".join(sorted({kind.suffix for kind in kinds.KINDS.values()})),
    "scan": rf"({'|'.join(kinds.SCANS)}){APART}",
    "reference": rf"({'|'.join(kinds.REFERENCES)}){APART}",
} | {key: rf"(_{key}-[A-Za-z0-9]+)?" for key in ORDER}


def constraint(key: str, values: Iterable[str | None]) -> str:
    """What the wildcard of an entity may hold; None among the values stands for no entity."""
    allowed = list(values)
    named = "|".join(sorted({value for value in allowed if value}))
    return f"(_{key}-({named}))" + ("?" if None in allowed else "")


def label_constraints(labels: Iterable[LabelKind]) -> dict[str, str]:
    """What the wildcards of ``ANY_LABEL`` may hold in names of some labels."""
    allowed = list(labels)
    return {"suffix": "|".join(sorted({label.suffix for label in allowed}))} | {
        key: constraint(key, [label.entities.get(key) for label in allowed])
        for key in ("seg", "label", "desc")
    }


def bids(
    folder: str, datatype: str, stem: str, suffix: str, ext: str = IMAGE, /, **entities: str | None
) -> str:
    """The path of one file; the only place that knows the order of entities.

    >>> bids("sub-01/ses-02", "dwi", "sub-01_ses-02", "mask", label="L", space="ncct")
    'sub-01/ses-02/dwi/sub-01_ses-02_space-ncct_label-L_mask.nii.gz'
    """
    given = {key.rstrip("_"): value for key, value in entities.items() if value is not None}
    unknown = set(given) - set(ORDER)
    if unknown:
        raise ValueError(f"no such entity: {sorted(unknown)}")
    middle = "".join(
        f"{{{key}}}" if given[key] == WILD else f"_{key}-{given[key]}"
        for key in ORDER
        if key in given
    )
    return f"{folder}/{datatype}/{stem}{middle}_{suffix}{ext}"


def sidecar(path: str) -> str:
    """The JSON beside an image, transform or table."""
    return path[: -len(extension(path))] + SIDECAR


def extremes(series: str) -> str:
    """What was noted of a series when it was written, in a folder of such notes."""
    return series.removesuffix(IMAGE) + ".npz"


def extension(path: str) -> str:
    """The extension of a derivative, with ``.nii.gz`` as one.

    >>> extension("sub-01/ct/sub-01_ct.nii.gz")
    '.nii.gz'
    """
    for known in (IMAGE, ".nii", ".txt", ".h5", ".tsv", SIDECAR):
        if path.endswith(known):
            return known
    raise ValueError(f"not a name of this project: {path}")


def raw_uri(scan: Named, suffix: str) -> str:
    """A raw image by the name BIDS gives it; its own path may hold what must not be published."""
    return f"bids:raw:{scan.folder}/{scan.datatype}/{scan.stem}_{suffix}{IMAGE}"


def raw_uri_of(name: str) -> str:
    """A manual label as it was given, by the name of the output."""
    return f"bids:raw:{name}"


def defaced(scan: Named, suffix: str) -> str:
    """A scan's image without face and private header; all later steps start here."""
    return bids(scan.folder, scan.datatype, scan.stem, suffix, desc="defaced")


def face_mask(scan: Named) -> str:
    """The voxels defacing removed."""
    return label(scan, ORIG, kinds.FACE)


def mean(scan: Named, suffix: str) -> str:
    """The 3D image that stands for a 4D scan in registration."""
    return bids(scan.folder, scan.datatype, scan.stem, suffix, desc="mean")


def preproc(scan: Named, suffix: str, space: Space, desc: str | None) -> str:
    """An image in another space, or stripped in its own (``space`` ``ORIG``)."""
    where = {} if space == ORIG else {"space": space.label, "res": space.res}
    return bids(scan.folder, scan.datatype, scan.stem, suffix, desc=desc, **where)


def brain_mask(scan: Named, space: Space) -> str:
    """The brain as it was segmented on, or carried to, one grid."""
    return label(scan, space, kinds.BRAIN)


def motion(scan: Named) -> str:
    """Where the head was in every frame of a series."""
    return _time_series(scan, "motion")


def vessels(scan: Named) -> str:
    """The arterial input and venous outflow of a perfusion series."""
    return _time_series(scan, "aif")


def _time_series(scan: Named, desc: str) -> str:
    return bids(scan.folder, PERFUSION, scan.stem, "timeseries", ".tsv", desc=desc)


def coverage(scan: Named, space: Space) -> str:
    """Where a motion-corrected series shows the head in every frame."""
    return label(scan, space, kinds.COVERAGE)


def perfusion_map(scan: Named, suffix: str, space: Space) -> str:
    """A map of flow, volume or time (one of ``kinds.MAPS``), on the grid of its series or another."""
    where = {} if space == ORIG else {"space": space.label, "res": space.res}
    return bids(scan.folder, PERFUSION, scan.stem, suffix, **where)


def model_map(scan: Named, name: str) -> str:
    """A map of the vascular model (one of ``kinds.MODEL_MAPS``), on the grid of its series."""
    kind = kinds.MODEL_MAPS[name]
    named = {"desc": kind.desc, "label": kind.label}
    return bids(scan.folder, PERFUSION, scan.stem, kind.suffix, **named)


def at_risk(scan: Named, name: str, space: Space) -> str:
    """A mask or segmentation (one of ``kinds.AT_RISK``) by perfusion thresholds."""
    return _label(scan.folder, PERFUSION, scan.stem, space, kinds.AT_RISK[name])


def tissue_volumes(scan: Named) -> str:
    """A scan's volumes of core, penumbra and late tissue: one row."""
    return f"docs/qc/{scan.folder}/{scan.stem}_perfusion.tsv"


def perfusion_regions(scan: Named) -> str:
    """A scan's perfusion by region and side: one row each."""
    return bids(scan.folder, PERFUSION, scan.stem, "regions", ".tsv")


def vessel_voxels(scan: Named) -> str:
    """Where the arterial and venous curves were taken: one row per voxel."""
    return f"docs/qc/{scan.folder}/{scan.stem}_aif.tsv"


def vessel_mask(scan: Named, kind: LabelKind) -> str:
    """Artery or vein as a person drew it, on the grid of the series."""
    return _label(scan.folder, PERFUSION, scan.stem, ORIG, kind)


def vessel_figure(scan: Named) -> str:
    """The chosen arterial and venous curves, and where they were taken."""
    return f"docs/qc/{scan.folder}/{scan.stem}_aif.png"


def label(scan: Named, space: Space, kind: LabelKind) -> str:
    """A mask or segmentation on one grid."""
    return _label(scan.folder, scan.mask_datatype, scan.mask_stem, space, kind)


def _label(folder: str, datatype: str, stem: str, space: Space, kind: LabelKind) -> str:
    where = {"space": space.label, "res": space.res}
    return bids(folder, datatype, stem, kind.suffix, **kind.entities, **where)


def lesions(scan: Named, space: Space) -> str:
    """Each lesion of a mask by a number, in template space."""
    return label(scan, space, kinds.LESIONS)


def lesion_table(scan: Named, space: Space) -> str:
    """What each of these numbers stands for: volume, place, side and type of the lesion."""
    return lesions(scan, space).removesuffix(IMAGE) + ".tsv"


def lesion_row(scan: Named) -> str:
    """What the lesions drawn on a scan amount to: one row."""
    return f"docs/qc/{scan.folder}/{scan.mask_datatype}/{scan.mask_stem}_lesions.tsv"


def lesion_picture(scan: Named) -> str:
    """The lesions drawn on a scan, in the template."""
    return f"docs/qc/{scan.folder}/{scan.mask_datatype}/{scan.mask_stem}_lesions.png"


def to_reference(scan: Named, name: str, reference: str) -> str:
    """The rigid (or affine) transform of a scan to its subject's reference."""
    return bids(
        scan.folder,
        scan.datatype,
        scan.stem,
        "xfm",
        ".txt",
        from_=name,
        to=reference,
        mode="image",
    )


def to_template(scan: Named, name: str, template: str) -> str:
    """The transform of a reference scan to the template."""
    return bids(
        scan.folder, scan.datatype, scan.stem, "xfm", ".h5", from_=name, to=template, mode="image"
    )


def from_template(scan: Named, name: str, template: str) -> str:
    """The inverse of :func:`to_template`."""
    return bids(
        scan.folder, scan.datatype, scan.stem, "xfm", ".h5", from_=template, to=name, mode="image"
    )


def of_template(
    template: Space, cohort: str | None, datatype: str, suffix: str, **entities: str | None
) -> str:
    """A file about all patients, or those of a ``cohort``, in the space of the template.

    >>> of_template(Space("MNI152NLin2009aSym", "1"), "none", "dwi", "trace", desc="cohortMean")
    'tpl-MNI152NLin2009aSym/cohort-none/dwi/tpl-MNI152NLin2009aSym_cohort-none_res-1_desc-cohortMean_trace.nii.gz'
    """
    parts = [f"tpl-{template.label}", *([f"cohort-{cohort}"] if cohort else [])]
    return bids("/".join(parts), datatype, "_".join(parts), suffix, res=template.res, **entities)


def audit(subject: str) -> str:
    """A subject's audit: every check, its value, limit and verdict."""
    return f"docs/qc/sub-{subject}_audit.tsv"


def perfusion_audit(subject: str) -> str:
    """The same for what was derived from a subject's CT perfusion."""
    return f"docs/qc/sub-{subject}_perfusion-audit.tsv"


# The folder of the work folder in which the dataset is made.
MADE = "dataset"
PROPOSALS = "proposals"  # below the work folder, what networks propose and nobody has looked at

ACCURACY = "docs/qc/accuracy.tsv"
STATUS = "docs/qc/status.tsv"
ALL_LESIONS = "phenotype/lesion_measures.tsv"
ALL_TISSUE_VOLUMES = "docs/qc/perfusion.tsv"
COW_TABLE = "seg-CoW_dseg.tsv"
