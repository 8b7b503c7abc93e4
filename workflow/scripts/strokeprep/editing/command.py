"""Correct an output by hand: lay out what an editor opens, and take the result in.

strokeprep correct sub-12 brain --config study.yaml           lays out image, mask and label files
strokeprep correct sub-12 brain --config study.yaml --done    checks what was saved and takes it in
strokeprep correct sub-12 lesion --config study.yaml --into tracings/A    as rater A, for a comparison

What can be corrected: brain, face, the labels of the study (lesion, lvo, cow), registration (of a scan
to the reference), template (of the reference to the template), artery, vein. Run the study again after
it: what depends on the correction is made anew. A lesion that nobody has drawn is begun from the proposal
of a network (snakemake propose), if there is one.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from strokeprep.corrections import targets
from strokeprep.corrections.targets import Target
from strokeprep.editing import desk, taking
from strokeprep.editing.desk import Desk
from strokeprep.errors import StrokeprepError
from strokeprep.guide import status
from strokeprep.kinds import SCANS
from strokeprep.settings.config import Config
from strokeprep.study.naming import Space
from strokeprep.study.scans import Subject


def main(arguments: list[str] | None = None) -> int:
    """Lay out a correction or take it in; 1 if that cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        print("\n".join(_done(options)))
    except StrokeprepError as error:
        print(f"strokeprep: {error}", file=sys.stderr)
        return 1
    return 0


def _done(options: argparse.Namespace) -> list[str]:
    """Do what was asked; returns what to say."""
    config = status.read(options.config)
    subject = _subject(config, options)
    target = chosen(subject, config, options.what, options.scan, options.session)
    folder = options.folder or Path("correct") / target.stem.rpartition("/")[2]
    call = _call(target, folder, options)
    at = Desk(folder, target, subject, config, _into(config, target, options), call)
    if not (options.done or options.take):
        return desk.lay_out(at)
    place = taking.take(at, options.take)
    if options.into:
        return [f"Taken in: {place}."]
    return [f"Taken in: {place}. Run the study again: what depends on it is made anew."]


def _call(target: Target, folder: Path, options: argparse.Namespace) -> str:
    """The command that takes the result in."""
    scan = target.scan
    words = ["strokeprep", "correct", f"sub-{scan.subject}", target.word, "--scan", scan.name]
    words += ["--session", scan.session] if scan.session else []
    words += ["--config", str(options.config), "--folder", str(folder)]
    words += ["--into", str(options.into)] if options.into else []
    return shlex.join([*words, "--done"])


def _into(config: Config, target: Target, options: argparse.Namespace) -> Path:
    """The folder that takes the result: that of a rater, or the study's corrections."""
    if options.into:
        return Path(options.into)
    if target.is_drawn_first:
        raise StrokeprepError(
            f"The study has no {target.word} of sub-{target.scan.subject} that could be corrected",
            options.config,
            "Draw it into a folder of your own with --into, then put it among the study's manual masks.",
        )
    if config.study.corrections is None:
        remedy = "Set study.corrections to a folder outside of output and of study.root."
        raise StrokeprepError("The study has no folder of corrections", options.config, remedy)
    return Path(config.study.corrections)


def _subject(config: Config, options: argparse.Namespace) -> Subject:
    study, _ = status.study_of(config)
    name = options.subject.removeprefix("sub-")
    if name not in study.by_name:
        have = ", ".join(f"sub-{each}" for each in list(study.by_name)[:5])
        what = f"The study has no sub-{name}"
        raise StrokeprepError(what, options.config, f"Name one that it has: {have}.")
    return study.by_name[name]


def chosen(
    subject: Subject, config: Config, what: str, scan: str | None, session: str | None
) -> Target:
    """The output that is meant: of several that of the reference, unless the scan is named."""
    template = Space(config.template.name, config.template.res)
    known = [*targets.of_subject(subject, template).values(), *targets.to_trace(subject)]
    alike = [
        each
        for each in known
        if each.word == what
        and scan in (None, each.scan.name)
        and session in (None, each.scan.session)
        and not targets.is_backward(each)
    ]
    if len(alike) > 1 and scan is None:
        alike = [each for each in alike if _is_usual(each)] or alike
    if len(alike) == 1:
        return alike[0]
    where = f"sub-{subject.name}"
    if alike:
        scans = ", ".join(f"--scan {each.scan.name}" for each in alike)
        raise StrokeprepError(f"Several scans have a {what}", where, f"Name one: {scans}.")
    words = ", ".join(sorted({each.word for each in known}))
    raise StrokeprepError(f"There is no such {what} to correct", where, f"It has: {words}.")


def _is_usual(target: Target) -> bool:
    """Whether it is what a person means who names no scan: the reference, or where lesions are drawn."""
    if target.is_drawn_first and target.kind is not None:
        return target.scan.kind is SCANS.get(target.kind.drawn_on)
    return target.scan.is_reference


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("subject", help="the patient, as sub-12")
    parser.add_argument("what", help="what to correct, as brain")
    parser.add_argument("--config", type=Path, required=True, help="the config of the study")
    parser.add_argument("--scan", help="of which scan, as cta; needed where several have one")
    parser.add_argument("--session", help="of which session, without ses-")
    parser.add_argument(
        "--folder", type=Path, help="where to lay it out (correct/ and the name of the output)"
    )
    parser.add_argument(
        "--into",
        type=Path,
        help="what takes the result in place of study.corrections, as tracings/A",
    )
    parser.add_argument("--done", action="store_true", help="take in what was saved in the folder")
    parser.add_argument("--take", type=Path, metavar="FILE", help="take in this file")
    return parser
