"""Lists the shipped models: `python -m kdae.models`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from kdae.errors import run_main
from kdae.models import describe_models


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        prog="python -m kdae.models",
        description=__doc__,
        epilog="The option --model of the other commands takes these names.",
    )
    parser.parse_args(argv)
    print(describe_models())
    return 0


if __name__ == "__main__":
    run_main(main)
