"""What is taken in from DICOM exports."""

import json

INTAKE = f"{WORK}/intake"


def studies_taken_in(wildcards):
    """What says that a study that the plan lists was taken in."""
    listed = checkpoints.intake_plan.get().output.index
    return [f"{INTAKE}/study-{study['key']}.done" for study in json.loads(Path(listed).read_text())]
