"""Run folders and `.keras` files made before the network moved into a package of its own.

`tests/data/old-run` was made at commit cbc1487, by a few steps of training two tiny models; of
the files of Keras only the compression of the zip archive was changed. `expected.npz` holds a
noisy picture and what each model made of it then.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kdae
from kdae.cards import load_card, shipped_models
from kdae.model import describe
from kdae.train import load_config
from tests.helpers import tiny_model

OLD = Path(__file__).parents[1] / "data" / "old-run"
# Rounding may differ between versions of TensorFlow and machines.
CLOSE = 1e-5

# The first argument is the statement to run before plain Keras loads the files.
PLAIN_KERAS = """
import sys
import keras
exec(sys.argv[1])
for path in sys.argv[2:]:
    print(keras.saving.load_model(path, compile=False).name)
print(kdae.model.load_model("photo")[1]["name"])
"""


@pytest.mark.parametrize("family", ["plain", "skip"])
def test_an_old_run_denoises_as_it_did(family: str) -> None:
    stored = np.load(OLD / "expected.npz")
    noisy = stored["noisy"].astype(np.float32) / 255
    for name in (OLD / family, OLD / family / "model.keras"):
        denoiser = kdae.load(name)
        assert denoiser.card["training"]["steps"] == 60
        denoised = denoiser.denoise_float(noisy)
        np.testing.assert_allclose(denoised, stored[family], atol=CLOSE, rtol=0)
    assert np.abs(stored[family] - noisy).mean() > 0.01  # the model does something
    assert load_config(OLD / family / "config.yaml").model.family == family


def test_plain_keras_loads_old_and_shipped_files_after_the_import_that_the_card_names() -> None:
    weights = Path(kdae.__file__).parent / "weights"
    cards = [load_card(weights / f"{name}.json") for name in shipped_models()]
    (statement,) = {card["before_keras_load"] for card in cards}
    assert statement == describe(tiny_model(), "tiny")["before_keras_load"]
    # In this process other tests have long registered our layers with Keras.
    files = [OLD / "plain" / "model.keras", OLD / "skip" / "model.keras"]
    files += [weights / f"{name}.keras" for name in shipped_models()]
    command = [sys.executable, "-c", PLAIN_KERAS, statement, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *names, name = done.stdout.split()
    assert names == ["kdae_plain", *["kdae_skip"] * (len(files) - 1)] and name == "photo"
