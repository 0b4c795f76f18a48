"""Denoises archives with Apache Beam: `python export/beam/denoise.py --input IN --output OUT`.

IN and OUT are folders on any file system that Beam supports (local, hdfs://, gs://, s3://,
...). OUT gets the same pictures as from `python -m kdae.denoise`, byte for byte, and these
files:

    settings.json      the model, the digest of its file and the strength of this folder
    results.jsonl      a line for each finished picture: file, output, status (done, or before
                       if an earlier run made it), seconds
    dead-letter.jsonl  a line for each picture that failed: file, output, reason

A picture gets its final name only when it is complete, so the same command continues where it
was stopped. The exit status is 0 if all pictures are done, 1 if some failed, and 2 if nothing
could be started. Other arguments, such as --runner or --direct_num_workers, are passed to Beam.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.io import fileio
from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils.shared import Shared

import kdae
from kdae.cards import CARD, DEFAULT_MODEL, MODEL
from kdae.denoise.journal import Settings
from kdae.denoise.plan import Job, writable
from kdae.denoise.stream import denoise_file
from kdae.errors import UserError, check_share, run_main
from kdae.images import IMAGE_SUFFIXES

SETTINGS, RESULTS, DEAD_LETTER = "settings.json", "results", "dead-letter"

# DirectRunner is this runner if it does not download Beam's program Prism from the network.
RUNNER = "FnApiRunner"

Line = dict[str, Any]
"""The content of a line of `results.jsonl` or `dead-letter.jsonl`."""


class Denoise(beam.DoFn):
    """Denoises one picture after the other, with one model per worker process.

    An element is an output and the files that would become it. The results are the lines of
    `results.jsonl`, and under the tag "failed" those of `dead-letter.jsonl`.

    Args:
        settings: The model and the strength. The worker loads the model by its name, as
            `kdae.load` does, or from a run folder on a file system of Beam. The digest of its
            file must equal that in the settings.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._shared = Shared()

    def setup(self) -> None:
        """Loads the model once per process."""
        self._denoiser = self._shared.acquire(lambda: _load(self._settings))

    def process(self, element: tuple[str, Iterable[str]]) -> Iterator[Any]:
        """Makes one output and yields its line."""
        output, files = element[0], sorted(set(element[1]))
        for file in files:
            line: Line = {"file": file, "output": output}
            try:
                if len(files) > 1:
                    raise UserError(f"{' and '.join(files)} would both be written to {output}")
                yield line | self._make(file, output)
            except (UserError, MemoryError, OSError, BeamIOError) as error:
                reason = " ".join(str(error).split()) or f"{file}: not enough memory"
                yield beam.pvalue.TaggedOutput("failed", line | {"reason": reason})

    def _make(self, file: str, output: str) -> Line:
        if FileSystems.exists(output):
            return {"status": "before", "seconds": 0.0}
        start = time.perf_counter()
        # The picture is copied to and from local files, so that the code of `kdae.denoise`
        # reads and writes it.
        with tempfile.TemporaryDirectory(prefix="kdae-") as place:
            folders = [Path(place) / name for name in ("in", "out")]
            job = Job(*(f / Path(n).name for f, n in zip(folders, (file, output), strict=True)))
            folders[0].mkdir()
            _fetch(file, job.source)
            notes: list[str] = []
            try:
                denoise_file(self._denoiser, job, self._settings.strength, notice=notes.append)
            except UserError as error:
                reason = str(error).replace(str(job.source), file)
                raise UserError(reason.replace(str(job.target), output)) from error
            _put(job.target, output)
        line: Line = {"status": "done", "seconds": round(time.perf_counter() - start, 3)}
        said = [note.replace(str(job.source), file) for note in notes]
        return line | ({"notes": said} if said else {})


def pipeline(root: beam.Pipeline, source: str, output: str, settings: Settings) -> None:
    """Adds the steps to a pipeline that denoise files into a folder.

    Args:
        root: The pipeline.
        source: A folder or a pattern of files.
        output: The output folder.
        settings: The model and the strength.
    """
    pattern = source if _magic(source) < len(source) else FileSystems.join(source, "**")
    made = (
        root
        | "List" >> fileio.MatchFiles(pattern)
        | "Name" >> beam.FlatMap(lambda found: _named(found.path, source, output))
        | "Group" >> beam.GroupByKey()
        | "Denoise" >> beam.ParDo(Denoise(settings)).with_outputs("failed", main="done")
    )
    for lines, name in ((made.done, RESULTS), (made.failed, DEAD_LETTER)):
        _ = (
            lines
            | f"Format {name}" >> beam.Map(json.dumps)
            | f"Write {name}"
            >> beam.io.WriteToText(
                FileSystems.join(output, name),
                file_name_suffix=".jsonl",
                num_shards=1,
                shard_name_template="",
            )
        )


