"""How denoised pictures are written, and what is said of what they lose."""

from __future__ import annotations

import dataclasses
import filecmp
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kdae.denoise.options import OVERWRITE
from kdae.denoise.plan import Job
from kdae.errors import UserError
from kdae.images import OTHER_SUFFIXES, Pages, Picture, losses


@dataclasses.dataclass(frozen=True)
class Output:
    """How pictures are written.

    Attributes:
        quality: 1 to 100, of formats that lose something; None: as good as usual.
        strip: Whether to leave out all metadata but how the colours are meant.
        strip_place: Whether to leave out the place.
        in_place: Ending of the name under which a picture is kept that is replaced by its
            denoised copy, or `OVERWRITE`; None: pictures are not replaced.
    """

    quality: int | None = None
    strip: bool = False
    strip_place: bool = False
    in_place: str | None = None

    def of(self, picture: Picture) -> Picture:
        """Returns the picture with the metadata that it shall keep."""
        metadata = picture.metadata
        if self.strip:
            metadata = metadata.stripped()
        elif self.strip_place:
            metadata = metadata.without_place()
        return dataclasses.replace(picture, metadata=metadata)

    @contextmanager
    def backup(self, job: Job) -> Iterator[None]:
        """Keeps the picture that a job replaces, if it shall be kept and the job succeeds.

        Raises:
            UserError: If it cannot be kept.
        """
        kept = self.backup_of(job)
        if kept is None:
            yield
            return
        try:
            if kept.exists():
                # Of the same content, it was kept by a command that was stopped before the end.
                if not filecmp.cmp(job.source, kept, shallow=False):
                    raise UserError(f"{kept}: is there already, and would be replaced")
            else:
                try:
                    os.link(job.source, kept)
                except OSError:  # a file system without links
                    shutil.copy2(job.source, kept)
        except OSError as error:
            raise UserError(f"{kept}: cannot be written ({error.strerror})") from error
        try:
            yield
        except BaseException:
            kept.unlink(missing_ok=True)
            raise

    def backup_of(self, job: Job) -> Path | None:
        """Returns the name under which the picture of a job is kept, if it is."""
        if self.in_place is None or self.in_place == OVERWRITE:
            return None
        return job.source.with_name(job.source.name + self.in_place)

    def has_backup(self, job: Job) -> bool:
        """Tells whether the picture of a job is kept already: it was denoised before."""
        kept = self.backup_of(job)
        return (
            kept is not None
            and kept.exists()
            and not filecmp.cmp(job.source, kept, shallow=False)
        )


def note(job: Job, picture: Picture | Pages, output: Output) -> str:
    """Says in one line what the written file will not keep, or nothing."""
    if isinstance(picture, Picture):
        found = losses(job.target, output.of(picture))
    else:
        found = picture.notes
    return f"{job.source}: {'; '.join(found)}" if found else ""


def passed_over(inputs: Sequence[str]) -> str:
    """Counts the pictures in the input folders that are of a kind that is not read.

    Returns:
        A sentence that names their endings, or nothing.
    """
    found: Counter[str] = Counter()
    for name in inputs:
        root = Path(name).expanduser()
        if root.is_dir():
            for path in root.rglob("*"):
                suffix = path.suffix.lower()
                if suffix in OTHER_SUFFIXES and path.name[0] != "." and path.is_file():
                    found[suffix] += 1
    if not found:
        return ""
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(found.items()))
    return f"{found.total()} passed over, which are not read ({kinds})"
