"""Measures kdae: `python -m kdae.benchmark quality | memory | engines | ...`."""

from __future__ import annotations

import argparse
import importlib.util
import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from kdae.cards import DEFAULT_MODEL, locate_model
from kdae.errors import UserError, run_main


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m kdae.benchmark", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, what, sets in (
        ("quality", "compare the shipped models with classical methods", "Set12, BSD68, ..."),
        ("real", "the same on cameras, grey, JPEG, film and clean pictures", "CC15 and Set12"),
    ):
        compared = verbs.add_parser(verb, help=what)
        compared.add_argument(
            "--data", type=Path, required=True, metavar="DIR", help=f"folder that holds {sets}"
        )
        compared.add_argument(
            "--out", type=Path, required=True, metavar="DIR", help="folder of the report"
        )
        compared.add_argument(
            "--models-only",
            action="store_true",
            help="take the classical methods from the earlier report in --out",
        )
    large = verbs.add_parser(
        "memory", help="measure memory and time for 1, 10 and 100 megapixels"
    )
    large.add_argument("--model", default=DEFAULT_MODEL, metavar="M", help=f"({DEFAULT_MODEL})")
    large.add_argument(
        "--processors", type=int, default=2, metavar="N", help="processors to use (2)"
    )
    large.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    folder = verbs.add_parser(
        "folder", help="compare the rate of a folder with that of the model alone"
    )
    folder.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder of pictures"
    )
    folder.add_argument(
        "--model", default=DEFAULT_MODEL, metavar="M", help=f"({DEFAULT_MODEL})"
    )
    engines = verbs.add_parser(
        "engines", help="whole commands with LiteRT, in 8 bits, and with Keras"
    )
    engines.add_argument(
        "--model", default=DEFAULT_MODEL, metavar="M", help=f"a shipped one ({DEFAULT_MODEL})"
    )
    rounded = verbs.add_parser("rounding", help="what the TFLite files in 8 bits lose")
    rounded.add_argument("--model", nargs="+", default=[DEFAULT_MODEL], metavar="M")
    rounded.add_argument(
        "--exports", type=Path, default=Path("exports"), metavar="DIR", help="(exports)"
    )
    rounded.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder of clean pictures"
    )
    pipeline = verbs.add_parser(
        "pipeline", help="compare the speed of training with that from memory"
    )
    pipeline.add_argument("--config", metavar="FILE", default="configs/quickstart.yaml")
    pipeline.add_argument("--steps", type=int, default=300, help="steps to time (300)")
    scaling = verbs.add_parser("scaling", help="calculate where the network limits training")
    scaling.add_argument(
        "--config",
        metavar="FILE",
        nargs="+",
        default=["configs/gray.yaml", "configs/default.yaml"],
    )
    scaling.add_argument("--steps", type=int, default=50, help="steps to time (50)")
    scaling.add_argument(
        "--gpu-teraflops",
        type=float,
        default=20,
        metavar="N",
        help="assumed speed of a GPU (20)",
    )
    scaling.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of the page"
    )
    alone = verbs.add_parser(
        "alone", help="compare training on noisy pictures alone with that on clean ones"
    )
    alone.add_argument("--config", metavar="FILE", default="configs/noisy-alone.yaml")
    alone.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    alone.add_argument(
        "--train", required=True, metavar="DIR", help="folder of clean photographs"
    )
    alone.add_argument(
        "--test", required=True, metavar="DIR", help="folder of other clean photographs"
    )
    alone.add_argument("--seeds", type=int, default=3, metavar="N", help="runs of each (3)")
    alone.add_argument(
        "--seconds", type=float, default=40, metavar="S", help="training of each run (40)"
    )
    alone.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the results; a stopped command goes on with what it holds",
    )
    photons = verbs.add_parser(
        "photons", help="write the photographs in the package as noisy 16-bit TIFF files"
    )
    photons.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    args = parser.parse_args(argv)
    if args.verb == "engines":
        from kdae.benchmark.engines import measure_engines

        print(measure_engines(args.model))
        return 0
    # Not at the top: TensorFlow takes seconds, and `run_main` has to quiet it first.
    from kdae.benchmark import memory
    from kdae.benchmark.folder import measure_folder
    from kdae.benchmark.pipeline import measure_pipeline
    from kdae.benchmark.scaling import measure_step, write_scaling
    from kdae.train import load_config

    if args.verb == "photons":
        from kdae.benchmark.alone import write_photons

        print(f"{write_photons(args.out)} pictures written into {args.out}")
    elif args.verb == "alone":
        from kdae.benchmark.alone import measure_alone

        if args.seeds < 1 or args.seconds <= 0:
            raise UserError("--seeds and --seconds: expected at least 1 and more than 0")
        print(
            measure_alone(
                args.out, args.config, args.set, args.train, args.test, args.seeds, args.seconds
            )
        )
    elif args.verb in ("quality", "real"):
        _compare(args.verb, args.data, args.out, args.models_only)
    elif args.verb == "rounding":
        from kdae.benchmark.rounding import format_table, measure_rounding

        print(format_table(measure_rounding(args.model, args.exports, args.data)))
    elif args.verb == "folder":
        print(measure_folder(args.model, args.data))
    elif args.verb == "memory":
        if args.processors < 1:
            raise UserError(f"--processors: expected at least 1, got {args.processors}")
        locate_model(
            args.model
        )  # a missing model is reported here, not by the process that is measured
        rows = memory.measure_memory(args.model, args.processors, memory.SIDES)
        print(memory.format_table(rows))
        if args.json:
            args.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    elif args.steps < 1:
        raise UserError(f"--steps: expected at least 1, got {args.steps}")
    elif args.verb == "scaling":
        if args.gpu_teraflops <= 0:
            raise UserError(f"--gpu-teraflops: expected above 0, got {args.gpu_teraflops:g}")
        timed = [measure_step(name, load_config(name), args.steps) for name in args.config]
        command = (
            f"python -m kdae.benchmark scaling --config {shlex.join(args.config)} "
            f"--steps {args.steps} --gpu-teraflops {args.gpu_teraflops:g} --out {args.out}"
        )
        print(write_scaling(timed, args.gpu_teraflops, args.out, command))
    else:
        print(measure_pipeline(load_config(args.config), args.steps))
    return 0


def _compare(verb: str, data: Path, out: Path, models_only: bool) -> None:
    for module in ("bm3d", "cv2", "skimage"):
        if importlib.util.find_spec(module) is None:
            raise UserError(f"the package {module} is missing; pip install 'kdae[bench]'")
    from kdae.benchmark.earlier import check_same_noise, read_rows
    from kdae.benchmark.quality import measure_quality
    from kdae.benchmark.real import measure_real, write_real
    from kdae.benchmark.report import write_report

    command = f"python -m kdae.benchmark {verb} --data {data} --out {out}"
    command += " --models-only" if models_only else ""
    earlier = read_rows(out / f"{verb}.json") if models_only else []
    measure, write = (
        (measure_real, write_real) if verb == "real" else (measure_quality, write_report)
    )
    rows = measure(data, earlier=earlier)
    check_same_noise(rows)
    print(write(rows, out, command))


if __name__ == "__main__":
    run_main(main)
