"""The error that users see: what is wrong, where, and what to do about it."""

from __future__ import annotations

from pathlib import Path


class StrokeprepError(Exception):
    """A fault that the user can correct. Any other exception is a bug."""

    def __init__(self, what: str, where: str | Path, remedy: str) -> None:
        super().__init__(what, str(where), remedy)
        self.what, self.where, self.remedy = what, str(where), remedy

    def __str__(self) -> str:
        return f"{self.what}: {self.where}. {self.remedy}"


def combined(errors: list[StrokeprepError]) -> StrokeprepError:
    """One error for several faults of one subject, so that the user sees all of them at once."""
    if len(errors) == 1:
        return errors[0]
    listed = "; ".join(f"({number}) {error}" for number, error in enumerate(errors, 1))
    return StrokeprepError(f"{len(errors)} faults", listed, "Mend each and run again.")
