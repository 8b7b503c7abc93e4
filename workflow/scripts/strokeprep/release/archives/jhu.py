"""The archive of the acute stroke MRI of Johns Hopkins, in the folders of ICPSR-38464."""

from __future__ import annotations

from strokeprep.clinical.columns import KNOWN, meaning
from strokeprep.errors import StrokeprepError
from strokeprep.io import tables
from strokeprep.io.tables import MISSING, render
from strokeprep.io.whole import write_json, write_text
from strokeprep.kinds import STRIPPED
from strokeprep.release.archive import (
    Archive,
    Contents,
    Image,
    Table,
    brain,
    computed,
    defaced,
    label_as_drawn,
    on_template,
)

RAW = "raw-data/DWI/{case}/{case}_"
ANAT = "raw-data/anat/{case}/{case}_"
NATIVE = "DWI-mask/{case}/{case}_"
MNI = "DWI-MNI-IntensityNormalized/{case}/{case}_"
NORMALISED, RECALCULATED = "normalised", "recalculated"
MEMBERS = "docs/cohort/members.tsv"  # of the output, where there are maps of all patients

# The first is the one whose header the others in the space of the template share.
IMAGES = (
    Image(f"{MNI}DWI_space-MNI", "image", on_template("trace", STRIPPED), called="DWI"),
    Image(
        f"{MNI}B0_space-MNI", "image", on_template("b0", STRIPPED), True, called="B0", may_lack=True
    ),
    Image(
        f"{MNI}ADC_space-MNI",
        "image",
        computed("adc", RECALCULATED, moved=True),
        True,
        called="ADC-recalculated",
        may_lack=True,
    ),
    Image(
        f"{MNI}DWI_space-MNI_desc-normalized",
        "image",
        computed("trace", NORMALISED, moved=True),
        True,
        called="DWI-normalized",
        may_lack=True,
    ),
    Image(
        f"{MNI}DWI_space-MNI_desc-brain_mask",
        "mask",
        brain("trace", moved=True),
        True,
        called="brain",
    ),
    Image(
        f"{MNI}DWI_space-MNI_desc-stroke_mask",
        "mask",
        label_as_drawn("lesion", moved=True),
        True,
        called="lesion",
        may_lack=True,  # nothing is visible
    ),
    Image(f"{NATIVE}DWI_space-orig", "image", defaced("trace"), called="DWI"),
    Image(f"{NATIVE}B0_space-orig", "image", defaced("b0"), called="B0", may_lack=True),
    Image(
        f"{NATIVE}ADC_space-orig",
        "image",
        computed("adc", RECALCULATED, moved=False),
        called="ADC-recalculated",
        may_lack=True,
    ),
    Image(
        f"{NATIVE}DWI_space-orig_desc-brain_mask",
        "mask",
        brain("trace", moved=False),
        called="brain",
    ),
    Image(
        f"{NATIVE}DWI_space-orig_desc-stroke_mask",
        "mask",
        label_as_drawn("lesion"),
        called="lesion",
        may_lack=True,
    ),
    Image(f"{RAW}DWI", "image", defaced("trace"), called="DWI", before=defaced("b0")),
    Image(f"{RAW}ADC", "image", defaced("adc"), called="ADC", may_lack=True),
    *(
        Image(f"{ANAT}{name}", "image", defaced(kind), may_lack=True)
        for name, kind in (("T1w", "t1w"), ("T2w", "t2w"), ("FLAIR", "flair"), ("SWI", "swi"))
    ),
)

PHENOTYPE = Table(
    "phenotype/{case}/{case}_phenotype",
    "phenotype",
    "Admission",
    (
        *("age", "sex", "bmi", "lesion_type", "side", "lesion_volume"),
        *("nihss_admission", "mrs_premorbid", "mrs_90d", "length_of_stay"),
        *("systolic", "diastolic", "cholesterol", "ldl", "hdl", "triglycerides", "hba1c"),
        *("glucose", "creatinine", "inr"),
        *("hypertension", "diabetes", "atrial_fibrillation", "hyperlipidemia", "smoking"),
        *("coronary_disease", "previous_stroke", "anticoagulation", "platelet_inhibitors"),
        *("onset_to_mri", "field_strength", "thrombolysis", "thrombectomy"),
    ),
)

