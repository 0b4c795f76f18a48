"""Finding models and reading cards; every way to name the wrong thing."""

from pathlib import Path

import keras
import numpy as np
import pytest

from kdae.cards import write_card
from kdae.errors import UserError
from kdae.model import describe, load_model
from tests.helpers import tiny_model, tiny_run


def test_a_run_folder_and_its_file_are_the_same_model(tmp_path: Path) -> None:
    folder = tiny_run(tmp_path / "run")
    image = np.random.default_rng(0).random((1, 8, 8, 1), np.float32)
    for name in (folder, str(folder), folder / "model.keras"):
        model, card = load_model(name)
        np.testing.assert_array_equal(model(image), tiny_model()(image))
        assert card["name"] == "tiny"


def test_a_file_without_a_card_is_described_from_the_model(tmp_path: Path) -> None:
    tiny_model(3).save(tmp_path / "mine.keras")
    _, card = load_model(tmp_path / "mine.keras")
    assert (card["name"], card["channels"], card["size_multiple"]) == ("mine", 3, 4)
    assert card["parameters"] == tiny_model(3).count_params()


def test_a_card_beside_a_named_file(tmp_path: Path) -> None:
    tiny_model().save(tmp_path / "mine.keras")
    card = describe(tiny_model(), "shown")
    write_card(card | {"results": [1]}, tmp_path / "mine.json")
    assert load_model(tmp_path / "mine.keras")[1]["results"] == [1]


def test_no_such_model(tmp_path: Path) -> None:
    message = r"nosuch: expected a run folder, a \.keras, \.tflite or \.onnx file, or a shipped"
    with pytest.raises(UserError, match=message):
        load_model("nosuch")
    with pytest.raises(UserError, match=r"holds no model\.keras"):
        load_model(tmp_path)


def test_not_one_of_our_models(tmp_path: Path) -> None:
    (tmp_path / "text.keras").write_text("hello")
    with pytest.raises(UserError, match=r"text\.keras is not a kdae model"):
        load_model(tmp_path / "text.keras")
    image = keras.Input((None, None, 1))
    keras.Model(image, keras.layers.MaxPooling2D()(image)).save(tmp_path / "pool.keras")
    with pytest.raises(UserError, match=r"pool\.keras is not a kdae model .*MaxPooling2D"):
        load_model(tmp_path / "pool.keras")
