"""Which patients are released, and what is written of each."""

from strokeprep.release.archives import ARCHIVES
from strokeprep.review import gate, verdicts as review_verdicts

ARCHIVE = ARCHIVES[CONFIG.release.archive]


def release_members(subject):
    return archive.members(ARCHIVE, subject, TEMPLATE)


def case_facts(subject):
    """What the release needs to know of a patient's images."""
    return f"{WORK}/release/cases/sub-{subject}.json"


@cache
def raters():
    """Who judged the study, with their verdicts."""
    try:
        return review_verdicts.raters(Path(CONFIG.release.verdicts))
    except StrokeprepError as error:
        raise WorkflowError(str(error)) from None


def objection_to(subject):
    """Why people, or the config, keep a patient out of what is released; None of others."""
    return CONFIG.release.leave_out.get(subject.name) or gate.objection(
        subject.name, RELEASE.made, raters(), CONFIG.release.review
    )


@cache
def left_out():
    """Why a patient is not released, by name; of others it is found out when images are read."""
    try:
        archive.refuse_other_template(ARCHIVE, TEMPLATE)
        archive.refuse_unknown(ARCHIVE, CONFIG.release, STUDY.by_name)
    except StrokeprepError as error:
        raise WorkflowError(str(error)) from None
    wanted, found = wanted_files(), {}
    for subject in STUDY.subjects:
        ended = endings.endings({subject.name: wanted[subject.name]}, Path(WORK))
        searched = all(Path(path).exists() for path in privacy_reports_of(subject))
        lacking = archive.lacking(ARCHIVE, subject, CONFIG.release.may_lack, TEMPLATE)
        reason = endings.left_out(objection_to(subject), lacking, ended, searched)
        if reason:
            found[subject.name] = reason
    return found


def case_pictures(subject):
    """The pictures of a patient in the preview."""
    return f"{WORK}/release/pictures/sub-{subject}.json"


def to_be_released():
    return [subject.name for subject in STUDY.subjects if subject.name not in left_out()]


def release_cases(wildcards):
    return [case_facts(name) for name in to_be_released()]


def release_pictures(wildcards):
    return [case_pictures(name) for name in to_be_released() if CONFIG.release.preview]


def release_left_out(wildcards):
    return [
        {"participant_id": f"sub-{name}", "cause": cause, "reason": reason}
        for name, (cause, reason) in left_out().items()
    ]
