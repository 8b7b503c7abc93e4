"""Who takes part in a cohort and with which files, and what its own files are called.

It is read when the workflow is parsed, so no file is opened here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from strokeprep.kinds import KINDS
from strokeprep.settings.finished.cohort import CohortSettings, Session
from strokeprep.study import naming
from strokeprep.study.naming import Space
from strokeprep.study.scans import Subject, usual

FOLDER = "docs/cohort"
PAGE = f"{FOLDER}/index.html"
MEMBERS, REGIONS = f"{FOLDER}/members.tsv", f"{FOLDER}/regions.tsv"
TABLE_ONE = f"{FOLDER}/table_one.tsv"
# For tools that map symptoms to lesions.
MASK_LIST, DESIGN = f"{FOLDER}/lesions.txt", f"{FOLDER}/design.txt"

# Images whose values can be compared between patients, by their desc- entity.
NORMALISED, COMPARABLE = "normalised", {"adc": "recalculated"}
NO_IMAGES = "no lesion mask and no normalised image"


@dataclass(frozen=True)
class Candidate:
    """A patient with the files of one session. Names are "" where there is no such file.

    Which of the ``images`` were normalised is known when they are looked for.
    """

    subject: str
    session: str
    mask: str  # the lesion in the space of the template
    seen: str  # where the scan that it was drawn on shows the brain, likewise
    images: dict[str, str] = field(default_factory=dict)  # by kind
    seen_in: dict[str, str] = field(default_factory=dict)  # where each of them shows the brain
    told: str = ""  # the row of its lesions, where each of them was measured by itself


def candidates(
    subjects: Sequence[Subject], settings: CohortSettings, template: Space
) -> list[Candidate]:
    """A row for each patient that has anything in the space of the template."""
    found = [_candidate(subject, settings, template) for subject in subjects]
    return [each for each in found if each is not None]


def _candidate(subject: Subject, settings: CohortSettings, template: Space) -> Candidate | None:
    if subject.reference is None:
        return None
    lesions = [label for label in subject.labels if label.kind.name == "lesion"]
    scans = [label.scan for label in lesions] or subject.scans
    session = _chosen([scan.session or "" for scan in scans], settings.session)
    drawn = usual([each for each in lesions if (each.scan.session or "") == session])
    images, seen_in = {}, {}
    for scan in subject.scans:
        for kind in settings.averaged if (scan.session or "") == session and scan.has_brain else ():
            # An ADC may be computed where the scanner gave none.
            if KINDS[kind].scan.name == scan.kind.name and kind not in images:
                desc = COMPARABLE.get(kind, NORMALISED)
                images[kind] = naming.preproc(scan, KINDS[kind].suffix, template, desc)
                seen_in[kind] = naming.brain_mask(scan, template)
    return Candidate(
        subject.name,
        session,
        naming.label(drawn.scan, template, drawn.kind) if drawn else "",
        naming.brain_mask(drawn.scan, template) if drawn and drawn.scan.has_brain else "",
        images,
        seen_in,
        naming.lesion_row(drawn.scan) if drawn else "",
    )


def _chosen(sessions: Sequence[str], rule: Session) -> str:
    """The first or last of some sessions, where ses-2 comes before ses-10."""
    ordered = sorted(set(sessions), key=_natural)
    return ordered[0 if rule == "first" else -1]


def _natural(name: str) -> list[tuple[int, str]]:
    return [
        (int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", name)
    ]


# --- Names ------------------------------------------------------------------------------------------


def lesion_map(template: Space, group: str | None, suffix: str, desc: str | None = None) -> str:
    """A map that is made of all lesion masks of a group, or of all patients."""
    return naming.of_template(template, group, "anat", suffix, label="L", desc=desc)


def image_map(template: Space, group: str | None, kind: str, desc: str) -> str:
    """A map that is made of all normalised images of a kind."""
    of = KINDS[kind]
    return naming.of_template(template, group, of.scan.datatype, of.suffix, desc=desc)
