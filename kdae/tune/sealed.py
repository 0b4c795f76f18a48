"""Measures the chosen model once on new pictures, which no earlier step has used.

`measure_once` is the only function of a search that measures on the test split. It first writes
to a file which model is measured, so that no other model can be measured on the same pictures.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from kdae.cards import MODEL
from kdae.data import Pictures, Source, load_pictures
from kdae.engine import load
from kdae.errors import UserError
from kdae.evaluate import evaluate
from kdae.evaluate.measure import noisy_examples, pair_examples
from kdae.files import digest, replace_file
from kdae.metrics import SSIM_MIN_SIZE
from kdae.noise import NoiseSpec
from kdae.train import Config


def check_unseen(config: Config, test: Source | None) -> None:
    """Makes sure before the search that the test pictures are new.

    The pixels of the test pictures are compared with those of the training and held-out
    pictures. Nothing is measured.

    Args:
        config: The config of the trials.
        test: A source of new pictures, all of which are used. None means the test split of the
            training source.

    Raises:
        UserError: If there is no test split, or a test picture is also a training or held-out
            picture.
    """
    data = config.data
    if config.supervision.alone and not isinstance(test, dict):
        raise UserError(
            f"--test: expected {{noisy: ..., clean: ...}} with {config.supervision.kind}, as "
            f"only clean pictures tell how good a model is, got {test!r}"
        )
    if test is None and data.validation is not None:
        raise UserError(
            "--test: needed with data.validation, as all of data.source is trained on"
        )
    own, any_values = data.validation is not None, data.levels != "file"
    seen = [
        load_pictures(source, split, data.channels, whole=own, any_values=any_values)
        for source, split in (
            (data.source, "train"),
            (data.validation or data.source, "validation"),
        )
    ]
    known = {
        _digest(array): name
        for part in seen
        for name, array in zip(part.names, part.arrays, strict=True)
    }
    new = _test_pictures(config, test)
    for name, array in zip(new.names, new.arrays, strict=True):
        if (same := known.get(_digest(array))) is not None:
            raise UserError(
                f"test picture {name}: the same as {same}, which is trained or "
                "chosen on: a figure on it would say nothing of new pictures"
            )


def measure_once(seal: Path, run: Path, config: Config, test: Source | None) -> dict[str, Any]:
    """Measures a finished run on the test pictures, if no other model was measured on them.

    Args:
        seal: The file that records the digest of the measured model and its result. It is made
            by the first call.
        run: The run folder.
        config: The config of the run.
        test: See `check_unseen`.

    Returns:
        The result of `kdae.evaluate.evaluate`, or the one in `seal` if there is one.

    Raises:
        UserError: If `seal` records another model.
    """
    model = digest(run / MODEL)
    try:
        with open(seal, "x", encoding="utf-8") as file:
            json.dump({"model": model, "result": None}, file)
    except FileExistsError:
        record = json.loads(seal.read_text(encoding="utf-8"))
        if record["model"] != model:
            raise UserError(
                f"{seal}: the test pictures have been shown to another model than {run}; "
                "begin a new search, on new test pictures"
            ) from None
        if record["result"] is not None:
            result: dict[str, Any] = record["result"]
            return result
    pictures = _test_pictures(config, test)
    spec = _as_mapping(config.validation.noise or config.noise.kind)
    paired = pictures.noisy is not None
    denoiser = load(run)
    pictures = dataclasses.replace(pictures, levels=denoiser.levels)
    clean = map(pictures.to_float, pictures.arrays)
    samples = pair_examples(pictures) if paired else noisy_examples(clean, spec)
    noise = "of the pairs" if paired else json.dumps(spec)
    result = evaluate(denoiser.denoise_float, samples, pictures.source, noise)
    text = json.dumps({"model": model, "result": result}, indent=2) + "\n"
    replace_file(seal, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return result


def _test_pictures(config: Config, test: Source | None) -> Pictures:
    return load_pictures(
        test or config.data.source, "test", config.data.channels, None, SSIM_MIN_SIZE,
        whole=test is not None, any_values=config.data.levels != "file",
    )  # fmt: skip


def _as_mapping(spec: NoiseSpec) -> dict[str, Any]:
    if isinstance(spec, dict):
        return spec
    return {spec: None} if isinstance(spec, str) else {"chain": spec}


def _digest(array: Any) -> bytes:
    return hashlib.sha256(repr(array.shape).encode() + array.tobytes()).digest()
