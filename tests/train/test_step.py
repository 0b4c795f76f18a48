"""The training step: its loss, its average, half precision, and several devices."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from kdae.data.alone import WITH_CLEAN
from kdae.model import ModelConfig
from kdae.model.quantization import choose_ranges, rounded_layers, with_ranges
from kdae.train import Config
from kdae.train import step as step_module
from kdae.train.config import TrainConfig
from kdae.train.losses import LossConfig, l1_l2
from kdae.train.objectives import validate
from kdae.train.step import State, build_state, build_step, resolve_precision
from tests import warm

RNG = np.random.default_rng(0)
CLEAN = tf.constant(RNG.random((4, 16, 16, 1), np.float32))
NOISY = CLEAN + tf.constant(RNG.normal(0, 0.1, (4, 16, 16, 1)), tf.float32)
BATCHES = iter(tf.data.Dataset.from_tensors((NOISY, CLEAN)).repeat())


def config(**train: object) -> Config:
    settings: dict[str, object] = {
        "learning_rate": 0.01, "warmup": 0, "optimizer": "adam", "precision": "float32",
    }  # fmt: skip
    return Config(
        model=ModelConfig(widths=(4, 8), blocks=(1, 1)),
        loss=LossConfig(l1=1.0, l2=2.0),
        train=TrainConfig(**(settings | train)),  # type: ignore[arg-type]
    )


def test_terms_and_average() -> None:
    strategy = tf.distribute.get_strategy()
    settings = config(weight_decay=0.01, ema=0.5)
    state = build_state(settings, strategy)
    before = [w.copy() for w in state.model.get_weights()]
    expected = float(tf.reduce_mean(l1_l2(CLEAN, state.model(NOISY), 1.0, 2.0)))
    squares = sum(0.01 * np.square(w).sum() for w in before if w.ndim == 4)
    data, penalty = build_step(settings, state, strategy)(BATCHES)
    assert float(data) == pytest.approx(expected, rel=1e-5)
    assert float(penalty) == pytest.approx(squares, rel=1e-5)
    assert int(state.step) == 1
    # After one step the average keeps (1 + 1) / (10 + 1) of the initial weights.
    keep = 2 / 11
    for old, new, mean in zip(
        before, state.model.get_weights(), state.averaged.get_weights(), strict=True
    ):
        np.testing.assert_allclose(mean, keep * old + (1 - keep) * new, atol=1e-6)


class Plain(NamedTuple):
    """A training of 40 steps in float32: its state after them, and the loss of each."""

    state: State
    losses: list[float]


@pytest.fixture(scope="module")
def plain() -> Plain:
    strategy = tf.distribute.get_strategy()
    state = build_state(config(), strategy)
    step = build_step(config(), state, strategy)
    return Plain(state, [float(step(BATCHES)[0]) for _ in range(40)])


def test_training_lowers_the_loss(plain: Plain) -> None:
    assert np.mean(plain.losses[-5:]) < 0.8 * plain.losses[0]
    assert validate(plain.state.averaged, [(NOISY[:1], CLEAN[:1])], WITH_CLEAN) > 20


def test_two_steps_in_mixed_precision_on_a_cpu(plain: Plain) -> None:
    strategy = tf.distribute.get_strategy()
    settings = config(precision="mixed_float16")
    state = build_state(settings, strategy)
    step = build_step(settings, state, strategy)
    terms = [float(step(BATCHES)[0]) for _ in range(2)]
    assert state.model.get_layer("down0_conv").compute_dtype == "float16"
    assert {layer.compute_dtype for layer in state.averaged.layers} == {"float32"}
    assert terms[0] == pytest.approx(plain.losses[0], rel=1e-2)
    # All terms travel in one message when there are several workers.
    assert {term.dtype for term in step(BATCHES)} == {tf.float32}
    assert all(np.isfinite(w).all() for w in state.model.get_weights())
    assert terms[1] != terms[0]


def test_training_in_eight_bits_trains_what_bears_them() -> None:
    strategy = tf.distribute.get_strategy()
    settings = config(optimizer="adam", learning_rate=1e-3, warmup=0)
    state = build_state(settings, strategy)
    whole = build_step(settings, state, strategy)
    for _ in range(60):
        whole(BATCHES)
    # Coarse on purpose, so that rounding shows in the loss of so small a network.
    ranges = choose_ranges(state.averaged, [np.clip(image, 0, 1) for image in NOISY.numpy()])
    coarse = {name: (3 * low, 3 * high) for name, (low, high) in ranges.items()}
    state.ranges.assign([coarse[name] for name in rounded_layers(state.model)])

    def loss() -> float:
        rounded = with_ranges(state.averaged, coarse, whole=False)(NOISY)
        return float(tf.reduce_mean(tf.abs(rounded - CLEAN)))

    before, step = loss(), build_step(settings, state, strategy, eight_bits=True)
    first = float(step(BATCHES)[0])
    assert first != pytest.approx(float(whole(BATCHES)[0]), rel=1e-4)
    for _ in range(60):
        step(BATCHES)
    assert loss() < before


def test_auto_precision_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not tf.config.list_logical_devices("GPU")
    for has, expected in ((False, "float32"), (True, "mixed_bfloat16")):
        monkeypatch.setattr(step_module, "has_bfloat16", lambda has=has: has)
        assert resolve_precision("auto") == expected
        assert resolve_precision("mixed_float16") == "mixed_float16"
        assert resolve_precision("float32") == "float32"


def test_nothing_to_validate_on() -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        validate(build_state(config(), tf.distribute.get_strategy()).averaged, [], WITH_CLEAN)


# Logical devices must be set before TensorFlow starts, so in a process of its own.
TWO_DEVICES = """
import numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from kdae.train.step import build_state, build_step
from tests.train.test_step import CLEAN, NOISY, config
strategies = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert [strategy.num_replicas_in_sync for strategy in strategies] == [1, 2]
# Half precision is what several GPUs get; each sums in an order of its own.
for precision, allowed in (("float32", 1e-5), ("mixed_float16", 1e-3)):
    settings = config(clip_norm=0.05, weight_decay=1e-3, optimizer="sgd", learning_rate=0.5,
                      precision=precision)
    results = []
    for strategy in strategies:
        state = build_state(settings, strategy)
        step = build_step(settings, state, strategy)
        batches = iter(strategy.distribute_datasets_from_function(
            lambda context: tf.data.Dataset.from_tensors((NOISY, CLEAN)).repeat(5).rebatch(
                context.get_per_replica_batch_size(4))))
        terms = [[float(t) for t in step(batches)] for _ in range(5)]
        results.append((terms, state.averaged.get_weights()))
    (a, x), (b, y) = results
    np.testing.assert_allclose(a, b, rtol=allowed)
    assert abs(a[0][0] - a[-1][0]) > 10 * allowed * a[0][0]
    for left, right in zip(x, y):
        np.testing.assert_allclose(left, right, atol=allowed)
print("equal")
"""


def test_two_devices_equal_one() -> None:
    ended = warm.ended("-c", TWO_DEVICES)
    assert ended.code == 0 and ended.out.strip().endswith("equal"), ended.err[-3000:]