def claim(output: str, settings: Settings) -> None:
    """Writes the settings of an output folder, or compares them with those of an earlier run.

    Raises:
        UserError: If the folder was made with another model or strength, or holds other files.
    """
    path = FileSystems.join(output, SETTINGS)
    if FileSystems.exists(path):
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            text = file.read()
        try:
            made = Settings(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise UserError(f"{path}: not written by this pipeline ({error})") from error
        if (made.digest, made.strength) != (settings.digest, settings.strength):
            raise UserError(f"--output {output}: made by {made}, not by {settings}")
        return
    if FileSystems.match([FileSystems.join(output, "**")], [1])[0].metadata_list:
        raise UserError(f"--output {output}: expected an empty folder or one with {SETTINGS}")
    with FileSystems.create(path) as file:
        file.write(json.dumps(dataclasses.asdict(settings), indent=2).encode())


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the pipeline and waits for its end."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # other arguments are Beam's
    )
    parser.add_argument(
        "--input", required=True, help="folder (with its subfolders) or pattern"
    )
    parser.add_argument("--output", required=True, help="output folder")
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="M",
        help="name of a shipped model, .tflite file, run folder or .keras file "
        f"({DEFAULT_MODEL}); the last two need kdae[train] on the workers",
    )
    parser.add_argument(
        "--strength",
        type=float,
        default=1.0,
        metavar="0..1",
        help="part of the noise to remove (1)",
    )
    args, rest = parser.parse_known_args(argv)
    check_share("--strength", args.strength)
    source, output, model = (
        name if "://" in name else os.path.abspath(name)
        for name in (args.input, args.output, args.model)
    )
    if not os.path.exists(model) and "://" not in model:
        model = args.model  # the name of a shipped model
    settings = _with_model(model, lambda local: Settings.of(local, args.strength))
    claim(output, dataclasses.replace(settings, model=model))
    if not any(argument.startswith("--runner") for argument in rest):
        rest = [*rest, f"--runner={RUNNER}"]
    with beam.Pipeline(options=PipelineOptions(rest)) as root:
        pipeline(root, source, output, dataclasses.replace(settings, model=model))
    done, failed = (
        _count_lines(FileSystems.join(output, f"{name}.jsonl"))
        for name in (RESULTS, DEAD_LETTER)
    )
    if not done + failed:
        raise UserError(f"--input {source}: no picture ({' '.join(IMAGE_SUFFIXES)})")
    more = f"; {DEAD_LETTER}.jsonl says what failed" if failed else ""
    print(f"{done} of {done + failed} pictures denoised, into {output}{more}")
    return 1 if failed else 0


def _named(path: str, source: str, output: str) -> list[tuple[str, str]]:
    """Returns (output, file) of a picture, or nothing for a file that is not to be denoised."""
    name = os.path.basename(path)
    if os.path.splitext(name)[1].lower() not in IMAGE_SUFFIXES or name.startswith("."):
        return []
    if path.startswith(output.rstrip("/") + "/"):
        return []
    # The output keeps the path below the folder, or below that of the first wildcard.
    start = source[: _magic(source)]
    root = start.rstrip("/") if start == source else os.path.dirname(start)
    relative = path.removeprefix(root).lstrip("/")
    return [(FileSystems.join(output, *writable(relative).split("/")), path)]


def _magic(pattern: str) -> int:
    """Returns the place of the first wildcard, or the length of a pattern that has none."""
    return min((pattern.find(sign) for sign in "*?[" if sign in pattern), default=len(pattern))


def _with_model(model: str, use: Callable[[str], Any]) -> Any:
    """Calls `use` with a name that `kdae.load` finds, if need be that of a local copy."""
    if "://" not in model:
        return use(model)
    with tempfile.TemporaryDirectory() as folder:
        if model.endswith(".tflite"):
            local = Path(folder) / os.path.basename(model)
            _fetch(model, local)
            return use(str(local))
        _fetch(FileSystems.join(model, MODEL), Path(folder) / MODEL)
        _fetch(FileSystems.join(model, CARD), Path(folder) / CARD)
        return use(folder)


def _load(settings: Settings) -> kdae.Denoiser:
    def checked(local: str) -> kdae.Denoiser:
        digest = Settings.of(local, settings.strength).digest
        if digest != settings.digest:
            raise UserError(
                f"model {settings.model}: expected {settings.digest}, the worker has {digest}; "
                f"give all workers the same version of kdae"
            )
        return kdae.load(local)

    return _with_model(settings.model, checked)


def _fetch(path: str, local: Path) -> None:
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        with local.open("wb") as copy:
            shutil.copyfileobj(file, copy)


def _put(local: Path, path: str) -> None:
    """Copies a file under a temporary name and renames it, so that it appears complete."""
    folder, _ = FileSystems.split(path)
    temporary = FileSystems.join(folder, f".kdae-{uuid.uuid4().hex}.tmp")
    with local.open("rb") as file:
        with FileSystems.create(
            temporary, compression_type=CompressionTypes.UNCOMPRESSED
        ) as copy:
            shutil.copyfileobj(file, copy)
    try:
        FileSystems.rename([temporary], [path])
    except BeamIOError:
        FileSystems.delete([temporary])
        if not FileSystems.exists(path):  # if it exists, another worker was first
            raise


def _count_lines(path: str) -> int:
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


if __name__ == "__main__":
    run_main(main)
