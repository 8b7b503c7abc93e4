"""The clinical tables of the other kinds of study, with the columns that those releases have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from strokeprep.phantom import mr_study
from strokeprep.phantom.head.foci import Focus

ABOUT = {
    "age": {"Description": "Age at stroke (synthetic)", "Units": "year"},
    "sex": {"Description": "Sex (synthetic)", "Levels": {"F": "female", "M": "male"}},
    "lesion_type": {
        "Description": "Type of the lesion (synthetic)",
        "Levels": {"ischemic": "infarct", "hemorrhagic": "haemorrhage", "none": "not visible"},
    },
    "side": {
        "Description": "Side of the stroke (synthetic)",
        "Levels": {"left": "left", "right": "right", "bilateral": "both sides"},
    },
    "nihss": {"Description": "NIH Stroke Scale at the time of MRI (synthetic)"},
    "field_strength": {"Description": "Field of the scanner (synthetic)", "Units": "T"},
    "days_post_stroke": {"Description": "Days from stroke to scan (synthetic)", "Units": "day"},
    **{
        name: {"Description": f"Number of lesions {where} (synthetic)"}
        for name, where in {
            "lesions_lh_cortical": "of the left hemisphere that reach the cortex",
            "lesions_lh_subcortical": "of the left hemisphere below the cortex",
            "lesions_rh_cortical": "of the right hemisphere that reach the cortex",
            "lesions_rh_subcortical": "of the right hemisphere below the cortex",
            "lesions_other": "of brainstem and cerebellum",
        }.items()
    },
}
COLUMNS = {
    "jhu": {
        "participants": ("age", "sex", "lesion_type"),
        "phenotype/clinical": ("lesion_type", "side", "nihss", "field_strength"),
    },
    "atlas": {
        "participants": ("age", "sex"),
        "phenotype/metadata": (
            "days_post_stroke",
            "field_strength",
            *(name for name in ABOUT if name.startswith("lesions_")),
        ),
    },
}


def tables(
    study: str, subjects: Sequence[str], seed: int
) -> Iterator[tuple[str, dict, list[list[str]]]]:
    """Each table: its name below raw/, what its columns mean, and its rows."""
    people = {subject: _person(study, subject, seed) for subject in subjects}
    for name, columns in COLUMNS[study].items():
        rows = [
            [f"sub-{who}", *(str(facts[column]) for column in columns)]
            for who, facts in people.items()
        ]
        yield name, {column: ABOUT[column] for column in columns}, rows


def _person(study: str, subject: str, seed: int) -> dict[str, int | float | str]:
    """What tables say of a patient; it depends on no other patient."""
    random = np.random.default_rng(np.random.SeedSequence([seed, int(subject), 99]))
    foci = mr_study.foci_of(study, subject, seed)
    side = mr_study.side_of(foci)
    return {
        "age": int(random.integers(45, 90)),
        "sex": str(random.choice(["F", "M"])),
        "lesion_type": mr_study.type_of(foci),
        "side": "n/a" if side == "none" else side,
        "nihss": int(random.integers(0, 3) + min(sum(focus.ml for focus in foci) / 2, 30)),
        "field_strength": float(random.choice([1.5, 3.0])),
        "days_post_stroke": int(random.integers(180, 3000)),
        **_counts(foci),
    }


def _counts(foci: Sequence[Focus]) -> dict[str, int]:
    """How many lesions lie where."""
    found = {name: 0 for name in ABOUT if name.startswith("lesions_")}
    for focus in foci:
        where = "other" if focus.region == "other" else f"{focus.side.lower()}h_{focus.region}"
        found[f"lesions_{where}"] += 1
    return found
