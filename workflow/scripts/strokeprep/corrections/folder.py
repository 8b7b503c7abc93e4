"""The folder of corrections: which file corrects which output.

Names alone are looked at, when the workflow is parsed. A file that corrects nothing is refused, since
its author believes that it does. What a file holds is checked by a job (``rules/corrections.smk``).
"""

from __future__ import annotations

import difflib
import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from strokeprep.corrections import targets
from strokeprep.corrections.targets import MASKS, TRANSFORMS, VESSELS, Target
from strokeprep.errors import StrokeprepError, combined
from strokeprep.io import whole
from strokeprep.settings.perfusion import PerfusionSettings
from strokeprep.study import naming, outputs
from strokeprep.study.naming import Space
from strokeprep.study.scans import Study, Subject

VESSEL_OF = {"aif": "artery", "vof": "vein"}  # by the key of section perfusion


@dataclass(frozen=True)
class Correction:
    """A file of the folder, and the output that it replaces."""

    path: Path
    target: Target

    @property
    def digest(self) -> str:
        """What tells this version of the file from another."""
        return whole.digest(self.path)


def given(
    folder: str | None,
    study: Study,
    template: Space,
    *,
    others: Collection[str] = (),
    perfusion: PerfusionSettings | None = None,
) -> dict[str, Correction]:
    """The corrections of a study by the name of the output, or one error about all that is wrong.

    A vessel that the config gives as a mask is one as well. ``others`` are subjects that this run
    leaves out; what corrects them is left for another run.
    """
    settings = perfusion or PerfusionSettings()
    found = _read(Path(folder), study, template, others, settings) if folder else {}
    return found | _of_config(study, settings)


def _of_config(study: Study, settings: PerfusionSettings) -> dict[str, Correction]:
    """The masks of vessels in the config. Points need no check of a file, and stay there."""
    found = {}
    for scan in study.scans:
        given = settings.given(scan.subject)._asdict()
        for key, where in given.items() if scan.has_perfusion else ():
            if isinstance(where, str):
                target = targets.vessel(scan, VESSELS[VESSEL_OF[key]])
                _refuse_unreadable(Path(where))
                found[target.name] = Correction(Path(where), target)
    return found


def _read(
    folder: Path,
    study: Study,
    template: Space,
    others: Collection[str],
    settings: PerfusionSettings,
) -> dict[str, Correction]:
    """The corrections of a folder."""
    if not folder.is_dir():
        raise StrokeprepError(
            "There is no such folder of corrections", folder, "Correct study.corrections."
        )
    found: dict[str, Correction] = {}
    faults: list[StrokeprepError] = []
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if name.partition("/")[0].removeprefix("sub-") in others:
            continue
        try:
            correction = Correction(path, _target(path, name, study, template))
            _refuse_second(found.get(correction.target.name), correction)
            found[correction.target.name] = correction
        except StrokeprepError as error:
            faults.append(error)
    faults += [*_twins(found.values()), *_unused(found, settings)]
    if faults:
        raise combined(faults)
    return found


def _files(folder: Path) -> list[Path]:
    """All files but hidden ones and a README."""
    below = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(
        path
        for path in below
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.stem != "README"
    )


def _target(path: Path, name: str, study: Study, template: Space) -> Target:
    """The output that a file corrects."""
    subject = _subject(path, name, study)
    _refuse_unreadable(path)
    known = targets.of_subject(subject, template)
    stem, ending = _split(path, name)
    if stem not in known:
        raise _unknown(path, stem, subject, known, template)
    allowed = MASKS if known[stem].kind else TRANSFORMS
    if ending not in allowed:
        what = f"A {'mask' if known[stem].kind else 'transform'} cannot be read from {ending}"
        raise StrokeprepError(what, path, f"Save it as {', '.join(allowed)}.")
    return known[stem]


def _refuse_unreadable(path: Path) -> None:
    if not (path.is_file() and os.access(path, os.R_OK)):
        what = "A correction cannot be read: it is missing, a dangling link, or another user's"
        raise StrokeprepError(what, path, "Put the file itself there.")


