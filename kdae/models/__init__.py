"""Lists the shipped models, what each is for, and how good it is: `python -m kdae.models`."""

from __future__ import annotations

from kdae.cards import load_card, shipped_models, weights_folder
from kdae.tables import columns

__all__ = ["USES", "describe_models"]

USES = {
    "photo": "pictures from cameras and phones, JPEG files, scans; the default",
    "color": "Gaussian noise in colour pictures",
    "gray": "Gaussian noise in grey pictures",
}
"""What each shipped model is for."""


def describe_models() -> str:
    """Returns two tables of the shipped models: their uses and sizes, and their figures.

    Every row of the second table is a result of a model card: the mean PSNR in dB of the noisy
    and the denoised pictures. Results on the validation photographs are left out, because
    settings were chosen by them.

    Raises:
        UserError: If a model card cannot be read.
    """
    models: list[tuple[str, ...]] = [("model", "for", "parameters", "kFLOP per pixel")]
    figures: list[tuple[str, ...]] = [("model", "pictures", "noise", "noisy", "denoised")]
    for name in sorted(shipped_models(), key=[*USES].index):
        card = load_card(weights_folder() / f"{name}.json")
        cost = f"{card['flop_per_pixel'] / 1000:.1f}"
        models.append((name, USES[name], f"{card['parameters']:,}", cost))
        figures += [
            (
                name,
                result["data"],
                result["noise"],
                f"{result['psnr_noisy']:.3f}",
                f"{result['psnr']:.3f}",
            )
            for result in card["results"]
            if not result["data"].startswith("validation")
        ]
    return (
        f"{columns(models, right=(2, 3))}\n\n"
        f"Mean PSNR in dB; the model cards in {weights_folder()} have the commands:\n\n"
        f"{columns(figures, right=(3, 4))}"
    )
