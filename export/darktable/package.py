"""Builds the darktable package of a model.

    python export/darktable/package.py --model photo --out exports/darktable

    OUT/models/denoise-kdae/   model.yaml  convert.py  demo.py  README.md
    OUT/output/denoise-kdae/   model.onnx  config.json
    OUT/output/denoise-kdae.dtmodel        both of them, to import in darktable

The folders are those of the repository darktable-ai: it keeps `models/`, and its pipeline makes
`output/`. The figures and licences in `model.yaml` and `README.md` come from the model card.
"""

from __future__ import annotations

import argparse
import json
import runpy
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml

import kdae
from kdae.cards import load_card, locate_model
from kdae.engine import margin_of
from kdae.errors import UserError, run_main

HERE = Path(__file__).parent
CONFIG = ("id", "name", "description", "task", "arch", "backend", "version", "tiling")
"""The keys that darktable-ai copies from `model.yaml` into `config.json`."""


def build(model: str, out: Path) -> Path:
    """Builds the package.

    Args:
        model: A run folder, a `.keras` file, or the name of a shipped model. The model is for
            colour pictures, and its card states the licences of its training pictures.
        out: A folder that does not exist.

    Returns:
        The path of the `.dtmodel` file.

    Raises:
        UserError: If `out` exists, or the model has no such card.
    """
    if out.exists():
        raise UserError(f"--out: {out} exists already and is never written over")
    _, path = locate_model(model)
    card = load_card(path) if path else {}
    licenses = card.get("training", {}).get("licenses", {"unknown": 0})
    if "unknown" in licenses or card["channels"] != 3:
        raise UserError(
            f"--model {model}: expected a colour model whose card states the licences of its "
            "training pictures"
        )
    facts = describe(card, model)
    settings = yaml.safe_load(_filled("model.yaml", facts))
    source = out / "models" / settings["id"]
    target = out / "output" / settings["id"]
    source.mkdir(parents=True)
    target.mkdir(parents=True)
    (source / "model.yaml").write_text(_filled("model.yaml", facts), encoding="utf-8")
    (source / "README.md").write_text(_filled("card.md", facts), encoding="utf-8")
    for step in settings["convert"]:
        shutil.copy(HERE / step["script"], source)
        places = {"output": target, "model_dir": source, "root": out}
        arguments = {
            key: value.format_map(places) if isinstance(value, str) else value
            for key, value in step["args"].items()
        }
        runpy.run_path(str(source / step["script"]))["convert"](**arguments)
    shutil.copy(HERE / "demo.py", source)
    config = json.dumps({key: settings[key] for key in CONFIG}, indent=4) + "\n"
    (target / "config.json").write_text(config, encoding="utf-8")
    package = target.with_suffix(".dtmodel")
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(target.iterdir()):
            archive.write(file, f"{settings['id']}/{file.name}")
    return package


def describe(card: Mapping[str, Any], checkpoint: str) -> dict[str, str]:
    """Returns what `model.yaml` and `card.md` say of the weights, by placeholder."""
    training = card["training"]
    licenses = [f"{name} ({count})" for name, count in training["licenses"].items()]
    results = [
        f"| {row['data']} | {row['psnr_noisy']:.2f} | {row['psnr']:.2f} | `{row['command']}` |"
        for row in card["results"]
    ]
    return {
        "checkpoint": checkpoint,
        "version": kdae.__version__,
        "license": card["license"],
        "licenses": ", ".join(licenses),
        "pictures": str(training["pictures"]),
        "command": training["command"],
        "parameters": f"{card['parameters']:,}",
        "scales": str(len(card["model"]["widths"])),
        "widths": ", ".join(map(str, card["model"]["widths"])),
        "blocks": ", ".join(map(str, card["model"]["blocks"])),
        "receptive_field": str(card["receptive_field"]),
        "halo": str(card["halo"]),
        "margin": str(margin_of(card)),
        "size_multiple": str(card["size_multiple"]),
        # Where the benchmark sets lay on the machine is of no interest.
        "results": "\n".join(results).replace("../shared/", ""),
    }


def _filled(name: str, facts: Mapping[str, str]) -> str:
    return Template((HERE / name).read_text(encoding="utf-8")).substitute(facts)


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="photo", metavar="M", help="(photo)")
    parser.add_argument("--out", type=Path, default=Path("exports/darktable"), metavar="DIR")
    args = parser.parse_args()
    print(f"built {build(args.model, args.out)}")
    return 0


if __name__ == "__main__":
    run_main(lambda _: main())
