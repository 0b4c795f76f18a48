"""Matches the user's noisy pictures with their clean partners by name."""

import glob
import re
from collections.abc import Callable
from pathlib import Path

from kdae.errors import UserError
from kdae.images import list_images

_SHOWN = 3  # names in an error

# What the parts of a pattern stand for, longest first.
_WILD = re.compile(r"(\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\])")
_WILD_AS_REGEX = {"**/": "((?:.*/)?)", "**": "(.*)", "*": "([^/]*)", "?": "([^/])"}


def match_pairs(noisy: str, clean: str) -> list[tuple[Path, Path]]:
    """Pairs the files of two folders or of two glob patterns.

    Args:
        noisy: a folder, or a pattern such as "shots/*_real.png".
        clean: a folder or a pattern too. Files of folders match by relative path without
            suffix, those of patterns by what the wildcards stand for.

    Returns:
        Pairs (noisy file, clean file), sorted by name.

    Raises:
        UserError: there is nothing to match, or a picture has no partner.
    """
    key_of = []
    for name, place in (("noisy", noisy), ("clean", clean)):
        path = Path(place).expanduser()
        if path.is_dir():
            key_of.append(_key_in_folder(path))
        elif glob.has_magic(str(path)):
            key_of.append(_key_by_pattern(str(path)))
        else:
            raise UserError(
                f"pairs: {name}: expected a folder or a pattern with *, got {place!r}"
                + ("" if path.exists() else ", which does not exist")
            )
    if glob.has_magic(noisy) != glob.has_magic(clean):
        raise UserError(f"pairs: expected two folders or two patterns, got {noisy}, {clean}")
    if Path(noisy) == Path(clean):
        raise UserError(f"pairs: noisy and clean are the same: {noisy}")
    noisy_files = _by_key("noisy", noisy, key_of[0])
    clean_files = _by_key("clean", clean, key_of[1])
    for files, others, other in (
        (noisy_files, clean_files, "clean"),
        (clean_files, noisy_files, "noisy"),
    ):
        lonely = [str(files[key]) for key in sorted(files.keys() - others.keys())]
        if lonely:
            more = f" and {len(lonely) - _SHOWN} more" if len(lonely) > _SHOWN else ""
            raise UserError(
                f"pairs: {len(lonely)} of {len(files)} pictures have no {other} partner: "
                f"{', '.join(lonely[:_SHOWN])}{more}"
            )
    return [(noisy_files[key], clean_files[key]) for key in sorted(noisy_files)]


def _key_in_folder(folder: Path) -> Callable[[Path], tuple[str, ...]]:
    return lambda file: (file.relative_to(folder).with_suffix("").as_posix(),)


def _key_by_pattern(pattern: str) -> Callable[[Path], tuple[str, ...]]:
    parts = _WILD.split(Path(pattern).as_posix())
    regex = re.compile(
        "".join(
            (_WILD_AS_REGEX.get(part) or _set_as_regex(part)) if place % 2 else re.escape(part)
            for place, part in enumerate(parts)
        )
    )

    def key(file: Path) -> tuple[str, ...]:
        match = regex.fullmatch(file.as_posix())
        assert match, f"{file} does not match {pattern}"
        return match.groups()

    return key


def _set_as_regex(part: str) -> str:
    """Turns the wildcard [abc] or [!abc] into a group of a regular expression."""
    inside = part[1:-1].removeprefix("!")
    escaped = re.sub(r"([\[\]\\^&~|])", r"\\\1", inside)
    return f"([{'^' if part[1] == '!' else ''}{escaped}])"


def _by_key(
    name: str, place: str, key_of: Callable[[Path], tuple[str, ...]]
) -> dict[tuple[str, ...], Path]:
    files: dict[tuple[str, ...], Path] = {}
    for file in list_images(place):
        key = key_of(file)
        if key in files:
            raise UserError(f"pairs: {name}: {files[key]} and {file} have the same name")
        files[key] = file
    return files
