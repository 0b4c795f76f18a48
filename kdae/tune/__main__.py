"""Chooses settings: trains with several, chooses on held-out pictures, measures on new ones.

    python -m kdae.tune --config FILE --search train.weight_decay=0,1e-6,1e-5,1e-4 --out DIR

Each `--search` gives a list of values or a range for one setting. A range such as
`train.learning_rate=1e-4..1e-2` is searched log-uniformly. The settings that are best on the
held-out pictures are trained once more, on training and held-out pictures together, and that
model is measured once, on pictures that were not used before. The same command continues a
search that was killed, or joins one that is running.

DIR/search.yaml search.db   what is searched, and the trials so far
    trials/000 ...          a run folder per trial
    trials.csv search.png   the table and the plot of the trials
    chosen.yaml             the chosen settings; when it exists, no trial is added
    final/                  the run of the chosen settings on training and held-out pictures
    test.json               its figures on new pictures
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence
from typing import Any

import yaml

from kdae.errors import UserError, interrupt, run_main
from kdae.tables import columns


def format_trials(rows: Sequence[dict[str, Any]]) -> str:
    """Formats the trials as a table, the best first."""
    order = sorted(rows, key=lambda row: -row["psnr"] if row["psnr"] == row["psnr"] else 1e9)
    lines = [list(rows[0])]
    lines += [
        [f"{value:.3f}" if key == "psnr" else str(value) for key, value in row.items()]
        for row in order
    ]
    return columns(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        prog="python -m kdae.tune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="YAML file with the settings that differ from the defaults",
    )
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="change a setting"
    )
    parser.add_argument(
        "--search", metavar="KEY=VALUES", action="append", required=True,
        help="KEY=a,b,c (each is tried) or KEY=low..high (log-uniform)",
    )  # fmt: skip
    parser.add_argument(
        "--trials", type=int, metavar="N", help="number of trials (default: all values)"
    )
    parser.add_argument(
        "--test",
        metavar="SOURCE",
        help="new pictures (default: the test split); may be '{noisy: ..., clean: ...}'",
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="folder of the search")
    args = parser.parse_args(argv)
    # Not at the top: TensorFlow takes seconds, and `run_main` has to quiet it first.
    from kdae.train import load_config
    from kdae.tune.run import tune
    from kdae.tune.trials import parse_search

    if args.trials is not None and args.trials < 1:
        raise UserError(f"--trials: expected at least 1, got {args.trials}")
    pairs = (args.test or "").startswith("{")
    test_source = yaml.safe_load(args.test) if pairs else args.test
    words = sys.argv[1:] if argv is None else argv
    signal.signal(signal.SIGTERM, interrupt)
    try:
        result = tune(
            load_config(args.config, args.set), [parse_search(text) for text in args.search],
            args.out, trials=args.trials, test=test_source,
            command=shlex.join(["python", "-m", "kdae.tune", *words]),
        )  # fmt: skip
    except KeyboardInterrupt:
        print(
            f"stopped; {args.out} holds all so far, the same command goes on", file=sys.stderr
        )
        return 130
    if result is None:
        print(f"{args.out}: nothing left to begin; others are at work, and will finish it")
        return 0
    print(format_trials(result["trials"]))
    chosen = ", ".join(f"{key} {value}" for key, value in result["settings"].items())
    test = result["test"]
    print(f"chosen: {chosen}, {result['psnr']:.2f} dB on held-out pictures")
    print(
        f"{args.out}/final, trained on those too: {test['psnr_noisy']:.2f} dB noisy, "
        f"{test['psnr']:.2f} dB denoised on {test['images']} new pictures"
    )
    return 0


if __name__ == "__main__":
    run_main(main)
