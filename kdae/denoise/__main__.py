"""Denoises files and folders: `python -m kdae.denoise INPUT... -o OUT`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kdae.cards import DEFAULT_MODEL, ENGINES
from kdae.denoise.options import KEPT, add_output, output_of
from kdae.errors import check_share, check_threads, run_main

if TYPE_CHECKING:
    from kdae.engine import Strength

_MORE = """\
A folder is searched with its subfolders, whose structure the output folder keeps; files that
are no pictures by their name, and the output folder itself if it lies inside, are passed over.
Pictures of kinds that are not read are counted at the end. Two pictures that would become the
same file keep both names (a.gif beside a.png becomes a.gif.png) or are an error before anything
is done. What a written file will not keep is said in a line before it is written.

The same command goes on where it was stopped (Ctrl-C, kill, power): a picture is in its place
when it is whole, and what is done is left out. kdae-journal.jsonl in the output folder
has a line of JSON for each: file, output, status (done or failed), reason, seconds, bytes and
modified (of the file), model, digest (of the model file), strength, exact. Pictures that failed
are tried again, those changed since are made anew; what another model, strength or engine made,
and what is not from here, is replaced with --force only.

Ends with 0 if all pictures are done, 1 if some failed, 2 if the arguments are wrong or nothing
could be begun, 130 after Ctrl-C."""

_FAST = """calculate in 8 bits (shipped models, litert); what this costs and brings is in
docs/speed.md, `kdae benchmark engines` measures it on this machine"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 if a picture failed."""
    parser = argparse.ArgumentParser(
        prog="python -m kdae.denoise",
        description=__doc__,
        epilog=f"{_MORE}\n\n{KEPT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", nargs="+", help="picture, folder of pictures, or pattern")
    parser.add_argument("-o", "--out", help="folder; or a file, if the input is a single file")
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="M",
        help="name of a shipped model, .tflite or .onnx file, run folder or .keras file "
        f"({DEFAULT_MODEL})",
    )
    parser.add_argument(
        "--strength", type=float, default=1.0, metavar="0..1", help="of the denoising (1)"
    )
    parser.add_argument(
        "--luma", type=float, metavar="0..1", help="strength in brightness (as --strength)"
    )
    parser.add_argument(
        "--colour", type=float, metavar="0..1", help="strength in colour (as --strength)"
    )
    parser.add_argument(
        "--keep-detail",
        type=float,
        default=0.0,
        metavar="0..1",
        help="how much of the fine part of what was removed from brightness is given back (0)",
    )
    parser.add_argument(
        "--force", action="store_true", help="make all anew and replace files that exist"
    )
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        help="what runs the model (litert for shipped models and .tflite files, onnx for .onnx "
        "files, else keras)",
    )
    parser.add_argument("--fast", action="store_true", help=_FAST)
    parser.add_argument(
        "--exact",
        action="store_true",
        help="give tiles all the context that the network sees; without, no value moves by "
        "more than a quarter of a level of 255",
    )
    parser.add_argument(
        "--threads", type=int, metavar="N", help="of the model (one per processor)"
    )
    add_output(parser)
    args = parser.parse_args(argv)
    luma, colour = (args.strength if own is None else own for own in (args.luma, args.colour))
    check_share("--strength", args.strength)
    check_share("--luma", luma)
    check_share("--colour", colour)
    check_share("--keep-detail", args.keep_detail)
    check_threads("--threads", args.threads)
    output = output_of(args)
    # Not at the top: help comes at once, without NumPy.
    from kdae.denoise.run import run

    return run(
        args.input,
        args.out,
        model=args.model,
        strength=_strength(luma, colour, args.keep_detail),
        force=args.force,
        engine=args.engine,
        fast=args.fast,
        exact=args.exact,
        threads=args.threads,
        **output,
    )


def _strength(luma: float, colour: float, keep_detail: float) -> float | Strength:
    """Returns a single number, as the journal has it, if that is what was asked for."""
    from kdae.engine import Strength

    if luma == colour and keep_detail == 0:
        return luma
    return Strength(luma, colour, keep_detail)


if __name__ == "__main__":
    run_main(main)
