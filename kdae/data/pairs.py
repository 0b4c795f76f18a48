"""Matches pictures of the same scene by name: noisy with clean ones, or several noisy ones."""

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


def match_files(kind: str, places: dict[str, str]) -> list[tuple[Path, ...]]:
    """Groups the files of folders, or of glob patterns, that belong to the same scene.

    Args:
        kind: what the groups are called in errors: `pairs` or `repeats`.
        places: two or more folders, or patterns such as "shots/*_real.png", by their names in
            errors. Files of folders match by relative path without suffix, those of patterns by
            what the wildcards stand for.

    Returns:
        Groups with a file of each place in their order, sorted by name.

    Raises:
        UserError: there is nothing to match, or a picture has no partner.
    """
    key_of = {}
    for name, place in places.items():
        path = Path(place).expanduser()
        if path.is_dir():
            key_of[name] = _key_in_folder(path)
        elif glob.has_magic(str(path)):
            key_of[name] = _key_by_pattern(str(path))
        else:
            raise UserError(
                f"{kind}: {name}: expected a folder or a pattern with *, got {place!r}"
                + ("" if path.exists() else ", which does not exist")
            )
    listed = ", ".join(places.values())
    if len({glob.has_magic(place) for place in places.values()}) > 1:
        raise UserError(f"{kind}: expected only folders or only patterns, got {listed}")
    if len({Path(place) for place in places.values()}) < len(places):
        raise UserError(f"{kind}: {' and '.join(places)} are the same: {listed}")
    files = {name: _by_key(kind, name, place, key_of[name]) for name, place in places.items()}
    first, *others = files
    for name, other in [pair for o in others for pair in ((first, o), (o, first))]:
        lonely = [str(files[name][key]) for key in sorted(files[name].keys() - files[other])]
        if lonely:
            more = f" and {len(lonely) - _SHOWN} more" if len(lonely) > _SHOWN else ""
            raise UserError(
                f"{kind}: {len(lonely)} of {len(files[name])} pictures have no {other} "
                f"partner: {', '.join(lonely[:_SHOWN])}{more}"
            )
    return [tuple(of[key] for of in files.values()) for key in sorted(files[first])]


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
    kind: str, name: str, place: str, key_of: Callable[[Path], tuple[str, ...]]
) -> dict[tuple[str, ...], Path]:
    files: dict[tuple[str, ...], Path] = {}
    for file in list_images(place):
        key = key_of(file)
        if key in files:
            raise UserError(f"{kind}: {name}: {files[key]} and {file} have the same name")
        files[key] = file
    return files
