"""Damages picture files of all kinds and denoises them: no crash, and nothing half-written."""

import random
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from kdae.denoise.plan import Job, writable
from kdae.denoise.stream import denoise_file
from kdae.errors import UserError
from kdae.images import Picture, open_pages, read_image
from tests.denoise.halving import halving
from tests.denoise.test_cases import CASES

# Description, camera, artist, copyright, resolution, XMP, profile and place (GeoTIFF).
_SAYS = (270, 271, 272, 282, 283, 306, 315, 700, 33432, 33550, 33922, 34675, 34735, 34737)
_MOST = 40_000  # bytes of a file: larger ones take long and hold little more


def seeds(folder: Path) -> list[Path]:
    """Files of all kinds: the cases, and some that are made here."""
    small = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    for ending in ("bmp", "gif", "jpg", "png", "ppm", "webp", "tif", "avif", "jp2"):
        Image.fromarray(small).save(folder / f"made.{ending}")
    (folder / "deep.png").write_bytes(imagecodecs.png_encode(small.astype(np.uint16) * 257))
    for compression in ("lzw", "zstd", "packbits", "jpeg"):
        tifffile.imwrite(
            folder / f"{compression}.tif",
            np.stack([small] * 3),
            photometric="rgb",
            compression=compression,
        )
    made = [*folder.iterdir(), *CASES.glob("*.*")]
    return sorted(path for path in made if path.stat().st_size <= _MOST)


def damage(data: bytes, chance: random.Random) -> bytes:
    """Returns the file with some bytes changed, left out, doubled, or cut off."""
    changed = bytearray(data)
    reach = chance.choice([64, 512, len(changed)])
    for _ in range(chance.choice([0, 1, 1, 2, 5])):
        place = chance.randrange(min(reach, len(changed)))
        what = chance.randrange(4)
        if what == 0:
            changed[place] = chance.randrange(256)
        elif what == 1:
            del changed[place : place + chance.randrange(1, 9)]
        elif what == 2:
            changed[place:place] = changed[place : place + chance.randrange(1, 9)]
        else:
            changed[place] ^= 1 << chance.randrange(8)
        if not changed:
            break
    if chance.random() < 0.1:
        del changed[chance.randrange(len(changed) + 1) :]
    return bytes(changed)


def layout(path: Path) -> list[tuple[object, ...]]:
    """Size, channels and type of all pages, as other libraries read them."""
    if path.suffix == ".tif":
        with tifffile.TiffFile(path) as tiff:
            return [_page(page.aspage()) for page in tiff.pages]
    with Image.open(path) as image:
        found: list[tuple[object, ...]] = []
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            image.load()  # whole
            found.append(image.size)
        return found


def _page(page: tifffile.TiffPage) -> tuple[object, ...]:
    size = page.imagelength, page.imagewidth
    # Palettes, single bits, 12 bits and CIELAB do not stay what they are; a note says so.
    stays = page.bitspersample in (8, 16, 32, 64) and int(page.photometric) in (0, 1, 2, 5)
    return (*size, page.samplesperpixel, str(page.dtype)) if stays else size


def compare(source: Path, target: Path) -> None:
    """Compares a file that was accepted with what was written in the same format.

    Raises:
        AssertionError: If a page, a channel, the type of values or what the file says is lost.
    """
    written = layout(target)
    if source.suffix != target.suffix:
        return
    if source.suffix == ".tif":
        pairs = list(zip(layout(source), written, strict=True))
        assert all(a == b for a, b in pairs if len(a) > 2), pairs
        assert all(a[:2] == b[:2] for a, b in pairs), pairs
        compare_tags(source, target)
        return
    if source.suffix != ".webp":  # which keeps equal frames as one
        assert len(layout(source)) == len(written), source.name
    before, after = first_picture(source), first_picture(target)
    assert before.pixels.shape == after.pixels.shape, source.name
    assert before.pixels.dtype == after.pixels.dtype or before.notes, source.name
    assert (before.alpha is None) == (after.alpha is None), source.name
    assert before.notes or before.icc_profile == after.icc_profile, source.name
    said, kept = before.metadata, after.metadata
    assert (said.exif, said.xmp, said.iptc) == (kept.exif, kept.xmp, kept.iptc), source.name
    assert said.comment == kept.comment, source.name
    assert sorted(said.chunks) == sorted(kept.chunks), source.name
    assert said.density is None or kept.density is not None, source.name


def compare_tags(source: Path, target: Path) -> None:
    """Compares what the first pages of two TIFF files say of themselves."""
    if first_picture(source).notes:  # what is lost is told
        return
    with tifffile.TiffFile(source) as before, tifffile.TiffFile(target) as after:
        said, kept = (pages[0].aspage().tags for pages in (before.pages, after.pages))
        for tag in said:
            # What tifffile said of a shape that is not there is left out, and that is told.
            if tag.code in _SAYS and not str(tag.value).startswith('{"shape"'):
                now = kept.valueof(tag.code)
                # Fractions may be reduced.
                ratio = (
                    tag.code in (282, 283) and now[0] * tag.value[1] == now[1] * tag.value[0]
                )
                assert ratio or now == tag.value, f"{source.name}: {tag.name} {now!r}"


def first_picture(path: Path) -> Picture:
    """Returns the picture of a file, or its first frame."""
    pages = open_pages(path)
    return read_image(path) if pages is None else next(iter(pages.read()))


def fuzz(folder: Path, count: int, seed: int) -> tuple[int, int]:
    """Denoises damaged files.

    Returns:
        How many were accepted and how many refused.

    Raises:
        AssertionError: If a file was written that is not whole, or one that was refused left
            something behind.
        Exception: Of any kind that the command would show as a crash.
    """
    chance = random.Random(seed)
    (folder / "seeds").mkdir()
    kinds = seeds(folder / "seeds")
    accepted = refused = 0
    for index in range(count):
        origin = kinds[index % len(kinds)]
        source = folder / f"in{index}{origin.suffix}"
        source.write_bytes(damage(origin.read_bytes(), chance))
        target = folder / "out" / writable(source.name)
        try:
            denoise_file(halving(), Job(source, target))
        except UserError as error:
            refused += 1
            assert source.name in str(error), str(error)
            assert not list((folder / "out").glob("*")) if (folder / "out").exists() else True
        else:
            accepted += 1
            compare(source, target)
            target.unlink()
        source.unlink()
    return accepted, refused
