"""The clinical columns that are known: one row each, with its type, range and levels.

A column of a raw table is released if its heading is known here or in the config. Its cells are
parsed by its type, so that nothing gets into a release which is not a number in a range, one of a
few levels, or a duration. All other columns stay out.

>>> known_as("NIHSS at admission", KNOWN)
'nihss_admission'
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from strokeprep.settings.study import Column

# BIDS: higher ages are so rare that they may identify a person.
OLDEST = 89
LONGEST_MIN = 14 * 24 * 60  # of a duration; the days that spreadsheets count are more

FLAG = {"0": "no", "1": "yes"}
UNITS = {"age": "year", "duration": "min"}  # of types that have one unit, whatever the column


def squashed(heading: str) -> str:
    """A heading as lower-case letters and digits alone.

    >>> squashed("mRS (3 months)")
    'mrs3months'
    """
    return re.sub(r"[^a-z0-9]+", "", heading.casefold())


def unit(column: Column) -> str:
    """The unit of a column's values, as BIDS writes it; nothing where there is none."""
    return UNITS.get(column.type, column.unit)


def known_as(heading: str, known: Mapping[str, Column]) -> str | None:
    """The column that a heading means; the column's unit may stand behind it."""
    for name, column in known.items():
        headings = {squashed(each) for each in (name, column.title, *column.headings) if each}
        if squashed(heading) in headings | {each + squashed(unit(column)) for each in headings}:
            return name
    return None


def meaning(column: Column) -> dict[str, Any]:
    """What the JSON beside a table says of a column."""
    low, high = column.range or (None, None)
    told = {
        "LongName": column.title,
        "Description": column.description,
        "Units": unit(column),
        "Levels": FLAG if column.type == "flag" else dict(column.levels),
        "Minimum": low,
        "Maximum": high,
    }
    return {key: value for key, value in told.items() if value not in ("", {}, None)}


def _number(about: str, unit: str, low: float, high: float, *headings: str) -> Column:
    return Column("number", about, headings[0] if headings else "", unit, (low, high), {}, headings)


def _count(about: str, low: float, high: float, *headings: str) -> Column:
    title = headings[0] if headings else ""
    return Column("integer", about, title, range=(low, high), headings=headings)


def _flag(about: str, *headings: str) -> Column:
    return Column("flag", about, headings[0] if headings else "", headings=headings)


def _minutes(about: str, *headings: str) -> Column:
    return Column("duration", about, headings[0] if headings else "", headings=headings)


def _level(about: str, levels: Mapping[str, str], *headings: str) -> Column:
    title = headings[0] if headings else ""
    return Column("level", about, title, levels=levels, headings=headings)


def _nihss(when: str, *headings: str) -> Column:
    return _count(f"NIH Stroke Scale {when}", 0, 42, *headings)


def _mrs(when: str, *headings: str) -> Column:
    return _count(f"Modified Rankin Scale {when}", 0, 6, *headings)


def _lesions(where: str, heading: str) -> Column:
    return _count(f"Number of lesions {where}", 0, 500, heading)


SIDES = {"left": "left", "right": "right", "bilateral": "both sides"}

