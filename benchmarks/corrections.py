"""Corrections from end to end: what each makes again, what it mends, and what stays when it is taken away.

    python benchmarks/corrections.py --folder FOLDER --out corrections.tsv

One patient of the built-in study is run in FOLDER, unless it was already. Then a brain mask, the registration
of the CTA and the artery are corrected in turn: first wrongly, as a person may, then by the truth; then the
correction is taken away. The table has for each of these runs

made_again   outputs that were written, beside what judges the patient (docs/qc)
downstream   outputs that lead back to the corrected one by the sources in their sidecars, itself included
apart        outputs in one of the two and not in the other; of a wrong one, which stops the patient, those in
             the first alone
missed       limits of docs/qc/accuracy.tsv that are missed, or the step that stopped the patient
figure       the figure of accuracy.tsv that it bears on most, if the patient got so far: Dice of the brain, mm
             between the true and the found place of a point of the CTA, correlation of MTT with that by the
             true arterial input
named        which of provenance, page and methods text name the correction
same_bytes   whether every file of the output has the bytes of before, but for the times of jobs

Fails unless a wrong correction is seen, a true one leaves no limit missed, nothing is made again without need,
and all bytes return.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import yaml
from strokeprep.accuracy.truth import Truth
from strokeprep.io import images, tables, transforms
from strokeprep.io.whole import write_text
from strokeprep.settings import config as settings
from strokeprep.study import naming, outputs, table
from strokeprep.study.layouts import designs
from strokeprep.study.naming import Space

REPOSITORY = Path(__file__).parents[1]
SUBJECT = "01"
VISIT = f"sub-{SUBJECT}/ses-01/{{}}/sub-{SUBJECT}_ses-01_acq-{{}}_"
NAMES = {
    "brain": VISIT.format("anat", "ncct") + "space-orig_desc-brain_mask.nii.gz",
    "registration": VISIT.format("ct", "cta") + "from-cta_to-ncct_mode-image_xfm.txt",
    "artery": VISIT.format("perf", "ctp") + "space-orig_label-artery_mask.nii.gz",
}
FIGURES = {
    "brain": ("brain_ncct", "dice"),
    "registration": ("cta_to_ncct", "tre_mean"),
    "artery": ("ctp_mtt_by_input", "correlation"),
}
# What the page has where it shows a correction before and after.
SHOWN = {"artery": "before the correction"}
NAMED = "provenance, page, methods"
WRONG, TRUE, NONE = "wrong", "true", "taken away"
BEFORE_OCCLUSION = 1  # of the true arteries; behind it contrast comes late and is thinned
COLUMNS = ("correction", "state", "made_again", "downstream", "apart", "missed", "figure", "named",
           "same_bytes")  # fmt: skip


@dataclass(frozen=True)
class Study:
    """The built-in study of one patient in a folder."""

    folder: Path

    @property
    def dataset(self) -> Path:
        """Where outputs are made."""
        return self.folder / "demo/work" / naming.MADE

    @property
    def corrections(self) -> Path:
        """The folder of corrections."""
        return self.folder / "corrections"

    @property
    def truth(self) -> Truth:
        """What is true of the patient."""
        return Truth(self.folder / f"demo/truth/sub-{SUBJECT}")

    def run(self) -> str:
        """Run the workflow; returns what it said."""
        self.corrections.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "snakemake", "--cores", "all", "--nocolor"]
        command += ["--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(self.folder)]
        command += ["--profile", "none", "--workflow-profile"]
        command += [str(REPOSITORY / "profiles/default")]
        command += ["--quiet", "rules", "--config"]
        command += [f"study={json.dumps({'corrections': str(self.corrections)})}"]
        command += ['phantom={"subjects": 1}']
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def written(self) -> dict[str, int]:
        """When each output of the patient was written, without what judges it."""
        found = (path for path in self.dataset.glob(f"sub-{SUBJECT}/**/*") if path.is_file())
        return {p.relative_to(self.dataset).as_posix(): p.stat().st_mtime_ns for p in found}

    def contents(self) -> dict[str, bytes]:
        """The digest of each file of the output, without the times that jobs took."""
        root = self.folder / "demo/derivatives"
        found = (path for path in root.rglob("*") if path.is_file())
        return {
            path.relative_to(root).as_posix(): hashlib.sha256(_without_times(path)).digest()
            for path in found
            if not path.name.startswith("resources.")
        }


def _without_times(path: Path) -> bytes:
    """What a file holds, of the page of all patients without its section on time and memory."""
    content = path.read_bytes()
    if path.name != "index.html":
        return content
    return re.sub(rb'<section id="resources">.*?</section>', b"", content, flags=re.DOTALL)


# --- Corrections ----------------------------------------------------------------------------


def correct(study: Study, word: str, state: str) -> None:
    """Put a correction into the folder, or take it away."""
    path = study.corrections / NAMES[word]
    shutil.rmtree(study.corrections)
    if state != NONE:
        path.parent.mkdir(parents=True)
        write = {"brain": brain, "registration": registration, "artery": artery}[word]
        write(study, path, is_true=state == TRUE)


def brain(study: Study, path: Path, *, is_true: bool) -> None:
    """The true brain, or its lower half."""
    true = nib.load(study.truth.folder / "ncct_brain.nii.gz")
    mask = np.asarray(true.dataobj).copy()
    if not is_true:
        slices = np.flatnonzero(mask.any(axis=(0, 1)))
        mask[..., slices[len(slices) // 2] :] = 0
    nib.save(nib.Nifti1Image(mask, true.affine), path)


def registration(study: Study, path: Path, *, is_true: bool) -> None:
    """The true way from the NCCT to the CTA, or one that is 15 mm off."""
    to_cta, to_ncct = (transforms.matrix(study.truth.from_head(n)) for n in ("cta", "ncct"))
    matrix = to_cta @ np.linalg.inv(to_ncct)
    if not is_true:
        matrix[:3, 3] += (15, 0, 0)
    transforms.write(transforms.linear(matrix), path)


def artery(study: Study, path: Path, *, is_true: bool) -> None:
    """The true arteries before the occlusion, or all of them."""
    labels = nib.load(study.truth.folder / "ctp_artery.nii.gz")
    arteries = np.asarray(labels.dataobj)
    chosen = arteries == BEFORE_OCCLUSION if is_true else arteries > 0
    images.write_array(chosen.astype(np.uint8), labels.affine, path)


# --- What came of them ----------------------------------------------------------------------


def downstream(study: Study, word: str) -> set[str]:
    """The outputs that lead back to a corrected one by their sources, and it itself."""
    if (
        word == "artery"
    ):  # no output unless it is given: all that a perfusion series gives depends on it
        return {name for name in _of_perfusion(study) if name.startswith(f"sub-{SUBJECT}/")}
    sources = dict(_sources(study))
    found: set[str] = set()
    new = {NAMES[word]}
    while new:
        found |= new
        new = {name for name, of in sources.items() if of & new} - found
    return found


def _of_perfusion(study: Study) -> list[str]:
    """What is planned to be made of the patient's perfusion series."""
    given = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    given["phantom"] = {"folder": str(study.folder / "demo"), "subjects": 1}
    config = settings.load(given)
    [subject] = table.build(designs.read(config), config.reference).subjects
    return outputs.perfusion_outputs(subject, Space(config.template.name, config.template.res))


