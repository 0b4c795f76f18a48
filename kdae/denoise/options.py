"""The options of the command on how pictures are written, and the table of what is kept."""

from __future__ import annotations

import argparse
from typing import Any

from kdae.errors import UserError

OVERWRITE = "overwrite"
"""The word that allows to write in place without a backup."""
FORMATS = {"png": ".png", "jpeg": ".jpg", "tiff": ".tif", "webp": ".webp", "avif": ".avif"}

KEPT = """\
what is kept, format by format (EXIF stands for date, camera, GPS and copyright too):

           pages, frames       values                 channels         metadata
  TIFF     all pages           8, 16 and 32 bits,     any number       EXIF XMP IPTC ICC,
                               floats, signed                          density, all tags
  PNG      animation, timing   8 and 16 bits          grey RGB alpha   EXIF XMP ICC, density,
                                                                       texts, gAMA cHRM cICP
  JPEG     one picture         8 bits                 grey RGB         EXIF XMP IPTC ICC,
                                                                       density, comment
  WebP     animation, timing   8 bits                 RGB alpha        EXIF XMP ICC
  AVIF     animation, timing   8 bits                 RGB alpha        EXIF XMP ICC
  HEIC     one picture         8 bits                 RGB alpha        EXIF XMP ICC
  BMP      one picture         8 bits                 grey RGB         density
  GIF      read only: becomes PNG, with all frames and their timing
  PPM, JPEG 2000, QOI, camera raw   read only: become PNG

HEIC needs pip install 'kdae[heif]', camera raw pip install 'kdae[raw]' (developed with the
white balance of the camera to 16 bits of sRGB). Floats beyond 0 to 1 and integers other than
of 8 and 16 bits: the quantiles 0.001 and 0.999 become 0 and 1 for the network, and are scaled
back; what lies beyond is added again. Values of 9 to 15 bits become 16; palettes and CMYK
become RGB (not in TIFF: inks stay). Thumbnail and mask pages stay as they are. Pixels are
turned upright and the orientation is reset; TIFF stays as it is stored. More pages, channels
or values than the written format holds are an error."""


def add_output(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "--format", choices=list(FORMATS), help="of all outputs in a folder (as the input)"
    )
    group.add_argument(
        "--quality",
        type=int,
        metavar="1..100",
        help="of JPEG, AVIF and HEIC (95), and of WebP (lossless)",
    )
    group.add_argument(
        "--suffix",
        default="",
        metavar="TEXT",
        help="put behind the name of each output in a folder: photo_clean.jpg for _clean (if "
        "it begins with - write --suffix=-clean)",
    )
    group.add_argument(
        "--in-place",
        metavar="ENDING",
        help="in place of --out: replace each picture by its denoised copy and keep it under "
        f"its name and this ending, such as .orig; with {OVERWRITE!r} it is not kept",
    )
    group.add_argument(
        "--strip", action="store_true", help="leave out metadata but the colour profile"
    )
    group.add_argument(
        "--strip-place", action="store_true", help="leave out the place (GPS) alone"
    )


def output_of(args: argparse.Namespace) -> dict[str, Any]:
    """Returns what the options say, as `kdae.denoise.run.run` takes it.

    Raises:
        UserError: If they do not go together.
    """
    if (args.out is None) == (args.in_place is None):
        raise UserError("expected either --out or --in-place")
    if args.in_place is not None:
        if args.format or args.suffix:
            raise UserError("--in-place: does not go with --format or --suffix")
        if args.in_place != OVERWRITE and not args.in_place.startswith((".", "-", "_", "~")):
            raise UserError(
                f"--in-place: expected an ending such as .orig, or {OVERWRITE}, "
                f"got {args.in_place!r}"
            )
    if args.quality is not None and not 1 <= args.quality <= 100:
        raise UserError(f"--quality: expected 1 to 100, got {args.quality}")
    if "/" in args.suffix or "\\" in args.suffix:
        raise UserError(f"--suffix: expected a part of a name, got {args.suffix!r}")
    return {
        "quality": args.quality,
        "strip": args.strip,
        "strip_place": args.strip_place,
        "in_place": args.in_place,
        "ending": FORMATS.get(args.format),
        "suffix": args.suffix,
    }
