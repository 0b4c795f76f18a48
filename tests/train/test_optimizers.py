"""Step sizes at known steps, and optimizers that do what their names say."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kdae.train.config import TrainConfig
from kdae.train.optimizers import ConvMuon, Schedule, build_optimizer


def rate(step: int, **settings: object) -> float:
    base: dict[str, object] = {
        "learning_rate": 0.8,
        "warmup": 4,
        "steps": 104,
        "decay_steps": 10,
    }
    return float(Schedule(TrainConfig(**(base | settings)))(step))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        ("constant", 0, 0.2),
        ("constant", 3, 0.8),
        ("constant", 90, 0.8),
        ("step", 13, 0.8),
        ("step", 14, 0.4),
        ("step", 25, 0.2),
        ("exponential", 9, 0.8 * 0.5**0.5),
        ("exponential", 24, 0.2),
        ("cosine", 1, 0.4 * (0.5 + 0.5)),
        ("cosine", 54, 0.4),
        ("cosine", 104, 0.0),
        ("cosine", 200, 0.0),
    ],
)
def test_rates(schedule: str, step: int, expected: float) -> None:
    assert rate(step, schedule=schedule, decay=0.5) == pytest.approx(expected, abs=1e-6)


def test_no_warmup() -> None:
    assert rate(0, warmup=0, schedule="constant") == pytest.approx(0.8)


def one_step(config: TrainConfig, gradient: np.ndarray) -> np.ndarray:
    variable = keras.Variable(np.zeros(gradient.shape, np.float32))
    optimizer = build_optimizer(config)
    optimizer.build([variable])
    optimizer.apply([tf.constant(gradient, tf.float32)], [variable])
    return variable.numpy()


def test_sgd_with_momentum() -> None:
    config = TrainConfig(
        optimizer="sgd",
        learning_rate=0.1,
        momentum=0.5,
        warmup=0,
        schedule="constant",
        clip_norm=None,
    )
    variable = keras.Variable([0.0])
    optimizer = build_optimizer(config)
    optimizer.build([variable])
    for _ in range(2):
        optimizer.apply([tf.constant([1.0])], [variable])
    # v1 = -0.1; v2 = 0.5 * v1 - 0.1 = -0.15.
    assert float(variable.numpy()[0]) == pytest.approx(-0.25)


def test_gradients_are_clipped() -> None:
    config = TrainConfig(
        optimizer="sgd",
        learning_rate=1,
        momentum=0.0,
        warmup=0,
        schedule="constant",
        clip_norm=0.5,
    )
    # Norm 5, cut to 0.5.
    moved = one_step(config, np.array([3.0, 4.0]))
    np.testing.assert_allclose(moved, [-0.3, -0.4], rtol=1e-5)


@pytest.mark.parametrize("name", ["adam", "adamw", "muon"])
def test_the_first_step_of_adam_has_the_size_of_the_rate(name: str) -> None:
    config = TrainConfig(optimizer=name, learning_rate=0.01, warmup=0, schedule="constant")  # type: ignore[arg-type]
    np.testing.assert_allclose(
        one_step(config, np.array([0.1, -0.2])), [-0.01, 0.01], rtol=1e-3
    )


def test_decoupled_decay_shrinks_the_weights() -> None:
    for name, after in (("adam", 2.0), ("adamw", 2.0 * (1 - 0.1 * 0.5))):
        config = TrainConfig(
            optimizer=name,  # type: ignore[arg-type]
            learning_rate=0.1, warmup=0, schedule="constant", decoupled_decay=0.5,
        )  # fmt: skip
        variable = keras.Variable([2.0])
        optimizer = build_optimizer(config)
        optimizer.build([variable])
        optimizer.apply([tf.constant([0.0])], [variable])
        assert float(variable.numpy()[0]) == pytest.approx(after)


@pytest.mark.parametrize("shape", [(3, 3, 16, 32), (1, 1, 64, 32)])
def test_muon_makes_the_bank_of_filters_orthogonal(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    gradient = rng.normal(size=shape) * rng.uniform(0.1, 10, shape[-1])
    config = TrainConfig(
        optimizer="muon", learning_rate=1.0, warmup=0, schedule="constant", clip_norm=None
    )
    update = one_step(config, gradient).reshape(-1, shape[-1])
    values = np.linalg.svd(update, compute_uv=False) / (0.2 * np.sqrt(max(update.shape)))
    # The quintic iteration brings all singular values near 1 (0.7 to 1.2), not to it.
    assert 0.5 < values.min() and values.max() < 1.3
    stock = keras.optimizers.Muon.zeropower_via_newtonschulz5
    matrix = tf.constant(gradient.reshape(-1, shape[-1]), tf.float32)
    muon = ConvMuon()
    np.testing.assert_allclose(
        muon.zeropower_via_newtonschulz5(matrix, 5), stock(muon, matrix, 5), atol=1e-4
    )
