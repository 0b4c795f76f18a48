"""What tests of several packages share and is made once in a process."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

# The fixture imports TensorFlow: the process that starts the workers reads this file too, and
# runs no test.
if TYPE_CHECKING:
    from tests.helpers import Saved


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Saved]:
    """Exports `tiny_model` of a number of channels as a SavedModel, once."""
    import tensorflow as tf

    from kdae.export.formats import ExportRequest
    from kdae.export.savedmodel import exporter
    from tests.helpers import SAVED_PIXELS, Saved, tiny_card, tiny_model

    @functools.cache
    def make(channels: int) -> Saved:
        folder = tmp_path_factory.mktemp("savedmodel")
        model, card = tiny_model(channels), tiny_card(channels)
        exporter.export(ExportRequest("tiny", model, card, folder, SAVED_PIXELS))
        return Saved(folder, tf.saved_model.load(str(folder / "1")))

    return make
