"""Layout readers: from a study's folders to the rows of the study table.

A reader is a list of places to look in and a list of :class:`Pattern`; everything else is shared.
It runs when the workflow is parsed: the standard library alone, names only, no image is opened.
Links may lead from one place of a study to another, and out of it where the config says so.

A pattern is a regular expression over a file's path below the study's root, ``/`` between folders
and ``.nii`` or ``.nii.gz`` left out. It must reach the end of that path and may start at any
folder or at the file name. Its named groups say what the file is: ``subject`` (needed),
``session``, ``space`` (``orig`` or the scan's own name: its own grid; a scan listed under
``reference``: that grid; anything else: the file is passed over) and, for labels, ``on`` (the scan
a label is drawn on, or the folder ``dwi`` or ``anat``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import cast

from strokeprep import phantom as simulated
from strokeprep.errors import StrokeprepError
from strokeprep.kinds import KINDS, LABELS, NATIVE, SCANS, Kind
from strokeprep.settings.config import Config
from strokeprep.settings.study import PhantomSettings
from strokeprep.study.layouts import series
from strokeprep.study.layouts.engine import (
    _ENTITIES,
    _WORD,
    EXTENSIONS,
    REFERENCE,
    SERIES,
    TEMPLATE,
    Pattern,
    _File,
    _files,
    _label_roots,
    _matches,
    _root,
    _rows,
    _subject_folders,
    _with_overrides,
    drawn_on,
)
from strokeprep.study.scans import Row

# Of files that are left out, a remark names so many.
MOST_NAMED = 3


def read(config: Config) -> list[Row]:
    """The rows of the study that a complete config describes, sorted."""
    layout = config.study.layout
    if layout not in READERS:
        raise StrokeprepError(
            "There is no such layout", layout, f"Set study.layout to one of {', '.join(READERS)}."
        )
    return sorted(
        READERS[layout](config),
        key=lambda row: (row.subject, row.session or "", row.role, str(row.path)),
    )


def remarks(config: Config, rows: Iterable[Row]) -> list[str]:
    """What to tell of the images of raw BIDS subjects that are no rows: a PET, a phase image."""
    if config.study.layout != "bids":  # other releases hold many copies that are no raw images
        return []
    root, taken = _root(config), {str(row.path) for row in rows}
    files = _files(config, root, _subject_folders(root))
    taken |= {str(row.series) for row in rows}
    left = [
        file.below
        for file in files
        if file.path not in taken and not os.path.basename(file.path).startswith(".")
    ]
    if not left:
        return []
    more = f" and {len(left) - MOST_NAMED} more" if len(left) > MOST_NAMED else ""
    return [
        f"images left out, whose names are of no known kind of scan: {', '.join(left[:MOST_NAMED])}"
        f"{more}. study.patterns can say what they are."
    ]


# --- Patterns -------------------------------------------------------------------------------

_SPACE = rf"(?:_space-(?P<space>{_WORD}))?"
# A network's proposal is no manual mask, wherever somebody copied it to.
_DESC = rf"(?:_desc-(?!proposal_){_WORD})?"
# A name whose folders repeat its subject and session, as BIDS and ISLES'24 have it.
_FOLDERS = rf"sub-(?P<subject>{_WORD})/(?:ses-(?P<session>{_WORD})/)?"
_NAME = r"sub-(?P=subject)(?(session)_ses-(?P=session))"
# A name that is found in any folder.
_ANYWHERE = rf"sub-(?P<subject>{_WORD})(?:_ses-(?P<session>{_WORD}))?{_ENTITIES}"


# Phase and complex images cannot be shown or registered like the magnitude.
_MAGNITUDE = r"(?![^/]*_part-(?:phase|real|imag)_)"
_WITH_CONTRAST, _PLAIN = rf"(?=[^/]*_ce-{_WORD}_)", r"(?![^/]*_ce-)"


def _bids_image(kind: Kind) -> Pattern:
    scan = kind.scan
    folder = f"(?:{scan.datatype}|{scan.also_in})" if scan.also_in else scan.datatype
    acq = f"_acq-{scan.acq}" if scan.acq else ""
    name = f"{_NAME}{acq}{_ENTITIES}{_SPACE}_{kind.suffix}"
    return Pattern(kind.name, f"{_FOLDERS}{folder}/{_MAGNITUDE}{_contrast(kind)}{name}")


def _contrast(kind: Kind) -> str:
    """What ce- says of an image whose suffix does not tell whether there was contrast agent."""
    if kind.scan.ce:
        return _WITH_CONTRAST
    alike = (other for other in KINDS.values() if other.suffix == kind.suffix)
    return _PLAIN if any(other.scan.ce for other in alike) else ""


def _bids_name(kind: Kind) -> str:
    """How a message shows the name that is looked for."""
    acq = f"_acq-{kind.scan.acq}" if kind.scan.acq else ""
    ce = "_ce-*" if kind.scan.ce else ""
    return f"{kind.scan.datatype}/*{acq}{ce}_{kind.suffix}"


def _bids_label(role: str, folder: str, acq: str, tail: str, on: str = "") -> Pattern:
    return Pattern(role, f"{_FOLDERS}{folder}/{_NAME}{acq}{_ENTITIES}{_SPACE}_{tail}", on)


# Scans whose masks say by acq- what they are drawn on; those of the others say it by their folder,
# or by ce-.
_SAID = "|".join(scan.name for scan in SCANS.values() if scan.acq or scan.mask_acq)
_SAYS = rf"_acq-[A-Za-z0-9]*?(?i:{_SAID})_"
BIDS = (
    *map(_bids_image, KINDS.values()),
    Pattern(
        SERIES, f"{_FOLDERS}dwi/{_MAGNITUDE}{_NAME}{_ENTITIES}_dwi", rank=1, only=series.is_shell
    ),
    _bids_label(
        "lesion",
        "(?:ct|anat)",
        rf"_acq-[A-Za-z0-9]*?(?P<on>(?i:{_SAID}))",
        f"label-L{_DESC}_mask",
    ),
    _bids_label("lesion", "(?P<on>dwi|anat)", f"(?!{_SAYS}){_PLAIN}", f"label-L{_DESC}_mask"),
    _bids_label("lesion", "anat", rf"(?!{_SAYS})(?=[^/]*_(?P<on>ce)-)", f"label-L{_DESC}_mask"),
    _bids_label("lvo", "(?:ct|anat)", f"_acq-cta(?:{_WORD})?", f"label-LVO{_DESC}_mask", "cta"),
    _bids_label("cow", "(?:ct|anat)", f"_acq-cta(?:{_WORD})?", f"seg-CoW{_DESC}_dseg", "cta"),
)


_ISLES24_NAMES = {
    "ncct": "ncct",
    "cta": "cta",
    "ctp": "ctp",
    "trace": "dwi",
    "adc": "adc",
    "lesion": "lesion-msk",
    "lvo": "lvo-msk",
    "cow": "cow-msk",
}


def _isles24(role: str, folder: str, mark: str, grid: str, rank: int = 0) -> Pattern:
    regex = f"{folder}/{_FOLDERS}{_NAME}_{mark}{_ISLES24_NAMES[role]}"
    return Pattern(role, regex, drawn_on(role), grid, rank)


ISLES24 = tuple(
    pattern
    for role in _ISLES24_NAMES
    for pattern in (
        _isles24(role, "raw_?data", "", NATIVE),
        _isles24(role, "derivatives", "(?:space-ncct|ncct-masked)_", REFERENCE),
    )
    # Only other scans are resampled to the NCCT.
    if (role, pattern.grid) != ("ncct", REFERENCE)
)


def _isles24_unmarked(grid: str) -> tuple[Pattern, ...]:
    """Derivatives that do not name their space; ``grid`` says where they lie."""
    return tuple(
        _isles24(role, "derivatives", "", grid, rank=1) for role in _ISLES24_NAMES if role != "ncct"
    )


# Identifiers of the release: 8 digits in its paper, 8 hexadecimal digits in public scripts.
_JHU = rf"(?:sub-)?(?P<subject>[0-9A-Fa-f]{{8}})(?:_ses-(?P<session>{_WORD}))?{_ENTITIES}"


def _jhu(role: str, tail: str, folder: str = "", acq: str = "") -> tuple[Pattern, ...]:
    """A name that says space-orig, and the same without it as the second choice."""
    on = drawn_on(role)
    return tuple(
        Pattern(role, folder + _JHU + tail.replace("<orig>", orig), on, rank=rank, acq=acq)
        for rank, orig in enumerate(("_space-orig", ""))
    )


def _jhu_anat(role: str, name: str, acq: str = "") -> tuple[Pattern, ...]:
    return _jhu(role, f"_{name}<orig>", "anat/(?:[^/]+/)*", acq)


# Each pattern covers the whole name, since the names of skull-stripped and normalised copies go on
# after space-.
JHU = (
    *(replace(each, rank=-1, only=series.has_frames) for each in _jhu(SERIES, "_DWI<orig>")),
    *_jhu("trace", "_DWI<orig>"),
    *_jhu("adc", "_ADC<orig>"),
    *_jhu("b0", "_(?:B0|b0|S0map)<orig>"),
    *_jhu_anat("t1w", "T1w?"),
    *_jhu_anat("t1w", "MPRAGE", acq="MPRAGE"),
    *_jhu_anat("t2w", "T2w?"),
    *_jhu_anat("flair", "FLAIR"),
    *_jhu_anat("swi", "SWI"),
    *_jhu_anat("pwi", "PWI"),
    *_jhu("lesion", f"(?:_(?:DWI|ADC|B0|b0))?<orig>(?:_label-{_WORD})?_desc-stroke_mask"),
)
# Folders of the release that hold normalised images and templates under similar names.
JHU_NOT_RAW = re.compile(r"MNI|^templates$")

# The descriptor has the spelling Nlin in one place.
_ATLAS_MNI = r"_space-MNI152N[Ll]in2009aSym"
_ATLAS_LESION = f"_label-(?:L|lesion){_DESC}_mask"
ATLAS = (
    Pattern("t1w", f"{_ANYWHERE}(?:_space-orig)?_T1w"),
    Pattern("t1w", f"{_ANYWHERE}(?:_space-orig)?_desc-brain_T1w", rank=1),
    Pattern("t1w", f"{_ANYWHERE}{_ATLAS_MNI}(?:_desc-brain)?_T1w", grid=TEMPLATE),
    Pattern("lesion", f"{_ANYWHERE}(?:_space-orig)?{_ATLAS_LESION}", "t1w"),
    Pattern("lesion", f"{_ANYWHERE}{_ATLAS_MNI}{_ATLAS_LESION}", "t1w", TEMPLATE),
)


# --- Readers --------------------------------------------------------------------------------


def bids(config: Config) -> list[Row]:
    """Raw BIDS with the draft ``ct/`` folder; labels below ``study.labels``."""
    root = _root(config)
    patterns = _with_overrides(BIDS, config)
    images = [pattern for pattern in patterns if pattern.role not in LABELS]
    labels = [pattern for pattern in patterns if pattern.role in LABELS]
    matches = _matches(_files(config, root, _subject_folders(root)), images, config)
    for label_root in _label_roots(root, config):
        files = _files(config, label_root, _subject_folders(label_root))
        matches += _matches(files, labels, config)
    return _rows(
        matches,
        root,
        "in sub-*/[ses-*/] " + ", ".join(map(_bids_name, KINDS.values())),
    )


def isles24(config: Config) -> list[Row]:
    """ISLES'24 as released, with or without its ``train`` folder."""
    root = _root(config)
    bases = [base for base in (root, root / "train") if base.is_dir()]
    files = [
        file
        for base in bases
        for name in ("raw_data", "rawdata", "derivatives")
        if (base / name).is_dir()
        for file in _files(config, base, [base / name])
    ]
    # Where derivatives name their space, one that does not is a stray native file (the release
    # has one); where none does, as in the release's own description, all lie on the NCCT.
    marked = any(re.search(r"_(?:space-ncct|ncct-masked)_", file.below) for file in files)
    unmarked = _isles24_unmarked(NATIVE if marked else REFERENCE)
    matches = _matches(files, _with_overrides((*ISLES24, *unmarked), config), config)
    return _rows(
        matches,
        root,
        "[train/]raw_data/sub-*/ses-*/*_ncct, _cta, _ctp and derivatives/sub-*/ses-*/"
        "*_space-ncct_dwi, _adc, _lesion-msk, _lvo-msk, _cow-msk",
    )


