"""Which patients are in maps of the cohort."""

import json

from strokeprep.cohort import plan as cohort_plan

COHORT_FILES = f"{WORK}/cohort/files.json"  # what was written last, and of which parts


COHORT_SCORE = f"{WORK}/accuracy/cohort.tsv"  # of a simulated study


def cohort_settings():
    """The settings of the cohort; a simulated study has the atlas by which it places its lesions."""
    if CONFIG.cohort.atlases or not ORIGIN.atlas:
        return CONFIG.cohort
    return replace(CONFIG.cohort, atlases={"regions": AtlasSettings(path=ORIGIN.atlas)})


def cohort_score():
    """What says how the maps of a simulated study compare with the truth."""
    return [COHORT_SCORE] if ORIGIN.is_simulated else []


def truth_of(subject):
    """The facts about a simulated patient."""
    return f"{ORIGIN.truth}/sub-{subject}/truth.json"


def cohort_left_out(wildcards):
    """How many patients are in no map, by the reason."""
    causes = [cause_not_finished(subject) for subject in STUDY.subjects]
    return {cause: causes.count(cause) for cause in sorted(set(filter(None, causes)))}


@cache
def cause_not_finished(subject):
    """Why a patient is in no map, in words that may be released; None of those who may be."""
    ended = endings.endings({subject.name: {endings.IMAGES: all_images(subject)}}, Path(WORK))
    searched = Path(private(released.part(subject.name, endings.IMAGES))).exists()
    reason = endings.left_out(objection_to(subject), [], ended, searched)
    return reason and archive.CAUSES[reason[0]]


def cohort_subjects():
    return [subject for subject in STUDY.subjects if not cause_not_finished(subject)]


def cohort_candidates(wildcards):
    """The patients that may be in maps, with their files."""
    return cohort_plan.candidates(cohort_subjects(), CONFIG.cohort, TEMPLATE)


def cohort_searched(wildcards):
    """What says that the images of these patients may be released."""
    return [private(released.part(each.name, endings.IMAGES)) for each in cohort_subjects()]


def atlas_files():
    """The files of all atlases of the config."""
    named = [path for each in cohort_settings().atlases.values() for path in vars(each).values()]
    return [path for path in named if path]


def cohort_stems(wildcards, input):
    """The cohort's files as the audit knows them."""
    return [name.partition(".")[0] for name in json.loads(Path(input[0]).read_text())["files"]]


def cohort_is_current(done):
    """Whether what the maps of the cohort were made of is still what is released."""
    if not Path(COHORT_FILES).exists():
        return False
    made_of = json.loads(Path(COHORT_FILES).read_text())["made_of"]
    return all(
        part in done and RELEASE.digest_of(part) == digest for part, digest in made_of.items()
    )
