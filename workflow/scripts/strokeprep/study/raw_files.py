"""Which raw files of a subject the gate looks at, and what each has to be.

Read when the workflow is parsed, so it opens nothing.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError
from strokeprep.io.json_files import require_file
from strokeprep.study import naming
from strokeprep.study.scans import Label, Subject


def of_subject(subject: Subject) -> dict[str, Any]:
    """Images and labels, in the words of :class:`strokeprep.gate.inspection.RawImage` and ``RawLabel``, and
    the names under which they may be spoken of.
    """
    scans = [
        {
            "path": str(image.path),
            "kind": image.kind,
            "sidecar": str(image.sidecar) if image.sidecar else None,
            "grid": str(scan.pilot.path),
        }
        for scan in subject.scans
        for image in scan.images
    ]
    labels = [
        {
            "path": str(label.path),
            "kind": label.kind,
            "grid": None if label.in_reference_space else str(label.scan.pilot.path),
        }
        for label in subject.labels
    ]
    return {
        "scans": scans,
        "labels": labels,
        "names": public_names(subject),
        "entities": entities(subject),
    }


def entities(subject: Subject) -> list[str]:
    """The labels that names of released files take from the study's, as ``ses-01``."""
    found = [f"sub-{subject.name}"]
    for scan in subject.scans:
        session = [f"ses-{scan.session}"] if scan.session else []
        found += [*session, *scan.entities, *scan.mask_entities]
    return list(dict.fromkeys(found))


def paths(subject: Subject) -> list[str]:
    """Every file of :func:`of_subject`, sidecars too."""
    files = of_subject(subject)
    listed = [file[key] for file in files["scans"] for key in ("path", "sidecar") if file[key]]
    listed += dict.fromkeys(str(path) for path in made_first(subject).values())
    return listed + [file["path"] for file in files["labels"]]


def given(subject: Subject) -> list[str]:
    """The files that came with the study: :func:`paths` without what is made of series in the work folder.

    A path of the work folder is no input's, and its words are not private.
    """
    made = made_first(subject)
    beside = dict.fromkeys(
        str(path).removesuffix(".gz").removesuffix(".nii") + ".json" for path in made.values()
    )
    return [path for path in paths(subject) if path not in made] + [
        path for path in beside if is_usable(path)
    ]


def made_first(subject: Subject) -> dict[str, Path]:
    """The images and sidecars that have to be made of a series first, with the file of the series."""
    return {
        str(path): image.series
        for scan in subject.scans
        for image in scan.images
        for path in (image.path, image.sidecar)
        if image.series and path
    }


@cache
def is_usable(path: str) -> bool:
    """Whether a raw file is one that Snakemake can take as an input, and the gate can open."""
    try:
        require_file(path)
    except StrokeprepError:
        return False
    return True


def undefaced(subject: Subject) -> list[str]:
    """The public names of the images that may show a face."""
    named = public_names(subject)
    return [named[str(i.path)] for scan in subject.scans for i in scan.images if not i.defaced]


def open_names(subject: Subject) -> list[str]:
    """What the dataset bears openly: subject, sessions, and the names its files start with."""
    names = {subject.name, f"sub-{subject.name}"}
    for scan in subject.scans:
        names.update(scan.folder.split("/"))
        names.update((scan.stem, scan.mask_stem))
        names.update(f"{scan.stem}_{image.kind.suffix}" for image in scan.images)
        if scan.session:
            names.add(scan.session)
    spaces = [naming.ORIG]
    if subject.reference is not None:
        spaces.append(naming.Space(subject.reference.name))
    for label in subject.labels:  # as drawn, a label often has the very name it is released under
        for space in spaces:
            name = naming.label(label.scan, space, label.kind)
            names.add(name.rpartition("/")[2].partition(".")[0])
    return sorted(names)


def public_names(subject: Subject) -> dict[str, str]:
    """What each file is called where its own path must not be: as BIDS would name it."""
    names = {
        str(image.path): naming.raw_uri(scan, image.kind.suffix)
        for scan in subject.scans
        for image in scan.images
    }
    names |= {
        str(image.sidecar): naming.sidecar(naming.raw_uri(scan, image.kind.suffix))
        for scan in subject.scans
        for image in scan.images
        if image.sidecar
    }
    names |= {
        str(image.series): naming.raw_uri(scan, "dwi")
        for scan in subject.scans
        for image in scan.images
        if image.series
    }
    return names | {str(label.path): label_uri(label, subject) for label in subject.labels}


def label_name(label: Label, subject: Subject) -> str:
    """A manual label by the name of the output on the grid it lies on."""
    space = naming.Space(subject.base.name) if label.in_reference_space else naming.ORIG
    return naming.label(label.scan, space, label.kind)


def label_uri(label: Label, subject: Subject) -> str:
    """A manual label as it was given, by that name."""
    return naming.raw_uri_of(label_name(label, subject))
