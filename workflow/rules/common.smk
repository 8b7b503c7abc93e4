"""The study table and the input functions that read it. No image is opened here."""

import os
import sys
from dataclasses import is_dataclass, replace
from functools import cache, partial

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(HERE / "scripts"))

from strokeprep.bids import dataset, origin
from strokeprep.corrections import folder as corrections_folder
from strokeprep.corrections import targets as correctable
from strokeprep.errors import StrokeprepError
from strokeprep.gate import given
from strokeprep.release import archive
from strokeprep.report import plan as report_plan
from strokeprep.run import endings, job, patients, provenance, released
from strokeprep.segmentation.weights import needed, store
from strokeprep.settings import config as settings
from strokeprep.settings import faults
from strokeprep.settings.study import AtlasSettings
from strokeprep import kinds
from strokeprep.study import derived, moves, naming, outputs, raw_files, table
from strokeprep.study.layouts import designs
from strokeprep.study.moves import pilot, to_reference
from strokeprep.study.naming import ANY, ANY_LABEL, ANYWHERE, ORIG, WILD, Space


def awaits_intake(read):
    """Whether the raw images are still to be made, of DICOM exports."""
    return bool(read.intake.exports) and not any(Path(str(read.study.root)).glob("sub-*"))


def read_corrections(read, built, rows):
    """What people corrected, by the name of the output that it replaces."""
    return corrections_folder.given(
        read.study.corrections,
        built,
        Space(read.template.name, read.template.res),
        others={row.subject for row in rows} - built.by_name.keys(),
        perfusion=read.perfusion,
    )


def read_study():
    """The config, the study, its files and its corrections, or one message for the user."""
    try:
        for path in workflow.configfiles:
            faults.refuse_repeated(path)
        config.update(settings.completed(config))
        read = settings.checked(config)
        rows = [] if awaits_intake(read) else designs.read(read)
        built = table.build(
            rows, read.reference, read.study.subjects, read.study.sessions, read.intensity
        )
        return read, built, rows, read_corrections(read, built, rows)
    except StrokeprepError as error:
        raise WorkflowError(str(error)) from None


CONFIG, STUDY, ROWS, CORRECTIONS = read_study()

OUT, WORK = CONFIG.output, CONFIG.work
# What descriptions say of the study: where its corrections lie is not among that.
ABOUT_STUDY = replace(CONFIG.study, corrections=None)
RELEASE = released.Release(Path(OUT), Path(WORK))
TEMPLATE = Space(CONFIG.template.name, CONFIG.template.res)
ORIGIN = (
    origin.simulated(Path(CONFIG.phantom.folder), CONFIG.phantom.study)
    if CONFIG.phantom
    else origin.given(Path(CONFIG.study.root), CONFIG.study.arteries)
)
MOVES = moves.Moves(STUDY, TEMPLATE)
MADE_FIRST = {
    made: series for each in STUDY.subjects for made, series in raw_files.made_first(each).items()
}
OWNERS = {path: row.subject for row in ROWS for path in (row.path, row.sidecar)}
HELD = []  # locks, until this process ends
# A patient's job runs a Snakemake of its own, which is about that patient alone.
IS_WHOLE_RUN = patients.WITHIN not in os.environ


wildcard_constraints:
    **naming.CONSTRAINTS,


# ---------------------------------------------------------------------------- places


def out(name):
    """Where a named output is made; the job that audits it puts it into the output folder."""
    return f"{WORK}/{naming.MADE}/{name}"


def log_of(rule, name):
    """A rule's log, named after what the job makes."""
    return f"{WORK}/logs/{rule}/{name}.log"


def benchmark_of(rule, name):
    """A rule's time and memory, named after what the job makes."""
    return f"{WORK}/benchmarks/{rule}/{name}.tsv"


def admitted(subject):
    """The report that says every raw file of a subject is fit for use."""
    return f"{WORK}/admit/sub-{subject}.json"


def accepted(name):
    """The correction of an output, once it has passed its checks."""
    return f"{WORK}/corrections/{name}"


def facts_of(accepted_file):
    """What is known of a correction that was accepted."""
    return f"{accepted_file}.json"


def replaced(name):
    """What the chain would have made in place of a correction, for the page."""
    return f"{WORK}/replaced/{name}"


def given_to(subject):
    """The raw files of a subject as they were when it was admitted."""
    return f"{WORK}/given/sub-{subject}.json"


def code(script, *modules):
    """A parameter that changes when the code behind a rule does; ``modules`` it loads by name."""
    return provenance.code_digest(HERE / "scripts" / script, *modules)


def record_settings():
    """Have a changed setting seen in every rule: Snakemake compares parameters of built-in types only."""
    for each in workflow.rules:
        ours = tuple(value for value in each.params if is_dataclass(value))
        if ours and "settled" not in each.params.keys():
            each.set_params(settled=ours)


def growing(base):
    """Memory or time that grows when a job is retried."""

    def of_attempt(wildcards, attempt):
        return base * attempt

    return of_attempt


