"""The first subject of the built-in study, for tests that need no table read from disk."""

from __future__ import annotations

from pathlib import Path

from strokeprep.settings.study import TemplateSettings
from strokeprep.study.naming import Space
from strokeprep.study.scans import Row, Subject
from strokeprep.study.table import build

TEMPLATE = Space("MNI152NLin2009aSym", "2")
SETTINGS = TemplateSettings(name=TEMPLATE.label, resolution_mm=2, res=TEMPLATE.res)
# (role, session, entities, scan a label is drawn on)
FILES = (
    ("ncct", "01", ("acq-ncct",), ""),
    ("cta", "01", ("acq-cta",), ""),
    ("ctp", "01", ("acq-ctp",), ""),
    ("b0", "02", (), ""),
    ("trace", "02", (), ""),
    ("adc", "02", (), ""),
    ("t1w", "02", (), ""),
    ("cow", "01", (), "cta"),
    ("lvo", "01", (), "cta"),
    ("lesion", "02", (), "dwi"),
)


def first_subject() -> Subject:
    """The subject as the study table has it."""
    rows = [
        Row("01", session, role, Path(f"/raw/{role}"), on=on, entities=entities)
        for role, session, entities, on in FILES
    ]
    return build(rows, ["ncct", "dwi", "t1w"]).subjects[0]
