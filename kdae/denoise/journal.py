"""The journal of a folder of denoised pictures: what each was made of, and what failed.

`kdae-journal.jsonl` lies in the folder and holds one JSON object per picture:

    file       the picture that was read, as an absolute path
    output     the picture that was written, from the folder
    status     done, failed, or writing (so it stays if the process is killed meanwhile)
    reason     why it failed
    seconds    it took to read, denoise and write it, waiting not counted
    bytes, modified    size and time (in ns) of the file that was read
    model, digest, strength, exact    what it was made by; `digest` is of the model file

So a later run knows which pictures are done, and mixes nothing that was made differently.
"""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from kdae.cards import find_model
from kdae.denoise.plan import Job
from kdae.engine import Strength
from kdae.errors import UserError
from kdae.files import TEMPORARY, digest, replace_file, try_lock

JOURNAL, LOCK = "kdae-journal.jsonl", ".kdae-lock"
_SHOWN = 3  # names in an error


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the pixels depend on, beside the picture.

    Attributes:
        model: as it was named.
        digest: of the model file, the first 16 digits of its SHA-256.
        strength: 0 to 1, or a `Strength`; in the journal an object with its attributes.
        exact: whether tiles had all the context that the network sees.
    """

    model: str
    digest: str
    strength: float | Strength
    exact: bool = False

    @classmethod
    def of(
        cls,
        model: str,
        strength: float | Strength,
        *,
        engine: str | None = None,
        fast: bool = False,
        exact: bool = False,
    ) -> Settings:
        """Those of a model that `kdae.load` finds, with the same arguments.

        Raises:
            UserError: if there is no such model.
        """
        path = find_model(model, engine, fast).path
        return cls(model, digest(path)[:16], strength, exact)

    def __str__(self) -> str:
        exactly = ", with exact tiles" * self.exact
        amount = dataclasses.asdict(self)["strength"]
        if isinstance(amount, dict):
            amount = ", ".join(f"{name} {value}" for name, value in amount.items())
        return f"{self.model} ({self.digest}) at strength {amount}{exactly}"


_SETTINGS = [field.name for field in dataclasses.fields(Settings)]


class Journal:
    """The journal of an output folder; nothing is written before `recording`.

    Args:
        folder: where the denoised pictures go; need not exist.
        settings: of this run.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.path = folder / JOURNAL
        self.settings = settings
        self.records = _read(self.path)
        self._lock = threading.Lock()
        self._descriptor = -1

    def pending(self, jobs: Sequence[Job]) -> list[Job]:
        """Leaves out the pictures that are done: by the same settings, unchanged since.

        Raises:
            UserError: if a picture would be replaced that was made by other settings or of
                another picture, or of which the journal knows nothing.
        """
        todo: list[Job] = []
        foreign: list[Job] = []
        differing: list[Job] = []
        for job in jobs:
            if not job.target.exists():
                todo.append(job)
                continue
            record = self.records.get(self._key(job), {})
            status, source = record.get("status"), str(job.source.resolve())
            if (
                status not in ("done", "writing")
                or record.get("file") != source
                # Written onto itself, its file is not what it was made of.
                or source == str(job.target.resolve())
            ):
                foreign.append(job)
            elif status == "writing":  # the old picture or the new one
                todo.append(job)
            elif _settings(record) != _settings(dataclasses.asdict(self.settings)):
                differing.append(job)
            elif (record.get("bytes"), record.get("modified")) != _stamp(job.source):
                todo.append(job)
        if differing:
            record = self.records[self._key(differing[0])]
            made: dict[str, Any] = {key: record[key] for key in _SETTINGS if key in record}
            raise UserError(
                f"--out {self.folder}: {_named(differing)} made by {Settings(**made)}, "
                f"not by {self.settings}; choose another folder, or make them anew with --force"
            )
        refuse_existing(foreign, str(self.folder))
        return todo

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Makes the folder and keeps the journal open for `add`; one process at a time.

        At the end it is written anew, with one line per picture, also after an error.

        Raises:
            UserError: if it cannot be written, or another process is at it.
        """
        with self._or_say():
            self.folder.mkdir(parents=True, exist_ok=True)
        with _locked(self.folder):
            with self._or_say():
                self._sweep()
                self._rewrite()
                flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0)
                self._descriptor = os.open(self.path, flags)
            try:
                yield
            finally:
                os.close(self._descriptor)
                with self._or_say():
                    self._rewrite()

    def add(self, job: Job, status: str, reason: str = "", seconds: float = 0.0) -> None:
        """Adds a line; any thread may.

        Raises:
            UserError: if it cannot be written.
        """
        try:
            size, modified = _stamp(job.source)
        except OSError:
            size, modified = None, None
        record = {
            "file": str(job.source.resolve()),
            "output": self._key(job),
            "status": status,
            "reason": reason,
            "seconds": round(seconds, 3),
            "bytes": size,
            "modified": modified,
            **dataclasses.asdict(self.settings),
        }
        with self._lock, self._or_say():
            self.records[record["output"]] = record
            os.write(self._descriptor, _line(record))
            if status == "writing":  # must be known before the picture is in its place
                os.fsync(self._descriptor)

    @contextmanager
    def _or_say(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(f"{self.path}: cannot be written ({error})") from error

    def _key(self, job: Job) -> str:
        return job.target.relative_to(self.folder).as_posix()

    def _sweep(self) -> None:
        """Removes what a killed process was writing."""
        unfinished = [name for name, r in self.records.items() if r.get("status") == "writing"]
        for place in {self.folder, *((self.folder / name).parent for name in unfinished)}:
            for file in place.glob(TEMPORARY):
                file.unlink(missing_ok=True)

    def _rewrite(self) -> None:
        lines = b"".join(map(_line, self.records.values()))
        replace_file(self.path, lambda temporary: temporary.write_bytes(lines))


def refuse_existing(jobs: Sequence[Job], out: str) -> None:
    """Raises UserError if a target exists."""
    taken = [job for job in jobs if job.target.exists()]
    if taken:
        raise UserError(
            f"--out {out}: {_named(taken)} would be replaced; allow it with --force"
        )


def _named(jobs: Sequence[Job]) -> str:
    names = ", ".join(str(job.target) for job in jobs[:_SHOWN])
    return names + (f" and {len(jobs) - _SHOWN} more" if len(jobs) > _SHOWN else "")


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """The last record of each output; a line cut short counts for nothing."""
    records: dict[str, dict[str, Any]] = {}
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error})") from error
    for line in text.splitlines():
        try:
            record = json.loads(line)
            records[record["output"]] = record
        except (ValueError, TypeError, KeyError):
            continue
    return records


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"


def _settings(record: dict[str, Any]) -> tuple[Any, ...]:
    # Journals did not always tell whether tiles were exact.
    return record.get("digest"), record.get("strength"), record.get("exact", False)


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keeps other processes out of a folder, where the file system has locks."""
    try:
        held = try_lock(folder / LOCK)
    except OSError:  # no locks here, or not writable, which the first write will say
        held = ExitStack()
    if held is None:
        raise UserError(f"--out {folder}: another process is writing into it")
    with held:
        yield
