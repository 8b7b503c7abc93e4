"""Do the work of a rule's job in a process of its own: write the mask of an image file.

    python worker.py hd-bet|totalsegmentator MODALITY MODELS IMAGE MASK [THREADS]

Prints as JSON: wall and CPU seconds of the prediction, the CPU seconds of each of its threads, the
busiest first, and the keys of the sidecar about the network.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow" / "scripts"))

import standins
from strokeprep.io import images
from strokeprep.segmentation.request import Request
from strokeprep.settings.backends import (
    BRAINS,
    NetworkSettings,  # noqa: E402
)

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_by_thread() -> dict[str, float]:
    """CPU seconds of every thread of this process."""
    stats = {path.name: (path / "stat").read_text() for path in Path("/proc/self/task").iterdir()}
    fields = {name: text.rpartition(")")[2].split() for name, text in stats.items()}
    return {name: (int(each[11]) + int(each[12])) / TICKS for name, each in fields.items()}


if __name__ == "__main__":
    backend, modality, models, source, target, *threads = sys.argv[1:]
    chosen = NetworkSettings(
        models,
        sha256=standins.digests(Path(models)),
        device="cpu",
        threads=int(threads[0]) if threads else 1,
    )
    image = images.read(source)
    wall, used, before = time.monotonic(), time.process_time(), cpu_by_thread()
    found, facts = BRAINS[backend].run(Request(image, modality, source, chosen))
    spent = {"wall_s": time.monotonic() - wall, "cpu_s": time.process_time() - used}
    by_thread = (cpu_s - before.get(name, 0.0) for name, cpu_s in cpu_by_thread().items())
    spent["by_thread"] = sorted(by_thread, reverse=True)
    images.write(found, target, on=source)
    print(json.dumps(spent | {"facts": facts}))
