"""What was done, in words and as a graph, read from the sidecars of what is really there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from strokeprep import provenance

CITED: dict[str, str] = {
    "gorgolewski2016": """@article{gorgolewski2016,
  author = {Gorgolewski, Krzysztof J. and others},
  title = {The brain imaging data structure, a format for organizing and describing outputs of neuroimaging experiments},
  journal = {Scientific Data}, year = {2016}, volume = {3}, pages = {160044},
  doi = {10.1038/sdata.2016.44}
}""",
    "molder2021": """@article{molder2021,
  author = {M{\\"o}lder, Felix and others},
  title = {Sustainable data analysis with {Snakemake}},
  journal = {F1000Research}, year = {2021}, volume = {10}, pages = {33},
  doi = {10.12688/f1000research.29032.2}
}""",
    "mattes2003": """@article{mattes2003,
  author = {Mattes, David and Haynor, David R. and Vesselle, Hubert and Lewellen, Thomas K. and Eubank, William},
  title = {{PET-CT} image registration in the chest using free-form deformations},
  journal = {IEEE Transactions on Medical Imaging}, year = {2003}, volume = {22}, pages = {120--128},
  doi = {10.1109/TMI.2003.809072}
}""",
    "fonov2011": """@article{fonov2011,
  author = {Fonov, Vladimir and others},
  title = {Unbiased average age-appropriate atlases for pediatric studies},
  journal = {NeuroImage}, year = {2011}, volume = {54}, pages = {313--327},
  doi = {10.1016/j.neuroimage.2010.07.033}
}""",
    "avants2008": """@article{avants2008,
  author = {Avants, Brian B. and Epstein, Charles L. and Grossman, Murray and Gee, James C.},
  title = {Symmetric diffeomorphic image registration with cross-correlation: evaluating automated labeling of elderly and neurodegenerative brain},
  journal = {Medical Image Analysis}, year = {2008}, volume = {12}, pages = {26--41},
  doi = {10.1016/j.media.2007.06.004}
}""",
    "lowekamp2013": """@article{lowekamp2013,
  author = {Lowekamp, Bradley C. and Chen, David T. and Ib{\\'a}{\\~n}ez, Luis and Blezek, Daniel},
  title = {The design of {SimpleITK}},
  journal = {Frontiers in Neuroinformatics}, year = {2013}, volume = {7}, pages = {45},
  doi = {10.3389/fninf.2013.00045}
}""",
    "ostergaard1996": """@article{ostergaard1996,
  author = {{\\O}stergaard, Leif and Weisskoff, Robert M. and Chesler, David A. and Gyldensted, Carsten and Rosen, Bruce R.},
  title = {High resolution measurement of cerebral blood flow using intravascular tracer bolus passages. {Part I}: Mathematical approach and statistical analysis},
  journal = {Magnetic Resonance in Medicine}, year = {1996}, volume = {36}, pages = {715--725},
  doi = {10.1002/mrm.1910360510}
}""",
    "wu2003": """@article{wu2003,
  author = {Wu, Ona and {\\O}stergaard, Leif and Weisskoff, Robert M. and Benner, Thomas and Rosen, Bruce R. and Sorensen, A. Gregory},
  title = {Tracer arrival timing-insensitive technique for estimating flow in {MR} perfusion-weighted imaging using singular value decomposition with a block-circulant deconvolution matrix},
  journal = {Magnetic Resonance in Medicine}, year = {2003}, volume = {50}, pages = {164--174},
  doi = {10.1002/mrm.10522}
}""",
    "campbell2011": """@article{campbell2011,
  author = {Campbell, Bruce C. V. and others},
  title = {Cerebral blood flow is the optimal {CT} perfusion parameter for assessing infarct core},
  journal = {Stroke}, year = {2011}, volume = {42}, pages = {3435--3440},
  doi = {10.1161/STROKEAHA.111.618355}
}""",
    "albers2018": """@article{albers2018,
  author = {Albers, Gregory W. and others},
  title = {Thrombectomy for stroke at 6 to 16 hours with selection by perfusion imaging},
  journal = {New England Journal of Medicine}, year = {2018}, volume = {378}, pages = {708--718},
  doi = {10.1056/NEJMoa1713973}
}""",
    "isensee2019": """@article{isensee2019,
  author = {Isensee, Fabian and others},
  title = {Automated brain extraction of multisequence {MRI} using artificial neural networks},
  journal = {Human Brain Mapping}, year = {2019}, volume = {40}, pages = {4952--4964},
  doi = {10.1002/hbm.24750}
}""",
    "wasserthal2023": """@article{wasserthal2023,
  author = {Wasserthal, Jakob and others},
  title = {{TotalSegmentator}: robust segmentation of 104 anatomic structures in {CT} images},
  journal = {Radiology: Artificial Intelligence}, year = {2023}, volume = {5}, pages = {e230024},
  doi = {10.1148/ryai.230024}
}""",
}  # fmt: skip
BRAIN_BACKENDS = {
    "template": ("by warping a template's brain to each image", ()),
    "hd-bet": ("with HD-BET", ("isensee2019",)),
    "totalsegmentator": ("with TotalSegmentator", ("wasserthal2023",)),
}
WARPS = {
    "affine": ("an affine transform", ()),
    "bspline": ("an affine transform followed by a B-spline deformation", ()),
    "syn": ("an affine transform followed by ANTs' symmetric diffeomorphism", ("avants2008",)),
}
DECONVOLUTIONS = {
    "osvd": (
        "block-circulant singular value decomposition with a per-voxel limit on oscillation",
        ("ostergaard1996", "wu2003"),
    ),
    "csvd": ("block-circulant singular value decomposition", ("ostergaard1996", "wu2003")),
    "tikhonov": (
        "Tikhonov-regularised block-circulant deconvolution",
        ("ostergaard1996", "wu2003"),
    ),
}
CITATION = re.compile(r"\[@([a-z0-9; @]+)\]")


def graph(root: Path, subject: str) -> dict[str, Any]:
    """Every file of a subject that has a sidecar: its inputs, transforms, parameters, software."""
    nodes = {}
    for path in _sidecars(root, subject):
        about = _read(path)
        parameters = {
            key: value
            for key, value in about.items()
            if key in ("Backend", "Method", "Constants", "Thresholds", "Type", "Interpolation",
                       "Transforms", "Seed", "Metrics", "SpatialReference", "Weights", "Model")
        }  # fmt: skip
        nodes[f"bids::{path.relative_to(root).as_posix()}"] = {
            "Sources": about["Sources"],
            "Software": about.get("Software", {}),
            "Parameters": parameters,
        }
    return {"Subject": f"sub-{subject}", "Activities": nodes}


def text(root: Path, subjects: Iterable[str]) -> tuple[str, list[str]]:
    """The methods paragraph (Markdown, ``[@key]`` citations) and its references, in order."""
    found = [_read(path) for subject in subjects for path in _sidecars(root, subject)]
    names = [path.name for subject in subjects for path in _sidecars(root, subject)]
    steps = list(zip(names, found, strict=True))
    sentences = [
        f"Images were preprocessed with strokeprep {provenance.VERSION}, a Snakemake workflow "
        "[@molder2021], and organised as a BIDS derivative [@gorgolewski2016].",
        *_defacing(steps),
        *_brains(steps),
        *_registrations(steps),
        *_perfusion(steps),
        _software(found),
    ]
    words = " ".join(filter(None, sentences))
    keys = [key.strip(" @") for group in CITATION.findall(words) for key in group.split(";")]
    return words, list(dict.fromkeys(keys))


def bib(references: Sequence[str]) -> str:
    """BibTeX of what a methods text cites."""
    return "\n\n".join(CITED[key] for key in references) + "\n"


def as_html(words: str, references: Sequence[str]) -> str:
    """The methods paragraph with numbered references."""
    number = {key: n for n, key in enumerate(references, 1)}

    def cited(match: re.Match) -> str:
        keys = [key.strip(" @") for key in match[1].split(";")]
        return "[" + ", ".join(str(number[key]) for key in keys) + "]"

    listed = "".join(
        f"<li>{escape(_field(CITED[key], 'title'))}. {escape(_field(CITED[key], 'journal'))} "
        f"{_field(CITED[key], 'year')}. doi:{escape(_field(CITED[key], 'doi'))}</li>"
        for key in references
    )
    return f"<p>{CITATION.sub(cited, escape(words))}</p><ol class=note>{listed}</ol>"


def _field(entry: str, name: str) -> str:
    return re.sub(r"[{}]", "", re.search(rf"\b{name} = {{(.*?)}}(?:,|\n)", entry)[1])


def _defacing(steps: list) -> list[str]:
    masks = [about for name, about in steps if name.endswith("_label-face_mask.json")]
    if not masks:
        return []
    margin = masks[0]["Metrics"]["BrainMarginMm"]
    return [
        "Faces were removed from every image by a template of the face, sparing all within "
        f"{margin:g} mm of the brain; headers were written anew."
    ]


def _brains(steps: list) -> list[str]:
    used = {
        about["Backend"]
        for name, about in steps
        if name.endswith("_space-orig_desc-brain_mask.json")
    }
    known = [BRAIN_BACKENDS[name] for name in sorted(used) if name in BRAIN_BACKENDS]
    if not known:
        return []
    ways = " and ".join(words + _cite(keys) for words, keys in known)
    return [f"Brains were segmented {ways}."]


def _registrations(steps: list) -> list[str]:
    within, across = [], []
    for name, about in steps:
        if match := re.search(r"_from-(\w+)_to-(\w+)_mode-image_xfm\.json$", name):
            (across if name_is_template(match[2]) else within).append((match, about))
    said = []
    if pairs := [(m[1], m[2]) for m, _ in within if not name_is_template(m[1])]:
        moved = ", ".join(sorted({source.upper() for source, _ in pairs}))
        kind = within[0][1]["Type"]
        said.append(
            f"{moved} were registered to the {pairs[0][1].upper()} by {kind} transforms that "
            "maximise mutual information [@mattes2003]."
        )
    if across:
        match, about = across[0]
        words, keys = WARPS.get(about["Type"], (f"a transform ({about['Type']})", ()))
        said.append(
            f"The {match[1].upper()} was registered to {match[2]}{_cite(('fonov2011',))} by "
            f"{words}{_cite(keys)}. Transforms were composed, so that every image was "
            "interpolated once; masks by nearest neighbour."
        )
    return said


def name_is_template(name: str) -> bool:
    """Whether the end of a transform is a template and not a scan."""
    return name.startswith("MNI") or not name.islower() and not re.fullmatch(r"[a-z0-9]+", name)


def _perfusion(steps: list) -> list[str]:
    maps = [about for name, about in steps if name.endswith("_acq-ctp_cbf.json")]
    if not maps:
        return []
    words, keys = DECONVOLUTIONS[maps[0]["Method"]]
    risk = next((a["Thresholds"] for n, a in steps if "space-orig_label-core" in n), None)
    found = [
        "CT perfusion series were corrected for motion frame by frame, resampled to one frame per "
        "second, and smoothed in plane "
        f"({maps[0]['InPlaneSmoothing']:g} mm full width at half maximum). Arterial input and "
        f"venous outflow were found automatically unless given. Maps were computed by {words}"
        f"{_cite(keys)}."
    ]
    if risk:
        found.append(
            f"Core was tissue with less than {risk['core_rcbf']:.0%} of the flow of healthy tissue"
            f"{_cite(('campbell2011',))}; late tissue had Tmax above "
            f"{risk['hypoperfused_tmax_s']:g} s{_cite(('albers2018',))}."
        )
    return found


def _software(found: list[dict]) -> str:
    used: dict[str, str] = {}
    for about in found:
        used |= about.get("Software", {})
    others = {name: version for name, version in used.items() if name != "strokeprep"}
    if not others:
        return ""
    listed = ", ".join(
        f"{name} {version}" + (" [@lowekamp2013]" if name == "SimpleITK" else "")
        for name, version in sorted(others.items())
    )
    return f"Computations used {listed}."


def _cite(keys: Sequence[str]) -> str:
    return f" [{'; '.join('@' + key for key in keys)}]" if keys else ""


def _sidecars(root: Path, subject: str) -> list[Path]:
    """Sidecars that name their sources."""
    found = sorted((root / f"sub-{subject}").rglob("*.json"))
    return [path for path in found if "Sources" in _read(path)]


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())
