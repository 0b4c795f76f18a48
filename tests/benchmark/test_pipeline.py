"""The benchmark of the input pipeline measures the cost of the pipeline only."""

import re
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kdae.benchmark import pipeline
from kdae.benchmark.__main__ import main
from kdae.errors import UserError
from kdae.train.config import config_from_dict, save_config

SMALL = config_from_dict(
    {
        "data": {"limit": 2},
        "noise": {"kind": {"gaussian": {"sigma": 25}}},
        "model": {"widths": [4], "blocks": [1]},
        "train": {"batch": 2, "patch": 8},
    }
)


@pytest.mark.alone
def test_a_slow_pipeline_lowers_the_efficiency(monkeypatch: pytest.MonkeyPatch) -> None:
    real = pipeline.training_batches

    def slow(*args: object, **kw: object) -> tf.data.Dataset:
        def late(noisy: np.ndarray) -> np.ndarray:
            time.sleep(0.05)
            return noisy

        def sleep(noisy: tf.Tensor, clean: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return tf.ensure_shape(
                tf.numpy_function(late, [noisy], tf.float32), noisy.shape
            ), clean

        return real(*args, **kw).map(sleep)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "training_batches", slow)
    # Every round makes its input pipeline anew, which takes seconds.
    timed = pipeline.measure_pipeline(SMALL, 2)
    assert timed.step > 0.02 and timed.efficiency < 0.5


def test_the_line_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_config(SMALL, tmp_path / "small.yaml")
    assert main(["pipeline", "--config", str(tmp_path / "small.yaml"), "--steps", "1"]) == 0
    assert re.search(r"\d+\.\d ms per .*: \d+\.\d % of that speed", capsys.readouterr().out)
    with pytest.raises(UserError, match="--steps: expected at least 1, got 0"):
        main(["pipeline", "--steps", "0"])
