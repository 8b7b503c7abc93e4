"""What was done, in words, read from the graph of what is really there.

Snakemake's own process writes the cohort's, so this needs the standard library alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from strokeprep.run import provenance
from strokeprep.settings.backends import BRAINS, FACES, Backend
from strokeprep.study import outputs

Nodes = Mapping[str, Mapping[str, Any]]
Steps = Sequence[tuple[str, Mapping[str, Any]]]  # names of files, and with what they were made

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
    "isensee2021": """@article{isensee2021,
  author = {Isensee, Fabian and Jaeger, Paul F. and Kohl, Simon A. A. and Petersen, Jens and Maier-Hein, Klaus H.},
  title = {{nnU-Net}: a self-configuring method for deep learning-based biomedical image segmentation},
  journal = {Nature Methods}, year = {2021}, volume = {18}, pages = {203--211},
  doi = {10.1038/s41592-020-01008-z}
}""",
    "liu2023": """@article{liu2023,
  author = {Liu, Chin-Fu and others},
  title = {A large public dataset of annotated clinical {MRIs} and metadata of patients with acute stroke},
  journal = {Scientific Data}, year = {2023}, volume = {10}, pages = {548},
  doi = {10.1038/s41597-023-02457-9}
}""",
    "wasserthal2023": """@article{wasserthal2023,
  author = {Wasserthal, Jakob and others},
  title = {{TotalSegmentator}: robust segmentation of 104 anatomic structures in {CT} images},
  journal = {Radiology: Artificial Intelligence}, year = {2023}, volume = {5}, pages = {e230024},
  doi = {10.1148/ryai.230024}
}""",
}  # fmt: skip
WARPS = {
    "affine": ("affine transforms", ()),
    "bspline": ("affine transforms followed by B-spline deformations", ()),
    "syn": ("affine transforms followed by ANTs' symmetric diffeomorphisms", ("avants2008",)),
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
TEMPLATES = ("MNI152NLin2009aSym", "MNI152NLin2009cAsym", "MNI152NLin2009cSym")
TRANSFORM = re.compile(r"_from-(\w+)_to-(\w+)_mode-image_xfm\.(?:txt|h5)$")
CITATION = re.compile(r"\[@([a-z0-9; @]+)\]")


def text(nodes: Nodes) -> tuple[str, list[str]]:
    """The methods paragraph (Markdown, ``[@key]`` citations) and its references, in order.

    ``nodes`` are files by name with their parameters and software (see ``lineage``).
    """
    steps = [(Path(name).name, node["Parameters"]) for name, node in nodes.items()]
    sentences = [
        f"Images were preprocessed with strokeprep {provenance.VERSION}, a Snakemake workflow "
        "[@molder2021], and organised as a BIDS derivative [@gorgolewski2016].",
        *_defacing(steps),
        *_brains(steps),
        *_registrations(steps),
        *_perfusion(steps),
        *_quality(steps),
        _software(node["Software"] for node in nodes.values()),
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


def _defacing(steps: Steps) -> list[str]:
    masks = [about for name, about in steps if name.endswith("_label-face_mask.nii.gz")]
    if not masks:
        return []
    used = sorted({about["Backend"] for about in masks})
    margin = masks[0]["Metrics"]["BrainMarginMm"]
    return [
        f"Faces were removed {_ways(FACES, used)}, sparing all within {margin:g} mm of the brain; "
        "headers were written anew."
    ]


def _brains(steps: Steps) -> list[str]:
    masks = {
        name: about["Backend"]
        for name, about in steps
        if name.endswith("_space-orig_desc-brain_mask.nii.gz")
    }
    if not masks:
        return []
    on_ct = {
        _of(BRAINS, used).methods_on_ct for name, used in masks.items() if "_acq-ncct_" in name
    }
    said = [f"Brains were segmented {_ways(BRAINS, sorted(set(masks.values())))}", *sorted(on_ct)]
    return ["; ".join(filter(None, said)) + "."]


def _ways(known: Mapping[str, Backend], used: Iterable[str]) -> str:
    """How backends find what they find, each with its references."""
    backends = [_of(known, name) for name in used]
    return " and ".join(backend.methods + _cite(backend.cites) for backend in backends)


def _registrations(steps: Steps) -> list[str]:
    """A sentence for each way into a reference or the template."""
    moves: dict[tuple[str, str], set[str]] = {}
    for name, about in steps:
        match = TRANSFORM.search(name)
        if match and match[1] in outputs.VIEWS:  # the way back says nothing new
            moves.setdefault((match[2], about["Type"]), set()).add(match[1].upper())
    said = []
    for (target, kind), scans in sorted(moves.items(), key=lambda move: move[0][0] in TEMPLATES):
        listed = _listed(sorted(scans))
        if target in outputs.VIEWS:
            said.append(
                f"{listed} were registered to the {target.upper()} of the same subject by {kind} "
                "transforms that maximise mutual information [@mattes2003]."
            )
        else:
            words, keys = WARPS.get(kind, (f"{kind} transforms", ()))
            source = _cite(("fonov2011",)) if target in TEMPLATES else ""
            said.append(f"{listed} were registered to {target}{source} by {words}{_cite(keys)}.")
    if said:
        said.append(
            "Transforms were composed, so that every image was interpolated once; masks by nearest "
            "neighbour."
        )
    return said


def _perfusion(steps: Steps) -> list[str]:
    maps = [about for name, about in steps if name.endswith("_acq-ctp_cbf.nii.gz")]
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


def _quality(steps: Steps) -> list[str]:
    if not any(re.search(r"_space-MNI.+_desc-brain_S0map\.nii", name) for name, _ in steps):
        return []
    return [
        "The fit of diffusion images to the template was judged by their fill of strips along the "
        "surface of the brain and of the lateral ventricles [@liu2023]."
    ]


def _software(found: Iterable[Mapping[str, str]]) -> str:
    used: dict[str, str] = {}
    for each in found:
        used |= each
    others = {name: version for name, version in used.items() if name != "strokeprep"}
    if not others:
        return ""
    listed = ", ".join(
        f"{name} {version}" + (" [@lowekamp2013]" if name == "SimpleITK" else "")
        for name, version in sorted(others.items())
    )
    return f"Computations used {listed}."


def _of(known: Mapping[str, Backend], name: str) -> Backend:
    """A backend; one that is not known any more goes by its name."""
    return known.get(name) or Backend(name, runs=None, methods=f"with {name}")


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _cite(keys: Sequence[str]) -> str:
    return f" [{'; '.join('@' + key for key in keys)}]" if keys else ""
