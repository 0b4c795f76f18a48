"""Trains a model: sets up pictures, devices, workers and the run folder, and runs the loop."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from kdae.cards import CARD, load_card
from kdae.data import Learned, Pictures, joined, load_pictures, validation_batches
from kdae.data.spill import RAM_LIMIT
from kdae.errors import UserError
from kdae.images.levels import measure_levels
from kdae.model import load_model
from kdae.train.config import Config, load_config, save_config, to_dict
from kdae.train.distributed import Workers
from kdae.train.folder import CHECKPOINTS, CONFIG, OnValidation, Record
from kdae.train.init import average_weights, take_weights
from kdae.train.loop import Loop
from kdae.train.step import State, build_state


def train(
    config: Config,
    out: str | Path,
    *,
    resume: bool = False,
    command: str = "",
    devices: Sequence[str] | None = None,
    workers: Workers | None = None,
    on_validation: OnValidation | None = None,
) -> Path:
    """Trains a model and fills a run folder; see `kdae.train.folder` for what it holds.

    Args:
        config: the whole run.
        out: the run folder; must not exist or be empty, unless `resume`.
        resume: continues from the folder's last checkpoint, to the same weights, bit for bit,
            as a run that was never stopped.
        command: the command that repeats the run, for the model card.
        devices: the devices that share each batch; default: all GPUs, else the CPU.
        workers: the workers whose devices share each batch; every one of them must call this
            with the same config. Default: this process alone.
        on_validation: called with (step, PSNR in dB, the averaged model) after each
            validation; an exception that it raises ends the run.

    Returns:
        The run folder.

    Raises:
        UserError: anything that the user can put right; the folder keeps its last checkpoint.
        KeyboardInterrupt: after everything has been saved.
    """
    out, workers = Path(out), workers or Workers()
    strategy = workers.strategy() if workers.several else _strategy(devices)
    finished = resume and workers.is_chief and _is_finished(out, config)
    if workers.told(strategy, [finished])[0]:
        return out
    _check_batches(config, strategy.num_replicas_in_sync)
    pictures = _training_pictures(config)
    workers.check_alike(strategy, config, [array.shape for array in pictures.arrays])
    with workers.together():
        state = build_state(config, strategy)
    record = None
    if workers.is_chief:
        examples = _held_out(config, pictures)
        # Also for a resumed run that was killed before its first checkpoint.
        if config.train.init and not tf.train.latest_checkpoint(out / CHECKPOINTS):
            _begin_with(state, config.train.init)
        if not resume:
            _open_folder(config, out)
        record = Record(config, out, state, pictures, examples, command, on_validation)
        record.restore()
    workers.share(strategy, state.variables())
    Loop(config, strategy, workers, state, pictures, record).go()
    return out


def resumed_config(out: Path, given: Config | None) -> Config:
    """Reads the config of a run folder, and compares it with the arguments.

    Args:
        out: the run folder.
        given: the config that the arguments state; None if they state none.

    Raises:
        UserError: `out` is no run folder, or was started with other settings.
    """
    saved = out / CONFIG
    if not saved.is_file():
        raise UserError(f"--resume: {out} is not a run folder (no {CONFIG})")
    config = load_config(saved)
    if given is not None and given != config:
        ours, theirs = to_dict(config), to_dict(given)
        different = [
            f"{section}.{key} ({ours[section][key]!r} in the folder, {value!r} given)"
            for section, values in theirs.items()
            for key, value in values.items()
            if ours[section][key] != value
        ]
        raise UserError(
            f"--resume: {out} was begun with other settings: {', '.join(different)}"
        )
    return config


def _training_pictures(config: Config) -> Pictures:
    largest = max([config.train.patch, *(g.patch for g in config.train.grow)])
    splits = config.data.train_on
    pictures = joined([_load(config, split, largest, len(splits)) for split in splits])
    if config.data.levels == "file":
        return pictures
    try:
        levels = measure_levels(pictures.arrays)
    except ValueError as error:
        raise UserError(f"data.levels: {pictures.source}: {error}") from error
    return dataclasses.replace(pictures, levels=levels)


def _held_out(config: Config, pictures: Pictures) -> list[Learned]:
    """Makes the examples of validation; the pictures that they are cut out of are not kept."""
    held_out = _load(config, "validation", config.size_multiple)
    held_out = dataclasses.replace(held_out, levels=pictures.levels)
    print(f"training on {pictures.description}; validating on {held_out.description}")
    return validation_batches(
        held_out,
        config.validation.noise or config.noise.kind,
        patch=config.validation.patch,
        seed=config.train.seed,
        limit=config.validation.limit,
        multiple=config.size_multiple,
        supervision=config.held_out_supervision,
    )


def _load(config: Config, split: str, at_least: int, parts: int = 1) -> Pictures:
    """Loads the pictures of a split whose height and width are `at_least` so many pixels.

    They may take one of `parts` equal parts of the memory for pictures.
    """
    data = config.data
    # Where validation has a source of its own, all of the first one is trained on.
    whole = data.validation is not None
    source, limit = data.source, data.limit
    if split == "validation":
        source, limit = data.validation or data.source, None
    any_values = data.levels != "file"
    return load_pictures(
        source, split, data.channels, limit, at_least,
        whole=whole, any_values=any_values, ram_limit=RAM_LIMIT // parts,
    )  # fmt: skip


def _strategy(devices: Sequence[str] | None) -> tf.distribute.Strategy:
    if devices is None:
        devices = [device.name for device in tf.config.list_logical_devices("GPU")]
    if len(devices) < 2:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy(list(devices))


def _check_batches(config: Config, replicas: int) -> None:
    for batch in (config.train.batch, *(grow.batch for grow in config.train.grow)):
        if batch % replicas:
            raise UserError(
                f"train.batch: expected a multiple of the {replicas} devices, got {batch}"
            )


def _is_finished(out: Path, config: Config) -> bool:
    card = out / CARD
    return card.is_file() and load_card(card)["training"]["steps"] >= config.train.steps


def _open_folder(config: Config, out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(
            f"--out {out}: exists already and is never written over; choose another, or "
            "go on with --resume"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        save_config(config, out / CONFIG)
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written ({error.strerror})") from error


def _begin_with(state: State, names: Sequence[str]) -> None:
    """Copies the filters of another model, or the means of several, where they fit."""
    name = ", ".join(names)
    try:
        source = average_weights([load_model(each)[0] for each in names])
    except ValueError as error:
        raise UserError(f"train.init {name}: {error}") from error
    fresh = take_weights(state.model, source)
    if len(fresh) == sum(bool(layer.weights) for layer in state.model.layers):
        raise UserError(f"train.init {name}: no layer has the shapes of the model's")
    if fresh:
        print(f"train.init {name}: {', '.join(fresh)} start afresh", file=sys.stderr)
    state.averaged.set_weights(state.model.get_weights())
