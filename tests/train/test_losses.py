"""The cost against numbers worked out by hand."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kdae.train.losses import L1L2Loss, l1_l2

# Two images of 2x1 pixels; residuals (0.5, -0.25) and (0, 1).
CLEAN = np.array([0.25, 0.75, 0.5, 0.0], np.float32).reshape(2, 2, 1, 1)
RESTORED = np.array([0.75, 0.5, 0.5, 1.0], np.float32).reshape(2, 2, 1, 1)


@pytest.mark.parametrize(
    ("l1", "l2", "reduction", "expected"),
    [
        (1, 0, "sum", [0.75, 1.0]),
        (0, 1, "sum", [0.3125, 1.0]),
        (1, 0, "mean", [0.375, 0.5]),
        (2, 4, "sum", [2.75, 6.0]),
        (2, 4, "mean", [1.375, 3.0]),
    ],
)
def test_hand_computed(l1: float, l2: float, reduction: str, expected: list[float]) -> None:
    np.testing.assert_array_equal(l1_l2(CLEAN, RESTORED, l1, l2, reduction), expected)
    loss = L1L2Loss(l1, l2, reduction)
    assert float(loss(CLEAN, RESTORED)) == pytest.approx(np.mean(expected))


def test_half_precision_is_summed_in_float32() -> None:
    # 65,536 times 0.5: float16 ends at 65,504 and would stop counting long before.
    clean = tf.zeros([1, 256, 256, 1], tf.float16)
    cost = l1_l2(clean, clean + 0.5, 1.0, 0.0, "sum")
    assert cost.dtype == tf.float32
    assert float(cost[0]) == 32768.0


def test_unknown_reduction() -> None:
    with pytest.raises(ValueError, match="'mean' or 'sum', got 'max'"):
        l1_l2(CLEAN, RESTORED, reduction="max")


def test_a_saved_model_loads_by_itself(tmp_path: Path) -> None:
    model = keras.Sequential([keras.layers.Input((None, None, 1)), keras.layers.Conv2D(1, 1)])
    model.compile("sgd", L1L2Loss(0.5, 2.0, "sum"))
    model.fit(CLEAN, RESTORED, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras").loss
    assert loaded.get_config() == L1L2Loss(0.5, 2.0, "sum").get_config()
