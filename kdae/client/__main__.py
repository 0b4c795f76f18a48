"""Has a server denoise a picture: `python -m kdae.client PICTURE -o OUT --server URL`.

The server runs the exported SavedModel: TF Serving or KServe (`export/serving/`). A large
picture is sent in tiles with as much context as the network sees, several at a time: the
result is that of the whole picture, and no request keeps the server from others for long.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kdae.cards import DEFAULT_MODEL, load_card
from kdae.client.client import SERVER, TIMEOUT, Client
from kdae.errors import check_share, run_main
from kdae.images import (
    change,
    from_float,
    in_kind,
    losses,
    open_pages,
    pictures_of,
    read_image,
    refuse,
    to_float,
    write_image,
    write_pages,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        prog="python -m kdae.client",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("picture", help="of any format that kdae denoise reads")
    parser.add_argument(
        "-o", "--out", required=True, help="where to; what is kept is as for kdae denoise"
    )
    parser.add_argument(
        "--server",
        default=SERVER,
        metavar="URL",
        help="http(s):// (TF Serving, KServe), tfserving:// or kserve:// (their gRPC) and "
        f"HOST:PORT ({SERVER})",
    )
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, help=f"its name on the server ({DEFAULT_MODEL})"
    )
    parser.add_argument("--card", type=Path, metavar="FILE", help="of a model of your own")
    parser.add_argument(
        "--strength", type=float, default=1.0, metavar="0..1", help="of the denoising (1)"
    )
    parser.add_argument(
        "--exact",
        action="store_true",
        help="send tiles with all the context that the network sees; without, no value moves "
        "by more than a quarter of a level of 255",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT,
        metavar="S",
        help=f"of a request ({TIMEOUT:g})",
    )
    args = parser.parse_args(argv)
    check_share("--strength", args.strength)
    card = load_card(args.card) if args.card else None
    client = Client(args.server, args.model, card=card, exact=args.exact, timeout=args.timeout)
    source, out = Path(args.picture), Path(args.out)

    def network(pixels: np.ndarray) -> np.ndarray:
        if pixels.dtype == np.float32:  # a server takes PNG
            return to_float(client.denoise(from_float(pixels, np.uint16), args.strength))
        return client.denoise(pixels, args.strength)

    pages = open_pages(source) if source.is_file() else None
    if pages is not None and in_kind(pages, out):
        _tell(source, pages.notes)
        write_pages(pages, out, (change(each, network) for each in pictures_of(pages)))
    else:
        picture = read_image(source)
        refuse(out, picture)
        _tell(source, losses(out, picture))
        write_image(out, change(picture, network))
    return 0


def _tell(source: Path, lost: list[str]) -> None:
    """Says what the written file will not keep."""
    if lost:
        print(f"note: {source}: {'; '.join(lost)}", file=sys.stderr)


if __name__ == "__main__":
    run_main(main)
