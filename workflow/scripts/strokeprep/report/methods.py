"""What was done, in words with references, read from the provenance of the files that exist.

Snakemake's own process writes the cohort's, so no imaging package is loaded here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from strokeprep import kinds
from strokeprep.corrections import given
from strokeprep.report.render import render
from strokeprep.run import provenance
from strokeprep.settings.backends import BRAINS, FACES, Backend
from strokeprep.settings.registration import ENGINES, OWN

Nodes = Mapping[str, Mapping[str, Any]]
Steps = Sequence[tuple[Path, Mapping[str, Any]]]  # files, and the parameters they were made with

REFERENCES = Path(__file__).with_name("references.bib")
ENTRY = re.compile(r"^@\w+\{(\w+),.*?^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"\b(\w+) = \{(.*?)\}(?:,|\n)")
BRACES = str.maketrans("", "", "{}")
CITATION = re.compile(r"\[@([a-z0-9; @]+)\]")
# How each method is named, and the keys of what it cites.
WARPS = {
    "bspline": ("followed by B-spline deformations", ()),
    "syn": ("followed by ANTs' symmetric diffeomorphisms", ("avants2008",)),
}
OSTERGAARD, WU = "ostergaard1996", "wu2003"
DECONVOLUTIONS = {
    "vascular": (
        "a Bayesian vascular model with gamma-distributed transit times and a prior from "
        "neighbouring tissue, Tmax by block-circulant singular value decomposition with a "
        "per-voxel limit on oscillation",
        ("boutelier2012", "mouridsen2014", WU),
    ),
    "osvd": (
        "block-circulant singular value decomposition with a per-voxel limit on oscillation",
        (OSTERGAARD, WU),
    ),
    "csvd": ("block-circulant singular value decomposition", (OSTERGAARD, WU)),
    "tikhonov": ("Tikhonov-regularised block-circulant deconvolution", (OSTERGAARD, WU)),
}
TEMPLATES = {
    "MNI152NLin2009aSym": ("fonov2011",),
    "MNI152NLin2009cAsym": ("fonov2011",),
    "MNI152NLin2009cSym": ("fonov2011",),
}
SOFTWARE = {"SimpleITK": ("lowekamp2013",)}
TRANSFORM = re.compile(r"_from-(\w+)_to-(\w+)_mode-image_xfm\.(?:txt|h5)$")
ON_CT = re.compile(
    rf"_acq-({'|'.join(scan.acq for scan in kinds.SCANS.values() if scan.modality == 'ct')})_"
)
# What people correct, in the plural.
CORRECTED = {
    "brain masks": re.compile("_desc-brain_mask"),
    "face masks": re.compile("_label-face_mask"),
    "lesion masks": re.compile("_desc-infarct_mask"),
    "transforms": re.compile("_xfm"),
    "vessels": re.compile("_label-(artery|vein)_mask"),
}
# Images whose grey levels can be compared: the file, how its method begins, words, and what they cite.
GREY = (
    ("_desc-n4_T1w", "N4", "T1w were divided by the bias field that N4 found in the brain", ("tustison2010",)),
    ("_desc-normalised_T1w", "1st and 99th", "T1w were brought to the percentiles of the template's brain", ()),
    ("_desc-normalised_T1w", "mean", "T1w got the mean 0 and the standard deviation 1 in the brain", ()),
    ("_desc-normalised_trace", "Tissue peak", "DWI were scaled by the tissue peak of their histogram", ("liu2023",)),
    ("_desc-normalised_trace", "mean", "DWI got the mean 0 and the standard deviation 1 in the brain", ()),
    ("_desc-recalculated_ADC", "ln", "the ADC was computed from b0 and DWI", ()),
)  # fmt: skip
S0_ON_TEMPLATE = re.compile(r"_space-MNI.+_desc-brain_S0map\.nii")


@dataclass(frozen=True)
class Reference:
    """An entry of the bibliography, as BibTeX and in parts."""

    entry: str
    title: str
    journal: str
    year: str
    doi: str

    @classmethod
    def of(cls, entry: str) -> Reference:
        """Read an entry; every field must be there."""
        fields = dict(FIELD.findall(entry))
        parts = (fields[name].translate(BRACES) for name in ("title", "journal", "year", "doi"))
        return cls(entry, *parts)


@dataclass(frozen=True)
class Methods:
    """A methods paragraph in Markdown, with citations as ``[@key; @key]``."""

    text: str

    @property
    def keys(self) -> list[str]:
        """The references it cites, in order."""
        keys = [key for group in CITATION.findall(self.text) for key in _keys(group)]
        return list(dict.fromkeys(keys))

    @property
    def references(self) -> list[Reference]:
        """The entries it cites, in order."""
        return [bibliography()[key] for key in self.keys]

    @property
    def bib(self) -> str:
        """What it cites, as BibTeX."""
        return "\n\n".join(each.entry for each in self.references) + "\n"

    @property
    def numbered(self) -> str:
        """The paragraph with citations as numbers."""
        number = {key: str(n) for n, key in enumerate(self.keys, 1)}
        return CITATION.sub(
            lambda match: f"[{', '.join(number[key] for key in _keys(match[1]))}]", self.text
        )


@cache
def bibliography() -> dict[str, Reference]:
    """All references by key."""
    text = REFERENCES.read_text(encoding="utf-8")
    return {match[1]: Reference.of(match[0]) for match in ENTRY.finditer(text)}


def of(nodes: Nodes) -> Methods:
    """The methods of some files, given by name with parameters and software (see ``lineage``)."""
    steps = [(Path(name), node["Parameters"]) for name, node in nodes.items()]
    text = render(
        "methods.tpl",
        version=provenance.VERSION,
        **_defacing(steps),
        **_brains(steps),
        **_registrations(steps),
        **_perfusion(steps),
        mr_series=any(file.name.endswith("_desc-mean_dsc.nii.gz") for file, _ in steps),
        grey=_grey(steps),
        gammas=any(S0_ON_TEMPLATE.search(file.name) for file, _ in steps),
        corrected=_corrected(nodes),
        software=_software(node["Software"] for node in nodes.values()),
    )
    return Methods(" ".join(text.split()))


def _defacing(steps: Steps) -> dict[str, Any]:
    masks = [
        about
        for file, about in steps
        if file.name.endswith("_label-face_mask.nii.gz") and "Backend" in about
    ]
    return {
        "faces": _backends(FACES, (about["Backend"] for about in masks)),
        "margin_mm": masks[0]["Metrics"]["BrainMarginMm"] if masks else None,
    }


def _brains(steps: Steps) -> dict[str, Any]:
    masks = [
        (file, about["Backend"])
        for file, about in steps
        if file.name.endswith("_space-orig_desc-brain_mask.nii.gz") and "Backend" in about
    ]
    on_ct = {BRAINS[name].methods_on_ct for file, name in masks
             if name in BRAINS and ON_CT.search(file.name)}  # fmt: skip
    return {
        "brains": _backends(BRAINS, (name for _, name in masks)),
        "on_ct": sorted(filter(None, on_ct)),
    }


def _backends(known: Mapping[str, Backend], used: Iterable[str]) -> list[str]:
    """What to say of each backend; one that is no longer known goes by its name."""
    return [
        _cited(known[name].methods, known[name].cites) if name in known else f"with {name}"
        for name in sorted(set(used))
    ]


def _registrations(steps: Steps) -> dict[str, Any]:
    """For each target, kind of transform and engine, which scans were registered."""
    moves: dict[tuple[str, str, str], set[str]] = {}
    for file, about in steps:
        match = TRANSFORM.search(file.name)
        scan = match and kinds.scan_kind(match[1])
        if match and scan and "Corrections" not in about:  # the way back says nothing new
            key = match[2], about["Type"], about.get("Engine", OWN)
            moves.setdefault(key, set()).add(scan.title)
    by_target: dict[str, list[dict[str, str]]] = {"to_reference": [], "to_template": []}
    for (target, kind, engine), scans in moves.items():
        listed, fixed = _listed(sorted(scans)), kinds.scan_kind(target)
        linear = f"{'affine' if kind in WARPS else kind} transforms"
        how = _sentence(linear, ENGINES[engine].methods, ENGINES[engine].cites)
        if fixed:
            by_target["to_reference"].append({"scans": listed, "target": fixed.title, "how": how})
        else:
            how = _sentence(how, *WARPS.get(kind, ("", ())))
            name = _cited(target, TEMPLATES.get(target, ()))
            by_target["to_template"].append({"scans": listed, "target": name, "how": how})
    return by_target


def _perfusion(steps: Steps) -> dict[str, Any]:
    maps = next((a for file, a in steps if file.name.endswith("_acq-ctp_cbf.nii.gz")), None)
    core = next((a for file, a in steps if "space-orig_label-core" in file.name), None)
    return {
        "maps": maps,
        "deconvolution": _cited(*DECONVOLUTIONS[maps["Method"]]) if maps else None,
        "thresholds": core and core["Thresholds"],
    }


def _grey(steps: Steps) -> str:
    """How grey levels were made comparable; nothing if they were not."""
    made = [
        (file.name.partition(".")[0], about["Method"]) for file, about in steps if "Method" in about
    ]
    return _listed(
        [
            _cited(words, keys)
            for ending, begun, words, keys in GREY
            if any(name.endswith(ending) and method.startswith(begun) for name, method in made)
        ]
        or [""]
    )


def _corrected(nodes: Nodes) -> str:
    """How many outputs people corrected, by sort; nothing if none."""
    names = given.named(nodes)
    counts = {
        what: sum(pattern.search(name) is not None for name in names)
        for what, pattern in CORRECTED.items()
    }
    listed = [f"{n} {what if n > 1 else what[:-1]}" for what, n in counts.items() if n]
    others = len(names) - sum(counts.values())
    return (
        _listed([*listed, *([f"{others} other mask{'s' if others > 1 else ''}"] if others else [])])
        if names
        else ""
    )


def _software(sidecars: Iterable[Mapping[str, str]]) -> list[str]:
    used: dict[str, str] = {}
    for each in sidecars:
        used |= each
    used.pop("strokeprep", None)
    return [
        _cited(f"{name} {version}", SOFTWARE.get(name, ()))
        for name, version in sorted(used.items())
    ]


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _cited(words: str, keys: Sequence[str]) -> str:
    """Words with their citations."""
    return f"{words} [{'; '.join('@' + key for key in keys)}]" if keys else words


def _sentence(begun: str, words: str, keys: Sequence[str]) -> str:
    """A sentence that goes on with words and their citations, if there are any."""
    return f"{begun} {_cited(words, keys)}" if words else begun


def _keys(group: str) -> Iterator[str]:
    """The keys within the brackets of one citation."""
    return (key.strip(" @") for key in group.split(";"))
