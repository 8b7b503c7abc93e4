"""What a run does before its first job, and when it ends: locks, progress, the summary of all patients."""

from snakemake.logging import logger
from strokeprep.accuracy import summary as accuracy
from strokeprep.io.tables import MISSING
from strokeprep.io.whole import write_json, write_text
from strokeprep.lesions import columns as lesion_columns
from strokeprep.privacy import leaks
from strokeprep.report.pages import cohort
from strokeprep.run import failures, lock, progress
from strokeprep.study import scans


def begin():
    """What comes before the first job; a patient's job is part of a run that has begun."""
    let_jobs_start_at_once()
    if IS_WHOLE_RUN:
        require_models()
        keep_others_out()
        watch()


def let_jobs_start_at_once():
    """Drop Snakemake's own limit on jobs a second; one that the user set is kept.

    While there is a limit, each round of the scheduler sets a timer for one more round. So there are
    ever more of them: at the end of a study of six patients they take half a processor.
    """
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


def keep_others_out():
    """Let no second run write where this one does; what it writes is for this user alone."""
    os.umask(os.umask(0o077) | 0o002)  # nothing is writable by everyone
    os.makedirs(WORK, mode=0o700, exist_ok=True)
    remedy = "Wait until it ends, or give this one an output and a work folder of its own."
    try:
        HELD.append(lock.locked(Path(WORK), "Another run writes to this work folder", remedy))
    except StrokeprepError as error:
        raise WorkflowError(str(error)) from None
    job.remove_old_files(Path(WORK))
    for name in given.reports(Path(admitted("")).parent).keys() - {row.subject for row in ROWS}:
        Path(admitted(name)).unlink()  # of a subject that was withdrawn


def watch():
    """Show how far each subject is, unless the user asked for all there is to read."""
    if not (workflow.output_settings.verbose or workflow.output_settings.printshellcmds):
        tasks = {
            job.jobid: progress.Task(job.rule.name, progress.owner(job.wildcards_dict))
            for job in workflow.dag.needrun_jobs()
        }
        progress.watch(logger, tasks)


def audited_parts(ended):
    """The parts of the dataset whose audit passed, those of subjects left out of this run too."""
    done = [released.part(each.subject, each.part) for each in ended if each.status == "done"]
    elsewhere = {row.subject for row in ROWS} - STUDY.by_name.keys()
    done += [released.part(name, part) for name in elsewhere for part in endings.PARTS]
    done = [part for part in [*done, released.DATASET] if Path(private(part)).exists()]
    if Path(private(released.COHORT)).exists() and cohort_is_current(done):
        done.append(released.COHORT)
    return done


def lesion_rows(root):
    """What is told of the lesions of each session, with whom it is about."""
    found = []
    for subject in STUDY.subjects:
        lesions = [label for label in subject.labels if label.kind.name == "lesion"]
        for session in dict.fromkeys(label.scan.session for label in lesions):
            label = scans.usual(label for label in lesions if label.scan.session == session)
            about = {
                "participant_id": f"sub-{subject.name}",
                "session_id": f"ses-{session}" if session else MISSING,
            }
            found.append((about, root / naming.lesion_row(label.scan)))
    return found


def summarise(ended, root, folder):
    """Write what is said of all subjects into a folder, from the reports that a dataset holds."""
    endings.write_status(ended, folder / naming.STATUS)
    volumes = [
        ({"scan": s.stem}, root / naming.tissue_volumes(s)) for s in STUDY.scans if s.has_perfusion
    ]
    endings.gather(volumes, folder / naming.ALL_TISSUE_VOLUMES)
    endings.gather(lesion_rows(root), folder / naming.ALL_LESIONS)
    if (folder / naming.ALL_LESIONS).exists():
        write_json(lesion_columns.meanings(), folder / naming.sidecar(naming.ALL_LESIONS))
    cohort.write(ended, root, Path(WORK), folder)


def stop_twins():
    """Stop subjects that share a scan: the audit of the first may have come before the other's gate."""
    for name, found in given.twins(given.reports(Path(admitted("")).parent)).items():
        part = released.part(name, endings.IMAGES)
        if Path(private(part)).exists():
            message = str(leaks.of_twins(found)[0].error())
            failures.write(Path(log_of("privacy", part)), "privacy", message)
            for each in endings.PARTS:
                Path(private(released.part(name, each))).unlink(missing_ok=True)


def conclude():
    """Say how every subject ended, and write it down; tables cover those that got there."""
    if not (IS_WHOLE_RUN and STUDY.subjects):  # raw images are only being made
        return
    progress.end(logger)
    stop_twins()
    ended = endings.endings(wanted_files(), Path(WORK))
    summarise(ended, RELEASE.made, RELEASE.made)
    RELEASE.settle(audited_parts(ended))
    with RELEASE.summary() as folder:
        summarise(ended, RELEASE.output, folder)
        if Path(out(naming.ACCURACY)).exists():
            scored = [COHORT_SCORE] if released.COHORT in RELEASE.parts() else []
            text = accuracy.joined(map(Path, [out(naming.ACCURACY), *scored]))
            write_text(text, folder / naming.ACCURACY)
    others = endings.of_the_study({row.subject for row in ROWS}, Path(WORK))
    print(endings.text(ended, Path(OUT), Path(out(report_plan.COHORT)), others), file=sys.stderr)


def make_replaced_anew():
    """Begin again with every subject of which a raw file was replaced: Snakemake compares times alone."""
    for subject in STUDY.subjects:
        record = Path(given_to(subject.name))
        found = given.replaced(record, raw_files.paths(subject))
        if found:
            more = " (and others)" if len(found) > 1 else ""
            what = f"{found[0]} was replaced since it was admitted{more}; all is made anew."
            print(f"strokeprep: sub-{subject.name}: {what}", file=sys.stderr)
        if found and not workflow.dryrun:
            Path(admitted(subject.name)).unlink(missing_ok=True)
            RELEASE.forget(subject.name)


# Within a patient's job they would be about all other patients as well.
if workflow.is_main_process and IS_WHOLE_RUN and STUDY.subjects:
    for remark in [
        *STUDY.remarks,
        *designs.remarks(CONFIG, ROWS),
        *dataset.remarks(Path(OUT), STUDY.by_name, [row.subject for row in ROWS], ORIGIN.root),
    ]:
        print(f"strokeprep: {remark}", file=sys.stderr)
    make_replaced_anew()
    try:
        RELEASE.require(run=not workflow.dryrun)
    except StrokeprepError as error:
        raise WorkflowError(str(error)) from None
