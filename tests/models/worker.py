"""What a rule's job does, as a process of its own: a mask of an image file, written whole.

    python worker.py hd-bet|totalsegmentator MODALITY MODELS IMAGE MASK [THREADS]

Prints wall and CPU seconds of the prediction, and what made it, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow" / "scripts"))

from strokeprep import hd_bet, images, total_segmentator  # noqa: E402
from strokeprep.nnunet import Settings  # noqa: E402

RUNNERS = {"hd-bet": hd_bet.mask, "totalsegmentator": total_segmentator.mask}

if __name__ == "__main__":
    backend, modality, models, source, target, *threads = sys.argv[1:]
    chosen = Settings(models, "cpu", int(threads[0]) if threads else 1)
    image = images.read(source)
    wall, used = time.monotonic(), time.process_time()
    found, facts = RUNNERS[backend](image, modality, source, chosen)
    spent = {"wall_s": time.monotonic() - wall, "cpu_s": time.process_time() - used}
    images.write(found, target, on=source)
    print(json.dumps(spent | {"facts": facts}))
