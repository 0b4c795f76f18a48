"""What tests of several packages share and is made once in a process."""

import functools
from collections.abc import Callable

import pytest
import tensorflow as tf

from tests.helpers import SAVED_PIXELS, Saved, tiny_card, tiny_model


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Saved]:
    """Exports `tiny_model` of a number of channels as a SavedModel, once."""
    from kdae.export.formats import ExportRequest
    from kdae.export.savedmodel import exporter

    @functools.cache
    def make(channels: int) -> Saved:
        folder = tmp_path_factory.mktemp("savedmodel")
        model, card = tiny_model(channels), tiny_card(channels)
        exporter.export(ExportRequest("tiny", model, card, folder, SAVED_PIXELS))
        return Saved(folder, tf.saved_model.load(str(folder / "1")))

    return make
