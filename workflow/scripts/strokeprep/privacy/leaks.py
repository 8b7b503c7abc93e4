"""The audit of a finished dataset: nothing in it shows a face or names anybody.

It trusts no other step. It looks at every file that lies in the output, whoever put it there, and
compares it with what the input would have to hide.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import stat
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from scipy import ndimage

from strokeprep.bids import dataset
from strokeprep.errors import StrokeprepError, combined
from strokeprep.io import images
from strokeprep.io.whole import PARTIAL, final_name
from strokeprep.privacy import allowed
from strokeprep.privacy.private_words import DATE, PrivateWords
from strokeprep.privacy.vocabulary import vocabulary
from strokeprep.study import naming
from strokeprep.study.layouts import engine

FINDS: dict[str, str] = {
    "link": "A symbolic link: it may lead to what was never checked",
    "writable": "A file or folder that every user of the machine may change",
    "file": "A file that is no part of the dataset: of a sort, or with a name, it does not use",
    "name": "A file name that holds a private word",
    "header": "Text, an extension or hidden bytes in an image's header",
    "key": "A sidecar key that is not on the list of those that may be released",
    "value": "A sidecar value that looks like a date, a path or a person's name",
    "word": "A private word of the input in a file or a log",
    "source": "An image that is not derived from a defaced one, or does not say what from",
    "face": "Voxels in the region of the face that are not empty",
    "raw": "An image with the very voxels of an undefaced one",
    "picture": "A picture, as a file or inside of a page, that carries text or other extras",
}

IMAGE = naming.IMAGE
TEXTS = (
    ".json",
    ".tsv",
    ".txt",
    ".h5",
    ".md",
    ".bib",
    ".html",
    ".svg",
    ".bidsignore",
    "CHANGES",
    "LICENSE",
)
# Chunks of a PNG that hold pixels or say how to show them.
PICTURE_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"pHYs", b"sRGB", b"gAMA", b"tRNS", b"bKGD"}
INLINE = re.compile(rb"data:image/png;base64,([A-Za-z0-9+/=]+)")
PNG = b"\x89PNG\r\n\x1a\n"

# Within a section of a sidecar, and in tables, a key is a plain word, a number or a column's name.
INNER_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+ -]{0,39}")
# Software versions and digests may look like dates.
FREE_VALUES = frozenset({"Software", "Digest", "Weights"})
PATH = re.compile(r"(?<![\w:/.])(?:/[\w.-]+){2,}|[A-Za-z]:\\\\|file://|~/")
PERSON = re.compile(r"\w\^\w")
# Of a network's weights; eight of its digits may look like a date.
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

WORDS_OF_KEY = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
RAW_SOURCE, OWN_SOURCE = "bids:raw:", "bids::"
DEFACED, FACE = "_desc-defaced_", "_label-face_mask"
LABEL = re.compile(r"_(mask|dseg)\.nii\.gz$")
ENTITY = re.compile(r"_([a-z]+)-([A-Za-z0-9]+)")
KNOWN_ENTITIES = frozenset({"sub", "ses", *naming.ORDER, *engine.KEPT})
KNOWN_DESC = frozenset(dataset.DESCRIPTIONS) | {"motion", "aif", "coverage"}
SUBJECT = re.compile(r"sub-[A-Za-z0-9]+")
STEM = re.compile(r"sub-[A-Za-z0-9]+(_[a-z]+-[A-Za-z0-9]+)*_[A-Za-z0-9-]+")

# A head that moves shifts the border of its emptied face by this much at most.
MOVED_MM = 10.0
# Interpolation leaves a trace in a few voxels of a region; a face fills most of it.
LEFT_SHARE = 0.02
FILL_NEAR = 1.0
# Segmentations have a few dozen classes.
MOST_LABELS = 128
SLICES = 16


@dataclass(frozen=True)
class Leak:
    """One thing that must not be in the dataset; ``where`` is relative to it."""

    find: str
    what: str
    where: str

    def error(self) -> StrokeprepError:
        """The leak as the error a person reads."""
        return StrokeprepError(
            f"Private content ({self.find}): {self.what}",
            self.where,
            "Do not release the dataset. Remove the file, find what wrote it, and run again.",
        )


def of_subject(
    root: Path,
    subject: str,
    words: PrivateWords,
    *,
    declared_defaced: bool = False,
    undefaced: Mapping[str, tuple[int, ...]] | None = None,
    logs: Path | None = None,
    skip: Iterable[str] = (),
) -> list[Leak]:
    """Everything private in the output of one subject.

    ``declared_defaced`` is the user's word that the study had no faces; ``undefaced`` are the
    digests and shapes of its raw images (:func:`voxel_digest`); ``skip`` are files (relative,
    without extension) that are still being written, and looked at in an audit of their own.
    """
    folder, own, skipped = root / f"sub-{subject}", _own(subject), frozenset(skip)
    every = [*_walk(folder), *(p for p in _walk(root / "docs") if own.search(_where(p, root)))]
    files = [path for path in every if _stem(_where(path, root)) not in skipped]
    leaks = [leak for path in files for leak in _of_file(path, root, words)]
    leaks += _of_sources(root, folder, files, declared_defaced)
    leaks += _of_faces(root, folder, files, undefaced or {})
    if logs is not None:
        leaks += _of_logs(logs, own, words)
    return [_discreet(leak, words) for leak in leaks]


def _own(subject: str) -> re.Pattern:
    """Finds a subject in a path; sub-1 is not in sub-10."""
    return re.compile(rf"sub-{re.escape(subject)}(?![A-Za-z0-9])")


def _stem(where: str) -> str:
    """A relative path without extension; a file that is being written has that of its target."""
    folder, _, name = where.rpartition("/")
    return f"{folder}/{final_name(name).partition('.')[0]}"


def of_dataset(
    root: Path, subjects: Iterable[str], words: PrivateWords, skip: Iterable[str] = ()
) -> list[Leak]:
    """Everything private in what belongs to no one subject, and in folders of unknown subjects."""
    known, skipped = {f"sub-{subject}" for subject in subjects}, frozenset(skip)
    leaks = list(_of_place(root, root))
    for entry in sorted(root.iterdir()):
        is_subject = entry.name.startswith("sub-") and entry.is_dir() and not entry.is_symlink()
        if is_subject and entry.name not in known:
            leaks += of_subject(root, entry.name[4:], words)
        elif not is_subject:
            for path in _walk(entry):
                where = _where(path, root)
                if _stem(where) not in skipped and not known & set(SUBJECT.findall(where)):
                    leaks += _of_file(path, root, words)
    return [_discreet(leak, words) for leak in leaks]


def _discreet(leak: Leak, words: PrivateWords) -> Leak:
    """A leak without the last part of its path where that holds a private word itself."""
    if not words.found_in(leak.where):
        return leak
    return replace(leak, where=f"{leak.where.rpartition('/')[0]}/(not shown)")


def report(leaks: Iterable[Leak]) -> dict[str, Any]:
    """The outcome for machines."""
    found = [asdict(leak) for leak in leaks]
    return {"clean": not found, "leaks": found}


def enforce(leaks: list[Leak]) -> None:
    """Raise one error that lists every leak."""
    if leaks:
        raise combined([leak.error() for leak in leaks])


def digests(paths: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Digests of the voxels of images, with their shapes."""
    return dict(voxel_digest(Path(path)) for path in paths)