# By the heading it has in a release. The title is the name in the published table, if there is one.
KNOWN: dict[str, Column] = {
    # --- of the person
    "age": Column(
        "age",
        f"Age; {OLDEST} stands for {OLDEST} and above",
        "Age",
        headings=("patient age", "age y", "age years", "age at stroke", "age at onset", "age at scan"),
    ),
    "sex": _level("Sex", {"F": "female", "M": "male", "O": "other"}, "Sex", "gender"),
    "handedness": _level(
        "Handedness", {"right": "right", "left": "left", "ambidextrous": "both"}, "Handedness"
    ),
    "weight": _number("Body weight", "kg", 2, 350, "Weight"),
    "height": _number("Body height", "cm", 40, 230, "Height"),
    "bmi": _number("Body-mass index", "kg/m^2", 8, 90, "BMI", "body mass index"),
    # --- history (ISLES'24 has the titles)
    "center": _count("Number of the hospital, which is not named", 1, 50, "Center", "centre"),
    "atrial_fibrillation": _flag("Atrial fibrillation", "Atrial fibrillation", "afib"),
    "hypertension": _flag("High blood pressure", "Hypertension"),
    "diabetes": _flag("Diabetes mellitus", "Diabetes", "diabetes mellitus"),
    "hyperlipidemia": _flag("High blood lipids", "Hyperlipidemia", "hyperlipidaemia"),
    "smoking": _flag("Smokes", "Smoking", "smoker"),
    "coronary_disease": _flag("Coronary heart disease", "Coronary disease"),
    "previous_stroke": _flag("Stroke or TIA before", "Previous stroke", "prior stroke"),
    "anticoagulation": _flag("Takes anticoagulants", "Anticoagulation"),
    "lipid_lowering_drugs": _flag("Takes lipid-lowering drugs", "Lipid lowering drugs", "statins"),
    "platelet_inhibitors": _flag("Takes platelet inhibitors", "PAIs", "antiplatelets"),
    # --- laboratory and examination
    "glucose": _number("Blood glucose", "mg/dL", 10, 1500, "Glucose"),
    "leucocytes": _number("White blood cells", "10^9/L", 0.1, 500, "Leucocytes", "leukocytes"),
    "crp": _number("C-reactive protein", "mg/dL", 0, 100, "CRP"),
    "inr": _number("International normalised ratio of clotting", "1", 0.3, 20, "INR"),
    "creatinine": _number("Creatinine", "mg/dL", 0.05, 30, "Creatinine"),
    "hba1c": _number("Glycated haemoglobin", "%", 2, 25, "HbA1c"),
    "cholesterol": _number("Total cholesterol", "mg/dL", 20, 1000, "Cholesterol"),
    "ldl": _number("LDL cholesterol", "mg/dL", 1, 800, "LDL"),
    "hdl": _number("HDL cholesterol", "mg/dL", 1, 300, "HDL"),
    "triglycerides": _number("Triglycerides", "mg/dL", 5, 6000, "Triglycerides"),
    "systolic": _number("Systolic blood pressure", "mmHg", 40, 320, "Systolic", "sbp"),
    "diastolic": _number("Diastolic blood pressure", "mmHg", 10, 220, "Diastolic", "dbp"),
    # --- the stroke
    "wake_up": _flag("Found on waking", "Wake-up", "wake up stroke"),
    "in_house": _flag("Stroke in hospital", "In-House"),
    "referral": _flag("Came from another hospital", "Referral"),
    "side": _level("Side of the stroke", SIDES, "Side", "lesion side", "stroke side"),
    "occlusion_site": _level(
        "Artery that is occluded",
        {site: site for site in ("ICA", "M1", "M2", "M3", "A1", "A2", "P1", "P2", "BA", "VA")},
        "Occlusion site",
    ),
    "lesion_type": _level(
        "Type of the lesion",
        {"ischemic": "infarct", "hemorrhagic": "haemorrhage", "none": "no lesion is seen"},
        "Lesion-type",
    ),
    "nihss": _nihss("at the time that the table is about", "NIHSS", "NIH stroke scale"),
    "nihss_admission": _nihss("at admission", "NIHSS at admission"),
    "nihss_24h": _nihss("after 24 hours", "NIHSS 24h"),
    "nihss_discharge": _nihss("at discharge", "NIHSS discharge", "NIHSS at discharge"),
    "mrs": _mrs("at the time that the table is about", "mRS", "modified Rankin scale"),
    "mrs_premorbid": _mrs("before the stroke", "mRS premorbid"),
    "mrs_admission": _mrs("at admission", "mRS at admission"),
    "mrs_24h": _mrs("after 24 hours", "mRS 24h"),
    "mrs_discharge": _mrs("at discharge", "mRS discharge", "mRS at discharge"),
    "mrs_90d": _mrs("after 90 days", "mRS 3 months", "mRS 90 days", "mRS after 90 days"),
    "aspects": _count("ASPECTS, on the CT at admission", 0, 10, "ASPECTS"),
    # --- treatment
    "thrombolysis": _flag("Intravenous thrombolysis", "Thrombolysis", "ivt", "tpa"),
    "thrombectomy": _flag("Mechanical thrombectomy", "Thrombectomy", "evt"),
    "tici": _level(
        "Flow after thrombectomy (modified TICI)",
        {grade: grade for grade in ("0", "1", "2a", "2b", "2c", "3")},
        "TICI postinterventional",
        "mTICI",
        "TICI",
    ),
    "onset_to_ct": _minutes("From onset to the first CT", "Onset to CT"),
    "onset_to_mri": _minutes("From onset to MRI", "Onset to MRI"),
    "onset_to_door": _minutes("From onset to the hospital", "Onset to door"),
    "alert_to_door": _minutes("From the alert to the hospital (wake-up)", "Alert to door"),
    "door_to_imaging": _minutes("From the hospital's door to the first image", "Door to imaging"),
    "door_to_groin": _minutes("From the hospital's door to the puncture", "Door to groin"),
    "door_to_first_series": _minutes(
        "From the hospital's door to the first angiography series", "Door to first series"
    ),
    "time_of_intervention": _minutes(
        "From the first to the last angiography series", "Time of intervention"
    ),
    "door_to_recanalization": _minutes(
        "From the hospital's door to recanalisation", "Door to recanalization"
    ),
    "length_of_stay": _number("Days in hospital", "day", 0, 400, "Length of stay"),
    # --- images and lesions (ATLAS has the titles)
    "lesion_volume": _number("Volume of the lesion", "mL", 0, 2000, "Lesion volume ml"),
    "lesions_lh_cortical": _lesions(
        "of the left hemisphere that reach the cortex", "# Lesions LH Cortical and White Matter"
    ),
    "lesions_lh_subcortical": _lesions(
        "of the left hemisphere below the cortex", "# Lesions LH Subcortical"
    ),
    "lesions_rh_cortical": _lesions(
        "of the right hemisphere that reach the cortex", "# Lesions RH Cortical and White Matter"
    ),
    "lesions_rh_subcortical": _lesions(
        "of the right hemisphere below the cortex", "# Lesions RH Subcortical"
    ),
    "lesions_other": _lesions("of brainstem and cerebellum", "# Lesions Other Location"),
    "field_strength": _number(
        "Field of the scanner", "T", 0.05, 12, "Scanner Strength", "magnetic field strength"
    ),
    "days_post_stroke": _number("Days from stroke to scan", "day", 0, 20000, "Days Post Stroke"),
    "chronicity": _count("Days that have passed at least since the stroke", 0, 20000, "Chronicity"),
}  # fmt: skip
