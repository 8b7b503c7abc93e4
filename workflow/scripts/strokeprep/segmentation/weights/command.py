"""Fetch the weights of segmentation networks, or check those that are there.

strokeprep weights --folder models hd-bet total-fast
strokeprep weights --folder models --from /media/usb hd-bet
strokeprep weights --folder models --check hd-bet
"""

from __future__ import annotations

import argparse
import re
import sys

from strokeprep.errors import StrokeprepError
from strokeprep.segmentation.weights import fetching, store
from strokeprep.settings.backends import MODELS


def main(arguments: list[str] | None = None) -> int:
    """Fetch or check models; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        if not options.check:
            fetching.fetch(
                options.names, options.folder, offline=options.offline, known=dict(options.sha256)
            )
        for name in options.names:
            place, digest = store.verified(name, options.folder, dict(options.sha256))
            print(f"{name}: {place}, sha256:{digest}")
    except StrokeprepError as error:
        print(f"strokeprep: {error}", file=sys.stderr)
        return 1
    return 0


def _known_digest(pair: str) -> tuple[str, str]:
    """A model and its digest, from MODEL=DIGEST."""
    name, _, digest = pair.partition("=")
    if name not in MODELS or not re.fullmatch("[0-9a-f]{64}", digest.lower()):
        raise argparse.ArgumentTypeError(f"{pair} is not MODEL=DIGEST, 64 hexadecimal digits")
    return name, digest.lower()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", choices=MODELS, metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--folder", default="models")
    parser.add_argument("--from", dest="offline", help="a folder of archives; no network is used")
    parser.add_argument(
        "--sha256",
        action="append",
        default=[],
        type=_known_digest,
        metavar="MODEL=DIGEST",
        help="of the archive, or of all files of a model",
    )
    parser.add_argument("--check", action="store_true", help="verify what is there")
    return parser
