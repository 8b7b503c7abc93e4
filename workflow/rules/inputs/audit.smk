"""What the audit of images measures."""

from strokeprep.quality import plan as quality_plan


def figures_of(subject, part=""):
    """The figures that the audit measured of a subject's part."""
    return f"{WORK}/measured/sub-{subject}{part}.json"


def audit_plan(subject):
    return quality_plan.audit_plan(subject, TEMPLATE)


def perfusion_audit_plan(subject):
    return quality_plan.perfusion_audit_plan(subject, TEMPLATE)
