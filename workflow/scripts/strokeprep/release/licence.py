"""The text of a licence, and how a release is cited."""

from __future__ import annotations

from strokeprep.errors import StrokeprepError
from strokeprep.settings.finished.release import ReleaseSettings
from strokeprep.settings.study import StudySettings

_CC = "https://creativecommons.org/licenses"
# By the SPDX name: what it is called, and where its text lies.
KNOWN = {
    "CC-BY-4.0": ("Creative Commons Attribution 4.0 International", f"{_CC}/by/4.0/"),
    "CC-BY-SA-4.0": (
        "Creative Commons Attribution-ShareAlike 4.0 International",
        f"{_CC}/by-sa/4.0/",
    ),
    "CC-BY-NC-4.0": (
        "Creative Commons Attribution-NonCommercial 4.0 International",
        f"{_CC}/by-nc/4.0/",
    ),
    "CC-BY-NC-SA-4.0": (
        "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International",
        f"{_CC}/by-nc-sa/4.0/",
    ),
    "CC0-1.0": (
        "Creative Commons Zero 1.0 Universal (public domain)",
        "https://creativecommons.org/publicdomain/zero/1.0/",
    ),
}
ALSO_CALLED = {"CC0": "CC0-1.0", "CC BY-NC-SA 4.0": "CC-BY-NC-SA-4.0", "CC BY 4.0": "CC-BY-4.0"}


def spdx(license: str) -> str:
    """A licence by its SPDX name; others stay as they are."""
    return ALSO_CALLED.get(license, license)


def text(study: StudySettings) -> str:
    """The file LICENSE of a release; without a licence nobody may use it, so it is refused."""
    if not study.license:
        raise StrokeprepError(
            "The release has no licence",
            "study.license",
            f"Set it, to {', '.join(KNOWN)} or other.",
        )
    name, place = KNOWN.get(spdx(study.license), (study.license, ""))
    lines = [f"{study.name} is licensed under {name} ({spdx(study.license)})."]
    if place:
        lines += ["", f"The text of the licence: {place}legalcode"]
    return "\n".join(lines) + "\n"


def citation(study: StudySettings, settings: ReleaseSettings) -> str:
    """How to cite a release, in one line."""
    authors = f"{', '.join(study.authors)}. " if study.authors else ""
    doi = (
        f" https://doi.org/{settings.doi.removeprefix('https://doi.org/')}" if settings.doi else ""
    )
    return f"{authors}{study.name} (version {settings.version}) [data set].{doi}"


def citation_file(study: StudySettings, settings: ReleaseSettings) -> str:
    """The file CITATION.cff of a release."""
    authors = study.authors or ("The authors of the data set",)
    lines = [
        "cff-version: 1.2.0",
        "message: Please cite this data set as below.",
        "type: dataset",
        f"title: {_quoted(study.name)}",
        f"version: {_quoted(settings.version)}",
        "authors:",
        *(f"  - name: {_quoted(author)}" for author in authors),
    ]
    if spdx(study.license) in KNOWN:
        lines.append(f"license: {spdx(study.license)}")
    if settings.doi:
        lines.append(f"doi: {_quoted(settings.doi.removeprefix('https://doi.org/'))}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Text as a YAML string."""
    return "'" + text.replace("'", "''") + "'"
