"""Runs a verb: `kdae VERB ...` or `python -m kdae VERB ...`.

Each verb is a package, which `python -m kdae.VERB` runs too.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

import kdae
from kdae.errors import UserError, did_you_mean, run_main

VERBS = {
    "denoise": "denoise files and folders",
    "models": "list the shipped models, their uses and figures",
    "client": "have a server denoise a picture",
    "train": "train a model",
    "evaluate": "measure a model on noisy and clean pictures",
    "tune": "choose settings by training many models",
    "export": "export models for servers, phones and browsers",
    "benchmark": "measure quality, speed and memory",
    "lecture": "measure the claims of a lecture and write a page with the results",
}


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Runs the verb that is the first argument, and ends the process with its status."""
    words = list(sys.argv[1:] if argv is None else argv)
    run_main(lambda _: _run(words))


def _run(words: Sequence[str]) -> int:
    listed = "\n".join(f"  {verb:<11}{what}" for verb, what in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="kdae",
        usage="kdae [-h] [--version] VERB ...",
        description="A small denoising autoencoder in Keras.",
        epilog=f"verbs:\n{listed}\n\n`kdae VERB --help` lists the arguments of a verb.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kdae {kdae.__version__}")
    parser.add_argument("verb", metavar="VERB", help="one of the verbs below")
    args = parser.parse_args(words[:1])
    if args.verb not in VERBS:
        raise UserError(
            f"VERB: unknown verb {args.verb!r}{did_you_mean(args.verb, list(VERBS))}"
        )
    status: int = importlib.import_module(f"kdae.{args.verb}.__main__").main(words[1:])
    return status


if __name__ == "__main__":
    main()
