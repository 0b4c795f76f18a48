"""Runs artifacts on pictures in a separate process and reads the results.

The script is given a folder with `jobs.json`:

    {"threads": [1, 2], "repeats": 5, "jobs": [{"path": ..., "signature": ..., "pictures": [
        {"shape": [H, W, C], "input": FILE, "output": FILE}]}]}

The files hold float32 values, little-endian. The script writes the output files and
`result.json`, with the times of the first picture by number of threads:

    {"runtime": "name version", "milliseconds": [{"1": ..., "2": ...}, ...]}
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kdae.export.formats import Artifact, Run

REPEATS = 5
"""How often a run is timed. The shortest time counts, as other programs only slow it down."""


def run_script(
    command: Sequence[str],
    artifacts: Sequence[Artifact],
    pictures: Sequence[Sequence[np.ndarray]],
    threads: Sequence[int],
    environment: Mapping[str, str] | None = None,
) -> list[Run]:
    """Runs `command FOLDER` and returns one result per artifact.

    Args:
        command: The script. The folder with `jobs.json` is appended.
        artifacts: The artifacts to run.
        pictures: The pictures of each artifact, [H, W, C] float32.
        threads: The numbers of threads to time.
        environment: Environment variables to set.

    Raises:
        RuntimeError: If the script failed. The message holds the end of its output.
    """
    with tempfile.TemporaryDirectory(prefix="kdae-") as name:
        folder = Path(name)
        jobs = [
            _write_job(folder, number, artifact, images)
            for number, (artifact, images) in enumerate(zip(artifacts, pictures, strict=True))
        ]
        task = {"threads": list(threads), "repeats": REPEATS, "jobs": jobs}
        (folder / "jobs.json").write_text(json.dumps(task), encoding="utf-8")
        done = subprocess.run(
            [*command, name],
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, **(environment or {})},
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-2000:]
            raise RuntimeError(f"{Path(command[-1]).name} failed: {said}")
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        return [
            Run(
                [_read(folder, entry) for entry in job["pictures"]],
                {int(count): ms for count, ms in times.items()},
                result["runtime"],
            )
            for job, times in zip(jobs, result["milliseconds"], strict=True)
        ]


def _write_job(
    folder: Path, number: int, artifact: Artifact, images: Sequence[np.ndarray]
) -> dict[str, Any]:
    entries = []
    for index, image in enumerate(images):
        stem = f"{number}-{index}"
        image.astype("<f4").tofile(folder / f"{stem}.in")
        entries.append(
            {"shape": list(image.shape), "input": f"{stem}.in", "output": f"{stem}.out"}
        )
    return {"path": str(artifact.path), "signature": artifact.signature, "pictures": entries}


def _read(folder: Path, entry: Mapping[str, Any]) -> np.ndarray:
    return np.fromfile(folder / entry["output"], "<f4").reshape(entry["shape"])