HOLDS = """\
## What is here

- `{root}/raw-data/DWI/`, `{root}/raw-data/anat/`: images on their own grids, without the face and with
  identifying header fields cleared, else as they came from the scanner. `*_DWI` holds two volumes, first B0
  and then DWI; of a case without B0 it is the DWI alone. ADC is the scanner's
- `{root}/DWI-mask/`: DWI, B0 and the ADC recalculated from both, with masks of brain and lesion
- `{root}/DWI-MNI-IntensityNormalized/`: the same in the space of the template, without the skull, and the DWI with normalised
  intensities
- `{root}/phenotype/`: a table for each case ({formats})
- `{root}/templates/`: the template brain, and maps of all cases if the study has them (`snakemake cohort`)
- `{root}/documentation/`: what the columns mean (`dictionary.json`, `dictionary.txt`), the table of all cases
- `phenotype/`: the same table, as BIDS has it
- `demographics.tsv`: the table below
- `manifest-sha256.txt`: digests of all files (`sha256sum -c manifest-sha256.txt`)

Masks are 0 and 1 in 8-bit integers. A case without a mask of a lesion has none that is visible. ADC is in
1e-6 mm²/s where it was recalculated, and as the scanner gave it in `raw-data`. CT, if there is any, has {air} HU
outside of the head.

"""


def write_further(contents: Contents) -> None:
    """Write the documentation and the templates."""
    documentation = contents.folder / "documentation"
    columns = PHENOTYPE.columns
    titles = {name: KNOWN[name].title or name for name in columns}
    dictionary = {titles[name]: meaning(KNOWN[name]) for name in columns}
    write_json(dictionary, documentation / "dictionary.json")
    write_text(_as_text(dictionary), documentation / "dictionary.txt")
    rows = [
        {"participant_id": case} | {titles[name]: row.get(name, MISSING) for name in columns}
        for case, row in contents.rows.items()
    ]
    write_text(
        render(rows, ["participant_id", *titles.values()]), documentation / "participants.tsv"
    )
    about = {"Name": contents.study.name, "License": contents.study.license}
    write_json(about, documentation / "dataset-description.json")
    write_text(HOLDS_IN_SHORT, documentation / "readme.txt")
    _write_templates(contents)


HOLDS_IN_SHORT = """\
README.md, beside the folder of the archive, says what all files are. dictionary.json and dictionary.txt say
what the columns of participants.tsv and of the tables in phenotype mean.
"""


def _as_text(dictionary: dict[str, dict]) -> str:
    """The dictionary for people: a paragraph for each column."""
    paragraphs = []
    for title, about in dictionary.items():
        lines = [title, f"  {about.get('Description', '')}"]
        lines += [f"  Unit: {about['Units']}"] if "Units" in about else []
        lines += [f"  {code}: {text}" for code, text in about.get("Levels", {}).items()]
        paragraphs.append("\n".join(lines))
    return "\n\n".join(paragraphs) + "\n"


def _write_templates(contents: Contents) -> None:
    """Write the template brain and copy maps of the cohort; both open images, so few jobs load this."""
    import shutil

    from strokeprep.io import images
    from strokeprep.registration import template

    folder = contents.folder / "templates"
    loaded = template.standard(contents.template)
    name = contents.template.name
    images.write(loaded.t1, folder / f"tpl-{name}_desc-brain_T1w.nii.gz", code=images.MNI)
    mask = images.array(loaded.inside).astype("uint8")
    images.write(
        images.like(mask, loaded.t1), folder / f"tpl-{name}_desc-brain_mask.nii.gz", code=images.MNI
    )
    _refuse_left_out(contents)
    for path in sorted(contents.derivatives.glob("tpl-*/**/*.nii.gz")):
        shutil.copyfile(path, folder / path.name)


def _refuse_left_out(contents: Contents) -> None:
    """Refuse maps of the cohort that were made with a patient who is now to be left out."""
    members = contents.derivatives / MEMBERS
    rows = tables.read(members) if members.is_file() else []
    for person in (row["participant_id"].removeprefix("sub-") for row in rows):
        if person in contents.settings.leave_out:
            raise StrokeprepError(
                f"The maps of the cohort hold a patient who is to be left out (sub-{person})",
                members,
                "Run snakemake cohort again, then snakemake release.",
            )


JHU = Archive(
    name="jhu",
    root="JHU_stroke",
    case="sub-{number:08x}",
    numbers=0xFFFFFFFF,
    images=IMAGES,
    tables=(PHENOTYPE,),
    holds=HOLDS,
    formats=("tsv",),
    further=write_further,
)
