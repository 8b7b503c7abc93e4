"""The study table and the input functions that read it. No image is opened here."""

import os
import sys
from dataclasses import replace
from functools import partial

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

sys.path.insert(0, str(HERE / "scripts"))

from strokeprep.bids import clinical, dataset
from strokeprep.errors import StrokeprepError
from strokeprep.quality import plan as quality_plan
from strokeprep.report import plan as report_plan
from strokeprep.report.pages import cohort
from strokeprep.run import endings, patients, progress, provenance
from strokeprep.segmentation.weights import store
from strokeprep.settings import config as settings
from strokeprep.settings.backends import BACKENDS
from strokeprep.study import kinds, naming, outputs, raw_files, table
from strokeprep.study.layouts import designs
from strokeprep.study.naming import ANY, ANYWHERE, ORIG, WILD, Space


def read_study():
    """The validated config and the study it describes, or one message for the user."""
    try:
        config.update(settings.completed(config))
        read = settings.checked(config)
        built = table.build(
            designs.read(read), read.reference, read.study.subjects, read.study.sessions
        )
        return read, built
    except StrokeprepError as error:
        raise WorkflowError(str(error)) from None


CONFIG, STUDY = read_study()

OUT, WORK = CONFIG.output, CONFIG.work
TEMPLATE = Space(CONFIG.template.name, CONFIG.template.res)
RAW_ROOT = CONFIG.study.root
CLINICAL_TABLES = clinical.clinical_tables(RAW_ROOT and Path(RAW_ROOT))
# What the classes of a Circle-of-Willis segmentation mean is known of the synthetic study alone.
COW_LABELS = None
DATASET_SOURCES = clinical.sources(RAW_ROOT and Path(RAW_ROOT))
IMAGE_SUFFIXES = "|".join(sorted({kind.suffix for kind in kinds.KINDS.values()}))


# Within a patient's job they would be about all other patients as well.
if workflow.is_main_process and patients.WITHIN not in os.environ:
    for remark in [
        *STUDY.remarks,
        *dataset.remarks(Path(OUT), STUDY.by_name, RAW_ROOT and Path(RAW_ROOT)),
    ]:
        print(f"strokeprep: {remark}", file=sys.stderr)


wildcard_constraints:
    **naming.CONSTRAINTS,


# ---------------------------------------------------------------------------- places


def out(name):
    """Where a named output lies."""
    return f"{OUT}/{name}"


def log_of(rule, name):
    """A rule's log, named after what the job makes."""
    return f"{WORK}/logs/{rule}/{name}.log"


def benchmark_of(rule, name):
    """A rule's time and memory, named after what the job makes."""
    return f"{WORK}/benchmarks/{rule}/{name}.tsv"


def admitted(subject):
    """The report that says every raw file of a subject is fit for use."""
    return f"{WORK}/admit/sub-{subject}.json"


def code(script, *modules):
    """A parameter that changes when the code behind a rule does; ``modules`` it loads by name."""
    return provenance.code_digest(HERE / "scripts" / script, *modules)


def megabytes(base):
    """Memory that grows when a job is retried."""
    return lambda wildcards, attempt: base * attempt


# ---------------------------------------------------------------------------- table look-ups


def image_scan(wildcards):
    return STUDY.scan_of_image(wildcards.datatype, wildcards.stem)


def mask_scan(wildcards):
    return STUDY.scan_of_mask(wildcards.datatype, wildcards.stem)


def raw_image(wildcards):
    return image_scan(wildcards).image(wildcards.suffix)


def pilot(scan):
    """The defaced 3D image that stands for a scan."""
    suffix = scan.pilot.kind.suffix
    return out(naming.mean(scan, suffix) if scan.is_4d else naming.defaced(scan, suffix))


def reference_pilot(scan):
    return pilot(STUDY.reference(scan))


def chain_to(scan, space, in_reference=False):
    """The transforms that carry a scan onto a space's grid, in the order points pass them."""
    reference = STUDY.reference(scan)
    chain = []
    if space == TEMPLATE.label:
        chain.append(out(naming.to_template(reference, reference.name, TEMPLATE.label)))
    if scan is not reference and not (in_reference or scan.in_reference_space):
        chain.append(out(naming.to_reference(scan, scan.name, reference.name)))
    return chain


def entity(wildcard):
    """The value in a wildcard such as ``_desc-brain``, or None."""
    return wildcard.partition("-")[2] or None


def label_of(wildcards):
    """The manual label a name stands for, or None for a brain mask."""
    scan = mask_scan(wildcards)
    wanted = {key: entity(getattr(wildcards, key)) for key in ("seg", "label", "desc")}
    for label in STUDY.by_name[scan.subject].labels:
        if label.scan is scan and dict(label.kind.entities) == {
            key: value for key, value in wanted.items() if value
        }:
            return label
    return None


# ---------------------------------------------------------------------------- targets


def subject_targets(subject):
    """All files of a subject, its audit last."""
    names = outputs.outputs(subject, TEMPLATE)
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
    if CONFIG.phantom:
        files.append(out(naming.ACCURACY))
    return files


def wanted_files():
    """The files there should be in the end, by subject and part."""
    wanted = {}
    for subject in STUDY.subjects:
        wanted[subject.name] = {endings.IMAGES: all_images(subject)}
        if outputs.perfusion_outputs(subject, TEMPLATE):
            wanted[subject.name][endings.PERFUSION] = all_perfusion(subject)
    return wanted


def watch():
    """Show how far each subject is, unless the user asked for all there is to read."""
    if not (workflow.output_settings.verbose or workflow.output_settings.printshellcmds):
        tasks = {
            job.jobid: progress.Task(job.rule.name, progress.owner(job.wildcards_dict))
            for job in workflow.dag.needrun_jobs()
        }
        progress.watch(logger, tasks)


def conclude():
    """Say how every subject ended, and write it down; tables cover those that got there."""
    progress.end(logger)
    ended = endings.endings(wanted_files(), Path(WORK))
    endings.write_status(ended, Path(out(naming.STATUS)))
    endings.gather(
        {
            scan.stem: Path(out(naming.tissue_volumes(scan)))
            for scan in STUDY.scans
            if scan.has_perfusion
        },
        Path(out(naming.ALL_TISSUE_VOLUMES)),
    )
    cohort.write(ended, Path(OUT), Path(WORK))
    others = endings.of_the_study(STUDY.by_name, Path(WORK))
    print(endings.text(ended, Path(OUT), others), file=sys.stderr)
