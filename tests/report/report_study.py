"""The first subject of the built-in study, for tests that need no table read from disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from strokeprep.quality import audit
from strokeprep.quality import plan as quality_plan
from strokeprep.quality.judgement import Judge
from strokeprep.quality.measured import Audited
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


def audited(root: Path, subject: Subject, *names: str) -> Audited:
    """What the audit measures of some files of a subject."""
    whole = quality_plan.audit_plan(subject, TEMPLATE)
    tables = ("labels", "faces", "brains", "masks", "heads", "alike")
    parts = {each: tuple(row for row in getattr(whole, each) if set(row) & set(names))
             for each in tables}  # fmt: skip
    some = replace(
        whole,
        on_reference=(),
        on_template=(),
        template_brain=whole.template_brain if whole.template_brain in names else None,
        **parts,
    )
    return Audited(audit.measured(some, root, Judge(subject.name), SETTINGS, 1.0))


def first_subject() -> Subject:
    """The subject as the study table has it."""
    rows = [
        Row("01", session, role, Path(f"/raw/{role}"), on=on, entities=entities)
        for role, session, entities, on in FILES
    ]
    return build(rows, ["ncct", "dwi", "t1w"]).subjects[0]
