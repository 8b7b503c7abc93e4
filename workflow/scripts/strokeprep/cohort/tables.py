"""The tables of a cohort: its members, their regions, and lists for tools that map symptoms to lesions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from strokeprep.clinical.outgoing import Rows
from strokeprep.cohort import plan
from strokeprep.cohort.gathering import Cohort, Member
from strokeprep.io.tables import MISSING, is_number, render
from strokeprep.io.whole import write_json, write_text

MEMBERS = {
    "participant_id": "The patient",
    "session": "The session whose files were taken",
    "group": "The group whose maps the patient is in, beside those of all",
    "in_lesion_maps": "1 if the patient's lesion mask is in the maps of lesions",
    "averaged": "The kinds of normalised images that are in the means",
    "lesion_drawn_ml": "Volume of the lesion on the grid on which it was drawn (mL)",
    "lesion_template_ml": "Volume of the lesion in the space of the template (mL)",
    "left_ml": "Its part left of the middle plane of the template (mL)",
    "right_ml": "Its part right of the middle plane of the template (mL)",
    "side": "Its side; bilateral by the rule of the config (lesions.bilateral_share)",
}


def write_members(folder: Path, cohort: Cohort) -> list[str]:
    """Write a row for each patient of the cohort."""
    return write_table(folder, plan.MEMBERS, map(_row, cohort.members), MEMBERS)


def _row(member: Member) -> dict[str, Any]:
    return {
        "participant_id": f"sub-{member.subject}",
        "session": f"ses-{member.session}" if member.session else MISSING,
        "group": member.group or MISSING,
        "in_lesion_maps": int(bool(member.mask)),
        "averaged": ",".join(member.averaged) or MISSING,
        "lesion_drawn_ml": volume(member.drawn_ml),
        "lesion_template_ml": volume(member.ml),
        "left_ml": volume(member.left_ml if member.mask else None),
        "right_ml": volume(member.right_ml if member.mask else None),
        "side": member.side,
    }


def volume(ml: float | None) -> str:
    """A volume as a cell.

    >>> volume(12.34567)
    '12.3457'
    """
    return MISSING if ml is None else f"{ml:.6g}"


def write_table(
    folder: Path, name: str, rows: Iterator[Mapping[str, Any]], columns: Mapping[str, str]
) -> list[str]:
    """Write a table and what its columns mean; the names of both files."""
    about = f"{name.removesuffix('.tsv')}.json"
    write_text(render(rows, list(columns)), folder / name)
    meanings = {column: {"Description": text} for column, text in columns.items()}
    write_json(meanings, folder / about)
    return [name, about]


# --- Lists ------------------------------------------------------------------------------------------


def write_lists(folder: Path, members: Sequence[Member], clinical: Rows) -> list[str]:
    """Write the paths of all masks, one a line, and the same with scores as a table.

    LESYMAP takes the lines as they are. NiiStat reads the table: names of unpacked images and
    columns of numbers. A value that is not known is an empty cell there.
    """
    drawn = [each for each in members if each.mask]
    rows = {each.mask: clinical.get(f"sub-{each.subject}", {}) for each in drawn}
    scores = sorted({name for row in rows.values() for name in row if _is_score(name, rows)})
    design = [
        {"ImageName": each.mask.removesuffix(".gz"), "lesion_ml": volume(each.ml)}
        | {name: _score(rows[each.mask].get(name, MISSING)) for name in scores}
        for each in drawn
    ]
    write_text("".join(f"{each.mask}\n" for each in drawn), folder / plan.MASK_LIST)
    write_text(render(design, ["ImageName", "lesion_ml", *scores]), folder / plan.DESIGN)
    return [plan.MASK_LIST, plan.DESIGN]


def _is_score(name: str, rows: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether a column holds numbers alone; codes of levels that are numbers are among them."""
    values = {row[name] for row in rows.values() if row.get(name, MISSING) != MISSING}
    return bool(values) and all(map(is_number, values))


def _score(value: str) -> str:
    return "" if value == MISSING else value