def _sources(study: Study) -> Iterator[tuple[str, set[str]]]:
    """The outputs that each output was made from."""
    for path in (study.dataset / f"sub-{SUBJECT}").rglob("*.json"):
        about = json.loads(path.read_text())
        stem = path.name.removesuffix(".json")
        [made] = [each for each in path.parent.glob(f"{stem}.*") if each.suffix != ".json"]
        of = {each.partition("::")[2] for each in about.get("Sources", []) if "::" in each}
        yield made.relative_to(study.dataset).as_posix(), of


def stopped(said: str) -> str:
    """What stopped the patient, if anything did."""
    found = re.search(r"^strokeprep: (\w+: .+?)(?::|=) ", said, re.MULTILINE)
    return found[1] if found else ""


def missed(study: Study, said: str) -> str:
    """The limits that are missed, or what stopped the patient."""
    rows = tables.read(study.folder / "demo/derivatives/docs/qc/accuracy.tsv")
    found = (f"{row['step']} {row['metric']} {row['value']}" for row in rows if row["pass"] == "no")
    return stopped(said) or "; ".join(found) or "none"


def measured(study: Study, word: str) -> str:
    """The figure of docs/qc/accuracy.tsv that a correction bears on most."""
    step, metric = FIGURES[word]
    rows = tables.read(study.folder / "demo/derivatives/docs/qc/accuracy.tsv")
    return next(r["value"] for r in rows if (r["step"], r["metric"]) == (step, metric))