def voxel_digest(path: Path) -> tuple[str, tuple[int, ...]]:
    """A digest of an image's stored voxels, as the gate's report gives it, and its shape."""
    nifti, digest = images.open_nifti(path), hashlib.blake2b(digest_size=16)
    for block in images.blocks(nifti, path, SLICES):
        digest.update(block)
    return digest.hexdigest(), nifti.shape


# --- Files ----------------------------------------------------------------------------------


def _walk(folder: Path) -> list[Path]:
    """Everything at and below a folder; links are listed and not followed."""
    if folder.is_symlink() or not folder.is_dir():
        return [folder] if os.path.lexists(folder) else []
    found = [folder]
    for base, folders, names in os.walk(folder):
        found += [Path(base, name) for name in (*folders, *names)]
    return sorted(found)


def _of_place(path: Path, root: Path) -> Iterator[Leak]:
    where = _where(path, root)
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        yield Leak("link", "a symbolic link", where)
    elif mode & stat.S_IWOTH:
        yield Leak("writable", "every user of this machine may change it", where)


def _where(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _of_file(path: Path, root: Path, words: PrivateWords) -> Iterator[Leak]:
    """Everything wrong with one file or folder but its voxels."""
    where = _where(path, root)
    yield from _of_place(path, root)
    for told in words.found_in(where):
        yield Leak("name", f"the name holds {told}", where)
    if path.is_symlink() or path.is_dir():
        return
    yield from _of_name(path, where)
    if path.name.endswith(IMAGE):
        yield from _of_header(path, where)
    elif path.suffix == ".png":
        yield from _of_picture(path.read_bytes(), where)
    elif path.name.endswith(TEXTS):
        content = path.read_bytes()
        for told in words.found_in(content):
            yield Leak("word", f"the file holds {told}", where)
        if path.suffix == ".json":
            yield from _of_json(content, path, where)
        elif path.suffix == ".html":
            yield from _of_page(content, where)


def _of_name(path: Path, where: str) -> Iterator[Leak]:
    known = path.name.endswith((IMAGE, ".png", *TEXTS))
    if not known or path.name.startswith(PARTIAL):
        yield Leak("file", "no file of a finished dataset", where)
        return
    if not where.startswith("sub-"):
        return
    stem = path.name.partition(".")[0]
    entities = ENTITY.findall(f"_{stem}")
    strange = [key for key, _ in entities if key not in KNOWN_ENTITIES]
    desc = dict(entities).get("desc")
    if not STEM.fullmatch(stem) or strange or (desc and desc not in KNOWN_DESC):
        yield Leak("file", "a name this dataset does not use", where)


def _of_header(path: Path, where: str) -> Iterator[Leak]:
    """Whatever a header, or the gzip round it, holds besides geometry."""
    with path.open("rb") as file:
        start = file.read(10)
    if len(start) < 10 or start[:2] != b"\x1f\x8b":
        yield Leak("header", "the file is no gzip", where)
        return
    if start[3] & 0b11100 or any(start[4:8]):
        yield Leak("header", "the gzip carries a file name, a comment or a time", where)
    try:
        with gzip.open(path) as file:
            block = file.read(352)
        header = nib.Nifti1Header(block[:348], check=False)
    except (OSError, EOFError, ValueError, nib.spatialimages.HeaderDataError):
        yield Leak("header", "the header cannot be read", where)
        return
    texts = ("descrip", "aux_file", "db_name", "intent_name", "data_type")
    held = [field for field in texts if bytes(header[field].item()).strip(b"\0 ")]
    held += [f for f in ("extents", "session_error", "toffset", "glmax", "glmin") if header[f] != 0]
    if held:
        yield Leak("header", f"the header's {', '.join(held)} is not empty", where)
    if any(block[348:352]) or float(header["vox_offset"]) != 352:
        yield Leak("header", "the header has an extension or hidden bytes", where)


def _of_page(content: bytes, where: str) -> Iterator[Leak]:
    """The pictures that a page holds."""
    for found in INLINE.finditer(content):
        yield from _of_picture(base64.b64decode(found[1]), where)


def _of_picture(content: bytes, where: str) -> Iterator[Leak]:
    position = len(PNG)
    if not content.startswith(PNG):
        yield Leak("picture", "the file is no PNG", where)
        return
    while position + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        if kind not in PICTURE_CHUNKS:
            yield Leak("picture", f"it holds {kind.decode('ascii', 'replace')}", where)
        position += 12 + length
    if position != len(content):
        yield Leak("picture", "bytes follow its end", where)


def _of_json(content: bytes, path: Path, where: str) -> Iterator[Leak]:
    try:
        keys = json.loads(content)
    except ValueError:
        yield Leak("file", "no JSON", where)
        return
    yield from _of_values(keys, where)
    if where.startswith("sub-") and isinstance(keys, Mapping):
        columns = _columns(path)
        for key, value in keys.items():
            if key not in allowed.WRITTEN and key not in allowed.ALLOWED and key not in columns:
                yield Leak("key", f"the key {_shown(key)} is not on the list", where)
            elif isinstance(value, Mapping) and not _plain(value):
                yield Leak("key", f"the section {key} holds a key that is no plain word", where)
        raw = {key: keys[key] for key in allowed.ALLOWED if key in keys}
        for key in raw.keys() - allowed.releasable(raw).keys():
            yield Leak("value", f"{key} is not what it should be", where)


def _columns(sidecar: Path) -> set[str]:
    """The columns of the table a sidecar describes."""
    table = sidecar.with_suffix(".tsv")
    return set(table.read_text().partition("\n")[0].split("\t")) if table.is_file() else set()


def _plain(section: Mapping[str, Any]) -> bool:
    return all(
        INNER_KEY.fullmatch(key) and not DATE.search(key) and
        (not isinstance(value, Mapping) or _plain(value))
        for key, value in section.items()
    )  # fmt: skip


def _shown(key: str) -> str:
    """A key, unless it has words in it that are nobody's but perhaps a patient's."""
    known = all(part.casefold() in vocabulary() for part in WORDS_OF_KEY.findall(key))
    return key if known and key.isalnum() else "(not shown)"


def _of_values(value: Any, where: str, key: str = "") -> Iterator[Leak]:
    if key in FREE_VALUES:
        return
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _of_values(each, where, name)
    elif isinstance(value, list):
        for each in value:
            yield from _of_values(each, where, key)
    elif isinstance(value, str) and not DIGEST.fullmatch(value):
        for pattern, what in ((DATE, "a date"), (PATH, "a path"), (PERSON, "a person's name")):
            if pattern.search(value):
                yield Leak("value", f"{_shown(key)} looks like {what}", where)


def _of_logs(logs: Path, own: re.Pattern, words: PrivateWords) -> Iterator[Leak]:
    """Private words in the logs of jobs that ended well; a failure has to name its file."""
    for path in _walk(logs):
        if path.is_dir() or not own.search(path.relative_to(logs).as_posix()):
            continue
        failed = path.name.endswith(".failure.json") or Path(f"{path}.failure.json").exists()
        if not failed and not path.is_symlink():
            for told in words.found_in(path.read_bytes()):
                yield Leak("word", f"a log holds {told}", path.relative_to(logs).as_posix())


# --- Sources --------------------------------------------------------------------------------


def _of_sources(
    root: Path, folder: Path, files: Iterable[Path], declared_defaced: bool
) -> list[Leak]:
    """Those of ``files`` that cannot be traced back to a defaced image or to a label.

    Each image answers for the step that made it; as all of them do, the whole chain holds.
    """
    there = {_where(path, root) for path in _walk(folder) if path.name.endswith(IMAGE)}
    return [
        Leak("source", what, _where(path, root))
        for path in files
        if path.name.endswith(IMAGE)
        for what in _untraced(_where(path, root), _sources(path), there, declared_defaced)
    ]


def _sources(image: Path) -> list[str] | None:
    """What an image's sidecar says it was made from."""
    beside = Path(naming.sidecar(str(image)))
    try:
        found = json.loads(beside.read_text())["Sources"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    texts = isinstance(found, list) and all(isinstance(each, str) for each in found)
    return found if texts else None


def _untraced(
    name: str, found: list[str] | None, there: set[str], declared_defaced: bool
) -> Iterator[str]:
    """What is wrong with the sources of one image; ``there`` are all images of its subject."""
    if not found:
        yield "its sidecar names no sources"
        return
    raw = [source for source in found if source.startswith(RAW_SOURCE)]
    own = [source[len(OWN_SOURCE) :] for source in found if source.startswith(OWN_SOURCE)]
    if len(raw) + len(own) < len(found):
        yield "it names a source outside of the dataset"
    if raw and DEFACED in name:
        if not declared_defaced and not any(FACE in source for source in own):
            yield "it was made from a raw image without a face mask"
    elif raw and not LABEL.search(name):
        yield "it was made from a raw image"
    for source in own:
        if source.endswith(IMAGE) and source not in there:
            yield "a source of it is missing, or another subject's"
    if not raw and not any(source.endswith(IMAGE) for source in own):
        yield "it was made from no image"


# --- Faces ----------------------------------------------------------------------------------


def _of_faces(
    root: Path, folder: Path, files: Iterable[Path], undefaced: Mapping[str, tuple[int, ...]]
) -> list[Leak]:
    """Those of ``files`` that show something where their scan's, or the reference's, face was."""
    masks, leaks = [], []
    for path in folder.rglob(f"*{FACE}{IMAGE}"):
        try:
            masks.append(_Face.read(path))
        except StrokeprepError as error:
            leaks.append(Leak("file", error.what, _where(path, root)))
    for path in files:
        if not path.name.endswith(IMAGE) or not path.is_file():
            continue
        where = _where(path, root)
        try:
            if LABEL.search(path.name):
                leaks += _of_mask(path, where)
            else:
                leaks += _of_image(path, where, masks, undefaced)
        except StrokeprepError as error:
            leaks.append(Leak("file", error.what, where))
    return leaks


@dataclass(frozen=True, eq=False)
class _Face:
    """What defacing emptied on one grid."""

    path: Path
    affine: np.ndarray
    region: np.ndarray
    core: np.ndarray

    @classmethod
    def read(cls, path: Path) -> _Face:
        nifti = images.open_nifti(path)
        region = images.voxels(nifti, path) > 0
        sizes = np.linalg.norm(nifti.affine[:3, :3], axis=0)
        core = region.view(np.uint8)
        for axis, size in enumerate(sizes):  # what is this far from the border along every axis
            reach = 2 * int(np.ceil(MOVED_MM / size)) + 1
            core = ndimage.minimum_filter1d(core, reach, axis, mode="constant", cval=0)
        return cls(path, nifti.affine, region, core > 0)

    def fits(self, nifti: nib.Nifti1Image) -> bool:
        return nifti.shape[:3] == self.region.shape and np.allclose(
            nifti.affine, self.affine, atol=1e-3
        )


def _of_image(
    path: Path, where: str, masks: list[_Face], undefaced: Mapping[str, tuple[int, ...]]
) -> Iterator[Leak]:
    """One image: the whole region on its own scan's mask, the core of it on any other's grid."""
    nifti = images.open_nifti(path)
    own = f"{path.name.partition(DEFACED)[0]}_space-orig{FACE}{IMAGE}"
    exact = [mask for mask in masks if DEFACED in path.name and mask.path.name == own]
    regions = [(mask.region, 0.0) for mask in exact if mask.fits(nifti)]
    regions += [
        (mask.core, LEFT_SHARE) for mask in masks
        if mask not in exact and mask.fits(nifti) and mask.core.any()
    ]  # fmt: skip
    alike = nifti.shape in undefaced.values()
    if not regions and not alike:
        return
    digest = hashlib.blake2b(digest_size=16)
    filled = images.background("ct" if path.parent.name == "ct" else "mr")
    depth = nifti.shape[2]
    shown = False
    for frame, block in enumerate(images.blocks(nifti, path, depth)):
        if alike:
            digest.update(block)
        if not shown and any(
            _shows(block, region, filled, most, nifti) for region, most in regions
        ):
            shown = True
            which = f" in frame {frame}" if len(nifti.shape) == 4 else ""
            yield Leak("face", f"the region of the face is not empty{which}", where)
    if alike and digest.hexdigest() in undefaced:
        yield Leak("raw", "its voxels are those of an undefaced image", where)


def _shows(
    block: np.ndarray, region: np.ndarray, filled: float, most: float, nifti: nib.Nifti1Image
) -> bool:
    """Whether a frame (slices, columns, rows) shows more than the fill in a region."""
    values = block[region.T]
    if not len(values):
        return False
    scaled = values.astype(np.float32) * nifti.dataobj.slope + nifti.dataobj.inter
    return float(np.mean(np.abs(scaled - filled) > FILL_NEAR)) > most


def _of_mask(path: Path, where: str) -> Iterator[Leak]:
    """A mask may be of anything; an image under a mask's name would hide from the checks."""
    nifti = images.open_nifti(path)
    dtype = nifti.get_data_dtype()
    if (
        dtype.kind != "u"
        or dtype.itemsize > 2
        or (nifti.dataobj.slope, nifti.dataobj.inter) != (1, 0)
    ):
        yield Leak("source", "a label that is not stored as plain small numbers", where)
        return
    values: set[int] = set()
    for block in images.blocks(nifti, path, SLICES):
        if block.max() >= MOST_LABELS:  # else there cannot be too many
            values.update(np.unique(block).tolist())
    if len(values) > MOST_LABELS:
        yield Leak("source", "a label with as many values as an image has", where)
