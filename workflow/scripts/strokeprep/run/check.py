"""Read a finished study's output again: every file is what was released, and none shows what it must not.

Give the folder that holds ``derivatives`` and ``work``, or both folders.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from strokeprep.run.released import Release


def faults(output: Path, work: Path) -> list[str]:
    """What is wrong with the files of an output, a line each."""
    from strokeprep.privacy import files
    from strokeprep.privacy.private_words import PrivateWords

    found = [f"{name} {fault}" for name, fault in Release(output, work).faults(read=True)]
    for path in sorted(output.rglob("*")):
        if path.is_file() and not path.is_symlink():
            name = path.relative_to(output).as_posix()
            found += [str(leak.error()) for leak in files.of_file(path, name, PrivateWords())]
    return found


def main() -> int:
    """Print the faults; 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="it holds derivatives and work")
    parser.add_argument("--output", type=Path, help="the output, if it lies elsewhere")
    parser.add_argument("--work", type=Path, help="the work folder, if it lies elsewhere")
    given = parser.parse_args()
    output, work = given.output or given.folder / "derivatives", given.work or given.folder / "work"
    if not output.is_dir():
        parser.error(f"there is no folder {output}")
    found = faults(output, work)
    print("\n".join(found) or f"{output}: every file is as it was when its audit passed")
    return int(bool(found))
