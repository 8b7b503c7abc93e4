"""Settings of the table of lesions: whether it is made, and the rules of side and type."""

from __future__ import annotations

from dataclasses import dataclass

from strokeprep.settings.field import setting


@dataclass(frozen=True)
class LesionSettings:
    """A table of each lesion of a mask: volume, place, side and type."""

    tables: bool = setting(False, "Whether to make them, with a picture of the lesions.")
    bilateral_share: float = setting(
        0.1,
        "A lesion lies on both sides if its smaller share on one side of x = 0 in template space "
        "exceeds this; else on the side of the larger. The plane x = 0 counts for neither.",
        at_least=0,
        at_most=0.5,
    )
    atlas: str | None = setting(
        None,
        "A label image in MNI space whose regions tell cortex, cerebellum and brainstem. Without it "
        "lesions have no type.",
    )
    atlas_names: str | None = setting(
        None, "Its table of names; null for the file of the same name ending in tsv, csv or txt."
    )
    atlas_template: str | None = setting(
        None,
        "The brain-extracted template image that the atlas was drawn on, if that is not the "
        "study's. It is registered to the study's once, and the labels follow.",
    )
    other: str = setting(
        "cerebell|brain.?stem|midbrain|pons|medulla oblongata",
        "Regular expression of the names of the atlas's regions in cerebellum and brainstem. A "
        "lesion that lies in them by more than half is of type other.",
    )
    cortex: str = setting(
        "cortex|cortical|ctx|gyrus|lobule|operculum|pole$",
        "Regular expression of the names of its cortical regions. A lesion that is not of type other "
        "and reaches them is cortical; any other is subcortical.",
    )
    cortical_share: float = setting(
        0.05,
        "Share of a lesion that has to lie in cortical regions, since a registration is good to "
        "millimetres.",
        at_least=0,
        at_most=1,
    )
    cortical_ml: float = setting(
        0.1, "The volume (ml, in template space) that has to lie there as well.", at_least=0
    )


LESIONS = LesionSettings()
