"""The ways to find a brain or a face, and the weights of their networks: one row each.

A row holds all that is known of a backend without running it. The rules, the config, the methods
text and the steps read it here; only a job imports the code that the row names. A new backend is
a module below ``segmentation/backends`` and a row in ``BRAINS`` or ``FACES``.

>>> BRAINS["totalsegmentator"].weights("ct", fast=False)
('total-crop', 'total-head')
>>> choices("brain", "ct")
('template', 'totalsegmentator', 'mindgrab')
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any

from strokeprep.settings.field import setting, typed

LICENSE_VARIABLE = "TOTALSEG_LICENSE"

# --- Weights ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Model:
    """A set of weights: where it is published, and what is in it."""

    name: str
    url: str
    folder: str  # where its package looks for it, below the models folder
    files: tuple[str, ...]  # patterns of what must be there after unpacking, relative to folder
    sha256: str | None = None  # of what is published, where it is known
    licensed: str | None = None  # the task for which the server wants a licence number
    published: str = ""  # the name of the archive, where the address does not tell it

    @property
    def archive(self) -> str:
        """The file name of what is published, as in the offline folder."""
        if self.licensed:
            return f"{PurePosixPath(self.folder).name}.zip"
        if self.published:
            return self.published
        return PurePosixPath(self.url.partition("?")[0]).name

    @property
    def is_archive(self) -> bool:
        """Whether an archive is published, and not the only file itself."""
        return self.archive.endswith(".zip")


HD_BET_URL = "https://zenodo.org/records/14445620/files/release_v1.5.0.zip?download=1"
RELEASES = "https://github.com/wasserth/TotalSegmentator/releases/download"
MINDGRAB_URL = (
    "https://raw.githubusercontent.com/neuroneural/brainchop/"
    "4c87885f3a2a8835e260d521dcec922b58d91d41/public/models/mindgrab/model.bin"
)
# All of a record as one archive.
SEGMENTOR_URL = "https://zenodo.org/api/records/16920681/files-archive"
LICENSED = "https://backend.totalsegmentator.com:443/download_weights"
NNUNET_FILES = ("*/plans.json", "*/dataset.json", "*/fold_0/checkpoint_final.pth")


def _total(name: str, release: str, dataset: str, sha256: str | None = None) -> Model:
    url = f"{RELEASES}/{release}/{dataset}.zip"
    return Model(name, url, f"totalsegmentator/{dataset}", NNUNET_FILES, sha256)


def _face(name: str, task: str, dataset: str) -> Model:
    return Model(name, LICENSED, f"totalsegmentator/{dataset}", NNUNET_FILES, licensed=task)


MODELS = {
    model.name: model
    for model in (
        Model(
            "hd-bet",
            HD_BET_URL,
            "hd-bet",
            ("plans.json", "dataset.json", "fold_all/checkpoint_final.pth"),
        ),
        Model(
            "mindgrab",
            MINDGRAB_URL,
            "mindgrab",
            ("model.bin",),
            "c9a01490fe2d13acc1515fd019b69db176ebe6f40c9b84aeb77f25acbc2ee0f3",
        ),
        Model(
            "stroke-segmentor",
            SEGMENTOR_URL,
            "stroke-segmentor",
            tuple(f"model{number}.ts" for number in range(15)),
            published="16920681.zip",
        ),
        # The publisher gives no digest. This one is what several projects that fetch this
        # archive have recorded, independently of one another.
        _total(
            "total-fast",
            "v2.0.0-weights",
            "Dataset297_TotalSegmentator_total_3mm_1559subj",
            "0baa2c8de2975600eb31801dd5c1825cd2b356f794498659cf3348714c073394",
        ),
        _total("total-crop", "v2.0.0-weights", "Dataset298_TotalSegmentator_total_6mm_1559subj"),
        _total(
            "total-head", "v2.0.0-weights", "Dataset294_TotalSegmentator_part4_muscles_1559subj"
        ),
        _total("total-mr-fast", "v2.5.0-weights", "Dataset852_TotalSegMRI_total_3mm_1088subj"),
        _total("total-mr-head", "v2.5.0-weights", "Dataset851_TotalSegMRI_part2_muscles_1088subj"),
        _face("face", "face", "Dataset303_face_1559subj"),
        _face("face-mr", "face_mr", "Dataset856_TotalSegMRI_face_1088subj"),
    )
}

# --- Backends ---------------------------------------------------------------------------------

Weights = Mapping[str, tuple[str, ...]]  # names of models, by modality


@dataclass(frozen=True)
class Backend:
    """A way to find a brain or a face: what it needs, what to say of it, and how it runs."""

    name: str
    runs: str | None  # "module:function"; None where nothing is run and the image stays as it is
    about: str = ""  # how the config's description goes on after its name
    methods: str = ""  # how the methods text goes on after "were segmented" or "were removed"
    methods_on_ct: str = ""  # what it adds where the backend has worked on a CT
    cites: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ("ct", "mr")
    needs_location: bool = False  # whether it finds a brain by where the head lies in the template
    full: Weights = field(default_factory=dict)
    fast: Weights = field(default_factory=dict)  # those of coarse networks, where there are any
    torch: bool = False  # whether its network runs on torch, and so on a GPU if there is one
    options: tuple[str, ...] = ()  # keys of the config's section models that change the answer
    memory_mb: int = 8000
    minutes: int = 60

    @property
    def is_network(self) -> bool:
        """Whether it needs weights, and can use several threads."""
        return bool(self.full)

    @property
    def module(self) -> str | None:
        """The module with its code."""
        return self.runs and self.runs.partition(":")[0]

    def weights(self, modality: str, fast: bool) -> tuple[str, ...]:
        """The models it needs for a modality (ct or mr); none where it uses no network."""
        return ((self.fast if fast else {}) or self.full).get(modality, ())

    def run(self, *arguments: Any) -> Any:
        """Load its code, which may take seconds, and run it."""
        return self.code()(*arguments)

    def code(self) -> Callable[..., Any]:
        """The function that does the work."""
        if self.runs is None:
            raise ValueError(f"backend {self.name} runs nothing")
        module, _, function = self.runs.partition(":")
        return getattr(import_module(module), function)


NNUNET, TOTAL_SEGMENTATOR = ("isensee2021",), ("wasserthal2023", "isensee2021")
CODE = "strokeprep.segmentation.backends"

# TotalSegmentator itself would ask for all parts of a body; a head needs one network, and one to
# find the head by.
TOTAL_FULL = {"ct": ("total-crop", "total-head"), "mr": ("total-mr-fast", "total-mr-head")}
TOTAL_FAST = {"ct": ("total-fast",), "mr": ("total-mr-fast",)}

BRAINS = {
    backend.name: backend
    for backend in (
        Backend(
            "template",
            f"{CODE}.template:brain",
            about="moves the template's brain to the head and needs neither weights nor a GPU",
            methods="by warping a template's brain to each image",
            methods_on_ct="on CT, bone and air near its surface were left out",
            needs_location=True,
            memory_mb=4000,
            minutes=30,
        ),
        Backend(
            "hd-bet",
            f"{CODE}.hd_bet:brain",
            about="was trained on T1w, T2w and FLAIR",
            methods="with HD-BET",
            cites=("isensee2019", *NNUNET),
            modalities=("mr",),  # it was trained on no other
            full={"mr": ("hd-bet",)},
            torch=True,
            options=("mirroring",),
        ),
        Backend(
            "totalsegmentator",
            f"{CODE}.total_segmentator:brain",
            about="was trained on whole bodies and on CT takes all that the skull encloses",
            methods="with TotalSegmentator",
            cites=TOTAL_SEGMENTATOR,
            full=TOTAL_FULL,
            fast=TOTAL_FAST,
            torch=True,
        ),
        Backend(
            "mindgrab",
            f"{CODE}.mindgrab:brain",
            about="was trained on heads of any contrast and needs neither torch nor a GPU",
            methods="with MindGrab",
            cites=("fani2025", "fedorov2017"),
            full={"ct": ("mindgrab",), "mr": ("mindgrab",)},
            memory_mb=4000,
        ),
    )
}

FACES = {
    backend.name: backend
    for backend in (
        Backend(
            "template",
            f"{CODE}.template:face",
            about="removes what a template of the face marks in front of and below the brain",
            methods="by a template of the face",
            memory_mb=3000,
            minutes=20,
        ),
        Backend(
            "totalsegmentator",
            f"{CODE}.total_segmentator:face_by_parts",
            about="removes what lies in front of and below the brain and skull that it finds",
            methods="in front of and below what TotalSegmentator finds",
            cites=TOTAL_SEGMENTATOR,
            full=TOTAL_FULL,
            fast=TOTAL_FAST,
            torch=True,
        ),
        Backend(
            "totalsegmentator-face",
            f"{CODE}.total_segmentator:face",
            about="removes what its licensed networks call the face",
            methods="with TotalSegmentator",
            cites=TOTAL_SEGMENTATOR,
            full={"ct": ("face",), "mr": ("face-mr",)},
            torch=True,
        ),
        Backend(
            "none",
            runs=None,
            about="removes nothing and is only allowed if study.defaced is true",
        ),
    )
}

# Those that propose infarcts, which is no part of a run.
SEGMENTOR = Backend(
    "stroke-segmentor",
    f"{CODE}.stroke_segmentor:infarct",
    about="runs one of the three methods of DeepISLES, on a CPU too",
    full={"mr": ("stroke-segmentor",)},
    torch=True,
    memory_mb=12000,
)
DEEPISLES = Backend(
    "deepisles",
    f"{CODE}.deepisles:infarct",
    about="runs the container of DeepISLES, on a GPU alone; without FLAIR, one method of three",
)
NONE = Backend("none", runs=None, about="proposes nothing")
PROPOSALS = {backend.name: backend for backend in (NONE, SEGMENTOR, DEEPISLES)}

# By section of the config.
BACKENDS = {"brain": BRAINS, "deface": FACES}


def choices(section: str, modality: str) -> tuple[str, ...]:
    """What a section of the config may choose for a modality."""
    return tuple(
        name for name, backend in BACKENDS[section].items() if modality in backend.modalities
    )


def description(section: str, modality: str) -> str:
    """What the config says about the choices of a section for a modality."""
    known = BACKENDS[section]
    said = [f"{name} {known[name].about}" for name in choices(section, modality)]
    return f"Method for {modality.upper()}: {'; '.join(said)}."


# --- Settings ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class DefaceSettings:
    """How faces are removed."""

    ct: str = setting("template", description("deface", "ct"), choices=choices("deface", "ct"))
    mr: str = setting("template", description("deface", "mr"), choices=choices("deface", "mr"))
    brain_margin_mm: float = setting(
        3,
        "Distance (mm) from the brain within which nothing is removed. Brain masks are off by a "
        "few millimetres at the frontal base, and no brain may be lost; a wide margin leaves skin "
        "over the forehead.",
        at_least=0,
        at_most=30,
    )


@dataclass(frozen=True)
class BrainSettings:
    """How the brain is segmented."""

    ct: str = setting("template", description("brain", "ct"), choices=choices("brain", "ct"))
    mr: str = setting("template", description("brain", "mr"), choices=choices("brain", "mr"))


@dataclass(frozen=True)
class ProposalSettings:
    """Infarcts that `snakemake propose` draws for a person to correct (docs/segmentation.md)."""

    backend: str = setting(
        "none",
        f"Method: {'; '.join(f'{each.name} {each.about}' for each in PROPOSALS.values())}.",
        choices=tuple(PROPOSALS),
    )
    container: str | None = setting(
        None,
        "The image of DeepISLES by its digest (isleschallenge/deepisles@sha256:…). Tags are refused, "
        "since what they stand for changes.",
        pattern="^[^@]+@sha256:[0-9a-f]{64}$",
        called="NAME@sha256:DIGEST",
    )


@dataclass(frozen=True)
class NetworkSettings:
    """The networks of hd-bet, totalsegmentator and mindgrab."""

    folder: str = setting(
        "models",
        "Where the weights lie; make models fetches them, on a machine with network.",
    )
    offline: str | None = setting(
        None,
        "A folder with the publishers' archives, or with the folders that the packages unpack; "
        "weights are then taken from there and nothing is downloaded.",
    )
    sha256: Mapping[str, str] = setting(
        {},
        "SHA-256 of archives by model name, to hold a fetch to; weights.json beside fetched "
        "weights has them.",
        keys=tuple(MODELS),
        pattern="^[0-9a-f]{64}$",
        called="64 hexadecimal digits",
    )
    device: str = setting(
        "auto",
        "auto takes a GPU where there is one, and else the CPU; cuda and cuda:N (the GPU of that "
        "number) must be there; cpu uses none.",
        pattern="^(auto|cpu|cuda(:[0-9]+)?)$",
        called="auto, cpu, cuda or cuda:N",
    )
    fast: bool = setting(
        True,
        "TotalSegmentator's networks of 3 mm instead of those of 1.5 mm, which take much longer.",
    )
    mirroring: bool = setting(
        False,
        "Average HD-BET over mirrored copies: eight times the work for a slightly better mask.",
    )
    # What a job adds. The licence number comes from the environment, so that it stands in no
    # config, log or sidecar.
    threads: int = 1
    license_number: str | None = field(
        default_factory=lambda: os.environ.get(LICENSE_VARIABLE), repr=False
    )

    def affecting(self, backend: Backend) -> dict[str, Any]:
        """What a backend's answer depends on, beside the weights.

        Where a network runs is left out: a study begun on a GPU may go on without.
        """
        return {key: getattr(self, key) for key in backend.options}


def for_job(section: Mapping[str, Any], threads: int) -> NetworkSettings:
    """The config's section ``models`` as a job uses it.

    It reaches a job with the config, not as a parameter: where a network runs changes no result,
    so a change must not run the job again.
    """
    return replace(typed(NetworkSettings, section), threads=threads)
