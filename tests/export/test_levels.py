"""Exports of models whose 0 and 1 are not black and white: values beyond are kept."""

from pathlib import Path

import numpy as np
import pytest

import kdae
from kdae.client.client import Client
from kdae.engine import Denoiser
from kdae.engine.keras_model import KerasModel
from kdae.errors import UserError
from kdae.export.formats import ExportRequest
from kdae.export.savedmodel.exporter import Service
from kdae.export.tflite import exporter
from tests.helpers import tiny_card, tiny_model

LEVELS = (1000.0, 3000.0)


def test_tflite_files_keep_what_is_beyond_the_levels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "BOUNDS", {"float32": exporter.BOUNDS["float32"]})
    # For 8 bits alone, which is not among them.
    monkeypatch.setattr(exporter, "choose_ranges", lambda *_: {})
    card = tiny_card() | {"levels": list(LEVELS)}
    artifacts = exporter.export(ExportRequest("tiny", tiny_model(), card, tmp_path, 1))
    assert [artifact.clipped for artifact in artifacts] == [False, False]
    picture = np.random.default_rng(0).integers(0, 9000, (40, 48, 1)).astype(np.uint16)
    expected = Denoiser(KerasModel(tiny_model()), card).denoise(picture)
    assert expected.min() < LEVELS[0] < LEVELS[1] < expected.max()
    result = kdae.load(artifacts[0].path).denoise(picture)
    assert result.dtype == np.uint16
    assert abs(result.astype(int) - expected).max() <= 1


def test_a_server_is_not_given_files_without_levels() -> None:
    card = tiny_card()
    service = Service(tiny_model(), card["size_multiple"], card["halo"], 0, 1, clipped=False)
    assert list(service.signatures()) == ["serving_default"]


def test_the_client_refuses_a_model_with_levels() -> None:
    with pytest.raises(UserError, match="trained on files with levels"):
        Client(card=tiny_card() | {"levels": list(LEVELS)})
