"""Loads pictures: `kdae_photos`, any TFDS data set, a folder, or folders of pairs.

Pictures are decoded once and kept as arrays of their files' type, mostly uint8 or uint16, so
that random crops are cheap. They stay in memory up to a limit; the rest is in a temporary
file, see `kdae.data.spill`.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kdae.data.licenses import read_licenses
from kdae.data.pairs import match_files
from kdae.data.reading import Chosen, Scene, choose, read_scenes
from kdae.data.spill import RAM_LIMIT, Store, chained
from kdae.data.splits import SPLITS
from kdae.errors import UserError
from kdae.images import list_images, to_channels, to_float
from kdae.images.levels import Levels

KDAE_PHOTOS = "kdae_photos"
TFDS_PREFIX = "tfds:"

_SHOWN = 5  # names in a report of skipped pictures
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pictures:
    """Pictures of one split.

    Attributes:
        names: a path for each picture (with the page and the channel, if there are several), or
            the data set's own name.
        licenses: the licence of each picture, "unknown" where none is stated.
        arrays: the pictures, `[H, W, C]` uint8 or uint16, with `levels` of any type, all with
            the same C; sizes may differ. Clean ones, unless the network learns from noisy
            pictures alone.
        noisy: for pairs the noisy partner of each picture, of the same shape; for repeats a
            shot of the scene, of which the picture is the mean of the others; else None.
        source: the source and the split, in words.
        levels: the values that are 0 and 1 to the network; None for black and white of the
            arrays' type.
    """

    names: list[str]
    licenses: list[str]
    arrays: Sequence[np.ndarray]
    noisy: Sequence[np.ndarray] | None
    source: str
    levels: Levels | None = None

    def __len__(self) -> int:
        return len(self.arrays)

    def to_float(self, array: np.ndarray) -> np.ndarray:
        """Turns one of the arrays, or a part of it, into float32 as the network sees it."""
        return self.levels.to_float(array) if self.levels else to_float(array)

    @property
    def description(self) -> str:
        """One line with the source, the number of pictures and their megapixels."""
        pixels = sum(array.shape[0] * array.shape[1] for array in self.arrays)
        kind = "pictures" if self.noisy is None else "pairs"
        return f"{self.source}: {len(self)} {kind}, {pixels / 1e6:.1f} megapixels"

    @property
    def license_summary(self) -> dict[str, int]:
        """The number of pictures under each licence, the most frequent first."""
        return dict(Counter(self.licenses).most_common())


def joined(parts: Sequence[Pictures]) -> Pictures:
    """Joins several sets with the same number of channels.

    Raises:
        UserError: some are pairs and others clean pictures alone.
    """
    if len({part.noisy is None for part in parts}) > 1:
        names = " and ".join(part.source for part in parts)
        raise UserError(f"{names}: expected pairs or clean pictures alone, got both")
    return Pictures(
        names=[name for part in parts for name in part.names],
        licenses=[license for part in parts for license in part.licenses],
        arrays=chained(part.arrays for part in parts),
        noisy=None if parts[0].noisy is None else chained(part.noisy or [] for part in parts),
        source=" + ".join(part.source for part in parts),
    )


@dataclass(frozen=True)
class _Candidate:
    """A picture that was read and may still be skipped."""

    name: str
    license: str
    clean: np.ndarray
    noisy: np.ndarray | None = None


def load_pictures(
    source: str | os.PathLike[str] | dict[str, Any] | list[str],
    split: str,
    channels: int,
    limit: int | None = None,
    min_size: int = 0,
    *,
    whole: bool = False,
    any_values: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
    ram_limit: int = RAM_LIMIT,
) -> Pictures:
    """Loads the pictures of one split of a source.

    Every page of a TIFF is a picture, and so is every channel that is not red, green or blue.
    Pictures that cannot be read or are smaller than `min_size` are skipped; one warning names
    them.

    Args:
        source: "kdae_photos"; "tfds:NAME", NAME as for `tfds.load` (downloaded on first use);
            a folder, searched with its subfolders (for licences see `kdae.data.licenses`); or
            {"noisy": ..., "clean": ...}: two folders, matched by relative path without suffix,
            or two patterns such as "shots/*_real.png" and "shots/*_mean.png", matched by what
            `*` stands for. Or {"repeats": [..., ...]}: two or more such folders or patterns
            with noisy shots of the same scenes. Or a list of sources, all without partners or
            all with.
        split: "train", "validation" or "test". Folders and pairs are divided by
            `kdae.data.reading.choose`, TFDS data sets by `kdae.data.splits.choose_examples`.
        channels: 1 (grey) or 3 (RGB); pictures are converted.
        limit: largest number of pictures; the first ones are taken. Only with one source.
        min_size: smallest height and width in pixels.
        whole: takes all of a folder or of pairs, not only the share of the split: for a folder
            that is used for one split only.
        any_values: takes pictures with values of any type, which then need `levels`; otherwise
            those of other types than uint8 and uint16 are skipped.
        data_dir: folder of TFDS; default: TFDS_DATA_DIR of the environment, else TFDS's own.
        ram_limit: bytes to keep in memory before a temporary file is used.

    Returns:
        The pictures, in a fixed order.

    Raises:
        UserError: the source does not exist, cannot be downloaded, or has no usable picture.
        ValueError: `split` or `channels` has another value.
    """
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {SPLITS}, got {split!r}")
    if channels not in (1, 3):
        raise ValueError(f"channels: expected 1 or 3, got {channels}")
    if limit is not None and limit < 1:
        raise UserError(f"limit: expected at least 1, got {limit}")
    if isinstance(source, list):
        if limit is not None:
            raise UserError(f"limit: expected one source, got {len(source)}")
        return joined(
            [
                load_pictures(
                    one, split, channels, None, min_size,
                    whole=whole, any_values=any_values, data_dir=data_dir,
                    ram_limit=ram_limit // len(source),
                )
                for one in source
            ]
        )  # fmt: skip
    problems: list[str] = []
    candidates: Iterable[_Candidate]
    if isinstance(source, dict):
        kind, chosen, label = _groups(source, split, whole)
        candidates = _matching(read_scenes(chosen, any_values, problems), kind)
    elif str(source) == KDAE_PHOTOS or str(source).startswith(TFDS_PREFIX):
        candidates, label = _tfds(str(source), split, data_dir)
    else:
        chosen, label, licenses_of = _folder(Path(source), split, whole)
        candidates = _single(read_scenes(chosen, any_values, problems), licenses_of)
    store = Store(ram_limit)
    names: list[str] = []
    licenses: list[str] = []
    paired = False
    for candidate in candidates:
        height, width = candidate.clean.shape[:2]
        if min(height, width) < min_size:
            problems.append(
                f"{candidate.name}: {width}x{height} pixels is smaller than "
                f"the {min_size}x{min_size} that are cut from it"
            )
            continue
        names.append(candidate.name)
        licenses.append(candidate.license)
        store.add(_to_channels(candidate.clean, channels))
        if candidate.noisy is not None:
            paired = True
            store.add(_to_channels(candidate.noisy, channels))
        if limit is not None and len(names) == limit:
            break
    label += "" if whole else f" ({split})"
    _report(problems, len(names), label)
    arrays = store.arrays()
    noisy = arrays[1::2] if paired else None
    return Pictures(names, licenses, arrays[::2] if paired else arrays, noisy, label)


def _to_channels(image: np.ndarray, channels: int) -> np.ndarray:
    if image.shape[-1] > channels and image.dtype.kind in "iu" and image.dtype.itemsize > 2:
        image = image.astype(np.float64)  # the sum for grey would overflow
    return to_channels(image, channels)


def _folder(folder: Path, split: str, whole: bool) -> tuple[list[Chosen], str, dict[Path, str]]:
    folder = folder.expanduser()
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise UserError(
            f"data source {str(folder)!r}: expected {KDAE_PHOTOS}, {TFDS_PREFIX}NAME or a "
            f"folder, but this path {what}"
        )
    files = [(file,) for file in list_images(folder)]
    chosen = list(map(Chosen, files)) if whole else choose(files, split)
    return chosen, f"folder {folder}", read_licenses(folder)


def _single(scenes: Iterator[Scene], licenses: dict[Path, str]) -> Iterator[_Candidate]:
    for (file,), place, (array,) in scenes:
        yield _Candidate(f"{file}{place}", licenses.get(file.resolve(), "unknown"), array)


def _groups(source: dict[str, Any], split: str, whole: bool) -> tuple[str, list[Chosen], str]:
    """Returns `pairs` or `repeats`, the files that belong together, and the source in words."""
    kind, places = "pairs", dict(source)
    if set(source) == {"repeats"} and isinstance(source["repeats"], list):
        kind = "repeats"
        places = {f"repeats[{number}]": place for number, place in enumerate(source[kind])}
    elif set(source) == {"noisy", "clean"}:
        places = {name: source[name] for name in ("noisy", "clean")}
    else:
        raise UserError(
            "data source: expected the keys noisy and clean, or repeats with a list of "
            f"folders, got {', '.join(map(str, source))}"
        )
    if len(places) < 2 or not all(isinstance(place, str) for place in places.values()):
        raise UserError(f"{kind}: expected two or more folders, got {list(places.values())}")
    groups = match_files(kind, places)
    chosen = list(map(Chosen, groups)) if whole else choose(groups, split)
    return kind, chosen, f"{kind} {' and '.join(places.values())}"


def _matching(scenes: Iterator[Scene], kind: str) -> Iterator[_Candidate]:
    """Yields pairs, and of repeats each shot with the mean of the others as its target."""
    for files, where, arrays in scenes:
        for file, array in zip(files[1:], arrays[1:], strict=True):
            if array.shape[:2] != arrays[0].shape[:2]:
                sizes = ["x".join(map(str, one.shape[1::-1])) for one in (arrays[0], array)]
                raise UserError(
                    f"pair of different sizes: {files[0]} is {sizes[0]}, "
                    f"{file} is {sizes[1]} pixels"
                )
        if kind == "pairs":
            yield _Candidate(f"{files[1]}{where}", "unknown", arrays[1], arrays[0])
            continue
        for place, (file, shot) in enumerate(zip(files, arrays, strict=True)):
            others = [*arrays[:place], *arrays[place + 1 :]]
            yield _Candidate(f"{file}{where}", "unknown", _mean(others), shot)


def _mean(shots: list[np.ndarray]) -> np.ndarray:
    """Returns the mean of pictures in their type, whole numbers rounded."""
    if len(shots) == 1:
        return shots[0]
    mean = np.mean(shots, axis=0, dtype=np.float64)
    dtype = shots[0].dtype
    return (np.rint(mean) if dtype.kind in "iu" else mean).astype(dtype)


def _tfds(
    source: str, split: str, data_dir: str | os.PathLike[str] | None
) -> tuple[Iterator[_Candidate], str]:
    # Imported here, as it takes seconds and a folder does not need it.
    from kdae.data import tfds as tfds_source

    name = source.removeprefix(TFDS_PREFIX)
    if name == KDAE_PHOTOS:
        from kdae.data.photos import prepared_builder

        builder = prepared_builder(data_dir)
    else:
        builder = tfds_source.find_builder(name, data_dir)
    entries = tfds_source.read_entries(builder, split)
    return (_Candidate(entry.name, entry.license, entry.pixels) for entry in entries), source


def _report(problems: list[str], used: int, label: str) -> None:
    """Warns about the pictures skipped, and raises a `UserError` if none is left."""
    shown = "; ".join(problems[:_SHOWN])
    if len(problems) > _SHOWN:
        shown += f"; and {len(problems) - _SHOWN} more"
    if used == 0:
        raise UserError(f"{label}: no usable picture: {shown or 'it is empty'}")
    if problems:
        _logger.warning(
            "warning: %s: skipped %d of %d pictures: %s",
            label,
            len(problems),
            len(problems) + used,
            shown,
        )