def jhu(config: Config) -> list[Row]:
    """Johns Hopkins ICPSR-38464: names are matched in whatever folder they lie."""
    root = _root(config)
    files = _files(config, root, [root], JHU_NOT_RAW)
    return _rows(
        _matches(files, _with_overrides(JHU, config), config),
        root,
        "in any folder sub-<8 hexadecimal digits>_DWI_space-orig, _ADC_space-orig, "
        "_B0_space-orig, *_desc-stroke_mask and anat/*_{T1w,MPRAGE,T2w,FLAIR,SWI,PWI}",
    )


def atlas(config: Config) -> list[Row]:
    """ATLAS v2.0 and its native release; a native T1w wins over its copy on the MNI grid."""
    root = _root(config)
    return _rows(
        _matches(_files(config, root, [root]), _with_overrides(ATLAS, config), config),
        root,
        "in any folder sub-*[_ses-*]_space-MNI152NLin2009aSym_T1w, _space-orig_T1w or _T1w, and "
        "*_label-L_desc-T1lesion_mask",
    )


def phantom(config: Config) -> list[Row]:
    """The built-in synthetic study, known before it is simulated."""
    simulation = cast(PhantomSettings, config.phantom)  # this layout always has the section
    root = Path(simulation.folder) / "raw"
    files = [
        _File(f"{root / name}{EXTENSIONS[0]}", name, f"{root / name}.json")
        for subject in simulated.subject_ids(simulation.subjects)
        for name in simulated.raw_stems(subject, simulation.scans, simulation.study)
    ]
    return _rows(_matches(files, BIDS, config), root, "simulated files")


READERS: dict[str, Callable[[Config], list[Row]]] = {
    "bids": bids,
    "isles24": isles24,
    "jhu": jhu,
    "atlas": atlas,
    "phantom": phantom,
}
