"""Writes the figures of the shipped weights into the technical report.

    python export/darktable/figures.py

It replaces what stands between the two marks in `docs/report.md`, with the model cards of
`kdae/weights` as the source. `make weights` runs it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kdae.cards import load_card, shipped_models, weights_folder
from kdae.engine import margin_of
from kdae.errors import run_main

REPORT = Path(__file__).parents[2] / "docs" / "report.md"
BEGIN = "<!-- Written by export/darktable/figures.py -->"
END = "<!-- End of the written part -->"


def figures(cards: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns the tables of the report as Markdown.

    Args:
        cards: The model cards by the name of the model.
    """
    licenses = sorted(
        {name for card in cards.values() for name in card["training"]["licenses"]}
    )
    commands = {row["command"] for card in cards.values() for row in card["results"]}
    parts = [
        "The networks:",
        _table(
            "model | filters of each scale | blocks | parameters | kFLOP per pixel | "
            "receptive field | halo | margin",
            [
                f"`{name}` | {_listed(card['model']['widths'])} | "
                f"{_listed(card['model']['blocks'])} | {card['parameters']:,} | "
                f"{card['flop_per_pixel'] / 1000:.1f} | {card['receptive_field']} pixels | "
                f"{card['halo']} pixels | {margin_of(card)} pixels"
                for name, card in cards.items()
            ],
        ),
        "Their training, on two processor cores. The steps and seconds are those of all runs "
        "that led to the weights:",
        _table(
            "model | steps | seconds | noises | command",
            [
                f"`{name}` | {training['steps']:,} | {training['seconds']:,.0f} | "
                f"{_listed(sorted(noise_names(training['noise']['kind'])))} | "
                f"`{training['command']}`"
                for name, training in ((name, card["training"]) for name, card in cards.items())
            ],
        ),
        "The licences of their training photographs, by number:",
        _table(
            f"licence | {_joined(f'`{name}`' for name in cards)}",
            [
                f"{license} | "
                + _joined(
                    str(c["training"]["licenses"].get(license, 0)) for c in cards.values()
                )
                for license in licenses
            ],
        ),
        "Mean PSNR in dB:",
        _table(
            "model | pictures | noise | number | noisy | denoised",
            [
                f"`{name}` | {row['data']} | {_noise(row['noise'])} | {row['images']} | "
                f"{row['psnr_noisy']:.3f} | {row['psnr']:.3f}"
                for name, card in cards.items()
                for row in card["results"]
            ],
        ),
        "The commands that measured them:",
        "\n".join(["```sh", *sorted(commands), "```"]),
    ]
    # Where the photographs and benchmark sets lay on the machine is of no interest.
    return "\n\n".join(parts).replace("../shared/", "")


def noise_names(spec: Any) -> set[str]:
    """Returns the names of the noises in the `training.noise.kind` of a card."""
    if isinstance(spec, str):
        return {spec.split(":")[0]}
    if isinstance(spec, list):
        return set().union(*map(noise_names, spec))
    if "choice" in spec:
        return noise_names(spec["choice"]["specs"])
    return noise_names(spec["chain"]) if "chain" in spec else set(spec)


def filled(text: str, written: str) -> str:
    """Returns a report with other figures between its marks."""
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n\n{written}\n\n{END}{tail}"


def shipped() -> dict[str, dict[str, Any]]:
    """Returns the model cards of the shipped models by name."""
    return {name: load_card(weights_folder() / f"{name}.json") for name in shipped_models()}


def _table(head: str, rows: Iterable[str]) -> str:
    line = "|".join("---" for _ in head.split(" | "))
    return "\n".join([f"| {head} |", f"|{line}|", *(f"| {row} |" for row in rows)])


def _noise(noise: str | Mapping[str, Any]) -> str:
    return f"`{noise}`" if isinstance(noise, str) else _listed(sorted(noise_names(noise)))


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))


def _joined(cells: Iterable[str]) -> str:
    return " | ".join(cells)


def main() -> int:
    """Runs the command."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    text = filled(REPORT.read_text(encoding="utf-8"), figures(shipped()))
    REPORT.write_text(text, encoding="utf-8")
    print(f"wrote {REPORT}")
    return 0


if __name__ == "__main__":
    run_main(lambda _: main())
