"""Trains a denoiser: `python -m kdae.train --config FILE [--set key=value ...] [--out DIR]`."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from kdae.cards import CARD, load_card
from kdae.errors import interrupt, run_main


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; see `--help`."""
    parser = argparse.ArgumentParser(prog="python -m kdae.train", description=__doc__)
    parser.add_argument(
        "--config", metavar="FILE", help="settings in YAML that differ from the defaults"
    )
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="changes a setting, such as train.steps=100; may be repeated",
    )
    parser.add_argument(
        "--out", metavar="DIR", help="run folder (default: runs/ and the name of FILE)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue a run from its last checkpoint"
    )
    parser.add_argument(
        "--summary", action="store_true", help="print the table of layers and exit"
    )
    args = parser.parse_args(argv)
    # Imported here, because TensorFlow takes seconds, and `run_main` has to quiet it first.
    from kdae.model import build_denoiser, format_table
    from kdae.train.config import load_config
    from kdae.train.distributed import workers_from_environment
    from kdae.train.run import resumed_config, train

    config = load_config(args.config, args.set)
    if args.summary:
        print(format_table(build_denoiser(config.model, config.data.channels)))
        return 0
    out = Path(args.out or Path("runs") / Path(args.config or "default").stem)
    workers = workers_from_environment()
    given = config if args.config or args.set else None
    # The other workers need not see the folder: their arguments are compared with the chief's
    # settings.
    if args.resume and (workers.is_chief or given is None):
        config = resumed_config(out, given)
    words = ["--config", args.config] if args.config else []
    words += [word for setting in args.set for word in ("--set", setting)]
    command = shlex.join(["python", "-m", "kdae.train", *words])
    # SIGTERM, which `kill` and schedulers send, ends a run as Ctrl-C does.
    signal.signal(signal.SIGTERM, interrupt)
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
    result = load_card(out / CARD)["results"][0]
    noise = result["noise"]
    if "pairs" in noise:
        noise = "pairs: " + ", ".join(f"{key} {name}" for key, name in noise["pairs"].items())
    return (
        f"{result['psnr_noisy']:.2f} dB noisy, {result['psnr']:.2f} dB denoised "
        f"on {result['images']} held-out pictures ({result.get('note', noise)})"
    )


if __name__ == "__main__":
    run_main(main)