# ---------------------------------------------------------------------------- table look-ups
#
# An input function in two parts: the wildcards of a name say what it belongs to (a subject, a scan,
# a move), and a function of that gives the files: moving=of_transform(pilot_of).


def reading(owner):
    """What makes a function of wildcards from one of their owner."""

    def of_owner(function):
        def of_wildcards(wildcards):
            return function(owner(wildcards))

        return of_wildcards

    return of_owner


def subject_of(wildcards):
    return STUDY.by_name[wildcards.subject]


def image_of(wildcards):
    scan = STUDY.scan_of_image(wildcards.datatype, wildcards.stem, wildcards.suffix)
    return scan.image(wildcards.suffix)


def image_scan(wildcards):
    return STUDY.scan_of_image(wildcards.datatype, wildcards.stem, wildcards.suffix)


def mask_scan(wildcards):
    return STUDY.scan_of_mask(wildcards.datatype, wildcards.stem)


def transform_scan(wildcards):
    return STUDY.scan_in(wildcards.folder, wildcards.scan)


of_subject = reading(subject_of)
of_image = reading(image_of)
of_image_scan = reading(image_scan)
of_mask = reading(mask_scan)
of_transform = reading(transform_scan)


def of_move(name):
    """What makes a function of wildcards from one of the move that writes a name with them."""
    return reading(lambda wildcards: MOVES[name.format_map(dict(wildcards.items()))])


# ---------------------------------------------------------------------------- files of a scan


def optional(name):
    """An output that is not always there, as an input."""
    return out(name) if name else []


def passed_gate(scan):
    """That every file of the scan's subject is fit for use."""
    return admitted(scan.subject)


def is_usable(path):
    """Whether a raw file can be an input, as told once, when the run is planned."""
    told_before = not workflow.is_main_process
    on_disk = str(MADE_FIRST.get(str(path), path))
    return told_before or ORIGIN.is_simulated or raw_files.is_usable(on_disk)


def raw_file(path):
    """A raw file as an input, or the gate's report, whose job says what is wrong with the file."""
    return str(path) if is_usable(path) else admitted(OWNERS[path])


def raw_of_subject(subject):
    """The raw files of a subject that can be inputs; the gate looks at the others, too."""
    return [path for path in raw_files.paths(subject) if is_usable(path)]


def raw_pilot(scan):
    """The raw image that stands for a scan."""
    return raw_file(scan.pilot.path)


def pilot_of(scan):
    """The defaced 3D image that stands for a scan."""
    return out(pilot(scan))


def reference_pilot(scan):
    return pilot_of(STUDY.reference(scan))


def brain_of(scan):
    return out(naming.brain_mask(scan, ORIG))


def reference_brain(scan):
    return brain_of(STUDY.reference(scan))


def modality_of(scan):
    return scan.modality


def kind_of(image):
    """The kind of an image, label or move."""
    return image.kind


# ---------------------------------------------------------------------------- targets


def subject_targets(subject):
    """All files of a subject, its audit last."""
    names = outputs.outputs(subject, TEMPLATE)
    if CONFIG.lesions.tables:
        names += outputs.lesion_outputs(subject, TEMPLATE)
    return [out(name) for name in names]


def perfusion_targets(subject):
    """What its CT perfusion gives, which may fail without harm to the rest."""
    if subject.name in CONFIG.perfusion.skip:
        return []
    return [out(name) for name in outputs.perfusion_outputs(subject, TEMPLATE)]


def all_images(subject):
    """What is made of a subject whether or not its perfusion can be measured, its page included."""
    names = [*report_plan.image_names(subject.name)]
    if subject.reference is not None:
        names.append(naming.audit(subject.name))
    return [*subject_targets(subject), *(out(name) for name in names)]


def all_perfusion(subject):
    """What its perfusion gives, and what judges that."""
    found = perfusion_targets(subject)
    names = [*report_plan.perfusion_names(subject.name), naming.perfusion_audit(subject.name)]
    return [*found, *(out(name) for name in names)] if found else []


def face_pages(subject):
    """The page that shows a subject's faces, if the config asks for it and there is a face."""
    faced = CONFIG.report.faces and any(not scan.defaced for scan in subject.scans)
    return [face_page(subject.name)] if faced else []


def final_targets():
    files = list(rules.dataset.output.files)
    for subject in STUDY.subjects:
        files += [*all_images(subject), *all_perfusion(subject), *face_pages(subject)]
    if ORIGIN.is_simulated:
        files.append(out(naming.ACCURACY))
    return files


def everything():
    """What a run makes, once there are raw images."""
    if awaits_intake(CONFIG):
        raise WorkflowError(
            f"There are no raw images yet: {CONFIG.study.root}. Run snakemake intake first."
        )
    return [*final_targets(), *privacy_reports()]


def wanted_files():
    """The files there should be in the end, by subject and part."""
    wanted = {}
    for subject in STUDY.subjects:
        wanted[subject.name] = {endings.IMAGES: all_images(subject)}
        if outputs.perfusion_outputs(subject, TEMPLATE):
            wanted[subject.name][endings.PERFUSION] = all_perfusion(subject)
    return wanted
