"""The command ``strokeprep``: what is done outside of a run, one subcommand each."""

from __future__ import annotations

import os
import sys
from importlib import import_module

# The module of each subcommand; its ``main`` reads sys.argv and returns the exit status.
SUBCOMMANDS = {
    "accuracy": "strokeprep.accuracy.summary",
    "agreement": "strokeprep.review.agreement",
    "audit": "strokeprep.run.check",
    "consensus": "strokeprep.editing.consensus",
    "correct": "strokeprep.editing.command",
    "doctor": "strokeprep.guide.doctor",
    "figures": "strokeprep.report.flagged",
    "init": "strokeprep.guide.init",
    "intake": "strokeprep.intake.command",
    "bids-schema": "strokeprep.bids.schema",
    "metrics": "strokeprep.metrics.command",
    "review": "strokeprep.review.command",
    "settings": "strokeprep.settings.docs",
    "status": "strokeprep.guide.status",
    "vocabulary": "strokeprep.privacy.vocabulary",
    "weights": "strokeprep.segmentation.weights.command",
}


def main() -> int:
    """Run the subcommand that the first argument names."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in SUBCOMMANDS:
        print(usage(), file=sys.stdout if name in ("-h", "--help") else sys.stderr)
        return 0 if name in ("-h", "--help") else 2
    sys.argv[:2] = [f"strokeprep {name}"]
    try:
        status = int(import_module(SUBCOMMANDS[name]).main())
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever read the output, such as head, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def usage() -> str:
    """All subcommands, each with the first sentence of its module."""
    about = {name: (import_module(path).__doc__ or "") for name, path in SUBCOMMANDS.items()}
    lines = [f"  {name:<13}{text.splitlines()[0]}" for name, text in about.items()]
    return "\n".join(["usage: strokeprep SUBCOMMAND ...", "", *lines])


if __name__ == "__main__":
    sys.exit(main())