def named(study: Study, word: str) -> str:
    """Which of the texts that must name a correction do."""
    page = study.dataset / "docs/qc" / f"sub-{SUBJECT}"
    stem = f"sub-{SUBJECT}{'_perfusion' if word == 'artery' else ''}"
    wanted = {
        "provenance": (page / f"{stem}_provenance.json", f'"corrections:{NAMES[word]}"'),
        "page": (page / f"{stem}.html", SHOWN.get(word, '<section id="corrections"')),
        "methods": (study.dataset / "docs/qc/methods.md", "by hand"),
    }
    found = [name for name, (path, text) in wanted.items() if text in path.read_text()]
    return ", ".join(found) or "nowhere"


def rows_of(study: Study, word: str, before: Mapping[str, bytes]) -> Iterator[dict[str, str | int]]:
    """What came of a correction that was wrong, then true, then taken away."""
    after = downstream(study, word)
    for state in (WRONG, TRUE, NONE):
        correct(study, word, state)
        then = study.written()
        said = study.run()
        now = study.written()
        again = {name for name, when in now.items() if then.get(name) != when}
        made = {name for name in again if not name.endswith(".json")}
        yield {
            "correction": word,
            "state": state,
            "made_again": len(made),
            "downstream": len(after),
            # What stops a patient leaves some of it unmade.
            "apart": len(made - after if state == WRONG else made ^ after),
            "missed": missed(study, said),
            "figure": tables.MISSING if stopped(said) else measured(study, word),
            "named": named(study, word),
            "same_bytes": "yes" if study.contents() == before else "no",
        }


def is_right(row: Mapping[str, str | int]) -> bool:
    """Whether a row says what it must."""
    if row["state"] == WRONG:
        return row["apart"] == 0 and row["missed"] != "none"
    is_away = row["state"] == NONE
    return (
        (row["apart"], row["missed"]) == (0, "none")
        and row["named"] == ("nowhere" if is_away else NAMED)
        and row["same_bytes"] == ("yes" if is_away else "no")
    )


def main() -> int:
    """Correct, run and compare; 1 if anything is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="of the study")
    parser.add_argument("--out", type=Path, required=True, help="the table to write")
    parser.add_argument("--only", choices=NAMES, help="one correction")
    given = parser.parse_args()
    study = Study(given.folder.resolve())
    shutil.rmtree(study.corrections, ignore_errors=True)
    study.run()
    before = study.contents()
    rows = []
    for word in [given.only] if given.only else NAMES:
        for row in rows_of(study, word, before):
            print(row, flush=True)
            rows.append(row)
    write_text(tables.render(rows, COLUMNS), given.out)
    return int(not all(map(is_right, rows)))


if __name__ == "__main__":
    sys.exit(main())
