"""What the job of one patient makes."""


def finished(subject):
    """Lists the files of a patient that was made by a job of its own, beside what it remembers."""
    return f"{WORK}/patients/sub-{subject}/done"


def patient_targets(subject):
    """Everything that is made of one patient."""
    score = [f"{WORK}/accuracy/sub-{subject.name}.tsv"] if ORIGIN.is_simulated else []
    made = [*all_images(subject), *all_perfusion(subject), *face_pages(subject)]
    return [*made, *privacy_reports_of(subject), *score]