def _subject(path: Path, name: str, study: Study) -> Subject:
    first, _, rest = name.partition("/")
    subject = study.by_name.get(first.removeprefix("sub-"))
    if not rest or not first.startswith("sub-"):
        what = "A correction lies outside of the folder of a subject"
        remedy = "Put it where the output has the file: sub-X/…, with the folders between."
        raise StrokeprepError(what, path, remedy)
    if subject is None:
        have = ", ".join(f"sub-{each}" for each in list(study.by_name)[:5])
        what = f"The study has no {first}, whom a correction is for"
        raise StrokeprepError(what, path, f"Rename its folder; the study has {have}.")
    return subject


def _split(path: Path, name: str) -> tuple[str, str]:
    """A name without its ending, and the ending."""
    for ending in (*MASKS, *TRANSFORMS):
        if name.endswith(ending):
            return name[: -len(ending)], ending
    raise StrokeprepError(
        f"No mask or transform has the ending {path.suffix or 'of this file'}",
        path,
        f"Save masks as {', '.join(MASKS)} and transforms as {', '.join(TRANSFORMS)}.",
    )


def _unknown(
    path: Path, stem: str, subject: Subject, known: Mapping[str, Target], template: Space
) -> StrokeprepError:
    """What to say of a name that cannot be corrected."""
    made = {*outputs.outputs(subject, template), *outputs.perfusion_outputs(subject, template)}
    if stem in {name[: -len(naming.extension(name))] for name in made if _has_extension(name)}:
        return StrokeprepError(
            "This output is made from others, and is not corrected itself",
            path,
            "Correct what it is made from: a mask on the grid it was drawn on (space-orig), or a "
            "transform.",
        )
    near = difflib.get_close_matches(stem, known, 1, 0.6)
    meant = f"is it {near[0]}?" if near else f"it may be {', '.join(sorted(known)[:3])}, …"
    return StrokeprepError(
        f"sub-{subject.name} has no output of this name that can be corrected",
        path,
        f"Name it as the output does; {meant}",
    )


def _has_extension(name: str) -> bool:
    return name.endswith((naming.IMAGE, ".txt", ".h5", ".tsv"))


def _refuse_second(other: Correction | None, correction: Correction) -> None:
    if other is not None:
        raise StrokeprepError(
            "Two files correct the same output",
            f"{other.path} and {correction.path}",
            "Keep the one that holds.",
        )


def _twins(found: Collection[Correction]) -> Iterator[StrokeprepError]:
    """The same file for two outputs: a copy that was renamed."""
    by_size: dict[int, list[Correction]] = defaultdict(list)
    for each in found:
        by_size[each.path.stat().st_size].append(each)
    for alike in by_size.values():
        seen: dict[str, Correction] = {}
        for each in alike if len(alike) > 1 else ():
            other = seen.setdefault(each.digest, each)
            if other is not each:
                yield StrokeprepError(
                    "One file corrects two outputs, which cannot be alike",
                    f"{other.path} and {each.path}",
                    "Find out whom it was made for, and remove the other.",
                )


def _unused(
    found: Mapping[str, Correction], settings: PerfusionSettings
) -> Iterator[StrokeprepError]:
    """Vessels that the config also says something about."""
    for correction in found.values():
        target, subject = correction.target, correction.target.scan.subject
        if target.is_vessel and subject in settings.skip:
            yield StrokeprepError(
                f"The {target.word} would not be used: perfusion.skip lists sub-{subject}",
                correction.path,
                "Take the subject off perfusion.skip, or the file out of the folder.",
            )
        key = next((key for key, word in VESSEL_OF.items() if word == target.word), None)
        if key and subject in getattr(settings, key):
            yield StrokeprepError(
                f"The {target.word} of sub-{subject} is given by perfusion.{key} as well",
                correction.path,
                "Keep one of the two.",
            )
