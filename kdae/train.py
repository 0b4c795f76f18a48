"""Trains a denoiser: `python -m kdae.train --config FILE [--set key=value ...] [--out DIR]`."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from kdae import runs
from kdae.arithmetic import format_table
from kdae.config import Config, load_config, save_config, to_dict
from kdae.errors import UserError, run_main
from kdae.loop import Loop
from kdae.model import build_denoiser
from kdae.pipeline import validation_batches
from kdae.record import OnValidation, Record
from kdae.sources import Pictures, joined, load_pictures
from kdae.step import State, build_state
from kdae.workers import Workers, workers_from_environment


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
    """Trains and fills a run folder; see `kdae.runs` for what it holds.

    Args:
        config: the whole run.
        out: the run folder; must not exist, unless `resume`.
        resume: go on from the folder's last checkpoint, to the same weights bit for bit as
            a run that was never stopped.
        command: how to repeat the run, for the model card.
        devices: share each batch among these; default: all GPUs, else the CPU.
        workers: share each batch among the devices of all these; every one of them must
            call this with the same config. Default: this process alone.
        on_validation: called with (step, PSNR in dB, the averaged model) after each
            validation; what it raises ends the run there.

    Returns:
        The run folder.

    Raises:
        UserError: for anything the user can mend; the folder keeps its last checkpoint.
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
        held_out = _load(config, "validation", 2 ** len(config.model.widths))
        print(f"training on {pictures.description}; validating on {held_out.description}")
        examples = validation_batches(
            held_out,
            config.validation.noise or config.noise.kind,
            patch=config.validation.patch,
            seed=config.train.seed,
            limit=config.validation.limit,
            multiple=2 ** len(config.model.widths),
        )
        # Also when going on with a run that was killed before its first checkpoint.
        if config.train.init and not tf.train.latest_checkpoint(out / runs.CHECKPOINTS):
            _take_weights(state, config.train.init)
        if not resume:
            _open_folder(config, out)
        record = Record(config, out, state, pictures, examples, command, on_validation)
        record.restore()
    workers.share(strategy, state.variables())
    Loop(config, strategy, workers, state, pictures, record).go()
    return out


def _training_pictures(config: Config) -> Pictures:
    largest = max([config.train.patch, *(g.patch for g in config.train.grow)])
    return joined([_load(config, split, largest) for split in config.data.train_on])


def _load(config: Config, split: str, at_least: int) -> Pictures:
    """The pictures of a split that have at least so many pixels along each side."""
    data = config.data
    # A source of its own for validation leaves the whole of the first one to train on.
    whole = data.validation is not None
    source, limit = data.source, data.limit
    if split == "validation":
        source, limit = data.validation or data.source, None
    return load_pictures(source, split, data.channels, limit, at_least, whole=whole)


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
    card = out / runs.CARD
    return card.is_file() and runs.load_card(card)["training"]["steps"] >= config.train.steps


def _open_folder(config: Config, out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(
            f"--out {out}: exists already and is never written over; choose another, or "
            "go on with --resume"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        save_config(config, out / runs.CONFIG)
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written ({error.strerror})") from error


def _take_weights(state: State, name: str) -> None:
    """Starts from another model's filters wherever their shapes agree."""
    source, _ = runs.load_model(name)
    theirs = {layer.name: layer.get_weights() for layer in source.layers}
    fresh = []
    for layer in state.model.layers:
        ours, given = layer.get_weights(), theirs.get(layer.name, [])
        if [w.shape for w in ours] == [w.shape for w in given]:
            layer.set_weights(given)
        elif ours:
            fresh.append(layer.name)
    if len(fresh) == sum(bool(layer.weights) for layer in state.model.layers):
        raise UserError(f"train.init {name}: no layer has the shapes of the model's")
    if fresh:
        print(f"train.init {name}: {', '.join(fresh)} start afresh", file=sys.stderr)
    state.averaged.set_weights(state.model.get_weights())


def _resumed_config(out: Path, given: Config | None) -> Config:
    """The config of a run folder, which no argument may contradict."""
    saved = out / runs.CONFIG
    if not saved.is_file():
        raise UserError(f"--resume: {out} is not a run folder (no {runs.CONFIG})")
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


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; see `--help`."""
    parser = argparse.ArgumentParser(prog="python -m kdae.train", description=__doc__)
    parser.add_argument("--config", metavar="FILE", help="a YAML diff over the defaults")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="e.g. train.steps=100"
    )
    parser.add_argument("--out", metavar="DIR", help="run folder (default: runs/CONFIG)")
    parser.add_argument("--resume", action="store_true", help="go on where a run stopped")
    parser.add_argument("--summary", action="store_true", help="print the layers and end")
    args = parser.parse_args(argv)
    config = load_config(args.config, args.set)
    if args.summary:
        print(format_table(build_denoiser(config.model, config.data.channels)))
        return 0
    out = Path(args.out or Path("runs") / Path(args.config or "default").stem)
    workers = workers_from_environment()
    given = config if args.config or args.set else None
    # The other workers need not see the folder: what they are given is held against the
    # chief's settings.
    if args.resume and (workers.is_chief or given is None):
        config = _resumed_config(out, given)
    words = ["--config", args.config] if args.config else []
    words += [word for setting in args.set for word in ("--set", setting)]
    command = shlex.join(["python", "-m", "kdae.train", *words])
    # A scheduler that wants its machine back, or `kill`, ends a run as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        train(config, out, resume=args.resume, command=command, workers=workers)
    except KeyboardInterrupt:
        kept = f"; {out} holds everything so far, go on with --resume"
        print(f"stopped{kept if workers.is_chief else ''}", file=sys.stderr)
        return 130
    if workers.is_chief:
        print(f"{out}: {_summary(out)}")
    return 0


def _summary(out: Path) -> str:
    result = runs.load_card(out / runs.CARD)["results"][0]
    return (
        f"{result['psnr_noisy']:.2f} dB noisy, {result['psnr']:.2f} dB denoised "
        f"on {result['images']} held-out pictures ({result['noise']})"
    )


if __name__ == "__main__":
    run_main(main)
