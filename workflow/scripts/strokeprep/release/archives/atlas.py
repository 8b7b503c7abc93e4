"""The archive of ATLAS v2.0: T1w scans and lesions in the space of the template, in folders of sites."""

from __future__ import annotations

from collections.abc import Mapping

from strokeprep.clinical.columns import KNOWN
from strokeprep.clinical.outgoing import cell
from strokeprep.io import tables
from strokeprep.io.tables import MISSING
from strokeprep.io.whole import write_json
from strokeprep.release.archive import Archive, Contents, Image, Table, computed, label_as_drawn
from strokeprep.study import naming

SPACE = "MNI152NLin2009aSym"
CASE = f"Training/R{{site}}/{{case}}/ses-1/anat/{{case}}_ses-1_space-{SPACE}_"

IMAGES = (
    Image(f"{CASE}T1w", "image", computed("t1w", "normalised", moved=True)),
    Image(
        f"{CASE}label-L_desc-T1lesion_mask",
        "mask",
        label_as_drawn("lesion", moved=True),
        True,
        called="lesion",
    ),
)

# The columns of the published table, and what of ours goes there; nothing where we do not know it.
METADATA = {
    "# Lesions LH Cortical and White Matter": "lesions_lh_cortical",
    "# Lesions LH Subcortical": "lesions_lh_subcortical",
    "# Lesions RH Cortical and White Matter": "lesions_rh_cortical",
    "# Lesions RH Subcortical": "lesions_rh_subcortical",
    "# Lesions Other Location": "lesions_other",
    "Other Location": "",
    "Primary/Secondary Stroke Hemisphere": "",
    "Primary/Secondary Stroke Location": "",
    "Lesion Volume": "lesion_volume",
    "Scanner Strength": "field_strength",
    "Scanner Brand": "",
    "Image Resolution": "",
    "ATLAS 1.2": "",
    "ATLAS 1.2 Subject ID": "",
    "INDI Subject ID": "",
    "Days Post Stroke": "days_post_stroke",
    "Chronicity": "chronicity",
}
# Where a clinical table does not tell a number of lesions, the count by rule does.
COUNTED = {
    "lesions_lh_cortical": "lesions_left_cortical",
    "lesions_lh_subcortical": "lesions_left_subcortical",
    "lesions_rh_cortical": "lesions_right_cortical",
    "lesions_rh_subcortical": "lesions_right_subcortical",
    "lesions_other": "lesions_other",
    "lesion_volume": "template_volume_ml",
}
OF_ALL = Table("", "metadata", "", tuple(name for name in METADATA.values() if name))

HOLDS = """\
## What is here

- `{root}/Training/R001/sub-r001s001/ses-1/anat/`: T1w with normalised intensities, without the skull, and the
  mask of the lesions, both in the space MNI152NLin2009aSym. `R001` is the site (the clinical column `center`;
  1 where that is not known)
- `{root}/MetaData` ({formats}): a row for each case, with the columns of ATLAS v2.0. Lesions were counted by
  rule where no clinical table tells their number; those on both sides are in no column of a side
- `{root}/MNI152NLin2009aSym.nii.gz`: the template
- `phenotype/`: the table of all cases, as BIDS has it
- `demographics.tsv`: the table below
- `manifest-sha256.txt`: digests of all files (`sha256sum -c manifest-sha256.txt`)

Masks are 0 and 1 in 8-bit integers. Only the first visit is here. CT, if there is any, has {air} HU outside of
the head.

"""


def write_further(contents: Contents) -> None:
    """Write the table of all cases, the template and a description for each site."""
    from strokeprep.io import images
    from strokeprep.registration import template
    from strokeprep.release import phenotype

    rows = [["Subject ID", "Session", *METADATA], *_rows(contents)]
    for form in phenotype.formats(contents.archive, contents.settings):
        phenotype.WRITERS[form](rows, contents.folder / f"MetaData.{form}")
    loaded = template.standard(contents.template)
    images.write(loaded.t1, contents.folder / f"{SPACE}.nii.gz", code=images.MNI)
    about = {
        "Name": contents.study.name,
        "BIDSVersion": "1.11.1",
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "strokeprep"}],
    }
    for site in sorted({contents.archive.site_of(case) for case in contents.rows}):
        write_json(about, contents.folder / f"Training/R{site}/dataset_description.json")


def _rows(contents: Contents) -> list[list]:
    """A row for each case."""
    counted = _counted(contents)
    rows = []
    for case, values in contents.rows.items():
        row: list[str | int | float | None] = [case, "ses-1"]
        for name in METADATA.values():
            value = values.get(name, MISSING) if name else MISSING
            if value == MISSING and name in COUNTED and name not in contents.settings.withheld:
                value = counted.get(case, {}).get(COUNTED[name], MISSING)
            row.append(cell(value, KNOWN[name]) if name else None)
        rows.append(row)
    return rows


def _counted(contents: Contents) -> dict[str, Mapping[str, str]]:
    """What was counted of the lesions of each case."""
    path = contents.derivatives / naming.ALL_LESIONS
    if not path.is_file():
        return {}
    return {
        contents.called[person]: row
        for row in tables.read(path)
        if (person := row["participant_id"]) in contents.called
    }


ATLAS = Archive(
    name="atlas",
    root="ATLAS_2",
    case="sub-r{site:03}s{number:03}",
    numbers=999,
    images=IMAGES,
    tables=(OF_ALL,),
    holds=HOLDS,
    further=write_further,
    site="center",
    site_at=(5, 8),
    template=SPACE,
)
