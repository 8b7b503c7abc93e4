"""Judge the steps of a study on its pages: serve them to this machine's browser and keep the verdicts.

strokeprep review FOLDER                    how far each rater is, and what was called bad
strokeprep review FOLDER --serve --rater A  serve the pages; writes FOLDER/work/review/verdicts_A.tsv

FOLDER holds derivatives and work. Pages work without a server as well (docs/review.md).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from strokeprep.errors import StrokeprepError
from strokeprep.report import plan
from strokeprep.report.pages import steps
from strokeprep.review import verdicts
from strokeprep.review.server import Review, Server
from strokeprep.review.verdicts import BAD, VERDICTS, Rater
from strokeprep.settings.config import REVIEW
from strokeprep.study import naming


def main() -> int:
    """Serve until interrupted, or tell how far a review is."""
    parser = _parser()
    given = parser.parse_args()
    work = given.work or given.folder / "work"
    dataset = work / naming.MADE
    folder = given.verdicts or work / REVIEW
    if not (dataset / plan.COHORT).is_file():
        parser.error(f"there is no page {dataset / plan.COHORT}; name the work folder with --work")
    if given.serve and not verdicts.RATER.fullmatch(given.rater or ""):
        parser.error("--serve needs --rater, a name of letters and digits")
    try:
        if given.serve:
            path = folder / f"{verdicts.START}{given.rater}.tsv"
            return _serve(Review(dataset / plan.FOLDER, path), given.port)
        print("\n".join(told(dataset, verdicts.raters(folder))) or f"No verdicts lie in {folder}")
    except StrokeprepError as error:
        print(f"strokeprep: {error}", file=sys.stderr)
        return 1
    return 0


def told(dataset: Path, raters: list[Rater]) -> Iterator[str]:
    """How many steps each rater judged as they are now, and which are bad."""
    named = [path.name.removeprefix("sub-") for path in (dataset / plan.FOLDER).glob("sub-*/")]
    versions = {
        (f"sub-{name}", step.step): step.version
        for name in sorted(named)
        for step in steps.read(dataset, name)
    }
    for rater in raters:
        judged = [
            each
            for each in rater.verdicts.values()
            if each.verdict in VERDICTS and versions.get(each.key) == each.version
        ]
        yield f"{rater.name}: {len(judged)} of {len(versions)} steps judged"
        for each in rater.verdicts.values():
            if each.verdict == BAD and each.key in versions:
                again = "" if each in judged else " (made again since)"
                yield f"  bad: {each.participant_id} {each.step}{again}"


def _serve(review: Review, port: int) -> int:
    review.kept()  # a file that cannot be read is told before the first page opens
    with Server(review, port) as server:
        print(f"Verdicts: {review.file}\nOpen {server.address}\nCtrl-C ends it.", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="it holds work", default=Path(), nargs="?")
    parser.add_argument("--work", type=Path, help="the work folder, if it lies elsewhere")
    parser.add_argument("--verdicts", type=Path, help="folder of the raters' files")
    parser.add_argument(
        "--serve", action="store_true", help="serve the pages, on this machine alone"
    )
    parser.add_argument("--rater", help="whose verdicts are kept")
    parser.add_argument("--port", type=int, default=0, help="any that is free unless given")
    return parser
