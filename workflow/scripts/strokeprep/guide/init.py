"""Look at a folder of scans: its layout, patients and cost; write a config and say how to go on.

strokeprep init /data/raw
strokeprep init /data/raw --config stroke.yaml --without-networks --cores 16

Nothing in the folder is changed, and a config that is there already is left as it is. Names of files are
read, and the headers of some images; what a message shows of them are names.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shlex
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from strokeprep.errors import StrokeprepError
from strokeprep.guide import folder, recognition, status, unplaced, writing
from strokeprep.guide.cost import estimate as costs
from strokeprep.guide.cost import sizes
from strokeprep.guide.folder import Contents
from strokeprep.guide.recognition import DESIGNS, Match
from strokeprep.guide.words import counted, lasting, room, shown
from strokeprep.kinds import KINDS, LABELS
from strokeprep.segmentation.weights import needed, store
from strokeprep.settings import config as settings
from strokeprep.settings.config import Config

MOST_NAMED = 2  # examples of each reason


def main(arguments: list[str] | None = None) -> int:
    """Say what a folder holds and write a config; 1 where a run could not begin with it."""
    options = _parser().parse_args(arguments)
    root = Path(os.path.abspath(options.folder))
    try:
        found = folder.contents(root)
        matches = [m for m in recognition.matches(found) if options.layout in (None, m.design)]
        print("\n".join(_contents(found)))
        return _of_study(found, matches, options) if matches else _of_no_study(found)
    except StrokeprepError as error:
        print(f"strokeprep: {shown(error)}", file=sys.stderr)
        return 1


# --- What the folder holds ------------------------------------------------------------------


def _contents(found: Contents) -> Iterator[str]:
    """The folder as a whole, and what of it cannot be used whatever its layout is."""
    yield f"{shown(found.root)}: {counted(found.files, 'file')}, {len(found.images):,} of them NIfTI"
    for title, paths, remedy in (
        ("folders cannot be listed", found.unreadable, "Allow reading them."),
        ("links lead nowhere", found.broken, "Fetch or remove what they stand for."),
        ("folders outside are linked to", found.outside, "The config lists them in study.links."),
    ):
        if paths:
            yield f"  {len(paths):,} {title}: {_some(paths, found.root)}. {remedy}"
    for ending, count in sorted(found.other_formats.items()):
        yield f"  {count:,} files {ending} are left out: convert images to NIfTI first."


def _of_no_study(found: Contents) -> int:
    """Say how to go on with a folder that follows no layout."""
    if found.dicom:
        print("Layout: DICOM exports, which are made raw BIDS first.")
        print("\n".join(_intake(found)))
        return 0
    names = ", ".join(DESIGNS.values())
    what = "No image has a name that a layout knows" if found.images else "There are no images"
    raise StrokeprepError(
        what,
        found.root,
        f"Layouts are {names}, and DICOM exports. Name files as docs/scans.md has it, or give the "
        "config patterns of your own (study.patterns, config/README.md).",
    )


def _intake(found: Contents) -> Iterator[str]:
    exports = " ".join(_argument(path) for path in _tops(found.dicom, found.root))
    yield f"DICOM files lie in {counted(len(found.dicom), 'folder or archive')}. To plan what becomes "
    yield "of each series, which writes nothing but the plan:"
    yield f"  strokeprep intake {exports} --output raw --work intake --plan"
    yield "docs/intake.md says how to go on from the plan."


def _tops(paths: Sequence[str], root: Path) -> list[str]:
    """The root if DICOM lies in several places below it, or else the only place."""
    return [str(root)] if len(paths) > 1 else list(paths)


# --- The study ------------------------------------------------------------------------------


def _of_study(found: Contents, matches: Sequence[Match], options: argparse.Namespace) -> int:
    """Describe the best match, write its config and print the call."""
    best, *others = matches
    print(f"Layout: {best.title} (study.layout: {best.config.study.layout})")
    if best.root != found.root:
        print(f"The study begins in {shown(best.root)}")
    name = options.config.stem
    networks = not options.without_networks
    text = writing.text(best.design, best.root, name, found.outside, networks=networks)
    config = settings.load(yaml.safe_load(text))
    if best.rows:
        print("\n".join([*_scans(best), *_not_placed(found, best)]))
    for line in _others(found, others):
        print(line)
    if best.study.subjects:
        print("\n".join([*_weights(best, config), *_costs(best, config, options.cores)]))
    writing.write(text, options.config)
    print(f"Config: {options.config}, written. Read it before the first run.")
    if best.fault:
        print(f"A run would stop at once. {shown(best.fault)}")
        return 1
    print("\n".join(_call(best, options)))
    return 0


def _scans(match: Match) -> Iterator[str]:
    """How many patients and images there are of each kind."""
    patients: dict[str, set[str]] = defaultdict(set)
    images: Counter[str] = Counter()
    sessions = set()
    for row in match.rows:
        patients[row.role].add(row.subject)
        images[row.role] += 1
        sessions.add((row.subject, row.session))
    people = {row.subject for row in match.rows}
    yield f"{counted(len(people), 'patient')}, {counted(len(sessions), 'session')}:"
    called = {name: kind.called for name, kind in KINDS.items()}
    called |= {name: label.called for name, label in LABELS.items()}
    for role in filter(images.__contains__, called):
        of = counted(len(patients[role]), "patient")
        yield f"  {images[role]:>6,}  {called[role]}, of {of}"
    if match.config.study.defaced:
        yield "The config says that no face is left (study.defaced), as of this release. Is it so?"


def _not_placed(found: Contents, match: Match) -> Iterator[str]:
    """Images that are not taken, and what the study table says of those that are."""
    for reason, paths in unplaced.reasons(found, match).items():
        yield f"Not placed, {len(paths):,}: {reason} ({_some(paths, found.root)})"
    remarks = match.study.remarks
    yield from (f"Note: {shown(remark)}" for remark in remarks[:MOST_NAMED])
    if len(remarks) > MOST_NAMED:
        yield f"Note: {len(remarks) - MOST_NAMED:,} more of the like, which a dry run lists."


def _others(found: Contents, others: Sequence[Match]) -> list[str]:
    """What else the folder holds, each of which needs a config of its own."""
    lines = []
    for other in others:
        where = _argument(str(other.root))
        lines.append(
            f"Also {other.title}, {len(other.rows):,} files. For a config of its own: strokeprep init "
            f"{where} --layout {other.design} --config {other.design}.yaml"
        )
    return lines + (list(_intake(found)) if found.dicom else [])


def _weights(match: Match, config: Config) -> Iterator[str]:
    """Which networks run, whether their weights are there, and what else they need."""
    masks = needed.masks(match.study)
    names = needed.models(masks, config)
    if not names:
        yield "Weights: none are needed."
        return
    lacking = store.missing(names, config.models.folder)
    yield f"Weights: {', '.join(names)} in {shown(config.models.folder)}: " + (
        f"{', '.join(lacking)} missing. Fetch: {store.command(lacking, config.models.folder)}"
        if lacking
        else "all there."
    )
    backends = [needed.backend(section, scan.modality, config) for section, scan in masks]
    if any(each.torch for each in backends) and not importlib.util.find_spec("torch"):
        yield (
            "Their packages are not installed here: pip install -r envs/segmentation.txt; or take "
            "--without-networks, which is quicker and less reliable (docs/segmentation.md)."
        )


# --- Cost -----------------------------------------------------------------------------------


def _costs(match: Match, config: Config, cores: int) -> Iterator[str]:
    """Time and disk."""
    known = sizes.of_kinds(match.rows)
    unknown = sorted({row.role for row in match.images} - known.keys())
    if not known:
        yield "Time and disk: not known, since no header of an image can be read."
        return
    found = costs.estimate(match.study, config, known, cores)
    yield (
        f"Time: about {lasting(found.wall_s)} on {counted(cores, 'core')} "
        f"({lasting(found.cpu_s)} of processor time). Disk: about {room(found.bytes)}."
    )
    if found.unmeasured:
        yield f"  On top comes the time of {' and '.join(found.unmeasured)}, which was not measured."
    if unknown:
        yield f"  Without {', '.join(unknown)}, of which no header can be read."
    free = shutil.disk_usage(_there(Path(config.output))).free
    if free < found.bytes:
        yield f"  Only {room(free)} are free where the output goes: {shown(config.output)}"


def _there(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    absolute = Path(os.path.abspath(path))
    return next(each for each in (absolute, *absolute.parents) if each.exists())


# --- The call -------------------------------------------------------------------------------


def _call(match: Match, options: argparse.Namespace) -> Iterator[str]:
    """The exact commands, for this folder."""
    by_patient = len(match.study.subjects) >= status.BY_PATIENT
    call = status.command(options.config, options.cores, by_patient=by_patient)
    yield "Next, in this folder:"
    yield f"  {call} {status.DRY_RUN}"
    yield f"  {call}"
    yield f"  {shlex.join(['strokeprep', 'status', str(options.config)])}"
    if shutil.which("sbatch"):
        yield "On the SLURM cluster here: docs/cluster.md"


def _some(paths: Sequence[str], root: Path) -> str:
    """The first few of some paths, below the root where they are."""
    more = f" and {len(paths) - MOST_NAMED:,} more" if len(paths) > MOST_NAMED else ""
    return ", ".join(shown(path.removeprefix(f"{root}/")) for path in paths[:MOST_NAMED]) + more


def _argument(text: str) -> str:
    """A word of a command as a shell takes it."""
    return shlex.quote(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="it holds the scans of all patients")
    parser.add_argument(
        "--config", type=Path, default=Path("study.yaml"), help="the file to write (%(default)s)"
    )
    parser.add_argument("--layout", choices=DESIGNS, help="take the folder for this design")
    parser.add_argument(
        "--without-networks", action="store_true", help="find brains and faces by the template"
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser.add_argument("--cores", type=int, default=cores, help="of the run (%(default)s)")
    return parser
